package provider

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

const prefixAddress = "etcd_key_prefix.test"

// hclKeys writes the attribute keys.
func hclKeys(keys map[string]string) string {
	var b strings.Builder
	b.WriteString("keys = {\n")
	for _, relative := range slices.Sorted(maps.Keys(keys)) {
		fmt.Fprintf(&b, "    %s = %s\n", quote(relative), quote(keys[relative]))
	}
	return b.String() + "  }"
}

// prefixConfig is a prefix with keys, and further attributes.
func prefixConfig(endpoint, prefix string, keys map[string]string, attributes ...string) string {
	return config(endpoint, "resource \"etcd_key_prefix\" \"test\" {\n  prefix = %q\n  %s\n  %s\n}\n",
		prefix, hclKeys(keys), strings.Join(attributes, "\n  "))
}

// serverHoldsKeys checks all keys below a prefix.
func serverHoldsKeys(t *testing.T, s *etcdtest.Server, prefix string, want map[string]string) resource.TestCheckFunc {
	t.Helper()
	f := &prefixFixture{server: s, prefix: prefix}
	return onServer(func() error {
		if got := f.onServer(t); !maps.Equal(got, want) {
			return fmt.Errorf("the server holds %v, want %v", got, want)
		}
		return nil
	})
}

func TestAccKeyPrefixResource_createUpdateImport(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	first := map[string]string{"a": "1", "b/c": "${x} %{y}", "empty": ""}
	second := map[string]string{"a": "one", "b/c": "${x} %{y}", "b/d": "new"}
	acceptance(t,
		resource.TestStep{
			Config: prefixConfig(s.URL(), prefix, first),
			ConfigStateChecks: []statecheck.StateCheck{
				known(prefixAddress, "keys", knownvalue.MapExact(map[string]knownvalue.Check{
					"a": knownvalue.StringExact("1"), "b/c": knownvalue.StringExact("${x} %{y}"), "empty": knownvalue.StringExact(""),
				})),
				known(prefixAddress, "ttl", knownvalue.Null()),
				statecheck.ExpectIdentityValueMatchesState(prefixAddress, tfjsonpath.New("prefix")),
			},
			Check: serverHoldsKeys(t, s, prefix, first),
		},
		resource.TestStep{
			Config:           prefixConfig(s.URL(), prefix, second),
			ConfigPlanChecks: planned(prefixAddress, plancheck.ResourceActionUpdate),
			Check:            serverHoldsKeys(t, s, prefix, second),
		},
		resource.TestStep{
			ResourceName: prefixAddress, ImportState: true, ImportStateId: prefix,
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "prefix",
		},
		resource.TestStep{
			ResourceName: prefixAddress, ImportState: true, ImportStateId: prefix, ImportStateKind: resource.ImportBlockWithID,
			ImportPlanChecks: resource.ImportPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(prefixAddress, plancheck.ResourceActionNoop),
			}},
		},
		resource.TestStep{
			ResourceName: prefixAddress, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity,
			ImportPlanChecks: resource.ImportPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(prefixAddress, plancheck.ResourceActionNoop),
			}},
		},
		resource.TestStep{
			Config:           prefixConfig(s.URL(), prefix+"-2", second),
			ConfigPlanChecks: planned(prefixAddress, plancheck.ResourceActionDestroyBeforeCreate),
			Check:            serverHoldsKeys(t, s, prefix+"-2", second),
		},
	)
	if left := (&prefixFixture{server: s, prefix: prefix + "-2"}).onServer(t); len(left) != 0 {
		t.Errorf("after the destroy the server holds %v, want nothing", left)
	}
}

func TestAccKeyPrefixResource_importIsChecked(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	s.Put(t, prefix+"/file", "f")
	step := func(id string, texts ...string) resource.TestStep {
		return resource.TestStep{
			Config: prefixConfig(s.URL(), prefix, map[string]string{"a": "1"}), ResourceName: prefixAddress, ImportState: true, ImportStateId: id,
			ExpectError: errorWith(texts...),
		}
	}
	acceptance(t,
		step("no/slash", "Invalid path"),
		step(prefix+"/none", "annot import non-existent"),
		step(prefix+"/file", "Directory is a key now"),
	)
}

// An import takes up every key, and a TTL that is under way is no difference.
// Keys that the configuration does not list are left alone.
func TestAccKeyPrefixResource_importOfTree(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	all := map[string]string{"a": "1", "b/c": "2", "others/d": "3"}
	for relative, value := range all {
		s.Put(t, prefix+"/"+relative, value, "ttl=900")
	}
	withImport := func(keys map[string]string) string {
		return prefixConfig(s.URL(), prefix, keys, "ttl = 1000") +
			fmt.Sprintf("import {\n  to = %s\n  id = %q\n}\n", prefixAddress, prefix)
	}
	acceptance(t,
		resource.TestStep{Config: withImport(all), ConfigPlanChecks: planned(prefixAddress, plancheck.ResourceActionNoop)},
		resource.TestStep{
			Config:           withImport(map[string]string{"a": "one", "b/c": "2"}),
			ConfigPlanChecks: planned(prefixAddress, plancheck.ResourceActionUpdate),
			Check:            serverHoldsKeys(t, s, prefix, map[string]string{"a": "one", "b/c": "2", "others/d": "3"}),
		},
		resource.TestStep{
			Config: withImport(map[string]string{"a": "one"}),
			Check:  serverHoldsKeys(t, s, prefix, map[string]string{"a": "one", "others/d": "3"}),
		},
	)
}

func TestAccKeyPrefixResource_driftAndRemoval(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	keys := map[string]string{"a": "1", "b/c": "2"}
	cfg := prefixConfig(s.URL(), prefix, keys)
	acceptance(t,
		resource.TestStep{Config: cfg},
		resource.TestStep{
			PreConfig: func() { s.Put(t, prefix+"/a", "theirs"); s.Delete(t, prefix+"/b/c") },
			Config:    cfg, ConfigPlanChecks: planned(prefixAddress, plancheck.ResourceActionUpdate),
			Check: serverHoldsKeys(t, s, prefix, keys),
		},
		resource.TestStep{
			PreConfig: func() { s.Delete(t, prefix, "recursive=true") },
			Config:    cfg, ConfigPlanChecks: planned(prefixAddress, plancheck.ResourceActionCreate),
			Check: serverHoldsKeys(t, s, prefix, keys),
		},
	)
}

func TestAccKeyPrefixResource_createOverExisting(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	keys := map[string]string{"a": "1", "b": "2"}
	s.Put(t, prefix+"/a", "theirs")
	acceptance(t,
		resource.TestStep{
			Config:      prefixConfig(s.URL(), prefix, keys),
			ExpectError: errorWith("Key already exists", prefix+"/a", "import {", "adopt_existing = true", "No key was written."),
		},
		resource.TestStep{
			Config: prefixConfig(s.URL(), prefix, keys, "adopt_existing = true"), Check: serverHoldsKeys(t, s, prefix, keys),
		},
	)
}

// A rival writes between the plan and the writes of the apply, and one answer
// is lost at that.
func TestAccKeyPrefixResource_rivalAndLostAnswer(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	prefix := etcdtest.Prefix(t)
	keys := map[string]string{"a": "2", "b": "2", "c": "2"}
	acceptance(t,
		resource.TestStep{Config: prefixConfig(proxy.URL(), prefix, map[string]string{"a": "1", "b": "1", "c": "1"})},
		resource.TestStep{
			PreConfig: func() {
				proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Path: "/v2/keys" + prefix + "/a", Times: 1, Action: etcdtest.Intercept(
					func(etcdtest.Request) { s.Put(t, prefix+"/a", "rival") })})
				proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Path: "/v2/keys" + prefix + "/b", Times: 1, Action: etcdtest.DropAnswer()})
			},
			Config:      prefixConfig(proxy.URL(), prefix, keys),
			ExpectError: errorWith("Key changed since it was planned", prefix+"/a was written by somebody else", "2 of 3 writes were made; state says which."),
		},
		resource.TestStep{
			Config:           prefixConfig(proxy.URL(), prefix, keys),
			ConfigPlanChecks: planned(prefixAddress, plancheck.ResourceActionUpdate),
			Check:            serverHoldsKeys(t, s, prefix, keys),
		},
	)
}

func TestAccKeyPrefixResource_exclusive(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	keys := map[string]string{"a": "1"}
	cfg := prefixConfig(s.URL(), prefix, keys, "exclusive = true")
	acceptance(t,
		resource.TestStep{
			PreConfig: func() { s.Put(t, prefix+"/unlisted", "u") },
			Config:    cfg, ExpectNonEmptyPlan: true,
			Check: serverHoldsKeys(t, s, prefix, map[string]string{"a": "1", "unlisted": "u"}),
		},
		resource.TestStep{
			Config: cfg, ConfigPlanChecks: planned(prefixAddress, plancheck.ResourceActionUpdate), Check: serverHoldsKeys(t, s, prefix, keys),
		},
	)
}

func TestAccKeyPrefixResource_unknownValues(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	cfg := func(value string) string {
		return config(s.URL(), `
resource "etcd_key" "source" {
  key   = "%[1]s-source"
  value = %[2]q
}
resource "etcd_key_prefix" "test" {
  prefix = %[1]q
  keys   = { index = etcd_key.source.modified_index, same = "1" }
}
`, prefix, value)
	}
	acceptance(t,
		resource.TestStep{Config: cfg("1")},
		resource.TestStep{Config: cfg("2"), ConfigPlanChecks: planned(prefixAddress, plancheck.ResourceActionUpdate)},
	)
}

// manyKeysWorkspace is a workspace of the CLI with a prefix of 5,000 keys, and a
// proxy that counts.
func manyKeysWorkspace(t *testing.T, s *etcdtest.Server, prefix string) (w *cli.Workspace, proxy *etcdtest.Proxy, write func(map[string]string)) {
	t.Helper()
	dir := t.TempDir()
	program, mirror := filepath.Join(dir, "provider"), filepath.Join(dir, "mirror")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../..")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if err := cli.Install(mirror, program); err != nil {
		t.Fatal(err)
	}
	name := os.Getenv("TF_ACC_TERRAFORM_PATH")
	if name == "" {
		name = "terraform"
	}
	w, err := cli.New(name, filepath.Join(dir, "work"), mirror)
	if err != nil {
		t.Fatal(err)
	}
	proxy = etcdtest.NewProxy(t, s.URL())
	return w, proxy, func(keys map[string]string) {
		t.Helper()
		text := "terraform {\n  required_providers {\n    etcd = { source = \"etcdv2/etcd\" }\n  }\n}\n" + prefixConfig(proxy.URL(), prefix, keys)
		if err := os.WriteFile(filepath.Join(w.Dir, "main.tf"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// changedLines returns the lines of a plan that show a change inside an object.
func changedLines(plan string) []string {
	var lines []string
	for line := range strings.Lines(plan) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "~ \"") || strings.HasPrefix(line, "+ \"") || strings.HasPrefix(line, "- \"") {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
	}
	return lines
}

func TestAccKeyPrefixResource_manyKeys(t *testing.T) {
	t.Parallel()
	if os.Getenv(resource.EnvTfAcc) == "" {
		t.Skipf("set %s to run this test with the CLI", resource.EnvTfAcc)
	}

	const n = 5000
	s := etcdtest.Start(t)
	w, proxy, write := manyKeysWorkspace(t, s, "/many")
	keys := manyKeys(n)
	write(keys)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	run := func(args ...string) string {
		t.Helper()
		proxy.Reset()
		start := time.Now()
		output, err := w.Expect(ctx, 0, args...)
		if err != nil {
			t.Fatalf("%v: %s", err, output)
		}
		t.Logf("%s: %.1f s, %d reads, %d writes", args[0], time.Since(start).Seconds(),
			proxy.Count(http.MethodGet, ""), proxy.Count(http.MethodPut, "")+proxy.Count(http.MethodDelete, ""))
		return output
	}
	run("init")
	run("apply", "-auto-approve")
	f := &prefixFixture{server: s, prefix: "/many"}
	if got := f.onServer(t); !maps.Equal(got, keys) {
		t.Errorf("the server holds %d keys, want %d", len(got), n)
	}
	keys["d00/k0007"], keys["d25/k2500"] = "changed", "changed too"
	delete(keys, "d49/k4999")
	write(keys)
	plan := run("plan", "-out", "plan")
	want := []string{`~ "d00/k0007" = "value 7" -> "changed"`, `~ "d25/k2500" = "value 2500" -> "changed too"`, `- "d49/k4999" = "value 4999" -> null`}
	if got := changedLines(plan); !slices.Equal(got, want) {
		t.Errorf("the plan shows %q, want %q", got, want)
	}
	if reads, all := proxy.Count(http.MethodGet, ""), len(proxy.Requests()); reads != 1 || all != 1 {
		t.Errorf("the plan sent %d requests, %d of them reads, want 1 read", all, reads)
	}
	run("apply", "plan")
	if all := len(proxy.Requests()); proxy.Count(http.MethodPut, "") != 2 || proxy.Count(http.MethodDelete, "") != 1 || all != 3 {
		t.Errorf("the apply sent %d requests, want 2 updates and 1 deletion", all)
	}
	run("plan", "-detailed-exitcode")
	if got := f.onServer(t); !maps.Equal(got, keys) {
		t.Errorf("the server holds %d keys, want %d", len(got), n-1)
	}
}

// A tree of 5,000 keys that others have written is imported, and the plan after
// it is empty.
func TestKeyPrefixResource_manyKeysFound(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t)
	keys := manyKeys(5000)
	load(t, s, "/many", keys)
	proxy := etcdtest.NewProxy(t, s.URL())
	f := &prefixFixture{server: s, proxy: proxy, d: newDirect(t, quickRetry(proxy.URL())), prefix: "/many"}
	o := f.d.imported(t, "etcd_key_prefix", "/many")
	f.wantNoChange(t, o, f.attributes(keys))
	if got := len(keysOf(t, o)); got != len(keys) {
		t.Errorf("%d keys were imported, want %d", got, len(keys))
	}
	proxy.Reset()
	if o = mustApply(t, f.d, f.refresh(t, o), nil); o.exists() {
		t.Error("the prefix is in state after the destroy")
	}
	f.wantHeld(t, o, nil, map[string]string{})
	if got := proxy.Count(http.MethodDelete, ""); got != len(keys) {
		t.Errorf("%d deletions, want %d", got, len(keys))
	}
}

// manyKeys returns n keys of a prefix, a hundred in a directory.
func manyKeys(n int) map[string]string {
	keys := make(map[string]string, n)
	for i := range n {
		keys[fmt.Sprintf("d%02d/k%04d", i/100, i)] = fmt.Sprintf("value %d", i)
	}
	return keys
}

// load writes keys over HTTP, several at a time.
func load(t *testing.T, s *etcdtest.Server, prefix string, keys map[string]string) {
	t.Helper()
	jobs := make(chan string)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for relative := range jobs {
				body := strings.NewReader(url.Values{"value": {keys[relative]}}.Encode())
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL()+"/v2/keys"+prefix+"/"+relative, body)
				if err != nil {
					t.Error(err)
					continue
				}
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				resp, err := client.Do(req)
				if err != nil {
					t.Error(err)
					continue
				}
				if resp.Body.Close(); resp.StatusCode != http.StatusCreated {
					t.Errorf("PUT %s: status %d", relative, resp.StatusCode)
				}
			}
		})
	}
	for relative := range keys {
		jobs <- relative
	}
	close(jobs)
	wg.Wait()
	client.CloseIdleConnections()
}

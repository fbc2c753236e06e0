package provider

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli/clitest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

const prefixAddress = "etcd_key_prefix.test"

// hclKeys returns the attribute keys.
func hclKeys(keys map[string]string) string {
	var b strings.Builder
	b.WriteString("keys = {\n")
	for _, relative := range slices.Sorted(maps.Keys(keys)) {
		fmt.Fprintf(&b, "    %s = %s\n", quote(relative), quote(keys[relative]))
	}
	return b.String() + "  }"
}

// prefixConfig returns a prefix with keys and further attributes.
func prefixConfig(endpoint, prefix string, keys map[string]string, attributes ...string) string {
	return config(endpoint, "resource \"etcd_key_prefix\" \"test\" {\n  prefix = %q\n  %s\n  %s\n}\n",
		prefix, hclKeys(keys), strings.Join(attributes, "\n  "))
}

// serverHasKeys checks all keys below a prefix.
func serverHasKeys(t *testing.T, s *etcdtest.Server, prefix string, want map[string]string) resource.TestCheckFunc {
	t.Helper()
	f := &prefixFixture{server: s, prefix: prefix}
	return onServer(func() error {
		if got := f.onServer(t); !maps.Equal(got, want) {
			return fmt.Errorf("keys on the server = %v, want %v", got, want)
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
			Check: serverHasKeys(t, s, prefix, first),
		},
		resource.TestStep{
			Config:           prefixConfig(s.URL(), prefix, second),
			ConfigPlanChecks: planned(prefixAddress, plancheck.ResourceActionUpdate),
			Check:            serverHasKeys(t, s, prefix, second),
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
			Check:            serverHasKeys(t, s, prefix+"-2", second),
		},
	)
	if left := (&prefixFixture{server: s, prefix: prefix + "-2"}).onServer(t); len(left) != 0 {
		t.Errorf("keys after the destroy = %v, want none", left)
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

// An import includes every key, and a TTL that counts down is not a difference. Keys that the
// configuration does not list are left alone.
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
			Check:            serverHasKeys(t, s, prefix, map[string]string{"a": "one", "b/c": "2", "others/d": "3"}),
		},
		resource.TestStep{
			Config: withImport(map[string]string{"a": "one"}),
			Check:  serverHasKeys(t, s, prefix, map[string]string{"a": "one", "others/d": "3"}),
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
			Check: serverHasKeys(t, s, prefix, keys),
		},
		resource.TestStep{
			PreConfig: func() { s.Delete(t, prefix, "recursive=true") },
			Config:    cfg, ConfigPlanChecks: planned(prefixAddress, plancheck.ResourceActionCreate),
			Check: serverHasKeys(t, s, prefix, keys),
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
			Config: prefixConfig(s.URL(), prefix, keys, "adopt_existing = true"), Check: serverHasKeys(t, s, prefix, keys),
		},
	)
}

// A rival writes between the plan and the writes of the apply, and one answer is lost as well.
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
			Config: prefixConfig(proxy.URL(), prefix, keys),
			ExpectError: errorWith(
				"Key changed since it was planned", prefix+"/a was written by somebody else", "2 of 3 writes were made; the state shows which.",
			),
		},
		resource.TestStep{
			Config:           prefixConfig(proxy.URL(), prefix, keys),
			ConfigPlanChecks: planned(prefixAddress, plancheck.ResourceActionUpdate),
			Check:            serverHasKeys(t, s, prefix, keys),
		},
	)
}

// A create that fails half-way leaves in state exactly what was written.
func TestAccKeyPrefixResource_createHalfWay(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	prefix := etcdtest.Prefix(t)
	keys := map[string]string{"a": "1", "b": "1", "c": "1"}
	cfg := prefixConfig(proxy.URL(), prefix, keys)
	acceptance(t,
		resource.TestStep{
			PreConfig: func() {
				proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Path: "/v2/keys" + prefix + "/b", Times: 1, Action: etcdtest.Intercept(
					func(etcdtest.Request) { s.Put(t, prefix+"/b", "rival") })})
			},
			Config:      cfg,
			ExpectError: errorWith("Key already exists", prefix+"/b already exists", "2 of 3 writes were made; the state shows which."),
		},
		resource.TestStep{
			PreConfig: func() { s.Delete(t, prefix+"/b") },
			Config:    cfg, ConfigPlanChecks: planned(prefixAddress, plancheck.ResourceActionDestroyBeforeCreate),
			Check: serverHasKeys(t, s, prefix, keys),
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
			Check: serverHasKeys(t, s, prefix, map[string]string{"a": "1", "unlisted": "u"}),
		},
		resource.TestStep{
			Config: cfg, ConfigPlanChecks: planned(prefixAddress, plancheck.ResourceActionUpdate), Check: serverHasKeys(t, s, prefix, keys),
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

// prefixWorkspace is a configuration with one prefix, and the CLI.
type prefixWorkspace struct {
	*clitest.Workspace

	endpoint, prefix string
}

func newPrefixWorkspace(t *testing.T, l *clitest.Lab, endpoint, prefix string) *prefixWorkspace {
	t.Helper()
	return &prefixWorkspace{l.Open(t, t.TempDir()), endpoint, prefix}
}

func (w *prefixWorkspace) write(t *testing.T, keys map[string]string) {
	t.Helper()
	w.Write(
		t, "main.tf",
		"terraform {\n  required_providers {\n    etcd = { source = \"etcdv2/etcd\" }\n  }\n}\n"+prefixConfig(w.endpoint, w.prefix, keys),
	)
}

func (w *prefixWorkspace) run(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	output, err := w.Expect(ctx, 0, args...)
	if err != nil {
		t.Errorf("%v: %s", err, output)
	}
	return output
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

	const n = 5000
	l, s := clitest.New(t), etcdtest.Start(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	w := newPrefixWorkspace(t, l, proxy.URL(), "/many")
	keys := manyKeys(n)
	w.write(t, keys)
	run := func(args ...string) (output string, reads, writes int) {
		t.Helper()
		proxy.Reset()
		start := time.Now()
		output = w.run(t, args...)
		reads = proxy.Count(http.MethodGet, "")
		writes = len(proxy.Requests()) - reads
		t.Logf("%s: %.1f s, %d reads, %d writes", args[0], time.Since(start).Seconds(), reads, writes)
		return output, reads, writes
	}
	run("init")
	// The CLI plans, plans again, and applies; each of them reads once what exists.
	if _, reads, writes := run("apply", "-auto-approve"); reads != 3 || writes != n {
		t.Errorf("the first apply sent %d reads and %d writes, want 3 and %d", reads, writes, n)
	}
	f := &prefixFixture{server: s, prefix: "/many"}
	if got := f.onServer(t); !maps.Equal(got, keys) {
		t.Errorf("keys on the server = %d, want %d", len(got), n)
	}
	keys["d00/k0007"], keys["d25/k2500"] = "changed", "changed too"
	delete(keys, "d49/k4999")
	w.write(t, keys)
	plan, reads, writes := run("plan", "-out", "plan")
	if reads != 1 || writes != 0 {
		t.Errorf("the plan sent %d reads and %d writes, want 1 and 0", reads, writes)
	}
	want := []string{
		`~ "d00/k0007" = "value 7" -> "changed"`, `~ "d25/k2500" = "value 2500" -> "changed too"`, `- "d49/k4999" = "value 4999" -> null`,
	}
	if diff := cmp.Diff(want, changedLines(plan)); diff != "" {
		t.Errorf("keys in the plan (-want +got):\n%s", diff)
	}
	if _, reads, writes := run("apply", "plan"); reads != 0 || writes != 3 {
		t.Errorf("the apply sent %d reads and %d writes, want 0 and 3", reads, writes)
	}
	run("plan", "-detailed-exitcode")
	if got := f.onServer(t); !maps.Equal(got, keys) {
		t.Errorf("keys on the server = %d, want %d", len(got), n-1)
	}
}

func TestAccKeyPrefixResource_twoProcesses(t *testing.T) {
	t.Parallel()

	l, s := clitest.New(t), etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	teams := map[string]*prefixWorkspace{}
	for _, team := range []string{"a", "b"} {
		teams[team] = newPrefixWorkspace(t, l, s.URL(), prefix)
	}
	keysOfTeam := func(team string, first, last int) map[string]string {
		keys := map[string]string{"shared/" + team: "1"}
		for i := first; i <= last; i++ {
			keys[fmt.Sprintf("shared/%s%02d", team, i)] = fmt.Sprint(first)
		}
		return keys
	}
	for round := range 2 {
		all := map[string]string{}
		var wg sync.WaitGroup
		for team, w := range teams {
			keys := keysOfTeam(team, 10*round, 10*round+20)
			maps.Copy(all, keys)
			wg.Go(func() {
				etcdtest.Apart(t, func(t *testing.T) {
					w.write(t, keys)
					w.run(t, "init")
					w.run(t, "apply", "-auto-approve")
				})
			})
		}
		wg.Wait()
		if err := serverHasKeys(t, s, prefix, all)(nil); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
	}
	teams["a"].run(t, "destroy", "-auto-approve")
	if err := serverHasKeys(t, s, prefix, keysOfTeam("b", 10, 30))(nil); err != nil {
		t.Error(err)
	}
}

// A tree of 5,000 keys written by other programs is imported, and the next plan is empty.
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
	f.wantKeys(t, o, nil, map[string]string{})
	if got := proxy.Count(http.MethodDelete, ""); got != len(keys) {
		t.Errorf("%d deletions, want %d", got, len(keys))
	}
}

// manyKeys returns n relative keys, a hundred in each directory.
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

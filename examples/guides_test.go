package examples_test

import (
	"archive/zip"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/cli/clitest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// TestTemplates_haveNoConfiguration checks that templates contain no configuration of their
// own: it has to be in a file that is run. The guide on members is an exception: the tests of
// the provider read it and perform its steps, with a process for each member.
func TestTemplates_haveNoConfiguration(t *testing.T) {
	t.Parallel()

	names := slices.Concat(glob(t, "../templates/*.tmpl"), glob(t, "../templates/*/*.tmpl"))
	if len(names) == 0 {
		t.Fatal("there is no template")
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(name) != "members.md.tmpl" && regexp.MustCompile("(?m)^ *```(terraform|hcl)").Match(content) {
			t.Errorf("%s has a configuration that no test runs: put it in a file and include it with tffile", name)
		}
	}
}

// TestAccReadme runs the configuration in the README.
func TestAccReadme(t *testing.T) {
	t.Parallel()

	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```terraform\n(.*?)^```").FindAllSubmatch(readme, -1)
	if len(blocks) == 0 {
		t.Fatal("the README has no configuration")
	}
	dir := t.TempDir()
	for i, block := range blocks {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.tf", i)), block[1], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := start(t, clitest.New(t), dir, scene{})
	before := r.keys(t)
	r.apply(t)
	if diff := cmp.Diff(map[string]string{"/app/greeting": "hello"}, r.keys(t)); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	r.destroy(t, before)
}

// release generates the configuration of the store with a query, and then releases an
// adopted key: the key is removed from state and stays on the server.
func release(t *testing.T, r *run) {
	t.Helper()

	if got := r.keys(t)["/app/limit"]; got != "20" {
		t.Errorf("/app/limit = %q, want the configured value", got)
	}
	if r.lab.Release.Knows(cli.Lists) {
		r.Must(t, 0, "query", "-generate-config-out=generated.tf")
		generated, err := os.ReadFile(filepath.Join(r.Dir, "generated.tf"))
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"/app/color", "/app/limits", "/app/limit"} {
			if !strings.Contains(string(generated), strconv.Quote(key)) {
				t.Errorf("the query wrote nothing for %s:\n%s", key, generated)
			}
		}
		if err := os.Remove(filepath.Join(r.Dir, "generated.tf")); err != nil {
			t.Fatal(err)
		}
	}
	removed, err := os.ReadFile(filepath.Join(r.source, "release", "removed.tf"))
	if err != nil {
		t.Fatal(err)
	}
	r.Write(t, "adopt.tf", string(removed))
	r.apply(t)
	r.server.Put(t, "/app/limit", "10")
}

// generatePrefix generates the configuration for the import of a directory.
func generatePrefix(t *testing.T, r *run) {
	t.Helper()

	r.Must(t, 0, "init")
	output := r.Must(t, 0, "plan", "-generate-config-out=app.tf")
	if !strings.Contains(output, "Plan: 1 to import, 0 to add, 0 to change, 0 to destroy.") {
		t.Errorf("the plan does something other than import one object:\n%s", output)
	}
	generated, err := os.ReadFile(filepath.Join(r.Dir, "app.tf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`resource "etcd_key_prefix" "app"`, `"db/host" = "db.example.com"`, `debug     = ""`} {
		if !strings.Contains(string(generated), want) {
			t.Errorf("the generated configuration has no %s:\n%s", want, generated)
		}
	}
}

// conflict makes a rival write between a plan and its apply. The apply is refused with the
// message that the guide shows.
func conflict(t *testing.T, r *run) {
	t.Helper()

	r.Must(t, 0, "plan", "-var=workers=8", "-out=saved")
	r.server.Put(t, "/app/workers", "2")
	output := r.Must(t, 1, "apply", "saved")
	shown, err := os.ReadFile(filepath.Join(r.source, "refused.txt"))
	if err != nil {
		t.Fatal(err)
	}
	number := regexp.MustCompile(`\d+`)
	for line := range strings.Lines(string(shown)) {
		line = number.ReplaceAllString(strings.TrimSpace(line), "N")
		if !strings.Contains(number.ReplaceAllString(output, "N"), line) {
			t.Errorf("the message has no line %q:\n%s", line, output)
		}
	}
	if got := r.keys(t)["/app/workers"]; got != "2" {
		t.Errorf("after the refusal /app/workers = %q, want the rival's 2", got)
	}
	r.Must(t, 2, "plan", "-detailed-exitcode")
	r.apply(t)
}

// trees checks the keys that an object was flattened to, and the object read from keys.
func trees(t *testing.T, r *run) {
	t.Helper()

	want := map[string]string{
		"/app/db/host": "db.staging.example.com", "/app/db/port": "5432", "/app/features/dark_mode": "true", "/app/features/search": "false",
		"/app/regions": `["eu","us"]`, "/limits/cpu": "2", "/limits/memory/hard": "2G", "/limits/memory/soft": "1G",
		"/shared/mail/host": "mail.example.com", "/shared/mail/port": "25",
	}
	if diff := cmp.Diff(want, r.keys(t)); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	if got := strings.TrimSpace(r.Must(t, 0, "output", "-json", "mail_server")); got != `"mail.example.com:25"` {
		t.Errorf("mail_server = %s", got)
	}
}

// ttl checks the TTLs on the server, and shortens one so that the next plan renews it.
func ttl(t *testing.T, r *run) {
	t.Helper()

	for key, want := range map[string]int{"/app/token": 86400, "/scratch": 3600, "/leases/web-1": 600} {
		if got := r.ttl(t, key); got <= want-60 || got > want {
			t.Errorf("TTL of %s = %d, want about %d", key, got, want)
		}
	}
	r.server.Put(t, "/app/token", "7f3a", "ttl=21000")
	r.apply(t)
	if got := r.ttl(t, "/app/token"); got <= 86400-60 {
		t.Errorf("TTL of /app/token = %d, want it renewed", got)
	}
}

// ttl returns the remaining TTL of a key in seconds.
func (r *run) ttl(t *testing.T, key string) int {
	t.Helper()

	var answer struct{ Node struct{ TTL int } }
	r.server.Get(t, key).Decode(t, &answer)
	return answer.Node.TTL
}

// secrets checks that the secrets are in no file, and changes one.
func secrets(t *testing.T, r *run) {
	t.Helper()

	want := map[string]string{
		"/app/db/password": "passwordthatissecret", "/app/token": "tokenthatissecret", "/shared/token": "tokenthatissecret",
	}
	if diff := cmp.Diff(want, r.keys(t)); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	r.server.Put(t, "/app/token", "overwritten")
	output := r.Must(t, 2, "plan", "-detailed-exitcode", "-out=saved")
	if !strings.Contains(output, "etcd_key.token will be updated in-place") || strings.Contains(output, "etcd_key.db_password will") {
		t.Errorf("the plan does something other than write the token again:\n%s", output)
	}
	shown := unzip(t, filepath.Join(r.Dir, "saved"))
	r.Must(t, 0, "apply", "saved")
	if diff := cmp.Diff(want, r.keys(t)); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	r.PlanEmpty(t)
	for _, name := range []string{"terraform.tfstate", "terraform.tfstate.backup", "trace.log"} {
		content, err := os.ReadFile(filepath.Join(r.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if len(content) == 0 {
			t.Errorf("%s is empty", name)
		}
		shown += string(content)
	}
	if strings.Contains(shown, "thatissecret") {
		t.Error("a secret is in the plan, the state or the log")
	}
}

// unzip returns the text of all files in an archive, such as a saved plan.
func unzip(t *testing.T, name string) string {
	t.Helper()

	archive, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	var text strings.Builder
	for _, entry := range archive.File {
		file, err := entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(&text, file); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(text.String(), "etcd_key") {
		t.Errorf("%s contains nothing about the resources", name)
	}
	return text.String()
}

// lockDown checks the access of each user to a locked-down store.
func lockDown(t *testing.T, r *run) {
	t.Helper()

	for _, call := range []struct {
		user, method, key string
		want              int
	}{
		{"", http.MethodPut, "/public/banner", http.StatusUnauthorized},
		{"", http.MethodPut, "/anything", http.StatusUnauthorized},
		{"", http.MethodDelete, "/public/banner", http.StatusUnauthorized},
		{"", http.MethodGet, "/web/state", http.StatusUnauthorized},
		{"", http.MethodGet, "/public/banner", http.StatusOK},
		{"web", http.MethodGet, "/public/banner", http.StatusOK},
		{"web", http.MethodPut, "/web/state/ready", http.StatusCreated},
		{"web", http.MethodPut, "/web/config", http.StatusUnauthorized},
		{"alice", http.MethodPut, "/web/config", http.StatusCreated},
		{"alice", http.MethodPut, "/etc/config", http.StatusUnauthorized},
		{"alice", http.MethodDelete, "/web/config", http.StatusOK},
		{"alice", http.MethodDelete, "/web/state/ready", http.StatusOK},
	} {
		answer := r.server.Do(t, etcdtest.Call{
			Method: call.method, Path: "/v2/keys" + call.key, Form: url.Values{"value": {"new"}},
			User: call.user, Password: call.user + "thatissecret", Anonymous: call.user == "",
		})
		if answer.Status != call.want {
			t.Errorf("%s %s by %q: status %d, want %d", call.method, call.key, call.user, answer.Status, call.want)
		}
	}
	state, err := os.ReadFile(filepath.Join(r.Dir, "terraform.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(state), "etcd_auth") || strings.Contains(string(state), "thatissecret") {
		t.Error("the state lacks the auth switch, or contains a password")
	}
	t.Cleanup(func() { opened(t, r) })
}

// opened checks that a store is the same as before it was locked down.
func opened(t *testing.T, r *run) {
	t.Helper()

	if answer := r.server.Put(t, "/anything", "new"); !answer.OK() {
		t.Errorf("a write without credentials: status %d", answer.Status)
	}
	for path, want := range map[string]string{"/v2/auth/enable": `{"enabled":false}`, "/v2/auth/users": `{"users":null}`} {
		if got := strings.TrimSpace(string(r.server.Do(t, etcdtest.Call{Path: path}).Body)); got != want {
			t.Errorf("%s = %s, want %s", path, got, want)
		}
	}
}

// confd changes a service, and checks that only its own keys were written.
func confd(t *testing.T, r *run) {
	t.Helper()

	before := r.keys(t)
	r.Write(t, "terraform.tfvars", `services = {
  shop = {
    domain    = "shop.example.com"
    upstreams = { a = "10.0.1.11:8080", c = "10.0.1.13:8080" }
  }
}
`)
	r.apply(t)
	after := r.keys(t)
	if before["/confd/revision"] == after["/confd/revision"] {
		t.Error("the revision has not changed")
	}
	delete(before, "/services/blog/domain")
	delete(before, "/services/blog/upstreams/a")
	delete(before, "/services/shop/upstreams/b")
	before["/services/shop/upstreams/c"] = "10.0.1.13:8080"
	before["/confd/revision"] = after["/confd/revision"]
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
}

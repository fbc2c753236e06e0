package e2e_test

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/cli/clitest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// core is a configuration with every resource that needs neither a cluster nor
// authentication, in the syntax of the oldest CLI. value is in all the resources that can
// change in place.
func core(value string) string {
	return fmt.Sprintf(`
locals {
  value = %q
}

resource "etcd_dir" "spool" {
  path = "/spool"
}

resource "etcd_key" "text" {
  key   = "/app/text"
  value = local.value
}

resource "etcd_key" "json" {
  key        = "/app/json"
  value_json = jsonencode({ value = local.value })
}

resource "etcd_key" "leased" {
  key   = "/app/leased"
  value = local.value
  ttl   = 3600
}

resource "etcd_key_prefix" "tree" {
  prefix    = "/tree"
  exclusive = true

  keys = {
    "a"   = local.value
    "b/c" = "same"
  }
}

resource "etcd_in_order_key" "job" {
  dir   = "/queue"
  value = local.value
}

resource "etcd_role" "app" {
  name     = "app"
  kv_read  = ["/app/*", "/${local.value}"]
  kv_write = []
}

resource "etcd_user" "app" {
  name     = "app"
  password = "secret"
  roles    = [etcd_role.app.name]
}

resource "etcd_role" "shared" {
  name = "shared"
}

resource "etcd_role_permission" "shared" {
  role    = etcd_role.shared.name
  access  = "write"
  pattern = "/shared/${local.value}"
}

resource "etcd_user" "shared" {
  name     = "shared"
  password = "secret"
}

resource "etcd_user_role" "shared" {
  user = etcd_user.shared.name
  role = etcd_role.shared.name
}

data "etcd_key" "text" {
  key = etcd_key.text.key
}

output "text" {
  value = data.etcd_key.text.value
}
`, value)
}

// coreObjects is the number of managed resources in core.
var coreObjects = strings.Count(core(""), "\nresource ")

// coreStore is the content of a server after core was applied.
func coreStore(value string) map[string]string {
	return map[string]string{
		"/app/text":             value,
		"/app/json":             `{"value":"` + value + `"}`,
		"/app/leased":           value,
		"/tree/a":               value,
		"/tree/b/c":             "same",
		"/queue/#":              value,
		"/v2/auth/roles/app":    "read [/app/* /" + value + "], write []",
		"/v2/auth/roles/shared": "read [], write [/shared/" + value + "]",
		"/v2/auth/users/app":    "[app]",
		"/v2/auth/users/shared": "[shared]",
	}
}

// applied checks that the server contains what core writes.
func (w *workspace) applied(t *testing.T, value string) {
	t.Helper()

	if diff := cmp.Diff(coreStore(value), w.store(t)); diff != "" {
		t.Errorf("store (-want +got):\n%s", diff)
	}
}

// cases must pass on every CLI.
var cases = map[string]func(t *testing.T, l *clitest.Lab){
	"schema":          schemaLoads,
	"lifecycle":       lifecycle,
	"deleted outside": deletedOutside,
	"import by id":    importByID,
	"import blocks":   importBlocks,
	"saved plan":      savedPlan,
	"lock-down":       lockDown,
	"features":        features,
}

// TestAccCLI runs each case on each CLI under test.
func TestAccCLI(t *testing.T) {
	t.Parallel()

	for _, l := range clitest.NewEach(t) {
		t.Run(l.Release.String(), func(t *testing.T) {
			t.Parallel()
			for _, name := range slices.Sorted(maps.Keys(cases)) {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					cases[name](t, l)
				})
			}
		})
	}
}

// The CLI reads the whole schemas, including the parts that it does not know.
func schemaLoads(t *testing.T, l *clitest.Lab) {
	t.Helper()

	w := open(t, l, etcdtest.Shared(t), "")
	wants(t, w.must(t, 0, "providers", "schema", "-json"), `"etcd_key"`, `"etcd_member"`, `"etcd_health"`, `"value_wo"`)
}

// The objects are created, planned empty, changed in place, corrected after drift, and
// destroyed.
func lifecycle(t *testing.T, l *clitest.Lab) {
	t.Helper()

	w := open(t, l, etcdtest.Start(t), core("one"))
	w.apply(t, core("one"))
	w.applied(t, "one")
	wants(t, w.must(t, 0, "output", "text"), `"one"`)
	w.apply(t, core("two"))
	w.applied(t, "two")

	w.server.Put(t, "/app/text", "theirs")
	w.server.Put(t, "/app/json", "[]")
	w.server.Put(t, "/app/leased", "two")
	w.server.Put(t, "/tree/a", "theirs")
	w.server.Put(t, "/tree/rogue", "theirs")
	w.auth(t, http.MethodPut, "/users/app", map[string]any{"user": "app", "revoke": []string{"app"}})
	w.auth(t, http.MethodPut, "/roles/app", map[string]any{
		"role": "app", "revoke": map[string]any{"kv": map[string]any{"read": []string{"/two"}}},
	})
	wants(t, w.must(t, 2, "plan", "-detailed-exitcode"), "0 to add, 6 to change, 0 to destroy", `"theirs" -> "two"`)
	w.apply(t, core("two"))
	w.applied(t, "two")
	w.destroy(t)
}

// Objects that were deleted outside Terraform are planned to be created, and are created.
func deletedOutside(t *testing.T, l *clitest.Lab) {
	t.Helper()

	w := open(t, l, etcdtest.Start(t), core("one"))
	w.apply(t, core("one"))
	for _, dir := range []string{"/spool", "/app", "/tree", "/queue"} {
		w.server.Delete(t, dir, "recursive=true")
	}
	for path := range w.store(t) {
		w.auth(t, http.MethodDelete, strings.TrimPrefix(path, "/v2/auth"), nil)
	}
	wants(t, w.must(t, 2, "plan", "-detailed-exitcode"), fmt.Sprintf("%d to add, 0 to change, 0 to destroy", coreObjects))
	w.apply(t, core("one"))
	w.applied(t, "one")

	w.server.Delete(t, "/app", "recursive=true")
	w.must(t, 0, "destroy", "-auto-approve")
}

// importable are the ids of the objects in core by address, without the key in order,
// whose name the server chooses.
var importable = map[string]string{
	"etcd_dir.spool":              "/spool",
	"etcd_key.text":               "/app/text",
	"etcd_key.json":               "value_json:/app/json",
	"etcd_key.leased":             "/app/leased",
	"etcd_key_prefix.tree":        "/tree",
	"etcd_role.app":               "app",
	"etcd_user.app":               "app",
	"etcd_role.shared":            "shared",
	"etcd_role_permission.shared": "shared/write:/shared/one",
	"etcd_user.shared":            "shared",
	"etcd_user_role.shared":       "shared/shared",
}

// imported is core as an import finds it: without passwords, which cannot be read, without
// an output, and with a prefix that is not exclusive, because no server records that.
func imported() string {
	resources, _, _ := strings.Cut(core("one"), "\ndata ")
	return strings.NewReplacer(`= "secret"`, "= null", "exclusive = true", "exclusive = false").Replace(resources)
}

// stranger returns a workspace with no state of the objects that core created on its server,
// and their ids.
func stranger(t *testing.T, l *clitest.Lab) (w *workspace, ids map[string]string) {
	t.Helper()

	maker := open(t, l, etcdtest.Start(t), core("one"))
	maker.apply(t, core("one"))
	ids = maps.Clone(importable)
	job := regexp.MustCompile(`/queue/\d{20}`).FindString(maker.must(t, 0, "state", "show", "etcd_in_order_key.job"))
	ids["etcd_in_order_key.job"] = job
	return open(t, l, maker.server, imported()), ids
}

// Existing objects are imported one by one with the command, and then planned empty.
func importByID(t *testing.T, l *clitest.Lab) {
	t.Helper()

	w, ids := stranger(t, l)
	for _, address := range slices.Sorted(maps.Keys(ids)) {
		w.must(t, 0, "import", address, ids[address])
	}
	w.must(t, 1, "import", "etcd_key.text", "/app/text")
	w.must(t, 0, "state", "rm", "etcd_key.text")
	w.must(t, 1, "import", "etcd_key.text", "/app/missing")
	w.must(t, 0, "import", "etcd_key.text", "/app/text")
	w.PlanEmpty(t)
	w.destroy(t)
}

// The same with import blocks, on the CLIs that have them.
func importBlocks(t *testing.T, l *clitest.Lab) {
	t.Helper()

	l.Requires(t, cli.ImportBlocks)
	w, ids := stranger(t, l)
	var blocks strings.Builder
	for _, address := range slices.Sorted(maps.Keys(ids)) {
		fmt.Fprintf(&blocks, "import {\n  to = %s\n  id = %q\n}\n", address, ids[address])
	}
	w.Write(t, "import.tf", blocks.String())
	wants(t, w.must(t, 0, "plan"), fmt.Sprintf("%d to import, 0 to add, 0 to change, 0 to destroy", coreObjects))
	w.must(t, 0, "apply", "-auto-approve")
	w.PlanEmpty(t)
	w.applied(t, "one")
}

// A rival's write after the plan was saved is reported and left unchanged.
func savedPlan(t *testing.T, l *clitest.Lab) {
	t.Helper()

	w := open(t, l, etcdtest.Start(t), core("one"))
	w.apply(t, core("one"))
	w.configure(t, core("two")+`
resource "etcd_key" "new" {
  key   = "/app/new"
  value = "ours"
}
`)
	w.must(t, 0, "plan", "-out=saved")
	w.server.Put(t, "/app/text", "theirs")
	w.server.Put(t, "/tree/a", "theirs")
	w.server.Put(t, "/app/new", "theirs")
	wants(t, w.must(t, 1, "apply", "saved"), "Key changed since it was planned", "Key already exists", "/tree/a")
	want := coreStore("two")
	want["/app/text"], want["/tree/a"], want["/app/new"] = "theirs", "theirs", "theirs"
	if diff := cmp.Diff(want, w.store(t)); diff != "" {
		t.Errorf("store (-want +got):\n%s", diff)
	}
	wants(t, w.must(t, 2, "plan", "-detailed-exitcode"), "1 to add, 2 to change, 0 to destroy")

	w.apply(t, core("two"))
	w.must(t, 0, "plan", "-destroy", "-out=saved")
	w.server.Put(t, "/app/text", "theirs")
	wants(t, w.must(t, 1, "apply", "saved"), "Key changed since it was planned")
	if got := w.store(t)["/app/text"]; got != "theirs" {
		t.Errorf("/app/text = %q after the plan to destroy it, want %q", got, "theirs")
	}
}

// lockedDown is a store with authentication.
func lockedDown(pattern string) string {
	return fmt.Sprintf(`
provider "etcd" {
  username = "root"
  password = "secret"
}

resource "etcd_user" "root" {
  name     = "root"
  password = "secret"
}

resource "etcd_role" "guest" {
  name     = "guest"
  kv_read  = ["/public/*"]
  kv_write = []
}

resource "etcd_role" "app" {
  name     = "app"
  kv_read  = ["/app/*"]
  kv_write = [%q]
}

resource "etcd_user" "app" {
  name     = "app"
  password = "hers"
  roles    = [etcd_role.app.name]
}

resource "etcd_auth" "store" {
  depends_on = [etcd_user.root, etcd_role.guest, etcd_user.app]
}

resource "etcd_key" "text" {
  key   = "/app/text"
  value = "ours"
}
`, pattern)
}

// Authentication is enabled with users and roles, its objects are changed, deleted outside
// and created again, and it is disabled.
func lockDown(t *testing.T, l *clitest.Lab) {
	t.Helper()

	w := open(t, l, etcdtest.Start(t), lockedDown("/app/a"))
	w.apply(t, lockedDown("/app/a"))
	w.may(t, "", "", "/app/a", false)
	w.may(t, "app", "hers", "/app/a", true)
	w.may(t, "app", "hers", "/app/b", false)
	w.apply(t, lockedDown("/app/b"))
	w.may(t, "app", "hers", "/app/b", true)
	w.may(t, "app", "hers", "/app/a", false)

	w.server.SetCredentials("root", "secret")
	w.auth(t, http.MethodDelete, "/enable", nil)
	wants(t, w.must(t, 2, "plan", "-detailed-exitcode"), "1 to add, 0 to change, 0 to destroy")
	w.apply(t, lockedDown("/app/b"))
	w.may(t, "", "", "/app/b", false)

	w.must(t, 0, "destroy", "-auto-approve")
	w.may(t, "", "", "/app/b", true)
}

// may checks whether a user, "" for none, may write a key.
func (w *workspace) may(t *testing.T, user, password, key string, want bool) {
	t.Helper()

	answer := w.server.Do(t, etcdtest.Call{
		Method: http.MethodPut, Path: "/v2/keys" + key, Form: map[string][]string{"value": {"v"}},
		User: user, Password: password, Anonymous: user == "",
	})
	if answer.OK() != want {
		t.Errorf("user %q writes %s: status %d, want permission: %t", user, key, answer.Status, want)
	}
}

// TestAccCLI_state creates a state with each CLI, continues it with the newest CLI of the
// same kind, and goes back.
func TestAccCLI_state(t *testing.T) {
	t.Parallel()

	labs := clitest.NewEach(t)
	for _, l := range labs {
		t.Run(l.Release.String(), func(t *testing.T) {
			t.Parallel()
			newest := newestLike(labs, l)
			w := open(t, l, etcdtest.Start(t), core("one"))
			w.apply(t, core("one"))
			for i, next := range []*clitest.Lab{newest, l, newest} {
				w = openIn(t, next, w.Dir, w.server, core("one"))
				if i == 0 {
					w.PlanEmpty(t)
				}
				w.apply(t, core(fmt.Sprintf("v%d", i)))
				w.applied(t, fmt.Sprintf("v%d", i))
			}
			w.destroy(t)
		})
	}
}

// newestLike returns the newest CLI of the same kind as l.
func newestLike(labs []*clitest.Lab, l *clitest.Lab) *clitest.Lab {
	for _, other := range labs {
		if other.Release.OpenTofu == l.Release.OpenTofu && other.Release.AtLeast(l.Release.Major, l.Release.Minor) {
			l = other
		}
	}
	return l
}

package provider

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// as returns a provider block with the credentials of a user.
func as(s *etcdtest.Server, user, password string) map[string]any {
	attributes := quickRetry(s.URL())
	attributes["username"], attributes["password"] = user, password
	return attributes
}

// checkInventory compares attributes of an inventory, given by their steps.
func checkInventory(t *testing.T, found managed, want map[string]string) {
	t.Helper()
	for steps, text := range want {
		if got := found.at(t, steps); got != text {
			t.Errorf("%s = %q, want %q", steps, got, text)
		}
	}
}

// inventory reads the data source.
func (d *direct) inventory(t *testing.T, attributes map[string]any) managed {
	t.Helper()
	found, errs := d.read(t, "etcd_inventory", attributes)
	if errs != "" {
		t.Fatal(errs)
	}
	return found
}

// reasons returns the reasons why a store is not ready.
func (o managed) reasons(t *testing.T) string {
	t.Helper()
	count, err := strconv.Atoi(o.at(t, "reasons.#"))
	if err != nil {
		t.Fatal(err)
	}
	texts := make([]string, count)
	for i := range texts {
		texts[i] = o.at(t, "reasons."+strconv.Itoa(i))
	}
	return strings.Join(texts, "\n")
}

func TestInventoryDataSource_counts(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	for key, value := range map[string]string{
		"/top": "1", "/app/json": `{"a":1}`, "/app/list": " [1]", "/app/number": "1", "/app/empty": "", "/app/deep/x/y": "12345",
		"/app/latin1": latin1, "/app/_hidden": "x", "/_dir/a": "x", "/_dir/sub/b": "x", "/_key": "x", "/e\u0301/k": "abc",
	} {
		s.Put(t, key, value)
	}
	s.Put(t, "/app/leased", "x", "ttl=5000")
	s.Mkdir(t, "/app/none")
	s.Mkdir(t, "/leased", "ttl=5000")
	d := newDirect(t, quickRetry(s.URL()))
	found := d.inventory(t, map[string]any{"large_bytes": 4, "hidden_paths": []string{"/_dir", "/_key", "/app/_hidden", "/_no/x"}})
	checkInventory(t, found, map[string]string{
		"keys": "9", "directories": "6", "empty_directories": "2", "expiring_keys": "1", "expiring_directories": "1", "json_values": "2",
		"empty_values": "1", "large_values": "3", "not_text_values": "1", "unnameable": "2", "largest_value_bytes": "7",
		"by_directory./.keys": "1", "by_directory./.directories": "0",
		"by_directory./app.keys": "7", "by_directory./app.directories": "4", "by_directory./app.empty_directories": "1",
		"by_directory./app.value_bytes": "24", "by_directory./leased.empty_directories": "1", "by_directory./leased.keys": "0",
		"by_directory./\u00e9.unnameable": "2",
		"hidden.#":                        "4",
		"hidden.0.path":                   "/_dir", "hidden.0.kind": "dir", "hidden.0.keys": "2", "hidden.0.directories": "2",
		"hidden.1.path": "/_key", "hidden.1.kind": "key", "hidden.1.keys": "1", "hidden.1.directories": "0",
		"hidden.2.path": "/_no/x", "hidden.2.kind": "", "hidden.2.keys": "0", "hidden.3.path": "/app/_hidden",
		"auth_enabled": "false", "users": "0", "roles": "0", "permissions": "0", "ready_for_v3_6": "false",
		"members.#": "1", "members.0.version": s.Version().String(), "members.0.v2": "true", "members.0.error": "",
		"cluster_id": s.Get(t, "/").Header.Get("X-Etcd-Cluster-Id"),
	})
	for _, want := range []string{"keys (9) and directories (6, 2 of them empty)", "hidden path /_dir:", "hidden path /app/_hidden:"} {
		if got := found.reasons(t); !strings.Contains(got, want) || strings.Contains(got, "/_no/x") {
			t.Errorf("reasons = %s, want one with %q and none of /_no/x", got, want)
		}
	}
	prefixed := quickRetry(s.URL())
	prefixed["key_prefix"] = "/app"
	found = newDirect(t, prefixed).inventory(t, nil)
	checkInventory(t, found, map[string]string{"keys": "7", "directories": "3", "by_directory./deep.keys": "1", "by_directory./.keys": "6"})
	if got := found.reasons(t); !strings.Contains(got, "Only what is below the key_prefix /app was looked at") {
		t.Errorf("reasons = %s, want one with the key_prefix", got)
	}
}

// An empty store is ready only on etcd 3.5. Everything else that prevents it is named, including
// a directory that is left.
func TestInventoryDataSource_ready(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	d := newDirect(t, quickRetry(s.URL()))
	check := func(what, reason string) {
		t.Helper()
		found := d.inventory(t, map[string]any{"hidden_paths": []string{"/_lock"}})
		reasons := found.reasons(t)
		old := !s.Version().AtLeast(3, 5)
		if ready := found.text(t, "ready_for_v3_6"); ready != map[bool]string{true: "true", false: "false"}[reason == "" && !old] {
			t.Errorf("%s: ready = %s, %s", what, ready, reasons)
		}
		if !strings.Contains(reasons, reason) || old != strings.Contains(reasons, "runs etcd "+s.Version().String()) {
			t.Errorf("%s: reasons = %s, want %q", what, reasons, reason)
		}
	}
	check("a new store", "")
	s.Put(t, "/app/key", "x")
	s.Delete(t, "/app/key")
	check("a directory that is left over", "keys (0) and directories (1, 1 of them empty)")
	s.Delete(t, "/app", "recursive=true")
	s.Put(t, "/_lock", "x")
	check("a hidden key", "/_lock")
	s.Delete(t, "/_lock")
	makeRole(t, s, "app", []string{"/app/*"}, []string{"/app/*", "/x"})
	check("a role", "users (0) and roles (1, without root)")
	makeUser(t, s, "alice", "app")
	checkInventory(t, d.inventory(t, nil), map[string]string{"users": "1", "roles": "1", "permissions": "3"})
	s.JSON(t, http.MethodDelete, usersPath+"alice", nil)
	s.JSON(t, http.MethodDelete, rolesPath+"app", nil)
	check("an emptied store", "")
}

// Without the role root, everything except users and roles is read, with a warning. Without any
// access there is an error.
func TestInventoryDataSource_permission(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t, etcdtest.WithTLS(), etcdtest.WithAuth("rootpw"))
	makeRole(t, s, "reader", []string{"/*"}, nil)
	makeUser(t, s, "alice", "reader")
	makeUser(t, s, "bob")
	s.Put(t, "/app/key", "x")
	provider := func(user, password string) *direct {
		attributes := as(s, user, password)
		attributes["tls"] = map[string]any{"ca_file": s.Certs.CA.CertFile}
		return newDirect(t, attributes)
	}
	root := provider("root", "rootpw")
	found := root.inventory(t, map[string]any{"hidden_paths": []string{}})
	checkInventory(t, found, map[string]string{"keys": "1", "auth_enabled": "true", "users": "3", "roles": "2", "permissions": "3"})
	if got := found.reasons(t); !strings.Contains(got, "Authentication of the v2 API is enabled") {
		t.Errorf("reasons = %s, want authentication among them", got)
	}
	if got := root.readWarnings(t, "etcd_inventory", map[string]any{"hidden_paths": []string{}}); got != "" {
		t.Errorf("as root: warnings %s, want none", got)
	}
	alice := provider("alice", "theirs")
	found = alice.inventory(t, nil)
	checkInventory(t, found, map[string]string{
		"keys": "1", "auth_enabled": "true", "users": "", "roles": "", "permissions": "", "ready_for_v3_6": "false", "members.#": "1",
	})
	if got := found.reasons(t); !strings.Contains(got, "The users and roles are not known") {
		t.Errorf("reasons = %s, want unknown users among them", got)
	}
	got := alice.readWarnings(t, "etcd_inventory", nil)
	for _, want := range []string{"Users and roles were not counted", "Hidden keys were not looked at"} {
		if !strings.Contains(got, want) {
			t.Errorf("as alice: warnings %s, want %q", got, want)
		}
	}
	if _, errs := provider("bob", "theirs").read(t, "etcd_inventory", nil); !strings.Contains(errs, "The server refused the credentials") {
		t.Errorf("as bob: errors %q, want rejected credentials", errs)
	}
}

func TestInventoryDataSource_refused(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, quickRetry(proxy.URL()))
	proxy.Refuse()
	if _, errs := d.read(t, "etcd_inventory", nil); !strings.Contains(errs, "Nothing accepts connections") {
		t.Errorf("errors of a server that is down: %q", errs)
	}
	acceptance(t, resource.TestStep{
		Config: config(s.URL(), `data "etcd_inventory" "x" { hidden_paths = ["/app/x"] }`), ExpectError: spaced("begins with an underscore"),
	})
}

// A member that is down, and one that does not serve the v2 API, each have a row.
func TestAccInventoryDataSource_members(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	servers := cluster.Servers
	withoutV2 := servers[1].Version().AtLeast(3, 4)
	if withoutV2 {
		servers[1].RestartWithoutV2(t)
	}
	servers[2].Kill(t)
	d := newDirect(t, quickRetry(servers[0].URL()))
	rows := map[string]map[string]string{}
	found := d.inventory(t, map[string]any{"hidden_paths": []string{}})
	for _, i := range []string{"0", "1", "2"} {
		row := map[string]string{}
		for _, attribute := range []string{"v2", "version"} {
			row[attribute] = found.at(t, "members."+i+"."+attribute)
		}
		rows[found.at(t, "members."+i+".name")] = row
	}
	version := servers[0].Version().String()
	for i, want := range []map[string]string{
		{"v2": "true", "version": version},
		{"v2": map[bool]string{true: "false", false: "true"}[withoutV2], "version": version},
		{"v2": "", "version": ""},
	} {
		if got := rows[servers[i].Name]; !maps.Equal(got, want) {
			t.Errorf("%s = %v, want %v", servers[i].Name, got, want)
		}
	}
	if got := found.reasons(t); !strings.Contains(got, "("+servers[2].Name+") is not known, because it did not answer") {
		t.Errorf("reasons = %s, want the member that is down", got)
	}
	acceptance(t, resource.TestStep{
		Config: config(servers[0].URL(), `data "etcd_inventory" "x" {}`),
		ConfigStateChecks: []statecheck.StateCheck{
			wantData("data.etcd_inventory.x", "keys", knownvalue.Int64Exact(0)),
			wantData("data.etcd_inventory.x", "members", knownvalue.ListSizeExact(3)),
		},
	})
}

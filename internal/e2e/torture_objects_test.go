package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// facts are what exists, by kind and name, such as "key /t/k1", each with its content.
type facts map[string]string

// torturedObject is an object of the configuration.
type torturedObject struct {
	typeName, name string
	// scope are the facts that the object is about: one, or all with a beginning that ends with a
	// slash.
	scope string
	// needs are objects without which there is no configuration of this one.
	needs []string
	// next returns a configuration.
	next func(rng *rand.Rand) map[string]any
	// meddle makes a write of a rival.
	meddle func(t *testing.T, rng *rand.Rand)
	// isPart reports that state has no index of what is in the scope.
	isPart bool

	// config is nil if there is no such object in the configuration.
	config map[string]any
}

func (o *torturedObject) address() string { return o.typeName + "." + o.name }

func (o *torturedObject) has(fact string) bool {
	return fact == o.scope || strings.HasSuffix(o.scope, "/") && strings.HasPrefix(fact, o.scope)
}

// wants reports whether the configuration has the fact. The names of keys in order are the server's.
func (o *torturedObject) wants(fact string) bool {
	keys, isPrefix := o.config["keys"].(map[string]any)
	switch {
	case isPrefix:
		return keys[strings.TrimPrefix(fact, o.scope)] != nil
	case o.name == "moves":
		return fact == "key "+fmt.Sprint(o.config["key"])
	default:
		return o.config != nil && o.typeName != "etcd_in_order_key"
	}
}

// named reports whether a text names a fact of the object.
func (o *torturedObject) named(text, fact string) bool {
	kind, name, _ := strings.Cut(fact, " ")
	words := []string{name}
	switch {
	case o.typeName == "etcd_in_order_key":
		_, dir, _ := strings.Cut(o.scope, " ")
		words = []string{strings.TrimSuffix(dir, "/")}
	case kind == "grant", kind == "permission":
		words = strings.Split(name, ":")
	}
	return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) })
}

// cliSecret is in every secret, and nowhere else.
const cliSecret = "tOp-sEcReT"

// newObjects returns objects of all kinds that write, in places of their own.
func newObjects(s *etcdtest.Server) []*torturedObject {
	key := func(name string, next func(rng *rand.Rand) map[string]any) *torturedObject {
		return &torturedObject{typeName: "etcd_key", name: name, scope: "key /t/" + name, next: next, meddle: meddleWithKey(s, "/t/"+name)}
	}
	all := []*torturedObject{
		key("k1", plainKey("/t/k1")), key("k2", plainKey("/t/k2")), key("json", jsonKey("/t/json")), key("secret", secretKey("/t/secret")),
		{typeName: "etcd_key", name: "moves", scope: "key /t/moves/", next: movingKey},
		prefixObject(s, "exclusive", true), prefixObject(s, "shared", false),
		{typeName: "etcd_dir", name: "dir", scope: "dir /t/dir", next: func(rng *rand.Rand) map[string]any {
			return map[string]any{"path": "/t/dir", "force_destroy": rng.IntN(2) == 0}
		}},
		{
			typeName: "etcd_key", name: "child", scope: "key /t/dir/child", needs: []string{"etcd_dir.dir"},
			next: plainKey("${etcd_dir.dir.path}/child"), // no rival: force_destroy deletes whatever is in the directory
		},
	}
	for _, name := range []string{"first", "second"} {
		all = append(all, &torturedObject{
			typeName: "etcd_in_order_key", name: name, scope: "key /t/" + name + "/",
			next: func(rng *rand.Rand) map[string]any {
				return map[string]any{"dir": "/t/" + name, "value": fmt.Sprintf("ours-%d", rng.IntN(3))}
			},
		})
	}
	return append(all, authObjects(s)...)
}

func plainKey(key string) func(rng *rand.Rand) map[string]any {
	return func(rng *rand.Rand) map[string]any {
		config := map[string]any{"key": key, "value": fmt.Sprintf("ours-%d", rng.IntN(4))}
		if rng.IntN(4) == 0 {
			config["ttl"] = 5000
		}
		return config
	}
}

func jsonKey(key string) func(rng *rand.Rand) map[string]any {
	return func(rng *rand.Rand) map[string]any {
		return map[string]any{"key": key, "value_json": fmt.Sprintf(`{"ours":%d}`, rng.IntN(4))}
	}
}

// secretKey returns configurations with another version of the secret each time.
func secretKey(key string) func(rng *rand.Rand) map[string]any {
	version := 0
	return func(*rand.Rand) map[string]any {
		version++
		return map[string]any{"key": key, "value_wo": fmt.Sprintf("${var.secret}-%d", version), "value_wo_version": version}
	}
}

// movingKey returns a key at one of two paths, so that a change can replace it.
func movingKey(rng *rand.Rand) map[string]any {
	config := plainKey(fmt.Sprintf("/t/moves/%d", rng.IntN(2)))(rng)
	if rng.IntN(2) == 0 {
		config["lifecycle"] = map[string]any{"create_before_destroy": true}
	}
	return config
}

func meddleWithKey(s *etcdtest.Server, key string) func(t *testing.T, rng *rand.Rand) {
	return func(t *testing.T, rng *rand.Rand) {
		t.Helper()
		if rng.IntN(4) == 0 {
			s.Do(t, etcdtest.Call{Method: http.MethodDelete, Path: "/v2/keys" + key})
			return
		}
		s.Put(t, key, fmt.Sprintf("theirs-%d", rng.IntN(1000)))
	}
}

func prefixObject(s *etcdtest.Server, name string, isExclusive bool) *torturedObject {
	prefix := "/t/" + name
	return &torturedObject{
		typeName: "etcd_key_prefix", name: name, scope: "key " + prefix + "/", isPart: true,
		next: func(rng *rand.Rand) map[string]any {
			keys := map[string]any{}
			for _, name := range some(rng, "a", "b", "c/d", "e", "g") {
				keys[name] = fmt.Sprintf("ours-%d", rng.IntN(4))
			}
			return map[string]any{"prefix": prefix, "keys": keys, "exclusive": isExclusive}
		},
		meddle: func(t *testing.T, rng *rand.Rand) {
			t.Helper()
			names := []string{"a", "b", "c/d", "e", "f"}
			meddleWithKey(s, prefix+"/"+names[rng.IntN(len(names))])(t, rng)
		},
	}
}

// some returns a random choice of names.
func some(rng *rand.Rand, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(string) bool { return rng.IntN(2) == 0 })
}

// authObjects returns users, roles and grants. The roles and the permissions of some are managed as
// a whole, those of others one by one.
func authObjects(s *etcdtest.Server) []*torturedObject {
	version := 0
	user := func(name string) map[string]any {
		version++
		return map[string]any{"name": name, "password_wo": fmt.Sprintf("${var.secret}-%d", version), "password_wo_version": version}
	}
	return []*torturedObject{
		{
			typeName: "etcd_role", name: "whole", scope: "role role-whole",
			next: func(rng *rand.Rand) map[string]any {
				return map[string]any{"name": "role-whole", "kv_read": some(rng, "/a", "/b/*"), "kv_write": some(rng, "/a", "/c/*")}
			},
			meddle: change(s, "/v2/auth/roles/role-whole", map[string]any{
				"role": "role-whole", "grant": map[string]any{"kv": map[string]any{"read": []string{"/theirs"}}},
			}),
		},
		{
			typeName: "etcd_user", name: "whole", scope: "user user-whole",
			next: func(rng *rand.Rand) map[string]any {
				config := user("user-whole")
				config["roles"] = some(rng, "role-1", "role-2")
				return config
			},
			meddle: change(s, "/v2/auth/users/user-whole", map[string]any{"user": "user-whole", "grant": []string{"role-3"}}),
		},
		{typeName: "etcd_role", name: "open", scope: "role role-open", next: func(*rand.Rand) map[string]any {
			return map[string]any{"name": "role-open"}
		}},
		{typeName: "etcd_user", name: "open", scope: "user user-open", next: func(*rand.Rand) map[string]any { return user("user-open") }},
		{
			typeName: "etcd_user_role", name: "grant", scope: "grant user-open:role-open", needs: []string{"etcd_user.open", "etcd_role.open"},
			next: func(*rand.Rand) map[string]any {
				return map[string]any{"user": "${etcd_user.open.name}", "role": "${etcd_role.open.name}"}
			},
		},
		{
			typeName: "etcd_role_permission", name: "permission", scope: "permission role-open:/t/permitted", needs: []string{"etcd_role.open"},
			next: func(*rand.Rand) map[string]any {
				return map[string]any{"role": "${etcd_role.open.name}", "access": "read", "pattern": "/t/permitted"}
			},
		},
	}
}

// change changes a user or a role, if there is one.
func change(s *etcdtest.Server, path string, body map[string]any) func(t *testing.T, rng *rand.Rand) {
	return func(t *testing.T, _ *rand.Rand) {
		t.Helper()
		s.Do(t, etcdtest.Call{Method: http.MethodPut, Path: path, JSON: body})
	}
}

// torturedConfig returns the configuration of all objects as JSON.
func torturedConfig(t *testing.T, endpoint string, objects []*torturedObject, imports []map[string]string) string {
	t.Helper()
	resources := map[string]map[string]any{}
	for _, o := range objects {
		if o.config == nil {
			continue
		}
		if resources[o.typeName] == nil {
			resources[o.typeName] = map[string]any{}
		}
		resources[o.typeName][o.name] = o.config
	}
	all := map[string]any{
		"terraform": map[string]any{"required_providers": map[string]any{"etcd": map[string]any{"source": "etcdv2/etcd"}}},
		"variable":  map[string]any{"secret": map[string]any{"type": "string", "ephemeral": true}},
		"provider": map[string]any{"etcd": map[string]any{
			"endpoints": []string{endpoint},
			"retry":     map[string]any{"max_attempts": 3, "min_delay": "1ms", "max_delay": "2ms"},
		}},
	}
	if len(resources) > 0 {
		all["resource"] = resources
	}
	if len(imports) > 0 {
		all["import"] = imports
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// onServer returns the facts of the server about objects.
func onServer(t *testing.T, s *etcdtest.Server, objects []*torturedObject) facts {
	t.Helper()
	all := facts{}
	nodes := []etcdtest.Node{s.Get(t, "/", "recursive=true").Node}
	for ; len(nodes) > 0; nodes = nodes[1:] {
		n := nodes[0]
		nodes = append(nodes, n.Nodes...)
		if !n.Dir {
			all["key "+n.Key] = keyContent(n.Value, n.TTL != 0, n.ModifiedIndex, ownerOf(objects, "key "+n.Key))
		} else if ownerOf(objects, "dir "+n.Key) != nil {
			all["dir "+n.Key] = ""
		}
	}
	for name, roles := range holders(t, s) {
		all["user "+name] = ""
		if !strings.HasSuffix(name, "-open") {
			all["user "+name] = fmt.Sprint(roles)
		}
		for _, role := range roles {
			if fact := "grant " + name + ":" + role; ownerOf(objects, fact) != nil {
				all[fact] = ""
			}
		}
	}
	addRoleFacts(t, s, objects, all)
	return all
}

func ownerOf(objects []*torturedObject, fact string) *torturedObject {
	for _, o := range objects {
		if o.has(fact) {
			return o
		}
	}
	return nil
}

// keyContent describes the content of a key, without secrets.
func keyContent(value string, expires bool, index uint64, owner *torturedObject) string {
	if strings.HasPrefix(value, cliSecret) {
		value = "a secret"
	}
	text := fmt.Sprintf("%s, expires %t", value, expires)
	if owner != nil && !owner.isPart {
		text += fmt.Sprintf(", index %d", index)
	}
	return text
}

// missingRole matches what a server answers about a user with a role that does not exist.
var missingRole = regexp.MustCompile(`Role (\S+) does not exist`)

// holders returns the roles of each user. Only a list shows those of a user with a role that does
// not exist; old servers list names alone.
func holders(t *testing.T, s *etcdtest.Server) map[string][]string {
	t.Helper()
	var list struct{ Users []json.RawMessage }
	s.Do(t, etcdtest.Call{Path: "/v2/auth/users"}).Decode(t, &list)
	all := map[string][]string{}
	for _, listed := range list.Users {
		var name named
		var user struct{ Roles []named }
		if err := json.Unmarshal(listed, &name); err != nil {
			t.Error(err)
		}
		answer := s.Do(t, etcdtest.Call{Path: "/v2/auth/users/" + string(name)})
		if answer.OK() {
			answer.Decode(t, &user)
		} else if err := json.Unmarshal(listed, &user); err != nil {
			t.Error(err)
		}
		roles := []string{}
		for _, role := range user.Roles {
			roles = append(roles, string(role))
		}
		if match := missingRole.FindStringSubmatch(answer.Message); match != nil {
			roles = append(roles, match[1]+" (does not exist)")
		}
		slices.Sort(roles)
		all[string(name)] = roles
	}
	return all
}

func addRoleFacts(t *testing.T, s *etcdtest.Server, objects []*torturedObject, all facts) {
	t.Helper()
	var list struct{ Roles []named }
	s.Do(t, etcdtest.Call{Path: "/v2/auth/roles"}).Decode(t, &list)
	for _, role := range list.Roles {
		name := string(role)
		if name == "root" || name == "guest" {
			continue
		}
		var one struct {
			Permissions struct {
				KV struct{ Read, Write []string }
			}
		}
		s.Do(t, etcdtest.Call{Path: "/v2/auth/roles/" + name}).Decode(t, &one)
		all["role "+name] = ""
		kv := one.Permissions.KV
		if strings.HasSuffix(name, "-whole") {
			all["role "+name] = roleContent(kv.Read, kv.Write)
		}
		for _, pattern := range kv.Read {
			if fact := "permission " + name + ":" + pattern; ownerOf(objects, fact) != nil {
				all[fact] = ""
			}
		}
	}
}

func roleContent(read, write []string) string {
	return fmt.Sprintf("read %q, write %q", slices.Sorted(slices.Values(read)), slices.Sorted(slices.Values(write)))
}

// differing returns the facts of which one or both have another content.
func differing(a, b facts) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(fact string) bool {
		one, has := a[fact]
		other, hasOther := b[fact]
		return has == hasOther && one == other
	})
}

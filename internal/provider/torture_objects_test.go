package provider

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// torturedObject is an object of the configuration.
type torturedObject struct {
	typeName, id string
	// path is where it is in contents, "" if the server chooses its name.
	path string
	// next returns a configuration, nil for no object.
	next func(rng *rand.Rand) map[string]any
	// onServer returns what the server has of the object, and of what is next to it.
	onServer func(t *testing.T) contents
	// recorded returns the content of the server according to the state, nil if only a refresh
	// can compare them.
	recorded func(t *testing.T, o managed) contents
	// isOther reports whether a rival changed what the apply was not about, so that only the next
	// refresh shows it; nil means never.
	isOther func(t *testing.T, a applied) bool
	// meddle makes a write that no plan shows. It reports false if the answer was lost.
	meddle func(t *testing.T, rng *rand.Rand) bool
	// sweep reports whether the docs say that deleting the object deletes what is at a path,
	// whatever a plan has shown; nil means never. clear removes what is in the way of that.
	sweep func(t *testing.T, a applied, path string) bool
	clear func(t *testing.T)

	managed managed
	// want is the configuration that was applied last.
	want map[string]any
	// lost are the values that may or may not have been written under a name that the server
	// chose.
	lost []string
}

// isThere reports whether the object exists.
func (o *torturedObject) isThere(found contents) bool {
	_, ok := found[o.path]
	return ok || o.typeName == "etcd_key_prefix" && len(found) > 0
}

func (o *torturedObject) sweeps(t *testing.T, a applied, path string) bool {
	t.Helper()
	return o.sweep != nil && o.want == nil && o.sweep(t, a, path)
}

// isLost reports whether an apply said of this content that its outcome is unknown.
func (o *torturedObject) isLost(found content) bool {
	return o.path == "" && slices.ContainsFunc(o.lost, func(value string) bool { return strings.HasPrefix(found.text, value+",") })
}

// meddle makes a rival's write. It reports false if the answer was lost.
func (w *tortured) meddle(t *testing.T, o *torturedObject) bool {
	t.Helper()
	w.note("rival writes between plan and apply")
	return o.meddle(t, w.rng)
}

// some returns a random choice of names.
func some(rng *rand.Rand, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(string) bool { return rng.IntN(2) == 0 })
}

// maybe sometimes returns no configuration, and otherwise the result of configure.
func maybe(configure func(rng *rand.Rand) map[string]any) func(rng *rand.Rand) map[string]any {
	return func(rng *rand.Rand) map[string]any {
		if rng.IntN(4) == 0 {
			return nil
		}
		return configure(rng)
	}
}

// objects returns objects of each kind, each in a place of its own.
func (w *tortured) objects(t *testing.T) []*torturedObject {
	t.Helper()
	prefix := etcdtest.Prefix(t)
	name := strings.TrimPrefix(prefix, "/")
	roles := []string{name + "-r1", name + "-r2"}
	server := w.caughtUp(t)
	for _, role := range roles {
		makeRole(t, server, role, nil, nil)
	}
	makeUser(t, server, name+"-holder")
	all := []*torturedObject{
		w.keyObject(prefix+"/k1", false), w.keyObject(prefix+"/k2", false), w.keyObject(prefix+"/secret", true),
		w.prefixObject(prefix + "/tree"), w.dirObject(prefix + "/dir1"), w.dirObject(prefix + "/dir2"), w.inOrderObject(prefix + "/queue"),
		w.userObject(name+"-user", roles), w.roleObject(name + "-role"),
		w.userRoleObject(name+"-holder", roles), w.permissionObject(roles[1], prefix),
	}
	for _, o := range all {
		o.managed = w.faulty.none(o.typeName)
	}
	return all
}

// keyContent returns the content of a key according to its state.
func keyContent(t *testing.T, o managed) content {
	t.Helper()
	index, err := strconv.ParseUint(o.text(t, "modified_index"), 10, 64)
	if err != nil {
		t.Errorf("modified_index: %v", err)
	}
	return content{keyText(o.text(t, "value"), o.text(t, "ttl") != ""), index}
}

func (w *tortured) keyObject(key string, isSecret bool) *torturedObject {
	version := 0
	return &torturedObject{
		typeName: "etcd_key", id: key, path: key,
		next: maybe(func(rng *rand.Rand) map[string]any {
			config := map[string]any{"key": key}
			if isSecret {
				version++
				config["value_wo"], config["value_wo_version"] = fmt.Sprintf("%s-%d", tortureSecret, version), version
			} else {
				config["value"] = fmt.Sprintf("ours-%d", rng.IntN(4))
			}
			if rng.IntN(3) == 0 {
				// Ten seconds after a write, a plan renews the TTL.
				config["ttl"], config["ttl_renew_below"] = 5000+rng.IntN(2), 4990
			}
			return config
		}),
		onServer: func(t *testing.T) contents { t.Helper(); return w.tree(t, key) },
		recorded: func(t *testing.T, o managed) contents {
			t.Helper()
			has := keyContent(t, o)
			if isSecret {
				has.text = ""
			}
			return contents{key: has}
		},
		meddle: func(t *testing.T, rng *rand.Rand) bool {
			t.Helper()
			if rng.IntN(4) == 0 {
				return w.dropNode(t, key)
			}
			return w.putKey(t, key, fmt.Sprintf("theirs-%d", rng.IntN(1000)))
		},
	}
}

func (w *tortured) prefixObject(prefix string) *torturedObject {
	return &torturedObject{
		typeName: "etcd_key_prefix", id: prefix, path: prefix,
		next: maybe(func(rng *rand.Rand) map[string]any {
			keys := map[string]any{}
			for _, name := range some(rng, "a", "b", "c/d", "e") {
				keys[name] = fmt.Sprintf("ours-%d", rng.IntN(4))
			}
			return map[string]any{"prefix": prefix, "keys": keys, "exclusive": true}
		}),
		onServer: func(t *testing.T) contents {
			t.Helper()
			found := w.tree(t, prefix)
			delete(found, prefix)
			return found
		},
		recorded: func(t *testing.T, o managed) contents {
			t.Helper()
			keys, _ := plainAttributes(t, o.state)["keys"].(map[string]any)
			recorded := contents{}
			for name, v := range keys {
				recorded[prefix+"/"+name] = content{text: keyText(fmt.Sprint(v), false)}
			}
			return recorded
		},
		meddle: func(t *testing.T, rng *rand.Rand) bool {
			t.Helper()
			names := []string{"a", "b", "c/d", "e", "f"}
			key := prefix + "/" + names[rng.IntN(len(names))]
			if rng.IntN(4) == 0 {
				return w.dropNode(t, key)
			}
			return w.putKey(t, key, "theirs")
		},
	}
}

// inOrderObject is a key whose name the server chooses, in a queue with other keys.
func (w *tortured) inOrderObject(dir string) *torturedObject {
	number := 0
	o := &torturedObject{typeName: "etcd_in_order_key", id: dir}
	o.next = maybe(func(rng *rand.Rand) map[string]any {
		number++
		config := map[string]any{"dir": dir, "value": fmt.Sprintf("ours-%d", number)}
		if rng.IntN(3) == 0 {
			config["ttl"] = 5000
		}
		return config
	})
	o.onServer = func(t *testing.T) contents {
		t.Helper()
		found := w.tree(t, dir)
		delete(found, dir)
		return found
	}
	o.recorded = func(t *testing.T, o managed) contents {
		t.Helper()
		return contents{o.text(t, "key"): keyContent(t, o)}
	}
	o.meddle = func(t *testing.T, rng *rand.Rand) bool {
		t.Helper()
		switch {
		case !o.managed.exists() || rng.IntN(2) == 0:
			return w.writeAny(t, etcdtest.Call{Method: http.MethodPost, Path: "/v2/keys" + dir, Form: url.Values{"value": {"theirs"}}})
		case rng.IntN(2) == 0:
			return w.dropNode(t, o.managed.text(t, "key"))
		default:
			return w.putKey(t, o.managed.text(t, "key"), "theirs")
		}
	}
	return o
}

// dirObject is a directory with keys of others in it, one of them hidden.
func (w *tortured) dirObject(path string) *torturedObject {
	hidden := path + "/_hidden"
	return &torturedObject{
		typeName: "etcd_dir", id: path, path: path,
		next: maybe(func(rng *rand.Rand) map[string]any {
			return map[string]any{"path": path, "force_destroy": rng.IntN(2) == 0}
		}),
		onServer: func(t *testing.T) contents {
			t.Helper()
			found := w.tree(t, path)
			if key, ok := w.tree(t, hidden)[hidden]; ok {
				found[hidden] = key
			}
			return found
		},
		recorded: func(t *testing.T, o managed) contents {
			t.Helper()
			if isReplaced(t, o) {
				return contents{path: {}}
			}
			return contents{path: {text: dirText(o.text(t, "created_index"))}}
		},
		meddle: func(t *testing.T, rng *rand.Rand) bool {
			t.Helper()
			switch rng.IntN(5) {
			case 0:
				return w.dropNode(t, path)
			case 1:
				// Another directory is in the place of the one that was planned.
				return w.dropNode(t, path) && w.putKey(t, path+"/theirs", "theirs")
			case 2:
				return w.putKey(t, hidden, "theirs")
			default:
				return w.putKey(t, path+"/"+[]string{"a", "b/c"}[rng.IntN(2)], fmt.Sprintf("theirs-%d", rng.IntN(1000)))
			}
		},
		sweep: func(t *testing.T, a applied, at string) bool {
			t.Helper()
			isSame := a.shown[path] == a.theirs[path]
			return isSame && at != path && a.before.text(t, "force_destroy") == "true"
		},
		clear: func(t *testing.T) {
			t.Helper()
			for _, name := range []string{"a", "b", "theirs", "_hidden"} {
				w.dropNode(t, path+"/"+name)
			}
		},
	}
}

// isReplaced reports whether a refresh found another directory in the place of the one in state. The
// docs say that it is left alone.
func isReplaced(t *testing.T, o managed) bool {
	t.Helper()
	var stored map[string][]byte
	if err := json.Unmarshal(o.private, &stored); len(o.private) > 0 && err != nil {
		t.Errorf("private state: %v", err)
	}
	return bytes.Contains(stored[privateStateKey], []byte("replaced_by"))
}

func (w *tortured) userObject(name string, roles []string) *torturedObject {
	version := 0
	o := &torturedObject{typeName: "etcd_user", id: name, path: usersPath + name}
	o.next = maybe(func(rng *rand.Rand) map[string]any {
		version++
		config := map[string]any{
			"name": name, "password_wo": fmt.Sprintf("%s-%d", tortureSecret, version), "password_wo_version": version,
		}
		if rng.IntN(4) > 0 {
			config["roles"] = some(rng, roles...)
		}
		return config
	})
	o.onServer = func(t *testing.T) contents { t.Helper(); return w.user(t, name) }
	// An apply of a new password does not look at the roles.
	o.isOther = func(t *testing.T, a applied) bool {
		t.Helper()
		return a.before.exists() && len(meddledPaths(a)) > 0 && heldRoles(t, a.before) == heldRoles(t, a.after)
	}
	o.meddle = func(t *testing.T, rng *rand.Rand) bool {
		t.Helper()
		role := roles[rng.IntN(2)]
		switch rng.IntN(5) {
		case 0:
			return w.removeAuth(t, usersPath+name)
		case 1:
			theirs := map[string]any{"user": name, "password": "theirs"}
			return w.writeAny(t, etcdtest.Call{Method: http.MethodPut, Path: usersPath + name, JSON: theirs})
		case 2:
			return w.changeUser(t, name, nil, []string{role})
		default:
			return w.changeUser(t, name, []string{role}, nil)
		}
	}
	return o
}

// heldRoles returns the roles of a user in state, as text.
func heldRoles(t *testing.T, o managed) string {
	t.Helper()
	var attributes map[string]tftypes.Value
	if err := o.state.As(&attributes); err != nil {
		t.Error(err)
	}
	return attributes["roles"].String()
}

func (w *tortured) roleObject(name string) *torturedObject {
	return &torturedObject{
		typeName: "etcd_role", id: name, path: rolesPath + name,
		next: maybe(func(rng *rand.Rand) map[string]any {
			return map[string]any{"name": name, "kv_read": some(rng, "/a", "/b/*"), "kv_write": some(rng, "/a", "/c/*")}
		}),
		onServer: func(t *testing.T) contents { t.Helper(); return w.role(t, name) },
		meddle: func(t *testing.T, rng *rand.Rand) bool {
			t.Helper()
			pattern := []string{[]string{"/a", "/b/*", "/theirs"}[rng.IntN(3)]}
			switch rng.IntN(5) {
			case 0:
				return w.removeAuth(t, rolesPath+name)
			case 1:
				return w.changeRole(t, name, nil, pattern)
			default:
				return w.changeRole(t, name, pattern, nil)
			}
		},
	}
}

// userRoleObject is a grant to a user that a rival changes too.
func (w *tortured) userRoleObject(user string, roles []string) *torturedObject {
	ours := grantPath(user, roles[0])
	return &torturedObject{
		typeName: "etcd_user_role", id: user + "/" + roles[0], path: ours,
		next:     maybe(func(*rand.Rand) map[string]any { return map[string]any{"user": user, "role": roles[0]} }),
		onServer: func(t *testing.T) contents { t.Helper(); return w.user(t, user) },
		recorded: func(*testing.T, managed) contents { return contents{ours: {text: "granted"}} },
		meddle: func(t *testing.T, rng *rand.Rand) bool {
			t.Helper()
			role := roles[rng.IntN(2)]
			if rng.IntN(2) == 0 {
				return w.changeUser(t, user, nil, []string{role})
			}
			return w.changeUser(t, user, []string{role}, nil)
		},
	}
}

// permissionObject is a permission of a role that a rival changes too.
func (w *tortured) permissionObject(role, pattern string) *torturedObject {
	ours := permissionPath(role, accessRead, pattern)
	return &torturedObject{
		typeName: "etcd_role_permission", id: role + "/read:" + pattern, path: ours,
		next: maybe(func(*rand.Rand) map[string]any {
			return map[string]any{"role": role, "access": "read", "pattern": pattern}
		}),
		onServer: func(t *testing.T) contents { t.Helper(); return w.role(t, role) },
		recorded: func(*testing.T, managed) contents { return contents{ours: {text: "granted"}} },
		meddle: func(t *testing.T, rng *rand.Rand) bool {
			t.Helper()
			theirs := []string{[]string{pattern, "/theirs"}[rng.IntN(2)]}
			if rng.IntN(2) == 0 {
				return w.changeRole(t, role, nil, theirs)
			}
			return w.changeRole(t, role, theirs, nil)
		},
	}
}

package provider

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// FuzzMoveState moves states of another provider. Each is refused, without a quote of what it
// contains, or becomes an object that a server can have.
func FuzzMoveState(f *testing.F) {
	for _, state := range []string{
		`{"key":"/a","value":"v","modified_index":7}`, `{"key":"a/b","value":null}`, `{"key":"/"}`, `{"key":"/a//b"}`, `{"key":"/a/../b"}`,
		`{"username":"u","password":"p","roles":["r","r"]}`, `{"username":"a/b"}`, `{"username":"u","roles":[""]}`, `null`, `[]`, ``,
		`{"name":"r","permissions":[{"key_path":"/a","read":true,"write":true},{"key_path":""}]}`, `{"name":"..","permissions":null}`,
	} {
		f.Add(state)
	}
	f.Fuzz(func(t *testing.T, state string) {
		d := newDirect(t, endpoint("http://127.0.0.1:1"))
		for sourceType, target := range map[string]struct {
			typeName string
			check    func(t *testing.T, o managed) error
		}{
			"etcdv2_keyvalue": {"etcd_key", func(t *testing.T, o managed) error { t.Helper(); return etcdv2.CheckKey(o.text(t, "key")) }},
			"etcdv2_user": {"etcd_user", func(t *testing.T, o managed) error {
				t.Helper()
				return etcdv2.CheckUserName(o.text(t, "name"))
			}},
			"etcdv2_role": {"etcd_role", func(t *testing.T, o managed) error {
				t.Helper()
				return etcdv2.CheckRoleName(o.text(t, "name"))
			}},
		} {
			o, errs := d.moved(t, "registry.example/retryw/etcdv2", sourceType, state, target.typeName)
			wantNoBlame(t, sourceType, errs)
			switch {
			case errs == "":
				if err := errors.Join(target.check(t, o), jsonError(state)); err != nil {
					t.Errorf("%s: the state %q is moved, and no server can have that: %v", sourceType, state, err)
				}
			case len(state) > 20 && strings.Contains(errs, state):
				t.Errorf("%s: the error quotes the state: %s", sourceType, errs)
			}
		}
	})
}

func jsonError(text string) error {
	var v any
	return json.Unmarshal([]byte(text), &v)
}

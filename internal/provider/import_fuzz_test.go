package provider

import (
	"errors"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// FuzzImportID imports what somebody typed. It is refused, or names an object that a
// server can have, and that is imported again by the same id.
func FuzzImportID(f *testing.F) {
	for _, id := range []string{
		"/app/config", "value:/app", "value_json:/a", "value_wo:/a", "value:value:/a", "/", "a", "alice", "alice/ops", "ops/read:/app/*",
		"ops/write::", "a/b/c", "/a//b", "/a/../b", "/\x00", "/\xff", "role/read:", "/_hidden", "ä/ö",
		"/queue/00000000000000000007", "/queue/7", authID,
	} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if id == "" {
			t.Skip("no CLI asks for an import by nothing")
		}
		d := newDirect(t, map[string]any{"endpoints": []string{"http://127.0.0.1:1"}})
		for typeName, check := range map[string]func(t *testing.T, o managed) error{
			"etcd_key":          func(t *testing.T, o managed) error { t.Helper(); return etcdv2.CheckKey(o.text(t, "key")) },
			"etcd_dir":          func(t *testing.T, o managed) error { t.Helper(); return etcdv2.CheckKey(o.text(t, "path")) },
			"etcd_user":         func(t *testing.T, o managed) error { t.Helper(); return etcdv2.CheckUserName(o.text(t, "name")) },
			"etcd_role":         func(t *testing.T, o managed) error { t.Helper(); return etcdv2.CheckRoleName(o.text(t, "name")) },
			"etcd_user_role":    func(t *testing.T, o managed) error { t.Helper(); return etcdv2.CheckRoleName(o.text(t, "role")) },
			"etcd_in_order_key": func(t *testing.T, o managed) error { t.Helper(); return checkInOrderKey(o.text(t, "key")) },
			"etcd_auth": func(t *testing.T, o managed) error {
				t.Helper()
				if o.text(t, "id") != authID {
					return errors.New("there is one authentication switch")
				}
				return nil
			},
			"etcd_key_prefix": func(t *testing.T, o managed) error { t.Helper(); return etcdv2.CheckDir(o.text(t, "prefix")) },
			"etcd_role_permission": func(t *testing.T, o managed) error {
				t.Helper()
				if joined := o.text(t, "role") + "/" + o.text(t, "access") + ":" + o.text(t, "pattern"); joined != id {
					t.Errorf("the id %q is imported as %q", id, joined)
				}
				return etcdv2.CheckPattern(o.text(t, "pattern"))
			},
		} {
			resp, err := d.server.ImportResourceState(t.Context(), &tfprotov6.ImportResourceStateRequest{TypeName: typeName, ID: id})
			if err != nil {
				t.Fatal(err)
			}
			errs := errorText(resp.Diagnostics)
			wantNoBlame(t, typeName, errs)
			if errs != "" {
				continue
			}
			found := resp.ImportedResources[0]
			state, err := found.State.Unmarshal(d.schemas.ResourceSchemas[typeName].ValueType())
			if err != nil {
				t.Fatal(err)
			}
			o := managed{typeName: typeName, state: state}
			if err := check(t, o); err != nil {
				t.Errorf("%s: the id %q is imported, and no server can have that: %v", typeName, id, err)
			}
		}
	})
}

package provider

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// moved moves the state of a resource of another provider to a resource of ours.
func (d *direct) moved(t *testing.T, address, sourceType, state, typeName string) (to managed, errs string) {
	t.Helper()
	resp, err := d.server.MoveResourceState(t.Context(), &tfprotov6.MoveResourceStateRequest{
		SourceProviderAddress: address, SourceTypeName: sourceType, SourceState: &tfprotov6.RawState{JSON: []byte(state)},
		TargetTypeName: typeName,
	})
	if err != nil {
		t.Fatal(err)
	}
	return managed{
		typeName: typeName, private: resp.TargetPrivate, identity: resp.TargetIdentity,
		state: undynamic(t, d.schemas.ResourceSchemas[typeName].ValueType(), resp.TargetState),
	}, errorText(resp.Diagnostics)
}

// writes counts the requests that were not reads.
func writes(p *etcdtest.Proxy) int {
	n := 0
	for _, r := range p.Requests() {
		if r.Method != http.MethodGet {
			n++
		}
	}
	return n
}

func TestMoveState(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	makeRole(t, s, name, []string{"/a", "/b"}, []string{"/b"})
	makeRole(t, s, name+"-2", nil, nil)
	makeUser(t, s, name, name+"-2", name)
	s.Put(t, "/"+name+"/key", "v")
	s.Put(t, "/"+name+"/empty", "")
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, endpoint(proxy.URL()))
	role := map[string]any{"name": name, "kv_read": []string{"/a", "/b"}, "kv_write": []string{"/b"}}
	for title, test := range map[string]struct {
		sourceType, state, typeName string
		want                        map[string]any
	}{
		"key": {
			"etcdv2_keyvalue", `{"id":"/NAME/key","key":"/NAME/key","value":"v","modified_index":1}`, "etcd_key",
			map[string]any{"key": "/" + name + "/key", "value": "v"},
		},
		"key without a slash": {
			"etcdv2_keyvalue", `{"id":"NAME/key","key":"NAME/key","value":"v","modified_index":null}`, "etcd_key",
			map[string]any{"key": "/" + name + "/key", "value": "v"},
		},
		"empty value": {
			"etcdv2_keyvalue", `{"key":"/NAME/empty","value":"","modified_index":7,"timeouts":{"read":null}}`, "etcd_key",
			map[string]any{"key": "/" + name + "/empty", "value": ""},
		},
		"user": {
			"etcdv2_user", `{"id":"NAME","username":"NAME","password":"theirs","roles":["NAME-2","NAME"]}`, "etcd_user",
			map[string]any{"name": name, "password": "theirs", "roles": []string{name, name + "-2"}},
		},
		"user without a password": {
			"etcdv2_user", `{"username":"NAME","password":null,"roles":null}`, "etcd_user", map[string]any{"name": name},
		},
		"role": {
			"etcdv2_role",
			`{"id":"NAME","name":"NAME","permissions":[{"key_path":"/b","read":true,"write":true},{"key_path":"/a","read":true,"write":false}]}`,
			"etcd_role", role,
		},
		"role whose permissions changed": {"etcdv2_role", `{"name":"NAME","permissions":[]}`, "etcd_role", role},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			for _, host := range []string{"registry.terraform.io/retryw", "registry.opentofu.org/retryW", "mirror.example.com:8443/retryw"} {
				o, errs := d.moved(t, host+"/etcdv2", test.sourceType, strings.ReplaceAll(test.state, "NAME", name), test.typeName)
				if errs != "" {
					t.Fatal(errs)
				}
				if o, errs = d.refresh(t, o); errs != "" || !o.exists() {
					t.Fatalf("refresh: in state: %t, %s", o.exists(), errs)
				}
				plan, _ := d.plan(t, o, test.want)
				if planned := undynamic(t, o.state.Type(), plan.PlannedState); errorText(plan.Diagnostics) != "" || !planned.Equal(o.state) {
					t.Errorf("the plan is not empty: %v, state %v, errors %s", planned, o.state, errorText(plan.Diagnostics))
				}
			}
		})
	}
	t.Cleanup(func() {
		if n := writes(proxy); n != 0 || len(proxy.Requests()) == 0 {
			t.Errorf("%d of %d requests were not reads", n, len(proxy.Requests()))
		}
	})
}

func TestMoveState_refusals(t *testing.T) {
	t.Parallel()
	d := newDirect(t, endpoint(etcdtest.Shared(t).URL()))
	const address = "registry.terraform.io/retryw/etcdv2"
	for title, test := range map[string]struct{ address, sourceType, state, typeName, want string }{
		"another provider": {
			"registry.terraform.io/acme/etcdv2", "etcdv2_user", `{"username":"a"}`, "etcd_user", "Unable to Move Resource State",
		},
		"another type":       {address, "etcdv2_role", `{"name":"a"}`, "etcd_user", "Unable to Move Resource State"},
		"no state":           {address, "etcdv2_user", "", "etcd_user", "it is empty"},
		"another shape":      {address, "etcdv2_user", `{"username":1,"password":"geheim"}`, "etcd_user", "import the object instead"},
		"a key without name": {address, "etcdv2_keyvalue", `{"key":"/","value":"geheim"}`, "etcd_key", "is the root"},
		"no key of a server": {address, "etcdv2_keyvalue", `{"key":"a//b","value":"geheim"}`, "etcd_key", "has an empty segment"},
		"no user name":       {address, "etcdv2_user", `{"username":"a/b","password":"geheim"}`, "etcd_user", "contains a slash"},
		"a role that is not": {address, "etcdv2_role", `{"id":"a"}`, "etcd_role", "the role name is empty"},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			o, errs := d.moved(t, test.address, test.sourceType, test.state, test.typeName)
			wantPhrases(t, errs, test.want)
			if o.exists() || strings.Contains(errs, "geheim") {
				t.Errorf("the state was moved in spite of an error, or the error contains a password: %s", errs)
			}
		})
	}
}

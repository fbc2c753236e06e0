package provider

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// steered is an object on a server, with its import, and its configuration without and with the
// defaults of its steering attributes.
type steered struct {
	typeName, id string
	attributes   map[string]any
	defaults     map[string]any
}

func (o steered) withDefaults() map[string]any {
	all := maps.Clone(o.attributes)
	maps.Copy(all, o.defaults)
	return all
}

// steeredObjects creates an object of every resource type on a server.
func steeredObjects(t *testing.T, s *etcdtest.Server) []steered {
	t.Helper()
	s.Put(t, "/steer/key", "x")
	s.Mkdir(t, "/steer/dir")
	s.Put(t, "/steer/prefix/a", "1")
	s.Put(t, "/steer/queue/00000000000000000042", "x")
	makeRole(t, s, "ops", []string{"/steer/*"}, nil)
	makeUser(t, s, "alice", "ops")
	member := membersOf(t, s)[0]
	adopt := map[string]any{"adopt_existing": false}
	return []steered{
		{"etcd_key", "/steer/key", map[string]any{"key": "/steer/key", "value": "x"}, adopt},
		{"etcd_dir", "/steer/dir", map[string]any{"path": "/steer/dir"}, map[string]any{"adopt_existing": false, "force_destroy": false}},
		{
			"etcd_key_prefix", "/steer/prefix",
			map[string]any{"prefix": "/steer/prefix", "keys": map[string]any{"a": "1"}},
			map[string]any{"adopt_existing": false, "exclusive": false},
		},
		{"etcd_in_order_key", "/steer/queue/00000000000000000042", map[string]any{"dir": "/steer/queue", "value": "x"}, nil},
		{"etcd_role", "ops", map[string]any{"name": "ops", "kv_read": []any{"/steer/*"}}, adopt},
		{"etcd_role_permission", "ops/read:/steer/*", map[string]any{"role": "ops", "access": "read", "pattern": "/steer/*"}, adopt},
		{"etcd_user", "alice", map[string]any{"name": "alice", "roles": []any{"ops"}}, adopt},
		{"etcd_user_role", "alice/ops", map[string]any{"user": "alice", "role": "ops"}, adopt},
		{"etcd_auth", "auth", map[string]any{}, adopt},
		{"etcd_member", member.ID, map[string]any{"peer_urls": []any{member.PeerURLs[0]}}, map[string]any{
			"wait_for_start": false, "allow_quorum_loss": false,
			"timeouts": map[string]any{"create": "10m", "update": "10m", "delete": "5m"},
		}},
	}
}

// steeringNames returns the attributes of a resource type that are not on the server: the optional
// booleans, and the timeouts.
func steeringNames(schema *tfprotov6.Schema) []string {
	var names []string
	for _, a := range schema.Block.Attributes {
		if a.Name == "timeouts" || a.Optional && a.Type != nil && a.Type.Is(tftypes.Bool) {
			names = append(names, a.Name)
		}
	}
	slices.Sort(names)
	return names
}

// without returns the state of an older version of the provider, in which the attributes are null.
func (o managed) without(t *testing.T, names []string) managed {
	t.Helper()
	var attributes map[string]tftypes.Value
	if err := o.state.As(&attributes); err != nil {
		t.Fatal(err)
	}
	attributes = maps.Clone(attributes)
	for _, name := range names {
		attributes[name] = tftypes.NewValue(attributes[name].Type(), nil)
	}
	o.state = tftypes.NewValue(o.state.Type(), attributes)
	return o
}

// It makes no difference whether a configuration sets a default explicitly, neither after an import
// nor with the state of a version that left such an attribute null.
//
//nolint:tparallel // The objects share a store, and one of them is its authentication.
func TestSteering_defaults(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t, etcdtest.WithAuth("rootpw"))
	d := newDirect(t, credentials(s.URL(), "root", "rootpw"))
	objects := steeredObjects(t, s)
	if len(objects) != len(d.schemas.ResourceSchemas) {
		t.Errorf("%d objects for %d resource types", len(objects), len(d.schemas.ResourceSchemas))
	}
	for _, o := range objects { //nolint:paralleltest // See above.
		t.Run(o.typeName, func(t *testing.T) {
			names := steeringNames(d.schemas.ResourceSchemas[o.typeName])
			if want := slices.Sorted(maps.Keys(o.defaults)); !slices.Equal(names, want) {
				t.Fatalf("steering attributes = %q, but the defaults are for %q", names, want)
			}
			imported := d.imported(t, o.typeName, o.id)
			if !d.isEmpty(t, imported, o.attributes) {
				t.Error("an import without the defaults plans a change")
			}
			if !d.isEmpty(t, imported, o.withDefaults()) {
				t.Error("an import with the defaults written out plans a change")
			}
			if !d.isEmpty(t, imported.without(t, names), o.attributes) {
				t.Error("a state without the defaults plans a change")
			}
			for _, name := range names {
				if o.defaults[name] != false {
					continue
				}
				set := maps.Clone(o.attributes)
				set[name] = true
				after := mustApply(t, d, imported, set)
				if got := after.text(t, name); got != "true" {
					t.Errorf("%s = %q in state, want true", name, got)
				}
				if back := mustApply(t, d, after, o.attributes); back.text(t, name) != "false" {
					t.Errorf("%s = %q in state after it was left out again, want false", name, back.text(t, name))
				}
			}
		})
	}
}

//nolint:tparallel // Both import the same objects, whose passwords cost a server a tenth of a second each.
func TestAccSteering_import(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := etcdtest.Start(t, etcdtest.WithAuth("rootpw"))
	objects := steeredObjects(t, s)
	proxy := etcdtest.NewProxy(t, s.URL())
	//nolint:paralleltest // See above.
	for name, attributes := range map[string]func(steered) map[string]any{
		"left out": func(o steered) map[string]any { return o.attributes }, "written out": steered.withDefaults,
	} {
		t.Run(name, func(t *testing.T) {
			var text strings.Builder
			for _, o := range objects {
				fmt.Fprintf(&text, "import {\n  to = %s.x\n  id = %s\n}\nresource %q \"x\" {\n", o.typeName, quote(o.id), o.typeName)
				for attribute, value := range attributes(o) {
					fmt.Fprintf(&text, "  %s = %s\n", attribute, jsonText(t, value))
				}
				text.WriteString("}\n")
			}
			w := l.workspace(t, "1.5.0", proxy.URL(), text.String())
			writeFile(t, w, "login_override.tf", "provider \"etcd\" {\n  username = \"root\"\n  password = \"rootpw\"\n}\n")
			output := mustRun(t, w, 0, "apply", "-auto-approve")
			if want := fmt.Sprintf("%d imported, 0 added, 0 changed, 0 destroyed", len(objects)); !strings.Contains(output, want) {
				t.Errorf("the import does not report %q:\n%s", want, output)
			}
			mustRun(t, w, 0, "plan", "-detailed-exitcode")
		})
	}
	wroteNothing(t, proxy)
}

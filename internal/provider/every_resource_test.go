package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// Tests of all resources. A new resource needs a specimen.

// specimen is one object of a resource type.
type specimen struct {
	attributes map[string]any
	// change is the change for an update in place.
	change map[string]any
	// id is the import id. The object is imported if it already exists.
	id     string
	exists bool
	// remove removes the object from the server. If it is nil, absent is the id of an object
	// that does not exist.
	remove func()
	absent string
}

// specimens returns one object of each type, on a server of their own with the user root.
func specimens(t *testing.T, s *etcdtest.Server) map[string]specimen {
	t.Helper()
	s.SetCredentials("root", rootPassword) // Ignored while authentication is disabled.
	makeRole(t, s, "held", nil, nil)
	makeUser(t, s, "holder")
	adopt := map[string]any{"adopt_existing": true}
	role := func(name string) func() { return func() { remove(t, s, rolesPath+name) } }
	tree := func(path string) func() { return func() { s.Delete(t, path, "recursive=true") } }
	return map[string]specimen{
		"etcd_auth": {attributes: map[string]any{}, id: "auth", change: adopt, remove: func() { switchAuth(t, s, false) }},
		"etcd_dir": {
			attributes: map[string]any{"path": "/dir"}, id: "/dir", change: map[string]any{"force_destroy": true}, remove: tree("/dir"),
		},
		"etcd_in_order_key": {
			attributes: map[string]any{"dir": "/queue", "value": "v"}, change: map[string]any{"value": "w"}, remove: tree("/queue"),
		},
		"etcd_key": {attributes: map[string]any{"key": "/key", "value": "v"}, id: "/key", change: adopt, remove: tree("/key")},
		"etcd_key_prefix": {
			attributes: map[string]any{"prefix": "/tree", "keys": map[string]any{"a": "1"}}, id: "/tree", change: adopt, remove: tree("/tree"),
		},
		"etcd_member": {
			attributes: map[string]any{"peer_urls": []string{s.PeerURL()}}, id: s.Name, exists: true, absent: "123abc",
			change: map[string]any{"wait_for_start": true},
		},
		"etcd_role": {attributes: map[string]any{"name": "role"}, id: "role", change: adopt, remove: role("role")},
		"etcd_role_permission": {
			attributes: map[string]any{"role": "held", "access": "read", "pattern": "/p"}, id: "held/read:/p", change: adopt, remove: func() {
				s.JSON(
					t, "PUT", rolesPath+"held", map[string]any{"role": "held", "revoke": map[string]any{"kv": map[string]any{"read": []string{"/p"}}}},
				)
			},
		},
		"etcd_user": {
			attributes: map[string]any{"name": "user", "password": "geheim"}, id: "user", change: adopt,
			remove: func() { remove(t, s, usersPath+"user") },
		},
		"etcd_user_role": {
			attributes: map[string]any{"user": "holder", "role": "held"}, id: "holder/held", change: adopt,
			remove: func() { regrant(t, s, "holder", nil, []string{"held"}) },
		},
	}
}

// blame matches the output of a CLI or the framework that blames the provider for a bug.
var blame = regexp.MustCompile(
	`(?i)Provider produced|always an? (error|issue|problem) (in|with) the|bug in the provider|report (this|it|the following) to|Missing Resource (Identity|State)|Value Conversion Error`,
)

func wantNoBlame(t *testing.T, what, output string) {
	t.Helper()
	if blame.MatchString(strings.Join(strings.Fields(strings.ReplaceAll(output, "│", " ")), " ")) {
		t.Errorf("%s: the provider is blamed for a bug:\n%s", what, output)
	}
}

// The wrapper copies an identity by attribute name.
func TestEveryResource_identityIsOfAttributes(t *testing.T) {
	t.Parallel()
	d := newDirect(t, nil)
	identities, err := d.server.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for name, schema := range d.schemas.ResourceSchemas {
		identity, ok := identities.IdentitySchemas[name]
		if !ok {
			t.Errorf("%s has no identity", name)
			continue
		}
		for _, attribute := range identity.IdentityAttributes {
			if !slices.ContainsFunc(schema.Block.Attributes, func(a *tfprotov6.SchemaAttribute) bool {
				return a.Name == attribute.Name && a.Type.Equal(attribute.Type)
			}) {
				t.Errorf("the identity of %s has %s, which is not an attribute of it", name, attribute.Name)
			}
		}
	}
}

// A CLI before 1.12 stores no identities: its state has none when an object is found to be
// missing, or is changed.
func TestEveryResource_withoutPriorIdentity(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	makeRoot(t, s)
	all := specimens(t, s)
	d := newDirect(t, asRootValues(s.URL()))
	wantSpecimens(t, d, all)
	for name, x := range all {
		var o managed
		if x.exists {
			o = d.imported(t, name, x.id)
		} else {
			o = mustApply(t, d, d.none(name), x.attributes)
		}
		o.identity = nil
		after, errs := d.apply(t, o, merged(x.attributes, x.change))
		if errs != "" || after.identity == nil {
			t.Errorf("%s: update: %s", name, errs)
		}
		o.identity = nil
		if x.remove != nil {
			x.remove()
		} else {
			o = o.with(t, "id", x.absent)
		}
		after, errs = d.refresh(t, o)
		if errs != "" || after.exists() || after.identity == nil {
			t.Errorf("%s: read of a missing object: in state %t, %s", name, after.exists(), errs)
		}
	}
}

func asRootValues(url string) map[string]any {
	values := endpoint(url)
	values["username"], values["password"] = "root", rootPassword
	return values
}

func wantSpecimens(t *testing.T, d *direct, all map[string]specimen) {
	t.Helper()
	want, got := slices.Sorted(maps.Keys(d.schemas.ResourceSchemas)), slices.Sorted(maps.Keys(all))
	if !slices.Equal(got, want) {
		t.Fatalf("specimens of %v, want one of each of %v", got, want)
	}
}

func merged(all ...map[string]any) map[string]any {
	result := map[string]any{}
	for _, attributes := range all {
		maps.Copy(result, attributes)
	}
	return result
}

// with returns the resource with another value of an attribute in state.
func (o managed) with(t *testing.T, attribute string, v any) managed {
	t.Helper()
	var attributes map[string]tftypes.Value
	if err := o.state.As(&attributes); err != nil {
		t.Fatal(err)
	}
	attributes = maps.Clone(attributes)
	attributes[attribute] = value(t, attributes[attribute].Type(), v)
	o.state = tftypes.NewValue(o.state.Type(), attributes)
	return o
}

// The same with a CLI: an update, a refresh and an import of missing objects, each with a
// state without identities.
func TestAccEveryResource_identity(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := etcdtest.Start(t)
	makeRoot(t, s)
	all := specimens(t, s)
	w := l.workspace(t, "1.5", s.URL(), "")
	writeFile(t, w, "override.tf", fmt.Sprintf("provider \"etcd\" {\n  username = \"root\"\n  password = %q\n}\n", rootPassword))
	writeObjects(t, w, all, false)
	mustRun(t, w, 0, "import", "etcd_member.x", all["etcd_member"].id)
	mustRun(t, w, 0, "apply", "-auto-approve")

	stripIdentities(t, w, nil)
	writeObjects(t, w, all, true)
	wantNoBlame(t, "update", mustRun(t, w, 0, "apply", "-auto-approve", "-refresh=false"))

	inOrder := map[string]any{}
	stripIdentities(t, w, func(object string, attributes map[string]any) {
		if id := all[object].absent; id != "" {
			attributes["id"] = id
		}
		if object == "etcd_in_order_key" {
			inOrder = attributes
		}
	})
	for _, name := range slices.Sorted(maps.Keys(all)) { // etcd_auth comes first
		if remove := all[name].remove; remove != nil {
			remove()
		}
	}
	output := mustRun(t, w, 0, "plan")
	wantNoBlame(t, "read", output)
	if want := fmt.Sprintf("%d to add, 0 to change, 0 to destroy", len(all)); !strings.Contains(output, want) {
		t.Errorf("the plan of missing objects does not contain %q:\n%s", want, output)
	}

	if err := os.Remove(filepath.Join(w.Dir, "terraform.tfstate")); err != nil {
		t.Fatal(err)
	}
	for name, x := range all {
		id := x.id
		switch {
		case x.absent != "":
			id = x.absent
		case id == "":
			id = fmt.Sprint(inOrder["key"])
		}
		output := mustRun(t, w, 1, "import", name+".x", id)
		wantNoBlame(t, "import of "+name, output)
		if !strings.Contains(output, "import non-existent") && !strings.Contains(output, "not found") {
			t.Errorf("the import of a missing %s does not report that it is missing:\n%s", name, output)
		}
	}
}

// writeObjects writes one resource of each type, all named x.
func writeObjects(t *testing.T, w *cli.Workspace, all map[string]specimen, changed bool) {
	t.Helper()
	resources := map[string]any{}
	for name, x := range all {
		attributes := x.attributes
		if changed {
			attributes = merged(x.attributes, x.change)
		}
		resources[name] = map[string]any{"x": merged(attributes)}
	}
	writeJSON(t, w, "objects.tf.json", map[string]any{"resource": resources})
}

func writeJSON(t *testing.T, w *cli.Workspace, name string, v any) {
	t.Helper()
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, w, name, string(data))
}

// stripIdentities turns the state into one of a CLI without identities.
func stripIdentities(t *testing.T, w *cli.Workspace, change func(object string, attributes map[string]any)) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(w.Dir, "terraform.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	var state struct {
		Version          int            `json:"version"`
		TerraformVersion string         `json:"terraform_version"`
		Serial           int            `json:"serial"`
		Lineage          string         `json:"lineage"`
		Outputs          map[string]any `json:"outputs"`
		Resources        []struct {
			Mode      string           `json:"mode"`
			Type      string           `json:"type"`
			Name      string           `json:"name"`
			Provider  string           `json:"provider"`
			Instances []map[string]any `json:"instances"`
		} `json:"resources"`
	}
	if err := json.Unmarshal(data, &state); err != nil {
		t.Fatal(err)
	}
	for _, object := range state.Resources {
		for _, instance := range object.Instances {
			delete(instance, "identity")
			delete(instance, "identity_schema_version")
			if attributes, ok := instance["attributes"].(map[string]any); ok && change != nil {
				change(object.Type, attributes)
			}
		}
	}
	writeJSON(t, w, "terraform.tfstate", state)
}

package provider

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// faultyConfig is a configuration with a single null element, or a single number that is not
// whole.
type faultyConfig struct {
	attributes map[string]any
	// path is the place of the fault in the form of an error message.
	path, summary string
}

// faultyConfigs returns one configuration for each collection and each number in a schema,
// including nested ones. Required attributes have some value.
func faultyConfigs(t *testing.T, schema *tfprotov6.Schema) []faultyConfig {
	t.Helper()
	return faultyObjects(t, schema.Block.Attributes, "")
}

func faultyObjects(t *testing.T, attributes []*tfprotov6.SchemaAttribute, at string) []faultyConfig {
	t.Helper()
	required := map[string]any{}
	for _, a := range attributes {
		if a.Required {
			required[a.Name] = someValue(a.Type)
		}
	}
	var all []faultyConfig
	add := func(name string, v any, path, summary string) {
		all = append(all, faultyConfig{merged(required, map[string]any{name: v}), path, summary})
	}
	for _, a := range attributes {
		path := at + a.Name
		switch {
		case !a.Required && !a.Optional:
		case a.NestedType != nil && a.NestedType.Nesting == tfprotov6.SchemaObjectNestingModeSingle:
			for _, nested := range faultyObjects(t, a.NestedType.Attributes, path+".") {
				add(a.Name, nested.attributes, nested.path, nested.summary)
			}
		case a.NestedType != nil:
			t.Errorf("%s: the test does not know this kind of nesting", path)
		case a.Type.Is(tftypes.List{}):
			add(a.Name, []any{"x", nil}, path+"[1]", "Element is null")
		case a.Type.Is(tftypes.Set{}):
			add(a.Name, []any{"x", nil}, "An element of "+path, "Element is null")
		case a.Type.Is(tftypes.Map{}):
			add(a.Name, map[string]any{"a": "x", "b": nil}, path+`["b"]`, "Element is null")
		case a.Type.Is(tftypes.Number):
			for _, number := range []float64{1.5, 1e30, -0.25} {
				add(a.Name, number, path, "Number is not whole")
			}
		}
	}
	return all
}

func someValue(typ tftypes.Type) any {
	switch {
	case typ.Is(tftypes.List{}), typ.Is(tftypes.Set{}):
		return []any{"x"}
	case typ.Is(tftypes.Map{}):
		return map[string]any{"x": "x"}
	case typ.Is(tftypes.Number):
		return 1
	case typ.Is(tftypes.Bool):
		return true
	default:
		return "x"
	}
}

// Every collection in a configuration rejects a null, and every number a fraction, with a
// message that names the attribute.
func TestEveryObject_refusesNullElementsAndFractions(t *testing.T) {
	t.Parallel()
	d := newDirect(t, nil)
	full, ok := d.server.(interface {
		tfprotov6.ProviderServer
		tfprotov6.ListResourceServer
		tfprotov6.ActionServer
	})
	if !ok {
		t.Fatalf("the server %T lacks an interface", d.server)
	}
	checked := 0
	type validation func(context.Context, *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error)
	check := func(what string, schema *tfprotov6.Schema, validate validation) {
		for _, faulty := range faultyConfigs(t, schema) {
			checked++
			diags, err := validate(t.Context(), dynamic(t, schema.ValueType(), value(t, schema.ValueType(), faulty.attributes)))
			if err != nil {
				t.Fatal(err)
			}
			if len(diags) != 1 || diags[0].Summary != faulty.summary || !strings.HasPrefix(diags[0].Detail, faulty.path+" ") ||
				diags[0].Attribute == nil {
				t.Errorf("%s: %s: diagnostics = %s, want %s: %s ...", what, faulty.path, errorText(diags), faulty.summary, faulty.path)
			}
		}
	}
	check("provider", d.schemas.Provider, func(ctx context.Context, c *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error) {
		resp, err := full.ValidateProviderConfig(ctx, &tfprotov6.ValidateProviderConfigRequest{Config: c})
		return resp.Diagnostics, err
	})
	for name, schema := range d.schemas.ResourceSchemas {
		check(name, schema, func(ctx context.Context, c *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error) {
			resp, err := full.ValidateResourceConfig(ctx, &tfprotov6.ValidateResourceConfigRequest{TypeName: name, Config: c})
			return resp.Diagnostics, err
		})
	}
	for name, schema := range d.schemas.DataSourceSchemas {
		check("data "+name, schema, func(ctx context.Context, c *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error) {
			resp, err := full.ValidateDataResourceConfig(ctx, &tfprotov6.ValidateDataResourceConfigRequest{TypeName: name, Config: c})
			return resp.Diagnostics, err
		})
	}
	for name, schema := range d.schemas.EphemeralResourceSchemas {
		check("ephemeral "+name, schema, func(ctx context.Context, c *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error) {
			resp, err := full.ValidateEphemeralResourceConfig(ctx, &tfprotov6.ValidateEphemeralResourceConfigRequest{TypeName: name, Config: c})
			return resp.Diagnostics, err
		})
	}
	for name, schema := range d.schemas.ListResourceSchemas {
		check("list "+name, schema, func(ctx context.Context, c *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error) {
			resp, err := full.ValidateListResourceConfig(ctx, &tfprotov6.ValidateListResourceConfigRequest{TypeName: name, Config: c})
			return resp.Diagnostics, err
		})
	}
	for name, schema := range d.schemas.ActionSchemas {
		check("action "+name, schema.Schema, func(ctx context.Context, c *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error) {
			resp, err := full.ValidateActionConfig(ctx, &tfprotov6.ValidateActionConfigRequest{ActionType: name, Config: c})
			return resp.Diagnostics, err
		})
		check("planned action "+name, schema.Schema, func(ctx context.Context, c *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error) {
			resp, err := full.PlanAction(ctx, &tfprotov6.PlanActionRequest{ActionType: name, Config: c})
			return resp.Diagnostics, err
		})
	}
	if checked < 40 {
		t.Errorf("%d configurations were checked, want at least 40", checked)
	}
}

// The same with a CLI, for everything that all CLIs support, as literals and as values that
// are known only at apply: the error comes before anything is written.
func TestAccEveryObject_refusesNullElementsAndFractions(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := etcdtest.Start(t)
	w := l.workspace(t, "1.5", s.URL(), "")
	d := newDirect(t, nil)
	blocks, literal := map[string]any{}, map[string]string{}
	for kind, schemas := range map[string]map[string]*tfprotov6.Schema{
		"resource": d.schemas.ResourceSchemas, "data": d.schemas.DataSourceSchemas,
	} {
		objects := map[string]any{}
		for name, schema := range schemas {
			named := map[string]any{}
			for i, faulty := range faultyConfigs(t, schema) {
				id := fmt.Sprintf("f%d", i)
				named[id] = faulty.attributes
				address := name + "." + id
				if kind == "data" {
					address = "data." + address
				}
				literal["with "+address+","] = faulty.path
			}
			if len(named) > 0 {
				objects[name] = named
			}
		}
		blocks[kind] = objects
	}
	writeJSON(t, w, "faulty.tf.json", blocks)
	output := mustRun(t, w, 1, "validate")
	wantNoBlame(t, "validate", output)
	for address, path := range literal {
		if !strings.Contains(output, address) {
			t.Errorf("no error %q at %s", address, path)
		}
	}
	wantLateRefusals(t, w, s)
}

// wantLateRefusals applies null elements and fractions that are unknown in the plan. Each is
// refused, and nothing is written.
func wantLateRefusals(t *testing.T, w *cli.Workspace, s *etcdtest.Server) {
	t.Helper()
	const null = "${terraform_data.fraction.output > 1 ? null : \"\"}"
	late := map[string]map[string]any{
		"etcd_user":       {"name": "u", "password": "geheim", "roles": []any{null}},
		"etcd_role":       {"name": "r", "kv_write": []any{null}},
		"etcd_key":        {"key": "/k", "value": "v", "ttl": "${terraform_data.fraction.output}"},
		"etcd_key_prefix": {"prefix": "/p", "keys": map[string]any{"a": null}},
	}
	objects := map[string]any{"terraform_data": map[string]any{"fraction": map[string]any{"input": 1.5}}}
	for name, attributes := range late {
		objects[name] = map[string]any{"late": attributes}
	}
	writeJSON(t, w, "faulty.tf.json", map[string]any{"resource": objects})
	output := mustRun(t, w, 1, "apply", "-auto-approve")
	wantNoBlame(t, "apply", output)
	for name := range maps.Keys(late) {
		if !strings.Contains(output, "with "+name+".late,") {
			t.Errorf("%s was not refused:\n%s", name, output)
		}
	}
	if users := usersOn(t, s); len(users) != 0 {
		t.Errorf("users after the refusal = %q, want none", users)
	}
	if nodes := s.Get(t, "/").Node.Nodes; len(nodes) != 0 {
		t.Errorf("keys after the refusal = %+v, want none", nodes)
	}
}

// A CLI with actions and queries validates them too before it runs one.
func TestAccEveryObject_refusesFractionsInActionsAndLists(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := etcdtest.Start(t)
	w := l.workspace(t, "1.14", s.URL(), `
resource "terraform_data" "fraction" {
  input = 1.5
  lifecycle {
    action_trigger {
      events  = [after_create]
      actions = [action.etcd_set.late]
    }
  }
}
action "etcd_set" "late" {
  config {
    key   = "/k"
    value = "v"
    ttl   = terraform_data.fraction.output
  }
}
`)
	output := mustRun(t, w, 1, "apply", "-auto-approve")
	wantNoBlame(t, "apply", output)
	if !strings.Contains(output, "Number is not whole") {
		t.Errorf("the action was not refused:\n%s", output)
	}
	if nodes := s.Get(t, "/").Node.Nodes; len(nodes) != 0 {
		t.Errorf("keys after the refusal = %+v, want none", nodes)
	}
}

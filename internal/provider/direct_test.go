package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// direct calls the provider like a CLI, but in this process and without a CLI: hundreds of
// plans and applies take a second.
type direct struct {
	server  tfprotov6.ProviderServer
	schemas *tfprotov6.GetProviderSchemaResponse
	// attributes are the attributes of the provider block.
	attributes map[string]any
}

// managed is a managed resource in state.
type managed struct {
	typeName string
	state    tftypes.Value
	private  []byte
	identity *tfprotov6.ResourceIdentityData
}

// newDirect configures a provider with the attributes of a provider block, given as Go
// values.
func newDirect(t *testing.T, attributes map[string]any) *direct {
	t.Helper()
	d := &direct{server: newServer(), attributes: attributes}
	schemas, err := d.server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	d.schemas = schemas
	d.configure(t.Context(), t, d.server)
	return d
}

// run returns the provider for a plan or an apply. A CLI starts and configures one for each,
// because a provider does not delete what it has created itself. An object that does not
// exist yet is planned and created by the same provider.
func (d *direct) run(ctx context.Context, t *testing.T, from managed) tfprotov6.ProviderServer {
	t.Helper()
	if !from.exists() {
		return d.server
	}
	server := newServer()
	d.configure(ctx, t, server)
	return server
}

func (d *direct) configure(ctx context.Context, t *testing.T, server tfprotov6.ProviderServer) {
	t.Helper()
	typ := d.schemas.Provider.ValueType()
	config := dynamic(t, typ, value(t, typ, d.attributes))
	resp, err := server.ConfigureProvider(ctx, &tfprotov6.ConfigureProviderRequest{TerraformVersion: "1.16.4", Config: config})
	if err != nil {
		t.Fatal(err)
	}
	if text := errorText(resp.Diagnostics); text != "" {
		t.Fatal(text)
	}
}

// none returns a resource that does not exist yet.
func (d *direct) none(typeName string) managed {
	return managed{typeName: typeName, state: tftypes.NewValue(d.schemas.ResourceSchemas[typeName].ValueType(), nil)}
}

// plan plans a configuration for a resource; nil attributes plan a destroy.
func (d *direct) plan(t *testing.T, from managed, attributes map[string]any) (*tfprotov6.PlanResourceChangeResponse, tftypes.Value) {
	t.Helper()
	typ := d.schemas.ResourceSchemas[from.typeName].ValueType()
	config := tftypes.NewValue(typ, nil)
	if attributes != nil {
		config = value(t, typ, attributes)
	}
	resp, err := d.run(t.Context(), t, from).PlanResourceChange(t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: from.typeName, PriorState: dynamic(t, typ, from.state), ProposedNewState: dynamic(t, typ, d.proposed(t, from, config)),
		Config: dynamic(t, typ, config), PriorPrivate: from.private, PriorIdentity: from.identity,
	})
	if err != nil {
		t.Fatal(err)
	}
	return resp, config
}

// proposed computes what a CLI proposes for a plan: a computed attribute that the configuration
// leaves out keeps its value.
func (d *direct) proposed(t *testing.T, from managed, config tftypes.Value) tftypes.Value {
	t.Helper()
	if config.IsNull() || from.state.IsNull() {
		return config
	}
	var proposed, prior map[string]tftypes.Value
	if err := config.As(&proposed); err != nil {
		t.Fatal(err)
	}
	if err := from.state.As(&prior); err != nil {
		t.Fatal(err)
	}
	proposed = maps.Clone(proposed) // the map belongs to the configuration
	for _, attribute := range d.schemas.ResourceSchemas[from.typeName].Block.Attributes {
		if attribute.Computed && proposed[attribute.Name].IsNull() {
			proposed[attribute.Name] = prior[attribute.Name]
		}
	}
	return tftypes.NewValue(config.Type(), proposed)
}

// apply plans and applies. It returns the resource in state after that, and the text of the
// errors, empty if there were none.
func (d *direct) apply(t *testing.T, from managed, attributes map[string]any) (after managed, errs string) {
	t.Helper()
	planned, config := d.plan(t, from, attributes)
	if text := errorText(planned.Diagnostics); text != "" {
		return from, text
	}
	return d.applyPlan(t.Context(), t, from, planned, config)
}

// applyPlan applies an earlier plan.
func (d *direct) applyPlan(
	ctx context.Context, t *testing.T, from managed, planned *tfprotov6.PlanResourceChangeResponse, config tftypes.Value,
) (after managed, errs string) {
	t.Helper()
	after, diags := d.applyDiags(ctx, t, from, planned, config)
	return after, errorText(diags)
}

// applyDiags is applyPlan that returns warnings too.
func (d *direct) applyDiags(
	ctx context.Context, t *testing.T, from managed, planned *tfprotov6.PlanResourceChangeResponse, config tftypes.Value,
) (after managed, diags []*tfprotov6.Diagnostic) {
	t.Helper()
	typ := config.Type()
	resp, err := d.run(ctx, t, from).ApplyResourceChange(ctx, &tfprotov6.ApplyResourceChangeRequest{
		TypeName: from.typeName, PriorState: dynamic(t, typ, from.state), PlannedState: planned.PlannedState,
		Config: dynamic(t, typ, config), PlannedPrivate: planned.PlannedPrivate, PlannedIdentity: planned.PlannedIdentity,
	})
	if err != nil {
		t.Fatal(err)
	}
	after = managed{typeName: from.typeName, state: undynamic(t, typ, resp.NewState), private: resp.Private, identity: resp.NewIdentity}
	return after, resp.Diagnostics
}

// refresh reads the resource again.
func (d *direct) refresh(t *testing.T, from managed) (after managed, errs string) {
	t.Helper()
	typ := from.state.Type()
	resp, err := d.server.ReadResource(t.Context(), &tfprotov6.ReadResourceRequest{
		TypeName: from.typeName, CurrentState: dynamic(t, typ, from.state), Private: from.private, CurrentIdentity: from.identity,
	})
	if err != nil {
		t.Fatal(err)
	}
	return managed{
		typeName: from.typeName, state: undynamic(t, typ, resp.NewState), private: resp.Private, identity: resp.NewIdentity,
	}, errorText(resp.Diagnostics)
}

// imported imports a resource by its id, and reads it like a CLI.
func (d *direct) imported(t *testing.T, typeName, id string) managed {
	t.Helper()
	o, errs := d.readImported(t, typeName, id)
	if errs != "" {
		t.Fatal(errs)
	}
	return o
}

// readImported imports a resource by its id. It returns what the following read leaves, and the
// text of the errors of that read.
func (d *direct) readImported(t *testing.T, typeName, id string) (after managed, errs string) {
	t.Helper()
	resp, err := d.server.ImportResourceState(t.Context(), &tfprotov6.ImportResourceStateRequest{TypeName: typeName, ID: id})
	if err != nil {
		t.Fatal(err)
	}
	if text := errorText(resp.Diagnostics); text != "" {
		t.Fatal(text)
	}
	found := resp.ImportedResources[0]
	return d.refresh(t, managed{
		typeName: typeName, private: found.Private, identity: found.Identity,
		state: undynamic(t, d.schemas.ResourceSchemas[typeName].ValueType(), found.State),
	})
}

// exists reports whether the resource is in state.
func (o managed) exists() bool { return !o.state.IsNull() }

// text returns a string, number or boolean of the state as text, "" for null.
func (o managed) text(t *testing.T, attribute string) string {
	t.Helper()
	var attributes map[string]tftypes.Value
	if err := o.state.As(&attributes); err != nil {
		t.Fatal(err)
	}
	v, ok := attributes[attribute]
	if !ok {
		t.Fatalf("%s has no attribute %s", o.typeName, attribute)
	}
	return plain(t, v)
}

func plain(t *testing.T, v tftypes.Value) string {
	t.Helper()
	if v.IsNull() || !v.IsKnown() {
		return ""
	}
	var s string
	if v.As(&s) == nil {
		return s
	}
	var b bool
	if v.As(&b) == nil {
		return fmt.Sprint(b)
	}
	n := new(big.Float)
	if err := v.As(&n); err != nil {
		t.Fatal(err)
	}
	return n.Text('f', -1)
}

func dynamic(t *testing.T, typ tftypes.Type, v tftypes.Value) *tfprotov6.DynamicValue {
	t.Helper()
	out, err := tfprotov6.NewDynamicValue(typ, v)
	if err != nil {
		t.Fatal(err)
	}
	return &out
}

func undynamic(t *testing.T, typ tftypes.Type, v *tfprotov6.DynamicValue) tftypes.Value {
	t.Helper()
	if v == nil {
		return tftypes.NewValue(typ, nil)
	}
	out, err := v.Unmarshal(typ)
	if err != nil {
		t.Fatal(err)
	}
	// A CLI passes every text in this form.
	out, err = tftypes.Transform(out, func(_ *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) {
		var text string
		if !v.Type().Is(tftypes.String) || v.IsNull() || !v.IsKnown() {
			return v, nil
		}
		err := v.As(&text)
		return tftypes.NewValue(tftypes.String, keyspace.Normalized(text)), err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// value makes a value of a type from plain Go values; attributes that are left out are
// null.
func value(t *testing.T, typ tftypes.Type, v any) tftypes.Value {
	t.Helper()
	obj, isObject := typ.(tftypes.Object)
	if attributes, ok := v.(map[string]any); ok && isObject {
		for name := range attributes {
			if _, ok := obj.AttributeTypes[name]; !ok {
				t.Fatalf("no attribute %s among %v", name, slices.Sorted(maps.Keys(obj.AttributeTypes)))
			}
		}
		out := map[string]tftypes.Value{}
		for name, attribute := range obj.AttributeTypes {
			out[name] = tftypes.NewValue(attribute, nil)
			if given, ok := attributes[name]; ok {
				out[name] = value(t, attribute, given)
			}
		}
		return tftypes.NewValue(typ, out)
	}
	if _, ok := v.(unknownValue); ok {
		return tftypes.NewValue(typ, tftypes.UnknownValue)
	}
	if elements, ok := typ.(tftypes.Map); ok {
		if given, ok := v.(map[string]any); ok {
			out := map[string]tftypes.Value{}
			for name, element := range given {
				out[name] = value(t, elements.ElementType, element)
			}
			return tftypes.NewValue(typ, out)
		}
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out, err := tftypes.ValueFromJSON(data, typ) //nolint:staticcheck // plain values cannot be converted in another way
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// unknownValue is a placeholder for a value that is known only after apply.
type unknownValue struct{}

// errorText joins the errors among diagnostics, and leaves warnings out.
func errorText(diags []*tfprotov6.Diagnostic) string {
	var lines []string
	for _, d := range diags {
		if d.Severity == tfprotov6.DiagnosticSeverityError {
			lines = append(lines, d.Summary+": "+d.Detail)
		}
	}
	return strings.Join(lines, "\n")
}

// read reads a data source.
func (d *direct) read(t *testing.T, typeName string, attributes map[string]any) (found managed, errs string) {
	t.Helper()
	typ := d.schemas.DataSourceSchemas[typeName].ValueType()
	resp, err := d.server.ReadDataSource(
		t.Context(), &tfprotov6.ReadDataSourceRequest{TypeName: typeName, Config: dynamic(t, typ, value(t, typ, attributes))},
	)
	if err != nil {
		t.Fatal(err)
	}
	return managed{typeName: typeName, state: undynamic(t, typ, resp.State)}, errorText(resp.Diagnostics)
}

// at is text for parts of lists and objects, such as "endpoints.0.healthy"; "endpoints.#" is
// the number of elements.
func (o managed) at(t *testing.T, steps string) string {
	t.Helper()
	v := o.state
	for step := range strings.SplitSeq(steps, ".") {
		var list []tftypes.Value
		if v.Type().Is(tftypes.List{}) {
			if err := v.As(&list); err != nil {
				t.Fatal(err)
			}
			if step == "#" {
				return strconv.Itoa(len(list))
			}
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(list) {
				t.Fatalf("%s has no %s", o.typeName, steps)
			}
			v = list[i]
			continue
		}
		var attributes map[string]tftypes.Value
		if err := v.As(&attributes); err != nil {
			t.Fatal(err)
		}
		found, ok := attributes[step]
		if !ok {
			t.Fatalf("%s has no %s", o.typeName, steps)
		}
		v = found
	}
	return plain(t, v)
}

// jsonText writes a plain Go value as JSON, which is valid HCL as long as no string in it
// begins a template.
func jsonText(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/zclconf/go-cty/cty"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// cliTree is the configuration of a random tree in a CLI's workspace.
type cliTree struct{ w *cli.Workspace }

// importTree makes a CLI generate the configuration of a tree, and import it.
func (l *lab) importTree(t *testing.T, r *randomTree) *cliTree {
	t.Helper()
	c := &cliTree{l.workspace(t, "1.5.0", r.server.URL(), "")}
	var imports strings.Builder
	ids := r.ids()
	for _, address := range slices.Sorted(maps.Keys(ids)) {
		fmt.Fprintf(&imports, "import {\n  to = %s\n  id = %s\n}\n", address, quote(ids[address]))
	}
	writeFile(t, c.w, "imports.tf", imports.String())
	mustRun(t, c.w, 0, "plan", "-generate-config-out=generated.tf")
	wantQuietImport(t, c.w, len(ids))
	if err := os.Remove(filepath.Join(c.w.Dir, "imports.tf")); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cliTree) edit(t *testing.T, e edit) {
	t.Helper()
	name := filepath.Join(c.w.Dir, "generated.tf")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	file, diags := hclwrite.ParseConfig(text, name, hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	labels := strings.SplitN(e.address, ".", 2)
	block := file.Body().FirstMatchingBlock("resource", labels)
	if block == nil {
		block = file.Body().AppendNewBlock("resource", labels)
	}
	if e.isRemoved {
		file.Body().RemoveBlock(block)
	}
	for _, attribute := range slices.Sorted(maps.Keys(e.set)) {
		block.Body().SetAttributeValue(attribute, ctyValue(e.set[attribute]))
	}
	writeFile(t, c.w, "generated.tf", string(file.Bytes()))
}

// ctyValue returns a plain Go value as the value of an expression.
func ctyValue(v any) cty.Value {
	switch v := v.(type) {
	case string:
		return cty.StringVal(v)
	case int64:
		return cty.NumberIntVal(v)
	case bool:
		return cty.BoolVal(v)
	case map[string]string:
		elements := map[string]cty.Value{}
		for name, element := range v {
			elements[name] = cty.StringVal(element)
		}
		return cty.ObjectVal(elements)
	default:
		return cty.NullVal(cty.DynamicPseudoType)
	}
}

// plan makes a plan and keeps it for the apply.
func (c *cliTree) plan(t *testing.T) (changes map[string]shownChange, warnings string) {
	t.Helper()
	for line := range strings.Lines(mustRun(t, c.w, 0, "plan", "-json", "-out=changes.tfplan")) {
		var message struct {
			Diagnostic struct{ Severity, Summary, Detail string }
		}
		if err := json.Unmarshal([]byte(line), &message); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if message.Diagnostic.Severity == "warning" {
			warnings += message.Diagnostic.Summary + ": " + message.Diagnostic.Detail + "\n"
		}
	}
	var plan struct {
		ResourceChanges []struct {
			Address string
			Change  struct {
				Actions       []string
				Before, After map[string]any
				AfterUnknown  any `json:"after_unknown"`
			}
		} `json:"resource_changes"`
	}
	if err := json.Unmarshal([]byte(mustRun(t, c.w, 0, "show", "-json", "changes.tfplan")), &plan); err != nil {
		t.Fatal(err)
	}
	changes = map[string]shownChange{}
	for _, resource := range plan.ResourceChanges {
		change := resource.Change
		if action := strings.Join(change.Actions, ", "); action != "no-op" {
			unknown, _ := change.AfterUnknown.(map[string]any)
			for name, isUnknown := range unknown {
				if isUnknown == true {
					change.After[name] = unknownValue{}
				}
			}
			changes[resource.Address] = newShown(action, change.Before, change.After)
		}
	}
	return changes, warnings
}

// newShown compares the attributes before and after a change.
func newShown(action string, before, after map[string]any) shownChange {
	s := shownChange{Action: action, Attributes: differences(before, after)}
	was, isMap := before["keys"].(map[string]any)
	is, isToBe := after["keys"].(map[string]any)
	if isMap && isToBe {
		s.Elements = differences(was, is)
	}
	return s
}

// differences returns the names of the attributes that differ, sorted.
func differences(before, after map[string]any) []string {
	all := map[string]any{}
	maps.Copy(all, before)
	maps.Copy(all, after)
	var names []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if fmt.Sprintf("%#v", before[name]) != fmt.Sprintf("%#v", after[name]) {
			names = append(names, name)
		}
	}
	return names
}

func (c *cliTree) apply(t *testing.T) {
	t.Helper()
	mustRun(t, c.w, 0, "apply", "changes.tfplan")
}

// wantEmpty checks that two plans in a row are empty and equal.
func (c *cliTree) wantEmpty(t *testing.T) {
	t.Helper()
	var lines [2][]string
	for i := range lines {
		output := mustRun(t, c.w, 0, "plan", "-detailed-exitcode")
		lines[i] = slices.Sorted(strings.Lines(output)) // objects are read concurrently
	}
	if !slices.Equal(lines[0], lines[1]) {
		t.Errorf("two plans differ:\n%s\n%s", strings.Join(lines[0], ""), strings.Join(lines[1], ""))
	}
}

func (c *cliTree) destroy(t *testing.T) {
	t.Helper()
	mustRun(t, c.w, 0, "destroy", "-auto-approve")
}

// A generated configuration imports a random tree without changes, and the plan of a change shows
// exactly that change.
func TestAccRandomTree(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	etcdtest.EachSeed(t, 3, func(t *testing.T, seed uint64) {
		t.Helper()
		r := newRandomTree(t, l.server, seed)
		before := r.snapshot(t)
		r.check(t, l.importTree(t, r), before, 1)
	})
}

// directTree does the same without a CLI.
type directTree struct {
	d       *direct
	objects map[string]managed
	configs map[string]map[string]any
	planned map[string]*tfprotov6.PlanResourceChangeResponse
}

func importTreeDirectly(t *testing.T, r *randomTree) *directTree {
	t.Helper()
	c := &directTree{d: newDirect(t, endpoint(r.server.URL())), objects: map[string]managed{}, configs: map[string]map[string]any{}}
	for address, id := range r.ids() {
		typeName, _, _ := strings.Cut(address, ".")
		o := c.d.imported(t, typeName, keyspace.Normalized(id))
		resp, err := c.d.server.GenerateResourceConfig(
			t.Context(), &tfprotov6.GenerateResourceConfigRequest{TypeName: typeName, State: dynamic(t, o.state.Type(), o.state)},
		)
		if err != nil || errorText(resp.Diagnostics) != "" {
			t.Fatal(err, errorText(resp.Diagnostics))
		}
		c.objects[address], c.configs[address] = o, plainAttributes(t, undynamic(t, o.state.Type(), resp.Config))
	}
	return c
}

// plainAttributes returns the attributes of an object that are not null, as plain Go values.
func plainAttributes(t *testing.T, object tftypes.Value) map[string]any {
	t.Helper()
	var attributes map[string]tftypes.Value
	if !object.IsNull() {
		if err := object.As(&attributes); err != nil {
			t.Fatal(err)
		}
	}
	out := map[string]any{}
	for name, v := range attributes {
		switch {
		case !v.IsKnown():
			out[name] = unknownValue{}
		case v.IsNull():
		case v.Type().Is(tftypes.Map{ElementType: tftypes.String}):
			out[name] = plainAttributes(t, v)
		case v.Type().Is(tftypes.String):
			out[name] = plain(t, v)
		default:
			out[name] = json.RawMessage(plain(t, v))
		}
	}
	return out
}

func (c *directTree) edit(t *testing.T, e edit) {
	t.Helper()
	if e.isRemoved {
		delete(c.configs, e.address)
		return
	}
	if c.configs[e.address] == nil {
		typeName, _, _ := strings.Cut(e.address, ".")
		c.configs[e.address], c.objects[e.address] = map[string]any{}, c.d.none(typeName)
	}
	for name, v := range e.set {
		c.configs[e.address][name] = v
		switch v := v.(type) {
		case nil:
			delete(c.configs[e.address], name)
		case string:
			c.configs[e.address][name] = keyspace.Normalized(v)
		case map[string]string:
			elements := map[string]any{}
			for name, element := range v {
				elements[name] = keyspace.Normalized(element)
			}
			c.configs[e.address][name] = elements
		}
	}
}

func (c *directTree) plan(t *testing.T) (changes map[string]shownChange, warned string) {
	t.Helper()
	changes, c.planned = map[string]shownChange{}, map[string]*tfprotov6.PlanResourceChangeResponse{}
	for address, o := range c.objects {
		if o.exists() {
			after, errs := c.d.refresh(t, o)
			if errs != "" {
				t.Fatal(errs)
			}
			o, c.objects[address] = after, after
		}
		resp, _ := c.d.plan(t, o, c.configs[address])
		if errs := errorText(resp.Diagnostics); errs != "" {
			t.Fatal(errs)
		}
		warned += warnings(resp.Diagnostics)
		after := undynamic(t, o.state.Type(), resp.PlannedState)
		if after.Equal(o.state) {
			continue
		}
		action := "update"
		switch {
		case o.state.IsNull():
			action = "create"
		case after.IsNull():
			action = "delete"
		}
		c.planned[address] = resp
		changes[address] = newShown(action, plainAttributes(t, o.state), plainAttributes(t, after))
	}
	return changes, warned
}

func (c *directTree) apply(t *testing.T) {
	t.Helper()
	for address, planned := range c.planned {
		o := c.objects[address]
		config := tftypes.NewValue(o.state.Type(), nil)
		if attributes := c.configs[address]; attributes != nil {
			config = value(t, o.state.Type(), attributes)
		}
		after, errs := c.d.applyPlan(t.Context(), t, o, planned, config)
		if errs != "" {
			t.Fatal(errs)
		}
		c.objects[address] = after
		if !after.exists() {
			delete(c.objects, address)
		}
	}
}

func (c *directTree) wantEmpty(t *testing.T) {
	t.Helper()
	changes, _ := c.plan(t)
	for address, change := range changes {
		t.Errorf("the plan is not empty: it shows %v of %s", change, address)
	}
}

func (c *directTree) destroy(t *testing.T) {
	t.Helper()
	clear(c.configs)
	c.plan(t)
	c.apply(t)
}

func TestRandomTree_direct(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	etcdtest.EachSeed(t, 60, func(t *testing.T, seed uint64) {
		t.Helper()
		r := newRandomTree(t, s, seed)
		before := r.snapshot(t)
		r.check(t, importTreeDirectly(t, r), before, 4)
	})
}

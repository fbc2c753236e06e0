package tfserver

import (
	"fmt"
	"math/big"
	"slices"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// The types of a schema accept two things that no attribute does: a null among the
// elements of a list, a set or a map, and a number that is not whole. The framework reports
// either as an error in the provider, and the null only at apply, when something may
// already be written. So both are refused here, when any configuration is validated.

// configTypes are the types of the configurations of a provider.
type configTypes struct {
	provider                                                           configType
	resources, dataSources, ephemeralResources, listResources, actions map[string]configType
}

// configType is the type of one kind of configuration.
type configType struct {
	typ tftypes.Type
	// always reports whether to check a configuration in which the framework found no
	// error. It is false, to save time, where only numbers can be wrong, because the
	// framework reports those.
	always bool
}

func newConfigsOf(schemas *tfprotov6.GetProviderSchemaResponse) configTypes {
	c := configTypes{
		provider:  newConfigType(schemas.Provider),
		resources: newConfigTypes(schemas.ResourceSchemas), dataSources: newConfigTypes(schemas.DataSourceSchemas),
		ephemeralResources: newConfigTypes(schemas.EphemeralResourceSchemas), listResources: newConfigTypes(schemas.ListResourceSchemas),
		actions: map[string]configType{},
	}
	for name, action := range schemas.ActionSchemas {
		c.actions[name] = configType{action.Schema.ValueType(), true}
	}
	return c
}

func newConfigTypes(schemas map[string]*tfprotov6.Schema) map[string]configType {
	types := make(map[string]configType, len(schemas))
	for name, schema := range schemas {
		types[name] = newConfigType(schema)
	}
	return types
}

func newConfigType(schema *tfprotov6.Schema) configType {
	typ := schema.ValueType()
	return configType{typ, hasCollections(typ)}
}

func hasCollections(typ tftypes.Type) bool {
	switch typ := typ.(type) {
	case tftypes.List, tftypes.Set, tftypes.Map:
		return true
	case tftypes.Object:
		for _, attribute := range typ.AttributeTypes {
			if hasCollections(attribute) {
				return true
			}
		}
	}
	return false
}

// check returns the errors in the elements and numbers of a configuration in place of the
// framework's diagnostics, or those diagnostics if there are no such errors.
func (c configType) check(config *tfprotov6.DynamicValue, diags []*tfprotov6.Diagnostic) []*tfprotov6.Diagnostic {
	isError := func(d *tfprotov6.Diagnostic) bool { return d.Severity == tfprotov6.DiagnosticSeverityError }
	if c.typ == nil || config == nil || !c.always && !slices.ContainsFunc(diags, isError) {
		return diags
	}
	raw, err := config.Unmarshal(c.typ)
	if err != nil {
		return diags
	}
	var found []*tfprotov6.Diagnostic
	_ = tftypes.Walk(raw, func(path *tftypes.AttributePath, v tftypes.Value) (bool, error) {
		if d := checkValue(path, v); d != nil {
			d.Severity, d.Attribute = tfprotov6.DiagnosticSeverityError, path
			found = append(found, d)
		}
		return true, nil
	})
	if len(found) > 0 {
		return found
	}
	return diags
}

// checkValue returns the error in one value, nil if there is none.
func checkValue(path *tftypes.AttributePath, v tftypes.Value) *tfprotov6.Diagnostic {
	switch {
	case v.IsKnown() && v.IsNull() && isElement(path):
		return &tfprotov6.Diagnostic{
			Summary: "Element is null",
			Detail:  fmt.Sprintf("%s is null. Leave the element out; a for expression does so with \"if v != null\".", describePath(path)),
		}
	case v.IsKnown() && !v.IsNull() && v.Type().Is(tftypes.Number) && !isWhole(v):
		return &tfprotov6.Diagnostic{
			Summary: "Number is not whole",
			Detail:  fmt.Sprintf("%s must be a whole number below 2^63. Round it with floor or ceil.", describePath(path)),
		}
	}
	return nil
}

func isElement(path *tftypes.AttributePath) bool {
	switch path.LastStep().(type) {
	case tftypes.ElementKeyInt, tftypes.ElementKeyString, tftypes.ElementKeyValue:
		return true
	}
	return false
}

func isWhole(v tftypes.Value) bool {
	n := new(big.Float)
	if v.As(&n) != nil {
		return true // not a number; the framework reports it
	}
	_, accuracy := n.Int64()
	return accuracy == big.Exact
}

// describePath writes a path as a configuration would. Elements of sets have no name.
func describePath(path *tftypes.AttributePath) string {
	text := ""
	for _, step := range path.Steps() {
		switch step := step.(type) {
		case tftypes.AttributeName:
			if text != "" {
				text += "."
			}
			text += string(step)
		case tftypes.ElementKeyInt:
			text += fmt.Sprintf("[%d]", int64(step))
		case tftypes.ElementKeyString:
			text += fmt.Sprintf("[%q]", string(step))
		case tftypes.ElementKeyValue:
			text = "An element of " + text
		}
	}
	return text
}

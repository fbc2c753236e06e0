package provider

import (
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// texts returns the names of the values of a string type.
func texts[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

// oneOf lists the values of a string type for a description.
func oneOf[T ~string](values []T) string {
	return "`" + strings.Join(texts(values), "`, `") + "`"
}

// boolOr returns a boolean, or the default of one that is null.
func boolOr(v types.Bool, otherwise bool) bool {
	if v.IsNull() {
		return otherwise
	}
	return v.ValueBool()
}

// isSet reports whether a configuration says anything, be it unknown yet.
func isSet(v interface{ IsNull() bool }) bool { return !v.IsNull() }

// unknownAttributes names the attributes of a configuration that hold, or are,
// an unknown value.
func unknownAttributes(raw tftypes.Value) []string {
	var names []string
	_ = tftypes.Walk(raw, func(p *tftypes.AttributePath, v tftypes.Value) (bool, error) { //nolint:errcheck // the function returns no error
		if !v.IsKnown() {
			names = append(names, attributeName(p))
			return false, nil
		}
		return true, nil
	})
	return names
}

// attributeName writes a path as a configuration would, without the elements
// of lists and maps.
func attributeName(p *tftypes.AttributePath) string {
	var parts []string
	for _, step := range p.Steps() {
		if name, ok := step.(tftypes.AttributeName); ok {
			parts = append(parts, string(name))
		}
	}
	return strings.Join(parts, ".")
}

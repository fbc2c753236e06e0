package provider

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// placed is a resource of the key space, below the provider's key_prefix, which is not
// part of its state.
type placed interface {
	isPlaced()
	// currentPrefix returns the provider's key_prefix, if it is known.
	currentPrefix() (prefix string, known bool)
}

// placedBase is embedded by every resource of the key space.
type placedBase struct{ resourceBase }

func (*placedBase) isPlaced() {}

func (b *base) currentPrefix() (prefix string, known bool) {
	return b.keyPrefix(), b.connection != nil && len(b.connection.unknown) == 0
}

// placeKey is where private state keeps the key_prefix below which an object was
// created or imported. With the path in state, that is its full path.
const placeKey = "key_prefix"

// checkPlace refuses to do anything with an object that was created or imported
// with another key_prefix: its path is now that of another object. State that
// was written without the note passes. It reports whether to continue.
func checkPlace(ctx context.Context, r any, private privateReader, state tftypes.Value, diags *diag.Diagnostics) bool {
	prefix, known := prefixOf(r)
	if !known {
		return true
	}
	data, readDiags := private.GetKey(ctx, placeKey)
	diags.Append(readDiags...)
	var was string
	if len(data) == 0 || readDiags.HasError() || json.Unmarshal(data, &was) != nil || was == prefix {
		return !readDiags.HasError()
	}
	path, noun := placedPath(state)
	diags.AddError("The provider's key_prefix has changed", fmt.Sprintf(
		"%s was created or imported %s: on the server it is %s. The provider is now configured %s, where the same path is %s, another %s. "+
			"Neither "+
			"the server nor the state was changed.\n\n"+
			"To continue managing it, restore key_prefix. To move it, destroy it with the old key_prefix first, and apply with the new one "+
			"then. To leave it where it is, take it out of state, by a `removed` block with `destroy = false` or by `terraform state rm`. To "+
			"manage objects in both places, configure the provider twice, with an alias.",
		path, withPrefix(was), was+path, withPrefix(prefix), prefix+path, noun))
	return false
}

// notePlace keeps the key_prefix of an object that has none kept yet.
func notePlace(ctx context.Context, r any, private interface {
	privateReader
	privateWriter
}, diags *diag.Diagnostics,
) {
	prefix, known := prefixOf(r)
	if !known {
		return
	}
	if data, readDiags := private.GetKey(ctx, placeKey); len(data) > 0 || readDiags.HasError() {
		return
	}
	data, err := json.Marshal(prefix)
	if err != nil {
		diags.AddError("Unable to write private state", err.Error())
		return
	}
	diags.Append(private.SetKey(ctx, placeKey, data)...)
}

func prefixOf(r any) (prefix string, known bool) {
	inner, ok := r.(placed)
	if !ok {
		return "", false
	}
	return inner.currentPrefix()
}

func withPrefix(prefix string) string {
	if prefix == "" {
		return "without key_prefix"
	}
	return fmt.Sprintf("with key_prefix = %q", prefix)
}

// placedPath returns the path of an object in state, and what it is the path of.
func placedPath(state tftypes.Value) (path, noun string) {
	var attributes map[string]tftypes.Value
	if state.IsNull() || state.As(&attributes) != nil {
		return "", "object"
	}
	for _, place := range []struct{ attribute, noun string }{{"key", "key"}, {"path", "directory"}, {"prefix", "prefix"}} {
		if value, ok := attributes[place.attribute]; ok && value.IsKnown() && value.As(&path) == nil && path != "" {
			return path, place.noun
		}
	}
	return "", "object"
}

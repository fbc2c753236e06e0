package provider

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
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

// stringOr returns a string, or the default of one that is null.
func stringOr(v types.String, otherwise string) string {
	if v.IsNull() {
		return otherwise
	}
	return v.ValueString()
}

// notNull reports whether a configuration sets a value, which may still be unknown.
func notNull(v interface{ IsNull() bool }) bool { return !v.IsNull() }

// unknownAttributes names the attributes of a configuration that contain, or are,
// an unknown value.
func unknownAttributes(raw tftypes.Value) []string {
	var names []string
	_ = tftypes.Walk(raw, func(p *tftypes.AttributePath, v tftypes.Value) (bool, error) {
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

// ttlPointer returns a TTL for the client, nil for none.
func ttlPointer(ttl types.Int64) *int64 {
	if ttl.IsNull() || ttl.IsUnknown() {
		return nil
	}
	return ttl.ValueInt64Pointer()
}

// expiration returns when a node expires, null if it does not.
func expiration(node *etcdv2.Node) types.String {
	if node.Expiration == nil {
		return types.StringNull()
	}
	return types.StringValue(node.Expiration.UTC().Format(time.RFC3339Nano))
}

// indexValue returns an index for state. Indexes stay far below 2^63.
func indexValue(index uint64) types.Int64 {
	return types.Int64Value(int64(index)) //nolint:gosec // see above
}

// indexOf returns an index from state.
func indexOf(v types.Int64) uint64 {
	return uint64(max(v.ValueInt64(), 0))
}

// privateReader and privateWriter are the two halves of private state, whose
// type the framework does not export.
type privateReader interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

type privateWriter interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// privateStateKey is where the private state of an object is kept, as JSON: facts
// that no attribute shows.
const privateStateKey = "notes"

// readPrivateState returns the private state of an object, which is empty at first.
func readPrivateState[T any](ctx context.Context, stored privateReader, diags *diag.Diagnostics) (private T) {
	data, readDiags := stored.GetKey(ctx, privateStateKey)
	diags.Append(readDiags...)
	if len(data) == 0 || readDiags.HasError() {
		return private
	}
	if err := json.Unmarshal(data, &private); err != nil {
		diags.AddError("Unable to read private state", "It was not written by this provider, or it was written by a newer version. Error: "+
			""+err.Error())
	}
	return private
}

// writePrivateState keeps the private state of an object for the next call. One that
// says nothing is removed: the CLI writes what an instance carries to the state file
// after every change.
func writePrivateState(ctx context.Context, stored privateWriter, private any, diags *diag.Diagnostics) {
	data, err := json.Marshal(private)
	if err != nil {
		diags.AddError("Unable to write private state", err.Error())
		return
	}
	if string(data) == "{}" {
		data = nil
	}
	diags.Append(stored.SetKey(ctx, privateStateKey, data)...)
}

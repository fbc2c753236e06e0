package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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

// isSet reports whether a configuration says anything, be it unknown yet.
func isSet(v interface{ IsNull() bool }) bool { return !v.IsNull() }

// unknownAttributes names the attributes of a configuration that hold, or are,
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

// refreshedTTL returns the TTL for state. What counts is whether there is one:
// a life that runs down is no drift, and state keeps the TTL that was written.
func refreshedTTL(state types.Int64, node *etcdv2.Node) types.Int64 {
	switch {
	case !node.HasTTL():
		return types.Int64Null()
	case isSet(state):
		return state
	default:
		return types.Int64Value(node.TTL)
	}
}

// isTTLRead reports whether the TTL that a refresh puts into state was not
// written here but is the rest of a life that a read found, as after an import.
// was is what it was before, and state the TTL that it replaces.
func isTTLRead(was bool, state types.Int64, node *etcdv2.Node) bool {
	return node.HasTTL() && (was || state.IsNull())
}

// plannedTTL returns the TTL to plan: that of state, if it is the rest of a life
// that a read found, and what is wanted is no less.
func plannedTTL(wanted, state types.Int64, isRead bool) types.Int64 {
	if isRead && isSet(state) && !wanted.IsUnknown() && state.ValueInt64() <= wanted.ValueInt64() {
		return state
	}
	return wanted
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

// equalJSON reports whether two texts are the same JSON, up to white space and
// the order of members, with numbers compared as they are written. A text that
// is no JSON equals none. It is the equality of jsontypes.Normalized.
func equalJSON(a, b string) bool {
	canonicalA, errA := canonicalJSON(a)
	canonicalB, errB := canonicalJSON(b)
	return errA == nil && errB == nil && bytes.Equal(canonicalA, canonicalB)
}

func canonicalJSON(text string) ([]byte, error) {
	if !json.Valid([]byte(text)) {
		return nil, errors.New("not JSON")
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// privateReader and privateWriter are the two halves of private state, whose
// type the framework does not export.
type privateReader interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

type privateWriter interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// The notes of an object are what private state keeps for it as JSON: facts
// that no attribute shows.
const notesKey = "notes"

// readNotes returns the notes, or none at all if there are none yet.
func readNotes[T any](ctx context.Context, private privateReader, diags *diag.Diagnostics) (notes T) {
	data, readDiags := private.GetKey(ctx, notesKey)
	diags.Append(readDiags...)
	if len(data) == 0 || readDiags.HasError() {
		return notes
	}
	if err := json.Unmarshal(data, &notes); err != nil {
		diags.AddError("Unable to read private state", "It was not written by this provider, or by a newer version of it. Error: "+err.Error())
	}
	return notes
}

// writeNotes keeps notes for the next call. Notes that say nothing are removed:
// what an instance carries is written to the state file after every change.
func writeNotes(ctx context.Context, private privateWriter, notes any, diags *diag.Diagnostics) {
	data, err := json.Marshal(notes)
	if err != nil {
		diags.AddError("Unable to write private state", err.Error())
		return
	}
	if string(data) == "{}" {
		data = nil
	}
	diags.Append(private.SetKey(ctx, notesKey, data)...)
}

package provider

import (
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// prefixPrivateState is what private state contains about a prefix. A computed attribute
// would print a line for every key in every plan.
type prefixPrivateState struct {
	Keys      map[string]keyspace.Note      `json:"keys"`
	Unsettled map[string]keyspace.Unsettled `json:"unsettled,omitempty"`
	// LeavesTTLs reports that an import found keys with a TTL and keys without
	// one. As long as no TTL is configured, every key keeps what it has.
	LeavesTTLs bool `json:"leaves_ttls,omitempty"`
	// TTLSent is that of lifetimePrivateState.
	TTLSent int64 `json:"ttl_sent,omitempty"`
}

// knownKeys joins what state and private state say.
func knownKeys(keys types.Map, private prefixPrivateState) map[string]keyspace.Known {
	known := map[string]keyspace.Known{}
	for path, value := range texted(keys) {
		known[path] = keyspace.Known{Note: private.Keys[path], Value: value}
	}
	return known
}

// notesOf are the notes for what is known.
func notesOf(known map[string]keyspace.Known, unsettled map[string]keyspace.Unsettled) prefixPrivateState {
	private := prefixPrivateState{Keys: make(map[string]keyspace.Note, len(known)), Unsettled: unsettled}
	for path, k := range known {
		private.Keys[path] = k.Note
	}
	return private
}

// texted returns the elements of a map of strings, unknown ones as "".
func texted(m types.Map) map[string]string {
	elements := m.Elements()
	out := make(map[string]string, len(elements))
	for name, element := range elements {
		if text, ok := element.(types.String); ok {
			out[name] = text.ValueString()
		}
	}
	return out
}

// keysValue is the attribute keys for what is known.
func keysValue(known map[string]keyspace.Known) types.Map {
	elements := make(map[string]attr.Value, len(known))
	for path, k := range known {
		elements[path] = types.StringValue(k.Value)
	}
	return types.MapValueMust(types.StringType, elements)
}

// sharedTTL returns the TTL for state after a refresh. It stays the same as long as some keys have
// one, because the plan names the keys that deviate. It changes only if all keys have lost their
// TTL, or all have one.
func sharedTTL(expected types.Int64, known map[string]keyspace.Known) types.Int64 {
	with, without, longest := keyspace.CountTTLs(known)
	switch {
	case with == 0 && without > 0:
		return types.Int64Null()
	case with > 0 && without == 0 && expected.IsNull():
		return types.Int64Value(longest)
	default:
		return expected
	}
}

// firstExpiration returns when the first key expires, null if none does.
func firstExpiration(known map[string]keyspace.Known) types.String {
	var first *time.Time
	for _, k := range known {
		if k.Expiration != nil && (first == nil || k.Expiration.Before(*first)) {
			first = k.Expiration
		}
	}
	return expiration(&etcdv2.Node{Expiration: first})
}

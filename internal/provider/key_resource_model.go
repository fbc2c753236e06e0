package provider

import (
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// toAPI returns what the key is to contain. Only the configuration has a write-only value.
func (m *keyModel) toAPI(config keyModel, ttl *int64) keyspace.Wanted {
	want := keyspace.Wanted{Value: m.Value.ValueString(), TTL: ttl}
	switch {
	case notNull(m.ValueJSON):
		want.Value, want.JSON = m.ValueJSON.ValueString(), true
	case notNull(m.ValueWOVersion):
		want.Value = config.ValueWO.ValueString()
	}
	return want
}

// seen returns what the key contained when state was read.
func (m *keyModel) seen() keyspace.Seen {
	seen := keyspace.Seen{Index: indexOf(m.ModifiedIndex), Value: m.Value.ValueStringPointer(), Expires: notNull(m.TTL)}
	if notNull(m.ValueJSON) {
		seen.Value, seen.JSON = m.ValueJSON.ValueStringPointer(), true
	}
	return seen
}

// fromAPI takes over what a write has set.
func (m *keyModel) fromAPI(node *etcdv2.Node) {
	m.CreatedIndex = indexValue(node.CreatedIndex)
	m.ModifiedIndex = indexValue(node.ModifiedIndex)
	m.Expiration = expiration(node)
}

// privateAfter returns the private state after a write that was planned
// with notes.
func (m *keyModel) privateAfter(node *etcdv2.Node, planned keyPrivateState) keyPrivateState {
	private := keyPrivateState{Reworded: m.isReworded(node), NotText: node.NotText, lifetimePrivateState: planned.after()}
	if notNull(m.ValueWOVersion) {
		private.Written = node.ModifiedIndex
	}
	return private
}

// isReworded reports whether the server has JSON in other words than m.
func (m *keyModel) isReworded(node *etcdv2.Node) bool {
	return notNull(m.ValueJSON) && m.ValueJSON.ValueString() != node.Value
}

// refresh sets the attributes that a read has found. The value goes into the attribute that has it
// in state.
func (m *keyModel) refresh(node *etcdv2.Node, private *keyPrivateState) {
	switch {
	case notNull(m.ValueWOVersion):
		if private.Written == 0 {
			// After an import there is nothing to compare with: what is found counts as ours.
			private.Written = node.ModifiedIndex
		}
	case m.ValueJSON.IsNull() && m.Value.IsNull() && keyspace.IsJSONDocument(node.Value):
		// An import has not chosen an attribute.
		m.ValueJSON = newJSONValue(node.Value)
	case !notNull(m.ValueJSON):
		m.Value = types.StringValue(node.Value)
	case !m.ValueJSON.saysTheSameAs(node.Value):
		// Text that is not JSON stays in value_json too: value is not sensitive
		// where value_json is.
		m.ValueJSON = newJSONValue(node.Value)
	}
	private.Reworded, private.NotText = m.isReworded(node), node.NotText
	private.Due = notNull(m.TTLRenewBelow) && node.HasTTL() && node.TTL < m.TTLRenewBelow.ValueInt64()
	m.TTL = private.refreshed(m.TTL, node)
	m.fromAPI(node)
}

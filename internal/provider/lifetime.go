package provider

import (
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// The lifetime of a key is part of what a plan shows. State has the TTL that
// was last written, which does not count down. After an import there is none:
// state then has the remaining TTL that was found, and any configured TTL of at
// least that much may be the one that the key was written with.

// lifetimePrivateState are what private state keeps of the TTL in state.
type lifetimePrivateState struct {
	// TTLRead reports that the provider did not write the TTL: it is the remaining TTL that a
	// read found.
	TTLRead bool `json:"ttl_read,omitempty"`
	// TTLSent is the TTL that a write sends, or has sent since the last read,
	// where a plan keeps the TTL of state: see plannedTTL. 0 means that it is
	// the one in the plan.
	TTLSent int64 `json:"ttl_sent,omitempty"`
	// TTLFound is the TTL that the last read found, if it is longer than the TTL in state:
	// another program has set it. That is not drift, but a write ends it.
	TTLFound int64 `json:"ttl_found,omitempty"`
}

// refreshServers names the servers that keep the value when a TTL is refreshed
// on a condition. For others the value is written with the TTL.
const refreshServers = "etcd 2.3.7 and later"

// ttlValue returns the TTL that a read found, null if there is none.
func ttlValue(node *etcdv2.Node) types.Int64 {
	if !node.HasTTL() {
		return types.Int64Null()
	}
	return types.Int64Value(keyspace.RemainingTTL(node))
}

// settledTTL returns the TTL of an apply: what was planned, or otherwise, if that
// was not known.
func settledTTL(planned, otherwise types.Int64) types.Int64 {
	if planned.IsUnknown() {
		return otherwise
	}
	return planned
}

// configuredTTL returns the TTL in a configuration.
func configuredTTL(config, otherwise types.Int64) types.Int64 {
	if config.IsNull() {
		return otherwise
	}
	return config
}

// refreshed returns the TTL for state. Only its presence is compared: the countdown is not drift.
func (n *lifetimePrivateState) refreshed(state types.Int64, node *etcdv2.Node) types.Int64 {
	sent := n.TTLSent
	n.TTLSent, n.TTLFound = 0, 0
	switch {
	case !node.HasTTL():
		n.TTLRead = false
		return types.Int64Null()
	case sent != 0:
		n.TTLRead = false
		return types.Int64Value(sent)
	case state.IsNull():
		n.TTLRead = true
		return ttlValue(node)
	default:
		if node.TTL > state.ValueInt64() {
			n.TTLFound = node.TTL
		}
		return state
	}
}

// plannedTTL returns the TTL to plan: the remaining one in state, if a read found it and the wanted
// one is at least as long. The plan keeps it even if a write sends the wanted one, because whether
// there is a write may be known only at apply, and a planned TTL must not change any more.
func (n *lifetimePrivateState) plannedTTL(wanted, state types.Int64) types.Int64 {
	if n.TTLRead && !state.IsNull() && !wanted.IsUnknown() && state.ValueInt64() <= wanted.ValueInt64() {
		return state
	}
	return wanted
}

// send records, for the apply, the TTL that a planned write sends.
func (n *lifetimePrivateState) send(planned, wanted types.Int64) {
	n.TTLSent = 0
	if !planned.Equal(wanted) {
		n.TTLSent = wanted.ValueInt64()
	}
}

// toSend returns the TTL that a write sends, nil for none.
func (n *lifetimePrivateState) toSend(planned types.Int64) *int64 {
	if n.TTLSent != 0 {
		return &n.TTLSent
	}
	return ttlPointer(planned)
}

// warnOfWrite names a key that is written, if the write changes a TTL that the plan does not show:
// the remaining one of an import, which is replaced by the whole TTL, or a longer one that another
// program has set.
func (n *lifetimePrivateState) warnOfWrite(key string, state, planned types.Int64, diags *diag.Diagnostics) {
	sent, found := n.toSend(planned), max(state.ValueInt64(), n.TTLFound)
	if sent == nil || state.IsNull() || *sent == found || (n.TTLSent == 0 && n.TTLFound == 0) {
		return
	}
	diags.AddAttributeWarning(path.Root("ttl"), "The write changes the TTL", fmt.Sprintf(
		"%s has a TTL, with %d seconds left, that this configuration did not set. A write of this plan sets it to the configured %d seconds.",
		key, found, *sent))
}

// after returns the note to store after a write.
func (n *lifetimePrivateState) after() lifetimePrivateState {
	if n.TTLSent == 0 {
		return lifetimePrivateState{}
	}
	return lifetimePrivateState{TTLRead: n.TTLRead, TTLSent: n.TTLSent}
}

// validateRenewal makes the checks of checkRenewal that need only the configuration.
func validateRenewal(renewBelow, ttl types.Int64, diags *diag.Diagnostics) {
	if !ttl.IsNull() {
		checkRenewal(renewBelow, ttl, diags)
	}
}

// checkRenewal refuses a renewal that would never end, or never begin.
func checkRenewal(renewBelow, ttl types.Int64, diags *diag.Diagnostics) {
	switch {
	case renewBelow.IsNull(), renewBelow.IsUnknown(), mayRenew(renewBelow, ttl):
	case ttl.IsNull():
		diags.AddAttributeError(path.Root("ttl_renew_below"), "Nothing to renew",
			"There is no ttl, and the provider has no default_ttl. Set one, or remove ttl_renew_below.")
	default:
		diags.AddAttributeError(path.Root("ttl_renew_below"), "Renewal without end", fmt.Sprintf(
			"With ttl_renew_below = %d and a TTL of %d seconds, every plan would renew it. Choose less than the TTL. If ttl_renew_below is in "+
				"ignore_changes, its value in state counts.",
			renewBelow.ValueInt64(), ttl.ValueInt64()))
	}
}

// mayRenew reports whether a TTL can be renewed. One that is no longer than the limit would be due
// again in every plan. It passes what is not known yet.
func mayRenew(renewBelow, ttl types.Int64) bool {
	return notNull(renewBelow) && notNull(ttl) &&
		(renewBelow.IsUnknown() || ttl.IsUnknown() || renewBelow.ValueInt64() < ttl.ValueInt64())
}

// planRenewal is checkRenewal for a plan of the TTL that counts. On a create the provider's default_ttl
// decides, and the apply refuses it.
//
// On an update, kept reports that the configured TTL is that of state. It is so if ttl is in
// ignore_changes: then somebody else may have set it in the store, or removed it. As validateRenewal
// has checked what the configuration says, the plan only warns, and does not renew: see mayRenew.
func planRenewal(renewBelow, ttl types.Int64, creates, kept bool, diags *diag.Diagnostics) {
	var found diag.Diagnostics
	checkRenewal(renewBelow, ttl, &found)
	switch {
	case creates:
		warnOfApply(diags, found)
	case len(found) == 0 || !kept:
		diags.Append(found...)
	case ttl.IsNull():
		diags.AddAttributeWarning(path.Root("ttl_renew_below"), "Nothing to renew",
			"Either neither ttl nor the provider's default_ttl is set, or ttl is in ignore_changes and the key has no TTL in the store. Nothing "+
				"is renewed until there is a TTL.")
	default:
		diags.AddAttributeWarning(path.Root("ttl_renew_below"), "TTL is not renewed", fmt.Sprintf(
			"The TTL is %d seconds, and ttl_renew_below is %d, so every plan would renew it. With ttl in ignore_changes, the TTL in the store "+
				"counts: somebody else has set it, or an import has found it. It runs out without a renewal. To renew it, take ttl out of "+
				"ignore_changes, or set ttl_renew_below to less than the TTL.",
			ttl.ValueInt64(), renewBelow.ValueInt64()))
	}
}

// lifetimeChanges names the keys whose lifetime changes.
type lifetimeChanges struct{ gain, lose, change []string }

// add notes changes.
func (c *lifetimeChanges) add(changes ...keyspace.TTLChange) {
	for _, change := range changes {
		switch {
		case change.From == change.To:
		case change.From == 0:
			c.gain = append(c.gain, fmt.Sprintf("%s: %d seconds", change.Key, change.To))
		case change.To == 0:
			c.lose = append(c.lose, fmt.Sprintf("%s: %d seconds until now", change.Key, change.From))
		default:
			c.change = append(c.change, fmt.Sprintf("%s: %d seconds, until now %d", change.Key, change.To, change.From))
		}
	}
}

// warn reports the changes, and advice on them, if there are any.
func (c *lifetimeChanges) warn(summary, advice string, diags *diag.Diagnostics) {
	var parts []string
	for _, group := range []struct {
		title string
		keys  []string
	}{
		{"These keys gain a TTL, and will expire:", c.gain},
		{"These keys lose their TTL, and will not expire any more:", c.lose},
		{"The TTL of these keys changes:", c.change},
	} {
		if len(group.keys) > 0 {
			parts = append(parts, group.title+"\n\n"+enumerate(group.keys))
		}
	}
	if len(parts) == 0 {
		return
	}
	if advice != "" {
		parts = append(parts, advice)
	}
	diags.AddWarning(summary, strings.Join(parts, "\n\n"))
}

// warnOfAdoption returns a function that names an adopted object whose TTL has changed. No plan shows
// that: whether the object exists is found at apply.
func warnOfAdoption(diags *diag.Diagnostics) func(keyspace.TTLChange) {
	return func(change keyspace.TTLChange) {
		var changes lifetimeChanges
		changes.add(change)
		changes.warn(adoptedLifetime, "", diags)
	}
}

const adoptedLifetime = "Adoption changed a lifetime"

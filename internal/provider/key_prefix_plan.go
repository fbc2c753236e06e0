package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// ModifyPlan fills in the provider's default TTL, plans renewals, and refuses or warns of everything
// that can be known before the first write.
func (r *keyPrefixResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var config, plan keyPrefixModel
	resp.Diagnostics.Append(readModel(ctx, req.Config, &config)...)
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	var state *keyPrefixModel
	if !req.State.Raw.IsNull() {
		state = new(keyPrefixModel)
		resp.Diagnostics.Append(readModel(ctx, req.State, state)...)
	}
	private := readPrivateState[prefixPrivateState](ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.TTL = configuredTTL(config.TTL, r.defaultTTL())
	kept := state != nil && config.TTL.Equal(state.TTL)
	planRenewal(plan.TTLRenewBelow, plan.TTL, state == nil, kept, &resp.Diagnostics)
	plan.Expiration = types.StringUnknown()
	if plan.TTL.IsNull() {
		plan.Expiration = types.StringNull()
	}
	if state == nil {
		addLosses(&resp.Diagnostics, plan.losesAgain(private)...)
	}
	if state != nil && !plan.Prefix.IsUnknown() && !plan.Prefix.Equal(state.Prefix) {
		known := knownKeys(state.Keys, private)
		intent := plan.intent(*state, nil, false)
		addLosses(&resp.Diagnostics, keyspace.Losses(intent.Copies(state.Prefix.ValueString(), known))...)
	}
	if state != nil && plan.Prefix.Equal(state.Prefix) {
		sent := private.TTLSent
		plan.planChange(r.keyPrefix(), *state, &private, &resp.Diagnostics)
		if private.TTLSent != sent {
			writePrivateState(ctx, resp.Private, private, &resp.Diagnostics)
		}
	}
	resp.Diagnostics.Append(writeModel(ctx, &resp.Plan, plan)...)
}

// losesAgain returns the keys for which losesBytesAgain is true.
func (m *keyPrefixModel) losesAgain(private prefixPrivateState) (keys []string) {
	values := texted(m.Keys)
	for _, relative := range slices.Sorted(maps.Keys(values)) {
		if losesBytesAgain(private.Keys[relative].NotText, values[relative]) {
			keys = append(keys, keyspace.Below(m.Prefix.ValueString(), relative))
		}
	}
	return keys
}

// planChange plans, for the provider's key_prefix, against what is known of the
// keys, and notes the TTL that the apply is to send.
func (m *keyPrefixModel) planChange(prefix string, state keyPrefixModel, private *prefixPrivateState, diags *diag.Diagnostics) {
	known := knownKeys(state.Keys, *private)
	if !m.Keys.IsUnknown() {
		m.checkDirs(prefix, known, diags)
		m.warnOfLeft(known, diags)
	}
	sent := private.TTLSent
	private.TTLSent = 0
	if m.TTL.IsUnknown() {
		return
	}
	wanted := m.TTL
	m.TTL = plannedSharedTTL(wanted, state.TTL, sent, known)
	intent := m.intent(state, ttlPointer(wanted), private.LeavesTTLs)
	learn(&intent, m.Keys, known)
	writes, _ := intent.Changes(m.Prefix.ValueString(), known)
	switch {
	case len(writes) == 0 && m.Keys.Equal(state.Keys):
		m.Expiration = state.Expiration
		return
	case intent.KeepsTTLs():
		m.Expiration = types.StringUnknown()
	}
	if !m.TTL.Equal(wanted) {
		private.TTLSent = wanted.ValueInt64()
	}
	warnOfLosses(diags, keyspace.Losses(writes)...)
	var changes lifetimeChanges
	changes.add(intent.Lifetimes(writes, known)...)
	advice := "The TTL comes from ttl, or else from the provider's default_ttl."
	if wanted.IsNull() {
		advice = "Neither ttl nor the provider's default_ttl is set. Set one to keep the keys from becoming permanent."
	}
	changes.warn("Lifetimes of keys change", advice, diags)
}

// plannedSharedTTL returns the TTL to plan: see lifetimePrivateState.plannedTTL. sent is
// the one that was sent since the last read, 0 for none.
func plannedSharedTTL(wanted, state types.Int64, sent int64, known map[string]keyspace.Known) types.Int64 {
	isRead := sent != 0
	for _, k := range known {
		if !k.HasTTL(wanted.ValueInt64()) {
			return wanted
		}
		isRead = isRead || (k.TTLRead && k.TTL == state.ValueInt64())
	}
	return (&lifetimePrivateState{TTLRead: isRead}).plannedTTL(wanted, state)
}

// intent is what an apply is to do with the keys.
func (m *keyPrefixModel) intent(state keyPrefixModel, ttl *int64, leavesTTLs bool) keyspace.TreeIntent {
	renews := mayRenew(m.TTLRenewBelow, types.Int64PointerValue(ttl))
	return keyspace.TreeIntent{
		Values: texted(m.Keys), TTL: ttl, LeavesTTLs: leavesTTLs, Exclusive: m.Exclusive.ValueBool(),
		RenewsDue: renews, RenewsAll: renews && !m.TTLRenewBelow.Equal(state.TTLRenewBelow),
	}
}

// learn records the keys whose values a plan does not know yet: they may be written. If not even
// the keys are known, all may be written.
func learn(i *keyspace.TreeIntent, keys types.Map, known map[string]keyspace.Known) {
	i.Unknown = map[string]bool{}
	for relative, value := range keys.Elements() {
		i.Unknown[relative] = value.IsUnknown()
	}
	if keys.IsUnknown() {
		for relative, k := range known {
			i.Values[relative], i.Unknown[relative] = k.Value, true
		}
	}
}

// checkDirs refuses a key whose path has keys of state below it: a server keeps the directory when the
// last key in it is deleted. If the configuration never listed them, somebody else has put them there:
// then the plan only warns, and the apply refuses it as the store is.
func (m *keyPrefixModel) checkDirs(prefix string, known map[string]keyspace.Known, diags *diag.Diagnostics) {
	wanted := m.Keys.Elements()
	inside := map[string]string{}
	for _, relative := range slices.Sorted(maps.Keys(known)) {
		for dir := range keyspace.Ancestors(relative) {
			if other, ok := inside[dir]; !ok || known[other].Foreign {
				inside[dir] = relative
			}
		}
	}
	for _, relative := range slices.Sorted(maps.Keys(wanted)) {
		below, ok := inside[relative]
		if !ok {
			continue
		}
		var errs diag.Diagnostics
		errs.AddAttributeError(path.Root("keys").AtMapKey(relative), "Key is in place of a directory",
			fmt.Sprintf("%q cannot be created: %q is below it, so the path is a directory, which stays when its last key is deleted. "+
				"Remove the keys below it and apply, remove the empty directory (ETCDCTL_API=2 etcdctl rmdir '%s'), and then add "+
				"the key; or choose another path.", relative, below, prefix+keyspace.Below(m.Prefix.ValueString(), relative)))
		if known[below].Foreign {
			warnOfApply(diags, errs)
		} else {
			diags.Append(errs...)
		}
	}
}

// warnOfLeft warns of keys that the plan shows as removed and that only leave state.
func (m *keyPrefixModel) warnOfLeft(known map[string]keyspace.Known, diags *diag.Diagnostics) {
	if m.Exclusive.IsUnknown() || m.Exclusive.ValueBool() {
		return
	}
	wanted := m.Keys.Elements()
	var left []string
	for _, relative := range slices.Sorted(maps.Keys(known)) {
		if _, ok := wanted[relative]; !ok && known[relative].Foreign {
			left = append(left, keyspace.Below(m.Prefix.ValueString(), relative))
		}
	}
	if len(left) > 0 {
		diags.AddAttributeWarning(path.Root("keys"), "Keys leave state and stay in the store",
			"These keys were found below the prefix and were never listed when it was applied. With exclusive = false they are not deleted, "+
				"although the plan shows them as removed:\n\n"+enumerate(left)+"\n\nTo have them deleted, set exclusive = true; to keep them "+
				"managed, list them.")
	}
}

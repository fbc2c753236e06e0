package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// ModifyPlan fills in the provider's default TTL, plans what a configuration
// alone does not show (a renewal, a write-only value that somebody else wrote),
// and says of each computed attribute whether the change at hand moves it: what
// refers to an index that stays is to stay quiet.
func (r *keyResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var config, plan keyModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	var state *keyModel
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	}
	before := readNotes[keyNotes](ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	notes, ok := plan.plan(config, state, before, r.defaultTTL(), &resp.Diagnostics)
	if !ok {
		return
	}
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
	if notes != before {
		writeNotes(ctx, resp.Private, notes, &resp.Diagnostics)
	}
}

// plan is ModifyPlan for a proposed plan. It returns the notes for the apply, and
// false if there is nothing to plan.
func (m *keyModel) plan(config keyModel, state *keyModel, before keyNotes, defaultTTL types.Int64, diags *diag.Diagnostics) (notes keyNotes, ok bool) {
	m.TTL = configuredTTL(config.TTL, defaultTTL)
	lost := state != nil && state.TTL.IsNull() && m.TTLRenewBelow.Equal(state.TTLRenewBelow)
	planRenewal(m.TTLRenewBelow, m.TTL, state == nil, lost, diags)
	m.planValue(config, state)
	notes = m.planWrite(config, state, before)
	var noValue diag.Diagnostics
	if m.ModifiedIndex.IsUnknown() && !notes.KeepsValue && !m.hasValue(config, &noValue) && state != nil {
		diags.Append(noValue...)
		return notes, false
	}
	warnOfApply(diags, noValue)
	if state != nil {
		if m.ModifiedIndex.IsUnknown() {
			notes.warnOfWrite(m.Key.ValueString(), state.TTL, m.TTL, diags)
		}
		if m.losesBytes(*state, notes) {
			addLosses(diags, state.Key.ValueString())
		}
	}
	return notes, true
}

// planValue plans the value in the attribute in which the configuration has it.
// One that has it in none, which only ignore_changes makes of a valid one, keeps
// what state has. That is why the attributes are computed: a plan could
// otherwise hold nothing but null where the configuration does.
func (m *keyModel) planValue(config keyModel, state *keyModel) {
	m.Value, m.ValueJSON, m.ValueWOVersion = config.Value, config.ValueJSON, config.ValueWOVersion
	if state != nil && m.Value.IsNull() && m.ValueJSON.IsNull() && m.ValueWOVersion.IsNull() {
		m.Value, m.ValueJSON, m.ValueWOVersion = state.Value, state.ValueJSON, state.ValueWOVersion
	}
}

// planWrite plans the attributes that the server sets, keeps the words of state
// where they say the same as the configuration, and notes what the apply needs
// to know and the plan does not hold.
func (m *keyModel) planWrite(config keyModel, state *keyModel, notes keyNotes) keyNotes {
	wanted := m.TTL
	notes.KeepsValue, notes.TTLSent = false, 0
	if state != nil {
		renews := m.renews(*state, notes)
		if m.ValueJSON.saysTheSameAs(state.ValueJSON.ValueString()) {
			m.ValueJSON = state.ValueJSON
		}
		if !renews {
			m.TTL = notes.plannedTTL(wanted, state.TTL)
		}
		writesValue := m.changesValue(*state, notes) || m.rewrites(config, *state, notes)
		if m.Key.Equal(state.Key) && m.TTL.Equal(state.TTL) && !writesValue && !renews {
			m.CreatedIndex, m.ModifiedIndex, m.Expiration = state.CreatedIndex, state.ModifiedIndex, state.Expiration
			return notes
		}
		notes.KeepsValue = !writesValue
		notes.send(m.TTL, wanted)
	}
	// A plain write of somebody else creates a key again, and so moves the
	// created index too.
	m.CreatedIndex, m.ModifiedIndex, m.Expiration = types.Int64Unknown(), types.Int64Unknown(), types.StringUnknown()
	if m.TTL.IsNull() {
		m.Expiration = types.StringNull()
	}
	return notes
}

// losesBytes reports whether a plan that keeps the value has to write it, to
// remove a TTL or at another path, and cannot: see wouldLoseBytes.
func (m *keyModel) losesBytes(state keyModel, notes keyNotes) bool {
	moves := !m.Key.IsUnknown() && !m.Key.Equal(state.Key)
	return notes.NotText && notes.KeepsValue && (moves || m.TTL.IsNull() && !state.TTL.IsNull())
}

// changesValue reports whether the value is to be written.
func (m *keyModel) changesValue(state keyModel, notes keyNotes) bool {
	held, exact := state.Value, true
	if isSet(state.ValueJSON) {
		held, exact = state.ValueJSON.StringValue, !notes.Reworded
	}
	switch {
	case isSet(m.ValueWOVersion):
		return !m.ValueWOVersion.Equal(state.ValueWOVersion)
	case held.IsNull():
		return true
	case isSet(m.ValueJSON):
		return !m.ValueJSON.saysTheSameAs(held.ValueString())
	default:
		return !exact || !m.Value.Equal(held)
	}
}

// rewrites reports whether somebody else wrote the key since its write-only
// value was written here.
func (m *keyModel) rewrites(config, state keyModel, notes keyNotes) bool {
	return isSet(m.ValueWOVersion) && isSet(config.ValueWO) && indexOf(state.ModifiedIndex) != notes.Written
}

// renews reports whether the TTL is to start anew.
func (m *keyModel) renews(state keyModel, notes keyNotes) bool {
	return isSet(m.TTLRenewBelow) && isSet(m.TTL) && (notes.Due || !m.TTLRenewBelow.Equal(state.TTLRenewBelow))
}

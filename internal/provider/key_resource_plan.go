package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// ModifyPlan fills in the provider's default TTL, plans what a configuration
// alone does not show (a renewal, a write-only value that somebody else wrote),
// and marks the computed attributes that the change moves as unknown: what refers to an
// index that stays must not change.
func (r *keyResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var config, plan keyModel
	resp.Diagnostics.Append(readModel(ctx, req.Config, &config)...)
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	var state *keyModel
	if !req.State.Raw.IsNull() {
		state = new(keyModel)
		resp.Diagnostics.Append(readModel(ctx, req.State, state)...)
	}
	before := readPrivateState[keyPrivateState](ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	private, ok := plan.plan(config, state, before, r.defaultTTL(), &resp.Diagnostics)
	if !ok {
		return
	}
	resp.Diagnostics.Append(writeModel(ctx, &resp.Plan, plan)...)
	if private != before {
		writePrivateState(ctx, resp.Private, private, &resp.Diagnostics)
	}
}

// plan is ModifyPlan for a proposed plan. It returns the notes for the apply, and
// false if there is nothing to plan.
func (m *keyModel) plan(
	config keyModel, state *keyModel, before keyPrivateState, defaultTTL types.Int64, diags *diag.Diagnostics,
) (private keyPrivateState, ok bool) {
	m.TTL = configuredTTL(config.TTL, defaultTTL)
	kept := state != nil && config.TTL.Equal(state.TTL)
	planRenewal(m.TTLRenewBelow, m.TTL, state == nil, kept, diags)
	m.planValue(config, state)
	private = m.planWrite(config, state, before)
	var noValue diag.Diagnostics
	exists := state != nil || before.Written != 0 // private state is there in both halves of a replacement
	if m.ModifiedIndex.IsUnknown() && !private.KeepsValue && !m.hasValue(config, &noValue) && exists {
		diags.Append(noValue...)
		return private, false
	}
	warnOfApply(diags, noValue)
	if state == nil && losesBytesAgain(before.NotText, m.Value.ValueString()+m.ValueJSON.ValueString()) {
		addLosses(diags, m.Key.ValueString())
	}
	if state != nil {
		if m.ModifiedIndex.IsUnknown() {
			private.warnOfWrite(m.Key.ValueString(), state.TTL, m.TTL, diags)
		}
		if private.NotText && private.KeepsValue {
			moves := !m.Key.IsUnknown() && !m.Key.Equal(state.Key)
			checkLosses(state.Key.ValueString(), moves, state.TTL, m.TTL, diags)
		}
	}
	return private, true
}

// planValue plans the value in the attribute that the configuration uses. A configuration without
// any value, which is possible only with ignore_changes, keeps the value in state. That is why
// the attributes are computed: otherwise a plan must be null where the configuration is.
func (m *keyModel) planValue(config keyModel, state *keyModel) {
	m.Value, m.ValueJSON, m.ValueWOVersion = config.Value, config.ValueJSON, config.ValueWOVersion
	if state != nil && m.Value.IsNull() && m.ValueJSON.IsNull() && m.ValueWOVersion.IsNull() {
		m.Value, m.ValueJSON, m.ValueWOVersion = state.Value, state.ValueJSON, state.ValueWOVersion
	}
}

// planWrite plans the attributes that the server sets, keeps the words of state
// where they say the same as the configuration, and notes what the apply needs
// to know and the plan does not contain.
func (m *keyModel) planWrite(config keyModel, state *keyModel, private keyPrivateState) keyPrivateState {
	wanted := m.TTL
	private.KeepsValue, private.TTLSent = false, 0
	if state != nil {
		renews := m.renews(*state, private)
		if m.ValueJSON.saysTheSameAs(state.ValueJSON.ValueString()) {
			m.ValueJSON = state.ValueJSON
		}
		if !renews {
			m.TTL = private.plannedTTL(wanted, state.TTL)
		}
		writesValue := m.changesValue(*state, private) || m.rewrites(config, *state, private)
		if m.Key.Equal(state.Key) && m.TTL.Equal(state.TTL) && !writesValue && !renews {
			m.CreatedIndex, m.ModifiedIndex, m.Expiration = state.CreatedIndex, state.ModifiedIndex, state.Expiration
			return private
		}
		private.KeepsValue = !writesValue
		private.send(m.TTL, wanted)
	}
	// A plain write by another program creates the key again, and so changes the created
	// index too.
	m.CreatedIndex, m.ModifiedIndex, m.Expiration = types.Int64Unknown(), types.Int64Unknown(), types.StringUnknown()
	if m.TTL.IsNull() {
		m.Expiration = types.StringNull()
	}
	return private
}

// changesValue reports whether the value is to be written.
func (m *keyModel) changesValue(state keyModel, private keyPrivateState) bool {
	before, exact := state.Value, true
	if notNull(state.ValueJSON) {
		before, exact = state.ValueJSON.StringValue, !private.Reworded
	}
	switch {
	case notNull(m.ValueWOVersion):
		return !m.ValueWOVersion.Equal(state.ValueWOVersion)
	case before.IsNull():
		return true
	case notNull(m.ValueJSON):
		return !m.ValueJSON.saysTheSameAs(before.ValueString())
	default:
		return !exact || !m.Value.Equal(before)
	}
}

// rewrites reports whether another program has written the key since the provider wrote its
// write-only value.
func (m *keyModel) rewrites(config, state keyModel, private keyPrivateState) bool {
	return notNull(m.ValueWOVersion) && notNull(config.ValueWO) && indexOf(state.ModifiedIndex) != private.Written
}

// renews reports whether the TTL has to start again.
func (m *keyModel) renews(state keyModel, private keyPrivateState) bool {
	return mayRenew(m.TTLRenewBelow, m.TTL) && (private.Due || !m.TTLRenewBelow.Equal(state.TTLRenewBelow))
}

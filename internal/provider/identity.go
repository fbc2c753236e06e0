package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

var (
	_ resource.ResourceWithConfigure        = identified{}
	_ resource.ResourceWithConfigValidators = identified{}
	_ resource.ResourceWithIdentity         = identified{}
	_ resource.ResourceWithImportState      = identified{}
	_ resource.ResourceWithModifyPlan       = identified{}
	_ resource.ResourceWithMoveState        = identified{}
	_ resource.ResourceWithUpgradeIdentity  = identified{}
	_ resource.ResourceWithUpgradeState     = identified{}
	_ resource.ResourceWithValidateConfig   = identified{}
)

// identified sets the identity of a resource in every call, so that no resource has to. The framework
// requires an identity after Create, Read (even of an object that is gone) and Update, but a state
// written by a CLI without resource identities, before 1.12, has none.
//
// The attributes of an identity are attributes of the resource too, by the same
// names; they are copied. identified has every optional interface of a
// resource, and passes each call on if the resource has it.
type identified struct{ resource.Resource }

// withIdentity wraps what the resources of a provider are made with.
func withIdentity(constructors ...func() resource.Resource) []func() resource.Resource {
	wrapped := make([]func() resource.Resource, len(constructors))
	for i, construct := range constructors {
		wrapped[i] = func() resource.Resource { return identified{construct()} }
	}
	return wrapped
}

func (r identified) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	setIdentity(resp.Identity, req.Plan.Raw)
	r.Resource.Create(ctx, req, resp)
	setIdentity(resp.Identity, resp.State.Raw)
	if !resp.State.Raw.IsNull() {
		notePlace(ctx, r.Resource, resp.Private, &resp.Diagnostics)
	}
}

func (r identified) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	setIdentity(resp.Identity, req.State.Raw)
	markOurs(ctx, r.Resource, req.State.Raw)
	if !checkPlace(ctx, r.Resource, req.Private, req.State.Raw, &resp.Diagnostics) {
		return
	}
	r.Resource.Read(ctx, req, resp)
	if !resp.Diagnostics.HasError() {
		notePlace(ctx, r.Resource, resp.Private, &resp.Diagnostics)
	}
	if !resp.State.Raw.IsNull() {
		noteHolding(ctx, r.Resource, resp.State, resp.Private)
	}
	setIdentity(resp.Identity, resp.State.Raw)
}

func (r identified) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	setIdentity(resp.Identity, req.State.Raw)
	markOurs(ctx, r.Resource, req.State.Raw)
	if !checkPlace(ctx, r.Resource, req.Private, req.State.Raw, &resp.Diagnostics) {
		return
	}
	r.Resource.Update(ctx, req, resp)
	setIdentity(resp.Identity, resp.State.Raw)
}

// Delete sets the identity for the case that the object stays in state.
func (r identified) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	setIdentity(resp.Identity, req.State.Raw)
	markOurs(ctx, r.Resource, req.State.Raw)
	if !checkPlace(ctx, r.Resource, req.Private, req.State.Raw, &resp.Diagnostics) {
		return
	}
	if refuseLoss(ctx, resp) {
		r.Resource.Delete(ctx, req, resp)
	}
}

func (r identified) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	inner, ok := r.Resource.(resource.ResourceWithImportState)
	if !ok {
		resp.Diagnostics.AddError("Import is not supported", "This object cannot be imported.")
		return
	}
	inner.ImportState(ctx, req, resp)
	setIdentity(resp.Identity, resp.State.Raw)
	notePlace(ctx, r.Resource, resp.Private, &resp.Diagnostics)
}

func (r identified) MoveState(ctx context.Context) []resource.StateMover {
	inner, ok := r.Resource.(resource.ResourceWithMoveState)
	if !ok {
		return nil
	}
	movers := inner.MoveState(ctx)
	for i, mover := range movers {
		movers[i].StateMover = func(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
			mover.StateMover(ctx, req, resp)
			setIdentity(resp.TargetIdentity, resp.TargetState.Raw)
		}
	}
	return movers
}

func (r identified) Configure(ctx context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	if inner, ok := r.Resource.(resource.ResourceWithConfigure); ok {
		inner.Configure(ctx, req, resp)
	}
}

func (r identified) IdentitySchema(ctx context.Context, req resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	if inner, ok := r.Resource.(resource.ResourceWithIdentity); ok {
		inner.IdentitySchema(ctx, req, resp)
	}
}

func (r identified) UpgradeIdentity(ctx context.Context) map[int64]resource.IdentityUpgrader {
	if inner, ok := r.Resource.(resource.ResourceWithUpgradeIdentity); ok {
		return inner.UpgradeIdentity(ctx)
	}
	return nil
}

func (r identified) UpgradeState(ctx context.Context) map[int64]resource.StateUpgrader {
	if inner, ok := r.Resource.(resource.ResourceWithUpgradeState); ok {
		return inner.UpgradeState(ctx)
	}
	return nil
}

func (r identified) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if !req.State.Raw.IsNull() && !checkPlace(ctx, r.Resource, req.Private, req.State.Raw, &resp.Diagnostics) {
		return
	}
	if inner, ok := r.Resource.(resource.ResourceWithModifyPlan); ok {
		inner.ModifyPlan(ctx, req, resp)
	}
	if inner, ok := r.Resource.(intentional); ok {
		var named resource.MetadataResponse
		r.Metadata(ctx, resource.MetadataRequest{ProviderTypeName: "etcd"}, &named)
		planClaims(ctx, inner, named.TypeName, req, resp)
	}
	markOurs(ctx, r.Resource, req.State.Raw)
	if req.State.Raw.IsNull() && !resp.Plan.Raw.IsNull() {
		lookBeforeCreate(ctx, r.Resource, req, resp)
	}
}

func (r identified) ConfigValidators(ctx context.Context) []resource.ConfigValidator {
	if inner, ok := r.Resource.(resource.ResourceWithConfigValidators); ok {
		return inner.ConfigValidators(ctx)
	}
	return nil
}

func (r identified) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	if inner, ok := r.Resource.(resource.ResourceWithValidateConfig); ok {
		inner.ValidateConfig(ctx, req, resp)
	}
}

// setIdentity copies the identity from an object, a plan or a state. Unless the
// object has all of it, the identity stays as it is.
func setIdentity(identity *tfsdk.ResourceIdentity, object tftypes.Value) {
	var attributes map[string]tftypes.Value
	if identity == nil || object.IsNull() || !object.IsKnown() || object.As(&attributes) != nil {
		return
	}
	values := map[string]tftypes.Value{}
	for name := range identity.Schema.GetAttributes() {
		value, ok := attributes[name]
		if !ok || value.IsNull() || !value.IsFullyKnown() {
			return
		}
		values[name] = value
	}
	types := map[string]tftypes.Type{}
	for name, value := range values {
		types[name] = value.Type()
	}
	identity.Raw = tftypes.NewValue(tftypes.Object{AttributeTypes: types}, values)
}

package provider

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

var (
	_ resource.ResourceWithConfigure      = (*keyResource)(nil)
	_ resource.ResourceWithIdentity       = (*keyResource)(nil)
	_ resource.ResourceWithImportState    = (*keyResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*keyResource)(nil)
	_ resource.ResourceWithValidateConfig = (*keyResource)(nil)
)

func newKeyResource() resource.Resource { return &keyResource{} }

type keyResource struct{ placedBase }

type keyModel struct {
	Key            types.String `tfsdk:"key"`
	Value          types.String `tfsdk:"value"`
	ValueJSON      jsonValue    `tfsdk:"value_json"`
	ValueWO        types.String `tfsdk:"value_wo"`
	ValueWOVersion types.Int64  `tfsdk:"value_wo_version"`
	TTL            types.Int64  `tfsdk:"ttl"`
	TTLRenewBelow  types.Int64  `tfsdk:"ttl_renew_below"`
	AdoptExisting  types.Bool   `tfsdk:"adopt_existing"`
	CreatedIndex   types.Int64  `tfsdk:"created_index"`
	ModifiedIndex  types.Int64  `tfsdk:"modified_index"`
	Expiration     types.String `tfsdk:"expiration"`
}

// keyPrivateState is what private state stores about a key.
type keyPrivateState struct {
	lifetimePrivateState

	// Written is the index of our last write of a write-only value. A newer index at refresh
	// means that another program wrote the key.
	Written uint64 `json:"written,omitempty"`
	// Reworded reports whether the server has JSON that is only equal to that in
	// state.
	Reworded bool `json:"reworded,omitempty"`
	// KeepsValue reports, from a plan to its apply, that a write keeps the value
	// that the key has and changes its TTL alone.
	KeepsValue bool `json:"keeps_value,omitempty"`
	// NotText reports that the value contains bytes that are not text.
	NotText bool `json:"not_text,omitempty"`
	// Due reports whether the last read found less of the TTL left than ttl_renew_below. A plan
	// uses this note and not the clock: the plan is computed again at apply, and must come out
	// the same.
	Due bool `json:"due,omitempty"`
}

type keyIdentity struct {
	Key types.String `tfsdk:"key"`
}

func (r *keyResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_key"
}

func (r *keyResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = pathIdentity("key", "Path of the key, such as /app/config.")
}

func (r *keyResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A key, its value and its TTL.\n\n" +
			"A create requires that the key does not exist. Every other write is conditional on the index at which the key was read for the " +
			"plan. If somebody else has changed the value or the TTL since then, the write is refused and reported, and the other value stays. " +
			"A key that was deleted or has expired is planned to be created again.",
		Attributes: map[string]schema.Attribute{
			"key": pathAttribute("Path of the key, such as `/app/config`."),
			"value": schema.StringAttribute{
				Optional: true,
				Computed: true, // so that ignore_changes can keep a value: see planValue
				MarkdownDescription: "Value of the key: UTF-8 text of up to 10 MiB. An empty value is valid. A change is written in place. One of " +
					"`value`, `value_json` and `value_wo` is required. Moving from `value` to `value_json` or back writes the key only if the content " +
					"differs. An import stores a JSON object or array in `value_json` and any other text in `value`; the import id " +
					"`value:/app/config` always stores it in `value`.",
				Validators: []validator.String{
					stringvalidator.AtLeastOneOf(path.MatchRoot("value_json"), path.MatchRoot("value_wo"), path.MatchRoot("value_wo_version")),
					stringvalidator.ConflictsWith(path.MatchRoot("value_json"), path.MatchRoot("value_wo"), path.MatchRoot("value_wo_version")),
					isValue(),
				},
			},
			"value_json": schema.StringAttribute{
				Optional:   true,
				Computed:   true,
				CustomType: jsonType{},
				MarkdownDescription: "Value of the key as JSON text, such as the result of `jsonencode`. It is compared as JSON: white space, the " +
					"order of object members and the notation of a number (`1.0` or `1`) cause neither a change nor drift. A change is written in " +
					"place. Conflicts with `value` and `value_wo`.",
				Validators: []validator.String{
					isJSON{}, isValue(), stringvalidator.ConflictsWith(path.MatchRoot("value_wo"), path.MatchRoot("value_wo_version")),
				},
			},
			"value_wo": schema.StringAttribute{
				Optional:  true,
				WriteOnly: true,
				MarkdownDescription: "Value of the key that is stored neither in the plan nor in the state. It may come from an ephemeral " +
					"resource. It is written when `value_wo_version` changes, and when somebody else has written the key since. Requires Terraform or " +
					"OpenTofu 1.11. Conflicts with `value` and `value_json`.",
				Validators: []validator.String{stringvalidator.AlsoRequires(path.MatchRoot("value_wo_version"))},
			},
			"value_wo_version": schema.Int64Attribute{
				Optional: true,
				Computed: true,
				MarkdownDescription: "Required with `value_wo`. Change it to write the value again, in place. A key that is imported with the id " +
					"`value_wo:/app/token` has version `0`: its value stays as it was found, and `value_wo` can be left out.",
			},
			"ttl": schema.Int64Attribute{
				Optional: true,
				Computed: true,
				MarkdownDescription: "Lifetime of the key in seconds, " + ttlRange + ", counted from the last write by this resource. A change is " +
					"applied in place; if the value stays the same, watchers get no event (" + refreshServers + "). The countdown is not drift, nor " +
					"is the remaining TTL found at import. A TTL that was removed or added elsewhere is drift. Default: the provider's `default_ttl`; " +
					"if that is not set, none.",
				Validators: []validator.Int64{isTTL()},
			},
			"ttl_renew_below": schema.Int64Attribute{
				Optional: true,
				MarkdownDescription: "Renew the TTL when the server reports fewer than this many seconds left; 1 to less than `ttl`. The plan " +
					"shows the renewal, and watchers get no event (" + refreshServers + "). A change of this attribute also renews the TTL. Default: " +
					"the TTL is never renewed, and the key expires.",
				Validators: []validator.Int64{isTTL()},
			},
			"adopt_existing": adoptAttribute("a key that already exists", adoptsTTL),
			"created_index":  createdIndexAttribute(),
			"modified_index": modifiedIndexAttribute("Known only after apply when the value or the TTL is written; whatever refers to it " +
				"changes too."),
			"expiration": expirationAttribute(),
		},
	}
}

// ValidateConfig refuses a renewal without end.
func (r *keyResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var config keyModel
	resp.Diagnostics.Append(readModel(ctx, req.Config, &config)...)
	validateRenewal(config.TTLRenewBelow, config.TTL, &resp.Diagnostics)
}

func (r *keyResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan, config keyModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(readModel(ctx, req.Config, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	store := r.store(&resp.Diagnostics)
	if store == nil {
		return
	}
	plan.TTL = settledTTL(plan.TTL, r.defaultTTL())
	checkRenewal(plan.TTLRenewBelow, plan.TTL, &resp.Diagnostics)
	if !plan.hasValue(config, &resp.Diagnostics) || resp.Diagnostics.HasError() {
		return
	}
	store.OnAdopt = warnOfAdoption(&resp.Diagnostics)
	node, err := store.Create(ctx, plan.Key.ValueString(), plan.toAPI(config, ttlPointer(plan.TTL)), plan.AdoptExisting.ValueBool())
	if err != nil {
		plan.subject(&r.base).asNew().addFailure(&resp.Diagnostics, "Unable to create key", plan.Key.ValueString(), err)
		return
	}
	plan.fromAPI(node)
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, plan)...)
	writePrivateState(ctx, resp.Private, plan.privateAfter(node, keyPrivateState{}), &resp.Diagnostics)
}

func (r *keyResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state keyModel
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	store := r.store(&resp.Diagnostics)
	if store == nil {
		return
	}
	node, err := readOnce(ctx, func() keyRead { return readKeyFor(ctx, store, state) }).result()
	switch {
	case errors.Is(err, etcdv2.ErrNotFound):
		resp.State.RemoveResource(ctx)
		return
	case errors.Is(err, etcdv2.ErrNotFile) && notNull(state.CreatedIndex):
		warnOfReplacement(&resp.Diagnostics, err)
		resp.State.RemoveResource(ctx)
		return
	case err != nil:
		subject{}.asNew().addFailure(&resp.Diagnostics, "Unable to read key", state.Key.ValueString(), err)
		return
	}
	private := readPrivateState[keyPrivateState](ctx, req.Private, &resp.Diagnostics)
	state.refresh(node, &private)
	if state.ValueWOVersion.IsNull() {
		warnNotText(&resp.Diagnostics, node)
	}
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, state)...)
	writePrivateState(ctx, resp.Private, private, &resp.Diagnostics)
}

func (r *keyResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state, config keyModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	resp.Diagnostics.Append(readModel(ctx, req.Config, &config)...)
	private := readPrivateState[keyPrivateState](ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.TTL = settledTTL(plan.TTL, r.defaultTTL())
	store := r.store(&resp.Diagnostics)
	if store == nil || (plan.ModifiedIndex.IsUnknown() && !private.KeepsValue && !plan.hasValue(config, &resp.Diagnostics)) {
		return
	}
	node, err := plan.send(ctx, store, state, config, private)
	if err != nil {
		plan.subject(&r.base).addFailure(&resp.Diagnostics, "Unable to update key", plan.Key.ValueString(), err)
		return
	}
	if node != nil {
		plan.fromAPI(node)
		private = plan.privateAfter(node, private)
	}
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, plan)...)
	writePrivateState(ctx, resp.Private, private, &resp.Diagnostics)
}

// hasValue reports whether there is a value to write. A write-only value can turn out to be null
// after its version was planned.
func (m *keyModel) hasValue(config keyModel, diags *diag.Diagnostics) bool {
	if m.ValueWOVersion.IsNull() || notNull(config.ValueWO) {
		return true
	}
	diags.AddAttributeError(path.Root("value_wo"), "There is no value to write",
		"value_wo is null, and value_wo_version asks to write it. The key was not changed. Set value_wo; an empty value is \"\".")
	return false
}

// send makes the planned write: of only the TTL if the value stays, and otherwise of both. It returns
// nil if there is nothing to write.
func (m *keyModel) send(ctx context.Context, store *keyspace.Store, state, config keyModel, private keyPrivateState) (*etcdv2.Node, error) {
	key, ttl := m.Key.ValueString(), private.toSend(m.TTL)
	if !m.ModifiedIndex.IsUnknown() {
		return nil, store.Keep(ctx, key, state.seen())
	}
	before := state.seen()
	before.NotText = private.NotText
	if private.KeepsValue {
		node, err := store.SetTTL(ctx, key, before, ttl)
		noValue := notNull(m.ValueWOVersion) && config.ValueWO.IsNull()
		if !errors.Is(err, etcdv2.ErrUnsupported) || noValue {
			return node, err
		}
	}
	return store.Update(ctx, key, before, m.toAPI(config, ttl))
}

func (r *keyResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state keyModel
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	store := r.store(&resp.Diagnostics)
	if store == nil {
		return
	}
	err := store.Remove(ctx, state.Key.ValueString(), state.seen())
	addRemoval(&resp.Diagnostics, "Unable to delete key", state.Key.ValueString(), err)
}

// subject describes the key for the text of a refusal.
func (m *keyModel) subject(b *base) subject {
	about := b.subject("etcd_key")
	about.importID = m.importID()
	return about
}

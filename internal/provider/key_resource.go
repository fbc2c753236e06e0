package provider

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var (
	_ resource.ResourceWithConfigure   = (*keyResource)(nil)
	_ resource.ResourceWithIdentity    = (*keyResource)(nil)
	_ resource.ResourceWithImportState = (*keyResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*keyResource)(nil)
)

func newKeyResource() resource.Resource { return &keyResource{} }

type keyResource struct{ resourceBase }

type keyModel struct {
	Key           types.String `tfsdk:"key"`
	Value         types.String `tfsdk:"value"`
	TTL           types.Int64  `tfsdk:"ttl"`
	AdoptExisting types.Bool   `tfsdk:"adopt_existing"`
	CreatedIndex  types.Int64  `tfsdk:"created_index"`
	ModifiedIndex types.Int64  `tfsdk:"modified_index"`
	Expiration    types.String `tfsdk:"expiration"`
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
		MarkdownDescription: "A key and its value.\n\n" +
			"Every write is conditional on the index at which the key was read when it was planned: a change that somebody else made since is " +
			"reported and left alone. A key that was deleted, or has expired, is planned to be created again.",
		Attributes: map[string]schema.Attribute{
			"key": pathAttribute("Path of the key, such as `/app/config`."),
			"value": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Value of the key, UTF-8 text of up to 10 MiB; empty is a value too. A change writes it in place.",
			},
			"ttl": schema.Int64Attribute{
				Optional: true,
				Computed: true,
				MarkdownDescription: "Life of the key in seconds, " + ttlRange + ", counted from the last write by this resource. A change writes the key in place. " +
					"That it runs down is no drift; that it was dropped, or that one appeared, is. Default: the provider's `default_ttl`, or else none.",
				Validators: []validator.Int64{isTTL()},
			},
			"adopt_existing": adoptAttribute("a key"),
			"created_index":  createdIndexAttribute(),
			"modified_index": modifiedIndexAttribute("It is only known after apply when value or TTL change; what refers to it changes with them."),
			"expiration":     expirationAttribute(),
		},
	}
}

// ModifyPlan fills in the provider's default TTL, and says of each computed
// attribute whether the change at hand moves it: what refers to an index that
// stays is to stay quiet.
func (r *keyResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var config, plan keyModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.TTL = config.TTL
	if !isSet(config.TTL) {
		plan.TTL = r.defaultTTL()
	}
	var state *keyModel
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
		if resp.Diagnostics.HasError() {
			return
		}
	}
	plan.planComputed(state)
	resp.Diagnostics.Append(resp.Plan.Set(ctx, plan)...)
}

// planComputed plans the attributes that the server sets.
func (m *keyModel) planComputed(state *keyModel) {
	if state != nil && !m.writes(*state) {
		m.ModifiedIndex, m.Expiration = state.ModifiedIndex, state.Expiration
		return
	}
	m.ModifiedIndex, m.Expiration = types.Int64Unknown(), types.StringUnknown()
	if m.TTL.IsNull() {
		m.Expiration = types.StringNull()
	}
}

// writes reports whether what is planned has to be written.
func (m *keyModel) writes(state keyModel) bool {
	return !m.Key.Equal(state.Key) || !m.Value.Equal(state.Value) || !m.TTL.Equal(state.TTL)
}

func (r *keyResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan keyModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	store := r.store("etcd_key", &resp.Diagnostics)
	if store == nil {
		return
	}
	plan.settleTTL(r.defaultTTL())
	node, err := store.create(ctx, plan.Key.ValueString(), plan.wanted(), plan.AdoptExisting.ValueBool())
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to create key", plan.Key.ValueString(), err)
		return
	}
	plan.written(node)
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, keyIdentity{plan.Key})...)
}

func (r *keyResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state keyModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, keyIdentity{state.Key})...)
	if resp.Diagnostics.HasError() {
		return
	}
	store := r.store("etcd_key", &resp.Diagnostics)
	if store == nil {
		return
	}
	node, err := store.readKey(ctx, state.Key.ValueString())
	switch {
	case errors.Is(err, etcdv2.ErrNotFound):
		resp.State.RemoveResource(ctx)
		return
	case err != nil:
		addFailure(&resp.Diagnostics, "Unable to read key", state.Key.ValueString(), err)
		return
	}
	state.refresh(node)
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

func (r *keyResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state keyModel
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.settleTTL(r.defaultTTL())
	if plan.writes(state) {
		store := r.store("etcd_key", &resp.Diagnostics)
		if store == nil {
			return
		}
		node, err := store.update(ctx, plan.Key.ValueString(), state.seen(), plan.wanted())
		if err != nil {
			addFailure(&resp.Diagnostics, "Unable to update key", plan.Key.ValueString(), err)
			return
		}
		plan.written(node)
	} else {
		plan.ModifiedIndex, plan.Expiration = state.ModifiedIndex, state.Expiration
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, plan)...)
	resp.Diagnostics.Append(resp.Identity.Set(ctx, keyIdentity{plan.Key})...)
}

func (r *keyResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state keyModel
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	store := r.store("etcd_key", &resp.Diagnostics)
	if store == nil {
		return
	}
	if err := store.remove(ctx, state.Key.ValueString(), state.seen()); err != nil {
		addFailure(&resp.Diagnostics, "Unable to delete key", state.Key.ValueString(), err)
	}
}

func (r *keyResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	importPath(ctx, path.Root("key"), req, resp)
}

// importPath takes the path to import from the id or the identity.
func importPath(ctx context.Context, at path.Path, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	name := types.StringValue(req.ID)
	if req.ID == "" && req.Identity != nil {
		resp.Diagnostics.Append(req.Identity.GetAttribute(ctx, at, &name)...)
		if resp.Diagnostics.HasError() {
			return
		}
	}
	if err := etcdv2.CheckKey(name.ValueString()); err != nil {
		resp.Diagnostics.AddError("Invalid path", "What is to be imported is named by its path, such as /app/config. "+sentence(err))
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, at, name)...)
	resp.Diagnostics.Append(resp.Identity.SetAttribute(ctx, at, name)...)
}

// settleTTL replaces a TTL that was not known when it was planned.
func (m *keyModel) settleTTL(otherwise types.Int64) {
	if m.TTL.IsUnknown() {
		m.TTL = otherwise
	}
}

// wanted is what the key is to hold.
func (m *keyModel) wanted() wantedKey {
	return wantedKey{value: m.Value.ValueString(), ttl: ttlPointer(m.TTL)}
}

// seen is what the key held when state was read.
func (m *keyModel) seen() seenKey {
	return seenKey{index: indexOf(m.ModifiedIndex), value: m.Value.ValueStringPointer(), expires: isSet(m.TTL)}
}

// written takes over what a write has set.
func (m *keyModel) written(node *etcdv2.Node) {
	m.CreatedIndex = indexValue(node.CreatedIndex)
	m.ModifiedIndex = indexValue(node.ModifiedIndex)
	m.Expiration = expiration(node)
}

// refresh takes over what a read has found.
func (m *keyModel) refresh(node *etcdv2.Node) {
	m.Value = types.StringValue(node.Value)
	m.TTL = refreshedTTL(m.TTL, node)
	m.written(node)
}

// readKey reads a key for a refresh. It returns ErrNotFound only if there is none.
func (s *store) readKey(ctx context.Context, key string) (*etcdv2.Node, error) {
	get := func(ctx context.Context, key string) (*etcdv2.Response, error) {
		return s.keys.Get(ctx, key, etcdv2.GetOptions{})
	}
	if s.ahead != nil {
		get = s.ahead.get
	}
	resp, err := get(ctx, key)
	if err != nil {
		return nil, err
	}
	if resp.Node.Dir {
		return nil, isDirectory(key)
	}
	return resp.Node, nil
}

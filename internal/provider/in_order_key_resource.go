package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

var (
	_ resource.ResourceWithConfigure   = (*inOrderKeyResource)(nil)
	_ resource.ResourceWithIdentity    = (*inOrderKeyResource)(nil)
	_ resource.ResourceWithImportState = (*inOrderKeyResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*inOrderKeyResource)(nil)
)

func newInOrderKeyResource() resource.Resource { return &inOrderKeyResource{} }

type inOrderKeyResource struct{ placedBase }

// inOrderPrivateState are what private state keeps of a key in order.
type inOrderPrivateState struct {
	lifetimePrivateState

	// NotText reports that the value contains bytes that are not text.
	NotText bool `json:"not_text,omitempty"`
	// Found reports that an import found the value, and the provider has not written it
	// since.
	Found bool `json:"found,omitempty"`
}

type inOrderKeyModel struct {
	Dir           types.String `tfsdk:"dir"`
	Value         types.String `tfsdk:"value"`
	TTL           types.Int64  `tfsdk:"ttl"`
	Key           types.String `tfsdk:"key"`
	Index         types.Int64  `tfsdk:"index"`
	CreatedIndex  types.Int64  `tfsdk:"created_index"`
	ModifiedIndex types.Int64  `tfsdk:"modified_index"`
	Expiration    types.String `tfsdk:"expiration"`
}

func (r *inOrderKeyResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_in_order_key"
}

func (r *inOrderKeyResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = pathIdentity("key", "Path of the key, such as /queue/00000000000000000042.")
}

func (r *inOrderKeyResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A key whose name the server chooses, for queues. The name is the next index, padded to twenty digits (etcd 2.1 " +
			"does not pad it), so the names in a directory sort in the order of creation.\n\n" +
			"The server creates another key for each request, so a create is never sent twice. If the answer is lost, the provider looks for " +
			"exactly one new key in the directory with the same value, and takes that one. If there is none, or more than one, it reports an " +
			"unknown outcome and says what to check. This provider creates the keys of one directory one after the other.\n\n" +
			"If the key was deleted, for example by the consumer of a queue, or has expired, the next plan creates another one under a new name.",
		Attributes: map[string]schema.Attribute{
			"dir": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "Directory in which to create the key, such as `/queue` or `/`. A missing directory is created, and stays " +
					"when the key is deleted. A change replaces the key.",
				Validators:    []validator.String{isDir()},
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"value": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "Value of the key: UTF-8 text of up to 10 MiB. An empty value is valid. A change is written in place. An " +
					"imported JSON object or array is not written again if the configuration contains the same JSON.",
				Validators: []validator.String{isValue()},
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
			"key": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Path of the key, such as `/queue/00000000000000000042`.",
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"index": schema.Int64Attribute{
				Computed:            true,
				MarkdownDescription: "Name of the key as a number.",
				PlanModifiers:       []planmodifier.Int64{int64planmodifier.UseStateForUnknown()},
			},
			"created_index": createdIndexAttribute(),
			"modified_index": modifiedIndexAttribute("Known only after apply when the value or the TTL is written; whatever refers to it " +
				"changes too."),
			"expiration": expirationAttribute(),
		},
	}
}

// ModifyPlan fills in the provider's default TTL, and marks the computed attributes
// that the planned change moves as unknown.
func (r *inOrderKeyResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var config, plan inOrderKeyModel
	resp.Diagnostics.Append(readModel(ctx, req.Config, &config)...)
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	plan.TTL = configuredTTL(config.TTL, r.defaultTTL())
	var state *inOrderKeyModel
	if !req.State.Raw.IsNull() {
		state = new(inOrderKeyModel)
		resp.Diagnostics.Append(readModel(ctx, req.State, state)...)
	}
	before := readPrivateState[inOrderPrivateState](ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if state != nil && before.Found {
		plan.keepFoundText(*state)
	}
	private := plan.planWrite(state, before)
	if state == nil && losesBytesAgain(before.NotText, plan.Value.ValueString()) {
		addLosses(&resp.Diagnostics, plan.Dir.ValueString())
	}
	if state != nil {
		if plan.ModifiedIndex.IsUnknown() {
			private.warnOfWrite(state.Key.ValueString(), state.TTL, plan.TTL, &resp.Diagnostics)
		}
		if private.NotText && plan.Value.Equal(state.Value) {
			moves := !plan.Dir.IsUnknown() && !plan.Dir.Equal(state.Dir)
			checkLosses(state.Key.ValueString(), moves, state.TTL, plan.TTL, &resp.Diagnostics)
		}
	}
	resp.Diagnostics.Append(writeModel(ctx, &resp.Plan, plan)...)
	if private != before {
		writePrivateState(ctx, resp.Private, private, &resp.Diagnostics)
	}
}

// keepFoundText keeps the text of an imported JSON document if the configuration writes the same
// JSON in another form, like the jsonencode of a generated configuration.
func (m *inOrderKeyModel) keepFoundText(state inOrderKeyModel) {
	found, wanted := state.Value.ValueString(), m.Value.ValueString()
	if notNull(m.Value) && keyspace.IsJSONDocument(found) && keyspace.IsJSONDocument(wanted) && keyspace.EqualJSON(found, wanted) {
		m.Value = state.Value
	}
}

// planWrite plans the attributes that the server sets, and notes the TTL that
// the apply is to send.
func (m *inOrderKeyModel) planWrite(state *inOrderKeyModel, private inOrderPrivateState) inOrderPrivateState {
	wanted := m.TTL
	private.TTLSent = 0
	if state != nil {
		m.TTL = private.plannedTTL(wanted, state.TTL)
		if m.Dir.Equal(state.Dir) && m.Value.Equal(state.Value) && m.TTL.Equal(state.TTL) {
			m.CreatedIndex, m.ModifiedIndex, m.Expiration = state.CreatedIndex, state.ModifiedIndex, state.Expiration
			return private
		}
		private.send(m.TTL, wanted)
	}
	m.CreatedIndex, m.ModifiedIndex, m.Expiration = types.Int64Unknown(), types.Int64Unknown(), types.StringUnknown()
	if m.TTL.IsNull() {
		m.Expiration = types.StringNull()
	}
	return private
}

func (r *inOrderKeyResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan inOrderKeyModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	store := r.store(&resp.Diagnostics)
	if store == nil {
		return
	}
	plan.TTL = settledTTL(plan.TTL, r.defaultTTL())
	node, err := store.CreateInOrder(ctx, plan.Dir.ValueString(), plan.toAPI(ttlPointer(plan.TTL)))
	if err != nil {
		r.subject("etcd_in_order_key").addFailure(&resp.Diagnostics, "Unable to create key", plan.Dir.ValueString(), err)
		return
	}
	plan.named(node.Key)
	plan.fromAPI(node)
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, plan)...)
}

func (r *inOrderKeyResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state inOrderKeyModel
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	private := readPrivateState[inOrderPrivateState](ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	store := r.store(&resp.Diagnostics)
	if store == nil {
		return
	}
	node, err := store.ReadKey(ctx, state.Key.ValueString())
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
	private.Found = private.Found || state.Value.IsNull()
	state.Value, state.TTL = types.StringValue(node.Value), private.refreshed(state.TTL, node)
	warnNotText(&resp.Diagnostics, node)
	private.NotText = node.NotText
	state.named(node.Key)
	state.fromAPI(node)
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, state)...)
	writePrivateState(ctx, resp.Private, private, &resp.Diagnostics)
}

func (r *inOrderKeyResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state inOrderKeyModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	private := readPrivateState[inOrderPrivateState](ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if !plan.ModifiedIndex.IsUnknown() {
		resp.Diagnostics.Append(writeModel(ctx, &resp.State, plan)...)
		return
	}
	store := r.store(&resp.Diagnostics)
	if store == nil {
		return
	}
	plan.TTL = settledTTL(plan.TTL, r.defaultTTL())
	node, err := plan.send(ctx, store, state, private)
	if err != nil {
		r.subject("etcd_in_order_key").addFailure(&resp.Diagnostics, "Unable to update key", plan.Key.ValueString(), err)
		return
	}
	plan.fromAPI(node)
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, plan)...)
	private.lifetimePrivateState, private.NotText, private.Found = private.after(), node.NotText, private.Found &&
		plan.Value.Equal(state.Value)
	writePrivateState(ctx, resp.Private, private, &resp.Diagnostics)
}

// send writes what is planned: the TTL alone where the value stays, or else both.
func (m *inOrderKeyModel) send(
	ctx context.Context, store *keyspace.Store, state inOrderKeyModel, private inOrderPrivateState,
) (*etcdv2.Node, error) {
	key, before, ttl := m.Key.ValueString(), state.seen(), private.toSend(m.TTL)
	before.NotText = private.NotText
	if m.Value.Equal(state.Value) {
		node, err := store.SetTTL(ctx, key, before, ttl)
		if !errors.Is(err, etcdv2.ErrUnsupported) {
			return node, err
		}
	}
	return store.Update(ctx, key, before, m.toAPI(ttl))
}

func (r *inOrderKeyResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state inOrderKeyModel
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

func (r *inOrderKeyResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	importPath(ctx, path.Root("key"), checkInOrderKey, req, resp)
}

// toAPI returns what the key is to contain.
func (m *inOrderKeyModel) toAPI(ttl *int64) keyspace.Wanted {
	return keyspace.Wanted{Value: m.Value.ValueString(), TTL: ttl}
}

// seen returns what the key contained when state was read.
func (m *inOrderKeyModel) seen() keyspace.Seen {
	return keyspace.Seen{Index: indexOf(m.ModifiedIndex), Value: m.Value.ValueStringPointer(), Expires: notNull(m.TTL)}
}

// named sets the attributes that follow from the key's name.
func (m *inOrderKeyModel) named(key string) {
	dir, name := key[:strings.LastIndexByte(key, '/')], key[strings.LastIndexByte(key, '/')+1:]
	if dir == "" {
		dir = "/"
	}
	index, _ := keyspace.InOrderIndex(name)
	m.Dir, m.Key, m.Index = types.StringValue(dir), types.StringValue(key), indexValue(index)
}

// fromAPI sets the attributes that a write has determined.
func (m *inOrderKeyModel) fromAPI(node *etcdv2.Node) {
	m.CreatedIndex, m.ModifiedIndex, m.Expiration = indexValue(node.CreatedIndex), indexValue(node.ModifiedIndex), expiration(node)
}

func checkInOrderKey(key string) error {
	if err := etcdv2.CheckKey(key); err != nil {
		return err
	}
	if _, ok := keyspace.InOrderIndex(key[strings.LastIndexByte(key, '/')+1:]); !ok {
		return fmt.Errorf("%w: the name of %q is not a number of %d digits, nor one without leading zeros; what was not made in order is an "+
			"etcd_key", etcdv2.ErrInvalidKey, key, keyspace.InOrderDigits)
	}
	return nil
}

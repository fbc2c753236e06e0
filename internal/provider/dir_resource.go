package provider

import (
	"context"
	"errors"
	"fmt"

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
	_ resource.ResourceWithConfigure   = (*dirResource)(nil)
	_ resource.ResourceWithIdentity    = (*dirResource)(nil)
	_ resource.ResourceWithImportState = (*dirResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*dirResource)(nil)
)

func newDirResource() resource.Resource { return &dirResource{} }

type dirResource struct{ placedBase }

type dirModel struct {
	Path          types.String `tfsdk:"path"`
	TTL           types.Int64  `tfsdk:"ttl"`
	ForceDestroy  types.Bool   `tfsdk:"force_destroy"`
	AdoptExisting types.Bool   `tfsdk:"adopt_existing"`
	CreatedIndex  types.Int64  `tfsdk:"created_index"`
	ModifiedIndex types.Int64  `tfsdk:"modified_index"`
	Expiration    types.String `tfsdk:"expiration"`
}

// dirPrivateState is what private state stores about a directory.
type dirPrivateState struct {
	lifetimePrivateState

	// ReplacedBy is the created index of another directory that a refresh has
	// found in the place of the one in state, 0 if there was none.
	ReplacedBy uint64 `json:"replaced_by,omitempty"`
}

type dirIdentity struct {
	Path types.String `tfsdk:"path"`
}

func (r *dirResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_dir"
}

func (r *dirResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = pathIdentity("path", "Path of the directory, such as /app.")
}

func (r *dirResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A directory, which exists even while it is empty and can have a TTL. Directories also appear on their own when " +
			"a key below them is created: manage one to keep it while it is empty, to give it a TTL, or to delete it with everything in it.\n\n" +
			"Creating a directory never replaces an existing one, and a directory that contains a key is not deleted without `force_destroy`. " +
			"The server has no other conditions for directories, so the created index is compared right before a change or a delete: a change " +
			"by somebody else in the instant between the comparison and the write can be lost.\n\n" +
			"If somebody else removed the directory and created it again, that one is left alone, with a warning at refresh. To manage it, " +
			"replace the object (`-replace`) with `adopt_existing = true`.\n\n" +
			"Refer to the directory from the keys and prefixes in it, as in `\"${etcd_dir.app.path}/db\"`: Terraform then creates the directory " +
			"first and destroys it last.",
		Attributes: map[string]schema.Attribute{
			"path": pathAttribute("Path of the directory, such as `/app`."),
			"ttl": schema.Int64Attribute{
				Optional: true,
				MarkdownDescription: "Lifetime of the directory in seconds, " + ttlRange + ". Everything in it expires with it. A change is " +
					"applied in place; etcd 3.5 cannot do that, so the apply fails there and changes nothing. The countdown is not drift, nor is the " +
					"remaining TTL found at import. A TTL that was removed or added elsewhere is drift. Default: none; the provider's `default_ttl` " +
					"applies to keys only.",
				Validators: []validator.Int64{isTTL()},
			},
			"force_destroy": steeringAttribute("Delete the directory with everything in it, including hidden keys. With `false`, a directory is " +
				"deleted only if it contains no keys; empty directories in it are deleted too. Otherwise the error lists what it contains. Takes " +
				"effect only after it has been applied. Default: `false`."),
			"adopt_existing": adoptAttribute("a directory that already exists", adoptsTTL),
			"created_index":  createdIndexAttribute(),
			"modified_index": modifiedIndexAttribute("Changes of the keys in the directory do not change it."),
			"expiration":     expirationAttribute(),
		},
	}
}

// ModifyPlan marks the computed attributes that the planned change moves as unknown.
func (r *dirResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var plan dirModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	var state *dirModel
	var private dirPrivateState
	if !req.State.Raw.IsNull() {
		state = new(dirModel)
		resp.Diagnostics.Append(readModel(ctx, req.State, state)...)
		private = readPrivateState[dirPrivateState](ctx, req.Private, &resp.Diagnostics)
		if resp.Diagnostics.HasError() {
			return
		}
	}
	plan.plan(state, private)
	resp.Diagnostics.Append(writeModel(ctx, &resp.Plan, plan)...)
}

// plan is ModifyPlan for a proposed plan.
func (m *dirModel) plan(state *dirModel, private dirPrivateState) {
	m.CreatedIndex, m.ModifiedIndex, m.Expiration = types.Int64Unknown(), types.Int64Unknown(), types.StringUnknown()
	if m.TTL.IsNull() {
		m.Expiration = types.StringNull()
	}
	if state == nil {
		return
	}
	m.TTL = private.plannedTTL(m.TTL, state.TTL)
	if m.Path.Equal(state.Path) && m.TTL.Equal(state.TTL) {
		m.CreatedIndex, m.ModifiedIndex, m.Expiration = state.CreatedIndex, state.ModifiedIndex, state.Expiration
	}
}

func (r *dirResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan dirModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	store := r.store(&resp.Diagnostics)
	if store == nil {
		return
	}
	store.OnAdopt = warnOfAdoption(&resp.Diagnostics)
	node, err := store.CreateDir(ctx, plan.Path.ValueString(), ttlPointer(plan.TTL), plan.AdoptExisting.ValueBool())
	if err != nil {
		r.subject("etcd_dir").asNew().addFailure(&resp.Diagnostics, "Unable to create directory", plan.Path.ValueString(), err)
		return
	}
	plan.fromAPI(node)
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, plan)...)
}

func (r *dirResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state dirModel
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	store := r.store(&resp.Diagnostics)
	if store == nil {
		return
	}
	isImport := state.CreatedIndex.IsNull()
	node, err := readOnce(ctx, func() dirRead { return readDirFor(ctx, store, state) }).result()
	switch {
	case errors.Is(err, etcdv2.ErrNotFound):
		resp.State.RemoveResource(ctx)
		return
	case !isImport && errors.Is(err, etcdv2.ErrNotDir):
		warnOfReplacement(&resp.Diagnostics, err)
		resp.State.RemoveResource(ctx)
		return
	case err != nil:
		subject{}.asNew().addFailure(&resp.Diagnostics, "Unable to read directory", state.Path.ValueString(), err)
		return
	}
	private := readPrivateState[dirPrivateState](ctx, req.Private, &resp.Diagnostics)
	private.ReplacedBy = 0
	if !isImport && node.CreatedIndex != indexOf(state.CreatedIndex) {
		// State keeps the index of ours, so that nothing is done to the other one.
		warnOfOtherDir(&resp.Diagnostics, state, node)
		private.ReplacedBy = node.CreatedIndex
		resp.Diagnostics.Append(writeModel(ctx, &resp.State, state)...)
		writePrivateState(ctx, resp.Private, private, &resp.Diagnostics)
		return
	}
	state.TTL = private.refreshed(state.TTL, node)
	state.fromAPI(node)
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, state)...)
	writePrivateState(ctx, resp.Private, private, &resp.Diagnostics)
}

func (r *dirResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state dirModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	store := r.store(&resp.Diagnostics)
	if store == nil {
		return
	}
	node, err := plan.send(ctx, store, state)
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to update directory", plan.Path.ValueString(), err)
		return
	}
	if node != nil {
		plan.fromAPI(node)
		writePrivateState(ctx, resp.Private, dirPrivateState{}, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, plan)...)
}

func (r *dirResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state dirModel
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	private := readPrivateState[dirPrivateState](ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	store := r.store(&resp.Diagnostics)
	if store == nil {
		return
	}
	seen := keyspace.SeenDir{CreatedIndex: indexOf(state.CreatedIndex), ReplacedBy: private.ReplacedBy}
	err := store.RemoveDir(ctx, state.Path.ValueString(), seen, state.ForceDestroy.ValueBool())
	addRemoval(&resp.Diagnostics, "Unable to delete directory", state.Path.ValueString(), err)
}

func (r *dirResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	importPath(ctx, path.Root("path"), etcdv2.CheckKey, req, resp)
}

// send writes what is planned. It returns nil if nothing is to be written.
func (m *dirModel) send(ctx context.Context, store *keyspace.Store, state dirModel) (*etcdv2.Node, error) {
	path, seen := m.Path.ValueString(), keyspace.SeenDir{CreatedIndex: indexOf(state.CreatedIndex)}
	if m.TTL.Equal(state.TTL) {
		return nil, store.KeepDir(ctx, path, seen)
	}
	return store.UpdateDir(ctx, path, seen, ttlPointer(m.TTL))
}

// warnOfOtherDir says that the directory in state is gone and another one is in
// its place.
func warnOfOtherDir(diags *diag.Diagnostics, state dirModel, node *etcdv2.Node) {
	diags.AddAttributeWarning(path.Root("path"), "Directory is another one now", fmt.Sprintf(
		"%s was removed and created again by somebody else, or expired and appeared again with a key in it: its created index is %d, and the "+
			"one in state was created at %d. Nothing is done to it: it is not changed, and not deleted when this object is destroyed.\n\n"+
			"To manage it, replace this object with adopt_existing = true (`-replace`); the old object then leaves state and the new "+
			"one takes it over.",
		state.Path.ValueString(), node.CreatedIndex, state.CreatedIndex.ValueInt64()))
}

// fromAPI takes over what the server has set.
func (m *dirModel) fromAPI(node *etcdv2.Node) {
	m.CreatedIndex = indexValue(node.CreatedIndex)
	m.ModifiedIndex = indexValue(node.ModifiedIndex)
	m.Expiration = expiration(node)
}

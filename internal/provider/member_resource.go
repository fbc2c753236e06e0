package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/membership"
)

// The default timeouts of etcd_member. Between two members, somebody or something has to start a
// process.
const (
	memberCreateTimeout = 10 * time.Minute
	memberUpdateTimeout = 10 * time.Minute
	memberDeleteTimeout = 5 * time.Minute
)

var (
	_ resource.ResourceWithConfigure   = (*memberResource)(nil)
	_ resource.ResourceWithIdentity    = (*memberResource)(nil)
	_ resource.ResourceWithImportState = (*memberResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*memberResource)(nil)
)

func newMemberResource() resource.Resource { return &memberResource{} }

type memberResource struct{ resourceBase }

type memberModel struct {
	PeerURLs        types.Set      `tfsdk:"peer_urls"`
	Name            types.String   `tfsdk:"name"`
	WaitForStart    types.Bool     `tfsdk:"wait_for_start"`
	AllowQuorumLoss types.Bool     `tfsdk:"allow_quorum_loss"`
	ID              types.String   `tfsdk:"id"`
	ClientURLs      types.List     `tfsdk:"client_urls"`
	Started         types.Bool     `tfsdk:"started"`
	InitialCluster  types.String   `tfsdk:"initial_cluster"`
	Timeouts        timeouts.Value `tfsdk:"timeouts"`
}

type memberIdentity struct {
	ID types.String `tfsdk:"id"`
}

func (r *memberResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_member"
}

func (r *memberResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"id": identityschema.StringAttribute{RequiredForImport: true, Description: "Id of the member in hexadecimal, such as 8e9e05c52164694d."},
	}}
}

func (r *memberResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A member of the cluster. Creating it adds the member to the cluster; its process has to be started elsewhere, " +
			"with the values of `name` and `initial_cluster`. Destroying it removes the member from the cluster, and its process then exits.\n\n" +
			"The provider changes one member at a time and protects the quorum. Before each change, it computes the quorum after the change " +
			"from the members that answer, and refuses a change that would lose the quorum. A change that comes too early waits, for example " +
			"while a member that was added before has not started, or while the servers are not ready. While authentication is enabled, the " +
			"provider needs a user with the role `root`.",
		Attributes: map[string]schema.Attribute{
			"peer_urls": schema.SetAttribute{
				ElementType: types.StringType,
				Required:    true,
				MarkdownDescription: "URLs that the other members use, in the form `scheme://host:port` without a trailing slash, such as " +
					"`http://10.0.0.2:2380`. A change is applied in place; the process must listen on the new URLs first.",
				Validators: []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(isPeerURL())},
			},
			"name": schema.StringAttribute{
				Optional: true,
				Computed: true,
				MarkdownDescription: "Name of the member, which is the `--name` of its process. The cluster learns the name from the process; set " +
					"it here to have it in `initial_cluster` before that. It can be changed until the process has started. Default: the name that the " +
					"process reports, empty until then.",
				Validators: []validator.String{
					stringvalidator.LengthAtLeast(1),
					textCheck{"Invalid name", "must contain no comma and no equals sign", checkMemberName},
				},
			},
			"wait_for_start": steeringAttribute("Wait until the member's process has started and is healthy. Something else has to start the " +
				"process during the wait. If the process is not healthy within the timeout, the member stays in the cluster, the apply ends with a " +
				"warning, and the next plan shows that the wait continues. Default: `false`."),
			"allow_quorum_loss": steeringAttribute("Allow a change that leaves the cluster without a quorum, such as adding a second member to " +
				"a cluster of one: no write succeeds until the process of the new member has started. For a removal, it takes effect only after it " +
				"has been applied. Default: `false`."),
			"id": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Id of the member in hexadecimal. The id of a removed member is never used again.",
			},
			"client_urls": schema.ListAttribute{
				ElementType:         types.StringType,
				Computed:            true,
				MarkdownDescription: "Client URLs that the member advertises; empty until it has started.",
			},
			"started": schema.BoolAttribute{
				Computed:            true,
				MarkdownDescription: "Whether the member's process has joined the cluster, even if it has stopped since.",
			},
			"initial_cluster": schema.StringAttribute{
				Computed: true,
				MarkdownDescription: "Value of `--initial-cluster` to start the process with, together with `--initial-cluster-state existing` and " +
					"an empty data directory; etcd 3.4 and 3.5 also need `--enable-v2`. Without `name`, it contains the id in place of the member's " +
					"name. It follows changes of the cluster until the process has started, and then stays as it is.",
			},
			"timeouts": timeoutsAttribute(ctx, "How long to wait, by kind of change.", timeouts.Opts{
				Create: true, Update: true, Delete: true,
				CreateDescription: "How long to wait for the cluster, and for the process if `wait_for_start` is set, as a duration such as `30s`.",
				UpdateDescription: "How long to wait for the same when the member is changed, as a duration.",
				DeleteDescription: "How long to wait until the cluster is ready for the removal, as a duration.",
			}, map[string]time.Duration{"create": memberCreateTimeout, "update": memberUpdateTimeout, "delete": memberDeleteTimeout}),
		},
	}
}

// ModifyPlan keeps what a change does not move, plans to continue waiting for a
// process that has not started, and keeps the name that a process has, with a warning.
func (r *memberResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() || req.State.Raw.IsNull() {
		return
	}
	var plan, state, config memberModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	resp.Diagnostics.Append(readModel(ctx, req.Config, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	started := state.Started.ValueBool()
	isNamedOtherwise := started && !config.Name.IsNull() && !config.Name.IsUnknown() && !config.Name.Equal(state.Name)
	if isNamedOtherwise {
		resp.Diagnostics.AddAttributeWarning(path.Root("name"), "Member has another name",
			fmt.Sprintf("The process of member %s reports the name %q, not %q. A member takes its name from its process, so nothing is changed: "+
				"write that name here, or restart the process with another --name.",
				state.ID.ValueString(), state.Name.ValueString(), config.Name.ValueString()))
	}
	plan.ID, plan.ClientURLs, plan.Started, plan.InitialCluster = state.ID, state.ClientURLs, state.Started, state.InitialCluster
	if config.Name.IsNull() || isNamedOtherwise {
		plan.Name = state.Name
	}
	if !started {
		if plan.WaitForStart.ValueBool() || plan.WaitForStart.IsUnknown() {
			plan.Started, plan.ClientURLs = types.BoolUnknown(), types.ListUnknown(types.StringType)
			if config.Name.IsNull() {
				plan.Name = types.StringUnknown()
			}
		}
		if !plan.PeerURLs.Equal(state.PeerURLs) || !plan.Name.Equal(state.Name) {
			plan.InitialCluster = types.StringUnknown()
		}
	}
	resp.Diagnostics.Append(writeModel(ctx, &resp.Plan, plan)...)
}

func (r *memberResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan memberModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	timeout, diags := plan.Timeouts.Create(ctx, memberCreateTimeout)
	resp.Diagnostics.Append(diags...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	change := &membership.Change{Members: client.Members, Force: plan.AllowQuorumLoss.ValueBool()}
	added, err := change.Add(limited, plan.peerURLs(ctx, &resp.Diagnostics))
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to add member", plan.describe(ctx), wordMembership(err))
		return
	}
	r.connection.run.NoteMade(memberWith(added.ID))
	plan.ID = types.StringValue(added.ID)
	plan.fromAPI(ctx, *added, &resp.Diagnostics)
	plan.readInitialCluster(ctx, client.Members, *added, &resp.Diagnostics)
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, plan)...)
	if resp.Diagnostics.HasError() || !plan.WaitForStart.ValueBool() {
		return
	}
	started, err := membership.WaitStarted(limited, client.Members, added.ID)
	if err != nil {
		// After an error the next apply would remove the member and add it again.
		resp.Diagnostics.AddWarning("Member has not started", fmt.Sprintf("%s was added, and its process is not healthy yet: %s\n\n"+
			"Start it with --name %s --initial-cluster %s --initial-cluster-state existing and an empty data directory; etcd 3.4 and 3.5 also "+
			"need --enable-v2. The next apply waits for it again.",
			describeMember(*added), wordMembership(err), plan.startName(), plan.InitialCluster.ValueString()))
		return
	}
	plan.fromAPI(ctx, *started, &resp.Diagnostics)
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, plan)...)
}

func (r *memberResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state memberModel
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	client := r.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	member, err := membership.Find(ctx, client.Members, state.ID.ValueString())
	switch {
	case errors.Is(err, etcdv2.ErrNotFound):
		resp.State.RemoveResource(ctx)
		return
	case err != nil:
		addFailure(&resp.Diagnostics, "Unable to read member", state.ID.ValueString(), err)
		return
	}
	wasStarted := state.Started.ValueBool()
	if member.Started() {
		state.Name = types.StringValue(member.Name)
	}
	state.fromAPI(ctx, *member, &resp.Diagnostics)
	if !wasStarted {
		state.readInitialCluster(ctx, client.Members, *member, &resp.Diagnostics)
	}
	state.PeerURLs = setOf(ctx, member.PeerURLs, &resp.Diagnostics)
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, state)...)
}

func (r *memberResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state memberModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	timeout, diags := plan.Timeouts.Update(ctx, memberUpdateTimeout)
	resp.Diagnostics.Append(diags...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	member, err := r.change(ctx, client.Members, plan, state)
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to change member", state.ID.ValueString(), wordMembership(err))
		return
	}
	if plan.Started.IsUnknown() {
		plan.fromAPI(ctx, *member, &resp.Diagnostics)
	}
	if plan.InitialCluster.IsUnknown() {
		plan.readInitialCluster(ctx, client.Members, *member, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, plan)...)
}

// change makes the planned update: it changes the peer URLs, and waits for a process that has not
// started.
func (r *memberResource) change(ctx context.Context, members *etcdv2.MembersService, plan, state memberModel) (*etcdv2.Member, error) {
	var diags diag.Diagnostics
	wanted, planned := plan.peerURLs(ctx, &diags), state.peerURLs(ctx, &diags)
	if diags.HasError() {
		return nil, errors.New(diags[0].Detail())
	}
	id := state.ID.ValueString()
	member, err := membership.Find(ctx, members, id)
	if errors.Is(err, etcdv2.ErrNotFound) {
		return nil, &membership.Refusal{Kind: membership.Gone, Member: etcdv2.Member{ID: id}}
	}
	if err == nil && !plan.PeerURLs.Equal(state.PeerURLs) {
		change := &membership.Change{Members: members}
		member, err = change.Update(ctx, id, planned, wanted)
	}
	if err == nil && plan.Started.IsUnknown() {
		member, err = membership.WaitStarted(ctx, members, id)
	}
	return member, err
}

func (r *memberResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state memberModel
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	timeout, diags := state.Timeouts.Delete(ctx, memberDeleteTimeout)
	resp.Diagnostics.Append(diags...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	change := &membership.Change{Members: client.Members, Force: state.AllowQuorumLoss.ValueBool()}
	if r.connection.run.HasMade(memberWith(state.ID.ValueString())) {
		addRemoval(&resp.Diagnostics, "", "", staysInStore("Member", state.describe(ctx)))
		return
	}
	err := change.Remove(ctx, state.ID.ValueString())
	addRemoval(&resp.Diagnostics, "Unable to remove member", state.describe(ctx), wordMembership(err))
}

func (r *memberResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	wanted := types.StringValue(req.ID)
	if req.ID == "" && req.Identity != nil {
		resp.Diagnostics.Append(req.Identity.GetAttribute(ctx, path.Root("id"), &wanted)...)
	}
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	members, err := client.Members.List(ctx)
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to list members", "", err)
		return
	}
	member, err := chooseMember(members, wanted.ValueString(), wanted.ValueString())
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to import member", "", err)
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), member.ID)...)
	setSteering(ctx, &resp.State, &resp.Diagnostics)
}

func (m *memberModel) peerURLs(ctx context.Context, diags *diag.Diagnostics) []string {
	var urls []string
	diags.Append(m.PeerURLs.ElementsAs(ctx, &urls, false)...)
	return urls
}

// describe names the member for an error.
func (m *memberModel) describe(ctx context.Context) string {
	var ignored diag.Diagnostics
	urls := m.peerURLs(ctx, &ignored)
	return describeMember(etcdv2.Member{ID: m.ID.ValueString(), Name: m.Name.ValueString(), PeerURLs: urls})
}

// fromAPI sets what the cluster reports about the member, except peer URLs. A planned name stays; the
// next refresh shows another one.
func (m *memberModel) fromAPI(ctx context.Context, member etcdv2.Member, diags *diag.Diagnostics) {
	switch {
	case m.Name.ValueString() == "":
		m.Name = types.StringValue(member.Name)
	case member.Started() && member.Name != m.Name.ValueString():
		diags.AddWarning("Member has another name", fmt.Sprintf("The process of member %s reports the name %q, not %q. "+
			"Write that name in the configuration, or restart the process with another --name.", member.ID, member.Name, m.Name.ValueString()))
	}
	m.Started = types.BoolValue(member.Started())
	urls := slices.AppendSeq([]string{}, slices.Values(member.ClientURLs))
	slices.Sort(urls)
	list, moreDiags := types.ListValueFrom(ctx, types.StringType, urls)
	diags.Append(moreDiags...)
	m.ClientURLs = list
}

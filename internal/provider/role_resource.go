package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/setplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/pause"
)

var (
	_ resource.ResourceWithConfigure   = (*roleResource)(nil)
	_ resource.ResourceWithIdentity    = (*roleResource)(nil)
	_ resource.ResourceWithImportState = (*roleResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*roleResource)(nil)
	_ resource.ResourceWithMoveState   = (*roleResource)(nil)
)

func newRoleResource() resource.Resource { return &roleResource{} }

type roleResource struct{ resourceBase }

type roleModel struct {
	Name          types.String `tfsdk:"name"`
	KVRead        types.Set    `tfsdk:"kv_read"`
	KVWrite       types.Set    `tfsdk:"kv_write"`
	AdoptExisting types.Bool   `tfsdk:"adopt_existing"`
}

type roleIdentity struct {
	Name types.String `tfsdk:"name"`
}

func (r *roleResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_role"
}

func (r *roleResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"name": identityschema.StringAttribute{RequiredForImport: true, Description: "Name of the role."},
	}}
}

func (r *roleResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A role and the keys that it may read and write.\n\n" +
			"A permission is a pattern: a key, or the beginning of keys followed by `*`. `/app/*` covers everything below `/app`, but not " +
			"`/app` itself. `/app*` covers both, and also `/apple`. Permissions are granted and revoked with one request, so there is no moment " +
			"without access.\n\n" +
			"The role `guest` applies to requests without credentials. If it exists, it is taken over: servers create it with full access when " +
			"authentication is enabled. The role `root` cannot be changed.\n\n" +
			"The server has no conditional writes for roles. The provider compares the permissions right before a change. If somebody else " +
			"deleted the role and created it again, the provider cannot detect that.\n\n" +
			"A role that users still have is not deleted. The destroy waits " + revokeTimeout.String() + " in case the same run also destroys or " +
			"changes those users; then it fails and names them.\n\n" +
			"The permissions of a role are deleted with it. A plan that would delete a permission of an `etcd_role_permission` with its role, and " +
			"keeps that object, is refused. If the role is replaced, each `etcd_role_permission` that refers to it is replaced too.",
		Attributes: map[string]schema.Attribute{
			"name": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Name of the role. It must not be empty, contain `/`, or be `root`. A change replaces the role.",
				Validators:          []validator.String{isChangeableRole()},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"kv_read":        permissionsAttribute("read and watched"),
			"kv_write":       permissionsAttribute("written and deleted"),
			"adopt_existing": adoptAttribute("a role that already exists"),
		},
	}
}

func permissionsAttribute(what string) schema.SetAttribute {
	return schema.SetAttribute{
		ElementType: types.StringType,
		Optional:    true,
		Computed:    true,
		MarkdownDescription: "Patterns of all keys that can be " + what + ". If it is left out, these permissions are shown but not managed, " +
			"and a new role has none; use `etcd_role_permission` for single permissions. An empty set revokes all of them.",
		Validators: []validator.Set{setvalidator.ValueStringsAre(isPattern())},
		// If they are not managed, no write here changes them.
		PlanModifiers: []planmodifier.Set{setplanmodifier.UseStateForUnknown()},
	}
}

func (r *roleResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var plan types.Set
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("kv_read"), &plan)...)
	if !req.State.Raw.IsNull() {
		var state types.Set
		resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("kv_read"), &state)...)
		if plan.Equal(state) {
			return
		}
	}
	warnOfUnreadableDirs(knownNames(plan), &resp.Diagnostics)
}

func (r *roleResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan roleModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	name, want := plan.Name.ValueString(), plan.toAPI(ctx, &resp.Diagnostics)
	release, err := r.connection.run.Lock(ctx, roleNamed(name))
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to create role", name, err)
		return
	}
	defer release()
	role, err := client.Roles.Create(ctx, name, want)
	if errors.Is(err, etcdv2.ErrExists) {
		if plan.AdoptExisting.ValueBool() || name == etcdv2.GuestRole {
			role, err = r.adopt(ctx, client, name, want)
		} else {
			err = alreadyExists("Role", fmt.Sprintf("The role %q already exists", name), "etcd_role", name)
		}
	}
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to create role", name, err)
	}
	// A created role is kept in state even if a later step failed.
	if role != nil {
		r.noteMade(name, want)
		plan.fromAPI(ctx, role, &resp.Diagnostics)
		resp.Diagnostics.Append(writeModel(ctx, &resp.State, plan)...)
	}
}

func (r *roleResource) adopt(ctx context.Context, client *etcdv2.Client, name string, want etcdv2.Permissions) (*etcdv2.Role, error) {
	role, err := client.Roles.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	return r.change(ctx, client, name, role.Permissions, want)
}

func (r *roleResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state roleModel
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	role, err := client.Roles.Get(ctx, state.Name.ValueString())
	if errors.Is(err, etcdv2.ErrNotFound) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to read role", state.Name.ValueString(), err)
		return
	}
	state.refresh(ctx, role, &resp.Diagnostics)
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, state)...)
}

func (r *roleResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state, config roleModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	resp.Diagnostics.Append(readModel(ctx, req.Config, &config)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	name, had, want := plan.Name.ValueString(), state.toAPI(ctx, &resp.Diagnostics), config.toAPI(ctx, &resp.Diagnostics)
	if err := r.updateInRun(ctx, client, name, had, want); err != nil {
		addFailure(&resp.Diagnostics, "Unable to change role", name, notAsPlanned("Role", fmt.Sprintf("The role %q", name), err))
		return
	}
	// The next plan shows what another client changed meanwhile.
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, plan)...)
}

func (r *roleResource) update(ctx context.Context, client *etcdv2.Client, name string, had, want etcdv2.Permissions) error {
	_, err := r.change(ctx, client, name, had, want)
	if errors.Is(err, etcdv2.ErrCompareFailed) {
		// Another client may have made the planned change.
		if found, readErr := client.Roles.GetLinearizable(ctx, name); readErr == nil && permissionsAre(patternsInForm(found.Permissions), want) {
			return nil
		}
	}
	return err
}

func (r *roleResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state roleModel
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	name := state.Name.ValueString()
	err := r.remove(ctx, client, name, state.toAPI(ctx, &resp.Diagnostics))
	if !errors.Is(err, etcdv2.ErrNotFound) {
		addRemoval(&resp.Diagnostics, "Unable to delete role", name, err)
	}
}

// revokeTimeout is how long a role that is to be deleted waits for its holders
// to change. A CLI destroys a role before the users that have it, or at the same
// time, where the configuration names the role without a reference to it.
const (
	revokeTimeout = 10 * time.Second
	revokePoll    = 200 * time.Millisecond
)

func (r *roleResource) remove(ctx context.Context, client *etcdv2.Client, name string, had etcdv2.Permissions) error {
	var last []string
	for since := time.Now(); ; {
		holders, err := r.tryRemove(ctx, client, name, had)
		switch {
		case err != nil || len(holders) == 0:
			return err
		case !slices.Equal(holders, last):
			last, since = holders, time.Now()
		case time.Since(since) > revokeTimeout:
			return stillHeld(name, holders)
		}
		if pause.For(ctx, revokePoll) != nil {
			return stillHeld(name, holders)
		}
	}
}

// tryRemove deletes the role, or returns the names of the users that have it.
func (r *roleResource) tryRemove(
	ctx context.Context, client *etcdv2.Client, name string, had etcdv2.Permissions,
) (holders []string, err error) {
	release, err := r.connection.run.Lock(ctx, roleNamed(name))
	if err != nil {
		return nil, err
	}
	defer release()
	if r.connection.run.HasMade(roleNamed(name)) {
		return nil, staysInStore("Role", fmt.Sprintf("The role %q", name))
	}
	role, err := client.Roles.GetLinearizable(ctx, name)
	if err != nil {
		return nil, err
	}
	if more := append(without(inForm(role.Read), had.Read), without(inForm(role.Write), had.Write)...); len(more) > 0 {
		return nil, gained("Role", fmt.Sprintf("the role %q permissions on", name), more)
	}
	holders, err = client.Users.Holders(ctx, name)
	if err != nil || len(holders) > 0 {
		return holders, err
	}
	return nil, client.Roles.Delete(ctx, name)
}

func stillHeld(name string, holders []string) error {
	return &refusal{
		summary: "Role is still granted",
		what: fmt.Sprintf("These users have the role %q: %s. A server would delete it, and would then no longer list their roles. "+
			"It was not deleted; the provider waited %s for it to be revoked.", name, quotedList(holders), revokeTimeout),
		advice: "Revoke it from them first. If this run destroys them too, destroy again: they are gone then. To keep the order, " +
			"write etcd_role.example.name in their roles instead of the name.",
	}
}

func (r *roleResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	importNamed(ctx, checkChangeableRole, req, resp)
}

// toAPI returns the permissions of the model. A list that is null or
// unknown is nil.
func (m *roleModel) toAPI(ctx context.Context, diags *diag.Diagnostics) etcdv2.Permissions {
	return etcdv2.Permissions{Read: namesOf(ctx, m.KVRead, diags), Write: namesOf(ctx, m.KVWrite, diags)}
}

// fromAPI takes over what was read of the role where the plan did not know it.
func (m *roleModel) fromAPI(ctx context.Context, role *etcdv2.Role, diags *diag.Diagnostics) {
	if m.KVRead.IsUnknown() {
		m.KVRead = shownPatterns(ctx, role.Name, accessRead, role.Read, diags)
	}
	if m.KVWrite.IsUnknown() {
		m.KVWrite = shownPatterns(ctx, role.Name, accessWrite, role.Write, diags)
	}
}

// refresh takes over what was read of the role.
func (m *roleModel) refresh(ctx context.Context, role *etcdv2.Role, diags *diag.Diagnostics) {
	m.Name = types.StringValue(role.Name)
	m.KVRead = shownPatterns(ctx, role.Name, accessRead, role.Read, diags)
	m.KVWrite = shownPatterns(ctx, role.Name, accessWrite, role.Write, diags)
}

// shownPatterns is shownNames for the patterns of a role.
func shownPatterns(ctx context.Context, role string, to access, patterns []string, diags *diag.Diagnostics) types.Set {
	return shownNames(ctx, fmt.Sprintf("patterns that the role %q may %s", role, to), patterns, diags)
}

package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var (
	_ resource.ResourceWithConfigure   = (*userRoleResource)(nil)
	_ resource.ResourceWithIdentity    = (*userRoleResource)(nil)
	_ resource.ResourceWithImportState = (*userRoleResource)(nil)
)

func newUserRoleResource() resource.Resource { return &userRoleResource{} }

type userRoleResource struct{ resourceBase }

type userRoleModel struct {
	User          types.String `tfsdk:"user"`
	Role          types.String `tfsdk:"role"`
	AdoptExisting types.Bool   `tfsdk:"adopt_existing"`
}

type userRoleIdentity struct {
	User types.String `tfsdk:"user"`
	Role types.String `tfsdk:"role"`
}

func (r *userRoleResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_user_role"
}

func (r *userRoleResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"user": identityschema.StringAttribute{RequiredForImport: true, Description: "Name of the user."},
		"role": identityschema.StringAttribute{RequiredForImport: true, Description: "Name of the role."},
	}}
}

func (r *userRoleResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "One role of one user, for users whose other roles are granted elsewhere. Do not use it for a user whose " +
			"`roles` are set by an `etcd_user`: each of the two would revoke what the other one grants.\n\n" +
			"Several roles of the same user can be granted in one apply; this provider makes the changes of one user one after the other.",
		Attributes: map[string]schema.Attribute{
			"user": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Name of the user, which must exist. A change replaces the grant.",
				Validators:          []validator.String{validUserName()},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"role": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Name of the role, which must exist. A change replaces the grant.",
				Validators:          []validator.String{isRoleName()},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"adopt_existing": adoptAttribute("a grant that already exists"),
		},
	}
}

func (r *userRoleResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan userRoleModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := r.grant(ctx, client, plan); err != nil {
		addFailure(&resp.Diagnostics, "Unable to grant role", plan.String(), err)
		return
	}
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, plan)...)
}

func (r *userRoleResource) grant(ctx context.Context, client *etcdv2.Client, plan userRoleModel) error {
	user, role := plan.User.ValueString(), plan.Role.ValueString()
	if err := requireRoles(ctx, client, []string{role}); err != nil {
		return err
	}
	release, err := r.connection.run.Lock(ctx, userNamed(user))
	if err != nil {
		return err
	}
	defer release()
	_, err = client.Users.Grant(ctx, user, role)
	switch {
	case err == nil, errors.Is(err, etcdv2.ErrGranted) && plan.AdoptExisting.ValueBool():
		r.connection.run.NoteMade(grantOf(user, role))
		return nil
	case errors.Is(err, etcdv2.ErrGranted):
		return alreadyExists("Grant", plan.String()+" is granted already", "etcd_user_role", plan.id())
	default:
		return err
	}
}

func (r *userRoleResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state userRoleModel
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	found := readOnce(ctx, func() grantRead { return r.read(ctx, client, state) })
	resp.Diagnostics.Append(found.diags...)
	granted, err := found.granted, found.err
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to read user", state.User.ValueString(), err)
		return
	}
	if !granted {
		resp.State.RemoveResource(ctx)
		return
	}
}

// isGranted reports whether the user has the role. Of a user that has
// roles that do not exist servers name only one: another one of them may still
// be listed.
func (r *userRoleResource) isGranted(
	ctx context.Context, client *etcdv2.Client, state userRoleModel, diags *diag.Diagnostics,
) (bool, error) {
	role := state.Role.ValueString()
	user, err := client.Users.GetPartial(ctx, state.User.ValueString())
	if err == nil && !slices.Contains(user.Roles, role) {
		// An endpoint that lags says so too.
		user, err = client.Users.GetLinearizable(ctx, state.User.ValueString())
	}
	if errors.Is(err, etcdv2.ErrNotFound) {
		return false, nil
	}
	if err != nil || user.MissingRole == "" {
		return err == nil && slices.Contains(user.Roles, role), err
	}
	_, err = client.Roles.Get(ctx, role)
	if errors.Is(err, etcdv2.ErrNotFound) {
		diags.AddWarning("Role does not exist", fmt.Sprintf("%s: the role does not exist any more, so the grant permits nothing. Make the role "+
			"again, or remove the grant.", state))
		return true, nil
	}
	if err == nil && strings.HasPrefix(user.Name, "_") {
		// For such a user servers return only the name of the missing role.
		diags.AddWarning("Grant cannot be read", fmt.Sprintf("%s: the user has the role %q, which does not exist, and a server then does not "+
			"list the other roles of a user whose name starts with an underscore. The grant stays in state. Create that role again, or revoke it.",
			state, user.MissingRole))
		return true, nil
	}
	return err == nil && slices.Contains(user.Roles, role), err
}

// Update changes only adopt_existing, which exists only in state.
func (r *userRoleResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan userRoleModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	user, role := plan.User.ValueString(), plan.Role.ValueString()
	err := r.connection.run.Keep(ctx, userNamed(user), grantOf(user, role), func() error {
		_, err := client.Users.Grant(ctx, user, role)
		return err
	})
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to grant role", plan.String(), err)
		return
	}
	resp.State.Raw = req.Plan.Raw
}

func (r *userRoleResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state userRoleModel
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	err := r.revoke(ctx, client, state)
	if !errors.Is(err, etcdv2.ErrNotFound) && !errors.Is(err, etcdv2.ErrNotGranted) {
		addRemoval(&resp.Diagnostics, "Unable to revoke role", state.String(), err)
	}
}

func (r *userRoleResource) revoke(ctx context.Context, client *etcdv2.Client, state userRoleModel) error {
	user, role := state.User.ValueString(), state.Role.ValueString()
	release, err := r.connection.run.Lock(ctx, userNamed(user))
	if err != nil {
		return err
	}
	defer release()
	if r.connection.run.HasMade(grantOf(user, role)) {
		return staysInStore("Grant", state.String())
	}
	if role == etcdv2.RootRole {
		if err := r.keepOwnLogin(ctx, client, user, "to revoke its role root"); err != nil {
			return err
		}
	}
	if _, err = client.Users.Revoke(ctx, user, role); err == nil {
		r.connection.run.NoteRemoved(grantOf(user, role))
	}
	return err
}

func (r *userRoleResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	var id userRoleIdentity
	if req.ID == "" {
		resp.Diagnostics.Append(req.Identity.Get(ctx, &id)...)
	} else {
		user, role, ok := strings.Cut(req.ID, "/")
		if !ok || etcdv2.CheckUserName(user) != nil || etcdv2.CheckRoleName(role) != nil {
			resp.Diagnostics.AddError("Invalid import id", fmt.Sprintf("%q is not a grant: want the user's name, a slash and the role's name, such "+
				"as alice/ops.", req.ID))
			return
		}
		id = userRoleIdentity{User: types.StringValue(user), Role: types.StringValue(role)}
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("user"), id.User)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("role"), id.Role)...)
	setSteering(ctx, &resp.State, &resp.Diagnostics)
}

// String names the grant for messages.
func (m userRoleModel) String() string {
	return fmt.Sprintf("The role %q of the user %q", m.Role.ValueString(), m.User.ValueString())
}

func (m userRoleModel) id() string { return m.User.ValueString() + "/" + m.Role.ValueString() }

package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
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
)

var (
	_ resource.ResourceWithConfigure   = (*userResource)(nil)
	_ resource.ResourceWithIdentity    = (*userResource)(nil)
	_ resource.ResourceWithImportState = (*userResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*userResource)(nil)
	_ resource.ResourceWithMoveState   = (*userResource)(nil)
)

func newUserResource() resource.Resource { return &userResource{} }

type userResource struct{ resourceBase }

type userModel struct {
	Name              types.String `tfsdk:"name"`
	Password          types.String `tfsdk:"password"`
	PasswordWO        types.String `tfsdk:"password_wo"`
	PasswordWOVersion types.Int64  `tfsdk:"password_wo_version"`
	Roles             types.Set    `tfsdk:"roles"`
	MissingRole       types.String `tfsdk:"missing_role"`
	AdoptExisting     types.Bool   `tfsdk:"adopt_existing"`
}

type userIdentity struct {
	Name types.String `tfsdk:"name"`
}

func (r *userResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_user"
}

func (r *userResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"name": identityschema.StringAttribute{RequiredForImport: true, Description: "Name of the user."},
	}}
}

func (r *userResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A user of the store, its password and its roles.\n\n" +
			"Creating a user never changes one that already exists, unless `adopt_existing` is set: no password is reset by accident. Roles and " +
			"password are changed with one request, so there is no moment without access.\n\n" +
			"While authentication is enabled, the provider protects the user that it logs in with: it does not delete that user, does not " +
			"change its password, and keeps its role `root`. Otherwise it would lock itself out halfway through the apply.\n\n" +
			"The server has no conditional writes for users. The provider makes changes of the same user one after the other, compares the " +
			"roles right before a change, and reads them back after it. A change by somebody else in that instant can still be lost. If " +
			"somebody else deleted the user and created it again, the provider cannot detect that.\n\n" +
			"The grants of a user are deleted with it. A plan that would delete a grant of an `etcd_user_role` with its user, and keeps that " +
			"object, is refused. If the user is replaced, each `etcd_user_role` that refers to it is replaced too.",
		Attributes: map[string]schema.Attribute{
			"name": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "Name of the user. It must not be empty or contain `/` or `:`; with a `:` in its name, a user could never log " +
					"in. The user `root` always has the role `root`. A change replaces the user.",
				Validators:    []validator.String{validUserName()},
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"password": schema.StringAttribute{
				Optional:  true,
				Sensitive: true,
				MarkdownDescription: "Password of 1 to 72 bytes. It is stored in the state and never read back, so a change made elsewhere is not " +
					"detected. A change sets the new password. Creating a user requires `password` or `password_wo`; without either, the apply fails, " +
					"but an imported user keeps its password. Default: none. Conflicts with `password_wo`.",
				Validators: []validator.String{isPassword(), stringvalidator.ConflictsWith(path.MatchRoot("password_wo"))},
			},
			"password_wo": schema.StringAttribute{
				Optional:  true,
				Sensitive: true,
				WriteOnly: true,
				MarkdownDescription: "Password of 1 to 72 bytes that is stored neither in the state nor in the plan. A change of this attribute " +
					"alone is not detected: change `password_wo_version` too. Requires Terraform or OpenTofu 1.11. Conflicts with `password`.",
				Validators: []validator.String{isPassword()},
			},
			"password_wo_version": schema.Int64Attribute{
				Optional:            true,
				MarkdownDescription: "Required with `password_wo`; any number. A change sets the password again.",
				Validators:          []validator.Int64{int64validator.AlsoRequires(path.MatchRoot("password_wo"))},
			},
			"roles": schema.SetAttribute{
				ElementType: types.StringType,
				Optional:    true,
				Computed:    true,
				MarkdownDescription: "Names of all roles that the user has. The roles must exist. If it is left out, the roles are shown but not " +
					"managed; use `etcd_user_role` for single roles. An empty set revokes all roles. A granted role that does not exist is shown as " +
					"`NAME (does not exist)`.",
				Validators: []validator.Set{setvalidator.ValueStringsAre(isRoleName())},
				// If roles are not managed, no write here changes them.
				PlanModifiers: []planmodifier.Set{setplanmodifier.UseStateForUnknown()},
			},
			"missing_role": schema.StringAttribute{
				Computed: true,
				MarkdownDescription: "A role that is granted to the user but does not exist (any more); null otherwise. If `roles` is managed, " +
					"this is drift: the next apply revokes the role, or fails if `roles` still contains it and nothing has created it again. With " +
					"`ignore_changes = [roles]`, the grant stays.",
			},
			"adopt_existing": adoptAttribute("a user that already exists"),
		},
	}
}

func (r *userResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if req.Plan.Raw.IsNull() {
		return
	}
	var plan, config userModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(readModel(ctx, req.Config, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	var state *userModel
	if !req.State.Raw.IsNull() {
		state = new(userModel)
		resp.Diagnostics.Append(readModel(ctx, req.State, state)...)
	}
	r.checkPassword(plan, config, state, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("missing_role"), plan.plannedMissing(config, state))...)
	if roles := knownNames(config.Roles); plan.Name.ValueString() == etcdv2.RootUser && roles != nil &&
		!slices.Contains(roles, etcdv2.RootRole) {
		resp.Diagnostics.AddAttributeError(path.Root("roles"), "The user root always has the role root",
			"A server grants it by itself and never revokes it. Add \"root\" to roles, or leave roles out.")
	}
}

// plannedMissing plans the missing role. After a change of roles there is none,
// or the change fails; without one it stays as it is.
func (m *userModel) plannedMissing(config userModel, state *userModel) types.String {
	switch {
	case state != nil && !m.changesRoles(config, *state):
		return state.MissingRole
	case state == nil && (config.Roles.IsNull() || config.Roles.IsUnknown()):
		return types.StringUnknown()
	case state != nil && !state.MissingRole.IsNull() && knownNames(config.Roles) == nil:
		// A value that is not known yet may turn out to change nothing.
		return types.StringUnknown()
	default:
		return types.StringNull()
	}
}

// changesRoles reports whether the plan changes the roles of state.
func (m *userModel) changesRoles(config, state userModel) bool {
	return !config.Roles.IsNull() && !m.Roles.Equal(state.Roles)
}

// checkPassword warns of a create without a password, which the apply refuses. It refuses the plan of
// a replacement without one, which would delete the user first.
func (r *userResource) checkPassword(plan, config userModel, state *userModel, diags *diag.Diagnostics) {
	if !config.Password.IsNull() || !config.PasswordWO.IsNull() || config.AdoptExisting.ValueBool() || config.AdoptExisting.IsUnknown() {
		return
	}
	refusal := errNoPassword()
	var missing diag.Diagnostics
	missing.AddAttributeError(path.Root("password"), refusal.summary, refusal.what+"\n\n"+refusal.advice)
	claims := r.plannedClaims()
	switch {
	case state == nil && (claims == nil || !claims.IsHeld(userNamed(plan.Name.ValueString()))):
		warnOfApply(diags, missing)
	case state == nil, !plan.Name.IsUnknown() && !plan.Name.Equal(state.Name):
		diags.Append(missing...)
	}
}

func errNoPassword() *refusal {
	return &refusal{
		summary: "Password is missing",
		what:    "A user cannot be created without a password.",
		advice:  "Set password or password_wo; or import the user if it exists.",
	}
}

func (r *userResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan, config userModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(readModel(ctx, req.Config, &config)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	release, err := r.connection.run.Lock(ctx, userNamed(plan.Name.ValueString()))
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to create user", plan.Name.ValueString(), err)
		return
	}
	defer release()
	user, err := r.create(ctx, client, &plan, config.password(), &resp.Diagnostics)
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to create user", plan.Name.ValueString(), err)
	}
	if user == nil {
		return
	}
	r.noteMade(user.Name, user.Roles, !config.Roles.IsNull())
	if err != nil || plan.Roles.IsUnknown() {
		plan.refresh(ctx, user, &resp.Diagnostics)
	}
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, plan)...)
}

// create returns the user even along with an error, if the user exists by then.
func (r *userResource) create(
	ctx context.Context, client *etcdv2.Client, plan *userModel, password string, diags *diag.Diagnostics,
) (*etcdv2.User, error) {
	name, roles := plan.Name.ValueString(), namesOf(ctx, plan.Roles, diags)
	if err := requireRoles(ctx, client, roles); err != nil {
		return nil, err
	}
	if password != "" {
		user, err := client.Users.Create(ctx, name, password, roles)
		if !errors.Is(err, etcdv2.ErrExists) {
			return user, err
		}
	}
	switch {
	case !plan.AdoptExisting.ValueBool() && password == "":
		return nil, errNoPassword()
	case !plan.AdoptExisting.ValueBool():
		return nil, alreadyExists("User", fmt.Sprintf("The user %q already exists", name), "etcd_user", name)
	}
	user, err := client.Users.GetPartial(ctx, name)
	if errors.Is(err, etcdv2.ErrNotFound) {
		return nil, &refusal{
			summary: "Password is missing",
			what:    fmt.Sprintf("There is no user %q to adopt, and without a password none can be created.", name),
			advice:  "Set password or password_wo.",
			cause:   err,
		}
	}
	if err != nil {
		return nil, err
	}
	return r.change(ctx, client, user.Held(), roles, name, password)
}

func (r *userResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state userModel
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	user, err := client.Users.GetPartial(ctx, state.Name.ValueString())
	if errors.Is(err, etcdv2.ErrNotFound) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to read user", state.Name.ValueString(), err)
		return
	}
	state.refresh(ctx, user, &resp.Diagnostics)
	warnOfUnfinished(user, &resp.Diagnostics)
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, state)...)
}

func (r *userResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan, state, config userModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	resp.Diagnostics.Append(readModel(ctx, req.Config, &config)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	name, password := plan.Name.ValueString(), ""
	if !plan.Password.Equal(state.Password) || !plan.PasswordWOVersion.Equal(state.PasswordWOVersion) {
		password = config.password()
	}
	if err := r.updateInRun(ctx, client, plan, config, state, password, &resp.Diagnostics); err != nil {
		addFailure(&resp.Diagnostics, "Unable to change user", name, notAsPlanned("User", fmt.Sprintf("The user %q", name), err))
		return
	}
	// The next plan shows what another client changed meanwhile.
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, plan)...)
}

func (r *userResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state userModel
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	name := state.Name.ValueString()
	err := r.remove(ctx, client, name, state.roleNames(ctx, &resp.Diagnostics))
	if !errors.Is(err, etcdv2.ErrNotFound) {
		addRemoval(&resp.Diagnostics, "Unable to delete user", name, err)
	}
}

func (r *userResource) remove(ctx context.Context, client *etcdv2.Client, name string, had []string) error {
	release, err := r.connection.run.Lock(ctx, userNamed(name))
	if err != nil {
		return err
	}
	defer release()
	if r.connection.run.HasMade(userNamed(name)) {
		return staysInStore("User", fmt.Sprintf("The user %q", name))
	}
	if err := r.keepOwnLogin(ctx, client, name, "to delete it"); err != nil {
		return err
	}
	user, err := client.Users.GetLinearizable(ctx, name)
	if err != nil {
		return err
	}
	if more := without(inForm(user.Held()), had); len(more) > 0 {
		return gained("User", fmt.Sprintf("the user %q the roles", name), more)
	}
	return client.Users.Delete(ctx, name)
}

func (r *userResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	importNamed(ctx, etcdv2.CheckUserName, req, resp)
}

// password returns the password that a configuration names, "" if it does not.
func (m *userModel) password() string {
	if !m.PasswordWO.IsNull() {
		return m.PasswordWO.ValueString()
	}
	return m.Password.ValueString()
}

// roleNames returns the names of the roles of the user in state, with the missing
// one.
func (m *userModel) roleNames(ctx context.Context, diags *diag.Diagnostics) []string {
	user := etcdv2.User{MissingRole: m.MissingRole.ValueString()}
	user.Roles = without(namesOf(ctx, m.Roles, diags), []string{user.MissingRole, missing(user.MissingRole)})
	return append([]string{}, user.Held()...)
}

// missing is what state contains among the roles for one that does not exist. It
// differs from the name, so that it is drift where a configuration names the
// role and where it does not, and none where ignore_changes repeats state.
func missing(role string) string { return role + " (does not exist)" }

// refresh takes over what was read of the user.
func (m *userModel) refresh(ctx context.Context, user *etcdv2.User, diags *diag.Diagnostics) {
	m.Name = types.StringValue(user.Name)
	m.MissingRole = missingRole(user)
	roles := user.Roles
	if !m.MissingRole.IsNull() {
		roles = append(slices.Clone(roles), missing(user.MissingRole))
	}
	warnOutOfForm(rolesOfUser(user.Name), outOfForm(user.Held()), diags)
	m.Roles = setOf(ctx, inForm(roles), diags)
	m.PasswordWO = types.StringNull()
}

// missingRole returns the role that a user has and that does not exist, null
// if there is none or no configuration can name it.
func missingRole(user *etcdv2.User) types.String {
	if user.MissingRole == "" || checkForm(user.MissingRole) != nil {
		return types.StringNull()
	}
	return types.StringValue(user.MissingRole)
}

// warnOfUnfinished reports what a create has left that was ended in the middle. Where roles are not
// managed, no plan shows it.
func warnOfUnfinished(user *etcdv2.User, diags *diag.Diagnostics) {
	if !user.IsUnfinished() {
		return
	}
	diags.AddWarning("The creation of a user was ended in the middle", fmt.Sprintf("The user %q has its password and its roles, and still "+
		"the role %q, which marks a user while it is created. That role does not exist and permits nothing. If the configuration sets roles, "+
		"the next apply revokes it. Otherwise revoke it with ETCDCTL_API=2 etcdctl user revoke.", user.Name, user.MissingRole))
}

// rolesOfUser names the roles of a user for messages.
func rolesOfUser(name string) string { return fmt.Sprintf("roles of the user %q", name) }

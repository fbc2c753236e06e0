package provider

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var (
	_ resource.ResourceWithConfigure   = (*authResource)(nil)
	_ resource.ResourceWithIdentity    = (*authResource)(nil)
	_ resource.ResourceWithImportState = (*authResource)(nil)
	_ resource.ResourceWithModifyPlan  = (*authResource)(nil)
)

func newAuthResource() resource.Resource { return &authResource{} }

type authResource struct{ resourceBase }

type authModel struct {
	ID            types.String `tfsdk:"id"`
	AdoptExisting types.Bool   `tfsdk:"adopt_existing"`
}

// authID is the id of the auth switch. A cluster has one.
const authID = "auth"

func (r *authResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_auth"
}

func (r *authResource) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"id": identityschema.StringAttribute{RequiredForImport: true, Description: "Always \"auth\": a cluster has one authentication switch."},
	}}
}

func (r *authResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Enables authentication. Creating the resource enables it, destroying the resource disables it.\n\n" +
			"Before it enables authentication, the provider checks that it has credentials, that the user `root` exists, and that its own user " +
			"has the role `root`. It then proves that the credentials work. If they do not, it disables authentication again, so that nobody is " +
			"locked out. During the proof there is a second user with the role `root` for this purpose, with a random password and a name that " +
			"starts with `etcdv2-rescue-`.\n\n" +
			"Let the resource depend on the users and roles that must exist first, including the role `guest`. If `guest` does not exist, the " +
			"server creates it with full access, and requests without credentials can still write everything. A warning reports this for as " +
			"long as it is the case.",
		Attributes: map[string]schema.Attribute{
			"id": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Always `auth`.",
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"adopt_existing": adoptAttribute("authentication that is already enabled"),
		},
	}
}

func (r *authResource) ModifyPlan(_ context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	creates := req.State.Raw.IsNull() && !req.Plan.Raw.IsNull()
	if creates && r.connection != nil && len(r.connection.unknown) == 0 && r.connection.options.Username == "" {
		var errs diag.Diagnostics
		addFailure(&errs, "", "", errNoCredentials())
		warnOfApply(&resp.Diagnostics, errs)
	}
}

func errNoCredentials() error {
	return &refusal{
		summary: "The provider has no credentials",
		what:    "With authentication enabled, a provider without credentials cannot change anything, and cannot disable it again.",
		advice: "Nothing was changed. Set username and password of a user with the role root in the provider's configuration; " +
			"they are ignored until authentication is enabled.",
	}
}

func (r *authResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan authModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	release, err := r.connection.run.Lock(ctx, authSwitch())
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to enable authentication", "", err)
		return
	}
	defer release()
	if err := r.enable(ctx, client, plan.AdoptExisting.ValueBool(), &resp.Diagnostics); err != nil {
		addFailure(&resp.Diagnostics, "Unable to enable authentication", "", err)
		return
	}
	r.connection.run.NoteMade(authSwitch())
	plan.ID = types.StringValue(authID)
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, plan)...)
	warnOfGuest(ctx, client, &resp.Diagnostics)
}

func (r *authResource) enable(ctx context.Context, client *etcdv2.Client, adopt bool, diags *diag.Diagnostics) error {
	if r.connection.options.Username == "" {
		return errNoCredentials()
	}
	enabled, err := client.Auth.StatusLinearizable(ctx)
	if err != nil {
		return err
	}
	if enabled && !adopt {
		return alreadyExists("Authentication", "Authentication is already enabled", "etcd_auth", authID)
	}
	if err := r.checkLogin(ctx, client); err != nil || enabled {
		return err
	}
	return r.enableProven(ctx, client, diags)
}

// checkLogin checks that the user root exists, and that the provider's own user may make every
// change. While authentication is disabled, a server does not check passwords; once it is
// enabled, this call itself fails with a wrong one.
func (r *authResource) checkLogin(ctx context.Context, client *etcdv2.Client) error {
	login := r.connection.options.Username
	if _, err := client.Users.GetLinearizable(ctx, etcdv2.RootUser); errors.Is(err, etcdv2.ErrNotFound) {
		return &refusal{
			summary: "There is no user root",
			what:    "No server enables authentication without the user root.",
			advice:  "Nothing was changed. Create that user first, for instance with an etcd_user that this etcd_auth depends on.",
			cause:   etcdv2.ErrNoRootUser,
		}
	} else if err != nil {
		return err
	}
	user, err := client.Users.GetLinearizable(ctx, login)
	if err != nil && !errors.Is(err, etcdv2.ErrNotFound) {
		return err
	}
	if err == nil && slices.Contains(user.Roles, etcdv2.RootRole) {
		return nil
	}
	return &refusal{
		summary: "The provider would lock itself out",
		what: fmt.Sprintf("The provider logs in as the user %q, which does not exist or does not have the role root: with authentication "+
			"enabled it could not change anything, and could not disable it again.", login),
		advice: "Nothing was changed. Correct username in the provider's configuration, or give that user the role root first.",
		cause:  err,
	}
}

// enableProven enables authentication and proves that the provider can log in. Until that is
// proven, a second user exists that can disable authentication again.
func (r *authResource) enableProven(ctx context.Context, client *etcdv2.Client, diags *diag.Diagnostics) error {
	name, password := "etcdv2-rescue-"+rand.Text(), rand.Text()
	if _, err := client.Users.Create(ctx, name, password, []string{etcdv2.RootRole}); err != nil {
		return fmt.Errorf(
			"creating the user %q, with which authentication can be disabled if the provider's credentials do not work: %w", name,
			dropRescue(ctx, client, name, err),
		)
	}
	options := r.connection.options
	options.Endpoints, options.Username, options.Password = client.Endpoints(), name, password
	rescue, err := etcdv2.New(options)
	if err != nil {
		return dropRescue(ctx, client, name, err)
	}
	defer rescue.CloseIdleConnections()
	err = client.Auth.Enable(ctx)
	switch {
	case errors.Is(err, etcdv2.ErrAuthEnabled):
		// Another client was faster, so it is not ours to disable.
		return dropRescue(
			ctx, rescue, name, alreadyExists("Authentication", "Authentication was enabled by somebody else at this moment", "etcd_auth", authID),
		)
	case err != nil && !errors.Is(err, etcdv2.ErrOutcomeUnknown):
		return dropRescue(ctx, rescue, name, err)
	case err == nil:
		_, err = client.Users.GetLinearizable(ctx, r.connection.options.Username)
	}
	if err != nil {
		return r.undoEnable(ctx, rescue, name, err)
	}
	if cleanErr := client.Users.Delete(ctx, name); cleanErr != nil && !errors.Is(cleanErr, etcdv2.ErrNotFound) {
		diags.AddWarning("A user was left behind", fmt.Sprintf("Authentication is enabled. The user %q, which the provider created to check "+
			"its credentials, could not be deleted; nobody knows its password. Delete it.\n\nError: %s", name, cleanErr))
	}
	return nil
}

// dropRescue deletes the second user if this call did not enable authentication, even if the run
// was interrupted, and returns the cause of that.
func dropRescue(ctx context.Context, client *etcdv2.Client, name string, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), etcdv2.SettleTime)
	defer cancel()
	if err := client.Users.Delete(ctx, name); err != nil && !errors.Is(err, etcdv2.ErrNotFound) {
		return fmt.Errorf(
			"%w; the user %q, which was created to disable authentication again, may still exist: delete it: %w", cause, name, err,
		)
	}
	return cause
}

// undoEnable disables authentication again, even if the run was interrupted, and reports what to
// do.
func (r *authResource) undoEnable(ctx context.Context, rescue *etcdv2.Client, name string, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), etcdv2.SettleTime)
	defer cancel()
	login := r.connection.options.Username
	_, err := rescue.Auth.EnsureDisabled(ctx)
	if err == nil {
		err = rescue.Users.Delete(ctx, name)
	}
	if err != nil {
		return &refusal{
			summary: "The provider may have locked itself out",
			what: fmt.Sprintf("The provider enabled authentication, could not log in as %q, and could not disable "+
				"authentication again.", login),
			advice: fmt.Sprintf("Check the status (GET /v2/auth/enable). If it is enabled, log in as any user with the role root to disable it, "+
				"or to set the password of %q. Delete the user %q if it exists.\n\nError: %s\n\nError of the second step: %s", login, name, cause,
				err),
			cause: cause,
		}
	}
	if !errors.Is(cause, etcdv2.ErrUnauthorized) {
		return cause
	}
	return &refusal{
		summary: "The provider's credentials do not work",
		what: fmt.Sprintf(
			"After authentication was enabled, the server refused the password with which the provider logs in as %q.", login,
		),
		advice: "Authentication was disabled again, so that nobody is locked out. Correct password in the provider's configuration, or set " +
			"that user's password, and apply again.",
		cause: cause,
	}
}

func (r *authResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state authModel
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	enabled, err := client.Auth.StatusLinearizable(ctx)
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to read whether authentication is enabled", "", err)
		return
	}
	if !enabled {
		resp.State.RemoveResource(ctx)
		return
	}
	state.ID = types.StringValue(authID)
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, state)...)
	warnOfGuest(ctx, client, &resp.Diagnostics)
}

// warnOfGuest warns while requests without credentials may write everything.
func warnOfGuest(ctx context.Context, client *etcdv2.Client, diags *diag.Diagnostics) {
	guest, err := client.Roles.Get(ctx, etcdv2.GuestRole)
	switch {
	case errors.Is(err, etcdv2.ErrNotFound):
	case err != nil:
		addFailure(diags, "Unable to read role", etcdv2.GuestRole, err)
	case slices.ContainsFunc(guest.Write, func(pattern string) bool { return pattern == "*" || pattern == "/*" }):
		diags.AddWarning("Anybody may write everything", "Authentication is enabled, and the role guest still permits requests without "+
			"credentials to write every key. Restrict it with an etcd_role named \"guest\", for instance with kv_write = [].")
	}
}

// Update changes only adopt_existing, which exists only in state.
func (r *authResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	client := r.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	err := r.connection.run.Keep(ctx, authSwitch(), authSwitch(), func() error {
		return r.enable(ctx, client, true, &resp.Diagnostics)
	})
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to enable authentication", "", err)
		return
	}
	resp.State.Raw = req.Plan.Raw
}

func (r *authResource) Delete(ctx context.Context, _ resource.DeleteRequest, resp *resource.DeleteResponse) {
	client := r.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	addRemoval(&resp.Diagnostics, "Unable to disable authentication", "", r.disable(ctx, client))
}

func (r *authResource) disable(ctx context.Context, client *etcdv2.Client) error {
	release, err := r.connection.run.Lock(ctx, authSwitch())
	if err != nil {
		return err
	}
	defer release()
	if r.connection.run.HasMade(authSwitch()) {
		return staysInStore("Authentication", "Authentication")
	}
	if _, err = client.Auth.EnsureDisabled(ctx); err == nil {
		r.connection.run.NoteRemoved(authSwitch())
	}
	return err
}

func (r *authResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	resource.ImportStatePassthroughWithIdentity(ctx, path.Root("id"), path.Root("id"), req, resp)
	var id types.String
	resp.Diagnostics.Append(resp.State.GetAttribute(ctx, path.Root("id"), &id)...)
	if id.ValueString() != authID {
		resp.Diagnostics.AddError("Invalid import id", fmt.Sprintf("A cluster has one authentication switch, whose id is %q.", authID))
	}
	setSteering(ctx, &resp.State, &resp.Diagnostics)
}

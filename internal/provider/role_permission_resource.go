package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

var (
	_ resource.ResourceWithConfigure   = (*rolePermissionResource)(nil)
	_ resource.ResourceWithIdentity    = (*rolePermissionResource)(nil)
	_ resource.ResourceWithImportState = (*rolePermissionResource)(nil)
)

func newRolePermissionResource() resource.Resource { return &rolePermissionResource{} }

type rolePermissionResource struct{ resourceBase }

type rolePermissionModel struct {
	Role          types.String `tfsdk:"role"`
	Access        types.String `tfsdk:"access"`
	Pattern       types.String `tfsdk:"pattern"`
	AdoptExisting types.Bool   `tfsdk:"adopt_existing"`
}

type rolePermissionIdentity struct {
	Role    types.String `tfsdk:"role"`
	Access  types.String `tfsdk:"access"`
	Pattern types.String `tfsdk:"pattern"`
}

// access is a way to use a key.
type access string

const (
	accessRead  access = "read"
	accessWrite access = "write"
)

func accesses() []access { return []access{accessRead, accessWrite} }

func (r *rolePermissionResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_role_permission"
}

func (r *rolePermissionResource) IdentitySchema(
	_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse,
) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"role":    identityschema.StringAttribute{RequiredForImport: true, Description: "Name of the role."},
		"access":  identityschema.StringAttribute{RequiredForImport: true, Description: "Kind of access: read or write."},
		"pattern": identityschema.StringAttribute{RequiredForImport: true, Description: "Pattern of the keys."},
	}}
}

func (r *rolePermissionResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "One permission of one role, for roles whose other permissions are granted elsewhere. Do not use it for a role " +
			"whose permissions of the same kind (`kv_read` or `kv_write`) are set by an `etcd_role`: each of the two would revoke what the " +
			"other one grants.\n\n" +
			"Several permissions of the same role can be granted in one apply; this provider makes the changes of one role one after the other.",
		Attributes: map[string]schema.Attribute{
			"role": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Name of the role, which must exist and must not be `root`. A change replaces the permission.",
				Validators:          []validator.String{isChangeableRole()},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"access": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Kind of access: " + oneOf(accesses()) + ". A change replaces the permission.",
				Validators:          []validator.String{stringvalidator.OneOf(texts(accesses())...)},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"pattern": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "A key, or the beginning of keys followed by `*`: `/app/*` covers everything below `/app`, but not `/app` " +
					"itself. A change replaces the permission.",
				Validators:    []validator.String{isPattern()},
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"adopt_existing": adoptAttribute("a permission that already exists"),
		},
	}
}

func (r *rolePermissionResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var plan rolePermissionModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := r.grant(ctx, client, plan); err != nil {
		addFailure(&resp.Diagnostics, "Unable to grant permission", plan.String(), err)
		return
	}
	resp.Diagnostics.Append(writeModel(ctx, &resp.State, plan)...)
}

func (r *rolePermissionResource) grant(ctx context.Context, client *etcdv2.Client, plan rolePermissionModel) error {
	release, err := r.connection.run.Lock(ctx, roleNamed(plan.Role.ValueString()))
	if err != nil {
		return err
	}
	defer release()
	_, err = client.Roles.Grant(ctx, plan.Role.ValueString(), plan.toAPI())
	switch {
	case err == nil, errors.Is(err, etcdv2.ErrGranted) && plan.AdoptExisting.ValueBool():
		r.connection.run.NoteMade(plan.object())
		return nil
	case errors.Is(err, etcdv2.ErrGranted):
		return alreadyExists("Permission", plan.String()+" is granted already", "etcd_role_permission", plan.id())
	default:
		return err
	}
}

func (r *rolePermissionResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state rolePermissionModel
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	found := readOnce(ctx, func() grantRead { return r.read(ctx, client, state) })
	if found.err != nil {
		addFailure(&resp.Diagnostics, "Unable to read role", state.Role.ValueString(), found.err)
		return
	}
	if !found.granted {
		resp.State.RemoveResource(ctx)
		return
	}
}

// read reads whether the role has the permission. A role that does not exist
// has none.
func (r *rolePermissionResource) read(ctx context.Context, client *etcdv2.Client, state rolePermissionModel) grantRead {
	role, err := client.Roles.Get(ctx, state.Role.ValueString())
	if err == nil && !state.isGranted(role) {
		// An endpoint that lags says so too.
		role, err = client.Roles.GetLinearizable(ctx, state.Role.ValueString())
	}
	switch {
	case errors.Is(err, etcdv2.ErrNotFound):
		return grantRead{}
	case err != nil:
		return grantRead{err: err}
	default:
		return grantRead{granted: state.isGranted(role)}
	}
}

// Update changes only adopt_existing, which exists only in state.
func (r *rolePermissionResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var plan rolePermissionModel
	resp.Diagnostics.Append(readModel(ctx, req.Plan, &plan)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	role := plan.Role.ValueString()
	err := r.connection.run.Keep(ctx, roleNamed(role), plan.object(), func() error {
		_, err := client.Roles.Grant(ctx, role, plan.toAPI())
		return err
	})
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to grant permission", plan.String(), err)
		return
	}
	resp.State.Raw = req.Plan.Raw
}

func (r *rolePermissionResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state rolePermissionModel
	resp.Diagnostics.Append(readModel(ctx, req.State, &state)...)
	client := r.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	err := r.revoke(ctx, client, state)
	if !errors.Is(err, etcdv2.ErrNotFound) && !errors.Is(err, etcdv2.ErrNotGranted) {
		addRemoval(&resp.Diagnostics, "Unable to revoke permission", state.String(), err)
	}
}

func (r *rolePermissionResource) revoke(ctx context.Context, client *etcdv2.Client, state rolePermissionModel) error {
	release, err := r.connection.run.Lock(ctx, roleNamed(state.Role.ValueString()))
	if err != nil {
		return err
	}
	defer release()
	if r.connection.run.HasMade(state.object()) {
		return staysInStore("Permission", state.String())
	}
	if _, err = client.Roles.Revoke(ctx, state.Role.ValueString(), state.toAPI()); err == nil {
		r.connection.run.NoteRemoved(state.object())
	}
	return err
}

func (r *rolePermissionResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	var id rolePermissionIdentity
	if req.ID == "" {
		resp.Diagnostics.Append(req.Identity.Get(ctx, &id)...)
	} else {
		role, rest, _ := strings.Cut(req.ID, "/")
		kind, pattern, _ := strings.Cut(rest, ":")
		if etcdv2.CheckRoleName(role) != nil || !slices.Contains(texts(accesses()), kind) || etcdv2.CheckPattern(pattern) != nil {
			resp.Diagnostics.AddError("Invalid import id", fmt.Sprintf("%q is not a permission: want the role's name, a slash, read or write, a "+
				"colon "+
				"and the pattern, such as ops/read:/app/*.", req.ID))
			return
		}
		id = rolePermissionIdentity{Role: types.StringValue(role), Access: types.StringValue(kind), Pattern: types.StringValue(pattern)}
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("role"), id.Role)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("access"), id.Access)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("pattern"), id.Pattern)...)
	setSteering(ctx, &resp.State, &resp.Diagnostics)
}

// object names the permission among the objects of the store.
func (m rolePermissionModel) object() keyspace.Object {
	return permissionOf(m.Role.ValueString(), access(m.Access.ValueString()), m.Pattern.ValueString())
}

func (m rolePermissionModel) toAPI() etcdv2.Permissions {
	patterns := []string{m.Pattern.ValueString()}
	if access(m.Access.ValueString()) == accessWrite {
		return etcdv2.Permissions{Write: patterns}
	}
	return etcdv2.Permissions{Read: patterns}
}

// isGranted reports whether a role has the permission.
func (m rolePermissionModel) isGranted(role *etcdv2.Role) bool {
	patterns := role.Read
	if access(m.Access.ValueString()) == accessWrite {
		patterns = role.Write
	}
	return slices.Contains(patterns, m.Pattern.ValueString())
}

// String names the permission for messages.
func (m rolePermissionModel) String() string {
	return fmt.Sprintf("The permission of the role %q to %s %q", m.Role.ValueString(), m.Access.ValueString(), m.Pattern.ValueString())
}

func (m rolePermissionModel) id() string {
	return m.Role.ValueString() + "/" + m.Access.ValueString() + ":" + m.Pattern.ValueString()
}

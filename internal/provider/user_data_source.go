package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ datasource.DataSourceWithConfigure = (*userDataSource)(nil)

func newUserDataSource() datasource.DataSource { return &userDataSource{} }

type userDataSource struct{ dataSourceBase }

type userDataModel struct {
	Name        types.String `tfsdk:"name"`
	Roles       types.Set    `tfsdk:"roles"`
	MissingRole types.String `tfsdk:"missing_role"`
}

func (d *userDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_user"
}

func (d *userDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads a user and its roles. A missing user is an error.",
		Attributes: map[string]schema.Attribute{
			"name": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Name of the user.",
				Validators:          []validator.String{validUserName()},
			},
			"roles": schema.SetAttribute{
				ElementType:         types.StringType,
				Computed:            true,
				MarkdownDescription: "Names of the user's roles, including `missing_role`.",
			},
			"missing_role": schema.StringAttribute{
				Computed: true,
				MarkdownDescription: "A role that is granted to the user but does not exist; null if there is none. If there are several, servers " +
					"report only one.",
			},
		},
	}
}

func (d *userDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config userDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	client := d.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	user, err := client.Users.GetPartial(ctx, config.Name.ValueString())
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to read user", config.Name.ValueString(), err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, userData(ctx, user, &resp.Diagnostics))...)
}

func userData(ctx context.Context, user *etcdv2.User, diags *diag.Diagnostics) userDataModel {
	roles := shownNames(ctx, rolesOfUser(user.Name), user.Held(), diags)
	return userDataModel{Name: types.StringValue(user.Name), Roles: roles, MissingRole: missingRole(user)}
}

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

var _ datasource.DataSourceWithConfigure = (*roleDataSource)(nil)

func newRoleDataSource() datasource.DataSource { return &roleDataSource{} }

type roleDataSource struct{ dataSourceBase }

type roleDataModel struct {
	Name    types.String `tfsdk:"name"`
	KVRead  types.Set    `tfsdk:"kv_read"`
	KVWrite types.Set    `tfsdk:"kv_write"`
}

func (d *roleDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_role"
}

func (d *roleDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := roleDataAttributes()
	attributes["name"] = schema.StringAttribute{
		Required:            true,
		MarkdownDescription: "Name of the role.",
		Validators:          []validator.String{isRoleName()},
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads a role and its permissions. A missing role is an error.",
		Attributes:          attributes,
	}
}

// roleDataAttributes are the attributes of a role that was read.
func roleDataAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"name": schema.StringAttribute{
			Computed:            true,
			MarkdownDescription: "Name of the role.",
		},
		"kv_read": schema.SetAttribute{
			ElementType:         types.StringType,
			Computed:            true,
			MarkdownDescription: "Patterns of the keys that can be read and watched. The function `permits` reports whether they cover a key.",
		},
		"kv_write": schema.SetAttribute{
			ElementType:         types.StringType,
			Computed:            true,
			MarkdownDescription: "Patterns of the keys that can be written and deleted.",
		},
	}
}

func (d *roleDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var config roleDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	client := d.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	role, err := client.Roles.Get(ctx, config.Name.ValueString())
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to read role", config.Name.ValueString(), err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, roleData(ctx, role, &resp.Diagnostics))...)
}

func roleData(ctx context.Context, role *etcdv2.Role, diags *diag.Diagnostics) roleDataModel {
	return roleDataModel{
		Name:    types.StringValue(role.Name),
		KVRead:  shownPatterns(ctx, role.Name, accessRead, role.Read, diags),
		KVWrite: shownPatterns(ctx, role.Name, accessWrite, role.Write, diags),
	}
}

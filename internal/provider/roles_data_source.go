package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var _ datasource.DataSourceWithConfigure = (*rolesDataSource)(nil)

func newRolesDataSource() datasource.DataSource { return &rolesDataSource{} }

type rolesDataSource struct{ dataSourceBase }

type rolesDataModel struct {
	Names []string        `tfsdk:"names"`
	Roles []roleDataModel `tfsdk:"roles"`
}

func (d *rolesDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_roles"
}

func (d *rolesDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads all roles of the store, including `root`, and their permissions. Servers leave out roles whose name " +
			"starts with `_`.",
		Attributes: map[string]schema.Attribute{
			"names": schema.ListAttribute{
				ElementType:         types.StringType,
				Computed:            true,
				MarkdownDescription: "Names of the roles, sorted.",
			},
			"roles": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "The roles, sorted by name.",
				NestedObject:        schema.NestedAttributeObject{Attributes: roleDataAttributes()},
			},
		},
	}
}

func (d *rolesDataSource) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	client := d.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	roles, err := client.Roles.List(ctx)
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to list roles", "", err)
		return
	}
	state := rolesDataModel{Names: []string{}, Roles: []roleDataModel{}}
	var left []string
	for _, role := range roles {
		if err := refuseListed(role.Name, role.Unread); err != nil {
			left = append(left, fmt.Sprintf("%+q: %s", role.Name, sentence(err)))
			continue
		}
		state.Names = append(state.Names, role.Name)
		state.Roles = append(state.Roles, roleData(ctx, role, &resp.Diagnostics))
	}
	if len(left) > 0 {
		resp.Diagnostics.AddWarning("Some roles are left out", "These are on the server, and they cannot be shown:\n\n"+enumerate(left))
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var _ datasource.DataSourceWithConfigure = (*usersDataSource)(nil)

func newUsersDataSource() datasource.DataSource { return &usersDataSource{} }

type usersDataSource struct{ dataSourceBase }

type usersDataModel struct {
	Names []string         `tfsdk:"names"`
	Users []usersDataEntry `tfsdk:"users"`
}

type usersDataEntry struct {
	Name  string    `tfsdk:"name"`
	Roles types.Set `tfsdk:"roles"`
}

func (d *usersDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_users"
}

func (d *usersDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads all users of the store and their roles. Servers leave out users whose name starts with `_`, and roles " +
			"that do not exist (see `missing_role` of the data source `etcd_user`). etcd 2.1 and 2.2 list names only, so each user is then read " +
			"with a separate request.",
		Attributes: map[string]schema.Attribute{
			"names": schema.ListAttribute{
				ElementType:         types.StringType,
				Computed:            true,
				MarkdownDescription: "Names of the users, sorted.",
			},
			"users": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "The users, sorted by name.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"name": schema.StringAttribute{
						Computed:            true,
						MarkdownDescription: "Name of the user.",
					},
					"roles": schema.SetAttribute{
						ElementType:         types.StringType,
						Computed:            true,
						MarkdownDescription: "Names of those roles of the user that exist.",
					},
				}},
			},
		},
	}
}

func (d *usersDataSource) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	client := d.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	users, err := client.Users.List(ctx)
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to list users", "", err)
		return
	}
	state := usersDataModel{Names: []string{}, Users: []usersDataEntry{}}
	var left []string
	for _, user := range users {
		if err := refuseListed(user.Name, user.Unread); err != nil {
			left = append(left, fmt.Sprintf("%+q: %s", user.Name, sentence(err)))
			continue
		}
		state.Names = append(state.Names, user.Name)
		state.Users = append(
			state.Users, usersDataEntry{Name: user.Name, Roles: shownNames(ctx, rolesOfUser(user.Name), user.Roles, &resp.Diagnostics)},
		)
	}
	if len(left) > 0 {
		resp.Diagnostics.AddWarning("Some users are left out", "These are on the server, and they cannot be shown:\n\n"+enumerate(left))
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, state)...)
}

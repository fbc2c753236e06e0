package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
)

var _ datasource.DataSourceWithConfigure = (*membersDataSource)(nil)

func newMembersDataSource() datasource.DataSource { return &membersDataSource{} }

type membersDataSource struct{ dataSourceBase }

type membersDataModel struct {
	Members []memberInfo `tfsdk:"members"`
}

func (d *membersDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_members"
}

func (d *membersDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads all members of the cluster. An endpoint answers with the members that it knows of, even while the " +
			"cluster has no quorum.",
		Attributes: map[string]schema.Attribute{
			"members": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "The members, sorted by id.",
				NestedObject:        schema.NestedAttributeObject{Attributes: memberAttributes()},
			},
		},
	}
}

func (d *membersDataSource) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	client := d.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	members, err := client.Members.List(ctx)
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to list members", "", err)
		return
	}
	model := membersDataModel{Members: make([]memberInfo, 0, len(members))}
	for _, member := range members {
		model.Members = append(model.Members, newMemberInfo(member))
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}

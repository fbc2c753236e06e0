package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
)

var _ datasource.DataSourceWithConfigure = (*leaderDataSource)(nil)

func newLeaderDataSource() datasource.DataSource { return &leaderDataSource{} }

type leaderDataSource struct{ dataSourceBase }

func (d *leaderDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_leader"
}

func (d *leaderDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads the leader of the cluster. Another member can become the leader at any time. During an election, the " +
			"data source waits as long as the provider's `retry` allows; a cluster without a leader is an error.",
		Attributes: memberAttributes(),
	}
}

func (d *leaderDataSource) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	client := d.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	leader, err := client.Members.Leader(ctx)
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to read the leader", "", err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, newMemberInfo(*leader))...)
}

package provider

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var _ datasource.DataSourceWithConfigure = (*clusterDataSource)(nil)

func newClusterDataSource() datasource.DataSource { return &clusterDataSource{} }

type clusterDataSource struct{ dataSourceBase }

type clusterDataModel struct {
	ID        types.String `tfsdk:"id"`
	EtcdIndex types.Int64  `tfsdk:"etcd_index"`
	RaftIndex types.Int64  `tfsdk:"raft_index"`
	RaftTerm  types.Int64  `tfsdk:"raft_term"`
	Endpoints []string     `tfsdk:"endpoints"`
}

func (d *clusterDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_cluster"
}

func (d *clusterDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	const denied = " Null if the credentials do not permit reading the root."
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads the id, the indexes and the endpoints of the cluster, from the first endpoint that answers.",
		Attributes: map[string]schema.Attribute{
			"id": schema.StringAttribute{
				Computed: true, MarkdownDescription: "Id of the cluster in hexadecimal, for the provider's `expected_cluster_id`.",
			},
			"etcd_index": schema.Int64Attribute{
				Computed: true, MarkdownDescription: "Index of the last event of the store. It increases with every write." + denied,
			},
			"raft_index": schema.Int64Attribute{Computed: true, MarkdownDescription: "Index of the endpoint's raft log." + denied},
			"raft_term": schema.Int64Attribute{
				Computed: true, MarkdownDescription: "Term of the raft protocol. It increases with every election." + denied,
			},
			"endpoints": schema.ListAttribute{
				ElementType: types.StringType, Computed: true,
				MarkdownDescription: "Endpoints that the provider uses, after discovery, sorted.",
			},
		},
	}
}

func (d *clusterDataSource) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	client := d.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	cluster, err := client.Cluster(ctx)
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to read the cluster", "", err)
		return
	}
	model := clusterDataModel{ID: types.StringValue(cluster.ClusterID), Endpoints: slices.Sorted(slices.Values(client.Endpoints()))}
	if cluster.RaftTerm != 0 {
		model.EtcdIndex, model.RaftIndex = indexValue(cluster.EtcdIndex), indexValue(cluster.RaftIndex)
		model.RaftTerm = indexValue(cluster.RaftTerm)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}

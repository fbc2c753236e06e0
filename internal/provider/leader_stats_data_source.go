package provider

import (
	"context"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ datasource.DataSourceWithConfigure = (*leaderStatsDataSource)(nil)

func newLeaderStatsDataSource() datasource.DataSource { return &leaderStatsDataSource{} }

type leaderStatsDataSource struct{ dataSourceBase }

type leaderStatsDataModel struct {
	LeaderID  types.String         `tfsdk:"leader_id"`
	Followers []followerStatsModel `tfsdk:"followers"`
}

type followerStatsModel struct {
	ID             types.String  `tfsdk:"id"`
	LatencyCurrent types.Float64 `tfsdk:"latency_current"`
	LatencyAverage types.Float64 `tfsdk:"latency_average"`
	LatencyStdDev  types.Float64 `tfsdk:"latency_standard_deviation"`
	LatencyMinimum types.Float64 `tfsdk:"latency_minimum"`
	LatencyMaximum types.Float64 `tfsdk:"latency_maximum"`
	Success        types.Int64   `tfsdk:"success"`
	Fail           types.Int64   `tfsdk:"fail"`
}

func (d *leaderStatsDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_leader_stats"
}

func (d *leaderStatsDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads the leader's statistics of its followers. Any endpoint can be configured: the provider finds the leader " +
			"and asks it. A cluster without a leader is an error.",
		Attributes: map[string]schema.Attribute{
			"leader_id": schema.StringAttribute{Computed: true, MarkdownDescription: "Id of the leader in hexadecimal."},
			"followers": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "The followers, sorted by id. Members that have never answered the leader may be missing.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"id":              schema.StringAttribute{Computed: true, MarkdownDescription: "Id of the follower in hexadecimal."},
					"latency_current": schema.Float64Attribute{Computed: true, MarkdownDescription: "Last round trip in milliseconds."},
					"latency_average": schema.Float64Attribute{Computed: true, MarkdownDescription: "Average round trip in milliseconds."},
					"latency_standard_deviation": schema.Float64Attribute{
						Computed: true, MarkdownDescription: "Standard deviation of the round trips in milliseconds.",
					},
					"latency_minimum": schema.Float64Attribute{
						Computed: true, MarkdownDescription: "Shortest round trip in milliseconds; null before the first.",
					},
					"latency_maximum": schema.Float64Attribute{Computed: true, MarkdownDescription: "Longest round trip in milliseconds."},
					"success":         schema.Int64Attribute{Computed: true, MarkdownDescription: "Requests to the follower that succeeded."},
					"fail":            schema.Int64Attribute{Computed: true, MarkdownDescription: "Requests to the follower that failed."},
				}},
			},
		},
	}
}

func (d *leaderStatsDataSource) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	client := d.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	stats, err := client.Stats.Leader(ctx)
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to read statistics", "", err)
		return
	}
	model := leaderStatsDataModel{LeaderID: types.StringValue(stats.Leader), Followers: make([]followerStatsModel, 0, len(stats.Followers))}
	for _, id := range slices.Sorted(maps.Keys(stats.Followers)) {
		model.Followers = append(model.Followers, newFollowerStats(id, stats.Followers[id]))
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}

func newFollowerStats(id string, s etcdv2.FollowerStats) followerStatsModel {
	m := followerStatsModel{
		ID:             types.StringValue(id),
		LatencyCurrent: types.Float64Value(s.Latency.Current), LatencyAverage: types.Float64Value(s.Latency.Average),
		LatencyStdDev: types.Float64Value(s.Latency.StandardDeviation), LatencyMinimum: types.Float64Value(s.Latency.Minimum),
		LatencyMaximum: types.Float64Value(s.Latency.Maximum),
		Success:        indexValue(s.Counts.Success), Fail: indexValue(s.Counts.Fail),
	}
	if s.Counts.Success == 0 {
		// The server sends the largest number there is.
		m.LatencyMinimum = types.Float64Null()
	}
	return m
}

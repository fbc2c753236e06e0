package provider

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ datasource.DataSourceWithConfigure = (*selfStatsDataSource)(nil)

func newSelfStatsDataSource() datasource.DataSource { return &selfStatsDataSource{} }

type selfStatsDataSource struct{ dataSourceBase }

type selfStatsDataModel struct {
	Endpoint           types.String  `tfsdk:"endpoint"`
	Name               types.String  `tfsdk:"name"`
	ID                 types.String  `tfsdk:"id"`
	State              types.String  `tfsdk:"state"`
	StartTime          types.String  `tfsdk:"start_time"`
	LeaderID           types.String  `tfsdk:"leader_id"`
	LeaderUptime       types.String  `tfsdk:"leader_uptime"`
	LeaderStartTime    types.String  `tfsdk:"leader_start_time"`
	RecvAppendRequests types.Int64   `tfsdk:"recv_append_requests"`
	RecvPackageRate    types.Float64 `tfsdk:"recv_package_rate"`
	RecvBandwidthRate  types.Float64 `tfsdk:"recv_bandwidth_rate"`
	SendAppendRequests types.Int64   `tfsdk:"send_append_requests"`
	SendPackageRate    types.Float64 `tfsdk:"send_package_rate"`
	SendBandwidthRate  types.Float64 `tfsdk:"send_bandwidth_rate"`
}

func (d *selfStatsDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_self_stats"
}

func (d *selfStatsDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads the statistics of one server.",
		Attributes: map[string]schema.Attribute{
			"endpoint": statsEndpointAttribute(),
			"name":     schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the member."},
			"id":       schema.StringAttribute{Computed: true, MarkdownDescription: "Id of the member in hexadecimal."},
			"state": schema.StringAttribute{Computed: true, MarkdownDescription: "`StateLeader` or `StateFollower`. A leader that has lost its " +
				"quorum still reports `StateLeader`."},
			"start_time": schema.StringAttribute{Computed: true, MarkdownDescription: "Time at which the process was started, in UTC as RFC " +
				"3339."},
			"leader_id": schema.StringAttribute{Computed: true, MarkdownDescription: "Id of the leader that the server last knew of; empty if " +
				"there has been none yet. That leader may be gone, for example during an election. The data source `etcd_leader` reads the current " +
				"leader."},
			"leader_uptime": schema.StringAttribute{Computed: true, MarkdownDescription: "How long that member has been the leader, if it still " +
				"is, as a duration such as `1h2m3.5s`."},
			"leader_start_time": schema.StringAttribute{Computed: true, MarkdownDescription: "Time at which that member became the leader, in " +
				"UTC as RFC 3339."},
			"recv_append_requests": schema.Int64Attribute{
				Computed: true, MarkdownDescription: "Append requests of the raft protocol that the server has received.",
			},
			"recv_package_rate": schema.Float64Attribute{
				Computed: true, MarkdownDescription: "Append requests received per second; 0 for a leader.",
			},
			"recv_bandwidth_rate": schema.Float64Attribute{
				Computed: true, MarkdownDescription: "Bytes received in append requests per second; 0 for a leader.",
			},
			"send_append_requests": schema.Int64Attribute{
				Computed: true, MarkdownDescription: "Append requests of the raft protocol that the server has sent.",
			},
			"send_package_rate": schema.Float64Attribute{
				Computed: true, MarkdownDescription: "Append requests sent per second; 0 for a follower.",
			},
			"send_bandwidth_rate": schema.Float64Attribute{Computed: true, MarkdownDescription: "Bytes sent in append requests per second; 0 " +
				"for a follower."},
		},
	}
}

func statsEndpointAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, Computed: true,
		MarkdownDescription: "Endpoint to ask, which must be one that the provider uses. Default: the first endpoint that answers.",
		Validators:          []validator.String{isEndpoint()},
	}
}

func (d *selfStatsDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model selfStatsDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	client := d.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	all, err := client.Stats.SelfAll(ctx)
	result := chooseResult(all, err, model.Endpoint, &resp.Diagnostics)
	if result == nil {
		return
	}
	model.fromAPI(result.Endpoint, result.Value)
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}

// chooseResult returns the answer of the endpoint that the configuration
// names, or else the first answer, or nil and says why there is none.
func chooseResult[T any](
	all []etcdv2.EndpointResult[T], err error, wanted types.String, diags *diag.Diagnostics,
) *etcdv2.EndpointResult[T] {
	if err != nil {
		addFailure(diags, "Unable to read statistics", "", err)
		return nil
	}
	failed := &etcdv2.EndpointsError{}
	for i, result := range all {
		switch {
		case notNull(wanted) && strings.TrimSuffix(wanted.ValueString(), "/") != strings.TrimSuffix(result.Endpoint, "/"):
		case result.Err == nil:
			if notNull(wanted) {
				all[i].Endpoint = wanted.ValueString()
			}
			return &all[i]
		default:
			failed.Errors = append(failed.Errors, etcdv2.EndpointError{Endpoint: result.Endpoint, Err: result.Err})
		}
	}
	if len(failed.Errors) == 0 {
		var names []string
		for _, result := range all {
			names = append(names, result.Endpoint)
		}
		diags.AddAttributeError(path.Root("endpoint"), "Unknown endpoint",
			fmt.Sprintf("%s is not one of the endpoints that the provider uses: %s.", wanted.ValueString(), strings.Join(names, ", ")))
		return nil
	}
	addFailure(diags, "Unable to read statistics", "", failed)
	return nil
}

func (m *selfStatsDataModel) fromAPI(endpoint string, s *etcdv2.SelfStats) {
	*m = selfStatsDataModel{
		Endpoint: types.StringValue(endpoint), Name: types.StringValue(s.Name), ID: types.StringValue(s.ID),
		State: types.StringValue(s.State), StartTime: timeValue(s.StartTime),
		LeaderID: types.StringValue(s.Leader.ID), LeaderUptime: types.StringValue(s.Leader.Uptime.String()),
		LeaderStartTime:    timeValue(s.Leader.StartTime),
		RecvAppendRequests: indexValue(s.RecvAppendRequests), RecvPackageRate: types.Float64Value(s.RecvPackageRate),
		RecvBandwidthRate: types.Float64Value(s.RecvBandwidthRate), SendAppendRequests: indexValue(s.SendAppendRequests),
		SendPackageRate: types.Float64Value(s.SendPackageRate), SendBandwidthRate: types.Float64Value(s.SendBandwidthRate),
	}
}

// timeValue returns a time as a value: null for none.
func timeValue(t time.Time) types.String {
	if t.IsZero() {
		return types.StringNull()
	}
	return types.StringValue(t.UTC().Format(time.RFC3339Nano))
}

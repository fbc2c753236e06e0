package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ datasource.DataSourceWithConfigure = (*storeStatsDataSource)(nil)

func newStoreStatsDataSource() datasource.DataSource { return &storeStatsDataSource{} }

type storeStatsDataSource struct{ dataSourceBase }

type storeStatsDataModel struct {
	Endpoint                types.String `tfsdk:"endpoint"`
	GetsSuccess             types.Int64  `tfsdk:"gets_success"`
	GetsFail                types.Int64  `tfsdk:"gets_fail"`
	SetsSuccess             types.Int64  `tfsdk:"sets_success"`
	SetsFail                types.Int64  `tfsdk:"sets_fail"`
	DeleteSuccess           types.Int64  `tfsdk:"delete_success"`
	DeleteFail              types.Int64  `tfsdk:"delete_fail"`
	UpdateSuccess           types.Int64  `tfsdk:"update_success"`
	UpdateFail              types.Int64  `tfsdk:"update_fail"`
	CreateSuccess           types.Int64  `tfsdk:"create_success"`
	CreateFail              types.Int64  `tfsdk:"create_fail"`
	CompareAndSwapSuccess   types.Int64  `tfsdk:"compare_and_swap_success"`
	CompareAndSwapFail      types.Int64  `tfsdk:"compare_and_swap_fail"`
	CompareAndDeleteSuccess types.Int64  `tfsdk:"compare_and_delete_success"`
	CompareAndDeleteFail    types.Int64  `tfsdk:"compare_and_delete_fail"`
	ExpireCount             types.Int64  `tfsdk:"expire_count"`
	Watchers                types.Int64  `tfsdk:"watchers"`
}

func (d *storeStatsDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_store_stats"
}

func (d *storeStatsDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads the counters of one server's store. Each server counts the writes of the whole cluster, because it " +
			"applies all of them, but only those reads and watches that it receives itself. Some counters survive a restart, because they are " +
			"part of the server's snapshots.",
		Attributes: map[string]schema.Attribute{
			"endpoint":     statsEndpointAttribute(),
			"gets_success": schema.Int64Attribute{Computed: true, MarkdownDescription: "Reads that succeeded."},
			"gets_fail": schema.Int64Attribute{
				Computed: true, MarkdownDescription: "Reads that failed, for example because the key did not exist.",
			},
			"sets_success":   schema.Int64Attribute{Computed: true, MarkdownDescription: "Unconditional writes that succeeded."},
			"sets_fail":      schema.Int64Attribute{Computed: true, MarkdownDescription: "Unconditional writes that failed."},
			"delete_success": schema.Int64Attribute{Computed: true, MarkdownDescription: "Deletes that succeeded."},
			"delete_fail":    schema.Int64Attribute{Computed: true, MarkdownDescription: "Deletes that failed."},
			"update_success": schema.Int64Attribute{
				Computed: true, MarkdownDescription: "Writes that required the key to exist and succeeded.",
			},
			"update_fail": schema.Int64Attribute{
				Computed: true, MarkdownDescription: "Writes that required the key to exist and failed.",
			},
			"create_success": schema.Int64Attribute{
				Computed: true, MarkdownDescription: "Writes that required the key not to exist and succeeded.",
			},
			"create_fail": schema.Int64Attribute{
				Computed: true, MarkdownDescription: "Writes that required the key not to exist and failed.",
			},
			"compare_and_swap_success": schema.Int64Attribute{Computed: true, MarkdownDescription: "Conditional writes that succeeded."},
			"compare_and_swap_fail": schema.Int64Attribute{
				Computed: true, MarkdownDescription: "Conditional writes whose condition was not met.",
			},
			"compare_and_delete_success": schema.Int64Attribute{Computed: true, MarkdownDescription: "Conditional deletes that succeeded."},
			"compare_and_delete_fail": schema.Int64Attribute{
				Computed: true, MarkdownDescription: "Conditional deletes whose condition was not met.",
			},
			"expire_count": schema.Int64Attribute{Computed: true, MarkdownDescription: "Keys and directories that have expired."},
			"watchers":     schema.Int64Attribute{Computed: true, MarkdownDescription: "Watches that are currently open."},
		},
	}
}

func (d *storeStatsDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model storeStatsDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	client := d.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	all, err := client.Stats.StoreAll(ctx)
	result := chooseResult(all, err, model.Endpoint, &resp.Diagnostics)
	if result == nil {
		return
	}
	model.fromAPI(result.Endpoint, result.Value)
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}

func (m *storeStatsDataModel) fromAPI(endpoint string, s *etcdv2.StoreStats) {
	*m = storeStatsDataModel{
		Endpoint:                types.StringValue(endpoint),
		GetsSuccess:             indexValue(s.GetsSuccess),
		GetsFail:                indexValue(s.GetsFail),
		SetsSuccess:             indexValue(s.SetsSuccess),
		SetsFail:                indexValue(s.SetsFail),
		DeleteSuccess:           indexValue(s.DeleteSuccess),
		DeleteFail:              indexValue(s.DeleteFail),
		UpdateSuccess:           indexValue(s.UpdateSuccess),
		UpdateFail:              indexValue(s.UpdateFail),
		CreateSuccess:           indexValue(s.CreateSuccess),
		CreateFail:              indexValue(s.CreateFail),
		CompareAndSwapSuccess:   indexValue(s.CompareAndSwapSuccess),
		CompareAndSwapFail:      indexValue(s.CompareAndSwapFail),
		CompareAndDeleteSuccess: indexValue(s.CompareAndDeleteSuccess),
		CompareAndDeleteFail:    indexValue(s.CompareAndDeleteFail),
		ExpireCount:             indexValue(s.ExpireCount),
		Watchers:                indexValue(s.Watchers),
	}
}

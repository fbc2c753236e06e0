package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var _ datasource.DataSourceWithConfigure = (*healthDataSource)(nil)

func newHealthDataSource() datasource.DataSource { return &healthDataSource{} }

type healthDataSource struct{ dataSourceBase }

type healthDataModel struct {
	Healthy   types.Bool       `tfsdk:"healthy"`
	Endpoints []endpointHealth `tfsdk:"endpoints"`
}

type endpointHealth struct {
	Endpoint types.String `tfsdk:"endpoint"`
	Healthy  types.Bool   `tfsdk:"healthy"`
	V2       types.Bool   `tfsdk:"v2"`
	Reason   types.String `tfsdk:"reason"`
	Error    types.String `tfsdk:"error"`
}

func (d *healthDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_health"
}

func (d *healthDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads the health of every endpoint. An endpoint that cannot be reached is a row of the result, not an error: " +
			"decide with a `check` block or a `postcondition` what is to fail.",
		Attributes: map[string]schema.Attribute{
			"healthy": schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether every endpoint is healthy."},
			"endpoints": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "The endpoints, in the order in which they are configured.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"endpoint": schema.StringAttribute{Computed: true, MarkdownDescription: "URL of the endpoint."},
					"healthy": schema.BoolAttribute{
						Computed: true, MarkdownDescription: "Whether the endpoint answers and is part of a cluster that has a leader.",
					},
					"v2": schema.BoolAttribute{
						Computed: true,
						MarkdownDescription: "Whether the endpoint serves the v2 API. A member of etcd 3.4 or 3.5 that was started without `--enable-v2` " +
							"does not, although it is healthy; requests then go to the other endpoints.",
					},
					"reason": schema.StringAttribute{
						Computed: true, MarkdownDescription: "Why the server reports that it is not healthy; null if it gives no reason, as before etcd " +
							"3.5.",
					},
					"error": schema.StringAttribute{Computed: true, MarkdownDescription: "Why the endpoint did not answer; null if it did."},
				}},
			},
		},
	}
}

func (d *healthDataSource) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	client := d.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	health, err := client.HealthAll(ctx)
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to read the health", "", err)
		return
	}
	all := true
	model := healthDataModel{Endpoints: make([]endpointHealth, 0, len(health))}
	for _, h := range health {
		row := endpointHealth{
			Endpoint: types.StringValue(h.Endpoint), Healthy: types.BoolValue(h.Err == nil && h.Value.Healthy),
			V2: types.BoolValue(h.Value.ServesV2), Error: errorValue(h.Err),
		}
		if h.Value.Reason != "" {
			row.Reason = types.StringValue(h.Value.Reason)
		}
		all = all && row.Healthy.ValueBool()
		model.Endpoints = append(model.Endpoints, row)
	}
	model.Healthy = types.BoolValue(all)
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}

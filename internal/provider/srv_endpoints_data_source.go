package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ datasource.DataSourceWithConfigure = (*srvEndpointsDataSource)(nil)

func newSRVEndpointsDataSource() datasource.DataSource { return &srvEndpointsDataSource{} }

type srvEndpointsDataSource struct{ dataSourceBase }

type srvEndpointsDataModel struct {
	Domain    types.String     `tfsdk:"domain"`
	Endpoints []types.String   `tfsdk:"endpoints"`
	Records   []srvRecordModel `tfsdk:"records"`
}

type srvRecordModel struct {
	Endpoint types.String `tfsdk:"endpoint"`
	Target   types.String `tfsdk:"target"`
	Port     types.Int64  `tfsdk:"port"`
	Priority types.Int64  `tfsdk:"priority"`
	Weight   types.Int64  `tfsdk:"weight"`
	TLS      types.Bool   `tfsdk:"tls"`
}

func (d *srvEndpointsDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_srv_endpoints"
}

func (d *srvEndpointsDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Looks up the endpoints in the SRV records of a domain, as the provider's `discovery_srv` does. It uses the " +
			"records of `_etcd-client-ssl._tcp`, and those of `_etcd-client._tcp` only if there are none. It queries DNS and no etcd server. " +
			"The host of an endpoint with TLS must be below the domain, unless `server_name` is set in the provider's `tls`.",
		Attributes: map[string]schema.Attribute{
			"domain": schema.StringAttribute{
				Required: true, MarkdownDescription: "Domain to query, such as `example.com`.",
				Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"endpoints": schema.ListAttribute{
				ElementType: types.StringType, Computed: true, MarkdownDescription: "Client URLs, sorted by priority and weight.",
			},
			"records": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "The records, in the same order.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"endpoint": schema.StringAttribute{Computed: true, MarkdownDescription: "Client URL that the record stands for."},
					"target":   schema.StringAttribute{Computed: true, MarkdownDescription: "Host name, without the trailing dot."},
					"port":     schema.Int64Attribute{Computed: true, MarkdownDescription: "Port, 0 to 65535."},
					"priority": schema.Int64Attribute{Computed: true, MarkdownDescription: "Priority; the lowest comes first."},
					"weight": schema.Int64Attribute{
						Computed: true, MarkdownDescription: "Weight among records of the same priority; the highest comes first.",
					},
					"tls": schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the record belongs to `_etcd-client-ssl._tcp`."},
				}},
			},
		},
	}
}

func (d *srvEndpointsDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model srvEndpointsDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	records, err := etcdv2.DiscoverSRV(ctx, model.Domain.ValueString(), d.srvOptions())
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to discover endpoints", model.Domain.ValueString(), err)
		return
	}
	model.Endpoints, model.Records = []types.String{}, []srvRecordModel{}
	for _, r := range records {
		endpoint := types.StringValue(r.Endpoint())
		model.Endpoints = append(model.Endpoints, endpoint)
		model.Records = append(model.Records, srvRecordModel{
			Endpoint: endpoint, Target: types.StringValue(r.Target), Port: types.Int64Value(int64(r.Port)),
			Priority: types.Int64Value(int64(r.Priority)), Weight: types.Int64Value(int64(r.Weight)), TLS: types.BoolValue(r.TLS),
		})
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}

// srvOptions are those of the provider's own discovery, as far as its
// configuration is known.
func (d *srvEndpointsDataSource) srvOptions() etcdv2.SRVOptions {
	if d.connection == nil {
		return etcdv2.SRVOptions{}
	}
	o := etcdv2.SRVOptions{Resolver: d.connection.options.Resolver}
	if tls := d.connection.options.TLS; tls != nil {
		o.ServerName = tls.ServerName
	}
	return o
}

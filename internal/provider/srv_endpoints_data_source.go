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
		MarkdownDescription: "Looks up the endpoints that a domain's SRV records name, as the provider's `discovery_srv` does: those of " +
			"`_etcd-client-ssl._tcp` or, only where there is none, of `_etcd-client._tcp`. It asks the DNS and no etcd server. " +
			"Endpoints with TLS have to be below the domain, unless the provider's `tls` has a `server_name`.",
		Attributes: map[string]schema.Attribute{
			"domain": schema.StringAttribute{
				Required: true, MarkdownDescription: "Domain to look in, such as `example.com`.",
				Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"endpoints": schema.ListAttribute{
				ElementType: types.StringType, Computed: true, MarkdownDescription: "Client URLs, by priority and weight.",
			},
			"records": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "The records in the same order.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"endpoint": schema.StringAttribute{Computed: true, MarkdownDescription: "Client URL that the record stands for."},
					"target":   schema.StringAttribute{Computed: true, MarkdownDescription: "Host, without a dot at its end."},
					"port":     schema.Int64Attribute{Computed: true, MarkdownDescription: "Port, 0 to 65535."},
					"priority": schema.Int64Attribute{Computed: true, MarkdownDescription: "Priority; the lowest comes first."},
					"weight": schema.Int64Attribute{
						Computed: true, MarkdownDescription: "Weight among records of one priority; the highest comes first.",
					},
					"tls": schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether it is one of `_etcd-client-ssl._tcp`."},
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

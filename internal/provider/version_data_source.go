package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var _ datasource.DataSourceWithConfigure = (*versionDataSource)(nil)

func newVersionDataSource() datasource.DataSource { return &versionDataSource{} }

type versionDataSource struct{ dataSourceBase }

type versionDataModel struct {
	Server    types.String      `tfsdk:"server"`
	Cluster   types.String      `tfsdk:"cluster"`
	Endpoints []endpointVersion `tfsdk:"endpoints"`
}

type endpointVersion struct {
	Endpoint types.String `tfsdk:"endpoint"`
	Server   types.String `tfsdk:"server"`
	Cluster  types.String `tfsdk:"cluster"`
	Error    types.String `tfsdk:"error"`
}

func (d *versionDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_version"
}

func (d *versionDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	const (
		server  = "Version of the server, such as `3.5.35`"
		cluster = "Cluster version, which all members support, such as `3.5.0`; `not_decided` while a cluster starts, and empty on etcd 2.0"
	)
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads the version of every endpoint. An endpoint that cannot be reached is a row of the result, not an error.",
		Attributes: map[string]schema.Attribute{
			"server": schema.StringAttribute{
				Computed: true, MarkdownDescription: server + ", of the first endpoint that answered; null if none did.",
			},
			"cluster": schema.StringAttribute{
				Computed: true, MarkdownDescription: cluster + ". Of the first endpoint that answered; null if none did.",
			},
			"endpoints": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "The endpoints, in the order in which they are configured.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"endpoint": schema.StringAttribute{Computed: true, MarkdownDescription: "URL of the endpoint."},
					"server":   schema.StringAttribute{Computed: true, MarkdownDescription: server + "; null if it did not answer."},
					"cluster":  schema.StringAttribute{Computed: true, MarkdownDescription: cluster + "; null if it did not answer."},
					"error":    schema.StringAttribute{Computed: true, MarkdownDescription: "Why the endpoint did not answer; null if it did."},
				}},
			},
		},
	}
}

func (d *versionDataSource) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	client := d.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	versions, err := client.VersionAll(ctx)
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to read the version", "", err)
		return
	}
	model := versionDataModel{Endpoints: make([]endpointVersion, 0, len(versions))}
	for _, v := range versions {
		row := endpointVersion{Endpoint: types.StringValue(v.Endpoint), Error: errorValue(v.Err)}
		if v.Err == nil {
			row.Server, row.Cluster = types.StringValue(v.Value.Server), types.StringValue(v.Value.Cluster)
		}
		if model.Server.IsNull() {
			model.Server, model.Cluster = row.Server, row.Cluster
		}
		model.Endpoints = append(model.Endpoints, row)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}

// errorValue returns an error as a value: null for none.
func errorValue(err error) types.String {
	if err == nil {
		return types.StringNull()
	}
	return types.StringValue(err.Error())
}

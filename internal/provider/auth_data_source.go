package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var _ datasource.DataSourceWithConfigure = (*authDataSource)(nil)

func newAuthDataSource() datasource.DataSource { return &authDataSource{} }

type authDataSource struct{ dataSourceBase }

type authDataModel struct {
	Enabled types.Bool `tfsdk:"enabled"`
}

func (d *authDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_auth"
}

func (d *authDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads whether authentication is enabled. It needs no credentials.",
		Attributes: map[string]schema.Attribute{
			"enabled": schema.BoolAttribute{
				Computed:            true,
				MarkdownDescription: "Whether authentication is enabled.",
			},
		},
	}
}

func (d *authDataSource) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	client := d.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	enabled, err := client.Auth.StatusLinearizable(ctx)
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to read whether authentication is enabled", "", err)
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, authDataModel{Enabled: types.BoolValue(enabled)})...)
}

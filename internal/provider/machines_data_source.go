package provider

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var _ datasource.DataSourceWithConfigure = (*machinesDataSource)(nil)

func newMachinesDataSource() datasource.DataSource { return &machinesDataSource{} }

type machinesDataSource struct{ dataSourceBase }

type machinesDataModel struct {
	Machines []string `tfsdk:"machines"`
}

func (d *machinesDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_machines"
}

func (d *machinesDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads the client URLs of all members, as `/v2/machines` lists them. `etcd_members` returns more about each " +
			"member.",
		Attributes: map[string]schema.Attribute{
			"machines": schema.ListAttribute{
				ElementType: types.StringType, Computed: true, MarkdownDescription: "Client URLs of all members that have started, sorted.",
			},
		},
	}
}

func (d *machinesDataSource) Read(ctx context.Context, _ datasource.ReadRequest, resp *datasource.ReadResponse) {
	client := d.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	machines, err := client.Machines(ctx)
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to list machines", "", err)
		return
	}
	slices.Sort(machines)
	resp.Diagnostics.Append(resp.State.Set(ctx, machinesDataModel{Machines: machines})...)
}

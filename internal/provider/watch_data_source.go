package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/datasourcevalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var (
	_ datasource.DataSourceWithConfigValidators = (*watchDataSource)(nil)
	_ datasource.DataSourceWithConfigure        = (*watchDataSource)(nil)
)

func newWatchDataSource() datasource.DataSource { return &watchDataSource{} }

type watchDataSource struct{ dataSourceBase }

type watchDataModel struct {
	waitModel

	Value         types.String `tfsdk:"value"`
	CreatedIndex  types.Int64  `tfsdk:"created_index"`
	ModifiedIndex types.Int64  `tfsdk:"modified_index"`
}

func (d *watchDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_watch"
}

func (d *watchDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Waits until a key exists, is gone, has changed, or has a certain value, and then reads it. If the condition is " +
			"already met, it does not wait. It misses no change between reading the key and waiting for it.\n\n" +
			"Exactly one of `exists`, `changed_since`, `equals` and `matches` is required. The wait takes place when Terraform reads the data " +
			"source: during the plan, unless the data source depends on something that the apply changes. The value of the key is stored in the " +
			"state.",
		Attributes: map[string]schema.Attribute{
			"key": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Path of the key, such as `/jobs/migration/status`.",
				Validators:          []validator.String{isPath()},
			},
			"exists": schema.BoolAttribute{
				Optional:            true,
				MarkdownDescription: existsWaitText,
			},
			"changed_since": schema.Int64Attribute{
				Optional:            true,
				MarkdownDescription: sinceWaitText,
				Validators:          []validator.Int64{int64validator.AtLeast(0)},
			},
			"equals": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: equalsWaitText,
			},
			"matches": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: matchesText,
				Validators:          []validator.String{isRegexp()},
			},
			"timeout": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: timeoutWaitText,
				Validators:          []validator.String{isDuration()},
			},
			"value": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Value of the key when the condition was met; null for a directory, or if there was no key.",
			},
			"created_index": schema.Int64Attribute{
				Computed:            true,
				MarkdownDescription: "Index of the event that created the key or directory; null if there was none.",
			},
			"modified_index": schema.Int64Attribute{
				Computed:            true,
				MarkdownDescription: "Index of the event that last changed the key or directory; null if there was none.",
			},
		},
	}
}

func (d *watchDataSource) ConfigValidators(context.Context) []datasource.ConfigValidator {
	return []datasource.ConfigValidator{datasourcevalidator.ExactlyOneOf(waitConditions()...)}
}

func (d *watchDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model watchDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	client := d.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	w, err := model.wait()
	if err != nil {
		resp.Diagnostics.AddError("Invalid condition", sentence(err))
		return
	}
	node, err := w.until(ctx, client.Keys)
	if err != nil {
		addWaitFailure(&resp.Diagnostics, w, err)
		return
	}
	if node != nil {
		model.CreatedIndex, model.ModifiedIndex = indexValue(node.CreatedIndex), indexValue(node.ModifiedIndex)
		if !node.Dir {
			model.Value = types.StringValue(node.Value)
			warnNotText(&resp.Diagnostics, node)
		}
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}

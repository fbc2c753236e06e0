package provider

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ datasource.DataSourceWithConfigure = (*keyDataSource)(nil)

func newKeyDataSource() datasource.DataSource { return &keyDataSource{} }

type keyDataSource struct{ dataSourceBase }

type keyDataModel struct {
	Key           types.String `tfsdk:"key"`
	Default       types.String `tfsdk:"default"`
	Exists        types.Bool   `tfsdk:"exists"`
	Value         types.String `tfsdk:"value"`
	TTL           types.Int64  `tfsdk:"ttl"`
	CreatedIndex  types.Int64  `tfsdk:"created_index"`
	ModifiedIndex types.Int64  `tfsdk:"modified_index"`
	Expiration    types.String `tfsdk:"expiration"`
}

func (d *keyDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_key"
}

func (d *keyDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads a key. Its value is stored in the state; read a secret with the ephemeral resource `etcd_key` instead.",
		Attributes: map[string]schema.Attribute{
			"key": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Path of the key, such as `/app/config`.",
				Validators:          []validator.String{isPath()},
			},
			"default": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Value returned when the key is missing. Without it, a missing key is an error.",
			},
			"exists": schema.BoolAttribute{
				Computed:            true,
				MarkdownDescription: "Whether the key exists. It can be `false` only if `default` is set.",
			},
			"value": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Value of the key, or `default` if the key is missing.",
			},
			"ttl": schema.Int64Attribute{
				Computed:            true,
				MarkdownDescription: "Remaining TTL in seconds, rounded up; null if the key does not expire.",
			},
			"created_index": schema.Int64Attribute{
				Computed:            true,
				MarkdownDescription: "Index of the event that created the key; null if the key is missing.",
			},
			"modified_index": schema.Int64Attribute{
				Computed:            true,
				MarkdownDescription: "Index of the event that last changed the key; null if the key is missing.",
			},
			"expiration": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Time at which the key expires, in UTC as RFC 3339; null without a TTL.",
			},
		},
	}
}

func (d *keyDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model keyDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	store := d.store(&resp.Diagnostics)
	if store == nil {
		return
	}
	node, err := store.ReadKey(ctx, model.Key.ValueString())
	switch {
	case errors.Is(err, etcdv2.ErrNotFound) && notNull(model.Default):
		model.Exists, model.Value = types.BoolValue(false), model.Default
	case errors.Is(err, etcdv2.ErrNotFile):
		resp.Diagnostics.AddError(
			"Key is a directory", "There is a directory at "+model.Key.ValueString()+"; read it with the data source etcd_dir.",
		)
		return
	case errors.Is(err, etcdv2.ErrNotFound):
		resp.Diagnostics.AddError("Key not found", model.Key.ValueString()+" does not exist. Set default to continue without it.")
		return
	case err != nil:
		addFailure(&resp.Diagnostics, "Unable to read key", model.Key.ValueString(), err)
		return
	default:
		model.fromAPI(node)
		warnNotText(&resp.Diagnostics, node)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}

func (m *keyDataModel) fromAPI(node *etcdv2.Node) {
	m.Exists = types.BoolValue(true)
	m.Value = types.StringValue(node.Value)
	m.TTL = ttlValue(node)
	m.CreatedIndex = indexValue(node.CreatedIndex)
	m.ModifiedIndex = indexValue(node.ModifiedIndex)
	m.Expiration = expiration(node)
}

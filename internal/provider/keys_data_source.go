package provider

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ datasource.DataSourceWithConfigure = (*keysDataSource)(nil)

func newKeysDataSource() datasource.DataSource { return &keysDataSource{} }

type keysDataSource struct{ dataSourceBase }

type keysDataModel struct {
	Prefix  types.String `tfsdk:"prefix"`
	Sorted  types.Bool   `tfsdk:"sorted"`
	Default types.Map    `tfsdk:"default"`
	Exists  types.Bool   `tfsdk:"exists"`
	Keys    types.Map    `tfsdk:"keys"`
	Paths   types.List   `tfsdk:"paths"`
	Details types.Map    `tfsdk:"details"`
}

// keyDetailTypes are the attributes of one key in details.
var keyDetailTypes = map[string]attr.Type{
	"ttl": types.Int64Type, "created_index": types.Int64Type, "modified_index": types.Int64Type,
}

func (d *keysDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_keys"
}

func (d *keysDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads all keys below a directory, at any depth, with one request. Their values are stored in the state; read " +
			"secrets with the ephemeral resource `etcd_key` instead.\n\n" +
			"Hidden keys and directories, whose last segment starts with an underscore, do not appear in any listing. The content of a hidden " +
			"directory appears if that directory is the `prefix`. Directories are not listed; use the data source `etcd_dir` for them. A user " +
			"with restricted rights needs a pattern that ends in `*` for the directory.",
		Attributes: map[string]schema.Attribute{
			"prefix": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Path of the directory, such as `/app`, or `/` for all keys.",
				Validators:          []validator.String{isDir()},
			},
			"sorted": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Order of `paths`: by path if `true`; by created index, with the oldest key first, if `false`. Default: " +
					"`true`.",
			},
			"default": schema.MapAttribute{
				ElementType:         types.StringType,
				Optional:            true,
				MarkdownDescription: "Value of `keys` when the directory is missing, such as `{}`. Without it, a missing directory is an error.",
			},
			"exists": schema.BoolAttribute{
				Computed:            true,
				MarkdownDescription: "Whether the directory exists. It can be `false` only if `default` is set.",
			},
			"keys": schema.MapAttribute{
				ElementType: types.StringType,
				Computed:    true,
				MarkdownDescription: "Map from path to value. The paths are relative to `prefix`, such as `db/host`, as in `keys` of the resource " +
					"`etcd_key_prefix`. The function `unflatten` turns the map into a nested object.",
			},
			"paths": schema.ListAttribute{
				ElementType:         types.StringType,
				Computed:            true,
				MarkdownDescription: "The paths of `keys` in the order that `sorted` chooses.",
			},
			"details": schema.MapNestedAttribute{
				Computed: true,
				MarkdownDescription: "What the server reports of each key besides its value, by the same paths. Empty where `exists` is `false`. The " +
					"TTLs count down, so an output or a resource that refers to one changes with every plan.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"ttl": schema.Int64Attribute{
						Computed: true, MarkdownDescription: "Remaining TTL in seconds, rounded up; null if the key does not expire.",
					},
					"created_index":  schema.Int64Attribute{Computed: true, MarkdownDescription: "Index of the event that created the key."},
					"modified_index": schema.Int64Attribute{Computed: true, MarkdownDescription: "Index of the event that last changed the key."},
				}},
			},
		},
	}
}

func (d *keysDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model keysDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	client := d.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	prefix := model.Prefix.ValueString()
	found, err := client.Keys.List(ctx, prefix, etcdv2.GetOptions{Recursive: true})
	switch {
	case errors.Is(err, etcdv2.ErrNotFound) && notNull(model.Default):
		model.absent()
	case err != nil:
		addTreeFailure(&resp.Diagnostics, prefix, " Set default to continue without it.", err)
		return
	default:
		nodes := nameable(slices.Collect(found.Node.Leaves()), &resp.Diagnostics)
		warnNotText(&resp.Diagnostics, nodes...)
		model.fromAPI(nodes)
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}

func (m *keysDataModel) absent() {
	paths := make([]string, 0, len(m.Default.Elements()))
	for path := range m.Default.Elements() {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	m.Exists, m.Keys, m.Paths = types.BoolValue(false), m.Default, textListValue(paths)
	m.Details = keyDetailsValue(nil)
}

// fromAPI takes over keys that are sorted by path.
func (m *keysDataModel) fromAPI(nodes []*etcdv2.Node) {
	if !boolOr(m.Sorted, true) {
		slices.SortStableFunc(nodes, func(a, b *etcdv2.Node) int { return cmp.Compare(a.CreatedIndex, b.CreatedIndex) })
	}
	values, details := make(map[string]attr.Value, len(nodes)), make(map[string]attr.Value, len(nodes))
	paths := make([]string, len(nodes))
	below := strings.TrimSuffix(m.Prefix.ValueString(), "/") + "/"
	for i, node := range nodes {
		paths[i] = strings.TrimPrefix(node.Key, below)
		values[paths[i]] = types.StringValue(node.Value)
		details[paths[i]] = types.ObjectValueMust(keyDetailTypes, map[string]attr.Value{
			"ttl": ttlValue(node), "created_index": indexValue(node.CreatedIndex), "modified_index": indexValue(node.ModifiedIndex),
		})
	}
	m.Exists, m.Keys, m.Paths = types.BoolValue(true), types.MapValueMust(types.StringType, values), textListValue(paths)
	m.Details = keyDetailsValue(details)
}

// keyDetailsValue is the attribute details.
func keyDetailsValue(details map[string]attr.Value) types.Map {
	return types.MapValueMust(types.ObjectType{AttrTypes: keyDetailTypes}, details)
}

// textListValue returns a list of strings.
func textListValue(texts []string) types.List {
	values := make([]attr.Value, len(texts))
	for i, text := range texts {
		values[i] = types.StringValue(text)
	}
	return types.ListValueMust(types.StringType, values)
}

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

var _ datasource.DataSourceWithConfigure = (*dirDataSource)(nil)

func newDirDataSource() datasource.DataSource { return &dirDataSource{} }

type dirDataSource struct{ dataSourceBase }

type dirDataModel struct {
	Path          types.String    `tfsdk:"path"`
	Children      []dirChildModel `tfsdk:"children"`
	TTL           types.Int64     `tfsdk:"ttl"`
	CreatedIndex  types.Int64     `tfsdk:"created_index"`
	ModifiedIndex types.Int64     `tfsdk:"modified_index"`
	Expiration    types.String    `tfsdk:"expiration"`
}

type dirChildModel struct {
	Name types.String `tfsdk:"name"`
	Path types.String `tfsdk:"path"`
	Kind types.String `tfsdk:"kind"`
}

// The kinds of a child.
const (
	kindKey = "key"
	kindDir = "dir"
)

func (d *dirDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_dir"
}

func (d *dirDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the children of a directory, without their values and without what is below them. Hidden keys and " +
			"directories, whose names start with an underscore, do not appear in any listing.",
		Attributes: map[string]schema.Attribute{
			"path": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Path of the directory, such as `/app`, or `/`.",
				Validators:          []validator.String{isDir()},
			},
			"children": schema.ListNestedAttribute{
				Computed:            true,
				MarkdownDescription: "Children of the directory, sorted by path.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"name": schema.StringAttribute{Computed: true, MarkdownDescription: "Last segment of the path."},
					"path": schema.StringAttribute{Computed: true, MarkdownDescription: "Full path."},
					"kind": schema.StringAttribute{Computed: true, MarkdownDescription: "`" + kindKey + "` or `" + kindDir + "`."},
				}},
			},
			"ttl": schema.Int64Attribute{
				Computed:            true,
				MarkdownDescription: "Remaining TTL in seconds, rounded up; null if the directory does not expire.",
			},
			"created_index": schema.Int64Attribute{
				Computed:            true,
				MarkdownDescription: "Index of the event that created the directory; 0 for the root.",
			},
			"modified_index": schema.Int64Attribute{
				Computed:            true,
				MarkdownDescription: "Index of the event that last changed the directory itself, not its content; 0 for the root.",
			},
			"expiration": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Time at which the directory expires, in UTC as RFC 3339; null without a TTL.",
			},
		},
	}
}

func (d *dirDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model dirDataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	client := d.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	found, err := client.Keys.List(ctx, model.Path.ValueString(), etcdv2.GetOptions{})
	switch {
	case errors.Is(err, etcdv2.ErrNotFound) && !errors.Is(err, etcdv2.ErrNotDir):
		resp.Diagnostics.AddError("Directory not found", model.Path.ValueString()+" does not exist.")
		return
	case errors.Is(err, etcdv2.ErrNotDir):
		addDirIsKey(&resp.Diagnostics, model.Path.ValueString())
		return
	case err != nil:
		addFailure(&resp.Diagnostics, "Unable to read directory", model.Path.ValueString(), err)
		return
	}
	found.Node.Nodes = nameable(found.Node.Nodes, &resp.Diagnostics)
	model.fromAPI(found.Node)
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}

func (m *dirDataModel) fromAPI(node *etcdv2.Node) {
	m.TTL = ttlValue(node)
	m.CreatedIndex = indexValue(node.CreatedIndex)
	m.ModifiedIndex = indexValue(node.ModifiedIndex)
	m.Expiration = expiration(node)
	m.Children = make([]dirChildModel, 0, len(node.Nodes))
	for _, child := range node.Nodes {
		kind := kindKey
		if child.Dir {
			kind = kindDir
		}
		m.Children = append(m.Children, dirChildModel{
			Name: types.StringValue(child.Base()), Path: types.StringValue(child.Key), Kind: types.StringValue(kind),
		})
	}
}

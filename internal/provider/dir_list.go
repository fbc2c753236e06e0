package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ list.ListResourceWithConfigure = (*dirList)(nil)

func newDirList() list.ListResource { return &dirList{} }

type dirList struct{ resourceBase }

type dirListModel struct {
	Prefix    types.String `tfsdk:"prefix"`
	Recursive types.Bool   `tfsdk:"recursive"`
	Implicit  types.Bool   `tfsdk:"implicit"`
}

func (l *dirList) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_dir"
}

func (l *dirList) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the directories below a directory for `terraform query`, sorted by path. With `-generate-config-out`, it " +
			"writes a resource and an import block for each directory.",
		Attributes: map[string]schema.Attribute{
			"prefix":    listPrefixAttribute(),
			"recursive": listRecursiveAttribute("directories"),
			"implicit": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Also list directories that have content and no TTL. The server creates them together with the keys in them, " +
					"so they seldom need a resource. Default: `true`.",
			},
		},
	}
}

func (l *dirList) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var config dirListModel
	var diags diag.Diagnostics
	diags.Append(req.Config.Get(ctx, &config)...)
	if diags.HasError() {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	// Only a recursive read shows the content of a directory.
	tree := l.readTree(ctx, stringOr(config.Prefix, defaultListPrefix), true, &diags)
	if tree == nil {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	listing[*etcdv2.Node]{
		noun: "directories", typeName: "etcd_dir", objects: config.directories(tree, nil), refuse: refuseNode, describe: describeDir,
	}.send(ctx, req, stream)
}

// directories adds the directories below a directory that are wanted.
func (m *dirListModel) directories(parent *etcdv2.Node, found []*etcdv2.Node) []*etcdv2.Node {
	for _, node := range parent.Nodes {
		if !node.Dir {
			continue
		}
		if boolOr(m.Implicit, true) || len(node.Nodes) == 0 || node.HasTTL() {
			found = append(found, node)
		}
		if boolOr(m.Recursive, true) {
			found = m.directories(node, found)
		}
	}
	return found
}

func describeDir(node *etcdv2.Node) listed {
	model := dirModel{Path: types.StringValue(node.Key), TTL: ttlValue(node)}
	model.fromAPI(node)
	return listed{name: node.Key, identity: dirIdentity{model.Path}, model: model}
}

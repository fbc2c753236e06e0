package provider

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

var _ list.ListResourceWithConfigure = (*keyList)(nil)

func newKeyList() list.ListResource { return &keyList{} }

type keyList struct{ resourceBase }

type keyListModel struct {
	Prefix    types.String `tfsdk:"prefix"`
	Recursive types.Bool   `tfsdk:"recursive"`
}

func (l *keyList) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_key"
}

func (l *keyList) ListResourceConfigSchema(_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the keys below a directory for `terraform query`, sorted by path. With `-generate-config-out`, it writes " +
			"a resource and an import block for each key.\n\n" +
			"`include_resource` and the generated configuration contain the values, including secrets. Review the generated files before you " +
			"share them, and move secrets to `value_wo`.",
		Attributes: map[string]schema.Attribute{
			"prefix":    listPrefixAttribute(),
			"recursive": listRecursiveAttribute("keys"),
		},
	}
}

func (l *keyList) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var config keyListModel
	var diags diag.Diagnostics
	diags.Append(req.Config.Get(ctx, &config)...)
	if diags.HasError() {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	tree := l.readTree(ctx, stringOr(config.Prefix, defaultListPrefix), boolOr(config.Recursive, true), &diags)
	if tree == nil {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	keys := slices.Collect(tree.Leaves())
	if req.IncludeResource {
		warnNotText(&diags, keys...)
	}
	listing[*etcdv2.Node]{
		noun: "keys", typeName: "etcd_key", objects: keys, refuse: refuseNode, describe: describeKey, warnings: diags,
	}.send(ctx, req, stream)
}

func describeKey(node *etcdv2.Node) listed {
	model := keyModel{Key: types.StringValue(node.Key)}
	model.refresh(node, new(keyPrivateState))
	return listed{name: node.Key, identity: keyIdentity{model.Key}, model: model}
}

// FixGeneratedConfig corrects the generated configuration of a key, so that it
// says what the key contains: the framework takes an empty string for none, as
// older SDKs did, and a CLI writes a JSON object or array as a call of
// jsonencode, which gives the same JSON in another text.
func (p *etcdProvider) FixGeneratedConfig(
	ctx context.Context, req *tfprotov6.GenerateResourceConfigRequest, resp *tfprotov6.GenerateResourceConfigResponse,
) error {
	if req.TypeName != "etcd_key" || req.State == nil || resp == nil || resp.Config == nil {
		return nil
	}
	var answer resource.SchemaResponse
	new(keyResource).Schema(ctx, resource.SchemaRequest{}, &answer)
	kind := answer.Schema.Type().TerraformType(ctx)
	found, err := attributesOf(req.State, kind)
	if err != nil {
		return err
	}
	config, err := attributesOf(resp.Config, kind)
	if err != nil || found["value"].IsNull() {
		return err
	}
	var value string
	if err := found["value"].As(&value); err != nil {
		return err
	}
	config["value"] = found["value"]
	if keyspace.IsJSONDocument(value) {
		config["value"], config["value_json"] = tftypes.NewValue(tftypes.String, nil), found["value"]
	}
	generated, err := tfprotov6.NewDynamicValue(kind, tftypes.NewValue(kind, config))
	resp.Config = &generated
	return err
}

func attributesOf(v *tfprotov6.DynamicValue, kind tftypes.Type) (map[string]tftypes.Value, error) {
	object, err := v.Unmarshal(kind)
	if err != nil {
		return nil, err
	}
	attributes := map[string]tftypes.Value{}
	return attributes, object.As(&attributes)
}

package provider

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/list/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

var _ list.ListResourceWithConfigure = (*keyPrefixList)(nil)

func newKeyPrefixList() list.ListResource { return &keyPrefixList{} }

type keyPrefixList struct{ resourceBase }

type keyPrefixListModel struct {
	Prefix types.String `tfsdk:"prefix"`
	Depth  types.Int64  `tfsdk:"depth"`
}

const defaultListDepth = 1

func (l *keyPrefixList) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_key_prefix"
}

func (l *keyPrefixList) ListResourceConfigSchema(
	_ context.Context, _ list.ListResourceSchemaRequest, resp *list.ListResourceSchemaResponse,
) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the directories at one depth for `terraform query`, each with all keys below it as one object. A store " +
			"of thousands of keys becomes a few resources that a person can review. With `-generate-config-out`, it writes a resource and an " +
			"import block for each directory. The `keys` of a resource have a line for each key, sorted by path; the CLI writes line breaks " +
			"within a value as `\\n`.\n\n" +
			"Warnings name what such a resource does not show: keys that are in no directory at that depth, directories without keys, keys and " +
			"directories with a TTL, and values that are not text. Hidden keys, whose path has a segment that starts with an underscore, do not " +
			"appear in any listing. The data source `etcd_inventory` looks at the hidden paths that you name.\n\n" +
			"`include_resource` and the generated configuration contain the values, including secrets. Review the generated files before you " +
			"share them, and move secrets to resources of type `etcd_key` with `value_wo`.",
		Attributes: map[string]schema.Attribute{
			"prefix": listPrefixAttribute(),
			"depth": schema.Int64Attribute{
				Optional: true,
				MarkdownDescription: "How many levels below `prefix` the listed directories are: `1` for those directly in it, `0` for `prefix` " +
					"itself as a single object. Default: `1`.",
				Validators: []validator.Int64{int64validator.AtLeast(0)},
			},
		},
	}
}

func (l *keyPrefixList) List(ctx context.Context, req list.ListRequest, stream *list.ListResultsStream) {
	var config keyPrefixListModel
	var diags diag.Diagnostics
	diags.Append(req.Config.Get(ctx, &config)...)
	if diags.HasError() {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	root := l.readTree(ctx, stringOr(config.Prefix, defaultListPrefix), true, &diags)
	if root == nil {
		stream.Results = list.ListResultsStreamDiagnostics(diags)
		return
	}
	depth := int64(defaultListDepth)
	if notNull(config.Depth) {
		depth = config.Depth.ValueInt64()
	}
	var found prefixSurvey
	found.look(root, depth)
	found.warn(&diags)
	listing[*etcdv2.Node]{
		noun: "directories", typeName: "etcd_key_prefix", objects: found.dirs, refuse: refuseNode, describe: describeKeyPrefix, warnings: diags,
	}.send(ctx, req, stream)
}

// describeKeyPrefix returns a directory as an import would find it.
func describeKeyPrefix(node *etcdv2.Node) listed {
	known := keyspace.NewTree(node).Refresh(nil, nil, true, 0)
	model := keyPrefixModel{
		Prefix: types.StringValue(node.Key), Keys: keysValue(known), TTL: sharedTTL(types.Int64Null(), known), Expiration: firstExpiration(known),
	}
	return listed{name: node.Key, identity: keyPrefixIdentity{model.Prefix}, model: model}
}

// prefixSurvey is what a list finds besides the directories that it lists.
type prefixSurvey struct {
	dirs []*etcdv2.Node
	// above are keys that are in none of them.
	above []*etcdv2.Node
	// empty are directories without keys, and leased those with a TTL.
	empty, leased []string
	// lifetimes reports the directories in which keys have a TTL.
	lifetimes []string
}

// look takes up the directories that lie depth levels below a node.
func (s *prefixSurvey) look(node *etcdv2.Node, depth int64) {
	switch {
	case !node.Dir:
		s.above = append(s.above, node)
		return
	case node.HasTTL():
		s.leased = append(s.leased, node.Key)
	}
	if depth > 0 && len(node.Nodes) > 0 {
		for _, child := range node.Nodes {
			s.look(child, depth-1)
		}
		return
	}
	if len(slices.Collect(node.Leaves())) == 0 {
		s.empty = append(s.empty, node.Key)
		return
	}
	s.dirs = append(s.dirs, node)
	s.lookInside(node)
	s.lookAtLifetimes(node)
}

// lookInside takes up the directories within one that is listed.
func (s *prefixSurvey) lookInside(dir *etcdv2.Node) {
	for _, child := range dir.Nodes {
		switch {
		case !child.Dir:
			continue
		case child.HasTTL():
			s.leased = append(s.leased, child.Key)
		}
		if len(child.Nodes) == 0 {
			s.empty = append(s.empty, child.Key)
		}
		s.lookInside(child)
	}
}

func (s *prefixSurvey) lookAtLifetimes(dir *etcdv2.Node) {
	var all int
	var expiring []*etcdv2.Node
	for key := range dir.Leaves() {
		all++
		if key.HasTTL() {
			expiring = append(expiring, key)
		}
	}
	if len(expiring) == 0 {
		return
	}
	s.lifetimes = append(s.lifetimes, fmt.Sprintf("%s: %d of %d keys, such as %s", dir.Key, len(expiring), all, expiring[0].Key))
}

// warn names what the resources of the listed directories do not show.
func (s *prefixSurvey) warn(diags *diag.Diagnostics) {
	for _, w := range []struct {
		summary, before string
		names           []string
		after           string
	}{
		{
			"Some keys are above the depth", "These keys are in none of the listed directories, and not in the generated configuration:",
			pathsOf(s.above),
			"To manage them, list etcd_key with recursive = false, or list again with a smaller depth; the resources would then overlap.",
		},
		{
			"Some directories contain no keys", "These directories contain no key that a listing shows:", s.empty,
			"To manage them, list etcd_dir with implicit = false. There may be hidden keys in them.",
		},
		{
			"Some directories have a TTL", "These directories expire, with everything in them:", s.leased,
			"The resource etcd_key_prefix does not manage their TTLs; etcd_dir does.",
		},
		{
			"Some keys have a TTL", "Keys with a TTL are in these directories:", s.lifetimes,
			"If only some keys of a directory have a TTL, the generated configuration has no ttl: an import and later writes leave every TTL as " +
				"it is, but a key that has expired is created again without a TTL. If all keys have one, ttl is the longest that is left. Take keys " +
				"that belong to a running program out of keys.",
		},
	} {
		if len(w.names) > 0 {
			diags.AddWarning(w.summary, w.before+"\n\n"+enumerate(w.names)+"\n\n"+w.after)
		}
	}
	var keys []*etcdv2.Node
	for _, dir := range s.dirs {
		if _, err := refuseNode(dir); err == nil {
			keys = slices.AppendSeq(keys, dir.Leaves())
		}
	}
	warnNotText(diags, nameable(keys, diags)...)
}

func pathsOf(nodes []*etcdv2.Node) []string {
	keys := make([]string, len(nodes))
	for i, node := range nodes {
		keys[i] = node.Key
	}
	return keys
}

package provider

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ datasource.DataSourceWithConfigure = (*inventoryDataSource)(nil)

func newInventoryDataSource() datasource.DataSource { return &inventoryDataSource{} }

type inventoryDataSource struct{ dataSourceBase }

type inventoryDataModel struct {
	inventoryCounts

	HiddenPaths types.Set                   `tfsdk:"hidden_paths"`
	LargeBytes  types.Int64                 `tfsdk:"large_bytes"`
	ClusterID   types.String                `tfsdk:"cluster_id"`
	ByDirectory map[string]*inventoryCounts `tfsdk:"by_directory"`
	Hidden      []inventoryHidden           `tfsdk:"hidden"`
	AuthEnabled types.Bool                  `tfsdk:"auth_enabled"`
	Users       types.Int64                 `tfsdk:"users"`
	Roles       types.Int64                 `tfsdk:"roles"`
	Permissions types.Int64                 `tfsdk:"permissions"`
	Members     []inventoryMember           `tfsdk:"members"`
	Ready       types.Bool                  `tfsdk:"ready_for_v3_6"`
	Reasons     []string                    `tfsdk:"reasons"`
}

// inventoryHidden is the object at a path that no listing shows.
type inventoryHidden struct {
	Path        types.String `tfsdk:"path"`
	Kind        types.String `tfsdk:"kind"`
	Keys        types.Int64  `tfsdk:"keys"`
	Directories types.Int64  `tfsdk:"directories"`
}

type inventoryMember struct {
	ID      types.String `tfsdk:"id"`
	Name    types.String `tfsdk:"name"`
	Version types.String `tfsdk:"version"`
	V2      types.Bool   `tfsdk:"v2"`
	Error   types.String `tfsdk:"error"`
}

// defaultLargeBytes is a value that a v3 server with its default limit of 1.5 MiB
// for a request still takes, with its key and the rest of a transaction.
const defaultLargeBytes = 1 << 20

func (d *inventoryDataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_inventory"
}

func (d *inventoryDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	attributes := inventoryCountAttributes(" in the store")
	maps.Copy(attributes, map[string]schema.Attribute{
		"hidden_paths": schema.SetAttribute{
			ElementType: types.StringType,
			Optional:    true,
			MarkdownDescription: "Paths of hidden keys and directories to look at, such as `/app/_lock`. Use `[]` if there are none: " +
				"without this attribute, a warning says that hidden keys were not looked at.",
			Validators: []validator.Set{setvalidator.ValueStringsAre(isHiddenPath())},
		},
		"large_bytes": schema.Int64Attribute{
			Optional: true,
			MarkdownDescription: "Size in bytes above which a value counts as large. Default: `1048576`, because a v3 server takes 1.5 MiB in one " +
				"request unless it is started with `--max-request-bytes`.",
			Validators: []validator.Int64{int64validator.AtLeast(0)},
		},
		"cluster_id": schema.StringAttribute{
			Computed: true, MarkdownDescription: "Id of the cluster in hexadecimal, as `expected_cluster_id` takes it.",
		},
		"by_directory": schema.MapNestedAttribute{
			Computed: true,
			MarkdownDescription: "The same counts for each top-level directory, by its path, such as `/app`. The keys at the root are counted " +
				"as `/`.",
			NestedObject: schema.NestedAttributeObject{Attributes: inventoryCountAttributes(" in it")},
		},
		"hidden": schema.ListNestedAttribute{
			Computed:            true,
			MarkdownDescription: "What was found at `hidden_paths`, sorted by path. It is not in the counts.",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"path": schema.StringAttribute{Computed: true, MarkdownDescription: "The path."},
				"kind": schema.StringAttribute{
					Computed: true, MarkdownDescription: "`" + kindKey + "` or `" + kindDir + "`; null if nothing is there.",
				},
				"keys": schema.Int64Attribute{
					Computed: true, MarkdownDescription: "Number of keys: 1 for a key, and for a directory those in it that a listing of it shows.",
				},
				"directories": schema.Int64Attribute{
					Computed: true, MarkdownDescription: "Number of directories: a directory itself and those in it that a listing of it shows.",
				},
			}},
		},
	})
	addInventoryAuthAttributes(attributes)
	resp.Schema = schema.Schema{
		MarkdownDescription: "Takes stock of a store: what it contains, who may use it, which servers run it, and whether etcd 3.6, which " +
			"has no v2 API, would start on its data. The key space is read with one request. No value is stored in the state.\n\n" +
			"Hidden keys and directories, whose last segment starts with an underscore, do not appear in any listing, and so in no count. etcd " +
			"3.6 does not refuse a store that contains them: it drops them silently. Name those you know of in `hidden_paths`.\n\n" +
			"With the provider's `key_prefix`, only what is below it is counted, and `ready_for_v3_6` is `false`.",
		Attributes: attributes,
	}
}

// addInventoryAuthAttributes adds what is not about keys.
func addInventoryAuthAttributes(attributes map[string]schema.Attribute) {
	const denied = " Null, with a warning, if the credentials do not permit to read it: with authentication on, that takes the role `root`."
	maps.Copy(attributes, map[string]schema.Attribute{
		"auth_enabled": schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether authentication is enabled."},
		"users": schema.Int64Attribute{
			Computed: true, MarkdownDescription: "Number of users; see the data source `etcd_users`." + denied,
		},
		"roles": schema.Int64Attribute{
			Computed:            true,
			MarkdownDescription: "Number of roles, without `root`, which every server has; see the data source `etcd_roles`." + denied,
		},
		"permissions": schema.Int64Attribute{
			Computed: true, MarkdownDescription: "Number of patterns in `kv_read` and `kv_write` of these roles." + denied,
		},
		"members": schema.ListNestedAttribute{
			Computed:            true,
			MarkdownDescription: "The members of the cluster, sorted by id. A member that does not answer is a row of the result, not an error.",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"id":      schema.StringAttribute{Computed: true, MarkdownDescription: "Id of the member in hexadecimal."},
				"name":    schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the member; empty until it has started once."},
				"version": schema.StringAttribute{Computed: true, MarkdownDescription: "Version of its server; null if it did not answer."},
				"v2": schema.BoolAttribute{
					Computed: true, MarkdownDescription: "Whether it serves the v2 API; null if it did not answer.",
				},
				"error": schema.StringAttribute{Computed: true, MarkdownDescription: "Why it did not answer; null if it did."},
			}},
		},
		"ready_for_v3_6": schema.BoolAttribute{
			Computed: true,
			MarkdownDescription: "Whether nothing was found that would keep etcd 3.6 from starting, or that it would drop, and every member runs " +
				"etcd 3.5, from which alone an upgrade to 3.6 is supported. Before the upgrade, restart all members without `--enable-v2` " +
				"and let each write a snapshot; then run `etcdutl check v2store` on the data directory of a member, which proves what no API can show.",
		},
		"reasons": schema.ListAttribute{
			ElementType: types.StringType, Computed: true, MarkdownDescription: "Why `ready_for_v3_6` is `false`; empty if it is `true`.",
		},
	})
}

func (d *inventoryDataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var model inventoryDataModel
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("hidden_paths"), &model.HiddenPaths)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("large_bytes"), &model.LargeBytes)...)
	client := d.client(&resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	for _, read := range []func(context.Context, *etcdv2.Client, *diag.Diagnostics){
		model.readKeys, model.readHidden, model.readAuth, model.readMembers,
	} {
		if read(ctx, client, &resp.Diagnostics); resp.Diagnostics.HasError() {
			return
		}
	}
	model.Reasons = model.reasons(d.keyPrefix())
	model.Ready = types.BoolValue(len(model.Reasons) == 0)
	resp.Diagnostics.Append(resp.State.Set(ctx, model)...)
}

func (m *inventoryDataModel) readKeys(ctx context.Context, client *etcdv2.Client, diags *diag.Diagnostics) {
	cluster, err := client.Cluster(ctx)
	if err != nil {
		addFailure(diags, "Unable to read the cluster", "", err)
		return
	}
	m.ClusterID = types.StringValue(cluster.ClusterID)
	stock := stocktake{largeBytes: defaultLargeBytes}
	if notNull(m.LargeBytes) {
		stock.largeBytes = m.LargeBytes.ValueInt64()
	}
	found, err := client.Keys.List(ctx, "/", etcdv2.GetOptions{Recursive: true})
	switch {
	case errors.Is(err, etcdv2.ErrNotFound): // nothing is below the provider's key_prefix
		stock.take(new(etcdv2.Node))
	case err != nil:
		addTreeFailure(diags, "/", "", err)
		return
	default:
		stock.take(found.Node)
	}
	m.inventoryCounts, m.ByDirectory = stock.total, stock.byDir
}

// readHidden looks at the paths that no listing shows.
func (m *inventoryDataModel) readHidden(ctx context.Context, client *etcdv2.Client, diags *diag.Diagnostics) {
	m.Hidden = []inventoryHidden{}
	if m.HiddenPaths.IsNull() {
		diags.AddAttributeWarning(path.Root("hidden_paths"), "Hidden keys were not looked at", "No listing of a server shows keys and "+
			"directories whose last segment begins with an underscore. Name those you know of in hidden_paths, or set it to [] if there are none.")
		return
	}
	var paths []string
	diags.Append(m.HiddenPaths.ElementsAs(ctx, &paths, false)...)
	slices.Sort(paths)
	for _, at := range paths {
		row := inventoryHidden{Path: types.StringValue(at), Keys: types.Int64Value(0), Directories: types.Int64Value(0)}
		found, err := client.Keys.Get(ctx, at, etcdv2.GetOptions{Recursive: true})
		if err != nil && !errors.Is(err, etcdv2.ErrNotFound) {
			addFailure(diags, "Unable to read hidden key", at, err)
			return
		}
		if err == nil {
			row.fromAPI(found.Node)
		}
		m.Hidden = append(m.Hidden, row)
	}
}

func (h *inventoryHidden) fromAPI(node *etcdv2.Node) {
	var counts inventoryCounts
	counts.add(node, defaultLargeBytes)
	h.Kind, h.Keys, h.Directories = types.StringValue(kindKey), types.Int64Value(counts.Keys), types.Int64Value(counts.Directories)
	if node.Dir {
		h.Kind = types.StringValue(kindDir)
	}
}

// readAuth counts users and roles. Only root may read them while authentication
// is enabled: without its rights they stay unknown.
func (m *inventoryDataModel) readAuth(ctx context.Context, client *etcdv2.Client, diags *diag.Diagnostics) {
	enabled, err := client.Auth.Status(ctx)
	if err != nil {
		addFailure(diags, "Unable to read whether authentication is enabled", "", err)
		return
	}
	m.AuthEnabled = types.BoolValue(enabled)
	users, err := client.Users.List(ctx)
	var roles []*etcdv2.Role
	if err == nil {
		roles, err = client.Roles.List(ctx)
	}
	switch {
	case errors.Is(err, etcdv2.ErrUnauthorized):
		diags.AddWarning("Users and roles were not counted", "The server lets only a user with the role root read them while authentication is "+
			"enabled. Error: "+err.Error())
	case err != nil:
		addFailure(diags, "Unable to list users and roles", "", err)
	default:
		m.countAuth(users, roles)
	}
}

func (m *inventoryDataModel) countAuth(users []*etcdv2.User, roles []*etcdv2.Role) {
	var count, patterns int
	for _, role := range roles {
		if role.Name != etcdv2.RootRole {
			count++
			patterns += len(role.Read) + len(role.Write)
		}
	}
	m.Users, m.Roles, m.Permissions = types.Int64Value(int64(len(users))), types.Int64Value(int64(count)), types.Int64Value(int64(patterns))
}

func (m *inventoryDataModel) readMembers(ctx context.Context, client *etcdv2.Client, diags *diag.Diagnostics) {
	members, err := client.Members.Versions(ctx)
	if err != nil {
		addFailure(diags, "Unable to list members", "", err)
		return
	}
	for _, member := range members {
		row := inventoryMember{ID: types.StringValue(member.ID), Name: types.StringValue(member.Name), Error: errorValue(member.Err)}
		if member.Err == nil {
			row.Version, row.V2 = types.StringValue(member.Server), types.BoolValue(member.ServesV2)
		}
		m.Members = append(m.Members, row)
	}
}

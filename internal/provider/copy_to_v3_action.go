package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

var _ action.ActionWithConfigure = (*copyToV3Action)(nil)

func newCopyToV3Action() action.Action { return &copyToV3Action{} }

type copyToV3Action struct{ actionBase }

// onConflict selects what is done with a key that exists in v3 already.
type onConflict string

const (
	conflictFails     onConflict = "fail"
	conflictSkipEqual onConflict = "skip_equal"
)

func onConflicts() []onConflict { return []onConflict{conflictFails, conflictSkipEqual} }

type copyToV3Model struct {
	Prefix            types.String `tfsdk:"prefix"`
	ReplacePrefix     types.String `tfsdk:"replace_prefix"`
	OnConflict        types.String `tfsdk:"on_conflict"`
	Exclude           types.Set    `tfsdk:"exclude"`
	HiddenPaths       types.Set    `tfsdk:"hidden_paths"`
	Endpoints         types.List   `tfsdk:"endpoints"`
	Username          types.String `tfsdk:"username"`
	Password          types.String `tfsdk:"password"`
	PasswordEnv       types.String `tfsdk:"password_env"`
	TLS               types.Object `tfsdk:"tls"`
	ExpectedClusterID types.String `tfsdk:"expected_cluster_id"`
}

func (a *copyToV3Action) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_copy_to_v3"
}

func (a *copyToV3Action) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Copies all keys below a prefix from the v2 store into the v3 key space of the same or another cluster. " +
			"Afterwards it reads both sides, compares every key, value and lifetime, and fails if anything differs.\n\n" +
			"Nothing in v3 is overwritten, and nothing in v2 is changed. Keys are written in transactions, each on the condition that none of " +
			"its keys exists. To complete a copy that was interrupted, run it again with `on_conflict = \"skip_equal\"`. A key that changes in " +
			"v2 during the copy is reported at the end as a difference.\n\n" +
			"A TTL becomes a lease with the remaining lifetime, in whole seconds and at least 2 seconds. v3 has no directories: empty ones are " +
			"named and left out, and a key in a directory with a TTL gets a lease that ends with the directory. A v3 cluster starts the " +
			"lifetime of its leases again after an election.\n\n" +
			"A value that the v2 API cannot return is never copied wrong: keys with bytes that are not UTF-8 text are named, and nothing is " +
			"written until they are excluded. Hidden keys, which no listing shows, are copied only if `hidden_paths` names them.",
		Attributes: map[string]schema.Attribute{
			"prefix": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Directory whose keys are copied, such as `/app`, or `/` for all.",
				Validators:          []validator.String{isDir()},
			},
			"replace_prefix": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "What the v3 keys start with in place of `prefix`: with `prefix = \"/app\"` and `replace_prefix = \"/new\"`, " +
					"the key `/app/db/host` becomes `/new/db/host`. It may be empty, and must not end with a slash. Default: the v3 keys are the " +
					"paths in the v2 store, including the provider's `key_prefix`.",
				Validators: []validator.String{noSlashAtEnd()},
			},
			"on_conflict": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "What to do about a key that already exists in v3: " + oneOf(onConflicts()) + ". With `skip_equal`, a key " +
					"with the same value and lifetime is skipped; any other existing key is an error. If the error occurs before the copy begins, " +
					"nothing was written. Default: `" + string(conflictFails) + "`.",
				Validators: []validator.String{stringvalidator.OneOf(texts(onConflicts())...)},
			},
			"exclude":      pathsAttribute("Keys that are not copied, and directories whose content is not copied. Default: none."),
			"hidden_paths": pathsAttribute(hiddenPathsText + "are copied too. It is an error if one does not exist. Default: none."),
			"endpoints": schema.ListAttribute{
				ElementType: types.StringType,
				Optional:    true,
				MarkdownDescription: "Client URLs of the v3 cluster, `http` or `https`. All must belong to one cluster. Default: those of the " +
					"provider, with its TLS settings, for a cluster that serves both APIs.",
				Validators: []validator.List{listvalidator.SizeAtLeast(1), listvalidator.ValueStringsAre(isEndpoint())},
			},
			"username": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "User of the v3 cluster, whose users are not those of v2. Needs `password` or `password_env`. " +
					"Default: anonymous; the provider's own credentials are not used.",
				Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"password": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Password of the user. An action cannot take a secret: a value set here can be read in the configuration or " +
					"in the plan, so prefer `password_env`. Conflicts with `password_env`.",
				Validators: []validator.String{
					stringvalidator.AlsoRequires(path.MatchRoot("username")), stringvalidator.ConflictsWith(path.MatchRoot("password_env")),
				},
			},
			"password_env": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Name of the environment variable that contains the password, such as `ETCD_V3_PASSWORD`. " +
					"Conflicts with `password`.",
				Validators: []validator.String{stringvalidator.AlsoRequires(path.MatchRoot("username"))},
			},
			"tls": actionTLSSchema(),
			"expected_cluster_id": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Id of the v3 cluster in hexadecimal. Any other cluster is refused before anything is read or written. " +
					"Default: any cluster, or that of the provider without `endpoints`.",
				Validators: []validator.String{isClusterID()},
			},
		},
	}
}

// hiddenPathsText begins the description of an attribute with hidden paths.
const hiddenPathsText = "Paths of hidden keys and directories, whose name or whose directory begins with an underscore, such as " +
	"`/app/_locks`: no listing shows them. They "

// pathsAttribute is a set of paths.
func pathsAttribute(description string) schema.SetAttribute {
	return schema.SetAttribute{
		ElementType:         types.StringType,
		Optional:            true,
		MarkdownDescription: description,
		Validators:          []validator.Set{setvalidator.ValueStringsAre(isPath())},
	}
}

// Invoke copies the keys and compares both sides.
func (a *copyToV3Action) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var config copyToV3Model
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	c := a.newCopy(ctx, config, resp)
	if c == nil {
		return
	}
	defer c.close()
	c.run(ctx)
}

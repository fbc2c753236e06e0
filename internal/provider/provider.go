// Package provider is the Terraform provider for the etcd v2 API. It translates between
// configuration and state on one side and internal/etcdv2 on the other.
package provider

import (
	"context"
	"os"
	"sync/atomic"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/list"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

var (
	_ provider.Provider                       = (*etcdProvider)(nil)
	_ provider.ProviderWithActions            = (*etcdProvider)(nil)
	_ provider.ProviderWithEphemeralResources = (*etcdProvider)(nil)
	_ provider.ProviderWithFunctions          = (*etcdProvider)(nil)
	_ provider.ProviderWithListResources      = (*etcdProvider)(nil)
)

// Address is the provider's address in the registry.
const Address = "registry.terraform.io/etcdv2/etcd"

// New returns the provider. The version is that of the build; trace has each
// request to the store logged, which takes time even if nobody reads the log.
func New(version string, trace bool) provider.Provider { return newProvider(version, trace) }

func newProvider(version string, trace bool) *etcdProvider {
	return &etcdProvider{version: version, trace: trace, locks: new(heldLocks)}
}

type etcdProvider struct {
	version string
	trace   bool
	locks   *heldLocks
	// unchanging are the resources that have a lane, nil until they are configured.
	unchanging atomic.Pointer[map[string]unchanging]
	// resolver looks SRV records up, nil for the system's.
	resolver etcdv2.Resolver
}

// providerModel is the provider block. What an attribute means is described in Schema.
type providerModel struct {
	Endpoints         types.List   `tfsdk:"endpoints"`
	DiscoverySRV      types.String `tfsdk:"discovery_srv"`
	DiscoverMembers   types.Bool   `tfsdk:"discover_members"`
	EndpointSelection types.String `tfsdk:"endpoint_selection"`
	Username          types.String `tfsdk:"username"`
	Password          types.String `tfsdk:"password"`
	TLS               types.Object `tfsdk:"tls"`
	KeyPrefix         types.String `tfsdk:"key_prefix"`
	DefaultTTL        types.Int64  `tfsdk:"default_ttl"`
	ConnectTimeout    types.String `tfsdk:"connect_timeout"`
	RequestTimeout    types.String `tfsdk:"request_timeout"`
	Retry             types.Object `tfsdk:"retry"`
	MaxConnections    types.Int64  `tfsdk:"max_connections"`
	ProxyURL          types.String `tfsdk:"proxy_url"`
	ConsistentReads   types.Bool   `tfsdk:"consistent_reads"`
	ReadAhead         types.Bool   `tfsdk:"read_ahead"`
	ExpectedClusterID types.String `tfsdk:"expected_cluster_id"`
}

type tlsModel struct {
	CAFile             types.String `tfsdk:"ca_file"`
	CAPEM              types.String `tfsdk:"ca_pem"`
	CertFile           types.String `tfsdk:"cert_file"`
	CertPEM            types.String `tfsdk:"cert_pem"`
	KeyFile            types.String `tfsdk:"key_file"`
	KeyPEM             types.String `tfsdk:"key_pem"`
	ServerName         types.String `tfsdk:"server_name"`
	InsecureSkipVerify types.Bool   `tfsdk:"insecure_skip_verify"`
}

type retryModel struct {
	MaxAttempts types.Int64  `tfsdk:"max_attempts"`
	MinDelay    types.String `tfsdk:"min_delay"`
	MaxDelay    types.String `tfsdk:"max_delay"`
}

func (p *etcdProvider) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "etcd"
	resp.Version = p.version
}

func (p *etcdProvider) Schema(_ context.Context, _ provider.SchemaRequest, resp *provider.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Manages an etcd v2 store: keys, directories, users, roles, authentication and cluster members. It supports " +
			"etcd 2.1 to 3.3, and etcd 3.4 and 3.5 started with `--enable-v2`.\n\n" +
			"Configuring the provider makes no request: the first object that needs the store connects. The configuration takes precedence over " +
			"environment variables, and environment variables over defaults.",
		Attributes: map[string]schema.Attribute{
			"endpoints": schema.ListAttribute{
				ElementType: types.StringType,
				Optional:    true,
				MarkdownDescription: "Client URLs of the cluster's members, with the scheme `http` or `https`. Environment: `ETCDCTL_ENDPOINTS`, " +
					"`ETCDCTL_ENDPOINT` or `ETCDCTL_PEERS`, separated by commas. Default: `[\"" + etcdv2.DefaultEndpoint + "\"]`.",
				Validators: []validator.List{
					listvalidator.SizeAtLeast(1),
					listvalidator.ValueStringsAre(isEndpoint()),
					listvalidator.ConflictsWith(path.MatchRoot("discovery_srv")),
				},
			},
			"discovery_srv": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Domain whose SRV records `_etcd-client-ssl._tcp` and `_etcd-client._tcp` list the endpoints. Conflicts with " +
					"`endpoints`. Environment: `ETCDCTL_DISCOVERY_SRV`.",
				Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"discover_members": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Replace the endpoints with the client URLs that the cluster's members advertise, before the first request. " +
					"Those URLs must be reachable from the machine that runs Terraform. Default: `false`.",
			},
			"endpoint_selection": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Which endpoint is tried first: " + oneOf(etcdv2.EndpointSelections()) + ". The endpoint that answered is " +
					"used until it fails. Default: `" + string(etcdv2.SelectOrdered) + "`.",
				Validators: []validator.String{stringvalidator.OneOf(texts(etcdv2.EndpointSelections())...)},
			},
			"username": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "User for basic authentication. An empty name means anonymous requests, whatever the environment variables " +
					"say. Environment: `ETCDCTL_USERNAME` or `ETCDCTL_USER`, as `name` or `name:password`.",
				Validators: []validator.String{validLogin()},
			},
			"password": schema.StringAttribute{
				Optional:            true,
				Sensitive:           true,
				MarkdownDescription: "Password for basic authentication. Environment: `ETCDCTL_PASSWORD`.",
			},
			"tls":   tlsSchema(),
			"retry": retrySchema(),
			"key_prefix": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Directory that contains every key and directory of this provider, such as `/team-a`. It is put in front of " +
					"every path of the configuration and does not appear in the state. No path can leave it. An object stays below the prefix with " +
					"which it was created or imported: after a change of `key_prefix`, every operation on it fails with an error. Default: none.",
				Validators: []validator.String{isPrefix()},
			},
			"default_ttl": schema.Int64Attribute{
				Optional: true,
				MarkdownDescription: "TTL in seconds, " + ttlRange + ", for every key without a `ttl` of its own, including keys that are imported " +
					"or already managed. The plan shows which keys gain it, and which keys lose it when it is removed. Default: keys without a `ttl` " +
					"do not expire.",
				Validators: []validator.Int64{isTTL()},
			},
			"connect_timeout": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Time limit for opening one connection, as a duration such as `500ms` or `10s`. Default: `" +
					etcdv2.DefaultConnectTimeout.String() + "`.",
				Validators: []validator.String{isDuration()},
			},
			"request_timeout": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Time limit for one attempt of a request, as a duration. A server gives up on its own after 7 or 14 seconds; " +
					"with a shorter limit, more outcomes are unknown. Default: `" + etcdv2.DefaultRequestTimeout.String() + "`.",
				Validators: []validator.String{isDuration()},
			},
			"max_connections": schema.Int64Attribute{
				Optional:            true,
				MarkdownDescription: "Maximum number of open connections to one endpoint, 1 to 10000. Default: `64`.",
				Validators:          []validator.Int64{int64validator.Between(1, 10000)},
			},
			"proxy_url": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "URL of a proxy for all requests, with the scheme `http`, `https` or `socks5`. Environment: `HTTP_PROXY`, " +
					"`HTTPS_PROXY` and `NO_PROXY`, which are read only if this attribute is not set.",
				Validators: []validator.String{isProxyURL()},
			},
			"consistent_reads": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Read through the quorum. With `false`, one endpoint answers a read on its own and may lag behind the " +
					"cluster: a plan can then miss a change, but the conditional write of a key cannot overwrite it. A not-found answer is always " +
					"confirmed with a quorum read. Default: `true`.",
			},
			"read_ahead": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Read a directory once, instead of its keys one by one, when several of its keys are requested within a short " +
					"time. Default: `true`.",
			},
			"expected_cluster_id": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Id of the cluster in hexadecimal, as in the response header `X-Etcd-Cluster-Id`. The provider refuses to " +
					"work on any other cluster. Default: any cluster is accepted.",
				Validators: []validator.String{isClusterID()},
			},
		},
	}
}

func tlsSchema() schema.Attribute {
	return schema.SingleNestedAttribute{
		Optional:            true,
		MarkdownDescription: "TLS settings for `https` endpoints. The oldest accepted version is TLS 1.2.",
		Attributes: map[string]schema.Attribute{
			"ca_file": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "File with the certificates, in PEM, of the authorities that sign the servers' certificates. Environment: " +
					"`ETCDCTL_CA_FILE` or `ETCDCTL_CACERT`. Default: the authorities of the system.",
				Validators: []validator.String{stringvalidator.ConflictsWith(path.MatchRoot("tls").AtName("ca_pem"))},
			},
			"ca_pem": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Certificates of the authorities in PEM, as text. Conflicts with `ca_file`.",
			},
			"cert_file": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "File with the client certificate in PEM. Needs a private key: `key_file` or `key_pem`. Environment: " +
					"`ETCDCTL_CERT_FILE` or `ETCDCTL_CERT`.",
				Validators: []validator.String{stringvalidator.ConflictsWith(path.MatchRoot("tls").AtName("cert_pem"))},
			},
			"cert_pem": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Client certificate in PEM, as text. Conflicts with `cert_file`.",
			},
			"key_file": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "File with the private key of the client certificate in PEM. " +
					"Environment: `ETCDCTL_KEY_FILE` or `ETCDCTL_KEY`.",
				Validators: []validator.String{stringvalidator.ConflictsWith(path.MatchRoot("tls").AtName("key_pem"))},
			},
			"key_pem": schema.StringAttribute{
				Optional:            true,
				Sensitive:           true,
				MarkdownDescription: "Private key of the client certificate in PEM, as text. Conflicts with `key_file`.",
			},
			"server_name": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Host name that the servers' certificates must be valid for. Default: the host of the endpoint.",
			},
			"insecure_skip_verify": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Accept any server certificate, and therefore any server. Environment: `ETCDCTL_INSECURE_SKIP_TLS_VERIFY`. " +
					"Default: `false`.",
			},
		},
	}
}

func retrySchema() schema.Attribute {
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "When a request is sent again. This applies to reads, and to writes that cannot apply twice. The delay doubles " +
			"from `min_delay` to `max_delay`, with jitter.",
		Attributes: map[string]schema.Attribute{
			"max_attempts": schema.Int64Attribute{
				Optional:            true,
				MarkdownDescription: "Maximum number of attempts of a request, including the first, 1 to 100. Default: `5`.",
				Validators:          []validator.Int64{int64validator.Between(1, 100)},
			},
			"min_delay": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Delay before the second attempt, as a duration. Default: `" + etcdv2.DefaultMinDelay.String() + "`.",
				Validators:          []validator.String{isDuration()},
			},
			"max_delay": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Longest delay between two attempts, as a duration. Default: `" + etcdv2.DefaultMaxDelay.String() + "`.",
				Validators:          []validator.String{isDuration()},
			},
		},
	}
}

// Configure reads the configuration and makes no request.
func (p *etcdProvider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var config providerModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	c := &connection{
		locks: p.locks, run: keyspace.NewRun(), claims: keyspace.NewClaims(), unknown: unknownAttributes(req.Config.Raw),
		defaultTTL: config.DefaultTTL,
	}
	c.looks = newLooks(c)
	if len(c.unknown) == 0 {
		settings, diags := configure(ctx, config, os.LookupEnv)
		resp.Diagnostics.Append(diags...)
		if resp.Diagnostics.HasError() {
			return
		}
		settings.options.UserAgent = "terraform-provider-etcd/" + p.version
		if p.trace {
			settings.options.Trace = traceLog(ctx)
		}
		c.settings = settings
	}
	c.options.Resolver = p.resolver
	resp.ResourceData = c
	resp.DataSourceData = c
	resp.ListResourceData = c
	resp.ActionData = c
	resp.EphemeralResourceData = c
	p.configureUnchanging(ctx, c)
}

func (p *etcdProvider) Resources(context.Context) []func() resource.Resource {
	return withIdentity(
		newAuthResource,
		newDirResource,
		newInOrderKeyResource,
		newKeyPrefixResource,
		newKeyResource,
		newMemberResource,
		newRolePermissionResource,
		newRoleResource,
		newUserResource,
		newUserRoleResource,
	)
}

func (p *etcdProvider) DataSources(context.Context) []func() datasource.DataSource {
	return []func() datasource.DataSource{
		newAuthDataSource,
		newClusterDataSource,
		newDirDataSource,
		newHealthDataSource,
		newInventoryDataSource,
		newKeyDataSource,
		newKeysDataSource,
		newLeaderDataSource,
		newLeaderStatsDataSource,
		newMachinesDataSource,
		newMemberDataSource,
		newMembersDataSource,
		newRoleDataSource,
		newRolesDataSource,
		newSRVEndpointsDataSource,
		newSelfStatsDataSource,
		newStoreStatsDataSource,
		newUserDataSource,
		newUsersDataSource,
		newVersionDataSource,
		newWatchDataSource,
	}
}

func (p *etcdProvider) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{
		newKeyEphemeral,
		newLockEphemeral,
	}
}

func (p *etcdProvider) Functions(context.Context) []func() function.Function {
	return []func() function.Function{
		newFlattenFunction,
		newKeyBaseFunction,
		newKeyJoinFunction,
		newKeyParentFunction,
		newPermitsFunction,
		newUnflattenFunction,
		newV3PermissionsFunction,
	}
}

func (p *etcdProvider) ListResources(context.Context) []func() list.ListResource {
	return []func() list.ListResource{
		newDirList,
		newKeyList,
		newKeyPrefixList,
		newMemberList,
		newRoleList,
		newUserList,
	}
}

func (p *etcdProvider) Actions(context.Context) []func() action.Action {
	return []func() action.Action{
		newChangePasswordAction,
		newCopyToV3Action,
		newDeleteAction,
		newEmptyAction,
		newPushAction,
		newRefreshAction,
		newSetAction,
		newWaitAction,
	}
}

package provider

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	providerschema "github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv3"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// newCopy connects to both sides, or returns nil and reports why it cannot.
func (a *copyToV3Action) newCopy(ctx context.Context, config copyToV3Model, resp *action.InvokeResponse) *copyToV3 {
	diags := &resp.Diagnostics
	source := a.linearizableClient("", diags)
	if source == nil {
		return nil
	}
	c := &copyToV3{
		diags: diags, report: newReporter(resp), prefix: config.Prefix.ValueString(), source: source,
		store:     keyspace.NewStore(source.Keys, nil, nil),
		skipEqual: onConflict(config.OnConflict.ValueString()) == conflictSkipEqual,
	}
	diags.Append(config.Exclude.ElementsAs(ctx, &c.exclude, false)...)
	diags.Append(config.HiddenPaths.ElementsAs(ctx, &c.hidden, false)...)
	for _, hidden := range c.hidden {
		checkHiddenBelow(hidden, c.prefix, diags)
	}
	c.target = a.keyPrefix() + strings.TrimSuffix(c.prefix, "/")
	if notNull(config.ReplacePrefix) {
		c.target = config.ReplacePrefix.ValueString()
	}
	options := a.targetOptions(ctx, config, diags)
	if diags.HasError() {
		source.CloseIdleConnections()
		return nil
	}
	target, err := etcdv3.Open(ctx, options)
	if err != nil {
		addFailure(diags, "Unable to reach the v3 cluster", strings.Join(options.Endpoints, ", "), err)
		source.CloseIdleConnections()
		return nil
	}
	c.v3 = target
	return c
}

// linearizableClient returns a client of the provider's cluster whose reads go through
// the quorum whatever the provider is set to, or nil and reports why there is none. It
// accepts no other cluster than an expected one, if there is one.
func (b *base) linearizableClient(expectedClusterID string, diags *diag.Diagnostics) *etcdv2.Client {
	if b.client(diags) == nil {
		return nil
	}
	options := b.connection.options
	options.NotLinearizable = false
	if expectedClusterID != "" {
		options.ExpectedClusterID = strings.ToLower(expectedClusterID)
	}
	client, err := etcdv2.New(options)
	if err != nil {
		addFailure(diags, "Unable to reach etcd", "", err)
		return nil
	}
	return client
}

// checkHiddenBelow refuses a path that a listing of a prefix shows, or that is not
// below the prefix.
func checkHiddenBelow(hidden, prefix string, diags *diag.Diagnostics) {
	relative, below := strings.CutPrefix(hidden, strings.TrimSuffix(prefix, "/")+"/")
	switch {
	case !below:
		diags.AddAttributeError(path.Root("hidden_paths"), "Invalid hidden path", hidden+" is not below "+prefix+".")
	case keyspace.HiddenRoot(relative) == "":
		diags.AddAttributeError(path.Root("hidden_paths"), "Invalid hidden path", hidden+" is not hidden: no segment of it below "+prefix+
			" begins with an underscore. Leave it out; a listing shows it.")
	}
}

// targetOptions says how to reach the v3 cluster.
func (a *copyToV3Action) targetOptions(ctx context.Context, config copyToV3Model, diags *diag.Diagnostics) etcdv3.Options {
	own := a.connection.options
	options := etcdv3.Options{
		Username: config.Username.ValueString(), Password: config.Password.ValueString(),
		ExpectedClusterID: config.ExpectedClusterID.ValueString(),
		ConnectTimeout:    own.ConnectTimeout, RequestTimeout: own.RequestTimeout,
	}
	if name := config.PasswordEnv.ValueString(); name != "" {
		if options.Password = os.Getenv(name); options.Password == "" {
			diags.AddAttributeError(path.Root("password_env"), "No password", fmt.Sprintf("The environment variable %s is empty or not set.", name))
		}
	} else if options.Username != "" && options.Password == "" {
		diags.AddAttributeError(path.Root("username"), "Username without a password", "Set password_env or password too.")
	}
	// What the environment says is about the provider's cluster.
	c := &configurator{lookup: func(string) (string, bool) { return "", false }}
	c.tls(ctx, config.TLS)
	diags.Append(c.diags...)
	options.TLS = c.out.options.TLS
	if notNull(config.Endpoints) {
		diags.Append(config.Endpoints.ElementsAs(ctx, &options.Endpoints, false)...)
		return options
	}
	if own.DiscoverySRV != "" {
		diags.AddAttributeError(path.Root("endpoints"), "No endpoints", "The provider finds its endpoints by discovery_srv. Set endpoints to "+
			"the client URLs of the v3 cluster.")
	}
	if options.Endpoints = own.Endpoints; len(own.Endpoints) == 0 {
		options.Endpoints = []string{etcdv2.DefaultEndpoint}
	}
	if !notNull(config.TLS) {
		options.TLS = own.TLS
	}
	if options.ExpectedClusterID == "" {
		options.ExpectedClusterID = own.ExpectedClusterID
	}
	return options
}

// ofEnvironment is what the description of the provider's own attribute says about its
// environment variables, which an action does not read.
var ofEnvironment = regexp.MustCompile(`Environment: [^.]*\. ?`)

// actionTLSSchema is the provider's own, for an action.
func actionTLSSchema() schema.Attribute {
	attributes := map[string]schema.Attribute{}
	own, _ := tlsSchema().(providerschema.SingleNestedAttribute)
	for name, attribute := range own.Attributes {
		description := strings.TrimSpace(ofEnvironment.ReplaceAllString(attribute.GetMarkdownDescription(), ""))
		if attribute.GetType() == types.BoolType {
			attributes[name] = schema.BoolAttribute{Optional: true, MarkdownDescription: description}
			continue
		}
		if strings.HasPrefix(name, "key_") {
			description += " It needs a certificate."
		}
		if attribute.IsSensitive() {
			description += " Actions can take no secrets, so that what is set here can be read in the configuration or in the plan."
		}
		attributes[name] = schema.StringAttribute{Optional: true, MarkdownDescription: description}
	}
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "TLS for `https` endpoints of the v3 cluster, at least version 1.2. Default: the provider's own settings without " +
			"`endpoints`, or else the system's authorities.",
		Attributes: attributes,
	}
}

// noSlashAtEnd accepts what the paths below it are appended to.
func noSlashAtEnd() validator.String {
	return textCheck{"Invalid prefix", "must not end with a slash", func(text string) error {
		if strings.HasSuffix(text, "/") {
			return fmt.Errorf("%q ends with a slash; the keys below it begin with one", text)
		}
		return nil
	}}
}

package provider

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// settings are the settings of the provider block and the environment.
type settings struct {
	// options are those of the client.
	options etcdv2.Options
	// readAhead reads whole directories when several of their keys are asked for.
	readAhead bool
}

// configurator collects settings and the errors in them.
type configurator struct {
	lookup func(string) (string, bool)
	diags  diag.Diagnostics
	out    settings
}

// setting is a text and its source: the environment if env is not empty.
type setting struct {
	text string
	set  bool
	path path.Path
	env  string
}

// configure turns the provider block and the environment into settings. It reads the files that
// the configuration names, and sends no request. All values of the configuration must be known.
func configure(ctx context.Context, config providerModel, lookup func(string) (string, bool)) (settings, diag.Diagnostics) {
	c := &configurator{lookup: lookup}
	c.credentials(config)
	hasTLS := c.tls(ctx, config.TLS)
	c.endpoints(ctx, config, hasTLS)
	c.requests(config)
	c.retry(ctx, config.Retry)
	c.keySpace(config)
	if c.diags.HasError() {
		return settings{}, c.diags
	}
	// Errors that only the client itself finds have no attribute.
	if _, err := etcdv2.New(c.out.options); err != nil {
		c.diags.AddError("Invalid provider configuration", sentence(err))
	}
	return c.out, c.diags
}

// text returns the configured value, or else the first of the environment variables that is not
// empty.
func (c *configurator) text(at path.Path, value types.String, env ...string) setting {
	if notNull(value) {
		return setting{text: value.ValueString(), set: true, path: at}
	}
	for _, name := range env {
		if text, _ := c.lookup(name); text != "" {
			return setting{text: text, set: true, path: at, env: name}
		}
	}
	return setting{path: at}
}

// refuse reports the error in a setting at its source.
func (c *configurator) refuse(s setting, summary string, err error) {
	if s.env != "" {
		c.diags.AddError(summary, fmt.Sprintf("The environment variable %s is not usable: %s", s.env, sentence(err)))
		return
	}
	c.diags.AddAttributeError(s.path, summary, sentence(err))
}

func (c *configurator) credentials(config providerModel) {
	o := &c.out.options
	user := c.text(path.Root("username"), config.Username, "ETCDCTL_USERNAME", "ETCDCTL_USER")
	password := c.text(path.Root("password"), config.Password, "ETCDCTL_PASSWORD")
	o.Username = user.text
	if user.env != "" {
		name, own, found := strings.Cut(user.text, ":")
		o.Username = name
		if found && (!password.set || password.env != "") {
			password = setting{text: own, set: true, path: password.path, env: user.env}
		}
	}
	if err := checkUsername(o.Username); err != nil {
		c.refuse(user, "Invalid username", err)
	}
	switch {
	case o.Username != "":
		o.Password = password.text
	case password.set && password.env == "" && password.text != "":
		c.refuse(password, "Password without a username",
			errors.New("set username too, or the environment variable ETCDCTL_USERNAME"))
	}
}

func (c *configurator) endpoints(ctx context.Context, config providerModel, hasTLS bool) {
	o := &c.out.options
	o.Selection = etcdv2.EndpointSelection(config.EndpointSelection.ValueString())
	o.DiscoverMembers = config.DiscoverMembers.ValueBool()
	if notNull(config.Endpoints) {
		c.diags.Append(config.Endpoints.ElementsAs(ctx, &o.Endpoints, false)...)
		for i, endpoint := range o.Endpoints {
			if err := checkEndpoint(endpoint); err != nil {
				c.diags.AddAttributeError(path.Root("endpoints").AtListIndex(i), "Invalid endpoint", sentence(err))
			}
		}
		if notNull(config.DiscoverySRV) {
			c.diags.AddAttributeError(path.Root("discovery_srv"), "Conflicting endpoints",
				"Set either endpoints or discovery_srv, not both.")
		}
		return
	}
	srv := c.text(path.Root("discovery_srv"), config.DiscoverySRV)
	env := c.text(path.Root("endpoints"), types.StringNull(), "ETCDCTL_ENDPOINTS", "ETCDCTL_ENDPOINT", "ETCDCTL_PEERS")
	if !srv.set && !env.set {
		srv = c.text(path.Root("discovery_srv"), types.StringNull(), "ETCDCTL_DISCOVERY_SRV")
	}
	if srv.set {
		o.DiscoverySRV = srv.text
		return
	}
	for text := range strings.SplitSeq(env.text, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		endpoint := withScheme(text, hasTLS)
		if err := checkEndpoint(endpoint); err != nil {
			c.refuse(env, "Invalid endpoint", err)
		}
		o.Endpoints = append(o.Endpoints, endpoint)
	}
}

// withScheme adds a scheme to an endpoint from the environment that is only a host and a port, a
// form that etcdctl accepts for the v3 API.
func withScheme(endpoint string, hasTLS bool) string {
	if strings.Contains(endpoint, "://") {
		return endpoint
	}
	if _, _, err := net.SplitHostPort(endpoint); err != nil {
		return endpoint
	}
	if hasTLS {
		return "https://" + endpoint
	}
	return "http://" + endpoint
}

// tls reports whether anything was configured.
func (c *configurator) tls(ctx context.Context, object types.Object) bool {
	at := path.Root("tls")
	var config tlsModel
	if notNull(object) {
		c.diags.Append(object.As(ctx, &config, basetypes.ObjectAsOptions{})...)
	}
	ca := c.source(at, "ca", config.CAFile, config.CAPEM, "ETCDCTL_CA_FILE", "ETCDCTL_CACERT")
	cert := c.source(at, "cert", config.CertFile, config.CertPEM, "ETCDCTL_CERT_FILE", "ETCDCTL_CERT")
	key := c.source(at, "key", config.KeyFile, config.KeyPEM, "ETCDCTL_KEY_FILE", "ETCDCTL_KEY")
	skip := c.skipVerify(at.AtName("insecure_skip_verify"), config.InsecureSkipVerify)
	switch {
	case cert.set() && !key.set():
		c.refuse(cert.setting(), "Certificate without a key", errors.New("a client certificate needs its private key: set key_file or "+
			"key_pem too"))
	case key.set() && !cert.set():
		c.refuse(key.setting(), "Key without a certificate", errors.New("a private key needs its certificate: set cert_file or cert_pem too"))
	}
	options := etcdv2.TLSOptions{
		CAFile: ca.file.text, CAPEM: ca.pem.text,
		CertFile: cert.file.text, CertPEM: cert.pem.text,
		KeyFile: key.file.text, KeyPEM: key.pem.text,
		ServerName: config.ServerName.ValueString(), InsecureSkipVerify: skip,
	}
	if c.diags.HasError() || (!notNull(object) && !ca.set() && !cert.set() && !skip) {
		return false
	}
	loaded, err := options.Config()
	if err != nil {
		c.diags.AddAttributeError(at, "Unable to load TLS files", sentence(err))
		return true
	}
	c.out.options.TLS = loaded
	return true
}

// source is a setting that is given as a file or as text.
type source struct{ file, pem setting }

func (s source) set() bool { return s.file.set || s.pem.set }

func (s source) setting() setting {
	if s.file.set {
		return s.file
	}
	return s.pem
}

// source reads the attributes <name>_file and <name>_pem. The environment is used only if the
// configuration has neither.
func (c *configurator) source(at path.Path, name string, file, pem types.String, env ...string) source {
	if notNull(pem) {
		env = nil
	}
	s := source{
		file: c.text(at.AtName(name+"_file"), file, env...),
		pem:  c.text(at.AtName(name+"_pem"), pem),
	}
	if s.file.set && s.pem.set {
		c.refuse(s.pem, "Conflicting TLS settings", fmt.Errorf("set either %s_file or %s_pem, not both", name, name))
	}
	return s
}

func (c *configurator) skipVerify(at path.Path, value types.Bool) bool {
	if notNull(value) {
		return value.ValueBool()
	}
	env := c.text(at, types.StringNull(), "ETCDCTL_INSECURE_SKIP_TLS_VERIFY")
	if !env.set {
		return false
	}
	skip, err := strconv.ParseBool(env.text)
	if err != nil {
		c.refuse(env, "Invalid boolean", fmt.Errorf("%q is neither true nor false", env.text))
	}
	return skip
}

func (c *configurator) requests(config providerModel) {
	o := &c.out.options
	o.ConnectTimeout = c.duration(path.Root("connect_timeout"), config.ConnectTimeout)
	o.RequestTimeout = c.duration(path.Root("request_timeout"), config.RequestTimeout)
	o.SettleTime = etcdv2.SettleTime
	o.MaxConnections = int(config.MaxConnections.ValueInt64())
	o.NotLinearizable = !boolOr(config.ConsistentReads, true)
	c.out.readAhead = boolOr(config.ReadAhead, true)
	if notNull(config.ExpectedClusterID) {
		id := c.text(path.Root("expected_cluster_id"), config.ExpectedClusterID)
		if err := checkClusterID(id.text); err != nil {
			c.refuse(id, "Invalid cluster id", err)
		}
		o.ExpectedClusterID = strings.ToLower(id.text)
	}
	if notNull(config.ProxyURL) {
		proxy := c.text(path.Root("proxy_url"), config.ProxyURL)
		if err := etcdv2.CheckProxyURL(proxy.text); err != nil {
			c.refuse(proxy, "Invalid proxy URL", err)
		}
		o.ProxyURL = proxy.text
	}
}

func (c *configurator) retry(ctx context.Context, object types.Object) {
	if !notNull(object) {
		return
	}
	at := path.Root("retry")
	var config retryModel
	c.diags.Append(object.As(ctx, &config, basetypes.ObjectAsOptions{})...)
	policy := etcdv2.RetryPolicy{
		MaxAttempts: int(config.MaxAttempts.ValueInt64()),
		MinDelay:    c.duration(at.AtName("min_delay"), config.MinDelay),
		MaxDelay:    c.duration(at.AtName("max_delay"), config.MaxDelay),
	}
	if policy.MinDelay > 0 && policy.MaxDelay > 0 && policy.MinDelay > policy.MaxDelay {
		c.diags.AddAttributeError(at.AtName("max_delay"), "Invalid duration",
			fmt.Sprintf("The longest delay, %s, is shorter than the first, %s.", policy.MaxDelay, policy.MinDelay))
	}
	c.out.options.Retry = policy
}

// duration returns zero, which means the default, if nothing is set.
func (c *configurator) duration(at path.Path, value types.String) time.Duration {
	if !notNull(value) {
		return 0
	}
	d, err := parseDuration(value.ValueString())
	if err != nil {
		c.refuse(setting{path: at}, "Invalid duration", err)
	}
	return d
}

func (c *configurator) keySpace(config providerModel) {
	// An empty variable means no prefix.
	if config.KeyPrefix.ValueString() == "" {
		return
	}
	prefix := c.text(path.Root("key_prefix"), config.KeyPrefix)
	if err := etcdv2.CheckKey(prefix.text); err != nil {
		c.refuse(prefix, "Invalid path", err)
	}
	c.out.options.KeyPrefix = prefix.text
}

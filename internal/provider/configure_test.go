package provider

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// providerConfig reads the attributes of a provider block, given as Go values.
func providerConfig(t *testing.T, attributes map[string]any) providerModel {
	t.Helper()
	var resp provider.SchemaResponse
	New("test", false).Schema(t.Context(), provider.SchemaRequest{}, &resp)
	raw := value(t, resp.Schema.Type().TerraformType(t.Context()), attributes)
	var model providerModel
	config := tfsdk.Config{Schema: resp.Schema, Raw: raw}
	if diags := config.Get(t.Context(), &model); diags.HasError() {
		t.Fatal(diags)
	}
	return model
}

func TestConfigure_settings(t *testing.T) {
	t.Parallel()

	type m = map[string]any
	type env = map[string]string
	for name, test := range map[string]struct {
		config m
		env    env
		want   etcdv2.Options
	}{
		"nothing": {},
		"endpoints": {
			config: m{"endpoints": []string{"http://a:1", "https://b:2/path"}},
			want:   etcdv2.Options{Endpoints: []string{"http://a:1", "https://b:2/path"}},
		},
		"endpoint env": {
			env: env{"ETCDCTL_ENDPOINTS": "http://a:1, http://b:2,"}, want: etcdv2.Options{Endpoints: []string{"http://a:1", "http://b:2"}},
		},
		"older endpoint env": {
			env: env{"ETCDCTL_ENDPOINT": "http://a:1", "ETCDCTL_PEERS": "http://b:2"}, want: etcdv2.Options{Endpoints: []string{"http://a:1"}},
		},
		"oldest endpoint env": {env: env{"ETCDCTL_PEERS": "http://b:2"}, want: etcdv2.Options{Endpoints: []string{"http://b:2"}}},
		"endpoints before env": {
			config: m{"endpoints": []string{"http://a:1"}}, env: env{"ETCDCTL_ENDPOINTS": "http://b:2"},
			want: etcdv2.Options{Endpoints: []string{"http://a:1"}},
		},
		"endpoint without scheme": {
			env: env{"ETCDCTL_ENDPOINTS": "a:1,[::1]:2"}, want: etcdv2.Options{Endpoints: []string{"http://a:1", "http://[::1]:2"}},
		},
		"discovery": {config: m{"discovery_srv": "example.org"}, want: etcdv2.Options{DiscoverySRV: "example.org"}},
		"discovery before env": {
			config: m{"discovery_srv": "example.org"}, env: env{"ETCDCTL_ENDPOINTS": "http://b:2"},
			want: etcdv2.Options{DiscoverySRV: "example.org"},
		},
		"discovery env": {env: env{"ETCDCTL_DISCOVERY_SRV": "example.org"}, want: etcdv2.Options{DiscoverySRV: "example.org"}},
		"endpoints before discovery": {
			config: m{"endpoints": []string{"http://a:1"}}, env: env{"ETCDCTL_DISCOVERY_SRV": "x"},
			want: etcdv2.Options{Endpoints: []string{"http://a:1"}},
		},
		"members, selection": {
			config: m{"discover_members": true, "endpoint_selection": "leader"},
			want:   etcdv2.Options{DiscoverMembers: true, Selection: etcdv2.SelectLeader},
		},
		"credentials":     {config: m{"username": "u", "password": "p"}, want: etcdv2.Options{Username: "u", Password: "p"}},
		"credentials env": {env: env{"ETCDCTL_USERNAME": "u:p:q"}, want: etcdv2.Options{Username: "u", Password: "p:q"}},
		"other user env":  {env: env{"ETCDCTL_USER": "u:p"}, want: etcdv2.Options{Username: "u", Password: "p"}},
		"split env":       {env: env{"ETCDCTL_USERNAME": "u", "ETCDCTL_PASSWORD": "p"}, want: etcdv2.Options{Username: "u", Password: "p"}},
		"user's own password": {
			env: env{"ETCDCTL_USERNAME": "u:own", "ETCDCTL_PASSWORD": "p"}, want: etcdv2.Options{Username: "u", Password: "own"},
		},
		"password before env": {
			config: m{"password": "p"}, env: env{"ETCDCTL_USERNAME": "u:other"}, want: etcdv2.Options{Username: "u", Password: "p"},
		},
		"another user's env": {config: m{"username": "u"}, env: env{"ETCDCTL_USERNAME": "v:other"}, want: etcdv2.Options{Username: "u"}},
		"password env": {
			config: m{"username": "u"}, env: env{"ETCDCTL_PASSWORD": "p"}, want: etcdv2.Options{Username: "u", Password: "p"},
		},
		"anonymous on purpose": {config: m{"username": ""}, env: env{"ETCDCTL_USERNAME": "u:p", "ETCDCTL_PASSWORD": "p"}},
		"password env alone":   {env: env{"ETCDCTL_PASSWORD": "p"}},
		"times": {
			config: m{"connect_timeout": "1s", "request_timeout": "1m30s"},
			want:   etcdv2.Options{ConnectTimeout: time.Second, RequestTimeout: 90 * time.Second},
		},
		"retry": {
			config: m{"retry": m{"max_attempts": 2, "min_delay": "1ms", "max_delay": "1s"}},
			want:   etcdv2.Options{Retry: etcdv2.RetryPolicy{MaxAttempts: 2, MinDelay: time.Millisecond, MaxDelay: time.Second}},
		},
		"part of retry": {config: m{"retry": m{"min_delay": "10s"}}, want: etcdv2.Options{Retry: etcdv2.RetryPolicy{MinDelay: 10 * time.Second}}},
		"the rest": {
			config: m{"max_connections": 7, "consistent_reads": false, "expected_cluster_id": "CDF8", "key_prefix": "/team"},
			want:   etcdv2.Options{MaxConnections: 7, NotLinearizable: true, ExpectedClusterID: "cdf8", KeyPrefix: "/team"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, diags := configure(t.Context(), providerConfig(t, test.config), lookupIn(test.env))
			if diags.HasError() {
				t.Fatal(diags)
			}
			want := test.want
			want.SettleTime = etcdv2.SettleTime
			if diff := cmp.Diff(want, got.options); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
			if !got.readAhead {
				t.Error("readAhead = false, want the default")
			}
		})
	}
}

func TestConfigure_errors(t *testing.T) {
	t.Parallel()

	certs := etcdtest.NewCerts(t, "client")
	garbage := filepath.Join(t.TempDir(), "garbage.pem")
	if err := os.WriteFile(garbage, []byte("not PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	cert, key := certs.Client.CertFile, certs.Client.KeyFile
	type m = map[string]any
	type env = map[string]string
	for name, test := range map[string]struct {
		config m
		env    env
		path   string // of the attribute, empty for none
		want   string
	}{
		"endpoint without scheme": {config: m{"endpoints": []string{"127.0.0.1:2379"}}, path: "endpoints[0]", want: "Invalid endpoint"},
		"endpoint of another scheme": {
			config: m{"endpoints": []string{"http://a:1", "ftp://b"}}, path: "endpoints[1]", want: "no scheme http or https",
		},
		"endpoint with API path":     {config: m{"endpoints": []string{"http://a:1/v2/keys/"}}, path: "endpoints[0]", want: "leave out /v2"},
		"endpoint env with API path": {env: env{"ETCDCTL_ENDPOINTS": "http://a:1,http://b/etcd/v2"}, want: "leave out /v2"},
		"endpoint with credentials": {
			config: m{"endpoints": []string{"http://u:hush@a"}}, path: "endpoints[0]", want: "give them as username and password",
		},
		"endpoint env": {env: env{"ETCDCTL_ENDPOINTS": "ftp://b"}, want: "ETCDCTL_ENDPOINTS is not usable"},
		"discovery and endpoints": {
			config: m{"endpoints": []string{"http://a:1"}, "discovery_srv": "x"}, path: "discovery_srv", want: "not both",
		},
		"connect timeout": {config: m{"connect_timeout": "5"}, path: "connect_timeout", want: "write a number with a unit"},
		"request timeout": {config: m{"request_timeout": "-5s"}, path: "request_timeout", want: "not more than zero"},
		"delays in the wrong order": {
			config: m{"retry": m{"min_delay": "2s", "max_delay": "1s"}}, path: "retry.max_delay", want: "shorter than the first",
		},
		"proxy":                       {config: m{"proxy_url": "user:hush@proxy"}, path: "proxy_url", want: "Invalid proxy URL"},
		"cluster id":                  {config: m{"expected_cluster_id": "xyz"}, path: "expected_cluster_id", want: "X-Etcd-Cluster-Id"},
		"key prefix":                  {config: m{"key_prefix": "/team/../other"}, path: "key_prefix", want: `the segment ".."`},
		"username":                    {config: m{"username": "a:b"}, path: "username", want: "cannot contain a colon"},
		"password without a username": {config: m{"password": "hush"}, path: "password", want: "ETCDCTL_USERNAME"},
		"two authorities": {
			config: m{"tls": m{"ca_file": cert, "ca_pem": "x"}}, path: "tls.ca_pem", want: "either ca_file or ca_pem",
		},
		"authority missing":           {config: m{"tls": m{"ca_file": "/nowhere/ca.pem"}}, path: "tls", want: "/nowhere/ca.pem: no such file"},
		"authority env missing":       {env: env{"ETCDCTL_CA_FILE": "/nowhere/ca.pem"}, path: "tls", want: "/nowhere/ca.pem: no such file"},
		"authority not PEM":           {config: m{"tls": m{"ca_file": garbage}}, path: "tls", want: "no certificate in PEM form"},
		"certificate without key":     {config: m{"tls": m{"cert_file": cert}}, path: "tls.cert_file", want: "needs its private key"},
		"certificate env without key": {env: env{"ETCDCTL_CERT_FILE": cert}, want: "ETCDCTL_CERT_FILE is not usable"},
		"key without certificate":     {config: m{"tls": m{"key_file": key}}, path: "tls.key_file", want: "needs its certificate"},
		"certificate not PEM":         {config: m{"tls": m{"cert_file": garbage, "key_file": key}}, path: "tls", want: "cannot be used"},
		"certificate of another key": {
			config: m{"tls": m{"cert_file": certs.Server.CertFile, "key_file": key}}, path: "tls", want: "cannot be used",
		},
		"insecure_skip_verify env": {env: env{"ETCDCTL_INSECURE_SKIP_TLS_VERIFY": "maybe"}, want: "neither true nor false"},
		"two private keys": {
			config: m{"tls": m{"cert_file": cert, "key_file": key, "key_pem": "hush"}}, path: "tls.key_pem", want: "either key_file or key_pem",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, diags := configure(t.Context(), providerConfig(t, test.config), lookupIn(test.env))
			if len(diags.Errors()) != 1 {
				t.Fatalf("diagnostics = %v, want one error", diags)
			}
			got := diags.Errors()[0]
			text := got.Summary() + ": " + got.Detail()
			if !strings.Contains(text, test.want) || strings.Contains(text, "hush") {
				t.Errorf("error = %q, want one with %q and no secret", text, test.want)
			}
			at := ""
			if d, ok := got.(diag.DiagnosticWithPath); ok {
				at = d.Path().String()
			}
			if at != test.path {
				t.Errorf("path = %q, want %q", at, test.path)
			}
		})
	}
}

func TestConfigure_tls(t *testing.T) {
	t.Parallel()

	certs := etcdtest.NewCerts(t, "client")
	read := func(name string) string {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	ca, cert, key := certs.CA.CertFile, certs.Client.CertFile, certs.Client.KeyFile
	type m = map[string]any
	for name, test := range map[string]struct {
		config m
		env    map[string]string
		skip   bool
	}{
		"files": {config: m{"tls": m{"ca_file": ca, "cert_file": cert, "key_file": key, "server_name": "n"}}},
		"text":  {config: m{"tls": m{"ca_pem": read(ca), "cert_pem": read(cert), "key_pem": read(key), "server_name": "n"}}},
		"environment": {
			config: m{"tls": m{"server_name": "n"}}, env: map[string]string{"ETCDCTL_CACERT": ca, "ETCDCTL_CERT": cert, "ETCDCTL_KEY": key},
		},
		"text before files": {
			config: m{"tls": m{"ca_pem": read(ca), "server_name": "n"}},
			env:    map[string]string{"ETCDCTL_CA_FILE": "/nowhere", "ETCDCTL_CERT_FILE": cert, "ETCDCTL_KEY_FILE": key},
		},
		"skip by env": {
			config: m{"tls": m{"ca_file": ca, "cert_file": cert, "key_file": key, "server_name": "n"}},
			env:    map[string]string{"ETCDCTL_INSECURE_SKIP_TLS_VERIFY": "1"}, skip: true,
		},
		"no skip before env": {
			config: m{"tls": m{"ca_file": ca, "cert_file": cert, "key_file": key, "server_name": "n", "insecure_skip_verify": false}},
			env:    map[string]string{"ETCDCTL_INSECURE_SKIP_TLS_VERIFY": "1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, diags := configure(t.Context(), providerConfig(t, test.config), lookupIn(test.env))
			if diags.HasError() {
				t.Fatal(diags)
			}
			c := got.options.TLS
			if c == nil || c.RootCAs == nil || len(c.Certificates) != 1 || c.ServerName != "n" || c.InsecureSkipVerify != test.skip {
				t.Errorf("TLS = %+v, want an authority, a certificate, the name and skip %t", c, test.skip)
			}
		})
	}
}

func TestConfigure_proxy(t *testing.T) {
	t.Parallel()

	got, diags := configure(t.Context(), providerConfig(t, map[string]any{"proxy_url": "http://user:pw@proxy:3128"}), lookupIn(nil))
	if diags.HasError() {
		t.Fatal(diags)
	}
	if u := got.options.ProxyURL; u != "http://user:pw@proxy:3128" {
		t.Errorf("proxy = %q, want the configured URL", u)
	}
}

// An unknown value is accepted until an object needs the client.
func TestConfigure_unknownValues(t *testing.T) {
	t.Parallel()

	d := newDirect(t, map[string]any{"endpoints": unknownValue{}, "tls": map[string]any{"ca_pem": unknownValue{}}, "default_ttl": 60})
	attributes := map[string]any{"key": "/k", "value": "v"}
	plan, _ := d.plan(t, d.none("etcd_key"), attributes)
	if text := errorText(plan.Diagnostics); text != "" {
		t.Fatalf("a plan of a new key fails: %s", text)
	}
	_, errs := d.apply(t, d.none("etcd_key"), attributes)
	for _, want := range []string{"Provider configuration is not known yet", "endpoints", "tls.ca_pem"} {
		if !strings.Contains(errs, want) {
			t.Errorf("errors = %q, want %q in it", errs, want)
		}
	}
}

// Configure sends no request: nothing listens at its endpoint.
func TestConfigure_makesNoRequest(t *testing.T) {
	t.Parallel()

	proxy := etcdtest.NewProxy(t, "http://127.0.0.1:1")
	d := newDirect(t, quickRetry(proxy.URL()))
	if _, total := proxy.Connections(); total != 0 {
		t.Errorf("connections = %d, want 0", total)
	}
	plan, _ := d.plan(t, d.none("etcd_key"), map[string]any{"key": "/k", "value": "v"})
	if len(plan.Diagnostics) > 0 {
		t.Errorf("diagnostics of the plan of a new key = %v, want none", plan.Diagnostics)
	}
}

// `validate` refuses everything that the schema's validators refuse.
func TestProviderSchema_validates(t *testing.T) {
	t.Parallel()

	s := newServer()
	schemas, err := s.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	typ := schemas.Provider.ValueType()
	type m = map[string]any
	for name, test := range map[string]struct {
		config m
		want   string
	}{
		"endpoint":        {m{"endpoints": []string{"nonsense"}}, "Invalid endpoint"},
		"no endpoint":     {m{"endpoints": []string{}}, "at least 1"},
		"discovery too":   {m{"endpoints": []string{"http://a"}, "discovery_srv": "x"}, "discovery_srv"},
		"selection":       {m{"endpoint_selection": "fastest"}, "leader"},
		"default_ttl":     {m{"default_ttl": 0}, "between 1 and 3153600000"},
		"max_connections": {m{"max_connections": 0}, "between 1 and 10000"},
		"max_attempts":    {m{"retry": m{"max_attempts": 0}}, "between 1 and 100"},
		"duration":        {m{"request_timeout": "soon"}, "Invalid duration"},
		"ca_file, ca_pem": {m{"tls": m{"ca_file": "a", "ca_pem": "b"}}, "ca_pem"},
		"unknown is fine": {m{"endpoints": unknownValue{}, "request_timeout": unknownValue{}, "key_prefix": unknownValue{}}, ""},
		"nothing is fine": {m{}, ""},
		"key_prefix":      {m{"key_prefix": "team"}, "Invalid path"},
		"cluster id":      {m{"expected_cluster_id": "0x12"}, "Invalid cluster id"},
		"username":        {m{"username": "a:b"}, "Invalid username"},
		"proxy":           {m{"proxy_url": "proxy:3128"}, "Invalid proxy URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resp, err := s.ValidateProviderConfig(
				t.Context(), &tfprotov6.ValidateProviderConfigRequest{Config: dynamic(t, typ, value(t, typ, test.config))},
			)
			if err != nil {
				t.Fatal(err)
			}
			if got := errorText(resp.Diagnostics); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("errors = %q, want %q", got, test.want)
			}
		})
	}
}

// lookupIn returns a function that looks variables up in a map instead of the environment.
func lookupIn(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := env[name]
		return value, ok
	}
}

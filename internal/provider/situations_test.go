package provider

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// The errors in situations in which a provider does not reach its store, or may not use it. The
// servers are real, except those that answer with a web page.

// situation is a provider block, a read or a write with it, and the expected error.
type situation struct {
	endpoint string
	// attributes are added to the provider block.
	attributes map[string]any
	// key is read; recursive reads everything below it, and write creates it.
	key              string
	recursive, write bool
	// before is read first, without an error.
	before string
	// want are texts of the error in order; nil means no error.
	want []string
}

// check configures a provider and compares the error.
func (s situation) check(t *testing.T) {
	t.Helper()
	got := s.run(t)
	if len(s.want) == 0 && got != "" {
		t.Errorf("error = %q, want none", got)
	}
	rest := got
	for _, want := range s.want {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("the error does not contain %q at its place:\n%s", want, got)
		}
		rest = after
	}
}

func (s situation) run(t *testing.T) string {
	t.Helper()
	attributes := map[string]any{
		"endpoints": []string{s.endpoint}, "request_timeout": "20s", "retry": map[string]any{"max_attempts": 2, "min_delay": "1ms"},
	}
	maps.Copy(attributes, s.attributes)
	d, errs := tryDirect(t, attributes)
	if errs != "" {
		return errs
	}
	if s.before != "" {
		if _, errs := d.read(t, "etcd_key", map[string]any{"key": s.before}); errs != "" {
			t.Fatal(errs)
		}
	}
	switch {
	case s.write:
		_, errs = d.apply(t, d.none("etcd_key"), map[string]any{"key": s.key, "value": "v"})
	case s.recursive:
		_, errs = d.read(t, "etcd_keys", map[string]any{"prefix": s.key})
	default:
		_, errs = d.read(t, "etcd_key", map[string]any{"key": s.key, "default": ""})
	}
	return errs
}

// tryDirect is newDirect for a provider block that may be refused.
func tryDirect(t *testing.T, attributes map[string]any) (d *direct, errs string) {
	t.Helper()
	d = &direct{server: newServer(), attributes: attributes}
	schemas, err := d.server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	d.schemas = schemas
	typ := schemas.Provider.ValueType()
	resp, err := d.server.ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{
		TerraformVersion: "1.16.4", Config: dynamic(t, typ, value(t, typ, attributes)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return d, errorText(resp.Diagnostics)
}

// TestSituations_endpoint has incorrect endpoints.
func TestSituations_endpoint(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	down := etcdtest.NewProxy(t, s.URL())
	down.Refuse()
	stalled := etcdtest.NewTCPProxy(t, s.URL())
	stalled.Stall()
	for name, tt := range map[string]situation{
		"no scheme": {endpoint: s.Addr(), want: []string{
			"Invalid endpoint", s.Addr(), "no scheme", "write http://" + s.Addr(), "https://" + s.Addr() + " if the server uses TLS",
		}},
		"path of the API": {endpoint: s.URL() + "/v2/keys", want: []string{"Invalid endpoint", s.URL() + "/v2/keys", "leave out /v2"}},
		"other path": {endpoint: s.URL() + "/etcd", want: []string{
			"The endpoint has a wrong path", "Unable to read key: /app", "Remove the path in endpoints", s.URL() + "/etcd answered 404",
		}},
		"https to a server without TLS": {endpoint: "https://" + s.Addr(), want: []string{
			"The server does not use TLS", "Unable to read key: /app", "Write http:// in endpoints", "https://" + s.Addr(),
		}},
		"peer port": {endpoint: s.PeerURL(), want: []string{
			"The endpoint is a peer URL", "Unable to read key: /app", "--advertise-client-urls", "port 2379", s.PeerURL(),
		}},
		"nothing listens": {endpoint: down.URL(), want: []string{
			"Unable to read key", "/app", "Nothing accepts connections", "--listen-client-urls", down.URL(), "connection refused",
		}},
		"no answer": {endpoint: stalled.URL(), attributes: map[string]any{"request_timeout": "300ms"}, want: []string{
			"Unable to read key", "/app", "did not answer in time", "request_timeout", "no answer within 300ms",
		}},
		"no such host": {endpoint: "http://etcd.invalid:2379", attributes: map[string]any{"request_timeout": "2s"}, want: []string{
			"Host name cannot be resolved", "Unable to read key: /app", "spelling of the host in endpoints", "etcd.invalid",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.key = "/app"
			tt.check(t)
		})
	}
}

// TestSituations_page has answers of something in front of the server.
func TestSituations_page(t *testing.T) {
	t.Parallel()
	html := http.Header{"Content-Type": {"text/html"}}
	page := "<html><head><title>Sign in</title></head></html>"
	for name, action := range map[string]etcdtest.Action{
		"200": etcdtest.Respond(http.StatusOK, html, page),
		"404": etcdtest.Respond(http.StatusNotFound, html, page),
		"502": etcdtest.Respond(http.StatusBadGateway, html, page),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := etcdtest.NewProxy(t, etcdtest.Shared(t).URL())
			gateway.Inject(etcdtest.Rule{Action: action})
			situation{endpoint: gateway.URL(), key: "/app", want: []string{
				"The endpoint answered with a web page", "Unable to read key: /app", "in place of etcd", "proxy_url", gateway.URL(), "HTML page",
			}}.check(t)
		})
	}
}

// TestSituations_tls has TLS settings that do not match the server.
func TestSituations_tls(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t, etcdtest.WithClientCerts("client"))
	other := s.Certs.OtherCA.Issue(t, "client")
	tls := func(attributes map[string]any) map[string]any {
		for name, file := range map[string]string{
			"ca_file": s.Certs.CA.CertFile, "cert_file": s.Certs.Client.CertFile, "key_file": s.Certs.Client.KeyFile,
		} {
			if _, ok := attributes[name]; !ok {
				attributes[name] = file
			}
		}
		return map[string]any{"tls": attributes}
	}
	onlyCA := map[string]any{"tls": map[string]any{"ca_file": s.Certs.CA.CertFile}}
	for name, tt := range map[string]situation{
		"everything fits": {endpoint: s.URL(), attributes: tls(map[string]any{})},
		"http to a server with TLS": {endpoint: "http://" + s.Addr(), want: []string{
			"The server expects TLS", "Unable to read key: /app", "Write https:// in endpoints", "tls.ca_file", "http://" + s.Addr(),
		}},
		"unknown authority": {endpoint: s.URL(), want: []string{
			"The server's certificate is not trusted", "Unable to read key: /app", "tls.ca_file", "tls.ca_pem", s.URL(), "unknown authority",
		}},
		"other name": {endpoint: s.URL(), attributes: tls(map[string]any{"server_name": "elsewhere"}), want: []string{
			"The server's certificate is for another host", "Unable to read key: /app", "tls.server_name", "valid for localhost, not elsewhere",
		}},
		"no client certificate": {endpoint: s.URL(), attributes: onlyCA, want: []string{
			"The server requires a client certificate", "Unable to read key: /app", "tls.cert_file and tls.key_file", "--trusted-ca-file", s.URL(),
		}},
		"unknown client certificate": {
			endpoint: s.URL(), attributes: tls(map[string]any{"cert_file": other.CertFile, "key_file": other.KeyFile}), want: []string{
				"The server rejects the client certificate", "Unable to read key: /app", "tls.cert_file", "--trusted-ca-file", s.URL(),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.key = "/app"
			tt.check(t)
		})
	}
}

// TestSituations_users has requests that are rejected because of their user.
func TestSituations_users(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t, etcdtest.WithAuth("right"))
	s.JSON(t, http.MethodDelete, "/v2/auth/roles/guest", nil)
	s.JSON(t, http.MethodPut, "/v2/auth/roles/app", map[string]any{
		"role": "app", "permissions": map[string]any{"kv": map[string]any{"read": []string{"/app"}, "write": []string{}}},
	})
	s.JSON(t, http.MethodPut, "/v2/auth/users/anna", map[string]any{"user": "anna", "password": "pw", "roles": []string{"app"}})
	s.Put(t, "/app", "v")
	login := func(name, password string) map[string]any {
		return map[string]any{"username": name, "password": password}
	}
	for name, tt := range map[string]situation{
		"right password": {attributes: login("anna", "pw"), key: "/app"},
		"no credentials": {key: "/app", want: []string{
			"Unable to read key", "/app", "the provider has no credentials", "Set username and password", "ETCDCTL_USERNAME", "role guest",
			"answered 401",
		}},
		"wrong password of root": {attributes: login("root", "wrong"), key: "/app", want: []string{
			"Unable to read key", "/app", `refused the credentials of the user "root"`, "the password is wrong", "ETCDCTL_PASSWORD", "answered 401",
		}},
		"wrong password": {attributes: login("anna", "wrong"), key: "/app", want: []string{
			"Unable to read key", "/app", `refused the credentials of the user "anna"`, "First check username and password",
			"If they are right, no role", "answered 401",
		}},
		"no right to read": {attributes: login("anna", "pw"), before: "/app", key: "/other", want: []string{
			"Unable to read key", "/other", `accepted the credentials of the user "anna"`, "no role of the user permits", "etcd_role_permission",
		}},
		"no right to write": {attributes: login("anna", "pw"), before: "/app", key: "/new", write: true, want: []string{
			"Unable to create key", "/new", `accepted the credentials of the user "anna"`, "no role of the user permits", "write to write or delete",
		}},
		"pattern without *": {attributes: login("anna", "pw"), before: "/app", key: "/app", recursive: true, want: []string{
			"Unable to read keys", "/app", `accepted the credentials of the user "anna"`, "recursive", "pattern that ends in *, such as /app/*",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.endpoint = s.URL()
			tt.check(t)
		})
	}
}

// TestSituations_withoutV2 has a server that serves only the v3 API.
func TestSituations_withoutV2(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t, etcdtest.WithoutV2())
	situation{endpoint: s.URL(), key: "/app", want: []string{
		"The server does not serve the etcd v2 API", "Unable to read key: /app", "--enable-v2", s.URL() + " answered 404",
	}}.check(t)
}

// TestSituations_grpcOnly has a port that serves only HTTP/2, while HTTP is served at another.
func TestSituations_grpcOnly(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	s.Stop(t)
	web := s.Reserve(t, "web")
	s.SetArgs(t, "--listen-client-http-urls", web.URL())
	s.Launch(t)
	eventually(t, "the server serves HTTP at its own port", func() bool {
		_, err := web.Try(t.Context(), etcdtest.Call{Path: "/health"})
		return err == nil
	})
	situation{endpoint: s.URL(), key: "/app", want: []string{
		"The endpoint serves gRPC only", "Unable to read key: /app", "--listen-client-http-urls", s.URL(),
	}}.check(t)
}

// TestSituations_readOnlyProxy has a proxy of etcd that passes on only reads.
func TestSituations_readOnlyProxy(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	proxy := s.Reserve(t, "proxy")
	proxy.PrepareJoin(s.Name + "=" + s.PeerURL())
	proxy.SetArgs(t, "--proxy", "readonly")
	proxy.Launch(t)
	proxy.WaitHealthy(t)
	situation{endpoint: proxy.URL(), key: "/app"}.check(t)
	situation{endpoint: proxy.URL(), key: "/app", write: true, want: []string{
		"The endpoint accepts no writes", "Unable to create key: /app", "--proxy on", proxy.URL() + " answered 501",
	}}.check(t)
}

// TestSituations_cluster has a cluster of three with one member down, and then with two.
func TestSituations_cluster(t *testing.T) {
	t.Parallel()
	c := etcdtest.StartCluster(t, 3)
	followers := c.Followers(t)
	followers[0].Kill(t)
	situation{endpoint: c.URLs()[0], attributes: map[string]any{"endpoints": c.URLs()}, key: "/app"}.check(t)
	situation{endpoint: followers[0].URL(), key: "/app", want: []string{
		"Unable to read key", "/app", "Nothing accepts connections", followers[0].URL(), "connection refused",
	}}.check(t)
	leader := c.Leader(t)
	followers[1].Kill(t)
	eventually(t, "the leader steps down", func() bool {
		return leader.Do(t, etcdtest.Call{Path: "/v2/members/leader"}).Status == http.StatusServiceUnavailable
	})
	d := newDirect(t, map[string]any{"endpoints": []string{leader.URL()}, "retry": map[string]any{"max_attempts": 1}})
	_, errs := d.read(t, "etcd_leader", map[string]any{})
	for _, want := range []string{"The cluster has no leader", "Unable to read the leader", "fewer members than a quorum", leader.URL()} {
		if !strings.Contains(errs, want) {
			t.Errorf("the error does not contain %q:\n%s", want, errs)
		}
	}
}

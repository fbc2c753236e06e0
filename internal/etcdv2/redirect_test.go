package etcdv2

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

func TestClient_redirects(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 307, 308} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			s := etcdtest.Start(t)
			p := etcdtest.NewProxy(t, s.URL())
			c := clusterClient(t, Options{Endpoints: []string{p.URL(), s.URL()}, Username: "u", Password: "p"})
			if _, err := c.Keys.Exists(t.Context(), "/a"); err != nil {
				t.Fatal(err)
			}
			p.Inject(etcdtest.Rule{Method: http.MethodPut, Times: 1, Action: etcdtest.Redirect(status, s.URL()+"/v2/keys/a")})
			if resp, err := c.Keys.Set(t.Context(), "/a", "1", WriteOptions{}); err != nil || !resp.Created {
				t.Errorf("Set() = %+v, %v, want a new key", resp, err)
			}
			// POST stays POST, and a location may be relative.
			p.Inject(etcdtest.Rule{Method: http.MethodPost, Times: 1, Action: etcdtest.Redirect(status, "/v2/keys/queue")})
			if _, err := c.Keys.CreateInOrder(t.Context(), "/queue", "x", WriteOptions{}); err != nil {
				t.Errorf("CreateInOrder() = %v", err)
			}
			if nodes := s.Get(t, "/queue").Node.Nodes; len(nodes) != 1 || nodes[0].Value != "x" {
				t.Errorf("the queue has %+v, want one x", nodes)
			}
		})
	}
}

func setA(ctx context.Context, c *Client) error {
	_, err := c.Keys.Set(ctx, "/a", "1", WriteOptions{})
	return err
}

func TestClient_redirectsThatAreNotFollowed(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	stranger := etcdtest.NewProxy(t, s.URL())
	tests := map[string]struct {
		location string
		call     func(ctx context.Context, c *Client) error
		want     error
	}{
		"in a circle":                  {"/v2/keys/a", setA, ErrTooManyRedirects},
		"without a location":           {"", setA, ErrInvalidAnswer},
		"to no URL":                    {"http://[::1", setA, ErrInvalidAnswer},
		"to another scheme":            {"file:///etc/passwd", setA, ErrInvalidAnswer},
		"a value to a stranger's host": {stranger.URL() + "/v2/keys/a", setA, ErrUnsafeRedirect},
		"to the same host without TLS": {strings.Replace(stranger.URL(), "127.0.0.1", "localhost", 1) + "/v2/keys/a", setA, ErrUnsafeRedirect},
		"a condition to a stranger's host": {stranger.URL() + "/v2/keys/a?prevValue=1", func(ctx context.Context, c *Client) error {
			_, err := c.Keys.CompareAndDelete(ctx, "/a", Condition{Value: "1"})
			return err
		}, ErrUnsafeRedirect},
		"a password to a stranger's host": {stranger.URL() + "/v2/members", func(ctx context.Context, c *Client) error {
			_, err := c.Members.Add(ctx, []string{"http://10.0.0.1:2380"})
			return err
		}, ErrUnsafeRedirect},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := etcdtest.NewProxy(t, s.URL())
			p.Inject(etcdtest.Rule{Action: etcdtest.Redirect(http.StatusTemporaryRedirect, test.location)})
			c := clusterClient(t, Options{Endpoints: []string{p.URL()}})
			err := test.call(t.Context(), c)
			if !errors.Is(err, test.want) || errors.Is(err, ErrOutcomeUnknown) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if n := len(p.Requests()); n > 11 {
				t.Errorf("%d requests were made, want at most 11", n)
			}
		})
	}
	if n := len(stranger.Requests()); n != 0 {
		t.Errorf("the stranger got %d requests, want none", n)
	}
}

func TestClient_redirectsForbidden(t *testing.T) {
	t.Parallel()
	p := etcdtest.NewProxy(t, etcdtest.Start(t).URL())
	p.Inject(etcdtest.Rule{Action: etcdtest.Redirect(http.StatusTemporaryRedirect, "/v2/keys/b")})
	c := clusterClient(t, Options{Endpoints: []string{p.URL()}, MaxRedirects: -1})
	if _, err := c.Keys.Set(t.Context(), "/a", "1", WriteOptions{}); !errors.Is(err, ErrTooManyRedirects) {
		t.Errorf("Set() = %v, want ErrTooManyRedirects", err)
	}
	if n := len(p.Requests()); n != 1 {
		t.Errorf("%d requests were made, want 1", n)
	}
}

// Credentials go only to configured hosts.
func TestClient_redirectToAStrangerCarriesNoCredentials(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	p, stranger := etcdtest.NewProxy(t, s.URL()), etcdtest.NewProxy(t, s.URL())
	p.Inject(etcdtest.Rule{Times: 1, Action: etcdtest.Redirect(http.StatusTemporaryRedirect, stranger.URL()+"/v2/keys/a")})
	c := clusterClient(t, Options{Endpoints: []string{p.URL()}, Username: "u", Password: "p"})
	if found, err := c.Keys.Exists(t.Context(), "/a"); err != nil || found {
		t.Fatal(found, err)
	}
	if got := p.Requests()[0].Header.Get("Authorization"); got == "" {
		t.Error("the configured endpoint got no credentials")
	}
	if got := stranger.Requests()[0].Header.Get("Authorization"); got != "" {
		t.Error("the stranger got credentials")
	}
}

func TestClient_redirectFromHTTPSToHTTP(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t, etcdtest.WithTLS())
	p := etcdtest.NewProxy(t, s.URL(), etcdtest.ProxyTLS(s.Certs))
	p.Inject(etcdtest.Rule{Action: etcdtest.Redirect(http.StatusTemporaryRedirect, "http://"+s.Addr()+"/v2/keys/a")})
	c := clusterClient(t, Options{Endpoints: []string{p.URL()}, TLS: s.Certs.ClientConfig(t)})
	if _, err := c.Keys.Set(t.Context(), "/a", "1", WriteOptions{}); !errors.Is(err, ErrUnsafeRedirect) {
		t.Errorf("Set() = %v, want ErrUnsafeRedirect", err)
	}
	// A read contains no secrets, but a stranger could answer it with anything.
	if _, err := c.Keys.Get(t.Context(), "/a", GetOptions{}); !errors.Is(err, ErrUnsafeRedirect) {
		t.Errorf("Get() = %v, want ErrUnsafeRedirect", err)
	}
}

func TestClient_headerTimeout(t *testing.T) {
	t.Parallel()
	p := etcdtest.NewProxy(t, etcdtest.Start(t).URL())
	p.Inject(etcdtest.Rule{Action: etcdtest.HoldBefore(nil)})
	c := clusterClient(t, Options{
		Endpoints: []string{p.URL()}, HeaderTimeout: 50 * time.Millisecond, RequestTimeout: 10 * time.Second, Retry: RetryPolicy{MaxAttempts: 1},
	})
	_, err := c.Keys.Get(t.Context(), "/a", GetOptions{})
	if err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(p.URL(), "http://")) || !strings.Contains(err.Error(), "no header") {
		t.Errorf("Get() = %v, want an error that names the endpoint and the header", err)
	}
}

func TestClient_proxy(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	var seen []string
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetXForwarded() }}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.URL.Host)
		forward.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	c := clusterClient(t, Options{Endpoints: []string{s.URL()}, ProxyURL: proxy.URL})
	if _, err := c.Keys.Set(t.Context(), "/a", "1", WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 || seen[0] != s.Addr() {
		t.Errorf("the proxy was asked for %q, want %s", seen, s.Addr())
	}
}

// environmentHelper makes TestClient_proxyOfTheEnvironment send a write: a process reads the
// proxy variables only once.
const environmentHelper = "ETCDV2_ENVIRONMENT_HELPER"

func TestClient_proxyOfTheEnvironment(t *testing.T) {
	t.Parallel()
	if os.Getenv(environmentHelper) != "" {
		c := clusterClient(t, Options{Endpoints: []string{"http://etcd.invalid:2379"}})
		if _, err := c.Keys.Set(t.Context(), "/a", "1", WriteOptions{}); err != nil {
			t.Error(err)
		}
		return
	}
	s := etcdtest.Start(t)
	var asked atomic.Pointer[string]
	target, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(&r.URL.Host)
		forward.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), environmentHelper+"=1", "HTTP_PROXY="+proxy.URL, "NO_PROXY=", "no_proxy=")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("with HTTP_PROXY: %v\n%s", err, output)
	}
	if host := asked.Load(); host == nil || *host != "etcd.invalid:2379" || s.Get(t, "/a").Node.Value != "1" {
		t.Errorf("the proxy was asked for %v, and the key is %+v", host, s.Get(t, "/a").Node)
	}
}

// TestClient_gatewayPath uses every API of a server through a gateway that serves it below a
// path.
func TestClient_gatewayPath(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	target, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	const mount = "/gate way/etcd"
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	gateway := httptest.NewServer(http.StripPrefix(mount, forward))
	defer gateway.Close()
	c := clusterClient(t, Options{Endpoints: []string{gateway.URL + "/gate%20way/etcd/"}})
	ctx := t.Context()
	_, setErr := c.Keys.Set(ctx, "/a b", "1", WriteOptions{})
	_, usersErr := c.Users.List(ctx)
	_, membersErr := c.Members.List(ctx)
	_, statsErr := c.Stats.Self(ctx)
	_, versionErr := c.Version(ctx)
	if err := errors.Join(setErr, usersErr, membersErr, statsErr, versionErr); err != nil {
		t.Error(err)
	}
	if got := s.Get(t, "/a b").Node.Value; got != "1" {
		t.Errorf("the value on the server is %q, want 1", got)
	}
}

// TestClient_maxConnections makes three requests at a time: three connections are enough, no
// matter how often.
func TestClient_maxConnections(t *testing.T) {
	t.Parallel()
	const most, rounds, tooMany = 3, 8, 12
	p := etcdtest.NewProxy(t, etcdtest.Start(t).URL())
	c := clusterClient(t, Options{Endpoints: []string{p.URL()}, MaxConnections: most})
	get := func() {
		if _, err := c.Keys.Exists(t.Context(), "/a"); err != nil {
			t.Error(err)
		}
	}
	for range rounds {
		// Each round is answered when all its requests have arrived.
		var arrived, asked sync.WaitGroup
		arrived.Add(most)
		p.Inject(etcdtest.Rule{Times: most, Action: etcdtest.Intercept(func(etcdtest.Request) {
			arrived.Done()
			arrived.Wait()
		})})
		for range most {
			asked.Go(get)
		}
		asked.Wait()
	}
	if _, total := p.Connections(); total != most {
		t.Errorf("%d rounds of %d requests used %d connections, want %d", rounds, most, total, most)
	}
	p.Inject(etcdtest.Rule{Action: etcdtest.Delay(20*time.Millisecond, 0)})
	var asked sync.WaitGroup
	for range tooMany {
		asked.Go(get)
	}
	asked.Wait()
	if _, total := p.Connections(); total != most {
		t.Errorf("%d concurrent requests used %d connections, want %d", tooMany, total, most)
	}
}

func TestClient_errorNamesEachEndpoint(t *testing.T) {
	t.Parallel()
	dead := etcdtest.Start(t).Reserve(t, "dead").URL()
	c := clusterClient(t, Options{
		Endpoints: []string{dead, "http://no-such-host.invalid:2379"}, Retry: RetryPolicy{MaxAttempts: 1},
		Password: "secret-password", Username: "u",
	})
	_, err := c.Keys.Set(t.Context(), "/a", "secret-value", WriteOptions{})
	var all *EndpointsError
	if !errors.Is(err, ErrUnavailable) || !errors.As(err, &all) || len(all.Errors) != 2 {
		t.Fatalf("Set() = %v, want an EndpointsError of two", err)
	}
	if _, ok := errors.AsType[*net.DNSError](err); !ok {
		t.Errorf("Set() = %v, want the errors of each endpoint in it", err)
	}
	for _, want := range []string{dead, "no-such-host.invalid"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Set() = %v, want it to name %s", err, want)
		}
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("Set() = %v, which contains a secret", err)
	}
}

func TestExchange_Curl(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	stranger := etcdtest.NewProxy(t, s.URL())
	var exchanges []Exchange
	c := clusterClient(t, Options{
		Endpoints: []string{s.URL()}, Username: "u", Password: "secret-password",
		Trace: func(e Exchange) { exchanges = append(exchanges, e) },
	})
	ctx := t.Context()
	if _, err := c.Keys.Set(ctx, "/it's", "secret-value", WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Keys.CompareAndDelete(ctx, "/it's", Condition{Value: "secret-value"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.do(
		ctx, &request{method: http.MethodPut, path: "/v2/auth/users/alice", json: []byte(`{"user":"alice","password":"secret-pw"}`)},
	); err != nil {
		t.Fatal(err)
	}
	u, err := ParseEndpoint(stranger.URL())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.do(ctx, &request{method: http.MethodGet, path: "/version", replay: replayRead, endpoint: u}); err != nil {
		t.Fatal(err)
	}
	want := []string{
		`curl -X PUT -u 'xxxxx:xxxxx' -H 'Content-Type: application/x-www-form-urlencoded' -d 'value=xxxxx' '` + s.URL() + `/v2/keys/it%27s'`,
		`curl -X DELETE -u 'xxxxx:xxxxx' '` + s.URL() + `/v2/keys/it%27s?prevValue=xxxxx'`,
		`curl -X PUT -u 'xxxxx:xxxxx' -H 'Content-Type: application/json' -d '{"password":"xxxxx","user":"alice"}' '` + s.URL() +
			`/v2/auth/users/alice'`,
		`curl -X GET '` + stranger.URL() + `/version'`,
	}
	for i, e := range exchanges {
		if i >= len(want) || e.Curl() != want[i] {
			t.Errorf("Curl() = %s\nwant %s", e.Curl(), want[min(i, len(want)-1)])
		}
		if e.Status < 200 || e.Status > 299 || e.Duration <= 0 {
			t.Errorf("Exchange = %+v, want a status and a duration", e)
		}
	}
	if len(exchanges) != len(want) {
		t.Errorf("%d exchanges were traced, want %d", len(exchanges), len(want))
	}
}

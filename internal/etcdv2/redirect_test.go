package etcdv2

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
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
			c := clusterClient(t, Options{Endpoints: []string{p.URL()}, Username: "u", Password: "p"})
			p.Inject(etcdtest.Rule{Method: http.MethodPut, Times: 1, Action: etcdtest.Redirect(status, s.URL()+"/v2/keys/a")})
			if resp, err := c.Keys.Set(t.Context(), "/a", "1", WriteOptions{}); err != nil || !resp.Created {
				t.Errorf("Set() = %+v, %v, want a new key", resp, err)
			}
			// POST stays POST, and a location can be relative.
			p.Inject(etcdtest.Rule{Method: http.MethodPost, Times: 1, Action: etcdtest.Redirect(status, "/v2/keys/queue")})
			if _, err := c.Keys.CreateInOrder(t.Context(), "/queue", "x", WriteOptions{}); err != nil {
				t.Errorf("CreateInOrder() = %v", err)
			}
			if nodes := s.Get(t, "/queue").Node.Nodes; len(nodes) != 1 || nodes[0].Value != "x" {
				t.Errorf("the queue holds %+v, want one x", nodes)
			}
		})
	}
}

func TestClient_redirectsThatAreNotFollowed(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	stranger := etcdtest.NewProxy(t, s.URL())
	tests := map[string]struct {
		location string
		json     bool
		want     error
	}{
		"in a circle":                     {"/v2/keys/a", false, ErrTooManyRedirects},
		"without a location":              {"", false, ErrInvalidAnswer},
		"to no URL":                       {"http://[::1", false, ErrInvalidAnswer},
		"to another scheme":               {"file:///etc/passwd", false, ErrInvalidAnswer},
		"a password to a stranger's host": {stranger.URL() + "/v2/members", true, ErrUnsafeRedirect},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := etcdtest.NewProxy(t, s.URL())
			p.Inject(etcdtest.Rule{Action: etcdtest.Redirect(http.StatusTemporaryRedirect, test.location)})
			c := clusterClient(t, Options{Endpoints: []string{p.URL()}})
			var err error
			if test.json {
				_, err = c.Members.Add(t.Context(), []string{"http://10.0.0.1:2380"})
			} else {
				_, err = c.Keys.Set(t.Context(), "/a", "1", WriteOptions{})
			}
			if !errors.Is(err, test.want) || errors.Is(err, ErrOutcomeUnknown) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if n := len(p.Requests()); n > 11 {
				t.Errorf("%d requests were made, want 11 at the most", n)
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

// Credentials go to hosts that were configured and to no other.
func TestClient_redirectToAStrangerCarriesNoCredentials(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	p, stranger := etcdtest.NewProxy(t, s.URL()), etcdtest.NewProxy(t, s.URL())
	p.Inject(etcdtest.Rule{Times: 1, Action: etcdtest.Redirect(http.StatusTemporaryRedirect, stranger.URL()+"/v2/keys/a")})
	c := clusterClient(t, Options{Endpoints: []string{p.URL()}, Username: "u", Password: "p"})
	if _, err := c.Keys.Set(t.Context(), "/a", "1", WriteOptions{}); err != nil {
		t.Fatal(err)
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
}

func TestClient_headerTimeout(t *testing.T) {
	t.Parallel()
	p := etcdtest.NewProxy(t, etcdtest.Start(t).URL())
	p.Inject(etcdtest.Rule{Action: etcdtest.HoldBefore(nil)})
	c := clusterClient(t, Options{
		Endpoints: []string{p.URL()}, HeaderTimeout: 50 * time.Millisecond, Retry: RetryPolicy{MaxAttempts: 1},
	})
	start := time.Now()
	_, err := c.Keys.Get(t.Context(), "/a", GetOptions{})
	if err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(p.URL(), "http://")) || !strings.Contains(err.Error(), "no header") {
		t.Errorf("Get() = %v, want an error that names the endpoint and the header", err)
	}
	if elapsed := time.Since(start); elapsed > 3*time.Second {
		t.Errorf("Get() took %s", elapsed)
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
	proxyURL, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := clusterClient(t, Options{Endpoints: []string{s.URL()}, Proxy: http.ProxyURL(proxyURL)})
	if _, err := c.Keys.Set(t.Context(), "/a", "1", WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 || seen[0] != s.Addr() {
		t.Errorf("the proxy was asked for %q, want %s", seen, s.Addr())
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
		t.Errorf("Set() = %v, which holds a secret", err)
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
	if _, err := c.do(ctx, &request{method: http.MethodPut, path: "/v2/auth/users/alice", json: []byte(`{"user":"alice","password":"secret-pw"}`)}); err != nil {
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
		`curl -X PUT -u 'xxxxx:xxxxx' -H 'Content-Type: application/json' -d '{"password":"xxxxx","user":"alice"}' '` + s.URL() + `/v2/auth/users/alice'`,
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

package etcdv2

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/pause"
)

func TestClient_Sync(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	ctx := t.Context()
	n1, n2, n3 := cluster.Servers[0], cluster.Servers[1], cluster.Servers[2]
	n3.Kill(t)

	c := clusterClient(t, Options{Endpoints: []string{n2.URL()}, Username: "u", Password: "p"})
	if err := c.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	want := []string{n2.URL(), n1.URL(), n3.URL()}
	if diff := cmp.Diff(want, c.Endpoints()); diff != "" {
		t.Fatalf("Endpoints() after Sync (-want +got)\n%s", diff)
	}
	assertTrusted(t, c, n1.URL(), true)
	assertTrusted(t, c, n3.URL(), false)

	// A member that comes back proves its identity before it gets any request.
	n3.Restart(t)
	health, err := c.HealthAll(ctx)
	if err != nil || slices.ContainsFunc(health, func(r EndpointResult[HealthInfo]) bool { return r.Err != nil }) {
		t.Errorf("HealthAll() = %+v, %v, want three answers", health, err)
	}
	assertTrusted(t, c, n3.URL(), true)

	// The same set keeps the endpoint that answered last.
	if err := c.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if got := c.Endpoints()[0]; got != n2.URL() {
		t.Errorf("the first endpoint after another Sync is %s, want %s", got, n2.URL())
	}
	// The client works on after its configured endpoint has gone.
	n2.Kill(t)
	eventually(t, func() error {
		_, err := c.Keys.Set(ctx, "/a", "1", WriteOptions{})
		return err
	})
}

func assertTrusted(t *testing.T, c *Client, endpoint string, want bool) {
	t.Helper()
	u, err := ParseEndpoint(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.endpoints.trusts(u); got != want {
		t.Errorf("trusts(%s) = %v, want %v", endpoint, got, want)
	}
}

// A member can advertise anything. URLs that do not lead to the member are not used, and URLs
// that lead nowhere do not cut the client off.
func TestClient_Sync_unusableURLs(t *testing.T) {
	t.Parallel()
	other := etcdtest.Start(t)
	nowhere := etcdtest.Start(t).Reserve(t, "nowhere")
	trap := etcdtest.NewProxy(t, other.URL())
	for name, advertised := range map[string]string{
		"another server":     trap.URL(),
		"address to listen":  "http://0.0.0.0:2379",
		"nobody":             nowhere.URL(),
		"a host without DNS": "http://no-such-host.invalid:2379",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := etcdtest.Start(t, etcdtest.WithArgs("--advertise-client-urls", advertised))
			c := clusterClient(t, Options{Endpoints: []string{s.URL()}, Username: "u", Password: "p", DiscoverMembers: true})
			if _, err := c.Keys.Set(t.Context(), "/a", "1", WriteOptions{}); err != nil {
				t.Fatal(err)
			}
			if err := c.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{s.URL()}, c.Endpoints()); diff != "" {
				t.Errorf("Endpoints() (-want +got)\n%s", diff)
			}
			if got := s.Get(t, "/a").Node.Value; got != "1" {
				t.Errorf("the value on the server is %q, want 1", got)
			}
			assertTrusted(t, c, advertised, false)
			for _, r := range trap.Requests() {
				if r.Header.Get("Authorization") != "" || r.Method != http.MethodGet {
					t.Errorf("the other server got %s %s with Authorization %q", r.Method, r.Path, r.Header.Get("Authorization"))
				}
			}
		})
	}
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		source, advertised string
		want               bool
	}{
		"same scheme":                    {"http://10.0.0.1:2379", "http://10.0.0.2:2379", true},
		"to https":                       {"http://10.0.0.1:2379", "https://10.0.0.2:2379", true},
		"from https to http":             {"https://10.0.0.1:2379", "http://10.0.0.2:2379", false},
		"localhost of another machine":   {"http://10.0.0.1:2379", "http://localhost:2379", false},
		"127.0.0.1 of another machine":   {"http://10.0.0.1:2379", "http://127.0.0.1:2379", false},
		"IPv6 loopback of another":       {"http://10.0.0.1:2379", "http://[::1]:2379", false},
		"localhost with dot of another":  {"http://10.0.0.1:2379", "http://LOCALHOST.:2379", false},
		"localhost of this machine":      {"http://127.0.0.1:2379", "http://localhost:2379", true},
		"IPv4 address to listen on":      {"http://127.0.0.1:2379", "http://0.0.0.0:2379", false},
		"IPv6 address to listen on":      {"http://127.0.0.1:2379", "http://[::]:2379", false},
		"no URL":                         {"http://127.0.0.1:2379", "127.0.0.1:2379", false},
		"credentials":                    {"http://127.0.0.1:2379", "http://a:b@127.0.0.1:2379", false},
		"a socket":                       {"http://127.0.0.1:2379", "unix://n1", false},
		"a name below localhost, remote": {"http://10.0.0.1:2379", "http://n1.localhost:2379", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, err := url.Parse(test.source)
			if err != nil {
				t.Fatal(err)
			}
			found := candidates(source, []Member{{ID: "1", ClientURLs: []string{test.advertised, test.advertised}}})
			if got := len(found) == 1; got != test.want || len(found) > 1 {
				t.Errorf("candidates() = %v, want %v", found, test.want)
			}
		})
	}
}

func TestClient_AutoSync(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	n2 := s.Reserve(t, "n2")
	c := clusterClient(t, Options{
		Endpoints: []string{s.URL()},
		Wait:      func(ctx context.Context, _ time.Duration) error { return pause.For(ctx, 20*time.Millisecond) },
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.AutoSync(ctx, time.Minute) }()
	s.JSON(t, http.MethodPost, "/v2/members", map[string]any{"peerURLs": []string{n2.PeerURL()}})
	n2.Join(t, "n1="+s.PeerURL()+",n2="+n2.PeerURL())
	eventually(t, func() error {
		if !slices.Contains(c.Endpoints(), n2.URL()) {
			return errors.New("the new member is not an endpoint")
		}
		return nil
	})
	cancel()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("AutoSync() = %v, want the context's error", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("AutoSync() did not end with its context")
	}
	if err := c.AutoSync(t.Context(), 0); err == nil {
		t.Error("AutoSync() without an interval = nil, want an error")
	}
	if !s.Version().AtLeast(3, 3) {
		return // It always serves the v2 API.
	}
	none := clusterClient(t, Options{Endpoints: []string{etcdtest.Start(t, etcdtest.WithoutV2()).URL()}})
	ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := none.AutoSync(ctx, time.Minute); !errors.Is(err, ErrV2Disabled) {
		t.Errorf("AutoSync() of a server without v2 = %v, want ErrV2Disabled", err)
	}
}

// TestClient_AutoSync_noAnswer checks that AutoSync survives an election, during which a server
// answers with an empty body for longer than a request is repeated.
func TestClient_AutoSync_noAnswer(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	proxy.Inject(etcdtest.Rule{Path: "/v2/stats/self", Times: 30, Action: etcdtest.Respond(http.StatusOK, nil, "")})
	c := clusterClient(t, Options{
		Endpoints: []string{proxy.URL()},
		Wait:      func(ctx context.Context, _ time.Duration) error { return pause.For(ctx, time.Millisecond) },
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.AutoSync(ctx, time.Minute) }()
	eventually(t, func() error {
		select {
		case err := <-done:
			t.Fatalf("AutoSync() = %v, want it to continue", err)
		default:
		}
		if !slices.Contains(c.Endpoints(), s.URL()) {
			return errors.New("the member is not an endpoint")
		}
		return nil
	})
}

func TestClient_SetEndpoints(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	c := clusterClient(t, Options{Endpoints: []string{"http://a.invalid:1", s.URL()}, Username: "u", Password: "p"})
	if _, err := c.Keys.Exists(t.Context(), "/a"); err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]string{nil, {"http://b:2379", "127.0.0.1:2379"}, {"http://u:p@b:2379"}} {
		if err := c.SetEndpoints(bad); err == nil {
			t.Errorf("SetEndpoints(%q) = nil, want an error", bad)
		}
	}
	if err := c.SetEndpoints([]string{"http://c:1", "http://b:2", s.URL()}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{s.URL(), "http://c:1", "http://b:2"}, c.Endpoints()); diff != "" {
		t.Errorf("Endpoints() (-want +got)\n%s", diff)
	}
	assertTrusted(t, c, "http://a.invalid:1", false)
	assertTrusted(t, c, "http://b:2", true)
	assertTrusted(t, c, "https://b:2", false)
	assertTrusted(t, c, "http://b:3", false)

	// Behind one gateway, the path selects the server.
	if err := c.SetEndpoints([]string{"http://gw/a", "http://GW:80/b/", "http://gw/a/", "http://gw/b"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"http://gw/a", "http://GW:80/b/"}, c.Endpoints()); diff != "" {
		t.Errorf("Endpoints() (-want +got)\n%s", diff)
	}
	if err := c.SetEndpoints([]string{"http://gw/c"}); err != nil || !slices.Equal(c.Endpoints(), []string{"http://gw/c"}) {
		t.Errorf("Endpoints() = %q, %v, want only the new path", c.Endpoints(), err)
	}
}

func TestClient_leaderFirst(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	ctx := t.Context()
	// The leader is the last endpoint, so that trying the next one does not find it.
	var endpoints []string
	for _, s := range append(cluster.Followers(t), cluster.Leader(t)) {
		endpoints = append(endpoints, s.URL())
	}
	c := clusterClient(t, Options{Endpoints: endpoints, Selection: SelectLeader, RequestTimeout: 10 * time.Second})
	atLeader := func() error {
		if _, err := c.Keys.Set(ctx, "/a", "1", WriteOptions{}); err != nil {
			return err
		}
		leader := cluster.Leader(t) //nolint:contextcheck // it uses the context of the test
		if got, want := c.Endpoints()[0], leader.URL(); got != want {
			return errors.New("the first endpoint is " + got + ", want the leader's " + want)
		}
		return nil
	}
	if err := atLeader(); err != nil {
		t.Fatal(err)
	}
	old := cluster.Leader(t)
	old.Kill(t)
	eventually(t, atLeader)
	old.Restart(t)
	eventually(t, atLeader)
}

func TestEndpointSet_leaderIsAskedForAfterAnElection(t *testing.T) {
	t.Parallel()
	s, err := newEndpointSet([]string{"http://a:1", "http://b:1"}, SelectLeader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	if !s.leaderWanted(now) || s.leaderWanted(now) {
		t.Error("the leader was never looked up")
	}
	s.pinLeader([]string{"http://B:1"})
	if got := s.strings()[0]; got != "http://b:1" {
		t.Errorf("the first endpoint is %s, want http://b:1", got)
	}
	b := s.order()[0]
	for _, step := range []struct {
		term uint64
		want bool
	}{{5, false}, {5, false}, {0, false}, {6, true}} {
		s.pin(b, &answer{Meta: Meta{RaftTerm: step.term}})
		if got := s.leaderWanted(now); got != step.want {
			t.Errorf("after an answer of term %d leaderWanted() = %v, want %v", step.term, got, step.want)
		}
	}
}

// TestClient_checkClaim checks the reason why an endpoint does not count as the member that
// advertises it.
func TestClient_checkClaim(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	for name, test := range map[string]struct {
		answer etcdtest.Action
		want   error
		text   string
	}{
		"another member": {want: ErrClusterMismatch, text: "is not member 1"},
		"no leader":      {answer: etcdtest.Respond(http.StatusServiceUnavailable, nil, ""), text: "answered 503"},
		"no v2":          {answer: etcdtest.Respond(http.StatusNotFound, nil, "404 page not found\n"), want: ErrV2Disabled},
		"a page":         {answer: etcdtest.Respond(http.StatusOK, nil, "<html>"), want: ErrInvalidAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := etcdtest.NewProxy(t, s.URL())
			if test.answer != nil {
				proxy.Inject(etcdtest.Rule{Path: "/v2/stats/self", Action: test.answer})
			}
			c := clusterClient(t, Options{Endpoints: []string{proxy.URL()}})
			endpoint := c.endpoints.order()[0]
			c.endpoints.advertised = map[string]string{location(endpoint): "1"}
			_, err := c.proveMember(t.Context(), endpoint)
			if test.want != nil && !errors.Is(err, test.want) || !strings.Contains(fmt.Sprint(err), test.text) {
				t.Errorf("proveMember() = %v, want %v, with %q", err, test.want, test.text)
			}
			if test.answer != nil && errors.Is(err, ErrClusterMismatch) {
				t.Errorf("proveMember() = %v, want no ErrClusterMismatch", err)
			}
		})
	}
}

func TestClient_expectedClusterID(t *testing.T) {
	t.Parallel()
	s, other := etcdtest.Start(t), etcdtest.Start(t)
	id := s.Get(t, "/").Header.Get("X-Etcd-Cluster-Id")
	p := etcdtest.NewProxy(t, other.URL())
	c := clusterClient(t, Options{Endpoints: []string{p.URL()}, ExpectedClusterID: id})
	if _, err := c.Keys.Set(t.Context(), "/a", "1", WriteOptions{}); !errors.Is(err, ErrClusterMismatch) {
		t.Errorf("Set() on another cluster = %v, want ErrClusterMismatch", err)
	}
	if n := p.Count(http.MethodPut, ""); n != 0 {
		t.Errorf("%d writes were sent to the other cluster", n)
	}
	// An endpoint of another cluster is skipped.
	if err := c.SetEndpoints([]string{p.URL(), s.URL()}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Keys.Set(t.Context(), "/a", "1", WriteOptions{}); err != nil {
		t.Errorf("Set() = %v", err)
	}
	if got := s.Get(t, "/a").Node.Value; got != "1" {
		t.Errorf("the value on the server is %q, want 1", got)
	}
}

// TestClient_expectedClusterID_asked checks that the request for the cluster id is treated like
// any other: it follows a redirect, and is traced.
func TestClient_expectedClusterID_asked(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	id := s.Get(t, "/").Header.Get("X-Etcd-Cluster-Id")
	p := etcdtest.NewProxy(t, s.URL())
	p.Inject(etcdtest.Rule{Path: "/v2/members", Action: etcdtest.Redirect(http.StatusTemporaryRedirect, s.URL()+"/v2/members")})
	for want, expected := range map[string]string{"": id, ErrClusterMismatch.Error(): "1" + id[1:] + "0"} {
		var asked []string
		c := clusterClient(t, Options{Endpoints: []string{p.URL()}, ExpectedClusterID: expected, Trace: func(e Exchange) {
			asked = append(asked, fmt.Sprintf("%d %s", e.Status, strings.TrimPrefix(e.URL, s.URL())))
		}})
		_, err := c.Keys.Get(t.Context(), "/", GetOptions{})
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) {
			t.Errorf("Get() error = %v, want %q", err, want)
		}
		if want := []string{"307 " + p.URL() + "/v2/members", "200 /v2/members"}; len(asked) < 2 || !slices.Equal(asked[:2], want) {
			t.Errorf("the exchanges are %q, want %q first", asked, want)
		}
	}
}

// A server whose statistics are empty for the moment, until the time for the question ends, may
// still be the member.
func TestClient_probeOne_emptyStats(t *testing.T) {
	t.Parallel()
	proxy := etcdtest.NewProxy(t, etcdtest.Start(t).URL())
	proxy.Inject(etcdtest.Rule{Path: "/v2/stats/self", Action: etcdtest.Respond(200, nil, "")})
	c := clusterClient(t, Options{Endpoints: []string{proxy.URL()}})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, state, err := c.probeOne(ctx, c.endpoints.order()[0], "1"); state != probeSilent || !errors.Is(err, ErrInvalidAnswer) {
		t.Errorf("probeOne() = %v, %v, want %v and %v", state, err, probeSilent, ErrInvalidAnswer)
	}
}

package etcdv2

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/pause"
)

// clusterClient returns a client for these endpoints that gives up early.
func clusterClient(t *testing.T, o Options) *Client {
	t.Helper()
	setDefault(&o.RequestTimeout, 5*time.Second)
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// eventually calls check until it returns nil, for a minute at most.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		err := check()
		if err == nil {
			return
		}
		if pause.For(ctx, 50*time.Millisecond) != nil {
			t.Fatal(err)
		}
	}
}

// retryUntilReady repeats a change of the members for as long as it is refused.
func retryUntilReady(t *testing.T, change func() error) {
	t.Helper()
	eventually(t, func() error {
		err := change()
		if err != nil && !errors.Is(err, ErrUnhealthy) {
			t.Fatal(err)
		}
		return err
	})
}

func TestCheckPeerURLs(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		urls []string
		want string
	}{
		"none":                  {nil, "at least one"},
		"one":                   {[]string{"http://10.0.0.1:2380"}, ""},
		"two":                   {[]string{"http://10.0.0.1:2380", "https://n1.example.com:2380"}, ""},
		"IPv6":                  {[]string{"http://[::1]:2380"}, ""},
		"socket":                {[]string{"unix://localhost:23800"}, ""},
		"no port":               {[]string{"http://10.0.0.1"}, "host:port"},
		"empty port":            {[]string{"http://10.0.0.1:"}, "host:port"},
		"port too large":        {[]string{"http://10.0.0.1:99999"}, "between 1 and 65535"},
		"port of zero":          {[]string{"http://10.0.0.1:0"}, "between 1 and 65535"},
		"no host":               {[]string{"http://:2380"}, "host:port"},
		"no scheme":             {[]string{"10.0.0.1:2380"}, "URL"},
		"other scheme":          {[]string{"ftp://10.0.0.1:2380"}, "scheme"},
		"trailing slash":        {[]string{"http://10.0.0.1:2380/"}, "trailing slash"},
		"path":                  {[]string{"http://10.0.0.1:2380/raft"}, "path"},
		"query":                 {[]string{"http://10.0.0.1:2380?a=b"}, "more than"},
		"credentials":           {[]string{"http://u:p@10.0.0.1:2380"}, "more than"},
		"twice":                 {[]string{"http://a:1", "http://a:1"}, "twice"},
		"space around":          {[]string{" http://a:1"}, "not a URL"},
		"second one is invalid": {[]string{"http://a:1", "http://b"}, `"http://b"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := CheckPeerURLs(test.urls)
			if test.want == "" {
				if err != nil {
					t.Errorf("CheckPeerURLs() = %v, want no error", err)
				}
				return
			}
			if !errors.Is(err, ErrInvalidMember) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("CheckPeerURLs() = %v, want ErrInvalidMember with %q", err, test.want)
			}
		})
	}
}

func TestMembersService_refusesLocally(t *testing.T) {
	t.Parallel()
	p := etcdtest.NewProxy(t, etcdtest.Start(t).URL())
	c := clusterClient(t, Options{Endpoints: []string{p.URL()}})
	_, addErr := c.Members.Add(t.Context(), []string{"http://10.0.0.1:2380/"})
	_, getErr := c.Members.Get(t.Context(), "../auth/enable")
	for name, err := range map[string]error{
		"Add":    addErr,
		"Get":    getErr,
		"Update": c.Members.Update(t.Context(), "1", nil),
		"id":     c.Members.Update(t.Context(), "", []string{"http://10.0.0.1:2380"}),
		"Remove": c.Members.Remove(t.Context(), "no-hex"),
	} {
		if !errors.Is(err, ErrInvalidMember) {
			t.Errorf("%s = %v, want ErrInvalidMember", name, err)
		}
	}
	if n := len(p.Requests()); n != 0 {
		t.Errorf("%d requests were made, want 0", n)
	}
}

func TestMembersService_lifecycle(t *testing.T) {
	t.Parallel()
	// With the timers of a cluster, because it becomes one.
	s := etcdtest.Start(t, etcdtest.WithTimers(50*time.Millisecond, 500*time.Millisecond))
	c := clusterClient(t, Options{Endpoints: []string{s.URL()}, RequestTimeout: 15 * time.Second})
	ctx := t.Context()
	n2 := s.Reserve(t, "n2")
	spare := s.Reserve(t, "spare").PeerURL()

	added, err := c.Members.Add(ctx, []string{n2.PeerURL(), spare})
	if err != nil {
		t.Fatal(err)
	}
	wantURLs := []string{n2.PeerURL(), spare}
	slices.Sort(wantURLs)
	if diff := cmp.Diff(wantURLs, added.PeerURLs); diff != "" {
		t.Errorf("Add() peer URLs (-want +got)\n%s", diff)
	}
	got, err := c.Members.Get(ctx, strings.ToUpper(added.ID))
	if err != nil || got.Started() || got.ID != added.ID {
		t.Errorf("Get() = %+v, %v, want member %s, not started", got, err, added.ID)
	}

	n2.Join(t, "n1="+s.PeerURL()+",n2="+n2.PeerURL()+",n2="+spare)
	eventually(t, func() error {
		if got, err := c.Members.Get(ctx, added.ID); err != nil || !got.Started() {
			return errors.Join(errors.New("the new member has not started"), err)
		}
		return nil
	})
	if members, err := c.Members.ListLinearizable(ctx); err != nil || len(members) != 2 {
		t.Errorf("ListLinearizable() = %v, %v, want 2 members", members, err)
	}
	if machines, err := c.Machines(ctx); err != nil || !slices.Contains(machines, n2.URL()) {
		t.Errorf("Machines() = %q, %v, want one to be %s", machines, err, n2.URL())
	}

	if err := c.Members.Update(ctx, added.ID, []string{s.PeerURL()}); !errors.Is(err, ErrExists) {
		t.Errorf("Update() to a taken URL = %v, want ErrExists", err)
	}
	if err := c.Members.Update(ctx, "abc", []string{spare}); !errors.Is(err, ErrNotFound) || errors.Is(err, ErrMemberRemoved) {
		t.Errorf("Update() of an absent member = %v, want ErrNotFound", err)
	}
	if err := c.Members.Update(ctx, added.ID, []string{n2.PeerURL()}); err != nil {
		t.Errorf("Update() = %v", err)
	}
	if got, err := c.Members.Get(ctx, added.ID); err != nil || !slices.Equal(got.PeerURLs, []string{n2.PeerURL()}) {
		t.Errorf("Get() after Update = %+v, %v", got, err)
	}
	if err := c.Members.Remove(ctx, "abc"); !errors.Is(err, ErrNotFound) || errors.Is(err, ErrMemberRemoved) {
		t.Errorf("Remove() of an absent member = %v, want ErrNotFound", err)
	}
	retryUntilReady(t, func() error { return c.Members.Remove(ctx, added.ID) })
	if code := n2.WaitExit(t); code != 0 {
		t.Errorf("the removed process ended with %d, want 0", code)
	}
	if err := c.Members.Remove(ctx, added.ID); !errors.Is(err, ErrMemberRemoved) || errors.Is(err, ErrNotFound) {
		t.Errorf("Remove() again = %v, want ErrMemberRemoved", err)
	}
	if err := c.Members.Update(ctx, added.ID, []string{spare}); !errors.Is(err, ErrMemberRemoved) {
		t.Errorf("Update() of a removed member = %v, want ErrMemberRemoved", err)
	}
	if _, err := c.Members.Get(ctx, added.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get() of a removed member = %v, want ErrNotFound", err)
	}
}

func TestMembersService_threeNodes(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	ctx := t.Context()
	p := etcdtest.NewProxy(t, cluster.Servers[0].URL())
	c := clusterClient(t, Options{Endpoints: []string{p.URL()}, RequestTimeout: 10 * time.Second})

	leader, err := c.Members.Leader(ctx)
	if err != nil || leader.Name != cluster.Leader(t).Name {
		t.Errorf("Leader() = %+v, %v, want %s", leader, err, cluster.Leader(t).Name)
	}
	health, err := c.Members.Health(ctx)
	if err != nil || len(health) != 3 || !health[0].Healthy || !health[1].Healthy || !health[2].Healthy {
		t.Errorf("Health() = %+v, %v, want three healthy members", health, err)
	}

	// The answer to an add is lost. The add is not sent again, and the list contains the member.
	n4 := cluster.Reserve(t, "n4")
	p.Inject(etcdtest.Rule{
		Method: http.MethodPost, Times: 1,
		Action: func(x *etcdtest.Exchange) {
			ans := x.Fetch()
			if ans != nil && ans.Code == http.StatusInternalServerError {
				x.Deliver(ans)
				return
			}
			x.Cut()
		},
	})
	// A refusal uses up the rule, so wait until the cluster accepts changes.
	eventually(t, func() error {
		self, err := c.Stats.Self(ctx)
		if err == nil && time.Since(self.StartTime) < 7*time.Second {
			err = errors.New("the cluster does not accept changes yet")
		}
		return err
	})
	if _, err := c.Members.Add(ctx, []string{n4.PeerURL()}); !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("Add() without an answer = %v, want ErrOutcomeUnknown", err)
	}
	if n := p.Count(http.MethodPost, "/v2/members"); n != 1 {
		t.Errorf("the add was sent %d times, want once", n)
	}
	members, err := c.Members.ListLinearizable(ctx)
	if err != nil || !slices.ContainsFunc(members, func(m Member) bool { return slices.Contains(m.PeerURLs, n4.PeerURL()) }) {
		t.Errorf("ListLinearizable() = %+v, %v, want one with %s", members, err, n4.PeerURL())
	}
	if _, err := c.Members.Add(ctx, []string{n4.PeerURL()}); !errors.Is(err, ErrExists) && !errors.Is(err, ErrUnhealthy) {
		t.Errorf("Add() again = %v, want ErrExists or ErrUnhealthy", err)
	}
}

func TestMembersService_withoutQuorum(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	ctx := t.Context()
	n1 := cluster.Servers[0]
	cluster.Servers[1].Kill(t)
	cluster.Servers[2].Kill(t)
	c := clusterClient(t, Options{
		Endpoints: []string{n1.URL()}, RequestTimeout: 2 * time.Second, Retry: RetryPolicy{MaxAttempts: 1},
	})
	eventually(t, func() error {
		// A leader of etcd 2 that has lost its quorum still claims to be the leader.
		leader, err := c.Members.Leader(ctx)
		if !errors.Is(err, ErrNoLeader) && (n1.Version().AtLeast(3, 0) || err != nil || leader.Name != n1.Name) {
			return errors.Join(errors.New("Leader() without a quorum is not ErrNoLeader"), err)
		}
		return nil
	})
	if members, err := c.Members.List(ctx); err != nil || len(members) != 3 {
		t.Errorf("List() = %v, %v, want 3 members", members, err)
	}
	if members, err := c.Members.ListLinearizable(ctx); err == nil {
		t.Errorf("ListLinearizable() = %v, want an error", members)
	}
	health, err := c.Members.Health(ctx)
	if err != nil || len(health) != 3 {
		t.Fatalf("Health() = %+v, %v, want 3 rows", health, err)
	}
	for _, row := range health {
		if row.Healthy || row.Err == nil {
			t.Errorf("Health() of %s = %+v, want unhealthy with a reason", row.Name, row)
		}
	}
	if _, err := c.Stats.Leader(ctx); !errors.Is(err, ErrNoLeader) && !errors.Is(err, ErrForbidden) && err != nil {
		t.Errorf("Stats.Leader() = %v, want ErrNoLeader", err)
	}
	if all, err := c.HealthAll(ctx); err != nil || len(all) != 1 || all[0].Err != nil || all[0].Value.Healthy {
		t.Errorf("HealthAll() = %+v, %v, want one unhealthy row", all, err)
	}
}

func TestMembersService_Lock(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	first := clusterClient(t, Options{Endpoints: []string{s.URL()}})
	second := clusterClient(t, Options{Endpoints: []string{etcdtest.NewProxy(t, s.URL()).URL()}})
	unlock, err := first.Members.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := second.Members.Lock(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Lock() of a locked cluster = %v, want it to wait", err)
	}
	unlock()
	unlock, err = second.Members.Lock(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestClient_Cluster(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	c := clusterClient(t, Options{Endpoints: []string{s.URL()}})
	got, err := c.Cluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.ClusterID != s.Get(t, "/").Header.Get("X-Etcd-Cluster-Id") || got.RaftIndex == 0 || got.RaftTerm == 0 || got.EtcdIndex == 0 {
		t.Errorf("Cluster() = %+v, want the server's id and indexes", got)
	}
	s.EnableAuth(t, "root-password")
	wrong := clusterClient(t, Options{Endpoints: []string{s.URL()}, Username: "root", Password: "wrong"})
	if denied, err := wrong.Cluster(t.Context()); err != nil || denied.ClusterID != got.ClusterID || denied.EtcdIndex != 0 {
		t.Errorf("Cluster() without rights = %+v, %v, want only the id %s", denied, err, got.ClusterID)
	}
}

// TestMembersService_Health_withoutV2 has members that do not serve the v2 API.
func TestMembersService_Health_withoutV2(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	cluster.Servers[1].RestartWithoutV2(t)
	cluster.Servers[2].RestartWithoutV2(t)
	c := clusterClient(t, Options{Endpoints: []string{cluster.Servers[2].URL(), cluster.Servers[0].URL()}})
	health, err := c.Members.Health(t.Context())
	if err != nil || len(health) != 3 {
		t.Fatalf("Health() = %+v, %v, want three members", health, err)
	}
	for _, m := range health {
		if !m.Healthy {
			t.Errorf("%s is not healthy: %v", m.Name, m.Err)
		}
	}
	versions, err := c.Members.Versions(t.Context())
	if err != nil || len(versions) != 3 {
		t.Fatalf("Versions() = %+v, %v, want three members", versions, err)
	}
	for _, m := range versions {
		if m.Err != nil || m.Server != cluster.Servers[0].Version().String() || m.ServesV2 != (m.Name == cluster.Servers[0].Name) {
			t.Errorf("Versions() of %s = %+v, want its version, and only the first serving v2", m.Name, m)
		}
	}
	all, err := c.HealthAll(t.Context())
	if err != nil || !all[0].Value.Healthy || all[0].Value.ServesV2 || !all[1].Value.Healthy || !all[1].Value.ServesV2 {
		t.Errorf("HealthAll() = %+v, %v, want two healthy ones, the second one serving v2", all, err)
	}
	// Only the member that serves v2 gets requests for keys.
	if err := c.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := c.Endpoints(); len(got) != 1 || got[0] != cluster.Servers[0].URL() {
		t.Errorf("Endpoints() after Sync() = %v, want the one that serves v2", got)
	}
	cluster.Servers[1].Kill(t)
	health, err = c.Members.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range health {
		if m.Healthy != (m.Name != cluster.Servers[1].Name) {
			t.Errorf("%s: healthy = %v, %v", m.Name, m.Healthy, m.Err)
		}
	}
	versions, err = c.Members.Versions(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range versions {
		if down := m.Name == cluster.Servers[1].Name; down != (m.Err != nil) || down != (m.Server == "") {
			t.Errorf("Versions() of %s = %+v, want an error only for the member that is down", m.Name, m)
		}
	}
}

// TestMembersService_ListLinearizable_failover loses the endpoint that was used to catch up.
func TestMembersService_ListLinearizable_failover(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	first, second := etcdtest.NewProxy(t, s.URL()), etcdtest.NewProxy(t, s.URL())
	for name, action := range map[string]etcdtest.Action{
		"cut": etcdtest.CutBefore(), "500": etcdtest.Respond(http.StatusInternalServerError, nil, "{}"),
	} {
		first.Inject(etcdtest.Rule{Path: "/v2/members", Action: action})
		c := clusterClient(t, Options{Endpoints: []string{first.URL(), second.URL()}})
		if members, err := c.Members.ListLinearizable(t.Context()); err != nil || len(members) != 1 {
			t.Errorf("%s: ListLinearizable() = %v, %v, want the member from the other endpoint", name, members, err)
		}
		if got := first.Count(http.MethodGet, "/v2/keys"); got == 0 {
			t.Errorf("%s: the first endpoint was not asked to catch up", name)
		}
		first.Clear()
	}
}

// An etcd 2 that has just been started lists nothing until it has applied its own log. It is
// the only endpoint here.
func TestMembersService_emptyForAMoment(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	for path, call := range map[string]struct {
		empty string
		count func(*Client) (int, error)
	}{
		"/v2/members": {`{"members":[]}`, func(c *Client) (int, error) {
			members, err := c.Members.List(t.Context())
			return len(members), err
		}},
		"/v2/machines": {"", func(c *Client) (int, error) {
			machines, err := c.Machines(t.Context())
			return len(machines), err
		}},
	} {
		proxy := etcdtest.NewProxy(t, s.URL())
		proxy.Inject(etcdtest.Rule{Path: path, Times: 2, Action: etcdtest.Respond(200, nil, call.empty)})
		c := clusterClient(t, Options{Endpoints: []string{proxy.URL()}})
		if n, err := call.count(c); err != nil || n != 1 {
			t.Errorf("%s after two empty answers: %d, %v, want 1", path, n, err)
		}
		proxy.Inject(etcdtest.Rule{Path: path, Action: etcdtest.Respond(200, nil, call.empty)})
		if n, err := call.count(c); !errors.Is(err, ErrInvalidAnswer) {
			t.Errorf("%s that stays empty: %d, %v, want %v", path, n, err, ErrInvalidAnswer)
		}
	}
}

// TestClient_HealthAll_goneMeanwhile loses a server between the two questions.
func TestClient_HealthAll_goneMeanwhile(t *testing.T) {
	t.Parallel()
	proxy := etcdtest.NewProxy(t, etcdtest.Start(t).URL())
	c := clusterClient(t, Options{Endpoints: []string{proxy.URL()}})
	for name, step := range map[string]struct {
		action      etcdtest.Action
		err         error
		healthy, v2 bool
	}{
		"gone":           {etcdtest.CutBefore(), ErrUnavailable, true, false},
		"just started":   {etcdtest.Respond(200, nil, `{"members":[]}`), nil, true, true},
		"without the v2": {etcdtest.Respond(404, nil, "404 page not found\n"), nil, true, false},
	} {
		proxy.Clear()
		proxy.Inject(etcdtest.Rule{Path: "/v2/members", Action: step.action})
		all, err := c.HealthAll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if row := all[0]; !errors.Is(row.Err, step.err) || row.Value.Healthy != step.healthy || row.Value.ServesV2 != step.v2 {
			t.Errorf("%s: HealthAll() = %+v, want %+v", name, row, step)
		}
	}
}

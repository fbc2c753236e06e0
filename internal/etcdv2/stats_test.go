package etcdv2

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

func TestStats_ofThreeNodesAndADeadOne(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	ctx := t.Context()
	dead := cluster.Reserve(t, "dead")
	all := append(cluster.URLs(), dead.URL())
	c := clusterClient(t, Options{Endpoints: all})
	if _, err := c.Keys.Set(ctx, "/a", "1", WriteOptions{}); err != nil {
		t.Fatal(err)
	}

	self, err := c.Stats.SelfAll(ctx)
	if err != nil {
		t.Fatal(err)
	}
	leader := cluster.Leader(t)
	for i, s := range cluster.Servers {
		got := self[i]
		wantState := "StateFollower"
		if s == leader {
			wantState = "StateLeader"
		}
		if got.Err != nil || got.Endpoint != s.URL() || got.Value.Name != s.Name || got.Value.State != wantState || got.Value.StartTime.IsZero() {
			t.Errorf("SelfAll()[%d] = %+v, want %s %s", i, got, s.Name, wantState)
		}
	}
	store, err := c.Stats.StoreAll(ctx)
	if err != nil || store[0].Err != nil || store[0].Value.SetsSuccess == 0 || store[3].Err == nil {
		t.Errorf("StoreAll() = %+v, %v", store, err)
	}
	versions, err := c.VersionAll(ctx)
	if err != nil || versions[1].Value.Server != etcdtest.ServerVersion(t).String() {
		t.Errorf("VersionAll() = %+v, %v, want %s", versions, err, etcdtest.ServerVersion(t))
	}
	health, err := c.HealthAll(ctx)
	if err != nil || !health[2].Value.Healthy {
		t.Errorf("HealthAll() = %+v, %v", health, err)
	}
	for name, err := range map[string]error{
		"SelfAll": self[3].Err, "StoreAll": store[3].Err, "VersionAll": versions[3].Err, "HealthAll": health[3].Err,
	} {
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s of the dead endpoint = %v, want ErrUnavailable", name, err)
		}
	}

	for _, s := range cluster.Servers {
		one := clusterClient(t, Options{Endpoints: []string{s.URL()}})
		stats, err := one.Stats.Leader(ctx)
		if err != nil || len(stats.Followers) != 2 {
			t.Errorf("Leader() by %s = %+v, %v, want 2 followers", s.Name, stats, err)
		}
	}
}

func TestSelfStats_optionalFields(t *testing.T) {
	t.Parallel()
	const text = `{"name":"n2","id":"a1","state":"StateFollower","startTime":"2024-05-01T10:00:00.5Z",` +
		`"leaderInfo":{"leader":"b2","uptime":"1m2.5s","startTime":"2024-05-01T10:00:01Z"},` +
		`"recvAppendRequestCnt":7,"recvPkgRate":2.5,"recvBandwidthRate":150.25,"sendAppendRequestCnt":0}`
	want := SelfStats{
		Name: "n2", ID: "a1", State: "StateFollower", StartTime: time.Date(2024, 5, 1, 10, 0, 0, 5e8, time.UTC),
		Leader:             LeaderInfo{ID: "b2", Uptime: 62500 * time.Millisecond, StartTime: time.Date(2024, 5, 1, 10, 0, 1, 0, time.UTC)},
		RecvAppendRequests: 7, RecvPackageRate: 2.5, RecvBandwidthRate: 150.25,
	}
	var got SelfStats
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := json.Unmarshal([]byte(`{"leaderInfo":{"uptime":"soon"}}`), &got); err == nil {
		t.Error("an uptime that is none was read")
	}
}

func TestLeaderStats_minimumBeyondInt64(t *testing.T) {
	t.Parallel()
	var got LeaderStats
	text := `{"leader":"b2","followers":{"a1":{"latency":{"minimum":9223372036854776000},"counts":{"fail":3,"success":4}}}}`
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	want := FollowerStats{Latency: LatencyStats{Minimum: 9223372036854776000}, Counts: CountStats{Fail: 3, Success: 4}}
	if diff := cmp.Diff(want, got.Followers["a1"]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestStatsService_emptyAnswer has a server answer with nothing twice, as one
// does while a rate comes out infinite.
func TestStatsService_emptyAnswer(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	proxy.Inject(etcdtest.Rule{Path: "/v2/stats/self", Times: 2, Action: etcdtest.Respond(200, nil, "")})
	client := clusterClient(t, Options{Endpoints: []string{proxy.URL()}})
	stats, err := client.Stats.Self(t.Context())
	if err != nil || stats.Name != s.Name {
		t.Errorf("Self() = %+v, %v, want the name %q", stats, err, s.Name)
	}
	proxy.Inject(etcdtest.Rule{Path: "/v2/stats/self", Action: etcdtest.Respond(200, nil, "")})
	_, err = client.Stats.Self(t.Context())
	if !errors.Is(err, ErrInvalidAnswer) {
		t.Errorf("Self() error = %v while the answer stays empty, want %v", err, ErrInvalidAnswer)
	}
}

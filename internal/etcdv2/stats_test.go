package etcdv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
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
	v := etcdtest.ServerVersion(t)
	if want := (VersionInfo{Server: v.String(), Cluster: fmt.Sprintf("%d.%d.0", v.Major, v.Minor)}); err != nil || versions[1].Value != want {
		t.Errorf("VersionAll() = %+v, %v, want %+v", versions, err, want)
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

// keptAnswers returns a client, and the answers that it gets for a path.
func keptAnswers(t *testing.T, url, path string) (*Client, *etcdtest.Answers) {
	t.Helper()
	answers := &etcdtest.Answers{}
	proxy := etcdtest.NewProxy(t, url)
	proxy.Inject(etcdtest.Rule{Path: path, Action: answers.Keep()})
	return clusterClient(t, Options{Endpoints: []string{proxy.URL()}}), answers
}

// rawJSON decodes the last answer without the names of our types.
func rawJSON(t *testing.T, answers *etcdtest.Answers) map[string]any {
	t.Helper()
	_, body := answers.Last()
	var raw map[string]any
	if err := json.Unmarshal(body, &raw); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return raw
}

// TestStatsService_Store makes each operation, and compares each counter with the answer of the
// server.
func TestStatsService_Store(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	c, answers := keptAnswers(t, s.URL(), "/v2/stats/store")
	keys, ctx := c.Keys, t.Context()
	stale, ttl := Condition{Index: 1 << 40}, int64(1)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	go func() { _, _ = keys.Watch(watching, "/watched", WatchOptions{}) }()
	for range 2 {
		_, _ = keys.Set(ctx, "/k", "1", WriteOptions{})
		_, _ = keys.Update(ctx, "/k", "1", WriteOptions{})
		_, _ = keys.Update(ctx, "/none", "1", WriteOptions{})
		_, _ = keys.Create(ctx, "/k", "1", CreateOptions{})
		_, _ = keys.CompareAndSwap(ctx, "/k", "1", stale, WriteOptions{})
		_, _ = keys.CompareAndDelete(ctx, "/k", stale)
		_, _ = keys.CompareAndSwap(ctx, "/k", "2", Condition{Value: "1"}, WriteOptions{})
		_, _ = keys.Set(ctx, "/k/below", "1", WriteOptions{})
		_, _ = keys.Delete(ctx, "/none")
		_, _ = keys.CompareAndDelete(ctx, "/k", Condition{Value: "2"})
		_, _ = keys.Create(ctx, "/k", "1", CreateOptions{})
		_, _ = keys.Delete(ctx, "/k")
	}
	_, _ = keys.Set(ctx, "/short", "1", WriteOptions{TTL: &ttl})
	eventually(t, func() error {
		stats, err := c.Stats.Store(ctx)
		if err == nil && (stats.ExpireCount == 0 || stats.Watchers == 0) {
			err = errors.New("no key has expired, or no watch is open")
		}
		return err
	})
	stats, err := c.Stats.Store(ctx)
	if err != nil {
		t.Fatal(err)
	}
	raw, got := rawJSON(t, answers), reflect.ValueOf(*stats)
	for i := range got.NumField() {
		field := got.Type().Field(i).Name
		name := strings.ToLower(field[:1]) + field[1:]
		// No server counts failed compareAndDelete operations.
		if sent, ok := raw[name].(float64); !ok || (sent == 0 && name != "compareAndDeleteFail") || got.Field(i).Uint() != uint64(sent) {
			t.Errorf("Store() %s = %d, but the server sent %s = %v", field, got.Field(i).Uint(), name, raw[name])
		}
		delete(raw, name)
	}
	if len(raw) > 0 {
		t.Errorf("Store() leaves out %v", raw)
	}
	all, err := c.Stats.StoreAll(ctx)
	if err != nil || len(all) != 1 || all[0].Value.SetsSuccess != stats.SetsSuccess {
		t.Errorf("StoreAll() = %+v, %v, want the result of Store()", all, err)
	}
}

// TestStatsService_Self compares the statistics of a leader and a follower with their answers.
func TestStatsService_Self(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	for _, s := range []*etcdtest.Server{cluster.Leader(t), cluster.Followers(t)[0]} {
		c, answers := keptAnswers(t, s.URL(), "/v2/stats/self")
		// A write is a message with a size, and sets the rates.
		if _, err := c.Keys.Set(t.Context(), "/k", strings.Repeat("x", 1000), WriteOptions{}); err != nil {
			t.Fatal(err)
		}
		stats, err := c.Stats.Self(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		raw := rawJSON(t, answers)
		info, _ := raw["leaderInfo"].(map[string]any)
		for name, got := range map[string]any{
			"name": stats.Name, "id": stats.ID, "state": stats.State, "startTime": stats.StartTime.Format(time.RFC3339Nano),
			"recvAppendRequestCnt": float64(stats.RecvAppendRequests), "sendAppendRequestCnt": float64(stats.SendAppendRequests),
			"recvPkgRate": stats.RecvPackageRate, "recvBandwidthRate": stats.RecvBandwidthRate,
			"sendPkgRate": stats.SendPackageRate, "sendBandwidthRate": stats.SendBandwidthRate,
		} {
			if sent, ok := raw[name]; ok && sent != got || !ok && got != 0.0 {
				t.Errorf("Self() of %s: %s = %v, but the server sent %v", s.Name, name, got, sent)
			}
			delete(raw, name)
		}
		delete(raw, "leaderInfo")
		if len(raw) > 0 {
			t.Errorf("Self() leaves out %v", raw)
		}
		if info["leader"] != stats.Leader.ID || info["uptime"] != stats.Leader.Uptime.String() ||
			info["startTime"] != stats.Leader.StartTime.Format(time.RFC3339Nano) {
			t.Errorf("Self() of %s: leader %+v, but the server sent %v", s.Name, stats.Leader, info)
		}
		if (stats.SendAppendRequests == 0) == (stats.RecvAppendRequests == 0) {
			t.Errorf("Self() of %s = %+v, want a sender or a receiver", s.Name, stats)
		}
	}
}

// TestStatsService_Leader compares the statistics of the leader with its answer.
func TestStatsService_Leader(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	c, answers := keptAnswers(t, cluster.Leader(t).URL(), "/v2/stats/leader")
	stats, err := c.Stats.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	raw := rawJSON(t, answers)
	followers, _ := raw["followers"].(map[string]any)
	if raw["leader"] != stats.Leader || len(followers) != len(stats.Followers) || len(followers) != 2 {
		t.Errorf("Leader() = %+v, but the server sent %v", stats, raw)
	}
	for id, follower := range stats.Followers {
		want := map[string]any{
			"latency": map[string]any{
				"current": follower.Latency.Current, "average": follower.Latency.Average, "standardDeviation": follower.Latency.StandardDeviation,
				"minimum": follower.Latency.Minimum, "maximum": follower.Latency.Maximum,
			},
			"counts": map[string]any{"fail": float64(follower.Counts.Fail), "success": float64(follower.Counts.Success)},
		}
		if diff := cmp.Diff(followers[id], any(want)); diff != "" || follower.Counts.Success == 0 {
			t.Errorf("Leader() of the follower %s (-sent +got)\n%s", id, diff)
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
		t.Error("an invalid uptime was accepted")
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

// TestStatsService_emptyAnswer makes a server answer twice with an empty body, as
// servers do while a rate is infinite. Whoever reads statistics waits for them, also
// without a retry policy.
func TestStatsService_emptyAnswer(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	for name, nameOf := range map[string]func(*Client) (string, error){
		"Self": func(c *Client) (string, error) {
			stats, err := c.Stats.Self(t.Context())
			if err != nil {
				return "", err
			}
			return stats.Name, nil
		},
		"SelfAll": func(c *Client) (string, error) {
			all, err := c.Stats.SelfAll(t.Context())
			if err == nil {
				err = all[0].Err
			}
			if err != nil {
				return "", err
			}
			return all[0].Value.Name, nil
		},
		"Sync": func(c *Client) (string, error) {
			if err := c.Sync(t.Context()); err != nil {
				return "", err
			}
			return s.Name, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := etcdtest.NewProxy(t, s.URL())
			client := clusterClient(t, Options{Endpoints: []string{proxy.URL()}, Retry: RetryPolicy{MaxAttempts: 1}})
			proxy.Inject(etcdtest.Rule{Path: "/v2/stats/self", Times: 2, Action: etcdtest.Respond(200, nil, "")})
			if got, err := nameOf(client); err != nil || got != s.Name {
				t.Errorf("%s() = %q, %v, want the name %q", name, got, err, s.Name)
			}
		})
	}
}

// A server does not answer with empty statistics for longer than a second.
func TestStatsService_emptyForever(t *testing.T) {
	t.Parallel()
	proxy := etcdtest.NewProxy(t, etcdtest.Start(t).URL())
	proxy.Inject(etcdtest.Rule{Path: "/v2/stats/self", Action: etcdtest.Respond(200, nil, "")})
	var waited time.Duration
	client := clusterClient(t, Options{Endpoints: []string{proxy.URL()}, Wait: func(_ context.Context, d time.Duration) error {
		waited += d
		return nil
	}})
	_, err := client.Stats.Self(t.Context())
	if !errors.Is(err, ErrInvalidAnswer) {
		t.Errorf("Self() error = %v while the answer stays empty, want %v", err, ErrInvalidAnswer)
	}
	if waited < time.Second || waited > 2*time.Second {
		t.Errorf("Self() has waited %v, want a little more than a second", waited)
	}
}

// TestStatsService_Leader_gone names a leader that is gone, as followers do until they have
// elected another one: with the default timers of etcd that is longer than the attempts.
func TestStatsService_Leader_gone(t *testing.T) {
	t.Parallel()
	proxy := etcdtest.NewProxy(t, etcdtest.Start(t).URL())
	header := http.Header{"Content-Type": {"application/json"}}
	var waited time.Duration
	c := clusterClient(t, Options{Endpoints: []string{proxy.URL()}, Wait: func(_ context.Context, d time.Duration) error {
		waited += d
		return nil
	}})
	elect := func(questions int) {
		waited = 0
		proxy.Clear()
		proxy.Inject(etcdtest.Rule{
			Path: "/v2/members/leader", Action: etcdtest.Respond(200, header, `{"id":"1","name":"gone","clientURLs":["http://127.0.0.1:1"]}`),
		})
		proxy.Inject(etcdtest.Rule{
			Path: "/v2/stats/leader", Times: questions, Action: etcdtest.Respond(403, header, `{"message":"not current leader"}`),
		})
	}
	// Each attempt asks twice.
	elect(2 * 10)
	if stats, err := c.Stats.Leader(t.Context()); err != nil || stats.Leader == "" || waited < 1500*time.Millisecond {
		t.Errorf("Leader() = %+v, %v after %s, want that of the next leader", stats, err, waited)
	}
	elect(0)
	if _, err := c.Stats.Leader(t.Context()); !errors.Is(err, ErrNoLeader) || waited < 3*time.Second || waited > 8*time.Second {
		t.Errorf("Leader() error = %v after %s, want %v after some seconds", err, waited, ErrNoLeader)
	}
}

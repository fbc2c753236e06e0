package provider

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/pause"
)

// clusterRead is one read of a data source and its expected result: an error that contains a
// text, or values by their steps.
type clusterRead struct {
	typeName   string
	attributes map[string]any
	err        string
	want       map[string]string
}

// readAll reads data sources concurrently, like a CLI, and checks their results and that none
// takes longer than limit.
func readAll(t *testing.T, d *direct, limit time.Duration, reads []clusterRead) {
	t.Helper()
	var wg sync.WaitGroup
	for _, r := range reads {
		wg.Go(func() {
			etcdtest.Apart(t, func(t *testing.T) {
				start := time.Now()
				found, errs := d.read(t, r.typeName, r.attributes)
				if took := time.Since(start); took > limit {
					t.Errorf("%s took %s, want at most %s", r.typeName, took, limit)
				}
				if (errs == "") != (r.err == "") || !strings.Contains(errs, r.err) {
					t.Fatalf("the error of %s is %q, want %q", r.typeName, errs, r.err)
				}
				for steps, want := range r.want {
					if got := found.at(t, steps); got != want {
						t.Errorf("%s of %s is %q, want %q", steps, r.typeName, got, want)
					}
				}
			})
		})
	}
	wg.Wait()
}

// clusterReads returns reads of every data source of the cluster. Of its endpoints those in up
// answer, including s. Without a leader leaderID is empty, and servers continue to name the
// last one in their statistics.
func clusterReads(s *etcdtest.Server, id, clusterID string, endpoints, up []string, leaderID, lastLeaderID string) []clusterRead {
	version := map[string]string{"server": s.Version().String(), "endpoints.#": fmt.Sprint(len(endpoints))}
	health := map[string]string{"healthy": fmt.Sprint(leaderID != "" && len(up) == len(endpoints)), "endpoints.#": fmt.Sprint(len(endpoints))}
	for i, endpoint := range endpoints {
		row := fmt.Sprintf("endpoints.%d.", i)
		answers := slices.Contains(up, endpoint)
		version[row+"endpoint"], health[row+"endpoint"] = endpoint, endpoint
		version[row+"server"] = ""
		if answers {
			version[row+"server"], version[row+"error"], health[row+"error"] = s.Version().String(), "", ""
		}
		health[row+"healthy"] = fmt.Sprint(answers && leaderID != "")
	}
	at := map[string]any{"endpoint": s.URL()}
	reads := []clusterRead{
		{typeName: "etcd_member", attributes: map[string]any{"name": s.Name}, want: map[string]string{"id": id, "started": "true"}},
		{typeName: "etcd_members", want: map[string]string{"members.#": "3"}},
		{typeName: "etcd_cluster", want: map[string]string{"id": clusterID, "endpoints.#": "3"}},
		{typeName: "etcd_version", want: version},
		{typeName: "etcd_health", want: health},
		{typeName: "etcd_machines", want: map[string]string{"machines.#": "3"}},
		{typeName: "etcd_self_stats", attributes: at, want: map[string]string{"name": s.Name, "id": id, "leader_id": lastLeaderID}},
		{typeName: "etcd_store_stats", attributes: at, want: map[string]string{"endpoint": s.URL(), "watchers": "0"}},
		{typeName: "etcd_leader", want: map[string]string{"id": leaderID, "started": "true"}},
		{typeName: "etcd_leader_stats", want: map[string]string{"leader_id": leaderID, "followers.#": "2"}},
	}
	if leaderID == "" {
		for i := len(reads) - 2; i < len(reads); i++ {
			reads[i].want, reads[i].err = nil, "The cluster has no leader"
		}
	}
	return reads
}

// awaitNoLeader waits until a server knows that there is no leader.
func awaitNoLeader(t *testing.T, s *etcdtest.Server) {
	t.Helper()
	for range 600 {
		if s.Do(t, etcdtest.Call{Path: "/v2/members/leader"}).Status == http.StatusServiceUnavailable {
			return
		}
		if err := pause.For(t.Context(), 50*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("%s still names a leader", s.Name)
}

// Two nodes of three cannot elect a leader: one is dead and one hangs. Every data source either
// returns what it can or reports that there is no leader, and returns values when the leader
// is back.
func TestClusterDataSources_election(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3, etcdtest.WithTimers(100*time.Millisecond, time.Second))
	dead := cluster.Leader(t)
	ids := map[string]string{}
	for _, m := range membersOf(t, dead) {
		ids[m.Name] = m.ID
	}
	followers := cluster.Followers(t)
	hung, s := followers[0], followers[1]
	clusterID := s.Get(t, "/").Header.Get("X-Etcd-Cluster-Id")
	endpoints := []string{dead.URL(), hung.URL(), s.URL()}
	d := newDirect(t, map[string]any{"endpoints": endpoints, "connect_timeout": "2s", "request_timeout": "2s"})

	hung.Pause(t)
	awaitSilence(t, hung)
	dead.Kill(t)
	awaitNoLeader(t, s)
	var self struct{ LeaderInfo struct{ Leader string } }
	s.Do(t, etcdtest.Call{Path: "/v2/stats/self"}).Decode(t, &self)
	readAll(t, d, 15*time.Second, clusterReads(s, ids[s.Name], clusterID, endpoints, endpoints[2:], "", self.LeaderInfo.Leader))

	hung.Resume(t)
	leaderID := ids[cluster.Leader(t).Name]
	readAll(t, d, 15*time.Second, clusterReads(s, ids[s.Name], clusterID, endpoints, endpoints[1:], leaderID, leaderID))
}

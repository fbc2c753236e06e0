package etcdv2_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

const (
	clusterWriters = 8
	clusterWrites  = 25
)

// TestKeysService_threeNodes makes 200 conditional writes while nodes fail, and compares
// the outcomes that the writers got with the events of the cluster.
//
//nolint:paralleltest // it counts the goroutines of the client
func TestKeysService_threeNodes(t *testing.T) {
	cluster := etcdtest.StartCluster(t, 3)
	for _, fault := range []clusterFault{leaderKilled(cluster), followerPaused(cluster), quorumLost(cluster)} {
		t.Run(fault.name, func(t *testing.T) {
			var run clusterRun
			wantNoLeak(t, func() {
				endpoints := []string{fault.first(t).URL()}
				for _, url := range cluster.URLs() {
					if url != endpoints[0] {
						endpoints = append(endpoints, url)
					}
				}
				run.write(t, endpoints, fault)
			})
			run.check(t)
		})
	}
}

// clusterFault is what happens to the nodes during the writes.
type clusterFault struct {
	name string
	// timeout limits a request, and outage is how long the fault lasts.
	timeout, outage time.Duration
	// first is the endpoint that is asked first, fail makes nodes fail, and repair makes
	// them work again.
	first        func(t *testing.T) *etcdtest.Server
	fail, repair func(t *testing.T)
}

func leaderKilled(cluster *etcdtest.Cluster) clusterFault {
	var leader *etcdtest.Server
	return clusterFault{
		name: "the leader is killed and restarted", timeout: 10 * time.Second, outage: time.Second,
		first:  func(t *testing.T) *etcdtest.Server { t.Helper(); leader = cluster.Leader(t); return leader },
		fail:   func(t *testing.T) { t.Helper(); leader.Kill(t) },
		repair: func(t *testing.T) { t.Helper(); leader.Restart(t) },
	}
}

func followerPaused(cluster *etcdtest.Cluster) clusterFault {
	var follower *etcdtest.Server
	return clusterFault{
		name: "the first endpoint, a follower, hangs and continues", timeout: 500 * time.Millisecond, outage: 2 * time.Second,
		first:  func(t *testing.T) *etcdtest.Server { t.Helper(); follower = cluster.Followers(t)[0]; return follower },
		fail:   func(t *testing.T) { t.Helper(); follower.Pause(t) },
		repair: func(t *testing.T) { t.Helper(); follower.Resume(t); cluster.Leader(t) },
	}
}

func quorumLost(cluster *etcdtest.Cluster) clusterFault {
	var followers []*etcdtest.Server
	return clusterFault{
		name: "the quorum is lost and regained", timeout: time.Second, outage: 3 * time.Second,
		first: func(t *testing.T) *etcdtest.Server {
			t.Helper()
			followers = cluster.Followers(t)
			return cluster.Leader(t)
		},
		fail: func(t *testing.T) {
			t.Helper()
			for _, s := range followers {
				s.Kill(t)
			}
		},
		repair: func(t *testing.T) {
			t.Helper()
			for _, s := range followers {
				s.Launch(t)
			}
			for _, s := range followers {
				s.WaitHealthy(t)
			}
			cluster.Leader(t)
		},
	}
}

// clusterRun records the outcomes that the writers got, and the events of the cluster.
type clusterRun struct {
	mu sync.Mutex
	// outcomes is the outcome of each value: applied, unknown or failed.
	outcomes map[string]string
	// events counts how often each value was written.
	events map[string]int
	// settled, unknowns and conflicts count other outcomes.
	settled, unknowns, conflicts int
	// faults counts the requests that met the fault.
	faults atomic.Int64
}

// write makes the writes. The fault begins when each writer has made a third of its writes,
// while they all continue.
func (r *clusterRun) write(t *testing.T, endpoints []string, fault clusterFault) {
	t.Helper()
	r.outcomes, r.events = map[string]string{}, map[string]int{}
	prefix := etcdtest.Prefix(t)
	client, err := etcdv2.New(etcdv2.Options{
		Endpoints: endpoints, KeyPrefix: prefix, RequestTimeout: fault.timeout,
		Trace: func(x etcdv2.Exchange) {
			if x.Status == 0 || x.Status >= 500 {
				r.faults.Add(1)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	start := must[*etcdv2.Response](t)(client.Keys.CreateDir(t.Context(), "/start", etcdv2.CreateOptions{}))

	gate, failed := make(chan struct{}), make(chan struct{})
	var ready, writers sync.WaitGroup
	for i := range clusterWriters {
		ready.Add(1)
		writers.Go(func() {
			r.writer(t, client.Keys, i, func() { ready.Done(); <-gate }, func() { <-failed })
		})
	}
	ready.Wait()
	close(gate)
	fault.fail(t)
	close(failed)
	<-time.After(fault.outage)
	fault.repair(t)
	writers.Wait()
	r.watch(t, client.Keys, start.EtcdIndex)
}

// writer swaps the value of a key of its own, each time for a new value.
func (r *clusterRun) writer(t *testing.T, keys *etcdv2.KeysService, writer int, third, last func()) {
	t.Helper()
	key := fmt.Sprintf("/k%d", writer)
	var index uint64
	for i := range clusterWrites {
		switch i {
		case clusterWrites / 3:
			third()
		case 2 * clusterWrites / 3:
			// On a slow machine the fault may begin late, and must still meet this write.
			last()
		}
		value := fmt.Sprintf("%d-%d", writer, i)
		var resp *etcdv2.Response
		var err error
		if index == 0 {
			resp, err = keys.Create(t.Context(), key, value, etcdv2.CreateOptions{})
		} else {
			resp, err = keys.CompareAndSwap(t.Context(), key, value, etcdv2.Condition{Index: index}, etcdv2.WriteOptions{})
		}
		r.note(t, value, resp, err)
		if err == nil {
			index = resp.Node.ModifiedIndex
		} else {
			index = readIndex(t, keys, key)
		}
	}
}

// readIndex reads the index of a key, and tries until it succeeds.
func readIndex(t *testing.T, keys *etcdv2.KeysService, key string) uint64 {
	t.Helper()
	for t.Context().Err() == nil {
		resp, err := keys.Get(t.Context(), key, etcdv2.GetOptions{})
		switch {
		case err == nil:
			return resp.Node.ModifiedIndex
		case errors.Is(err, etcdv2.ErrNotFound):
			return 0
		}
	}
	return 0
}

// note records the outcome that a writer got.
func (r *clusterRun) note(t *testing.T, value string, resp *etcdv2.Response, err error) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil:
		r.outcomes[value] = "applied"
		if resp.Settled {
			r.settled++
		}
	case errors.Is(err, etcdv2.ErrOutcomeUnknown):
		r.outcomes[value] = "unknown"
		r.unknowns++
	case errors.Is(err, etcdv2.ErrCompareFailed), errors.Is(err, etcdv2.ErrExists), errors.Is(err, etcdv2.ErrUnavailable):
		r.outcomes[value] = "failed"
		r.conflicts++
	default:
		r.outcomes[value] = "failed"
		t.Errorf("write of %s: error = %v, which is neither ErrOutcomeUnknown nor another known error", value, err)
	}
}

// watch counts the events up to one that it causes itself.
func (r *clusterRun) watch(t *testing.T, keys *etcdv2.KeysService, after uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := keys.Set(ctx, "/end", "end", etcdv2.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	isEnd := func(e *etcdv2.Event) bool { return e.Resync || e.Node.Key == "/end" }
	for event, err := range keys.Events(ctx, "/", etcdv2.WatchOptions{Recursive: true, AfterIndex: after, Until: isEnd}) {
		if err != nil {
			t.Fatal(err)
		}
		if event.Resync {
			t.Fatal("the history of the cluster is too short for this test")
		}
		r.events[event.Node.Value]++
	}
}

// check compares the outcomes that the writers got with the events of the cluster.
func (r *clusterRun) check(t *testing.T) {
	t.Helper()
	t.Logf("%d writes, %d failed requests: %d settled by reading, %d unknown, %d refused",
		len(r.outcomes), r.faults.Load(), r.settled, r.unknowns, r.conflicts)
	if r.faults.Load() == 0 {
		t.Error("no request met the fault")
	}
	if len(r.outcomes) != clusterWriters*clusterWrites {
		t.Errorf("%d writes were made, want %d", len(r.outcomes), clusterWriters*clusterWrites)
	}
	for value, outcomes := range r.outcomes {
		n := r.events[value]
		switch {
		case n > 1:
			t.Errorf("the write of %s was applied %d times", value, n)
		case outcomes == "applied" && n == 0:
			t.Errorf("the write of %s was reported as applied, but is lost", value)
		case outcomes == "failed" && n == 1:
			t.Errorf("the write of %s was reported as failed, but was applied", value)
		}
	}
}

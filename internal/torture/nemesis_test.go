package torture

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// heavyFault is a fault of nodes. begin returns the function that ends it.
type heavyFault struct {
	kind  fault
	begin func(t *testing.T, r *run, rng *rand.Rand) (end func())
}

// How long a fault of nodes lasts, and how long the pause after it is: in calls, or in time if
// calls are slow.
const (
	callsUnderFault  = 300
	callsWithout     = 300
	timeUnderFault   = 4 * time.Second
	timeWithoutFault = 3 * time.Second
)

// nemesis applies faults to nodes, one after the other, until the run ends.
func (r *run) nemesis(t *testing.T) {
	t.Helper()
	rng := rand.New(rand.NewPCG(r.seed, 1))
	for n := 0; len(r.heavy) > 0 && r.ended.Err() == nil; n++ {
		r.await(callsWithout, timeWithoutFault)
		if r.ended.Err() != nil {
			return
		}
		if n%len(r.heavy) == 0 {
			rng.Shuffle(len(r.heavy), func(i, j int) { r.heavy[i], r.heavy[j] = r.heavy[j], r.heavy[i] })
		}
		heavy := r.heavy[n%len(r.heavy)]
		r.injector.note(heavy.kind)
		end := heavy.begin(t, r, rng)
		r.await(callsUnderFault, timeUnderFault)
		end()
		r.heal(t)
		for _, proxy := range r.proxies {
			proxy.Reset() // Otherwise they keep every request.
		}
	}
}

// await waits for some calls, for a time at most, or for the end of the run.
func (r *run) await(calls int64, most time.Duration) {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	goal, until := r.calls.Load()+calls, time.Now().Add(most)
	for r.calls.Load() < goal && time.Now().Before(until) {
		select {
		case <-r.ended.Done():
			return
		case <-ticker.C:
		}
	}
}

// heal ends every fault of a node, and waits until the cluster works again.
func (r *run) heal(t *testing.T) {
	t.Helper()
	for _, server := range r.cluster.Servers {
		server.Rejoin()
		server.Resume(t)
		if !server.Running() {
			server.Launch(t)
		}
	}
	for _, server := range r.cluster.Servers {
		server.WaitHealthy(t)
	}
	r.cluster.Leader(t)
}

// someNode returns the leader half of the time, and otherwise any node.
func (r *run) someNode(t *testing.T, rng *rand.Rand) *etcdtest.Server {
	t.Helper()
	if rng.IntN(2) == 0 {
		return r.cluster.Leader(t)
	}
	return r.cluster.Servers[rng.IntN(len(r.cluster.Servers))]
}

func nothing() {}

// addMember adds a member to the cluster, and returns a function that removes it.
func (r *run) addMember(t *testing.T) (remove func()) {
	t.Helper()
	r.added++
	joining := r.cluster.Reserve(t, fmt.Sprintf("added%d", r.added))
	id := ""
	r.change(t, func(s *etcdtest.Server) bool {
		answer, err := s.Try(t.Context(), etcdtest.Call{
			Method: http.MethodPost, Path: "/v2/members", JSON: map[string]any{"peerURLs": []string{joining.PeerURL()}},
		})
		var member struct{ ID string }
		if err == nil && answer.Status == http.StatusCreated {
			answer.Decode(t, &member)
			id = member.ID
		}
		// A conflict means that an earlier attempt with a lost answer added it.
		return id != "" || err == nil && answer.Status == http.StatusConflict
	})
	if id == "" {
		id = r.memberAt(t, joining.PeerURL())
	}
	joining.Join(t, r.cluster.InitialCluster()+","+joining.Name+"="+joining.PeerURL())
	return func() {
		r.change(t, func(s *etcdtest.Server) bool {
			answer, err := s.Try(t.Context(), etcdtest.Call{Method: http.MethodDelete, Path: "/v2/members/" + id})
			return err == nil && (answer.OK() || answer.Status == http.StatusGone || answer.Status == http.StatusNotFound)
		})
		if joining.Running() {
			joining.Kill(t)
		}
	}
}

// memberAt returns the id of the member with a peer URL.
func (r *run) memberAt(t *testing.T, peerURL string) (id string) {
	t.Helper()
	r.change(t, func(s *etcdtest.Server) bool {
		var list struct {
			Members []struct {
				ID       string
				PeerURLs []string
			}
		}
		answer, err := s.Try(t.Context(), etcdtest.Call{Path: "/v2/members"})
		if err != nil || json.Unmarshal(answer.Body, &list) != nil {
			return false
		}
		for _, member := range list.Members {
			if slices.Contains(member.PeerURLs, peerURL) {
				id = member.ID
			}
		}
		return id != ""
	})
	return id
}

// change asks one node after the other until one has changed the members. They refuse that for
// some seconds after each fault.
func (r *run) change(t *testing.T, ask func(s *etcdtest.Server) bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); r.await(50, 200*time.Millisecond) {
		if slices.ContainsFunc(r.cluster.Servers, ask) {
			return
		}
	}
	t.Fatal("the cluster accepts no change of its members")
}

// heavyFaults are all of them. heal ends whatever they began.
var heavyFaults = []heavyFault{
	{"leader killed, restarted from disk", func(t *testing.T, r *run, _ *rand.Rand) func() {
		t.Helper()
		r.cluster.Leader(t).Kill(t)
		return nothing
	}},
	{"node stopped and resumed", func(t *testing.T, r *run, rng *rand.Rand) func() {
		t.Helper()
		r.someNode(t, rng).Pause(t)
		return nothing
	}},
	{"node restarted from disk", func(t *testing.T, r *run, rng *rand.Rand) func() {
		t.Helper()
		r.cluster.Servers[rng.IntN(3)].Stop(t)
		return nothing
	}},
	{"one node cut off", func(t *testing.T, r *run, rng *rand.Rand) func() {
		t.Helper()
		r.someNode(t, rng).Isolate(t)
		return nothing
	}},
	{"two nodes cut off", func(t *testing.T, r *run, rng *rand.Rand) func() {
		t.Helper()
		first := rng.IntN(3)
		r.cluster.Servers[first].Isolate(t)
		r.cluster.Servers[(first+1)%3].Isolate(t)
		return nothing
	}},
	{"all nodes killed, restarted from disk", func(t *testing.T, r *run, _ *rand.Rand) func() {
		t.Helper()
		for _, server := range r.cluster.Servers {
			server.Kill(t)
		}
		return nothing
	}},
	{"endpoint refuses connections", func(t *testing.T, r *run, rng *rand.Rand) func() {
		t.Helper()
		proxy := r.proxies[rng.IntN(3)]
		proxy.Refuse()
		return func() { proxy.Accept(t) }
	}},
	{"member added and removed", func(t *testing.T, r *run, _ *rand.Rand) func() {
		t.Helper()
		return r.addMember(t)
	}},
	{"clock of the process shifted", func(_ *testing.T, r *run, rng *rand.Rand) func() {
		r.shift.Store(int64(time.Hour) * int64(rng.IntN(49)-24))
		return func() { r.shift.Store(0) }
	}},
	{"all connections reset", func(_ *testing.T, r *run, _ *rand.Rand) func() {
		for _, proxy := range r.proxies {
			proxy.CutAll()
		}
		return nothing
	}},
}

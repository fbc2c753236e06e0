package etcdtest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// NodeFault is a fault of the nodes of a cluster.
type NodeFault struct {
	// Kind describes the fault in a report.
	Kind string
	// Begin begins the fault. It returns a function that ends what [Nemesis.Heal] does not
	// end.
	Begin func(tb testing.TB, n *Nemesis) (end func())
}

// Nemesis applies faults to the nodes of a cluster that was started with
// [WithPeerProxies], one after the other. Its methods end the test if they fail, so they
// belong in the goroutine of a test.
type Nemesis struct {
	Cluster *Cluster
	// Proxies are those between the clients and the nodes, one or more for each node.
	Proxies []*Proxy
	// Faults are the faults that it applies. Strike changes their order.
	Faults []NodeFault
	// Rand decides which node meets a fault, and the order of the faults.
	Rand *rand.Rand

	begun, added int
}

// Strike begins the next fault, calls meanwhile with its kind, and returns when the cluster works
// again.
func (n *Nemesis) Strike(tb testing.TB, meanwhile func(kind string)) {
	tb.Helper()
	fault := n.next()
	end := fault.Begin(tb, n)
	meanwhile(fault.Kind)
	end()
	n.Heal(tb)
}

// AwaitMore waits until a counter has grown by more, until a time has passed, or until ended is
// closed. It reports false in the last case.
func AwaitMore(ended <-chan struct{}, counter *atomic.Int64, more int64, most time.Duration) bool {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	goal, until := counter.Load()+more, time.Now().Add(most)
	for counter.Load() < goal && time.Now().Before(until) {
		select {
		case <-ended:
			return false
		case <-ticker.C:
		}
	}
	return true
}

// next returns the next fault: each of them once, in a random order, and then all of them
// again.
func (n *Nemesis) next() NodeFault {
	i := n.begun % len(n.Faults)
	if i == 0 {
		n.Rand.Shuffle(len(n.Faults), func(i, j int) { n.Faults[i], n.Faults[j] = n.Faults[j], n.Faults[i] })
	}
	n.begun++
	return n.Faults[i]
}

// Heal ends every fault of a node, and waits until the cluster works again.
func (n *Nemesis) Heal(tb testing.TB) {
	tb.Helper()
	for _, server := range n.Cluster.Servers {
		server.Rejoin()
		server.Resume(tb)
		if !server.Running() {
			server.Launch(tb)
		}
	}
	for _, server := range n.Cluster.Servers {
		server.WaitHealthy(tb)
	}
	n.Cluster.Leader(tb)
}

// someNode returns the leader half of the time, and otherwise any node.
func (n *Nemesis) someNode(tb testing.TB) *Server {
	tb.Helper()
	if n.Rand.IntN(2) == 0 {
		return n.Cluster.Leader(tb)
	}
	return n.Cluster.Servers[n.Rand.IntN(len(n.Cluster.Servers))]
}

func nothing() {}

// stopTimeout is how long a node may take to end.
const stopTimeout = 10 * time.Second

// refuse makes the proxies of a node refuse connections. It returns a function that ends that.
func (n *Nemesis) refuse(tb testing.TB, node *Server) (accept func()) {
	tb.Helper()
	var refusing []*Proxy
	for _, proxy := range n.Proxies {
		if proxy.target.Host == node.Addr() {
			proxy.Refuse()
			refusing = append(refusing, proxy)
		}
	}
	return func() {
		for _, proxy := range refusing {
			proxy.Accept(tb)
		}
	}
}

// stop ends a node with SIGTERM, and with SIGKILL if that takes too long, like an init system: etcd 3.5
// has been seen to hang when it is ended while requests time out.
func stop(tb testing.TB, s *Server) {
	tb.Helper()
	s.mu.Lock()
	proc := s.proc
	s.mu.Unlock()
	s.signal(tb, "stop", (*process).terminate)
	select {
	case <-proc.done:
	case <-time.After(stopTimeout):
		_ = proc.kill() // It may have ended meanwhile.
	}
	s.WaitExit(tb)
}

// addMember adds a member to the cluster, and returns a function that removes it.
func (n *Nemesis) addMember(tb testing.TB) (remove func()) {
	tb.Helper()
	n.added++
	joining := n.Cluster.Reserve(tb, fmt.Sprintf("added%d", n.added))
	id := ""
	n.change(tb, func(s *Server) bool {
		answer, err := s.Try(waitContext(tb), Call{
			Method: http.MethodPost, Path: "/v2/members", JSON: map[string]any{"peerURLs": []string{joining.PeerURL()}},
		})
		var member struct{ ID string }
		if err == nil && answer.Status == http.StatusCreated {
			answer.Decode(tb, &member)
			id = member.ID
		}
		// A conflict means that an earlier attempt with a lost answer added it.
		return id != "" || err == nil && answer.Status == http.StatusConflict
	})
	if id == "" {
		id = n.memberAt(tb, joining.PeerURL())
	}
	joining.Join(tb, n.Cluster.InitialCluster()+","+joining.Name+"="+joining.PeerURL())
	return func() {
		n.change(tb, func(s *Server) bool {
			answer, err := s.Try(waitContext(tb), Call{Method: http.MethodDelete, Path: "/v2/members/" + id})
			return err == nil && (answer.OK() || answer.Status == http.StatusGone || answer.Status == http.StatusNotFound)
		})
		if joining.Running() {
			joining.Kill(tb)
		}
	}
}

// memberAt returns the id of the member with a peer URL.
func (n *Nemesis) memberAt(tb testing.TB, peerURL string) (id string) {
	tb.Helper()
	n.change(tb, func(s *Server) bool {
		var list struct {
			Members []struct {
				ID       string
				PeerURLs []string
			}
		}
		answer, err := s.Try(waitContext(tb), Call{Path: "/v2/members"})
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
func (n *Nemesis) change(tb testing.TB, ask func(s *Server) bool) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(waitContext(tb), readyTimeout)
	defer cancel()
	for !slices.ContainsFunc(n.Cluster.Servers, ask) {
		if !wait(ctx, nil, 200*time.Millisecond) {
			tb.Fatal("the cluster accepts no change of its members")
		}
	}
}

// NodeFaults are the faults that a [Nemesis] knows. The first two leave a cluster of three
// its quorum.
func NodeFaults() []NodeFault { return slices.Concat(nodeFaults, diskFaults) }

var nodeFaults = []NodeFault{
	{"leader killed, restarted from disk", func(tb testing.TB, n *Nemesis) func() {
		tb.Helper()
		n.Cluster.Leader(tb).Kill(tb)
		return nothing
	}},
	{"node stopped and resumed", func(tb testing.TB, n *Nemesis) func() {
		tb.Helper()
		n.someNode(tb).Pause(tb)
		return nothing
	}},
	{"node restarted from disk", func(tb testing.TB, n *Nemesis) func() {
		tb.Helper()
		stop(tb, n.Cluster.Servers[n.Rand.IntN(3)])
		return nothing
	}},
	{"one node cut off", func(tb testing.TB, n *Nemesis) func() {
		tb.Helper()
		n.someNode(tb).Isolate(tb)
		return nothing
	}},
	{"two nodes cut off", func(tb testing.TB, n *Nemesis) func() {
		tb.Helper()
		first := n.Rand.IntN(3)
		n.Cluster.Servers[first].Isolate(tb)
		n.Cluster.Servers[(first+1)%3].Isolate(tb)
		return nothing
	}},
	{"all nodes killed, restarted from disk", func(tb testing.TB, n *Nemesis) func() {
		tb.Helper()
		for _, server := range n.Cluster.Servers {
			server.Kill(tb)
		}
		return nothing
	}},
	{"endpoint refuses connections", func(tb testing.TB, n *Nemesis) func() {
		tb.Helper()
		return n.refuse(tb, n.Cluster.Servers[n.Rand.IntN(3)])
	}},
	{"member added and removed", func(tb testing.TB, n *Nemesis) func() {
		tb.Helper()
		return n.addMember(tb)
	}},
	{"all connections reset", func(_ testing.TB, n *Nemesis) func() {
		for _, proxy := range n.Proxies {
			proxy.CutAll()
		}
		return nothing
	}},
}

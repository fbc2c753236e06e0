package torture

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// How long a fault of nodes lasts, and how long the pause after it is: in calls, or in time if
// calls are slow.
const (
	callsUnderFault  = 300
	callsWithout     = 300
	timeUnderFault   = 4 * time.Second
	timeWithoutFault = 3 * time.Second
)

// clockShift is how far the clock of the process is off.
var clockShift atomic.Int64

// heavyFaults are the faults of nodes and of the process.
var heavyFaults = append(etcdtest.NodeFaults(), etcdtest.NodeFault{
	Kind: "clock of the process shifted", Begin: func(_ testing.TB, n *etcdtest.Nemesis) func() {
		clockShift.Store(int64(time.Hour) * int64(n.Rand.IntN(49)-24))
		return func() { clockShift.Store(0) }
	},
})

// nemesis applies faults to nodes, one after the other, until the run ends.
func (r *run) nemesis(t *testing.T) {
	t.Helper()
	nodes := r.nodes()
	nodes.Rand = rand.New(rand.NewPCG(r.seed, 1))
	for len(r.heavy) > 0 && r.ended.Err() == nil {
		r.await(callsWithout, timeWithoutFault)
		if r.ended.Err() != nil {
			return
		}
		nodes.Strike(t, func(kind string) {
			r.injector.note(fault(kind))
			r.await(callsUnderFault, timeUnderFault)
		})
		for _, proxy := range r.proxies {
			proxy.Reset() // Otherwise they keep every request.
		}
	}
}

// nodes returns the nodes of the run, as a nemesis sees them.
func (r *run) nodes() *etcdtest.Nemesis {
	return &etcdtest.Nemesis{Cluster: r.cluster, Proxies: r.proxies, Faults: r.heavy}
}

// await waits for some calls, for a time at most, or for the end of the run.
func (r *run) await(calls int64, most time.Duration) {
	etcdtest.AwaitMore(r.ended.Done(), &r.calls, calls, most)
}

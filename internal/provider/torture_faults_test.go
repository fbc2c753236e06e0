package provider

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// tortureRate is the fraction of the requests that meet a fault.
const tortureRate = 0.3

// longestDelay bounds the delay of a request.
const longestDelay = 5 * time.Millisecond

// injectFaults makes the proxies inject faults. Which request meets which one depends on the seed.
func (w *tortured) injectFaults() {
	var requests atomic.Uint64
	seed := w.seed
	for _, proxy := range w.proxies {
		proxy.Clear()
		proxy.Inject(etcdtest.Rule{Action: func(x *etcdtest.Exchange) {
			rng := rand.New(rand.NewPCG(seed, requests.Add(1)))
			if rng.Float64() >= tortureRate {
				x.Forward()
				return
			}
			kind, fault := etcdtest.RandomFault(rng, longestDelay)
			w.note(kind)
			fault(x)
		}})
	}
}

// How long a fault of nodes lasts, and how long the pause after it is: in applies, or in time if
// applies are slow. atOnce is how many configurations are applied at once meanwhile.
const (
	appliesUnderFault = 10
	appliesWithout    = 10
	timeUnderFault    = 5 * time.Second
	timeWithoutFault  = 2 * time.Second
	atOnce            = 4
)

// outages are the faults of nodes.
type outages struct {
	faults []etcdtest.NodeFault
	// most is how many there are in all, 0 for any number.
	most int
	// quiet is locked while a node has a fault.
	quiet sync.RWMutex

	mu sync.Mutex
	// begun is closed when the next fault has begun, or when there will be none.
	begun chan struct{}
}

func newOutages() *outages {
	o := &outages{}
	o.expect()()
	return o
}

// expect announces a fault, and returns a function that reports that it has begun.
func (o *outages) expect() (begin func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	begun := make(chan struct{})
	o.begun = begun
	return sync.OnceFunc(func() { close(begun) })
}

// await waits until a node has a fault, or for some seconds.
func (o *outages) await(t *testing.T) {
	t.Helper()
	o.mu.Lock()
	begun := o.begun
	o.mu.Unlock()
	select {
	case <-begun:
	case <-time.After(timeUnderFault):
	case <-t.Context().Done():
	}
}

// happen makes the faults, one after the other, until ended is closed.
func (o *outages) happen(t *testing.T, ended <-chan struct{}, nemesis *etcdtest.Nemesis, count *tally) {
	t.Helper()
	for n := 0; n < o.most || o.most == 0; n++ {
		begin := o.expect()
		defer begin() // Nobody waits for a fault that fails.
		if !count.await(ended, appliesWithout, timeWithoutFault) {
			return
		}
		o.fault(t, ended, nemesis, count, begin)
	}
}

// fault makes one fault, and returns when the cluster works again.
func (o *outages) fault(t *testing.T, ended <-chan struct{}, nemesis *etcdtest.Nemesis, count *tally, begin func()) {
	t.Helper()
	o.quiet.Lock()
	defer o.quiet.Unlock()
	nemesis.Strike(t, func(kind string) {
		count.note(kind)
		begin()
		count.await(ended, appliesUnderFault, timeUnderFault)
	})
}

// tally counts what happened.
type tally struct {
	// applies were made, and refused are refreshes that failed. unknown are the applies that
	// reported an unknown outcome.
	applies, refused, unknown, violations atomic.Int64

	mu    sync.Mutex
	kinds map[string]int
}

func newTally() *tally { return &tally{kinds: map[string]int{}} }

// note counts a fault.
func (c *tally) note(kind string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kinds[kind]++
}

// await waits for some applies, for a time at most, or for the end. It reports false at the
// end.
func (c *tally) await(ended <-chan struct{}, applies int64, most time.Duration) bool {
	return etcdtest.AwaitMore(ended, &c.applies, applies, most)
}

// report describes the outcome of a run.
func (c *tally) report() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	total := 0
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(c.kinds)) {
		total += c.kinds[kind]
		kinds = append(kinds, fmt.Sprintf("  %6d  %s", c.kinds[kind], kind))
	}
	return fmt.Sprintf("applies     %d\nunknown     %d of them reported an unknown outcome\nrefreshes   %d failed and changed no state\n"+
		"faults      %d\n%s\nviolations  %d\n",
		c.applies.Load(), c.unknown.Load(), c.refused.Load(), total, strings.Join(kinds, "\n"), c.violations.Load())
}

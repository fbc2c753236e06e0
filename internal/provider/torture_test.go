package provider

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// The torture of the provider: random configurations are planned and applied while requests and
// nodes meet faults, applies are interrupted and a rival writes. After each apply the state, the
// store and the errors must agree. SEED and COUNT are those of the random trees, and STEPS is the
// number of applies for each seed. With NODES=0 the nodes meet no faults.

// tortured is a provider under faults.
type tortured struct {
	bystander
	*tally

	seed uint64
	rng  *rand.Rand
	// faulty reaches the servers through proxies with faults.
	faulty  *direct
	proxies []*etcdtest.Proxy
	outages *outages
	// pending are the objects that were changed, and not yet applied again without faults.
	pending []*torturedObject
}

// newTortured returns a provider for servers behind proxies of its own.
func newTortured(t *testing.T, servers []*etcdtest.Server, o *outages, count *tally) *tortured {
	t.Helper()
	w := &tortured{bystander: bystander{servers}, tally: count, outages: o}
	var urls []string
	for _, server := range servers {
		proxy := etcdtest.NewProxy(t, server.URL())
		w.proxies, urls = append(w.proxies, proxy), append(urls, proxy.URL())
	}
	attributes := endpoint("")
	attributes["endpoints"] = urls
	attributes["retry"] = map[string]any{"max_attempts": 4, "min_delay": "1ms", "max_delay": "20ms"}
	if len(servers) > 1 {
		// A node that is stopped answers nothing, and one without a quorum answers late.
		attributes["request_timeout"] = "1s"
	}
	w.faulty = newDirect(t, attributes)
	return w
}

// run changes the objects of a random configuration for some steps.
func (w *tortured) run(t *testing.T, seed uint64, steps int) {
	t.Helper()
	w.seed, w.rng = seed, rand.New(rand.NewPCG(seed, 16))
	w.injectFaults()
	w.outages.quiet.RLock()
	objects := w.objects(t)
	w.outages.quiet.RUnlock()
	for range steps {
		idle := slices.DeleteFunc(slices.Clone(objects), func(o *torturedObject) bool { return slices.Contains(w.pending, o) })
		if len(idle) == 0 {
			w.settle(t, true)
			idle = objects
		}
		w.step(t, idle[w.rng.IntN(len(idle))])
		w.settle(t, false)
	}
	w.settle(t, true)
}

// settle converges the objects that were changed, if no node has a fault. It waits for that only
// if it must.
func (w *tortured) settle(t *testing.T, must bool) {
	t.Helper()
	if must {
		w.outages.quiet.RLock()
	} else if !w.outages.quiet.TryRLock() {
		return
	}
	defer w.outages.quiet.RUnlock()
	for _, o := range w.pending {
		w.converge(t, o)
	}
	w.pending = nil
}

// restarted returns a new provider, like the one that a CLI starts for each plan.
func (d *direct) restarted(t *testing.T) *direct {
	t.Helper()
	next := &direct{server: newServer(), schemas: d.schemas, attributes: d.attributes}
	next.configure(t.Context(), t, next.server)
	return next
}

// step changes one object under faults, and checks the outcome.
func (w *tortured) step(t *testing.T, o *torturedObject) {
	t.Helper()
	want := o.next(w.rng)
	w.faulty = w.faulty.restarted(t)
	for _, proxy := range w.proxies {
		proxy.Reset()
	}
	if !w.refresh(t, o) || want == nil && !o.managed.exists() {
		return
	}
	before := o.managed
	planned, config := w.faulty.plan(t, before, want)
	w.wantNoSecret(t, o, errorText(planned.Diagnostics), string(planned.PlannedState.MsgPack), string(planned.PlannedPrivate))
	if errorText(planned.Diagnostics) != "" || undynamic(t, config.Type(), planned.PlannedState).Equal(before.state) {
		return
	}
	o.want, w.pending = want, append(w.pending, o)
	shown := o.onServer(t)
	if w.rng.IntN(4) == 0 && !w.meddle(t, o) {
		return // The answer was lost: what the rival wrote may arrive at any time.
	}
	theirs := o.onServer(t)
	ctx, cancel := t.Context(), context.CancelFunc(func() {})
	if w.rng.IntN(6) == 0 {
		w.note("apply interrupted")
		ctx, cancel = context.WithTimeout(ctx, time.Duration(w.rng.IntN(10_000))*time.Microsecond)
	} else if w.rng.IntN(3) == 0 {
		w.outages.await(t)
	}
	after, diags := w.faulty.applyDiags(ctx, t, before, planned, config)
	cancel()
	w.applies.Add(1)
	o.managed = after
	w.wantNoSecret(t, o, fmt.Sprint(allText(diags)), fmt.Sprint(after.state), string(after.private))
	errs := strings.Join(strings.Fields(errorText(diags)), " ")
	w.check(t, o, applied{before: before, after: after, shown: shown, theirs: theirs, errs: errs, warned: warnings(diags)})
}

// refresh reads an object again before a plan. It reports false if that fails.
func (w *tortured) refresh(t *testing.T, o *torturedObject) bool {
	t.Helper()
	before := o.managed
	if !before.exists() {
		return true
	}
	after, errs := w.faulty.refresh(t, before)
	w.wantNoSecret(t, o, errs)
	if errs != "" {
		w.refused.Add(1)
		if !after.state.Equal(before.state) {
			w.violate(t, o, "a failed refresh changed the state: %s", errs)
		}
		return false
	}
	o.managed = after
	found := o.onServer(t)
	if !after.exists() && o.isThere(found) {
		w.violate(t, o, "a refresh takes the object for gone, and the server has %v", found)
	}
	if after.exists() && o.recorded != nil {
		for path, has := range o.recorded(t, after) {
			if !has.is(found[path]) {
				w.violate(t, o, "a refresh read %v at %s, and the server has %v", has, path, found[path])
			}
		}
	}
	return true
}

// State and store agree after each apply under faults, or the apply says what is unknown.
func TestTorture(t *testing.T) {
	t.Parallel()
	count := newTally()
	t.Run("requests", func(t *testing.T) {
		t.Parallel()
		server := etcdtest.Shared(t)
		etcdtest.EachSeed(t, 3, func(t *testing.T, seed uint64) {
			t.Helper()
			newTortured(t, []*etcdtest.Server{server}, newOutages(), count).run(t, seed, etcdtest.Setting(t, "STEPS", 60))
		})
	})
	if etcdtest.Setting(t, "NODES", 1) != 0 {
		t.Run("nodes", func(t *testing.T) {
			t.Parallel()
			tortureNodes(t, count)
		})
	}
	t.Cleanup(func() {
		report := count.report()
		t.Logf("\n%s", report)
		if dir := os.Getenv("REPORT"); dir != "" {
			_ = os.WriteFile(filepath.Join(dir, "provider.txt"), []byte(report), 0o600) // the report is in the log too
		}
	})
}

// tortureNodes makes random configurations on three nodes that meet faults too. Without COUNT it is
// a short pass with a fault or two that leave the cluster its quorum.
func tortureNodes(t *testing.T, count *tally) {
	t.Helper()
	o, steps := newOutages(), etcdtest.Setting(t, "STEPS", 60)
	o.faults = etcdtest.NodeFaults()
	seeds := etcdtest.Setting(t, "COUNT", 0)
	if seeds == 0 {
		seeds, steps, o.faults, o.most = atOnce, 8, o.faults[:2], 2
	}
	cluster := etcdtest.StartCluster(t, 3, etcdtest.WithPeerProxies())
	first, next := uint64(etcdtest.Setting(t, "SEED", 1)), make(chan uint64)
	var proxies []*etcdtest.Proxy
	var working sync.WaitGroup
	for range min(seeds, atOnce) {
		w := newTortured(t, cluster.Servers, o, count)
		proxies = append(proxies, w.proxies...)
		working.Go(func() {
			for seed := range next {
				t.Run(fmt.Sprintf("SEED=%d", seed), func(t *testing.T) { w.run(t, seed, steps) })
			}
		})
	}
	working.Go(func() {
		for seed := first; seed < first+uint64(seeds); seed++ {
			next <- seed
		}
		close(next)
	})
	ended := make(chan struct{})
	go func() { working.Wait(); close(ended) }()
	defer working.Wait()
	o.happen(t, ended, &etcdtest.Nemesis{Cluster: cluster, Proxies: proxies, Rand: rand.New(rand.NewPCG(first, 1)), Faults: o.faults}, count)
}

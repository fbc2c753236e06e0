package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// requestTimeout is how long a request may take, and so the cost of a request that hangs.
const requestTimeout = 500 * time.Millisecond

// settings are the parameters of a run.
type settings struct {
	seed   uint64
	faults int
	// limit ends a run that has met too few faults by then.
	limit time.Duration
	// heavy are the faults of nodes, applied in turn and from the beginning again; nil means
	// none.
	heavy []etcdtest.NodeFault
	// dir is the directory for the histories that fail.
	dir string
}

// run is one torture run.
type run struct {
	settings

	began    time.Time
	cluster  *etcdtest.Cluster
	proxies  []*etcdtest.Proxy
	injector *injector
	// slots are the slots of keys, and trees those of directories with their contents.
	slots   []*slot
	trees   []*slot
	indexes indexes
	inOrder inOrder
	locks   lockLog
	events  eventLog
	// ended is closed when there were enough faults.
	ended context.Context //nolint:containedctx // It is the end of the run, not of a call.
	end   context.CancelFunc

	calls, unknown, settled, checked, undecided atomic.Int64

	mu         sync.Mutex
	violations []string
	broken     map[promise]int
}

// slot contains the key or the tree in use.
type slot struct {
	number int
	isTree bool
	mu     sync.Mutex
	made   int
	now    *subject
}

// hiddenSlot is the slot of a key that no listing shows.
const hiddenSlot = 0

// slotCount is how many keys are in use at a time, and treeCount how many trees.
const (
	slotCount = 6
	treeCount = 2
)

// current returns the key that is in use, for a call that is about to begin.
func (s *slot) current() *subject {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.now == nil || !s.now.begin() {
		s.made++
		name := fmt.Sprintf("k%d-%d", s.number, s.made)
		if s.number == hiddenSlot {
			name = "_" + name
		}
		if s.isTree {
			name = "tree" + name
		}
		s.now = &subject{key: "/torture/" + name, isTree: s.isTree}
	}
	return s.now
}

// now returns the time since the run began.
func (r *run) now() int64 { return time.Since(r.began).Nanoseconds() }

// violate records a broken promise, and ends the run.
func (r *run) violate(p promise, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken[p]++
	r.violations = append(r.violations, fmt.Sprintf(format, args...))
	r.end()
}

// torture makes a run and returns its report.
func torture(t *testing.T, s settings) *run {
	t.Helper()
	r := &run{settings: s, broken: map[promise]int{}, cluster: etcdtest.StartCluster(t, 3, etcdtest.WithPeerProxies())}
	r.ended, r.end = context.WithTimeout(t.Context(), s.limit)
	defer r.end()
	r.began = time.Now()
	r.injector = &injector{seed: s.seed, now: r.now, count: map[fault]int{}, most: s.faults, enough: r.end}
	for _, server := range r.cluster.Servers {
		proxy := etcdtest.NewProxy(t, server.URL())
		proxy.Inject(etcdtest.Rule{Action: r.injector.act})
		r.proxies = append(r.proxies, proxy)
	}
	for i := range slotCount {
		r.slots = append(r.slots, &slot{number: i})
	}
	for i := range treeCount {
		r.trees = append(r.trees, &slot{number: slotCount + i, isTree: true})
	}
	var workers sync.WaitGroup
	for _, work := range r.workers(t) {
		workers.Go(work.loop)
	}
	r.nemesis(t)
	<-r.ended.Done()
	r.nodes().Heal(t)
	workers.Wait()
	r.finish(t)
	return r
}

// finish checks what can only be checked at the end.
func (r *run) finish(t *testing.T) {
	t.Helper()
	for _, s := range slices.Concat(r.slots, r.trees) {
		if s.now != nil && !s.now.isRetired() {
			r.check(s.now)
		}
	}
	r.checkInOrder()
	for _, fault := range slices.Concat(r.indexes.faults(), r.events.faults(r.indexes.all())) {
		r.violate(disordered, "%s", fault)
	}
}

// check checks the history of a key that is no longer used, and deletes the key. The last
// call of the history reads what is left.
func (r *run) check(s *subject) {
	start := r.now()
	if answer, err := r.finalRead(s.key); err == nil {
		r.addFinal(s, start, answer)
	}
	history := s.closed()
	result, info := check(history)
	switch result {
	case porcupine.Ok:
		r.checked.Add(1)
	case porcupine.Unknown:
		r.undecided.Add(1)
	case porcupine.Illegal:
		kept := r.keep(s.key, history, info)
		r.violate(contradictory, "%s: the answers to its %d calls contradict each other: see %s", s.key, len(history), kept)
	}
	// The key only takes up space.
	whole := url.Values{"recursive": {"true"}}
	_, _ = r.anyServer().Try(r.ended, etcdtest.Call{Method: http.MethodDelete, Path: "/v2/keys" + s.key, Query: whole})
}

// keep saves the picture of the shortest history that fails.
func (r *run) keep(key string, history []porcupine.Operation, info porcupine.LinearizationInfo) string {
	if part := shortest(history); len(part) < len(history) {
		if result, partInfo := check(part); result == porcupine.Illegal {
			history, info = part, partInfo
		}
	}
	if err := os.MkdirAll(r.dir, 0o750); err != nil {
		return err.Error()
	}
	base := filepath.Join(r.dir, fmt.Sprintf("seed-%d%s", r.seed, strings.ReplaceAll(key, "/", "-")))
	var lines []string
	for _, o := range history {
		lines = append(lines, fmt.Sprintf("%10.6f %10.6f  %3d  %v: %v",
			time.Duration(o.Call).Seconds(), time.Duration(o.Return).Seconds(), o.ClientId, o.Input, o.Output))
	}
	if err := os.WriteFile(base+".txt", []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return err.Error()
	}
	if err := porcupine.VisualizePath(modelOf(history), info, base+".html"); err != nil {
		return err.Error()
	}
	return base + ".html"
}

// addFinal adds what is left of a key or a tree to its history.
func (r *run) addFinal(s *subject, start int64, answer *etcdtest.Answer) {
	if s.isTree {
		s.addTree(lastClient, rawListing(s.key, answer, start, r.now()), treeOutput{result: resultDone})
		return
	}
	s.add(lastClient, input{op: opGet, start: start, end: r.now()}, rawOutput(answer.Status, answer.Body))
}

// finalRead reads a key or a tree from the server, and tries until it succeeds.
func (r *run) finalRead(key string) (*etcdtest.Answer, error) {
	var lastErr error
	for range 40 {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		query := url.Values{"quorum": {"true"}, "recursive": {"true"}}
		answer, err := r.anyServer().Try(ctx, etcdtest.Call{Path: "/v2/keys" + key, Query: query})
		cancel()
		if err == nil && (answer.OK() || etcdv2.Code(answer.ErrorCode) == etcdv2.CodeKeyNotFound) {
			return answer, nil
		}
		lastErr = err
	}
	return nil, fmt.Errorf("%s cannot be read at the end: %w", key, lastErr)
}

// anyServer returns one of the nodes.
func (r *run) anyServer() *etcdtest.Server { return r.cluster.Servers[rand.IntN(3)] }

// faultsMet returns how many faults there were.
func (r *run) faultsMet() int {
	_, total := r.injector.counts()
	return total
}

// report describes the outcome of a run.
func (r *run) report() string {
	lines, total := r.injector.counts()
	r.mu.Lock()
	defer r.mu.Unlock()
	head := []string{
		fmt.Sprintf("seed        %d", r.seed),
		fmt.Sprintf("duration    %s", time.Since(r.began).Round(time.Second)),
		fmt.Sprintf("calls       %d", r.calls.Load()),
		fmt.Sprintf("unknown     %d calls reported an unknown outcome", r.unknown.Load()),
		fmt.Sprintf("settled     %d calls lost an answer and know their outcome", r.settled.Load()),
		fmt.Sprintf("histories   %d checked, %d not decided within %s", r.checked.Load(), r.undecided.Load(), checkTime),
		fmt.Sprintf("locks       %d times held", r.locks.count()),
		fmt.Sprintf("in order    %d keys", r.inOrder.count()),
		"watched     " + r.events.String(),
		fmt.Sprintf("faults      %d", total),
	}
	tail := []string{fmt.Sprintf("violations  %d", len(r.violations))}
	for _, p := range promises {
		tail = append(tail, fmt.Sprintf("  %6d  %s", r.broken[p], p))
	}
	for _, violation := range r.violations {
		tail = append(tail, "  "+violation)
	}
	return strings.Join(append(append(head, lines...), tail...), "\n") + "\n"
}

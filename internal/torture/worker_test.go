package torture

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

const (
	// phantomClient and lastClient make the calls that no worker makes: requests that were
	// delivered twice or late, and the read at the end.
	phantomClient = 90
	lastClient    = 99
)

// worker makes one call after the other.
type worker struct {
	*run

	number int
	rng    *rand.Rand
	rate   float64
	client *etcdv2.Client
	keys   *etcdv2.KeysService
	http   *http.Client
	// seen is what the worker has last seen of the key in each slot.
	seen map[*subject]*etcdv2.Node
	made int
	// ticks is how often the worker has read the clock.
	ticks int
	step  func(*worker)
}

// workers returns the workers of a run.
func (r *run) workers(t *testing.T) []*worker {
	t.Helper()
	kinds := []struct {
		step func(*worker)
		rate float64
	}{
		{(*worker).callClient, faultRate},
		{(*worker).callClient, faultRate},
		{(*worker).callStore, faultRate},
		{(*worker).callStore, faultRate},
		{(*worker).rival, faultRate / 4},
		{(*worker).callTree, faultRate},
		{(*worker).callTree, faultRate},
		{(*worker).callTree, faultRate / 4},
		{(*worker).callInOrder, faultRate},
		{(*worker).callLock, faultRate / 2},
		{(*worker).callLock, faultRate / 2},
		{(*worker).callLock, faultRate / 2},
		{(*worker).callWatch, faultRate},
	}
	workers := make([]*worker, len(kinds))
	for i, kind := range kinds {
		base := &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true}
		t.Cleanup(base.CloseIdleConnections)
		var endpoints []string
		for j := range r.proxies {
			endpoints = append(endpoints, r.proxies[(i+j)%len(r.proxies)].URL())
		}
		client, err := etcdv2.New(etcdv2.Options{
			Endpoints: endpoints, Transport: tracer{base}, RequestTimeout: requestTimeout, ConnectTimeout: requestTimeout,
			SettleTime: 6 * requestTimeout, Retry: etcdv2.RetryPolicy{MaxAttempts: 4, MinDelay: time.Millisecond, MaxDelay: 20 * time.Millisecond},
		})
		if err != nil {
			t.Fatal(err)
		}
		workers[i] = &worker{
			run: r, number: i, rng: rand.New(rand.NewPCG(r.seed, uint64(1000+i))), rate: kind.rate, client: client, keys: client.Keys,
			http: &http.Client{Transport: tracer{base}, Timeout: requestTimeout}, seen: map[*subject]*etcdv2.Node{}, step: kind.step,
		}
	}
	return workers
}

// loop works until the run ends.
func (w *worker) loop() {
	for w.ended.Err() == nil {
		w.step(w)
	}
}

// caller makes a call for one key and returns the node.
type caller func(ctx context.Context) (*etcdv2.Node, error)

// newTrace begins a call.
func (w *worker) newTrace() *trace {
	w.made++
	w.calls.Add(1)
	t := &trace{id: uint64(w.number)<<40 | uint64(w.made), rate: w.rate}
	w.injector.traces.add(t)
	return t
}

// attempted is a call that was made, with its requests.
type attempted struct {
	start, end int64
	attempts   []attempt
	// lost reports whether the answer to a write of this call was lost on the way, and
	// surelyLost whether the client must have noticed.
	lost, surelyLost bool
}

// make makes a call. Some callers are interrupted.
func (w *worker) make(do func(ctx context.Context)) attempted {
	t := w.newTrace()
	ctx, cancel := context.WithCancel(traced(context.Background(), t))
	defer cancel()
	if w.rng.IntN(8) == 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(w.rng.IntN(15000))*time.Microsecond)
		defer cancel()
	}
	m := attempted{start: w.now()}
	do(ctx)
	m.end = w.now()
	m.attempts = t.finish()
	w.injector.traces.remove(t)
	for _, a := range m.attempts {
		m.lost = m.lost || a.lost && a.isWrite() && (a.connected || a.seen)
		m.surelyLost = m.surelyLost || a.lost && a.isWrite() && a.seen
	}
	return m
}

// call makes a call, and adds it and its requests to the history of the key.
func (w *worker) call(s *subject, in input, do caller) (node *etcdv2.Node, err error) {
	in.known = s.knownIndex()
	m := w.make(func(ctx context.Context) { node, err = do(ctx) })
	in.start, in.end, in.lost, in.surelyLost = m.start, m.end, m.lost, m.surelyLost
	w.note(s, in, m.attempts, node, err)
	return node, err
}

// note adds the outcome of a call to the history.
func (w *worker) note(s *subject, in input, attempts []attempt, node *etcdv2.Node, err error) {
	out := output{result: resultOf(err)}
	if node != nil && err == nil {
		out.content, out.index = content{node.Value, node.HasTTL()}, node.ModifiedIndex
	}
	switch {
	case out.result == resultUnknown:
		w.unknown.Add(1)
		in.end = never
	case in.lost && out.result != resultFailed:
		w.settled.Add(1)
	}
	if out.result == resultFailed && in.surelyLost && in.isClientCall() {
		w.violate(concealed, "%s: the answer to %s was lost, and the error does not say that its outcome is unknown: %v; %s",
			s.key, in, err, describe(attempts))
	}
	if out.result != resultFailed {
		s.add(w.number, in, out)
		w.indexes.add(s.key, in, out)
	}
	w.addPhantoms(s, in, out, attempts)
}

// describe describes the requests of a call.
func describe(attempts []attempt) string {
	var lines []string
	for i, a := range attempts {
		lines = append(lines, fmt.Sprintf("request %d: %s of %s by %s, %s, sent %t, answered %t, lost %t, connected %t",
			i, a.request.Method, time.Duration(a.start), time.Duration(a.end), cmp.Or(a.fault, "no fault"), a.sent, a.answered, a.lost, a.connected))
	}
	return strings.Join(lines, "; ")
}

// isClientCall reports whether a call uses the client and not the key space.
func (in input) isClientCall() bool {
	switch in.op {
	case opAdopt, opUpdateSeen, opRemoveSeen, opRenewSeen:
		return false
	default:
		return true
	}
}

// addPhantoms adds requests that can have been applied although the call does not report them:
// those that were delivered twice, those with an unknown outcome before the call met a
// conflict or found what it wanted, and creates that arrive late, after another caller has
// deleted the key.
func (w *worker) addPhantoms(s *subject, in input, out output, attempts []attempt) {
	indexes := map[uint64]bool{}
	for _, a := range attempts {
		if !a.mayBeApplied() {
			continue
		}
		raw := rawInput(a.request)
		raw.start, raw.end = cmp.Or(a.start, in.start), in.end
		if !a.answered {
			raw.end = never
		}
		if a.twice {
			answer, isFinal := finalOutput(a.second)
			again := raw
			if again.end = a.end; !isFinal {
				again.end = never
			}
			s.add(phantomClient, again, answer)
		}
		switch {
		case !a.lost && a.answered:
		case raw.op == opCreate:
			s.add(phantomClient+1, raw, output{result: resultUnknown})
		case raw.index == 0 || indexes[raw.index]:
		case in.isClientCall() && out.result == resultUnknown:
		default:
			indexes[raw.index] = true
			s.add(phantomClient+1, raw, output{result: resultUnknown})
		}
	}
}

// resultOf classifies an error.
func resultOf(err error) result {
	switch {
	case err == nil:
		return resultDone
	case errors.Is(err, etcdv2.ErrOutcomeUnknown):
		return resultUnknown
	case errors.Is(err, etcdv2.ErrExists):
		return resultExists
	case errors.Is(err, etcdv2.ErrCompareFailed):
		return resultChanged
	case errors.Is(err, etcdv2.ErrNotFound):
		return resultGone
	case errors.Is(err, etcdv2.ErrDirNotEmpty):
		return resultFull
	default:
		return resultFailed
	}
}

// value returns a value: one that only this worker writes, or one that several write.
func (w *worker) value() string {
	if w.rng.IntN(5) < 2 {
		return string(rune('a' + w.rng.IntN(3)))
	}
	return w.ownValue()
}

// ownValue returns a value that no other call writes.
func (w *worker) ownValue() string { return fmt.Sprintf("w%d-%d", w.number, w.made) }

// ttl returns a TTL in seconds, usually none.
func (w *worker) ttl() *int64 {
	var ttl int64
	switch w.rng.IntN(8) {
	case 0:
		ttl = 1
	case 1:
		ttl = 60
	default:
		return nil
	}
	return &ttl
}

// with calls f with a key in use.
func (w *worker) with(s *slot, f func(s *subject)) {
	subject := s.current()
	f(subject)
	if subject.done() {
		delete(w.seen, subject)
		w.check(subject)
	}
	for old := range w.seen {
		if len(w.seen) > 4*slotCount && old.isRetired() {
			delete(w.seen, old)
		}
	}
}

// anySlot returns the place of a key.
func (w *worker) anySlot() *slot { return w.slots[w.rng.IntN(len(w.slots))] }

// look reads a key and remembers it.
func (w *worker) look(s *subject) *etcdv2.Node {
	node, err := w.call(s, input{op: opGet}, func(ctx context.Context) (*etcdv2.Node, error) {
		resp, err := w.keys.Get(ctx, s.key, etcdv2.GetOptions{})
		if err != nil {
			return nil, err
		}
		return resp.Node, nil
	})
	w.remember(s, node, err)
	return w.seen[s]
}

// remember keeps what a call has shown about a key.
func (w *worker) remember(s *subject, node *etcdv2.Node, err error) {
	switch {
	case err == nil && node != nil:
		w.seen[s] = node
	case errors.Is(err, etcdv2.ErrNotFound):
		delete(w.seen, s)
	}
}

// last returns what was last seen of a key, possibly a while ago.
func (w *worker) last(s *subject) *etcdv2.Node {
	if w.seen[s] == nil || w.rng.IntN(4) == 0 {
		return w.look(s)
	}
	return w.seen[s]
}

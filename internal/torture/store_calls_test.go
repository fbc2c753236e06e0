package torture

import (
	"context"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// callStore makes one call of the key space.
func (w *worker) callStore() {
	if w.rng.IntN(6) == 0 {
		w.refreshAll()
		return
	}
	w.with(w.anySlot(), func(s *subject) {
		switch n := w.rng.IntN(100); {
		case n < 25:
			w.storeCreate(s)
		case n < 55:
			w.storeUpdate(s, w.store())
		case n < 75:
			w.storeRemove(s)
		case n < 88:
			w.storeRenew(s)
		default:
			w.replace(s)
		}
	})
}

// store returns the store of an object in a run of its own.
func (w *worker) store() *keyspace.Store { return keyspace.NewStore(w.keys, nil, w.newRun()) }

// newRun returns a run with the clock of the process, which the nemesis shifts.
func (w *worker) newRun() *keyspace.Run {
	r := keyspace.NewRun()
	r.SetClock(w.clock)
	return r
}

// clock is off by the shift of the nemesis, alternately forward and back.
func (w *worker) clock() time.Time {
	w.ticks++
	shift := time.Duration(clockShift.Load())
	if w.ticks%2 == 0 {
		shift = -shift
	}
	return time.Now().Round(0).Add(shift)
}

// refreshAll reads every key like a plan, through listings. The content in an answer may be as
// old as the plan, but a key must not be reported as absent wrongly.
func (w *worker) refreshAll() {
	began := w.now()
	ahead := keyspace.NewReadAhead(w.keys)
	ahead.SetClock(w.clock)
	store := keyspace.NewStore(w.keys, ahead, w.newRun())
	for _, i := range w.rng.Perm(len(w.slots)) {
		w.with(w.slots[i], func(s *subject) {
			node, err := w.call(s, input{op: opGet, planned: began}, func(ctx context.Context) (*etcdv2.Node, error) {
				return store.ReadKey(ctx, s.key)
			})
			w.remember(s, node, err)
		})
	}
}

func (w *worker) storeCreate(s *subject) {
	in := input{op: opCreate, value: w.value()}
	adopt := w.rng.IntN(4) == 0
	if adopt {
		in.op = opAdopt
	}
	want := keyspace.Wanted{Value: in.value, TTL: w.ttl()}
	in.ttl = seconds(want.TTL)
	store := w.store()
	node, err := w.call(s, in, func(ctx context.Context) (*etcdv2.Node, error) { return store.Create(ctx, s.key, want, adopt) })
	w.remember(s, node, err)
}

// seenBy returns what the key space gets to know about a key that was seen.
func seenBy(node *etcdv2.Node) (keyspace.Seen, content) {
	return keyspace.SeenIn(node), content{node.Value, node.HasTTL()}
}

// storeUpdate writes a key that is still what was seen, and returns the written node.
func (w *worker) storeUpdate(s *subject, store *keyspace.Store) *etcdv2.Node {
	node := w.last(s)
	if node == nil {
		return nil
	}
	before, seen := seenBy(node)
	want := keyspace.Wanted{Value: w.value(), TTL: w.ttl()}
	in := input{op: opUpdateSeen, value: want.Value, ttl: seconds(want.TTL), index: before.Index, seen: seen}
	written, err := w.call(s, in, func(ctx context.Context) (*etcdv2.Node, error) { return store.Update(ctx, s.key, before, want) })
	w.remember(s, written, err)
	if err != nil {
		return nil
	}
	return written
}

func (w *worker) storeRemove(s *subject) {
	node := w.last(s)
	if node == nil {
		return
	}
	before, seen := seenBy(node)
	store := w.store()
	_, err := w.call(s, input{op: opRemoveSeen, index: before.Index, seen: seen}, func(ctx context.Context) (*etcdv2.Node, error) {
		return nil, store.Remove(ctx, s.key, before)
	})
	w.forget(s, err)
}

func (w *worker) storeRenew(s *subject) {
	node := w.last(s)
	if node == nil {
		return
	}
	before, seen := seenBy(node)
	ttl := int64(1 + 59*w.rng.IntN(2))
	store := w.store()
	in := input{op: opRenewSeen, ttl: ttl, index: before.Index, seen: seen}
	renewed, err := w.call(s, in, func(ctx context.Context) (*etcdv2.Node, error) { return store.SetTTL(ctx, s.key, before, &ttl) })
	w.remember(s, renewed, err)
}

// replace makes a new instance write a key, and the deposed one delete it in the same run. The
// deletion must leave the key alone.
func (w *worker) replace(s *subject) {
	r := w.newRun()
	written := w.storeUpdate(s, keyspace.NewStore(w.keys, nil, r))
	if written == nil {
		return
	}
	before, seen := seenBy(written)
	deposed := keyspace.NewStore(w.keys, nil, r)
	var err error
	_, _ = w.call(s, input{op: opRemoveSeen, index: before.Index, seen: seen}, func(ctx context.Context) (*etcdv2.Node, error) {
		err = deposed.Remove(ctx, s.key, before)
		return nil, err
	})
	if err == nil {
		w.violate(overwritten, "%s: a deposed instance deleted the key that its run had written", s.key)
	}
}

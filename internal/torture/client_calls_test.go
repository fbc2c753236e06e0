package torture

import (
	"context"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// callClient makes one call of the client.
func (w *worker) callClient() {
	w.with(w.anySlot(), func(s *subject) {
		switch n := w.rng.IntN(100); {
		case n < 15:
			w.look(s)
		case n < 35:
			w.create(s)
		case n < 60:
			w.swap(s)
		case n < 65:
			w.set(s, opSet, w.keys.Set)
		case n < 70:
			w.set(s, opUpdate, w.keys.Update)
		case n < 85:
			w.remove(s)
		case n < 88:
			w.delete(s)
		default:
			w.refresh(s)
		}
	})
}

// nodeOf returns the node of an answer.
func nodeOf(resp *etcdv2.Response, err error) (*etcdv2.Node, error) {
	if err != nil {
		return nil, err
	}
	return resp.Node, nil
}

func seconds(ttl *int64) int64 {
	if ttl == nil {
		return 0
	}
	return *ttl
}

func (w *worker) create(s *subject) {
	value, ttl := w.value(), w.ttl()
	node, err := w.call(s, input{op: opCreate, value: value, ttl: seconds(ttl)}, func(ctx context.Context) (*etcdv2.Node, error) {
		return nodeOf(w.keys.Create(ctx, s.key, value, etcdv2.CreateOptions{WriteOptions: etcdv2.WriteOptions{TTL: ttl}}))
	})
	w.remember(s, node, err)
}

func (w *worker) set(
	s *subject, op op, write func(ctx context.Context, key, value string, opts etcdv2.WriteOptions) (*etcdv2.Response, error),
) {
	value, ttl := w.value(), w.ttl()
	node, err := w.call(s, input{op: op, value: value, ttl: seconds(ttl)}, func(ctx context.Context) (*etcdv2.Node, error) {
		return nodeOf(write(ctx, s.key, value, etcdv2.WriteOptions{TTL: ttl}))
	})
	w.remember(s, node, err)
}

// condition returns a condition on what was last seen of a key: mostly its index,
// sometimes its value, sometimes both.
func (w *worker) condition(s *subject) (cond etcdv2.Condition, ok bool) {
	seen := w.last(s)
	if seen == nil {
		return cond, false
	}
	switch w.rng.IntN(6) {
	case 0:
		return etcdv2.Condition{Value: seen.Value}, true
	case 1:
		return etcdv2.Condition{Index: seen.ModifiedIndex, Value: seen.Value}, true
	default:
		return etcdv2.Condition{Index: seen.ModifiedIndex}, true
	}
}

func (w *worker) swap(s *subject) {
	cond, ok := w.condition(s)
	if !ok {
		return
	}
	value, ttl := w.value(), w.ttl()
	if w.rng.IntN(5) == 0 {
		value, ttl = w.seen[s].Value, nil
	}
	in := input{op: opSwap, value: value, ttl: seconds(ttl), index: cond.Index, prev: cond.Value}
	node, err := w.call(s, in, func(ctx context.Context) (*etcdv2.Node, error) {
		return nodeOf(w.keys.CompareAndSwap(ctx, s.key, value, cond, etcdv2.WriteOptions{TTL: ttl}))
	})
	w.remember(s, node, err)
}

func (w *worker) remove(s *subject) {
	cond, ok := w.condition(s)
	if !ok {
		return
	}
	in := input{op: opRemove, index: cond.Index, prev: cond.Value}
	_, err := w.call(s, in, func(ctx context.Context) (*etcdv2.Node, error) {
		return deletedNode(w.keys.CompareAndDelete(ctx, s.key, cond))
	})
	w.forget(s, err)
}

// deletedNode returns what a delete shows: the index, unless a read found the key gone.
func deletedNode(resp *etcdv2.Response, err error) (*etcdv2.Node, error) {
	if err != nil || resp.Settled {
		return nil, err
	}
	return resp.Node, nil
}

// forget forgets a key that was deleted.
func (w *worker) forget(s *subject, err error) {
	if err == nil {
		delete(w.seen, s)
	}
}

func (w *worker) delete(s *subject) {
	_, err := w.call(s, input{op: opDelete}, func(ctx context.Context) (*etcdv2.Node, error) {
		return deletedNode(w.keys.Delete(ctx, s.key))
	})
	w.forget(s, err)
}

func (w *worker) refresh(s *subject) {
	seen := w.last(s)
	if seen == nil {
		return
	}
	ttl := int64(1 + 59*w.rng.IntN(2))
	in := input{op: opRefresh, ttl: ttl, index: seen.ModifiedIndex}
	node, err := w.call(s, in, func(ctx context.Context) (*etcdv2.Node, error) {
		return nodeOf(w.keys.Refresh(ctx, s.key, ttl, etcdv2.Condition{Index: seen.ModifiedIndex}))
	})
	w.remember(s, node, err)
}

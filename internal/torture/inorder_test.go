package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// inOrderDir is the directory of the keys in order, and orderedPerDir the number of calls
// that create keys in one directory before another is used.
const (
	inOrderDir    = "/torture-in-order"
	orderedPerDir = 100
)

// inOrder are the calls for keys in order with their outcomes.
type inOrder struct {
	mu    sync.Mutex
	calls map[string][]ordered
	total int
}

// ordered is a call for a key in order. most is how many keys it may have created, and key the
// one that it returned.
type ordered struct {
	value      string
	key        string
	least      int
	most       int
	start, end int64
}

func (o *inOrder) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.total
}

func (o *inOrder) add(dir string, call ordered) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.calls == nil {
		o.calls = map[string][]ordered{}
	}
	o.calls[dir] = append(o.calls[dir], call)
	o.total++
}

// callInOrder creates a key in order, with the client or with the key space.
func (w *worker) callInOrder() {
	dir := fmt.Sprintf("%s/%d", inOrderDir, w.made/orderedPerDir)
	t := w.newTrace()
	ctx := traced(context.Background(), t)
	call := ordered{value: fmt.Sprintf("v%d", w.made), start: w.now(), most: 1}
	var node *etcdv2.Node
	var err error
	if w.rng.IntN(3) == 0 {
		node, err = nodeOf(w.keys.CreateInOrder(ctx, dir, call.value, etcdv2.WriteOptions{}))
	} else {
		node, err = w.store().CreateInOrder(ctx, dir, keyspace.Wanted{Value: call.value})
	}
	call.end = w.now()
	attempts := t.finish()
	w.injector.traces.remove(t)
	for _, a := range attempts {
		if a.isWrite() && a.twice {
			call.most++
		}
		if a.isWrite() && a.lost && a.seen && err != nil && !errors.Is(err, etcdv2.ErrOutcomeUnknown) {
			w.violate(concealed, "%s: the answer to a create in order was lost, and the error does not report an unknown outcome: %v", dir, err)
		}
	}
	switch {
	case err == nil:
		call.key, call.least = node.Key, 1
	case errors.Is(err, etcdv2.ErrOutcomeUnknown):
		w.unknown.Add(1)
	default:
		call.most = 0
	}
	w.inOrder.add(dir, call)
}

// checkInOrder compares the contents of the directories with the outcomes of the calls.
func (r *run) checkInOrder() {
	r.inOrder.mu.Lock()
	defer r.inOrder.mu.Unlock()
	for dir, calls := range r.inOrder.calls {
		found, err := r.listInOrder(dir)
		if err != nil {
			r.violate(contradictory, "%s cannot be listed at the end: %v", dir, err)
			continue
		}
		for _, fault := range orderFaults(dir, calls, found) {
			r.violate(doubled, "%s", fault)
		}
	}
}

// listInOrder returns the keys of a directory by their values.
func (r *run) listInOrder(dir string) (map[string][]string, error) {
	var lastErr error
	for range 40 {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		answer, err := r.anyServer().Try(ctx, etcdtest.Call{Path: "/v2/keys" + dir, Query: map[string][]string{"quorum": {"true"}}})
		cancel()
		if err == nil && (answer.OK() || etcdv2.Code(answer.ErrorCode) == etcdv2.CodeKeyNotFound) {
			found := map[string][]string{}
			for _, node := range answer.Node.Nodes {
				found[node.Value] = append(found[node.Value], node.Key)
			}
			return found, nil
		}
		lastErr = errors.Join(err, fmt.Errorf("answer %s", mustJSON(answer)))
	}
	return nil, lastErr
}

func mustJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// orderFaults returns which keys are lost, doubled or out of order in a directory.
func orderFaults(dir string, calls []ordered, found map[string][]string) []string {
	var faults []string
	last := ordered{}
	for _, call := range calls {
		keys := found[call.value]
		switch isThere := slices.Contains(keys, call.key); {
		case call.key != "" && !isThere:
			faults = append(faults, fmt.Sprintf("%s: %s was created and does not exist", dir, call.key))
		case len(keys) < call.least || len(keys) > call.most:
			faults = append(faults, fmt.Sprintf("%s: a call created %d keys, want %d to %d: %v", dir, len(keys), call.least, call.most, keys))
		case call.key != "" && call.key <= last.key:
			faults = append(faults, fmt.Sprintf("%s: %s was created after %s", dir, call.key, last.key))
		}
		if call.key != "" {
			last = call
		}
	}
	return faults
}

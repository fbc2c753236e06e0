package torture

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// callTree makes one call for a directory or for a key in it, with the client or with the key
// space.
func (w *worker) callTree() {
	w.with(w.trees[w.rng.IntN(len(w.trees))], func(s *subject) {
		place := treeKeys[w.rng.IntN(len(treeKeys))]
		dir := treeRoot
		if w.rng.IntN(3) == 0 {
			dir = treeSub
		}
		switch n := w.rng.IntN(100); {
		case n < 20:
			w.list(s, dir, w.rng.IntN(2) == 0)
		case n < 38:
			w.treeCreate(s, place)
		case n < 43:
			w.treeSet(s, place)
		case n < 55:
			w.treeDelete(s, place)
		case n < 65:
			w.mkdir(s, dir)
		case n < 73:
			w.rmdir(s, dir, w.rng.IntN(3) == 0)
		case n < 85:
			w.removeDir(s, dir, w.rng.IntN(3) == 0)
		case n < 92:
			w.empty(s)
		case n < 97:
			w.removeKeys(s)
		default:
			w.updateDir(s, dir)
		}
	})
}

// treeCall makes a call with one write, and adds the claim of its answer.
func (w *worker) treeCall(s *subject, i treeIntent, do func(ctx context.Context) (claim treeInput, err error)) attempted {
	var claim treeInput
	var err error
	m := w.make(func(ctx context.Context) { claim, err = do(ctx) })
	w.noteTree(s, i, m)
	switch result := resultOf(err); {
	case result == resultUnknown:
		w.unknown.Add(1)
		return m
	case result == resultFailed:
		if m.surelyLost {
			w.violate(concealed, "%s: the answer to %v was lost, and the error does not say that its outcome is unknown: %v; %s",
				s.key, i.treeInput, err, describe(m.attempts))
		}
		return m
	case result != resultDone:
		claim = i.refused(result)
	}
	if m.lost {
		w.settled.Add(1)
	}
	w.claim(s, m, claim)
	if claim.op == treeHas && err != nil && i.value != "" {
		// It can have been the call's own write, if another caller has deleted that since.
		w.claim(s, m.afterLastWrite(), treeInput{op: treeIsNot, place: i.place, value: i.value})
	}
	return m
}

// afterLastWrite returns the part of a call from its last write on.
func (m attempted) afterLastWrite() attempted {
	for _, a := range m.attempts {
		if a.isWrite() && a.seen {
			m.start = a.start
		}
	}
	return m
}

// refused returns the claim of a refusal.
func (i treeIntent) refused(result result) treeInput {
	switch result {
	case resultExists:
		return treeInput{op: treeHas, place: i.place}
	case resultChanged:
		return treeInput{op: treeOther, place: i.place, index: i.index}
	case resultFull:
		return treeInput{op: treeFull, place: i.place}
	default:
		return treeInput{op: treeLacks, place: i.place}
	}
}

// list lists a directory, and remembers a listing of everything.
func (w *worker) list(s *subject, dir int, all bool) {
	w.treeCall(s, treeIntent{treeInput: treeInput{place: dir}}, func(ctx context.Context) (treeInput, error) {
		resp, err := w.keys.List(ctx, s.key+treePaths[dir], etcdv2.GetOptions{Recursive: all})
		if dir == treeRoot && (err != nil || all) {
			w.rememberTree(s, resp, err)
		}
		if err != nil {
			return treeInput{}, err
		}
		if !isSorted(resp.Node) {
			w.violate(disordered, "%s: a listing is not sorted: %s", s.key, mustJSON(resp.Node))
		}
		return listing(s.key, dir, resp.Node, all), nil
	})
}

func (w *worker) rememberTree(s *subject, resp *etcdv2.Response, err error) {
	switch {
	case err == nil:
		w.seen[s] = resp.Node
	case errors.Is(err, etcdv2.ErrNotFound):
		delete(w.seen, s)
	}
}

func isSorted(node *etcdv2.Node) bool {
	return slices.IsSortedFunc(node.Nodes, func(a, b *etcdv2.Node) int { return strings.Compare(a.Key, b.Key) }) &&
		!slices.ContainsFunc(node.Nodes, func(n *etcdv2.Node) bool { return !isSorted(n) })
}

// lastSeen returns a node as the last listing has shown it, nil if it did not.
func (w *worker) lastSeen(s *subject, place int) *etcdv2.Node {
	var found *etcdv2.Node
	eachNode(w.seen[s], func(n *etcdv2.Node) {
		if n.Key == s.key+treePaths[place] {
			found = n
		}
	})
	return found
}

func eachNode(node *etcdv2.Node, visit func(n *etcdv2.Node)) {
	if node == nil {
		return
	}
	visit(node)
	for _, child := range node.Nodes {
		eachNode(child, visit)
	}
}

// hasKey returns the claim of a written key.
func hasKey(place int, node *etcdv2.Node) treeInput {
	return treeInput{op: treeHas, place: place, value: node.Value, index: node.ModifiedIndex}
}

// hasDir returns the claim of a directory.
func hasDir(place int, node *etcdv2.Node) treeInput {
	return treeInput{op: treeHas, place: place, index: node.CreatedIndex}
}

func (w *worker) treeCreate(s *subject, place int) {
	value, inStore := w.ownValue(), w.rng.IntN(2) == 0
	w.treeCall(s, treeIntent{treeInput: treeInput{op: treeCreate, place: place, value: value}}, func(ctx context.Context) (treeInput, error) {
		node, err := w.createKey(ctx, s.key+treePaths[place], value, inStore)
		if err != nil {
			return treeInput{}, err
		}
		return hasKey(place, node), nil
	})
}

func (w *worker) createKey(ctx context.Context, key, value string, inStore bool) (*etcdv2.Node, error) {
	if inStore {
		return w.store().Create(ctx, key, keyspace.Wanted{Value: value}, false)
	}
	return nodeOf(w.keys.Create(ctx, key, value, etcdv2.CreateOptions{}))
}

func (w *worker) treeSet(s *subject, place int) {
	value := w.ownValue()
	w.treeCall(s, treeIntent{treeInput: treeInput{op: treeSet, place: place, value: value}}, func(ctx context.Context) (treeInput, error) {
		node, err := nodeOf(w.keys.Set(ctx, s.key+treePaths[place], value, etcdv2.WriteOptions{}))
		if err != nil {
			return treeInput{}, err
		}
		return hasKey(place, node), nil
	})
}

// treeDelete deletes a key that was listed at its index, or else any.
func (w *worker) treeDelete(s *subject, place int) {
	in := treeInput{op: treeDelete, place: place}
	if seen := w.lastSeen(s, place); seen != nil {
		in.index = seen.ModifiedIndex
	}
	w.treeCall(s, treeIntent{treeInput: in}, func(ctx context.Context) (treeInput, error) {
		var err error
		if in.index != 0 {
			_, err = w.keys.CompareAndDelete(ctx, s.key+treePaths[place], etcdv2.Condition{Index: in.index})
		} else {
			_, err = w.keys.Delete(ctx, s.key+treePaths[place])
		}
		return treeInput{op: treeLacks, place: place}, err
	})
}

func (w *worker) mkdir(s *subject, dir int) {
	in := treeInput{op: treeMkdir, place: dir}
	var ttl *int64
	if dir == treeRoot {
		ttl = w.ttl()
		in.ttl = seconds(ttl)
	}
	inStore := w.rng.IntN(2) == 0
	w.treeCall(s, treeIntent{treeInput: in}, func(ctx context.Context) (treeInput, error) {
		node, err := w.createDir(ctx, s.key+treePaths[dir], ttl, inStore)
		if err != nil {
			return treeInput{}, err
		}
		return hasDir(dir, node), nil
	})
}

func (w *worker) createDir(ctx context.Context, path string, ttl *int64, inStore bool) (*etcdv2.Node, error) {
	if inStore {
		return w.store().CreateDir(ctx, path, ttl, false)
	}
	return nodeOf(w.keys.CreateDir(ctx, path, etcdv2.CreateOptions{WriteOptions: etcdv2.WriteOptions{TTL: ttl}}))
}

func (w *worker) rmdir(s *subject, dir int, all bool) {
	i := treeIntent{treeInput: treeInput{op: treeRmdir, place: dir, all: all}}
	w.treeCall(s, i, func(ctx context.Context) (treeInput, error) {
		_, err := w.keys.DeleteDir(ctx, s.key+treePaths[dir], etcdv2.DeleteDirOptions{Recursive: all})
		return treeInput{op: treeLacks, place: dir}, err
	})
}

// updateDir tries to change the TTL of a directory. etcd 3.5 refuses that on every node and
// changes nothing, whether it is an update or a refresh, and sets, changes or removes the TTL.
// Older servers do it, which the model does not have.
func (w *worker) updateDir(s *subject, dir int) {
	if w.cluster.Servers[0].Version().Compare(etcdtest.Version{Major: 3, Minor: 5}) < 0 {
		return
	}
	path, ttl, seen, kind := s.key+treePaths[dir], w.ttl(), w.lastSeen(s, dir), w.rng.IntN(3)
	i := treeIntent{treeInput: treeInput{op: treeUpdate, place: dir}}
	var err error
	m := w.treeCall(s, i, func(ctx context.Context) (treeInput, error) {
		switch {
		case kind == 0:
			_, err = w.keys.Refresh(ctx, path, 60, etcdv2.Condition{})
		case kind == 1 && seen != nil:
			_, err = w.store().UpdateDir(ctx, path, keyspace.SeenDir{CreatedIndex: seen.CreatedIndex}, ttl)
		default:
			_, err = w.keys.UpdateDir(ctx, path, etcdv2.WriteOptions{TTL: ttl})
		}
		if errors.Is(err, etcdv2.ErrDirUpdate) {
			return treeInput{op: treeHas, place: dir}, nil
		}
		return treeInput{op: treeHas, place: dir}, err
	})
	// After a lost answer, a directory that has the TTL already counts as updated.
	if err == nil && !m.lost {
		w.violate(concealed, "%s: the TTL of a directory counts as changed", s.key)
	}
}

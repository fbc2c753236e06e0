package torture

import (
	"context"
	"errors"
	"maps"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// removeDir deletes a directory that is still the one that was listed. It can be replaced
// between the read and the deletion, because a server has no condition for directories, but
// it must have been that one before each request to delete it.
func (w *worker) removeDir(s *subject, dir int, force bool) {
	seen := w.lastSeen(s, dir)
	if seen == nil {
		w.list(s, treeRoot, true)
		return
	}
	i := treeIntent{treeInput: treeInput{op: treeRmdir, place: dir, all: force}}
	var err error
	m := w.make(func(ctx context.Context) {
		err = w.store().RemoveDir(ctx, s.key+treePaths[dir], keyspace.SeenDir{CreatedIndex: seen.CreatedIndex}, force)
	})
	w.noteTree(s, i, m)
	for _, a := range m.attempts {
		if a.isWrite() && a.seen {
			w.claim(s, attempted{start: m.start, end: a.start}, hasDir(dir, seen))
		}
	}
	w.claimRemoved(s, i, m, seen, err)
}

func (w *worker) claimRemoved(s *subject, i treeIntent, m attempted, seen *etcdv2.Node, err error) {
	refusal, _ := errors.AsType[*keyspace.Refusal](err)
	switch {
	case err == nil:
		w.claim(s, m, treeInput{op: treeLacks, place: i.place})
	case refusal != nil && refusal.Kind == keyspace.NotEmpty:
		w.claim(s, m, treeInput{op: treeFull, place: i.place})
	case refusal != nil && refusal.Kind == keyspace.Remade:
		w.claim(s, m, treeInput{op: treeOther, place: i.place, index: seen.CreatedIndex})
	case errors.Is(err, etcdv2.ErrOutcomeUnknown):
		w.unknown.Add(1)
	}
}

// empty reads everything in a directory and then deletes what it has read. Whatever is
// written in between has to stay.
func (w *worker) empty(s *subject) {
	var content *keyspace.Content
	m := w.make(func(ctx context.Context) { content, _ = w.store().ReadContent(ctx, s.key, nil) })
	if content == nil {
		return
	}
	w.claim(s, m, listing(s.key, treeRoot, content.Dir, true))
	if w.rng.IntN(2) == 0 {
		w.treeSet(s, treeKeys[w.rng.IntN(len(treeKeys))])
	}
	i := treeIntent{treeInput: treeInput{op: treeRemove}, listed: nodesByKey(content.Dir), exact: true}
	var emptied *keyspace.Emptied
	var err error
	m = w.make(func(ctx context.Context) { emptied, err = w.store().Empty(ctx, content, func(int) {}) })
	w.noteTree(s, i, m)
	if err == nil && len(emptied.Refusals) == 0 {
		w.claim(s, m, treeInput{op: treeLacks, place: treeRoot})
	}
}

func nodesByKey(root *etcdv2.Node) map[string]*etcdv2.Node {
	nodes := map[string]*etcdv2.Node{}
	eachNode(root, func(n *etcdv2.Node) { nodes[n.Key] = n })
	return nodes
}

// removeKeys deletes the keys that were listed, like a resource that owns them. A key that
// has changed or was added has to stay.
func (w *worker) removeKeys(s *subject) {
	root := w.seen[s]
	if root == nil {
		w.list(s, treeRoot, true)
		return
	}
	known := map[string]keyspace.Known{}
	for relative, node := range keyspace.NewTree(root).Keys {
		known[relative] = keyspace.Known{Note: keyspace.Note{Index: node.ModifiedIndex}, Value: node.Value}
	}
	writes := keyspace.Removals(s.key, maps.Clone(known))
	batch := keyspace.NewBatch(w.store(), s.key, known, false)
	m := w.make(func(ctx context.Context) { batch.Run(ctx, writes) })
	w.noteTree(s, treeIntent{treeInput: treeInput{op: treeRemove}, listed: nodesByKey(root)}, m)
	for _, write := range writes {
		if _, stays := batch.Known[write.Path]; !stays {
			w.claim(s, m, treeInput{op: treeLacks, place: placeOf(s.key, write.Key)})
		}
	}
}

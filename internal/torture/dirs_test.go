package torture

import (
	"context"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// callDir makes one call for a directory, with the client or with the key space.
func (w *worker) callDir() {
	w.with(w.dirs[w.rng.IntN(len(w.dirs))], func(s *subject) {
		seen := w.seen[s]
		switch n := w.rng.IntN(100); {
		case n < 30 || seen == nil && n < 50:
			w.dirCall(s, input{op: opGet}, func(ctx context.Context) (*etcdv2.Node, error) {
				return nodeOf(w.keys.List(ctx, s.key, etcdv2.GetOptions{}))
			})
		case n < 50:
			w.dirCall(s, input{op: opCreate, value: dirValue}, func(ctx context.Context) (*etcdv2.Node, error) {
				return nodeOf(w.keys.CreateDir(ctx, s.key, etcdv2.CreateOptions{}))
			})
		case n < 70 || seen == nil:
			w.dirCall(s, input{op: opCreate, value: dirValue}, func(ctx context.Context) (*etcdv2.Node, error) {
				return w.store().CreateDir(ctx, s.key, nil, false)
			})
		case n < 80:
			w.dirCall(s, input{op: opRemoveDir}, func(ctx context.Context) (*etcdv2.Node, error) {
				return deletedNode(w.keys.DeleteDir(ctx, s.key, etcdv2.DeleteDirOptions{}))
			})
		default:
			w.removeDirSeen(s, seen)
		}
	})
}

func (w *worker) dirCall(s *subject, in input, do caller) {
	node, err := w.call(s, in, do)
	if in.op == opRemoveDir {
		w.forget(s, err)
		return
	}
	w.remember(s, node, err)
}

// removeDirSeen deletes a directory that is still the one that was seen. It can be replaced
// between the read and the deletion, because a server has no condition for directories.
func (w *worker) removeDirSeen(s *subject, seen *etcdv2.Node) {
	before := keyspace.SeenDir{CreatedIndex: seen.CreatedIndex}
	w.dirCall(s, input{op: opRemoveSeen, seen: content{value: dirValue}}, func(ctx context.Context) (*etcdv2.Node, error) {
		return nil, w.store().RemoveDir(ctx, s.key, before, false)
	})
}

package etcdv2

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// SettleTime is how long a caller whose context has ended should go on finding out
// what became of a write: an interrupted run must know what it did.
const SettleTime = 10 * time.Second

// write is a request together with what settles it if its answer is lost.
type write struct {
	*request
	key   string
	value *string
	ttl   bool
	// since is an index before the first attempt: a node that is newer was
	// written by that attempt or after it.
	since uint64
	// byCreation compares since with the created index.
	byCreation bool
	// isSame is WriteOptions.IsSame.
	isSame func(value string) bool
	// deletes reports whether the write is a delete.
	deletes bool
	// unreadable reports whether the node does not show whose write it was.
	unreadable bool
}

// settled returns the request of a guarded write, with what settles it.
func (s *KeysService) settled(w *write) *request {
	w.settle = func(ctx context.Context, err error) (*answer, bool, error) { return s.settle(ctx, w, err) }
	return w.request
}

// settle finds out by a quorum read whether a conflict that a write met is the
// write itself, by an attempt before the one that met it.
func (s *KeysService) settle(ctx context.Context, w *write, err error) (ans *answer, untouched bool, _ error) {
	if !isConflict(err) || errors.Is(err, ErrOutcomeUnknown) {
		return nil, false, err
	}
	found, readErr := s.client.do(ctx, s.readRequest(w.key, GetOptions{}, true))
	switch {
	case errors.Is(readErr, ErrNotFound) && w.deletes:
		meta := metaOf(readErr)
		return &answer{Meta: meta, keys: &Response{Meta: meta, Action: ActionCompareAndDelete, Settled: true}}, false, nil
	case errors.Is(readErr, ErrNotFound):
		return nil, false, err
	case readErr != nil:
		return nil, false, fmt.Errorf("%w: %w, and reading it back failed: %w", ErrOutcomeUnknown, err, s.stripError(readErr))
	case w.isOurs(found.keys.Node):
		found.keys.Action, found.keys.Settled = w.action(), true
		return found, false, nil
	case w.unreadable && w.isNewer(found.keys.Node):
		return nil, false, asUnknown(err)
	case w.isNewer(found.keys.Node):
		return nil, false, err
	default:
		return nil, true, err
	}
}

func metaOf(err error) Meta {
	var apiErr *Error
	if !errors.As(err, &apiErr) {
		return Meta{}
	}
	return Meta{EtcdIndex: apiErr.Index}
}

func (w *write) isNewer(n *Node) bool {
	if w.byCreation {
		return n.CreatedIndex > w.since
	}
	return n.ModifiedIndex > w.since
}

func (w *write) isOurs(n *Node) bool {
	if w.deletes || w.unreadable || !w.isNewer(n) || n.HasTTL() != w.ttl {
		return false
	}
	if w.value == nil {
		return n.Dir
	}
	// A value that is not text is shown as another one.
	if n.Dir || n.NotText {
		return false
	}
	return n.Value == *w.value || (w.isSame != nil && w.isSame(n.Value))
}

func (w *write) action() Action {
	if w.byCreation {
		return ActionCreate
	}
	return ActionCompareAndSwap
}

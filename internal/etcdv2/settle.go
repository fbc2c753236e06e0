package etcdv2

import (
	"context"
	"errors"
	"fmt"
)

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
	// deletes is whether the write is a delete.
	deletes bool
	// unreadable is whether the node does not tell whose write it was.
	unreadable bool
}

// settle sends a guarded write. If an attempt was ambiguous and a later one met
// a conflict, a quorum read says whether the conflict is our own write.
func (s *KeysService) settle(ctx context.Context, w *write) (*Response, error) {
	for {
		resp, err := s.do(ctx, w.request)
		if err == nil || !w.ambiguous || !isSettled(err) || errors.Is(err, ErrOutcomeUnknown) {
			return resp, err
		}
		found, readErr := s.Get(ctx, w.key, GetOptions{})
		switch {
		case errors.Is(readErr, ErrNotFound):
			if w.deletes {
				return &Response{Meta: metaOf(readErr), Action: ActionCompareAndDelete, Settled: true}, nil
			}
			return nil, err
		case readErr != nil:
			return nil, fmt.Errorf("%w: %w, and reading it back failed: %w", ErrOutcomeUnknown, err, readErr)
		case w.isOurs(found.Node):
			found.Action, found.Settled = w.action(), true
			return found, nil
		case w.unreadable && w.isNewer(found.Node):
			return nil, fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		case w.isNewer(found.Node):
			return nil, err
		}
		if !s.client.attemptsLeft(w.request) {
			return nil, fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		}
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

package etcdv2

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// SettleTime is how long it should take at most to find out what became of a
// write, also for a caller whose context has ended: an interrupted run must know
// what it did. See [Options.SettleTime].
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
	// ours is WriteOptions.IsOurs.
	ours func(found *Node) bool
	// deletes reports whether the write is a delete.
	deletes bool
	// unreadable reports whether the node does not show whose write it was.
	unreadable bool
	// unguarded reports that the server compares nothing, so that a newer node may
	// still be what the write made, or not.
	unguarded bool
}

// settled returns the request of a write, with what settles it.
func (s *KeysService) settled(w *write) *request {
	w.settle = func(ctx context.Context, err error) (*answer, bool, error) { return s.settle(ctx, w, err) }
	return w.request
}

// settle finds out by a quorum read what became of a write that may have been
// applied by an attempt before the one that failed with err. A conflict may be
// the write itself. Of one whose attempts are spent, or whose caller is gone, it
// finds out if there is a time for that.
func (s *KeysService) settle(ctx context.Context, w *write, err error) (ans *answer, untouched bool, _ error) {
	if isConflict(err) && !errors.Is(err, ErrOutcomeUnknown) {
		ans, untouched, err = s.readAfterLostAnswer(ctx, w, err)
	}
	if !errors.Is(err, ErrOutcomeUnknown) || s.client.options.SettleTime == 0 || (w.since == 0 && !w.unguarded) {
		return ans, untouched, err
	}
	ctx, cancel := s.client.settling(ctx)
	defer cancel()
	ans, _, err = s.readAfterLostAnswer(ctx, w, err)
	return ans, false, err
}

// settling returns a context for reading what became of a write. It has Options.SettleTime of its
// own, so that a caller who is gone learns that.
func (c *Client) settling(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.options.SettleTime == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(context.WithoutCancel(ctx), c.options.SettleTime)
}

// readAfterLostAnswer reads the node and says what that means for a write that
// failed with err: its answer, that the node is untouched, a conflict, or
// ErrOutcomeUnknown. A write that was lost can still be applied later, unless
// the node has moved on, or is gone.
func (s *KeysService) readAfterLostAnswer(ctx context.Context, w *write, err error) (ans *answer, untouched bool, _ error) {
	found, readErr := s.client.do(ctx, s.readRequest(w.key, GetOptions{}, true))
	switch {
	case errors.Is(readErr, ErrNotFound) && w.deletes:
		meta := metaOf(readErr)
		return &answer{Meta: meta, keys: &Response{Meta: meta, Action: ActionCompareAndDelete, Settled: true}}, false, nil
	case errors.Is(readErr, ErrNotFound) && (w.byCreation || w.unguarded):
		return nil, false, err
	case errors.Is(readErr, ErrNotFound):
		return nil, false, w.conflict(ErrNotFound, err)
	case readErr != nil:
		return nil, false, fmt.Errorf("%w, and reading it back failed: %w", asUnknown(err), s.stripError(readErr))
	case w.isOurs(found.keys.Node):
		found.keys.Action, found.keys.Settled = w.action(), true
		return found, false, nil
	case w.unguarded:
		return nil, false, err
	case w.unreadable && w.ours == nil && w.isNewer(found.keys.Node):
		return nil, false, asUnknown(err)
	case w.byCreation:
		return nil, false, w.conflict(ErrExists, err)
	case w.isNewer(found.keys.Node):
		return nil, false, w.conflict(ErrCompareFailed, err)
	default:
		return nil, true, err
	}
}

// conflict returns the error of a write that met a conflict, if it is known only
// from a read: its answer was lost.
func (w *write) conflict(kind, err error) error {
	if !errors.Is(err, ErrOutcomeUnknown) {
		return err
	}
	return fmt.Errorf("%w: %s, as a read has shown after this: %v", kind, w.key, err) //nolint:errorlint // the outcome is known
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

// isOurs reports whether a node that was read is the result of the write.
func (w *write) isOurs(n *Node) bool {
	if w.deletes || !w.unguarded && !w.isNewer(n) {
		return false
	}
	switch {
	case w.ours != nil:
		return w.ours(n)
	case w.unreadable || n.HasTTL() != w.ttl:
		return false
	case w.value == nil:
		return n.Dir
	default:
		// A value that is not text is shown as another one.
		return !n.Dir && !n.NotText && n.Value == *w.value
	}
}

func (w *write) action() Action {
	if w.byCreation {
		return ActionCreate
	}
	return ActionCompareAndSwap
}

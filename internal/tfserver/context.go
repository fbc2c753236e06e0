package tfserver

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"
	"time"
)

// callContext is the context of one call. It ends with its parent or when it is released.
// After its release it no longer refers to the parent.
type callContext struct {
	context.Context // not derived from the parent; carries Done and Err

	parent atomic.Pointer[context.Context]
}

// newCallContext returns a context that mirrors parent until it is released.
func newCallContext(parent context.Context) (ctx context.Context, release func()) {
	own, cancel := context.WithCancel(context.Background())
	c := &callContext{Context: own}
	c.parent.Store(&parent)
	detach := context.AfterFunc(parent, cancel)
	return c, func() {
		detach()
		cancel()
		c.parent.Store(nil)
	}
}

// Value asks the own context first. Contexts derived from c look up its cancel mechanism
// by a value, and each would start a goroutine if they did not find it.
func (c *callContext) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	if parent := c.parent.Load(); parent != nil {
		return (*parent).Value(key)
	}
	return nil
}

// Deadline returns the deadline of the parent.
func (c *callContext) Deadline() (deadline time.Time, ok bool) {
	if parent := c.parent.Load(); parent != nil {
		return (*parent).Deadline()
	}
	return time.Time{}, false
}

// call runs f with a context that no longer refers to ctx once f has returned.
func call[Req, Resp any](ctx context.Context, req Req, f func(context.Context, Req) (Resp, error)) (Resp, error) {
	ctx, release := newCallContext(ctx)
	defer release()
	return f(ctx, req)
}

// stream is call for answers that are read after f has returned: the context lasts until
// the answer was read, or the reader stopped.
func stream[Req, Resp, T any](
	ctx context.Context, req Req, f func(context.Context, Req) (*Resp, error), events func(*Resp) *iter.Seq[T],
) (*Resp, error) {
	ctx, release := newCallContext(ctx)
	resp, err := f(ctx, req)
	if err != nil || resp == nil || *events(resp) == nil {
		release()
		return resp, err
	}
	inner := *events(resp)
	*events(resp) = func(push func(T) bool) {
		defer release()
		inner(push)
	}
	return resp, nil
}

// stops ends contexts when the CLI stops the provider.
type stops struct {
	mu      sync.Mutex
	cancels map[*context.CancelFunc]struct{}
}

// context returns a context that ends with ctx, with the next stop, or when it
// is released.
func (s *stops) context(ctx context.Context) (stoppable context.Context, release func()) {
	stoppable, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancels == nil {
		s.cancels = map[*context.CancelFunc]struct{}{}
	}
	s.cancels[&cancel] = struct{}{}
	return stoppable, func() {
		cancel()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.cancels, &cancel)
	}
}

func (s *stops) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for cancel := range s.cancels {
		(*cancel)()
	}
}

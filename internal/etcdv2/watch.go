package etcdv2

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// DefaultPollTimeout is the default of Options.PollTimeout.
const DefaultPollTimeout = 5 * time.Minute

// WatchOptions are the options of Watch and Events.
type WatchOptions struct {
	// Recursive watches everything below the key too. Changes of hidden nodes
	// are not seen, unless the key watched is below the hidden one. Of events that
	// are past, old servers, such as 2.3.8, may leave out changes of the directory
	// itself.
	Recursive bool
	// AfterIndex is the index after which events are wanted: that of an Event,
	// or the EtcdIndex of a read (not a node's ModifiedIndex, which the history
	// of a busy store has long forgotten). 0 means from now on.
	AfterIndex uint64
	// Timeout bounds the wait for each event. 0 means for ever; a negative one is
	// refused.
	Timeout time.Duration
	// Until says whether an event is the last that is wanted. Watch passes over
	// events for which it is false; Events ends after one for which it is true.
	// Nil means the first event for Watch, and none for Events.
	Until func(*Event) bool
}

// Event is a change of a key that is watched, or of something below it.
type Event struct {
	// Response is the event. Its Node is the node after it; for a delete
	// or expiry, PrevNode is the node before it. Where a directory above the key was
	// deleted or has expired, both are that directory.
	Response
	// Index is the index of the event: the AfterIndex to continue after it.
	Index uint64
	// Resync reports whether the server no longer had all events since the last
	// one. The event is in place of those that are lost: its Node is the node as
	// it is now, with what is below it if the watch is recursive, or nil if
	// there is none. Its Action is ActionGet.
	Resync bool
}

// Gone reports whether the key watched, or the node below it that the event is
// about, does not exist after the event.
func (e *Event) Gone() bool {
	switch e.Action {
	case ActionDelete, ActionExpire, ActionCompareAndDelete:
		return true
	default:
		return e.Resync && e.Node == nil
	}
}

// Watch waits for one event, see [KeysService.Events]. It returns
// ErrWatchTimeout if there is none within opts.Timeout, ErrUnavailable if no
// endpoint answered within it, and the error of ctx, at once, when that ends.
func (s *KeysService) Watch(ctx context.Context, key string, opts WatchOptions) (*Event, error) {
	w, err := s.watcher(key, opts)
	if err != nil {
		return nil, err
	}
	for {
		event, err := w.next(ctx)
		if err != nil || opts.Until == nil || opts.Until(event) {
			return event, err
		}
	}
}

// Events yields the events of a key in their order, each once, until the loop
// is left, opts.Until says so, or an error ends them; the error is yielded last,
// with a nil event. A key need not exist to be watched.
//
// Answers without an event, lost connections and restarts of servers are not
// seen by the caller: once the first request was answered, the watch continues,
// on the next endpoint if necessary, until ctx ends or opts.Timeout has passed.
// Where the server has no longer all events in between (code 401; it keeps
// 1,000, of all keys), or the cluster has become another, the node is read and
// yielded as an event with Resync. A refresh of a TTL is not an event.
func (s *KeysService) Events(ctx context.Context, key string, opts WatchOptions) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		w, err := s.watcher(key, opts)
		if err != nil {
			yield(nil, err)
			return
		}
		for {
			event, err := w.next(ctx)
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(event, nil) || (opts.Until != nil && opts.Until(event)) {
				return
			}
		}
	}
}

// watcher is a place in the events of a key.
type watcher struct {
	keys *KeysService
	key  string
	opts WatchOptions
	// index is the next index that is wanted, 0 for any from now on.
	index uint64
	// connected reports whether a poll has been answered.
	connected bool
	// clusterID is that of the last answer; "" before the first.
	clusterID string
	// failures counts the polls that failed one after the other.
	failures int
}

func (s *KeysService) watcher(key string, opts WatchOptions) (*watcher, error) {
	if err := CheckDir(key); err != nil {
		return nil, err
	}
	if opts.Timeout < 0 {
		return nil, fmt.Errorf("the timeout of a watch is %s, want 0 or more", opts.Timeout)
	}
	w := &watcher{keys: s, key: key, opts: opts}
	if opts.AfterIndex != 0 {
		w.index = opts.AfterIndex + 1
	}
	return w, nil
}

// next waits for the next event, as long as it takes.
func (w *watcher) next(parent context.Context) (*Event, error) {
	ctx := parent
	if w.opts.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(parent, w.opts.Timeout)
		defer cancel()
	}
	for {
		start := time.Now()
		event, err := w.step(ctx)
		switch {
		case event != nil:
			w.failures = 0
			return event, nil
		case parent.Err() != nil:
			return nil, fmt.Errorf("watching %s: %w", w.key, parent.Err())
		case ctx.Err() != nil && !w.connected:
			// A server answers a watch at once, event or not.
			return nil, fmt.Errorf("watching %s for %s: %w: %w", w.key, w.opts.Timeout, ErrUnavailable, cmp.Or(err, ctx.Err()))
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%w of %s within %s", ErrWatchTimeout, w.key, w.opts.Timeout)
		case err == nil:
			continue
		case !w.survives(err):
			return nil, err
		}
		if time.Since(start) > w.keys.client.options.Retry.MaxDelay {
			w.failures = 0
		}
		w.failures++
		// If ctx ends here, the next round says so.
		_ = w.keys.client.backoff(ctx, w.failures, err)
	}
}

// step polls once. It returns neither an event nor an error for a poll that is
// over, and for an event that is not of the key.
func (w *watcher) step(ctx context.Context) (*Event, error) {
	resp, err := w.poll(ctx)
	switch {
	case errors.Is(err, ErrEventIndexCleared):
		return w.resync(ctx, false)
	case errors.Is(err, errOtherCluster), w.index == 0 && (errors.Is(err, errPollOver) || errors.Is(err, errEmptyPoll)):
		// Nothing shows which events there were.
		return w.resync(ctx, true)
	case errors.Is(err, errPollOver):
		return nil, nil //nolint:nilnil // documented above
	case err != nil:
		return nil, err
	}
	w.index = resp.Node.ModifiedIndex + 1
	if !w.concerns(resp) {
		return nil, nil //nolint:nilnil // documented above
	}
	event := &Event{Response: *resp, Index: resp.Node.ModifiedIndex}
	w.keys.stripNode(event.Node)
	w.keys.stripNode(event.PrevNode)
	return event, nil
}

var (
	// errPollOver: a long poll has lasted for Options.PollTimeout.
	errPollOver = errors.New("the long poll is over")
	// errEmptyPoll: the server ended a long poll without an event.
	errEmptyPoll = errors.New("the long poll ended without an event")
	// errOtherCluster: the indexes are those of another cluster now.
	errOtherCluster = errors.New("the endpoints serve another cluster now")
)

// poll makes one long poll and reads its event.
func (w *watcher) poll(parent context.Context) (*Response, error) {
	ctx, cancel := context.WithTimeoutCause(parent, w.keys.client.options.PollTimeout, errPollOver)
	defer cancel()
	// With quorum the server would answer at once, as to a read.
	r := w.keys.request(http.MethodGet, w.key, w.opts.Recursive)
	r.query = url.Values{"wait": {"true"}}
	setTrue(r.query, "recursive", w.opts.Recursive)
	if w.index != 0 {
		r.query.Set("waitIndex", strconv.FormatUint(w.index, 10))
	}
	r.replay = replayRead
	r.stream = true
	ans, err := w.keys.client.do(ctx, r)
	if err == nil {
		var resp *Response
		if resp, err = w.read(ans); err == nil {
			return resp, nil
		}
	}
	if errors.Is(context.Cause(ctx), errPollOver) {
		return nil, errPollOver
	}
	return nil, w.keys.stripError(err)
}

// read takes the event out of the answer to a poll.
func (w *watcher) read(ans *answer) (*Response, error) {
	defer ans.body.Close()
	w.connected = true
	if w.clusterID != "" && ans.ClusterID != "" && w.clusterID != ans.ClusterID {
		return nil, errOtherCluster
	}
	if ans.ClusterID != "" {
		w.clusterID = ans.ClusterID
	}
	if w.index == 0 && ans.EtcdIndex != 0 {
		// No later event is missed if this poll fails.
		w.index = ans.EtcdIndex + 1
	}
	data, err := io.ReadAll(io.LimitReader(ans.body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) == 0:
		return nil, errEmptyPoll
	case len(data) > maxAnswer:
		return nil, fmt.Errorf("%w from %s: longer than %d bytes", ErrInvalidAnswer, ans.endpoint, maxAnswer)
	}
	resp, err := readResponse(ans, bytes.NewReader(data))
	if err == nil && (resp.Node == nil || resp.Node.ModifiedIndex == 0) {
		err = fmt.Errorf("%w from %s: an event without a node", ErrInvalidAnswer, ans.endpoint)
	}
	return resp, err
}

// concerns reports whether an event is of the key watched. The history of a
// server offers more than the server itself sends as things happen: hidden
// nodes, and to a watch of "/a/bc" the delete of a directory "/a/b".
func (w *watcher) concerns(resp *Response) bool {
	key := w.keys.prefix + strings.TrimSuffix(w.key, "/")
	node := strings.TrimSuffix(resp.Node.Key, "/")
	if below, ok := strings.CutPrefix(node, key+"/"); ok {
		return w.opts.Recursive && !strings.Contains("/"+below, "/_")
	}
	if node == key {
		return true
	}
	removed := resp.Action == ActionDelete || resp.Action == ActionExpire
	return removed && strings.HasPrefix(key, node+"/")
}

// resync reads the node, for events that the server does not have any more,
// and continues from there.
func (w *watcher) resync(ctx context.Context, always bool) (*Event, error) {
	resp, err := w.keys.Get(ctx, w.key, GetOptions{Recursive: w.opts.Recursive, Sorted: true})
	if errors.Is(err, ErrNotFound) {
		resp, err = &Response{Meta: metaOf(err), Action: ActionGet}, nil
	}
	if err != nil {
		return nil, err
	}
	last := w.index
	w.index, w.clusterID = 0, ""
	if resp.EtcdIndex != 0 {
		w.index = resp.EtcdIndex + 1
	}
	if n := resp.Node; !always && n != nil && !n.Dir && n.ModifiedIndex < last {
		return nil, nil //nolint:nilnil // all that was cleared were events of other keys
	}
	return &Event{Response: *resp, Index: resp.EtcdIndex, Resync: true}, nil
}

// survives reports whether the watch continues after err: not before it has ever
// been answered, and not where an answer shows that it never will be.
func (w *watcher) survives(err error) bool {
	for _, end := range []error{ErrClusterMismatch, ErrInvalidAnswer, ErrTooManyRedirects, ErrUnsafeRedirect} {
		if errors.Is(err, end) {
			return false
		}
	}
	if apiErr, ok := errors.AsType[*Error](err); ok && apiErr.Status < http.StatusInternalServerError {
		return false
	}
	return w.connected
}

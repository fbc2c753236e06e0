package etcdv2_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// seen is the part of an event that tests compare.
type seen struct {
	Action etcdv2.Action
	Key    string
	Value  string
	Gone   bool
	Resync bool
}

func seenOf(e *etcdv2.Event) seen {
	s := seen{Action: e.Action, Gone: e.Gone(), Resync: e.Resync}
	if e.Node != nil {
		s.Key, s.Value = e.Node.Key, e.Node.Value
	}
	return s
}

// events are the events of a key, and the error that ended them.
type events struct {
	seen []seen
	err  error
}

// follow reads n events after an index.
func follow(ctx context.Context, keys *etcdv2.KeysService, key string, n int, opts etcdv2.WatchOptions) events {
	opts.Timeout = patience
	var got events
	for event, err := range keys.Events(ctx, key, opts) {
		if err != nil {
			got.err = err
			break
		}
		if got.seen = append(got.seen, seenOf(event)); len(got.seen) == n {
			break
		}
	}
	return got
}

// followAsync is follow in a goroutine.
func followAsync(ctx context.Context, keys *etcdv2.KeysService, key string, n int, opts etcdv2.WatchOptions) <-chan events {
	done := make(chan events, 1)
	go func() { done <- follow(ctx, keys, key, n, opts) }()
	return done
}

// writer writes to a key space of its own. It ends the test on an error.
type writer struct {
	tb   testing.TB
	ctx  context.Context //nolint:containedctx // the context of the test
	keys *etcdv2.KeysService
}

func newWriter(tb testing.TB, keys *etcdv2.KeysService) writer {
	tb.Helper()
	return writer{tb: tb, ctx: tb.Context(), keys: keys}
}

func (w writer) ok(resp *etcdv2.Response, err error) *etcdv2.Response {
	w.tb.Helper()
	if err != nil {
		w.tb.Fatal(err)
	}
	return resp
}

func (w writer) set(key, value string) *etcdv2.Response {
	w.tb.Helper()
	return w.ok(w.keys.Set(w.ctx, key, value, etcdv2.WriteOptions{}))
}

func (w writer) create(key, value string) *etcdv2.Response {
	w.tb.Helper()
	return w.ok(w.keys.Create(w.ctx, key, value, etcdv2.CreateOptions{}))
}

func (w writer) deleteDir(dir string) {
	w.tb.Helper()
	w.ok(w.keys.DeleteDir(w.ctx, dir, etcdv2.DeleteDirOptions{Recursive: true}))
}

// at returns the condition that a key has not changed since a write.
func at(resp *etcdv2.Response) etcdv2.Condition {
	return etcdv2.Condition{Index: resp.Node.ModifiedIndex}
}

func TestKeysService_Events(t *testing.T) {
	t.Parallel()
	// The history of a server has 1,000 events, shared by all tests.
	server := etcdtest.Start(t)
	for name, tt := range map[string]struct {
		key   string
		opts  etcdv2.WatchOptions
		ttl   string
		write func(w writer)
		want  []seen
		// parent reports whether the watch ends with the end of a directory above the key.
		parent bool
		// alone gives it a server of its own, without other events: the history of old
		// servers, such as 2.3.8, has a change of the watched directory only if it is the
		// first event asked for.
		alone bool
	}{
		"every kind of change of a key, in order": {
			key: "/k",
			write: func(w writer) {
				first := w.create("/k", "1")
				w.ok(w.keys.CompareAndSwap(w.ctx, "/k", "2", at(first), etcdv2.WriteOptions{}))
				w.ok(w.keys.Update(w.ctx, "/k", "3", etcdv2.WriteOptions{}))
				w.set("/k", "")
				w.ok(w.keys.Delete(w.ctx, "/k"))
				w.ok(w.keys.CompareAndDelete(w.ctx, "/k", at(w.create("/k", "4"))))
			},
			want: []seen{
				{Action: etcdv2.ActionCreate, Key: "/k", Value: "1"},
				{Action: etcdv2.ActionCompareAndSwap, Key: "/k", Value: "2"},
				{Action: etcdv2.ActionUpdate, Key: "/k", Value: "3"},
				{Action: etcdv2.ActionSet, Key: "/k"},
				{Action: etcdv2.ActionDelete, Key: "/k", Gone: true},
				{Action: etcdv2.ActionCreate, Key: "/k", Value: "4"},
				{Action: etcdv2.ActionCompareAndDelete, Key: "/k", Gone: true},
			},
		},
		"expiry": {
			key: "/k",
			write: func(w writer) {
				w.ok(w.keys.Set(w.ctx, "/k", "1", etcdv2.WriteOptions{TTL: new(int64(1))}))
			},
			want: []seen{
				{Action: etcdv2.ActionSet, Key: "/k", Value: "1"},
				{Action: etcdv2.ActionExpire, Key: "/k", Gone: true},
			},
		},
		"a directory and all below it": {
			key:  "/d",
			opts: etcdv2.WatchOptions{Recursive: true},
			write: func(w writer) {
				w.ok(w.keys.CreateDir(w.ctx, "/d", etcdv2.CreateOptions{}))
				w.set("/dx", "no")
				w.set("/d/a/b", "1")
				w.set("/d/_h/b", "hidden")
				w.ok(w.keys.CreateInOrder(w.ctx, "/d/q", "2", etcdv2.WriteOptions{}))
				w.deleteDir("/d")
			},
			want: []seen{
				{Action: etcdv2.ActionCreate, Key: "/d"},
				{Action: etcdv2.ActionSet, Key: "/d/a/b", Value: "1"},
				{Action: etcdv2.ActionCreate, Key: "/d/q/", Value: "2"},
				{Action: etcdv2.ActionDelete, Key: "/d", Gone: true},
			},
			alone: true,
		},
		"a key alone, not what is below it": {
			key: "/d",
			write: func(w writer) {
				w.set("/d/a", "1")
				w.deleteDir("/d")
			},
			want: []seen{{Action: etcdv2.ActionDelete, Key: "/d", Gone: true}},
		},
		"the delete of a directory above the key": {
			key: "/a/bc",
			write: func(w writer) {
				w.set("/a/b/x", "1")
				w.set("/a/bc", "2")
				// Its name is a prefix of the key's.
				w.deleteDir("/a/b")
				w.deleteDir("/a")
			},
			want: []seen{
				{Action: etcdv2.ActionSet, Key: "/a/bc", Value: "2"},
				{Action: etcdv2.ActionDelete, Key: "/a", Gone: true},
			},
			parent: true,
		},
		"the expiry of the directory that is the key prefix": {
			key: "/k",
			ttl: "ttl=1",
			write: func(w writer) {
				w.set("/k", "1")
			},
			want: []seen{
				{Action: etcdv2.ActionSet, Key: "/k", Value: "1"},
				{Action: etcdv2.ActionExpire, Key: "/", Gone: true},
			},
			parent: true,
		},
		"no event for a refresh": {
			key: "/k",
			write: func(w writer) {
				w.ok(w.keys.Set(w.ctx, "/k", "1", etcdv2.WriteOptions{TTL: new(int64(1000))}))
				if expected(w.tb).refreshes {
					w.ok(w.keys.Refresh(w.ctx, "/k", 2000, etcdv2.Condition{}))
				}
				w.set("/k", "2")
			},
			want: []seen{
				{Action: etcdv2.ActionSet, Key: "/k", Value: "1"},
				{Action: etcdv2.ActionSet, Key: "/k", Value: "2"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := server
			if tt.alone {
				server = etcdtest.Start(t)
			}
			prefix := etcdtest.Prefix(t)
			keys := newClient(t, etcdv2.Options{Endpoints: []string{server.URL()}, KeyPrefix: prefix}).Keys
			if tt.ttl != "" {
				server.Mkdir(t, prefix, tt.ttl)
			}
			start := server.Get(t, prefix)
			tt.opts.AfterIndex = indexOf(t, start)

			// Once live, and once from the history.
			ctx := bounded(t)
			live := followAsync(ctx, keys, tt.key, len(tt.want), tt.opts)
			tt.write(newWriter(t, keys))
			came := []events{receive(t, "Events()", live)}
			if !tt.parent || expected(t).remembersParents {
				came = append(came, follow(ctx, keys, tt.key, len(tt.want), tt.opts))
			}
			for i, got := range came {
				for j := range got.seen {
					got.seen[j].Key, _, _ = cutDigits(got.seen[j].Key)
				}
				if diff := cmp.Diff(tt.want, got.seen); diff != "" || got.err != nil {
					t.Errorf("Events() number %d error = %v (-want +got):\n%s", i, got.err, diff)
				}
			}
		})
	}
}

// cutDigits cuts off the name of a key created in order, which no test can know.
func cutDigits(key string) (string, string, bool) {
	i := strings.LastIndexByte(key, '/') + 1
	if len(key)-i != 20 || strings.Trim(key[i:], "0123456789") != "" {
		return key, "", false
	}
	return key[:i], key[i:], true
}

// indexOf returns the etcd index of an answer.
func indexOf(tb testing.TB, a *etcdtest.Answer) uint64 {
	tb.Helper()
	var index uint64
	if _, err := fmt.Sscan(a.Header.Get("X-Etcd-Index"), &index); err != nil {
		tb.Fatal(err)
	}
	return index
}

// waitForPoll waits until the server has received a long poll.
func waitForPoll(tb testing.TB, proxy *etcdtest.Proxy, n int) {
	tb.Helper()
	eventually(tb, fmt.Sprintf("long poll %d is answered", n), func() bool { return polls(proxy) >= n })
}

// polls counts the long polls whose response headers were received.
func polls(proxy *etcdtest.Proxy) int {
	n := 0
	for _, r := range proxy.Forwarded() {
		if r.Query.Get("wait") != "" && r.Status == http.StatusOK {
			n++
		}
	}
	return n
}

type result struct {
	event *etcdv2.Event
	err   error
}

func watchAsync(ctx context.Context, keys *etcdv2.KeysService, key string, opts etcdv2.WatchOptions) <-chan result {
	done := make(chan result, 1)
	go func() {
		event, err := keys.Watch(ctx, key, opts)
		done <- result{event, err}
	}()
	return done
}

func TestKeysService_Watch(t *testing.T) {
	t.Parallel()

	t.Run("from now on", func(t *testing.T) {
		t.Parallel()
		keys, prefix, proxy := newProxied(t, etcdv2.Options{})
		etcdtest.Shared(t).Put(t, prefix+"/k", "before")
		done := watchAsync(t.Context(), keys, "/k", etcdv2.WatchOptions{})
		waitForPoll(t, proxy, 1)
		put := etcdtest.Shared(t).Put(t, prefix+"/k", "after")
		got := receive(t, "Watch()", done)
		if got.err != nil {
			t.Fatal(got.err)
		}
		if got.event.Node.Value != "after" || got.event.Index != put.Node.ModifiedIndex || got.event.PrevNode.Value != "before" {
			t.Errorf("Watch() = %+v, want the event of index %d", got.event, put.Node.ModifiedIndex)
		}
		for _, r := range proxy.Requests() {
			if r.Query.Get("quorum") != "" && r.Query.Get("wait") != "" {
				t.Errorf("the poll requests a quorum, and the server answers that at once: %v", r.Query)
			}
		}
	})

	t.Run("from an index, then the one after it", func(t *testing.T) {
		t.Parallel()
		keys, prefix := newKeys(t)
		first := etcdtest.Shared(t).Put(t, prefix+"/k", "1")
		second := etcdtest.Shared(t).Put(t, prefix+"/k", "2")
		ctx := bounded(t)
		got := must[*etcdv2.Event](t)(keys.Watch(ctx, "/k", etcdv2.WatchOptions{AfterIndex: first.Node.ModifiedIndex - 1}))
		if got.Node.Value != "1" {
			t.Errorf("Watch(after %d) value = %q, want %q", first.Node.ModifiedIndex-1, got.Node.Value, "1")
		}
		got = must[*etcdv2.Event](t)(keys.Watch(ctx, "/k", etcdv2.WatchOptions{AfterIndex: got.Index}))
		if got.Index != second.Node.ModifiedIndex {
			t.Errorf("Watch() index = %d, want %d", got.Index, second.Node.ModifiedIndex)
		}
	})

	t.Run("until a value", func(t *testing.T) {
		t.Parallel()
		keys, prefix := newKeys(t)
		first := etcdtest.Shared(t).Put(t, prefix+"/k", "1")
		etcdtest.Shared(t).Put(t, prefix+"/k", "2")
		etcdtest.Shared(t).Put(t, prefix+"/k", "3")
		isTwo := func(e *etcdv2.Event) bool { return e.Node.Value == "2" }
		opts := etcdv2.WatchOptions{AfterIndex: first.Node.ModifiedIndex - 1, Until: isTwo}
		ctx := bounded(t)
		if got := must[*etcdv2.Event](t)(keys.Watch(ctx, "/k", opts)); got.Node.Value != "2" {
			t.Errorf("Watch() value = %q, want %q", got.Node.Value, "2")
		}
		var values []string
		for event, err := range keys.Events(ctx, "/k", opts) {
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, event.Node.Value)
		}
		if diff := cmp.Diff([]string{"1", "2"}, values); diff != "" {
			t.Errorf("Events() until 2 (-want +got):\n%s", diff)
		}
	})

	t.Run("timeout", func(t *testing.T) {
		t.Parallel()
		keys, _ := newKeys(t)
		ctx := bounded(t)
		_, err := keys.Watch(ctx, "/k", etcdv2.WatchOptions{Timeout: 50 * time.Millisecond})
		wantErr(t, "Watch()", err, etcdv2.ErrWatchTimeout)
		var errs []error
		for _, err := range keys.Events(ctx, "/k", etcdv2.WatchOptions{Timeout: 50 * time.Millisecond}) {
			errs = append(errs, err)
		}
		if len(errs) != 1 || !errors.Is(errs[0], etcdv2.ErrWatchTimeout) {
			t.Errorf("Events() errors = %v, want one %v", errs, etcdv2.ErrWatchTimeout)
		}
	})

	t.Run("invalid key", func(t *testing.T) {
		t.Parallel()
		keys, _, proxy := newProxied(t, etcdv2.Options{})
		_, err := keys.Watch(t.Context(), "/a/../b", etcdv2.WatchOptions{})
		wantErr(t, "Watch()", err, etcdv2.ErrInvalidKey)
		for _, err := range keys.Events(t.Context(), "k", etcdv2.WatchOptions{}) {
			wantErr(t, "Events()", err, etcdv2.ErrInvalidKey)
		}
		if n := len(proxy.Requests()); n != 0 {
			t.Errorf("%d requests were made, want none", n)
		}
	})

	t.Run("no server has ever answered", func(t *testing.T) {
		t.Parallel()
		keys, _, proxy := newProxied(t, etcdv2.Options{})
		proxy.Refuse()
		_, err := keys.Watch(bounded(t), "/k", etcdv2.WatchOptions{})
		wantErr(t, "Watch()", err, etcdv2.ErrUnavailable)
	})
}

//nolint:paralleltest // it counts the goroutines of the client
func TestKeysService_Watch_canceled(t *testing.T) {
	keys, _, proxy := newProxied(t, etcdv2.Options{})
	wantNoLeak(t, func() {
		const watches = 20
		ctx, cancel := context.WithCancel(t.Context())
		var done []<-chan result
		for i := range watches {
			done = append(done, watchAsync(ctx, keys, fmt.Sprintf("/k%d", i), etcdv2.WatchOptions{}))
		}
		waitForPoll(t, proxy, watches)
		start := time.Now()
		cancel()
		for _, c := range done {
			got := receive(t, "Watch()", c)
			wantErr(t, "Watch()", got.err, context.Canceled)
		}
		if took := time.Since(start); took > patience/6 {
			t.Errorf("the watches ended %s after their context", took)
		}
		eventually(t, "the connections of the watches are closed", func() bool { open, _ := proxy.Connections(); return open == 0 })
	})
}

func TestKeysService_Watch_takesNoConnectionOfRequests(t *testing.T) {
	t.Parallel()
	keys, prefix, proxy := newProxied(t, etcdv2.Options{MaxConnections: 1})
	done := watchAsync(t.Context(), keys, "/k", etcdv2.WatchOptions{})
	waitForPoll(t, proxy, 1)
	must[*etcdv2.Response](t)(keys.Set(bounded(t), "/k", "1", etcdv2.WriteOptions{}))
	if got := receive(t, "Watch()", done); got.err != nil || got.event.Node.Value != "1" {
		t.Errorf("Watch(%s/k) = %+v, %v", prefix, got.event, got.err)
	}
}

func TestKeysService_Events_faults(t *testing.T) {
	t.Parallel()
	isPoll := func(r etcdtest.Request) bool { return r.Query.Get("wait") != "" }
	for name, rule := range map[string]etcdtest.Rule{
		"cut before the request":  {Action: etcdtest.CutBefore()},
		"answer lost":             {Action: etcdtest.DropAnswer()},
		"event cut in the middle": {Action: etcdtest.TruncateAnswer(20)},
		"empty body":              {Action: etcdtest.Respond(http.StatusOK, nil, "")},
		"502 of a proxy":          {Action: etcdtest.Respond(http.StatusBadGateway, nil, "bad gateway")},
		"503":                     {Action: etcdtest.Respond(http.StatusServiceUnavailable, nil, "")},
		"500 with code 300": {
			Action: etcdtest.Respond(
				http.StatusInternalServerError, nil,
				`{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}`,
			),
		},
		"every second poll is cut twice": {Action: etcdtest.DropAnswer(), Every: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, prefix, proxy := newProxied(t, etcdv2.Options{})
			server := etcdtest.Shared(t)
			rule.Match, rule.Skip = isPoll, 1
			if rule.Times == 0 && rule.Every == 0 {
				rule.Times = 7
			}
			proxy.Inject(rule)
			const writes = 5
			opts := etcdv2.WatchOptions{AfterIndex: indexOf(t, server.Get(t, prefix))}
			done := followAsync(t.Context(), keys, "/k", writes, opts)
			var want []seen
			for i := range writes {
				server.Put(t, prefix+"/k", fmt.Sprint(i))
				want = append(want, seen{Action: etcdv2.ActionSet, Key: "/k", Value: fmt.Sprint(i)})
			}
			got := receive(t, "Events()", done)
			if diff := cmp.Diff(want, got.seen); diff != "" || got.err != nil {
				t.Errorf("Events() error = %v (-want +got):\n%s", got.err, diff)
			}
		})
	}
}

func TestKeysService_Events_emptyPollFromNow(t *testing.T) {
	t.Parallel()
	// The first poll ends without an event; what happens before the second poll must not be
	// lost.
	keys, prefix, proxy := newProxied(t, etcdv2.Options{})
	server := etcdtest.Shared(t)
	proxy.Inject(etcdtest.Rule{Times: 1, Action: func(x *etcdtest.Exchange) {
		index := server.Get(t, prefix).Header.Get("X-Etcd-Index")
		server.Put(t, prefix+"/k", "in between")
		etcdtest.Respond(http.StatusOK, http.Header{"X-Etcd-Index": {index}}, "")(x)
	}})
	got := must[*etcdv2.Event](t)(keys.Watch(t.Context(), "/k", etcdv2.WatchOptions{Timeout: patience}))
	if got.Resync || got.Node.Value != "in between" {
		t.Errorf("Watch() = %+v, want the event with the value %q", got, "in between")
	}
}

// fill causes more events than a server keeps.
func (w writer) fill() {
	w.tb.Helper()
	for i := range 1100 {
		w.set(fmt.Sprintf("/other/%d", i%7), "x")
	}
}

func TestKeysService_Watch_indexCleared(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	keys := newClient(t, etcdv2.Options{Endpoints: []string{server.URL()}}).Keys
	w := newWriter(t, keys)
	after := etcdv2.WatchOptions{AfterIndex: w.set("/dir/k", "1").Node.ModifiedIndex, Timeout: 100 * time.Millisecond}

	// All events that were cleared are about other keys.
	w.fill()
	_, err := keys.Watch(t.Context(), "/dir/k", after)
	wantErr(t, "Watch() of a key that has not changed", err, etcdv2.ErrWatchTimeout)

	// The key has changed since.
	second := w.set("/dir/k", "2").Node.ModifiedIndex
	w.fill()
	after.Timeout = patience
	got := must[*etcdv2.Event](t)(keys.Watch(t.Context(), "/dir/k", after))
	if diff := cmp.Diff(seen{Action: etcdv2.ActionGet, Key: "/dir/k", Value: "2", Resync: true}, seenOf(got)); diff != "" {
		t.Errorf("Watch() (-want +got):\n%s", diff)
	}
	if got.Node.ModifiedIndex != second || got.Index <= second+1000 {
		t.Errorf("Watch() index = %d, want the server's, far from the key's, %d", got.Index, second)
	}

	// The key is gone.
	w.deleteDir("/dir")
	w.fill()
	got = must[*etcdv2.Event](t)(keys.Watch(t.Context(), "/dir/k", after))
	if !got.Resync || !got.Gone() || got.Node != nil || got.Index == 0 {
		t.Errorf("Watch() = %+v, want a resync without a node", got)
	}
}

func TestKeysService_Events_indexCleared(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	keys := newClient(t, etcdv2.Options{Endpoints: []string{server.URL()}}).Keys
	w := newWriter(t, keys)
	after := etcdv2.WatchOptions{AfterIndex: w.set("/dir/k", "1").Node.ModifiedIndex, Timeout: patience, Recursive: true}
	w.fill()
	var got []seen
	for event, err := range keys.Events(t.Context(), "/dir", after) {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, seenOf(event)); len(got) == 2 {
			break
		}
		if len(event.Node.Nodes) != 1 || event.Node.Nodes[0].Value != "1" {
			t.Errorf("the event has the nodes %v, want the key", event.Node.Nodes)
		}
		w.set("/dir/k", "2")
	}
	want := []seen{
		{Action: etcdv2.ActionGet, Key: "/dir", Resync: true},
		{Action: etcdv2.ActionSet, Key: "/dir/k", Value: "2"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Events() (-want +got):\n%s", diff)
	}
}

func TestKeysService_Events_betweenThousandsOfOthers(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	proxy := etcdtest.NewProxy(t, server.URL())
	w := newWriter(t, newClient(t, etcdv2.Options{Endpoints: []string{server.URL()}}).Keys)
	watched := newClient(t, etcdv2.Options{Endpoints: []string{proxy.URL()}}).Keys
	came := make(chan seen, 3)
	go func() {
		defer close(came)
		for event, err := range watched.Events(t.Context(), "/ours", etcdv2.WatchOptions{}) {
			if err != nil {
				return
			}
			came <- seenOf(event)
		}
	}()
	for i := range 3 {
		waitForPoll(t, proxy, i+1)
		w.fill()
		w.set("/ours", fmt.Sprint(i))
		want := seen{Action: etcdv2.ActionSet, Key: "/ours", Value: fmt.Sprint(i)}
		if diff := cmp.Diff(want, receive(t, "Events()", came)); diff != "" {
			t.Errorf("Events() number %d (-want +got):\n%s", i, diff)
		}
	}
}

func TestKeysService_Events_restartAndFailover(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	proxies := []*etcdtest.Proxy{etcdtest.NewProxy(t, server.URL()), etcdtest.NewProxy(t, server.URL())}
	client := newClient(t, etcdv2.Options{
		Endpoints: []string{proxies[0].URL(), proxies[1].URL()},
		Wait: func(ctx context.Context, _ time.Duration) error {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(5 * time.Millisecond):
				return nil
			}
		},
	})
	events := make(chan *etcdv2.Event)
	go func() {
		defer close(events)
		for event, err := range client.Keys.Events(t.Context(), "/k", etcdv2.WatchOptions{}) {
			if err != nil {
				if t.Context().Err() == nil {
					t.Errorf("Events() error = %v", err)
				}
				return
			}
			events <- event
		}
	}()
	waitForPoll(t, proxies[0], 1)
	expect := func(value string) {
		t.Helper()
		server.Put(t, "/k", value)
		select {
		case event, ok := <-events:
			if !ok || event.Resync || event.Node.Value != value {
				t.Fatalf("Events() = %+v, want the value %q", event, value)
			}
		case <-time.After(patience):
			t.Fatalf("no event for the value %q", value)
		}
	}
	expect("first")
	server.Restart(t)
	expect("after a restart")
	server.Kill(t)
	server.Restart(t)
	expect("after a crash")
	proxies[0].Refuse()
	expect("at the next endpoint")
	proxies[0].Accept(t)
	proxies[1].Refuse()
	expect("and back")
}

func TestKeysService_Events_pollTimeout(t *testing.T) {
	t.Parallel()
	keys, prefix, proxy := newProxied(t, etcdv2.Options{PollTimeout: 2 * time.Second})
	done := watchAsync(t.Context(), keys, "/k", etcdv2.WatchOptions{Timeout: patience})
	waitForPoll(t, proxy, 3)
	etcdtest.Shared(t).Put(t, prefix+"/k", "1")
	got := receive(t, "Watch()", done)
	if got.err != nil || got.event.Node.Value != "1" || got.event.Resync {
		t.Fatalf("Watch() = %+v, %v", got.event, got.err)
	}
	polls := slices.DeleteFunc(proxy.Requests(), func(r etcdtest.Request) bool { return r.Query.Get("wait") == "" })
	for _, r := range polls[1:] {
		if r.Query.Get("waitIndex") == "" {
			t.Error("a repeated poll has no index, and would miss events")
		}
	}
}

func TestKeysService_Events_endpointHangs(t *testing.T) {
	t.Parallel()
	server := etcdtest.Shared(t)
	hanging, healthy := etcdtest.NewProxy(t, server.URL()), etcdtest.NewProxy(t, server.URL())
	hanging.Inject(etcdtest.Rule{Action: etcdtest.HoldBefore(nil)})
	prefix := etcdtest.Prefix(t)
	client := newClient(t, etcdv2.Options{
		Endpoints: []string{hanging.URL(), healthy.URL()}, KeyPrefix: prefix, PollTimeout: 2 * time.Second,
	})
	after := etcdv2.WatchOptions{AfterIndex: indexOf(t, server.Get(t, prefix)), Timeout: patience}
	done := watchAsync(t.Context(), client.Keys, "/k", after)
	waitForPoll(t, healthy, 1)
	server.Put(t, prefix+"/k", "1")
	if got := receive(t, "Watch()", done); got.err != nil || got.event.Node.Value != "1" {
		t.Errorf("Watch() = %+v, %v", got.event, got.err)
	}
}

// TestKeysService_Watch_scripted has answers that a real server does not give on demand.
func TestKeysService_Watch_scripted(t *testing.T) {
	t.Parallel()
	event := func(key string, index int) string {
		return fmt.Sprintf(`{"action":"set","node":{"key":%q,"value":"v","modifiedIndex":%d,"createdIndex":%d}}`, key, index, index)
	}
	const read = `{"action":"get","node":{"key":"/k","value":"now","modifiedIndex":7,"createdIndex":7}}`
	for name, tt := range map[string]struct {
		answers []pollAnswer
		opts    etcdv2.WatchOptions
		want    seen
		wantErr error
		wantRaw string
	}{
		"an event of another key is skipped": {
			answers: []pollAnswer{{poll: true, body: event("/other", 5)}, {poll: true, body: event("/k", 6)}},
			want:    seen{Action: etcdv2.ActionSet, Key: "/k", Value: "v"},
			wantRaw: "6",
		},
		"after a change of the cluster, the key is read again": {
			answers: []pollAnswer{
				{poll: true, index: 3, cluster: "a"},
				{poll: true, index: 3, cluster: "b", body: event("/k", 9)},
				{index: 8, cluster: "b", body: read},
			},
			want: seen{Action: etcdv2.ActionGet, Key: "/k", Value: "now", Resync: true},
		},
		"after the end of a poll without an index, the key is read again": {
			answers: []pollAnswer{{poll: true}, {index: 8, body: read}},
			want:    seen{Action: etcdv2.ActionGet, Key: "/k", Value: "now", Resync: true},
			wantRaw: "8",
		},
		"not JSON": {answers: []pollAnswer{{poll: true, body: "<html>"}}, wantErr: etcdv2.ErrInvalidAnswer},
		"no node":  {answers: []pollAnswer{{poll: true, body: `{"action":"set"}`}}, wantErr: etcdv2.ErrInvalidAnswer},
		"not permitted": {
			answers: []pollAnswer{{poll: true, status: 401, body: `{"errorCode":110,"message":"m","cause":"c","index":0}`}},
			wantErr: etcdv2.ErrUnauthorized,
		},
		"resync not permitted": {
			answers: []pollAnswer{
				{poll: true, status: 400, body: `{"errorCode":401,"message":"m","cause":"c","index":9}`},
				{status: 401, body: `{"errorCode":110,"message":"m","cause":"c","index":0}`},
			}, wantErr: etcdv2.ErrUnauthorized,
		},
		"no v2": {answers: []pollAnswer{
			{poll: true, status: 404, body: "404 page not found"}, {status: 404, body: "404 page not found"}, // the second to /version
		}, wantErr: etcdv2.ErrV2Disabled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, etcdv2.Options{Endpoints: []string{scriptPolls(t, tt.answers)}})
			got, err := client.Keys.Watch(bounded(t), "/k", tt.opts)
			wantErr(t, "Watch()", err, tt.wantErr)
			if tt.wantErr != nil {
				return
			}
			if diff := cmp.Diff(tt.want, seenOf(got)); diff != "" {
				t.Errorf("Watch() (-want +got):\n%s", diff)
			}
			if tt.wantRaw != "" && fmt.Sprint(got.Index) != tt.wantRaw {
				t.Errorf("Watch() index = %d, want %s", got.Index, tt.wantRaw)
			}
		})
	}
}

// pollAnswer is one answer of a scripted server.
type pollAnswer struct {
	// poll reports whether a long poll is expected.
	poll    bool
	status  int
	index   int
	cluster string
	body    string
}

// scriptPolls serves answers in order, and fails the test on a request too many or of another
// kind.
func scriptPolls(tb testing.TB, answers []pollAnswer) string {
	tb.Helper()
	var next atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := int(next.Add(1)) - 1
		if i >= len(answers) {
			tb.Errorf("request %d, %s, is one too many", i, r.URL)
			w.WriteHeader(http.StatusTeapot)
			return
		}
		a := answers[i]
		if got := r.URL.Query().Has("wait"); got != a.poll {
			tb.Errorf("request %d is %s, want a long poll: %t", i, r.URL, a.poll)
		}
		if a.index != 0 {
			w.Header().Set("X-Etcd-Index", fmt.Sprint(a.index))
		}
		if a.cluster != "" {
			w.Header().Set("X-Etcd-Cluster-Id", a.cluster)
		}
		if a.status != 0 {
			w.WriteHeader(a.status)
		}
		_, _ = w.Write([]byte(a.body))
	}))
	tb.Cleanup(server.Close)
	return server.URL
}

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

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/google/go-cmp/cmp"
)

// seen is what a test compares of an event.
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

// collect reads n events after an index.
func collect(tb testing.TB, keys *etcdv2.KeysService, key string, n int, opts etcdv2.WatchOptions) []seen {
	tb.Helper()
	opts.Timeout = 20 * time.Second
	var got []seen
	for event, err := range keys.Events(tb.Context(), key, opts) {
		if err != nil {
			tb.Fatalf("Events(%s) error after %d events = %v", key, len(got), err)
		}
		if got = append(got, seenOf(event)); len(got) == n {
			break
		}
	}
	return got
}

func TestKeysService_Events(t *testing.T) {
	t.Parallel()
	server := etcdtest.Shared(t)
	ttl := int64(1)
	for name, tt := range map[string]struct {
		key   string
		opts  etcdv2.WatchOptions
		setup func(t *testing.T, prefix string)
		write func(t *testing.T, keys *etcdv2.KeysService, prefix string)
		want  []seen
	}{
		"every kind of change of a key, in order": {
			key: "/k",
			write: func(t *testing.T, keys *etcdv2.KeysService, _ string) {
				created := must[*etcdv2.Response](t)(keys.Create(t.Context(), "/k", "1", etcdv2.CreateOptions{}))
				swapped := must[*etcdv2.Response](t)(keys.CompareAndSwap(t.Context(), "/k", "2", etcdv2.Condition{Index: created.Node.ModifiedIndex}, etcdv2.WriteOptions{}))
				must[*etcdv2.Response](t)(keys.Update(t.Context(), "/k", "3", etcdv2.WriteOptions{}))
				must[*etcdv2.Response](t)(keys.Set(t.Context(), "/k", "", etcdv2.WriteOptions{}))
				must[*etcdv2.Response](t)(keys.Delete(t.Context(), "/k"))
				again := must[*etcdv2.Response](t)(keys.Create(t.Context(), "/k", "4", etcdv2.CreateOptions{}))
				must[*etcdv2.Response](t)(keys.CompareAndDelete(t.Context(), "/k", etcdv2.Condition{Index: again.Node.ModifiedIndex}))
				if swapped.Node.ModifiedIndex == created.Node.ModifiedIndex {
					t.Error("CompareAndSwap() did not move the index")
				}
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
			write: func(t *testing.T, keys *etcdv2.KeysService, _ string) {
				must[*etcdv2.Response](t)(keys.Set(t.Context(), "/k", "1", etcdv2.WriteOptions{TTL: &ttl}))
			},
			want: []seen{
				{Action: etcdv2.ActionSet, Key: "/k", Value: "1"},
				{Action: etcdv2.ActionExpire, Key: "/k", Gone: true},
			},
		},
		"a directory and all below it": {
			key:  "/d",
			opts: etcdv2.WatchOptions{Recursive: true},
			write: func(t *testing.T, keys *etcdv2.KeysService, _ string) {
				must[*etcdv2.Response](t)(keys.CreateDir(t.Context(), "/d", etcdv2.CreateOptions{}))
				must[*etcdv2.Response](t)(keys.Set(t.Context(), "/dx", "no", etcdv2.WriteOptions{}))
				must[*etcdv2.Response](t)(keys.Set(t.Context(), "/d/a/b", "1", etcdv2.WriteOptions{}))
				must[*etcdv2.Response](t)(keys.Set(t.Context(), "/d/_h/b", "hidden", etcdv2.WriteOptions{}))
				must[*etcdv2.Response](t)(keys.CreateInOrder(t.Context(), "/d/q", "2", etcdv2.WriteOptions{}))
				must[*etcdv2.Response](t)(keys.DeleteDir(t.Context(), "/d", etcdv2.DeleteDirOptions{Recursive: true}))
			},
			want: []seen{
				{Action: etcdv2.ActionCreate, Key: "/d"},
				{Action: etcdv2.ActionSet, Key: "/d/a/b", Value: "1"},
				{Action: etcdv2.ActionCreate, Key: "/d/q/", Value: "2"},
				{Action: etcdv2.ActionDelete, Key: "/d", Gone: true},
			},
		},
		"a key alone, not what is below it": {
			key: "/d",
			write: func(t *testing.T, keys *etcdv2.KeysService, _ string) {
				must[*etcdv2.Response](t)(keys.Set(t.Context(), "/d/a", "1", etcdv2.WriteOptions{}))
				must[*etcdv2.Response](t)(keys.DeleteDir(t.Context(), "/d", etcdv2.DeleteDirOptions{Recursive: true}))
			},
			want: []seen{{Action: etcdv2.ActionDelete, Key: "/d", Gone: true}},
		},
		"the delete of a directory above the key": {
			key: "/a/bc",
			write: func(t *testing.T, keys *etcdv2.KeysService, _ string) {
				must[*etcdv2.Response](t)(keys.Set(t.Context(), "/a/b/x", "1", etcdv2.WriteOptions{}))
				must[*etcdv2.Response](t)(keys.Set(t.Context(), "/a/bc", "2", etcdv2.WriteOptions{}))
				// Its name is how that of the key begins.
				must[*etcdv2.Response](t)(keys.DeleteDir(t.Context(), "/a/b", etcdv2.DeleteDirOptions{Recursive: true}))
				must[*etcdv2.Response](t)(keys.DeleteDir(t.Context(), "/a", etcdv2.DeleteDirOptions{Recursive: true}))
			},
			want: []seen{
				{Action: etcdv2.ActionSet, Key: "/a/bc", Value: "2"},
				{Action: etcdv2.ActionDelete, Key: "/a", Gone: true},
			},
		},
		"the expiry of the directory that is the key prefix": {
			key: "/k",
			setup: func(t *testing.T, prefix string) {
				server.Mkdir(t, prefix, "ttl=1")
			},
			write: func(t *testing.T, keys *etcdv2.KeysService, _ string) {
				must[*etcdv2.Response](t)(keys.Set(t.Context(), "/k", "1", etcdv2.WriteOptions{}))
			},
			want: []seen{
				{Action: etcdv2.ActionSet, Key: "/k", Value: "1"},
				{Action: etcdv2.ActionExpire, Key: "/", Gone: true},
			},
		},
		"no event for a refresh": {
			key: "/k",
			write: func(t *testing.T, keys *etcdv2.KeysService, _ string) {
				long := int64(1000)
				must[*etcdv2.Response](t)(keys.Set(t.Context(), "/k", "1", etcdv2.WriteOptions{TTL: &long}))
				must[*etcdv2.Response](t)(keys.Refresh(t.Context(), "/k", 2000, etcdv2.Condition{}))
				must[*etcdv2.Response](t)(keys.Set(t.Context(), "/k", "2", etcdv2.WriteOptions{}))
			},
			want: []seen{
				{Action: etcdv2.ActionSet, Key: "/k", Value: "1"},
				{Action: etcdv2.ActionSet, Key: "/k", Value: "2"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, prefix := newKeys(t)
			if tt.setup != nil {
				tt.setup(t, prefix)
			}
			start := server.Get(t, prefix)
			tt.opts.AfterIndex = indexOf(t, start)

			// Once as it happens, and once again out of the history.
			live := make(chan []seen, 1)
			go func() { live <- collect(t, keys, tt.key, len(tt.want), tt.opts) }()
			tt.write(t, keys, prefix)
			for i, got := range [][]seen{<-live, collect(t, keys, tt.key, len(tt.want), tt.opts)} {
				for j := range got {
					got[j].Key, _, _ = cutDigits(got[j].Key)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("Events() number %d (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

// cutDigits cuts the name of a key made in order, which no test can know.
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

// waitForPoll waits until a long poll has reached the server.
func waitForPoll(tb testing.TB, proxy *etcdtest.Proxy, n int) {
	tb.Helper()
	eventually(tb, fmt.Sprintf("long poll %d is answered", n), func() bool { return polls(proxy) >= n })
}

// polls counts the long polls of which the header came back.
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
		got := <-done
		if got.err != nil {
			t.Fatal(got.err)
		}
		if got.event.Node.Value != "after" || got.event.Index != put.Node.ModifiedIndex || got.event.PrevNode.Value != "before" {
			t.Errorf("Watch() = %+v, want the event of index %d", got.event, put.Node.ModifiedIndex)
		}
		for _, r := range proxy.Requests() {
			if r.Query.Get("quorum") != "" && r.Query.Get("wait") != "" {
				t.Errorf("the poll asks for a quorum too, and the server answers it at once: %v", r.Query)
			}
		}
	})

	t.Run("from an index, then the one after it", func(t *testing.T) {
		t.Parallel()
		keys, prefix := newKeys(t)
		first := etcdtest.Shared(t).Put(t, prefix+"/k", "1")
		second := etcdtest.Shared(t).Put(t, prefix+"/k", "2")
		got := must[*etcdv2.Event](t)(keys.Watch(t.Context(), "/k", etcdv2.WatchOptions{AfterIndex: first.Node.ModifiedIndex - 1}))
		if got.Node.Value != "1" {
			t.Errorf("Watch(after %d) value = %q, want %q", first.Node.ModifiedIndex-1, got.Node.Value, "1")
		}
		got = must[*etcdv2.Event](t)(keys.Watch(t.Context(), "/k", etcdv2.WatchOptions{AfterIndex: got.Index}))
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
		if got := must[*etcdv2.Event](t)(keys.Watch(t.Context(), "/k", opts)); got.Node.Value != "2" {
			t.Errorf("Watch() value = %q, want %q", got.Node.Value, "2")
		}
		var values []string
		for event, err := range keys.Events(t.Context(), "/k", opts) {
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
		_, err := keys.Watch(t.Context(), "/k", etcdv2.WatchOptions{Timeout: 50 * time.Millisecond})
		wantErr(t, "Watch()", err, etcdv2.ErrWatchTimeout)
		var errs []error
		for _, err := range keys.Events(t.Context(), "/k", etcdv2.WatchOptions{Timeout: 50 * time.Millisecond}) {
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
		_, err := keys.Watch(t.Context(), "/k", etcdv2.WatchOptions{})
		wantErr(t, "Watch()", err, etcdv2.ErrUnavailable)
	})
}

func TestKeysService_Watch_canceled(t *testing.T) {
	// Not parallel: it counts the goroutines of the client.
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
			got := <-c
			wantErr(t, "Watch()", got.err, context.Canceled)
		}
		if took := time.Since(start); took > time.Second {
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
	must[*etcdv2.Response](t)(keys.Set(t.Context(), "/k", "1", etcdv2.WriteOptions{}))
	if got := <-done; got.err != nil || got.event.Node.Value != "1" {
		t.Errorf("Watch(%s/k) = %+v, %v", prefix, got.event, got.err)
	}
}

func TestKeysService_Events_faults(t *testing.T) {
	t.Parallel()
	isPoll := func(r etcdtest.Request) bool { return r.Query.Get("wait") != "" }
	for name, rule := range map[string]etcdtest.Rule{
		"cut before the request":         {Action: etcdtest.CutBefore()},
		"answer lost":                    {Action: etcdtest.DropAnswer()},
		"event cut in the middle":        {Action: etcdtest.TruncateAnswer(20)},
		"empty body":                     {Action: etcdtest.Respond(http.StatusOK, nil, "")},
		"502 of a proxy":                 {Action: etcdtest.Respond(http.StatusBadGateway, nil, "bad gateway")},
		"503":                            {Action: etcdtest.Respond(http.StatusServiceUnavailable, nil, "")},
		"500 with code 300":              {Action: etcdtest.Respond(http.StatusInternalServerError, nil, `{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}`)},
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
			const events = 5
			opts := etcdv2.WatchOptions{AfterIndex: indexOf(t, server.Get(t, prefix))}
			done := make(chan []seen, 1)
			go func() { done <- collect(t, keys, "/k", events, opts) }()
			var want []seen
			for i := range events {
				server.Put(t, prefix+"/k", fmt.Sprint(i))
				want = append(want, seen{Action: etcdv2.ActionSet, Key: "/k", Value: fmt.Sprint(i)})
			}
			if diff := cmp.Diff(want, <-done); diff != "" {
				t.Errorf("Events() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKeysService_Events_emptyPollFromNow(t *testing.T) {
	t.Parallel()
	// The first poll from now on ends without an event; what happens before the
	// second must not be lost.
	keys, prefix, proxy := newProxied(t, etcdv2.Options{})
	server := etcdtest.Shared(t)
	proxy.Inject(etcdtest.Rule{Times: 1, Action: func(x *etcdtest.Exchange) {
		index := server.Get(t, prefix).Header.Get("X-Etcd-Index")
		server.Put(t, prefix+"/k", "in between")
		etcdtest.Respond(http.StatusOK, http.Header{"X-Etcd-Index": {index}}, "")(x)
	}})
	got := must[*etcdv2.Event](t)(keys.Watch(t.Context(), "/k", etcdv2.WatchOptions{Timeout: 10 * time.Second}))
	if got.Node.Value != "in between" {
		t.Errorf("Watch() value = %q, want %q", got.Node.Value, "in between")
	}
}

func TestKeysService_Events_indexCleared(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	client := newClient(t, etcdv2.Options{Endpoints: []string{server.URL()}})
	fill := func() {
		for i := range 1100 {
			if _, err := client.Keys.Set(t.Context(), fmt.Sprintf("/other/%d", i%7), "x", etcdv2.WriteOptions{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	first := server.Put(t, "/dir/k", "1")
	fill()
	after := etcdv2.WatchOptions{AfterIndex: first.Node.ModifiedIndex, Timeout: 20 * time.Second}
	recursive := after
	recursive.Recursive = true

	t.Run("the key has not changed", func(t *testing.T) {
		opts := after
		opts.Timeout = 100 * time.Millisecond
		_, err := client.Keys.Watch(t.Context(), "/dir/k", opts)
		wantErr(t, "Watch()", err, etcdv2.ErrWatchTimeout)
	})
	t.Run("the key has changed", func(t *testing.T) {
		second := server.Put(t, "/dir/k", "2")
		fill()
		got := must[*etcdv2.Event](t)(client.Keys.Watch(t.Context(), "/dir/k", after))
		if diff := cmp.Diff(seen{Action: etcdv2.ActionGet, Key: "/dir/k", Value: "2", Resync: true}, seenOf(got)); diff != "" {
			t.Errorf("Watch() (-want +got):\n%s", diff)
		}
		if got.Node.ModifiedIndex != second.Node.ModifiedIndex || got.Index <= second.Node.ModifiedIndex+1000 {
			t.Errorf("Watch() index = %d, want the server's, far behind that of the key, %d", got.Index, second.Node.ModifiedIndex)
		}
	})
	t.Run("a directory, and it goes on", func(t *testing.T) {
		var got []seen
		for event, err := range client.Keys.Events(t.Context(), "/dir", recursive) {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, seenOf(event)); len(got) == 2 {
				break
			}
			if event.Resync && (len(event.Node.Nodes) != 1 || event.Node.Nodes[0].Value != "2") {
				t.Errorf("the event has the nodes %v, want the key", event.Node.Nodes)
			}
			server.Put(t, "/dir/k", "3")
		}
		want := []seen{
			{Action: etcdv2.ActionGet, Key: "/dir", Resync: true},
			{Action: etcdv2.ActionSet, Key: "/dir/k", Value: "3"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Events() (-want +got):\n%s", diff)
		}
	})
	t.Run("the key is gone", func(t *testing.T) {
		server.Delete(t, "/dir", "recursive=true")
		fill()
		got := must[*etcdv2.Event](t)(client.Keys.Watch(t.Context(), "/dir/k", after))
		if !got.Resync || !got.Gone() || got.Node != nil || got.Index == 0 {
			t.Errorf("Watch() = %+v, want a resync without a node", got)
		}
	})
	t.Run("thousands of other events between two of ours", func(t *testing.T) {
		opts := etcdv2.WatchOptions{AfterIndex: indexOf(t, server.Get(t, "/other"))}
		done := make(chan []seen, 1)
		go func() { done <- collect(t, client.Keys, "/ours", 3, opts) }()
		for i := range 3 {
			server.Put(t, "/ours", fmt.Sprint(i))
			fill()
		}
		got := <-done
		// The reader can fall behind by more than the server keeps; then the
		// last event says where the key is.
		if last := got[len(got)-1]; last.Value != "2" {
			t.Errorf("Events() last value = %q, want %q, in %+v", last.Value, "2", got)
		}
	})
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
		case <-time.After(20 * time.Second):
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
	keys, prefix, proxy := newProxied(t, etcdv2.Options{PollTimeout: 100 * time.Millisecond})
	done := watchAsync(t.Context(), keys, "/k", etcdv2.WatchOptions{Timeout: 20 * time.Second})
	waitForPoll(t, proxy, 3)
	etcdtest.Shared(t).Put(t, prefix+"/k", "1")
	got := <-done
	if got.err != nil || got.event.Node.Value != "1" || got.event.Resync {
		t.Fatalf("Watch() = %+v, %v", got.event, got.err)
	}
	polls := slices.DeleteFunc(proxy.Requests(), func(r etcdtest.Request) bool { return r.Query.Get("wait") == "" })
	for _, r := range polls[1:] {
		if r.Query.Get("waitIndex") == "" {
			t.Error("a poll that begins anew has no index, and would miss events")
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
		Endpoints: []string{hanging.URL(), healthy.URL()}, KeyPrefix: prefix, PollTimeout: 100 * time.Millisecond,
	})
	after := etcdv2.WatchOptions{AfterIndex: indexOf(t, server.Get(t, prefix)), Timeout: 20 * time.Second}
	done := watchAsync(t.Context(), client.Keys, "/k", after)
	waitForPoll(t, healthy, 1)
	server.Put(t, prefix+"/k", "1")
	if got := <-done; got.err != nil || got.event.Node.Value != "1" {
		t.Errorf("Watch() = %+v, %v", got.event, got.err)
	}
}

// TestKeysService_Watch_scripted has answers that no server gives at will.
func TestKeysService_Watch_scripted(t *testing.T) {
	t.Parallel()
	event := func(key string, index int) string {
		return fmt.Sprintf(`{"action":"set","node":{"key":%q,"value":"v","modifiedIndex":%d,"createdIndex":%d}}`, key, index, index)
	}
	const read = `{"action":"get","node":{"key":"/k","value":"now","modifiedIndex":7,"createdIndex":7}}`
	for name, tt := range map[string]struct {
		answers []scripted
		opts    etcdv2.WatchOptions
		want    seen
		wantErr error
		wantRaw string
	}{
		"an event of another key is passed over": {
			answers: []scripted{{poll: true, body: event("/other", 5)}, {poll: true, body: event("/k", 6)}},
			want:    seen{Action: etcdv2.ActionSet, Key: "/k", Value: "v"},
			wantRaw: "6",
		},
		"another cluster is read anew": {
			answers: []scripted{
				{poll: true, index: 3, cluster: "a"},
				{poll: true, index: 3, cluster: "b", body: event("/k", 9)},
				{index: 8, cluster: "b", body: read},
			},
			want: seen{Action: etcdv2.ActionGet, Key: "/k", Value: "now", Resync: true},
		},
		"the end of a poll that told no index is read anew": {
			answers: []scripted{{poll: true}, {index: 8, body: read}},
			want:    seen{Action: etcdv2.ActionGet, Key: "/k", Value: "now", Resync: true},
			wantRaw: "8",
		},
		"no JSON":              {answers: []scripted{{poll: true, body: "<html>"}}, wantErr: etcdv2.ErrInvalidAnswer},
		"no node":              {answers: []scripted{{poll: true, body: `{"action":"set"}`}}, wantErr: etcdv2.ErrInvalidAnswer},
		"not permitted":        {answers: []scripted{{poll: true, status: 401, body: `{"errorCode":110,"message":"m","cause":"c","index":0}`}}, wantErr: etcdv2.ErrUnauthorized},
		"resync not permitted": {answers: []scripted{{poll: true, status: 400, body: `{"errorCode":401,"message":"m","cause":"c","index":9}`}, {status: 401, body: `{"errorCode":110,"message":"m","cause":"c","index":0}`}}, wantErr: etcdv2.ErrUnauthorized},
		"no v2":                {answers: []scripted{{poll: true, status: 404, body: "404 page not found"}}, wantErr: etcdv2.ErrV2Disabled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := newClient(t, etcdv2.Options{Endpoints: []string{script(t, tt.answers)}})
			got, err := client.Keys.Watch(t.Context(), "/k", tt.opts)
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

// scripted is one answer of a scripted server.
type scripted struct {
	// poll is whether a long poll is expected.
	poll    bool
	status  int
	index   int
	cluster string
	body    string
}

// script serves answers in their order, and fails the test when asked for more
// or for another kind.
func script(tb testing.TB, answers []scripted) string {
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

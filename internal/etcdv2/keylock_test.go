package etcdv2_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

const lockKey = "/jobs/lock"

func acquire(tb testing.TB, keys *etcdv2.KeysService, ttl int64) *etcdv2.Lock {
	tb.Helper()
	return must[*etcdv2.Lock](tb)(keys.Acquire(tb.Context(), etcdv2.LockRequest{Key: lockKey, TTL: ttl}))
}

// contender waits for a lock in the background.
type contender struct {
	lock    chan *etcdv2.Lock
	err     chan error
	waiting chan struct{}
}

// contend tries to acquire the lock, and returns once the contender has found it held.
func contend(ctx context.Context, tb testing.TB, keys *etcdv2.KeysService) contender {
	tb.Helper()
	c := contender{lock: make(chan *etcdv2.Lock, 1), err: make(chan error, 1), waiting: make(chan struct{})}
	var once sync.Once
	go func() {
		lock, err := keys.Acquire(ctx, etcdv2.LockRequest{
			Key: lockKey, TTL: 30,
			Waiting: func(*etcdv2.Node) { once.Do(func() { close(c.waiting) }) },
		})
		if err != nil {
			c.err <- err
			return
		}
		c.lock <- lock
	}()
	select {
	case <-c.waiting:
	case err := <-c.err:
		tb.Fatal(err)
	case <-time.After(patience):
		tb.Fatal("Acquire() neither waits nor fails")
	}
	return c
}

func (c contender) get(tb testing.TB) *etcdv2.Lock {
	tb.Helper()
	select {
	case lock := <-c.lock:
		return lock
	case err := <-c.err:
		tb.Fatal(err)
	case <-time.After(patience):
		tb.Fatal("Acquire() is still waiting")
	}
	return nil
}

func TestKeysService_Acquire(t *testing.T) {
	t.Parallel()
	keys, prefix := newKeys(t)
	before := time.Now()
	lock := acquire(t, keys, 600)

	node := etcdtest.Shared(t).Get(t, prefix+lockKey).Node
	if node.Value != lock.Token || lock.Token == "" || node.TTL < 500 || node.TTL > 600 {
		t.Errorf("the key has value %q and TTL %d, want %q and 600", node.Value, node.TTL, lock.Token)
	}
	if lock.CreatedIndex != node.CreatedIndex || lock.ModifiedIndex != node.ModifiedIndex {
		t.Errorf("Lock has indexes %d and %d, the key %d and %d", lock.CreatedIndex, lock.ModifiedIndex, node.CreatedIndex, node.ModifiedIndex)
	}
	if lock.Until.Before(before.Add(600*time.Second)) || lock.Until.After(time.Now().Add(600*time.Second)) {
		t.Errorf("Until = %s, want 600s from %s", lock.Until, before)
	}

	// The contender gives up once it has found the lock held.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := keys.Acquire(ctx, etcdv2.LockRequest{Key: lockKey, TTL: 30, Waiting: func(*etcdv2.Node) { cancel() }})
	wantErr(t, "Acquire() of a held lock", err, context.Canceled)
	wantErr(t, "Acquire() of a held lock", err, etcdv2.ErrLockHeld)
	held, ok := errors.AsType[*etcdv2.LockHeldError](err)
	if !ok || held.Holder.CreatedIndex != lock.CreatedIndex {
		t.Fatalf("Acquire() of a held lock error = %v, want a LockHeldError with created index %d", err, lock.CreatedIndex)
	}
	if strings.Contains(err.Error(), lock.Token) || !strings.Contains(err.Error(), lockKey) || strings.Contains(err.Error(), "context") {
		t.Errorf("Acquire() of a held lock error = %q, want one with the key, and neither the token nor the context", err)
	}

	if err := keys.Release(t.Context(), lock); err != nil {
		t.Fatal(err)
	}
	_, err = keys.Get(t.Context(), lockKey, etcdv2.GetOptions{})
	wantErr(t, "Get() after Release()", err, etcdv2.ErrNotFound)
}

// TestKeysService_Acquire_owner checks that the error of a contender names the owner of the
// lock, whenever the contender gives up.
func TestKeysService_Acquire_owner(t *testing.T) {
	t.Parallel()
	keys, prefix, proxy := newProxied(t, etcdv2.Options{})
	const owner = "web-3 (pid 4711) \u202e\nund \"Kö\""
	since := time.Now().Add(-time.Second)
	request := etcdv2.LockRequest{Key: lockKey, TTL: 600, Owner: owner}
	lock := must[*etcdv2.Lock](t)(keys.Acquire(t.Context(), request))
	server := etcdtest.Shared(t)
	wantOwner := func(err error, cause error) {
		t.Helper()
		wantErr(t, "Acquire()", err, etcdv2.ErrLockHeld)
		wantErr(t, "Acquire()", err, cause)
		held, ok := errors.AsType[*etcdv2.LockHeldError](err)
		if !ok || held.Owner != "web-3 (pid 4711)   und \"Kö\"" || held.Since.Before(since) || held.Since.After(time.Now()) {
			t.Fatalf("Acquire() error = %#v, want the owner of the lock, since about %s", err, since)
		}
		for _, want := range []string{held.Owner, held.Since.Format(time.RFC3339), "expires in"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("Acquire() error = %q, want it to contain %q", err, want)
			}
		}
		if strings.Contains(err.Error(), lock.Token) || strings.Contains(err.Error(), "context") {
			t.Errorf("Acquire() error = %q, which contains the token or the context", err)
		}
	}
	wait := func(opts ...func(*etcdv2.LockRequest)) error {
		ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errors.New("too long"))
		defer cancel()
		request := etcdv2.LockRequest{Key: lockKey, TTL: 600, Owner: "other", Waiting: func(*etcdv2.Node) { cancel() }}
		for _, opt := range opts {
			opt(&request)
		}
		_, err := keys.Acquire(ctx, request)
		return err
	}
	wantOwner(wait(), context.Canceled)

	// The lock is renewed, with the same value, and released.
	if err := keys.Renew(t.Context(), lock); err != nil {
		t.Fatal(err)
	}
	wantOwner(wait(), context.Canceled)

	// The wait ends while the contender reads the lock once more.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err := keys.Acquire(ctx, etcdv2.LockRequest{Key: lockKey, TTL: 600, Waiting: func(*etcdv2.Node) {
		proxy.Inject(etcdtest.Rule{Match: func(r etcdtest.Request) bool { return r.Query.Get("wait") == "" }, Action: func(x *etcdtest.Exchange) {
			cancel()
			x.Cut()
		}})
		server.Put(t, prefix+lockKey, "moves the index", "prevIndex=0", "ttl=600")
	}})
	if held, ok := errors.AsType[*etcdv2.LockHeldError](err); !ok || held.Owner == "" {
		t.Errorf("Acquire() error = %v, want the owner of the lock", err)
	}
	proxy.Clear()

	// A value that another program wrote into such a key is not quoted.
	for _, value := range []string{
		"s3cr3t", `{"owner":"s3cr3t"}`, `{"owner":"s3cr3t","since":"2026-01-01T00:00:00Z","token":"t","more":1}`,
		`{"owner":"` + strings.Repeat("s3cr3t", 50) + `","since":"2026-01-01T00:00:00Z","token":"t"}`,
	} {
		server.Put(t, prefix+lockKey, value)
		err := wait()
		wantErr(t, "Acquire()", err, etcdv2.ErrLockHeld)
		if strings.Contains(err.Error(), "s3cr3t") || !strings.Contains(err.Error(), "unknown owner") ||
			!strings.Contains(err.Error(), "does not expire") {
			t.Errorf("Acquire() error = %q, want an unknown owner", err)
		}
	}
	_, err = keys.Acquire(t.Context(), etcdv2.LockRequest{Key: "/new", TTL: 600, Owner: strings.Repeat("x", etcdv2.MaxLockOwner+1)})
	wantErr(t, "Acquire() with a long owner", err, etcdv2.ErrTooLarge)
	_, err = keys.Acquire(t.Context(), etcdv2.LockRequest{Key: "/new", TTL: 600, Owner: "\xff"})
	wantErr(t, "Acquire() with an owner that is not text", err, etcdv2.ErrInvalidValue)
}

func TestKeysService_TryAcquire(t *testing.T) {
	t.Parallel()
	keys, prefix, proxy := newProxied(t, etcdv2.Options{})
	lock := must[*etcdv2.Lock](t)(keys.TryAcquire(bounded(t), etcdv2.LockRequest{Key: lockKey, TTL: 600, Owner: "first"}))
	proxy.Reset()
	_, err := keys.TryAcquire(bounded(t), etcdv2.LockRequest{Key: lockKey, TTL: 600, Owner: "second"})
	wantErr(t, "TryAcquire() of a held lock", err, etcdv2.ErrLockHeld)
	if held, ok := errors.AsType[*etcdv2.LockHeldError](err); !ok || held.Owner != "first" || held.Holder.CreatedIndex != lock.CreatedIndex {
		t.Errorf("TryAcquire() error = %v, want the owner of the lock", err)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || len(proxy.Requests()) != 1 {
		t.Errorf("TryAcquire() error = %v after %d requests, want one request", err, len(proxy.Requests()))
	}
	if err := keys.Release(t.Context(), lock); err != nil {
		t.Fatal(err)
	}

	// A rival is faster between the read and the create.
	server := etcdtest.Shared(t)
	proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Times: 1, Action: etcdtest.Intercept(func(etcdtest.Request) {
		server.Put(t, prefix+lockKey, "rival", "ttl=600")
	})})
	_, err = keys.TryAcquire(bounded(t), etcdv2.LockRequest{Key: lockKey, TTL: 600})
	wantErr(t, "TryAcquire() after a rival", err, etcdv2.ErrLockHeld)
	if got := etcdtest.Shared(t).Get(t, prefix+lockKey).Node.Value; got != "rival" {
		t.Errorf("the key of the rival became %q", got)
	}
}

// ended waits for the end of a keeper.
func ended(tb testing.TB, k *etcdv2.LockKeeper) error {
	tb.Helper()
	receive(tb, "the end of the keeper", k.Done())
	return k.Err()
}

// TestKeysService_KeepAlive keeps a lock for longer than its TTL, while another client waits
// for it.
func TestKeysService_KeepAlive(t *testing.T) {
	t.Parallel()
	keys, _ := newKeys(t)
	const ttl = 12
	lock := acquire(t, keys, ttl)
	k := keys.KeepAlive(t.Context(), lock)
	second := contend(t.Context(), t, keys)
	select {
	case <-second.lock:
		t.Fatal("the lock was taken while it was held")
	case <-k.Done():
		t.Fatalf("the keeper ended: %v", k.Err())
	case <-time.After(2 * ttl * time.Second):
	}
	if k.Err() != nil {
		t.Errorf("Err() = %v while the lock is held", k.Err())
	}
	if err := k.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "Err() after Release()", ended(t, k), context.Canceled)
	second.get(t)
}

// TestKeysService_KeepAlive_lost loses locks in every way that a keeper detects before the TTL
// is over.
func TestKeysService_KeepAlive_lost(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(t *testing.T, s *etcdtest.Server, key string){
		"deleted":     func(t *testing.T, s *etcdtest.Server, key string) { t.Helper(); s.Delete(t, key) },
		"overwritten": func(t *testing.T, s *etcdtest.Server, key string) { t.Helper(); s.Put(t, key, "rival") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, prefix := newKeys(t)
			k := keys.KeepAlive(t.Context(), acquire(t, keys, 6))
			lose(t, etcdtest.Shared(t), prefix+lockKey)
			err := ended(t, k)
			wantErr(t, "Err()", err, etcdv2.ErrLockLost)
			if err != nil && strings.Contains(err.Error(), "no renewal") {
				t.Errorf("Err() = %v, want it reported by the first renewal", err)
			}
			wantErr(t, "Release()", k.Release(t.Context()), etcdv2.ErrLockLost)
			if name == "overwritten" && etcdtest.Shared(t).Get(t, prefix+lockKey).Node.Value != "rival" {
				t.Error("the key of the rival is gone")
			}
		})
	}
	t.Run("its context ends", func(t *testing.T) {
		t.Parallel()
		keys, prefix := newKeys(t)
		ctx, cancel := context.WithCancel(t.Context())
		k := keys.KeepAlive(ctx, acquire(t, keys, 600))
		cancel()
		wantErr(t, "Err()", ended(t, k), context.Canceled)
		if err := k.Release(t.Context()); err != nil || etcdtest.Shared(t).Get(t, prefix+lockKey).OK() {
			t.Errorf("Release() = %v, want the lock released", err)
		}
	})
}

// TestKeysService_KeepAlive_serverAway cuts the holder off: for a while, and for good. The
// keeper reports that the lock is lost when it can no longer be sure of it, and not before,
// even if the key is back after that.
func TestKeysService_KeepAlive_serverAway(t *testing.T) {
	t.Parallel()
	keys, prefix, proxy := newProxied(t, etcdv2.Options{Retry: etcdv2.RetryPolicy{MaxAttempts: 1}})
	const ttl = 12
	lock := acquire(t, keys, ttl)
	k := keys.KeepAlive(t.Context(), lock)
	proxy.Refuse()
	// The first renewal, after 4 s, fails, and so do a few after it.
	<-time.After(6 * time.Second)
	proxy.Accept(t)
	eventually(t, "the lock is renewed", func() bool {
		return etcdtest.Shared(t).Get(t, prefix+lockKey).Node.ModifiedIndex > lock.ModifiedIndex
	})
	if k.Err() != nil {
		t.Fatalf("Err() = %v, want the lock kept", k.Err())
	}
	proxy.Refuse()
	err := ended(t, k)
	wantErr(t, "Err()", err, etcdv2.ErrLockLost)
	if err != nil && !strings.Contains(err.Error(), "no renewal") {
		t.Errorf("the keeper ended with %v, want the TTL over without a renewal", err)
	}
	proxy.Accept(t)
	wantErr(t, "Release()", k.Release(t.Context()), etcdv2.ErrLockLost)
}

func TestKeysService_Acquire_waits(t *testing.T) {
	t.Parallel()
	ends := map[string]func(t *testing.T, keys *etcdv2.KeysService, lock *etcdv2.Lock){
		"for a release": func(t *testing.T, keys *etcdv2.KeysService, lock *etcdv2.Lock) {
			t.Helper()
			if err := keys.Release(t.Context(), lock); err != nil {
				t.Error(err)
			}
		},
		"for the directory to be deleted": func(t *testing.T, keys *etcdv2.KeysService, _ *etcdv2.Lock) {
			t.Helper()
			must[*etcdv2.Response](t)(keys.DeleteDir(t.Context(), "/jobs", etcdv2.DeleteDirOptions{Recursive: true}))
		},
		"for the key to expire": func(*testing.T, *etcdv2.KeysService, *etcdv2.Lock) {},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, _, proxy := newProxied(t, etcdv2.Options{})
			ttl := int64(3)
			if name != "for the key to expire" {
				ttl = 600
			}
			first := acquire(t, keys, ttl)
			second := contend(t.Context(), t, keys)
			end(t, keys, first)
			lock := second.get(t)
			if lock.CreatedIndex <= first.CreatedIndex {
				t.Errorf("CreatedIndex = %d, want more than that of the first holder, %d", lock.CreatedIndex, first.CreatedIndex)
			}
			polls, reads := 0, 0
			for _, r := range proxy.Requests() {
				switch {
				case r.Param("wait") == "true":
					polls++
				case r.Method == http.MethodGet:
					reads++
				}
			}
			// Two reads find the lock free, one finds it held. Expiry can be read once before
			// the purge.
			if polls == 0 || reads > 6 {
				t.Errorf("waited with %d watches and %d reads, want a watch and few reads", polls, reads)
			}
		})
	}
}

// A renewal by the holder neither frees the lock nor makes others try to acquire it.
func TestKeysService_Renew(t *testing.T) {
	t.Parallel()
	keys, prefix := newKeys(t)
	const ttl = 10
	lock := acquire(t, keys, ttl)
	second := contend(t.Context(), t, keys)
	created, modified := lock.CreatedIndex, lock.ModifiedIndex
	for end := time.Now().Add((ttl + 2) * time.Second); time.Now().Before(end); {
		until := lock.Until
		if err := keys.Renew(t.Context(), lock); err != nil {
			t.Fatal(err)
		}
		if !lock.Until.After(until) || lock.CreatedIndex != created || lock.ModifiedIndex <= modified {
			t.Fatalf("Renew() left %+v", lock)
		}
		modified = lock.ModifiedIndex
		select {
		case <-second.lock:
			t.Fatal("the lock was taken while it was held")
		case <-time.After(500 * time.Millisecond):
		}
	}
	if node := etcdtest.Shared(t).Get(t, prefix+lockKey).Node; node.Value != lock.Token || node.CreatedIndex != created {
		t.Errorf("the key is %+v, want the token and created index of the holder", node)
	}
	if err := keys.Release(t.Context(), lock); err != nil {
		t.Fatal(err)
	}
	second.get(t)
}

func TestKeysService_Renew_lost(t *testing.T) {
	t.Parallel()
	losses := map[string]func(t *testing.T, keys *etcdv2.KeysService){
		"deleted": func(t *testing.T, keys *etcdv2.KeysService) {
			t.Helper()
			must[*etcdv2.Response](t)(keys.Delete(t.Context(), lockKey))
		},
		"overwritten": func(t *testing.T, keys *etcdv2.KeysService) {
			t.Helper()
			must[*etcdv2.Response](t)(keys.Set(t.Context(), lockKey, "rival", etcdv2.WriteOptions{}))
		},
		"expired": func(t *testing.T, keys *etcdv2.KeysService) {
			t.Helper()
			must[*etcdv2.Event](t)(keys.Watch(t.Context(), lockKey, etcdv2.WatchOptions{Timeout: patience, Until: (*etcdv2.Event).Gone}))
		},
		"a directory": func(t *testing.T, keys *etcdv2.KeysService) {
			t.Helper()
			must[*etcdv2.Response](t)(keys.Delete(t.Context(), lockKey))
			must[*etcdv2.Response](t)(keys.CreateDir(t.Context(), lockKey, etcdv2.CreateOptions{}))
		},
		"below a key": func(t *testing.T, keys *etcdv2.KeysService) {
			t.Helper()
			must[*etcdv2.Response](t)(keys.DeleteDir(t.Context(), "/jobs", etcdv2.DeleteDirOptions{Recursive: true}))
			must[*etcdv2.Response](t)(keys.Set(t.Context(), "/jobs", "x", etcdv2.WriteOptions{}))
		},
	}
	uses := map[string]func(*etcdv2.KeysService, context.Context, *etcdv2.Lock) error{
		"Renew": (*etcdv2.KeysService).Renew, "Release": (*etcdv2.KeysService).Release,
	}
	for name, lose := range losses {
		for method, use := range uses {
			t.Run(method+" of one "+name, func(t *testing.T) {
				t.Parallel()
				keys, _ := newKeys(t)
				lock := acquire(t, keys, 3)
				lose(t, keys)
				err := use(keys, t.Context(), lock)
				wantErr(t, method+"()", err, etcdv2.ErrLockLost)
				if err != nil && (!strings.Contains(err.Error(), lockKey) ||
					strings.Contains(err.Error(), "rival") || strings.Contains(err.Error(), lock.Token)) {
					t.Errorf("%s() error = %q, want one with the key and no value", method, err)
				}
				if name == "overwritten" {
					if got := must[*etcdv2.Response](t)(keys.Get(t.Context(), lockKey, etcdv2.GetOptions{})); got.Node.Value != "rival" {
						t.Errorf("the key of the rival is %q after %s()", got.Node.Value, method)
					}
				}
			})
		}
	}
}

// A write of the holder's own token moves the index, and the lock is not lost.
func TestKeysService_Renew_ownWrite(t *testing.T) {
	t.Parallel()
	keys, _ := newKeys(t)
	lock := acquire(t, keys, 30)
	ttl := int64(30)
	must[*etcdv2.Response](t)(keys.Update(t.Context(), lockKey, lock.Token, etcdv2.WriteOptions{TTL: &ttl}))
	if err := keys.Renew(t.Context(), lock); err != nil {
		t.Fatal(err)
	}
	must[*etcdv2.Response](t)(keys.Update(t.Context(), lockKey, lock.Token, etcdv2.WriteOptions{TTL: &ttl}))
	if err := keys.Release(t.Context(), lock); err != nil {
		t.Fatal(err)
	}
}

func TestKeysService_Acquire_lostAnswer(t *testing.T) {
	t.Parallel()
	for name, attempts := range map[string]int{"sent again": 3, "not sent again": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, prefix, proxy := newProxied(t, etcdv2.Options{Retry: etcdv2.RetryPolicy{MaxAttempts: attempts}})

			proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Times: 1, Action: etcdtest.DropAnswer()})
			lock := acquire(t, keys, 30)
			node := etcdtest.Shared(t).Get(t, prefix+lockKey).Node
			if node.Value != lock.Token || node.CreatedIndex != lock.CreatedIndex || node.ModifiedIndex != lock.ModifiedIndex {
				t.Errorf("the key is %+v, want that of %+v", node, lock)
			}

			proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Times: 1, Action: etcdtest.DropAnswer()})
			if err := keys.Renew(t.Context(), lock); err != nil {
				t.Fatal(err)
			}

			proxy.Inject(etcdtest.Rule{Method: http.MethodDelete, Times: 1, Action: etcdtest.DropAnswer()})
			err := keys.Release(t.Context(), lock)
			if attempts > 1 && err != nil {
				t.Errorf("Release() error = %v", err)
			}
			if got := etcdtest.Shared(t).Get(t, prefix+lockKey); got.Status != http.StatusNotFound {
				t.Errorf("the key is still there after Release()")
			}
		})
	}
}

// An interrupted wait leaves nothing behind, not even a create in flight.
func TestKeysService_Acquire_interrupted(t *testing.T) {
	t.Parallel()
	keys, prefix, proxy := newProxied(t, etcdv2.Options{})
	release := make(chan struct{})
	defer close(release)
	proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Times: 1, Action: etcdtest.Hold(release)})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := keys.Acquire(ctx, etcdv2.LockRequest{Key: lockKey, TTL: 600})
		failed <- err
	}()
	server := etcdtest.Shared(t)
	eventually(t, "the create is applied", func() bool { return server.Get(t, prefix+lockKey).OK() })
	cancel()
	wantErr(t, "Acquire()", receive(t, "Acquire()", failed), context.Canceled)
	if server.Get(t, prefix+lockKey).OK() {
		t.Error("the lock is still held after Acquire() has failed")
	}
}

func TestKeysService_Acquire_refused(t *testing.T) {
	t.Parallel()
	keys, _, proxy := newProxied(t, etcdv2.Options{})
	must[*etcdv2.Response](t)(keys.CreateDir(t.Context(), "/dir", etcdv2.CreateOptions{}))
	must[*etcdv2.Response](t)(keys.Set(t.Context(), "/key", "x", etcdv2.WriteOptions{}))
	proxy.Reset()
	for name, tc := range map[string]struct {
		key  string
		ttl  int64
		want error
	}{
		"directory":   {"/dir", 30, etcdv2.ErrNotFile},
		"below a key": {"/key/lock", 30, etcdv2.ErrNotDir},
		"short TTL":   {"/lock", 2, etcdv2.ErrInvalidTTL},
		"long TTL":    {"/lock", etcdv2.MaxTTL + 1, etcdv2.ErrInvalidTTL},
		"invalid key": {"lock", 30, etcdv2.ErrInvalidKey},
	} {
		_, err := keys.Acquire(t.Context(), etcdv2.LockRequest{Key: tc.key, TTL: tc.ttl})
		wantErr(t, "Acquire() of "+name, err, tc.want)
	}
	if n := proxy.Count(http.MethodPut, "/"); n != 0 {
		t.Errorf("%d writes were sent", n)
	}
}

func TestKeysService_Acquire_manyHolders(t *testing.T) {
	t.Parallel()
	keys, _ := newKeys(t)
	var holders, taken atomic.Int64
	var last atomic.Uint64
	var wait sync.WaitGroup
	for range 6 {
		wait.Go(func() {
			for range 3 {
				lock, err := keys.Acquire(t.Context(), etcdv2.LockRequest{Key: lockKey, TTL: 60})
				if err != nil {
					t.Error(err)
					return
				}
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d clients have the lock", n)
				}
				if before := last.Swap(lock.CreatedIndex); lock.CreatedIndex <= before {
					t.Errorf("CreatedIndex = %d after %d", lock.CreatedIndex, before)
				}
				taken.Add(1)
				holders.Add(-1)
				if err := keys.Release(t.Context(), lock); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if taken.Load() != 18 {
		t.Errorf("the lock was taken %d times, want 18", taken.Load())
	}
}

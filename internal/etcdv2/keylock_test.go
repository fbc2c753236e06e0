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

// contend asks for the lock, and returns once it is seen to be held.
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
	case <-time.After(20 * time.Second):
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
	case <-time.After(20 * time.Second):
		tb.Fatal("Acquire() still waits")
	}
	return nil
}

func TestKeysService_Acquire(t *testing.T) {
	t.Parallel()
	keys, prefix := newKeys(t)
	before := time.Now()
	lock := acquire(t, keys, 30)

	node := etcdtest.Shared(t).Get(t, prefix+lockKey).Node
	if node.Value != lock.Token || lock.Token == "" || node.TTL < 28 || node.TTL > 30 {
		t.Errorf("the key has value %q and TTL %d, want %q and 30", node.Value, node.TTL, lock.Token)
	}
	if lock.CreatedIndex != node.CreatedIndex || lock.ModifiedIndex != node.ModifiedIndex {
		t.Errorf("Lock has indexes %d and %d, the key %d and %d", lock.CreatedIndex, lock.ModifiedIndex, node.CreatedIndex, node.ModifiedIndex)
	}
	if lock.Until.Before(before.Add(29*time.Second)) || lock.Until.After(time.Now().Add(30*time.Second)) {
		t.Errorf("Until = %s, want 30s from %s", lock.Until, before)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := keys.Acquire(ctx, etcdv2.LockRequest{Key: lockKey, TTL: 30})
	wantErr(t, "Acquire() of a held lock", err, context.DeadlineExceeded)
	held, ok := errors.AsType[*etcdv2.LockHeldError](err)
	if !ok || held.Holder.CreatedIndex != lock.CreatedIndex {
		t.Fatalf("Acquire() of a held lock error = %v, want a LockHeldError with created index %d", err, lock.CreatedIndex)
	}
	if strings.Contains(err.Error(), lock.Token) || !strings.Contains(err.Error(), lockKey) {
		t.Errorf("Acquire() of a held lock error = %q, want one with the key and not the token", err)
	}

	if err := keys.Release(t.Context(), lock); err != nil {
		t.Fatal(err)
	}
	_, err = keys.Get(t.Context(), lockKey, etcdv2.GetOptions{})
	wantErr(t, "Get() after Release()", err, etcdv2.ErrNotFound)
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
			// Two reads see the lock free, one sees it held; expiry can be seen
			// once before the purge.
			if polls == 0 || reads > 6 {
				t.Errorf("waited with %d watches and %d reads, want a watch and few reads", polls, reads)
			}
		})
	}
}

// A refresh of the holder's neither frees the lock nor makes others ask for it.
func TestKeysService_Renew(t *testing.T) {
	t.Parallel()
	keys, prefix := newKeys(t)
	lock := acquire(t, keys, 3)
	second := contend(t.Context(), t, keys)
	created, modified := lock.CreatedIndex, lock.ModifiedIndex
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
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
			must[*etcdv2.Event](t)(keys.Watch(t.Context(), lockKey, etcdv2.WatchOptions{Timeout: 10 * time.Second, Until: (*etcdv2.Event).Gone}))
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
				if err != nil && (!strings.Contains(err.Error(), lockKey) || strings.Contains(err.Error(), "rival") || strings.Contains(err.Error(), lock.Token)) {
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

// A write of the holder's own token moves the index, and loses nothing.
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

// An interrupted wait leaves nothing behind, not even a create that is under way.
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
	wantErr(t, "Acquire()", <-failed, context.Canceled)
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
					t.Errorf("%d hold the lock", n)
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

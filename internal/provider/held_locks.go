package provider

import (
	"context"
	"sync"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// heldLocks are the locks that this process has taken. A CLI does not close the
// ephemeral resources of a run that failed or was interrupted; it only ends
// the provider, which then gives the locks back on its own.
type heldLocks struct {
	mu    sync.Mutex
	locks map[string]heldLock // by their tokens
}

type heldLock struct {
	keys *etcdv2.KeysService
	lock etcdv2.Lock
}

// keep remembers a lock as it is now.
func (h *heldLocks) keep(keys *etcdv2.KeysService, lock *etcdv2.Lock) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.locks == nil {
		h.locks = map[string]heldLock{}
	}
	h.locks[lock.Token] = heldLock{keys, *lock}
}

// drop forgets a lock that was given back or lost.
func (h *heldLocks) drop(lock *etcdv2.Lock) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.locks, lock.Token)
}

// release gives all locks back that are left. Nobody is there to be informed of a
// failure any more; the TTL frees what is not given back.
func (h *heldLocks) release(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var wait sync.WaitGroup
	for _, taken := range h.locks {
		wait.Go(func() { _ = taken.keys.Release(ctx, &taken.lock) })
	}
	wait.Wait()
	h.locks = nil
}

// Shutdown gives back the locks that calls have not given back. It is for the end of
// the process, when no call comes any more.
func (p *etcdProvider) Shutdown(ctx context.Context) { p.locks.release(ctx) }

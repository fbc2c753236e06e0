package torture

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// lockTTL is the TTL of the locks, and lockWait how long a worker waits for a holder.
const (
	lockTTL  = etcdv2.MinLockTTL
	lockWait = 4 * time.Second
)

// lockLog records who held which lock, and when.
type lockLog struct {
	mu   sync.Mutex
	held []holding
}

// holding is a time in which a worker held a lock.
type holding struct {
	key        string
	worker     int
	created    uint64
	start, end int64
}

// add adds a holding, and returns the contradictions with the others: two held the lock at
// once, or the later one has the lower created index.
func (l *lockLog) add(h holding) (faults []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, other := range l.held {
		first, second := h, other
		if other.start < h.start {
			first, second = other, h
		}
		if h.key == other.key && (second.start < first.end || second.created <= first.created) {
			faults = append(faults, fmt.Sprintf("lock %s was held by worker %d until %s (created at %d) and by worker %d from %s on (created at %d)",
				h.key, first.worker, time.Duration(first.end), first.created, second.worker, time.Duration(second.start), second.created))
		}
	}
	l.held = append(l.held, h)
	return faults
}

// count returns how often a lock was held.
func (l *lockLog) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.held)
}

// callLock acquires a lock, holds it for a moment, sometimes renews it, and releases it.
func (w *worker) callLock() {
	key := fmt.Sprintf("/torture-locks/l%d", w.rng.IntN(2))
	t := w.newTrace()
	defer w.injector.traces.remove(t)
	ctx, cancel := context.WithTimeout(traced(w.ended, t), lockWait)
	defer cancel()
	lock, err := w.keys.Acquire(ctx, etcdv2.LockRequest{Key: key, TTL: lockTTL, Owner: fmt.Sprintf("worker %d", w.number)})
	if err != nil {
		return
	}
	h := holding{key: key, worker: w.number, created: lock.CreatedIndex, start: w.now()}
	until := lock.Until
	for range w.rng.IntN(3) {
		w.pause(time.Duration(w.rng.IntN(30)) * time.Millisecond)
		if err := w.keys.Renew(traced(context.Background(), t), lock); errors.Is(err, etcdv2.ErrLockLost) {
			break
		}
		until = lock.Until
	}
	w.pause(time.Duration(w.rng.IntN(20)) * time.Millisecond)
	h.end = min(w.now(), until.Sub(w.began).Nanoseconds())
	if h.end > h.start {
		for _, fault := range w.locks.add(h) {
			w.violate(heldTwice, "%s", fault)
		}
	}
	_ = w.keys.Release(traced(context.Background(), t), lock) // If it fails, the TTL ends the lock.
}

// pause waits. It returns early if the run ends.
func (w *worker) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-w.ended.Done():
	case <-timer.C:
	}
}

// Package keyedlock provides locks by key: one caller at a time works on what a key names.
package keyedlock

import (
	"context"
	"sync"
)

// Locks are locks by key. The zero value is ready for use; a lock without an owner or a
// waiter uses no memory.
type Locks[K comparable] struct {
	mu    sync.Mutex
	locks map[K]*lock
}

type lock struct {
	held  chan struct{}
	users int
}

// Lock waits until no other caller holds the lock of the key. If the context ends first,
// Lock returns the error of the context. The caller must call unlock once.
func (l *Locks[K]) Lock(ctx context.Context, key K) (unlock func(), err error) {
	lock := l.enter(key)
	select {
	case lock.held <- struct{}{}:
		return func() {
			<-lock.held
			l.leave(key, lock)
		}, nil
	case <-ctx.Done():
		l.leave(key, lock)
		return nil, ctx.Err()
	}
}

func (l *Locks[K]) enter(key K) *lock {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := l.locks[key]
	if found == nil {
		if l.locks == nil {
			l.locks = map[K]*lock{}
		}
		found = &lock{held: make(chan struct{}, 1)}
		l.locks[key] = found
	}
	found.users++
	return found
}

func (l *Locks[K]) leave(key K, lock *lock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lock.users--; lock.users == 0 {
		delete(l.locks, key)
	}
}

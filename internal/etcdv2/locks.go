package etcdv2

import (
	"context"
	"sync"
)

// nameLocks lets one caller at a time change what a name stands for. The auth
// API has no conditions: a server reads a user or a role, changes it and writes
// it back, and of two changes at once one is lost.
type nameLocks struct {
	mu    sync.Mutex
	locks map[string]*nameLock
}

type nameLock struct {
	held  chan struct{}
	users int
}

// lock waits until no other caller holds name. The caller must call unlock.
func (l *nameLocks) lock(ctx context.Context, name string) (unlock func(), err error) {
	lock := l.enter(name)
	select {
	case lock.held <- struct{}{}:
		return func() {
			<-lock.held
			l.leave(name, lock)
		}, nil
	case <-ctx.Done():
		l.leave(name, lock)
		return nil, ctx.Err()
	}
}

func (l *nameLocks) enter(name string) *nameLock {
	l.mu.Lock()
	defer l.mu.Unlock()
	lock := l.locks[name]
	if lock == nil {
		if l.locks == nil {
			l.locks = map[string]*nameLock{}
		}
		lock = &nameLock{held: make(chan struct{}, 1)}
		l.locks[name] = lock
	}
	lock.users++
	return lock
}

func (l *nameLocks) leave(name string, lock *nameLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lock.users--
	if lock.users == 0 {
		delete(l.locks, name)
	}
}

package etcdv2

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/pause"
)

// LockKeeper renews a lock in the background. It is safe for concurrent use.
type LockKeeper struct {
	keys *KeysService
	stop context.CancelFunc
	done chan struct{}
	// lock belongs to the goroutine that renews it until done is closed, and err
	// is set before that.
	lock Lock
	err  error
}

// KeepAlive renews a lock in the background, each time that a third of its TTL is
// over, until it is released by the keeper, is lost, or ctx ends. A renewal that
// fails is tried again as long as the lock cannot have expired. The lock is the keeper's
// from then on, and must not be renewed or released otherwise.
func (s *KeysService) KeepAlive(ctx context.Context, lock *Lock) *LockKeeper {
	ctx, stop := context.WithCancel(ctx)
	k := &LockKeeper{keys: s, stop: stop, done: make(chan struct{}), lock: *lock}
	go func() {
		defer stop()
		defer close(k.done)
		k.err = k.renew(ctx)
	}()
	return k
}

// Done returns a channel that is closed when the lock is renewed no more: Err
// is why. Work under the lock has to stop then.
func (k *LockKeeper) Done() <-chan struct{} { return k.done }

// Err returns nil as long as the lock is renewed. After that it is ErrLockLost if
// the lock was lost, which it also is if no renewal came through before the TTL was
// over, and otherwise the error of the context or of Release.
func (k *LockKeeper) Err() error {
	select {
	case <-k.done:
		return k.err
	default:
		return nil
	}
}

// Release stops the renewals and gives the lock back. It returns ErrLockLost if
// the lock was lost, even before the call: what was done under it since then was not
// protected.
func (k *LockKeeper) Release(ctx context.Context) error {
	k.stop()
	select {
	case <-k.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if errors.Is(k.err, ErrLockLost) {
		return k.err
	}
	lock := k.lock
	return k.keys.Release(ctx, &lock)
}

// renew renews the lock until it is lost or ctx ends, and returns why.
func (k *LockKeeper) renew(ctx context.Context) error {
	third := time.Duration(k.lock.TTL) * time.Second / 3
	next := time.Until(k.lock.Until) - 2*third
	for {
		if err := pause.For(ctx, next); err != nil {
			return err
		}
		err := k.renewOnce(ctx, third)
		switch left := time.Until(k.lock.Until); {
		case err == nil:
			next = third
		case errors.Is(err, ErrLockLost):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case left <= 0:
			return fmt.Errorf("%s: %w: no renewal came through before its TTL was over: %w", k.lock.Key, ErrLockLost, err)
		default:
			next = min(third/4, left)
		}
	}
}

// renewOnce makes one renewal, which ends before the lock can expire.
func (k *LockKeeper) renewOnce(ctx context.Context, most time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, min(most, max(time.Until(k.lock.Until), most/4)))
	defer cancel()
	return k.keys.Renew(ctx, &k.lock)
}

package etcdv2

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// MinLockTTL is the shortest TTL of a [Lock] in seconds. A server purges
// expired keys twice a second, and a renewal must have time to be sent again.
const MinLockTTL int64 = 3

// ErrLockLost means that the key of a lock no longer has the token of its holder. It
// expired, or somebody deleted or overwrote it.
var ErrLockLost = errors.New("lock lost")

// lockTries bounds how often a renewal or a release meets its own late write.
const lockTries = 5

// abandonTimeout bounds the cleaning up after a lock that was given up.
const abandonTimeout = 5 * time.Second

// LockRequest says which lock is wanted.
type LockRequest struct {
	// Key is the key that stands for the lock. Whoever creates it holds it.
	Key string
	// Token is the value of the key. It must be one that no other holder
	// uses: a lost answer is settled by it. Empty means a random one.
	Token string
	// TTL is the life of the key in seconds, MinLockTTL to MaxTTL. A holder
	// that ends without Release blocks others for as long.
	TTL int64
	// Waiting, if not nil, is called each time that the lock turns out to be
	// held, before waiting for it.
	Waiting func(holder *Node)
}

// Lock is a lock that is held. It is not safe for concurrent use.
type Lock struct {
	// Key and Token are those of the request, TTL is in seconds.
	Key   string
	Token string
	TTL   int64
	// CreatedIndex is the index at which the lock was taken. It grows with
	// each holder and can serve to tell late writes of an earlier one.
	CreatedIndex uint64
	// ModifiedIndex is the index of the last write of the holder.
	ModifiedIndex uint64
	// Until is the time to which the lock is safely held, by the local clock.
	Until time.Time
}

// LockHeldError says who stood in the way of a lock until the context of
// Acquire ended. It is the error of the context.
type LockHeldError struct {
	// Key is the key of the lock.
	Key string
	// Holder is the key as it was last seen. Its value is the holder's token.
	Holder *Node

	cause error
}

// Error names the key, and since when it has been held, but not its value.
func (e *LockHeldError) Error() string {
	life := "does not expire"
	if e.Holder.HasTTL() {
		life = fmt.Sprintf("expires in %d seconds unless it is renewed", e.Holder.TTL)
	}
	return fmt.Sprintf("%s is held: the key was created at index %d and %s: %v", e.Key, e.Holder.CreatedIndex, life, e.cause)
}

// Unwrap returns the error of the context.
func (e *LockHeldError) Unwrap() error { return e.cause }

// Acquire takes a lock: it creates the key, and waits by a watch for as long
// as somebody else has it. It returns a [*LockHeldError] if ctx ends before,
// ErrNotFile if there is a directory of this name, ErrNotDir if an ancestor is
// a key. Whatever the error, an attempt that may have been applied was undone
// as far as the cluster answered; the TTL does the rest.
func (s *KeysService) Acquire(ctx context.Context, req LockRequest) (*Lock, error) {
	if req.TTL < MinLockTTL || req.TTL > MaxTTL {
		return nil, fmt.Errorf("%w: %d seconds, want %d to %d for a lock", ErrInvalidTTL, req.TTL, MinLockTTL, MaxTTL)
	}
	if err := errors.Join(CheckKey(req.Key), CheckValue(req.Token)); err != nil {
		return nil, err
	}
	if req.Token == "" {
		req.Token = rand.Text()
	}
	lock, sent, err := s.acquire(ctx, req)
	if err != nil && sent {
		s.abandon(ctx, req)
	}
	return lock, err
}

// acquire reports also whether a create was sent whose outcome is not known.
func (s *KeysService) acquire(ctx context.Context, req LockRequest) (lock *Lock, sent bool, err error) {
	for {
		start := time.Now()
		found, err := s.Get(ctx, req.Key, GetOptions{})
		switch {
		case errors.Is(err, ErrNotFound) && absentAt(err) != 0:
			var resp *Response
			opts := CreateOptions{WriteOptions: WriteOptions{TTL: &req.TTL}, AbsentAt: absentAt(err)}
			resp, err = s.Create(ctx, req.Key, req.Token, opts)
			if err == nil {
				return req.lock(resp.Node, start), false, nil
			}
			sent = sent || !errors.Is(err, ErrExists)
			if !errors.Is(err, ErrExists) && !errors.Is(err, ErrOutcomeUnknown) || ctx.Err() != nil {
				return nil, sent, err
			}
			continue
		case err != nil:
			return nil, sent, err
		case found.Node.Dir:
			return nil, sent, fmt.Errorf("%s: %w", req.Key, ErrNotFile)
		case found.Node.Value == req.Token:
			// A create whose answer was lost was applied after all, at an
			// unknown time: only a renewal says how long the lock is held.
			lock = req.lock(found.Node, start)
			return lock, sent, s.Renew(ctx, lock)
		}
		if err := s.awaitFree(ctx, req, found); err != nil {
			return nil, sent, err
		}
	}
}

func (r LockRequest) lock(n *Node, start time.Time) *Lock {
	lock := &Lock{Key: r.Key, Token: r.Token, TTL: r.TTL, CreatedIndex: n.CreatedIndex}
	lock.renewed(n, start)
	return lock
}

func (l *Lock) renewed(n *Node, start time.Time) {
	l.ModifiedIndex = n.ModifiedIndex
	l.Until = start.Add(time.Duration(l.TTL) * time.Second)
}

// awaitFree waits until something happens to the key of a lock, or its life
// may be over: an endpoint that is cut off from its cluster reports neither.
func (s *KeysService) awaitFree(ctx context.Context, req LockRequest, held *Response) error {
	if req.Waiting != nil {
		req.Waiting(held.Node)
	}
	opts := WatchOptions{AfterIndex: held.EtcdIndex}
	if held.Node.HasTTL() {
		opts.Timeout = time.Duration(held.Node.TTL+1) * time.Second
	}
	_, err := s.Watch(ctx, req.Key, opts)
	switch {
	case ctx.Err() != nil:
		return &LockHeldError{Key: req.Key, Holder: held.Node, cause: context.Cause(ctx)}
	case errors.Is(err, ErrWatchTimeout):
		return nil
	default:
		return err
	}
}

// Renew gives a lock its full TTL again. It returns ErrLockLost if the key is
// gone or not the holder's any more, which is final. After any other error the
// lock is held until Lock.Until at least, and Renew can be called again.
func (s *KeysService) Renew(ctx context.Context, lock *Lock) error {
	return s.whileHeld(ctx, lock, func() error {
		start := time.Now()
		resp, err := s.refreshLock(ctx, lock)
		if err == nil {
			lock.renewed(resp.Node, start)
		}
		return err
	})
}

// refreshLock does without a refresh on servers before etcd 2.3: those who
// wait for the lock then see an event, and read once more.
func (s *KeysService) refreshLock(ctx context.Context, lock *Lock) (*Response, error) {
	cond := Condition{Index: lock.ModifiedIndex}
	resp, err := s.Refresh(ctx, lock.Key, lock.TTL, cond)
	if errors.Is(err, ErrUnsupported) {
		return s.CompareAndSwap(ctx, lock.Key, lock.Token, cond, WriteOptions{TTL: &lock.TTL})
	}
	return resp, err
}

// Release gives a lock back: it deletes the key if the holder still has it,
// and returns ErrLockLost if not.
func (s *KeysService) Release(ctx context.Context, lock *Lock) error {
	return s.whileHeld(ctx, lock, func() error {
		_, err := s.CompareAndDelete(ctx, lock.Key, Condition{Index: lock.ModifiedIndex})
		return err
	})
}

// whileHeld makes a write on the condition of lock.ModifiedIndex. If the key
// has changed, or the outcome is not known, it reads whose key it is: a late
// write of the holder moves the index too, and the write is made once more.
func (s *KeysService) whileHeld(ctx context.Context, lock *Lock, write func() error) error {
	for tries := 1; ; tries++ {
		err := write()
		switch {
		case errors.Is(err, ErrNotFound) || errors.Is(err, ErrNotFile):
			return fmt.Errorf("%s: %w: %w", lock.Key, ErrLockLost, err)
		case !errors.Is(err, ErrCompareFailed) && !errors.Is(err, ErrOutcomeUnknown):
			return err
		}
		found, readErr := s.Get(ctx, lock.Key, GetOptions{})
		switch {
		case errors.Is(readErr, ErrNotFound):
			return fmt.Errorf("%s: %w: %w", lock.Key, ErrLockLost, readErr)
		case readErr != nil || tries == lockTries:
			return errors.Join(err, readErr)
		case found.Node.Dir || found.Node.Value != lock.Token:
			return fmt.Errorf("%s: %w: it was overwritten at index %d", lock.Key, ErrLockLost, found.Node.ModifiedIndex)
		}
		lock.ModifiedIndex = found.Node.ModifiedIndex
	}
}

// abandon deletes the key if it has our token, although ctx may have ended.
func (s *KeysService) abandon(ctx context.Context, req LockRequest) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTimeout)
	defer cancel()
	_, _ = s.CompareAndDelete(ctx, req.Key, Condition{Value: req.Token})
}

package etcdv2

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
)

// MinLockTTL is the shortest TTL of a [Lock] in seconds. A server purges
// expired keys twice a second, and a renewal must have time to be sent again.
const MinLockTTL int64 = 3

// MaxLockOwner is the length of the longest owner of a [Lock] in bytes: the value of
// the key has to fit into the line of a request.
const MaxLockOwner = 256

// ErrLockLost means that the key of a lock no longer has the token of its holder. It
// expired, or somebody deleted or overwrote it.
var ErrLockLost = errors.New("lock lost")

// ErrLockHeld means that another holder has the lock. The error is a [*LockHeldError].
var ErrLockHeld = errors.New("lock held")

// lockTries bounds how often a renewal or a release meets its own late write.
const lockTries = 5

// abandonTimeout bounds the cleaning up after a lock that was given up.
const abandonTimeout = 5 * time.Second

// LockRequest describes the lock to take.
type LockRequest struct {
	// Key is the key that is the lock. Whoever creates the key has the lock.
	Key string
	// Token identifies the key as the holder's own. It must be one that
	// no other holder uses: a lost answer is settled by it. Empty means a random one.
	Token string
	// Owner names the holder to those who wait for the lock, such as "web-3 (pid
	// 4711)", MaxLockOwner bytes at most. The value of the key is then a JSON object
	// with the owner, the time and the token; it is the token alone if Owner is empty.
	Owner string
	// TTL is the lifetime of the key in seconds, MinLockTTL to MaxTTL. A holder
	// that ends without Release blocks others for as long.
	TTL int64
	// Waiting, if not nil, is called each time that the lock turns out to be
	// taken, before waiting for it.
	Waiting func(holder *Node)
}

// Lock is a lock that was taken. It is not safe for concurrent use.
type Lock struct {
	// Key, Token and Owner are those of the request, TTL is in seconds.
	Key   string
	Token string
	Owner string
	TTL   int64
	// Since is when the lock was asked for, by the local clock.
	Since time.Time
	// CreatedIndex is the index at which the lock was taken. It grows with
	// each holder and can serve to recognize late writes of an earlier one.
	CreatedIndex uint64
	// ModifiedIndex is the index of the last write of the holder.
	ModifiedIndex uint64
	// Until is the time until which the lock cannot have expired, by the local clock.
	Until time.Time
}

// LockHeldError names the holder of a lock that was not free. It is ErrLockHeld and, if
// Acquire waited, the error of the context that ended the wait.
type LockHeldError struct {
	// Key is the key of the lock.
	Key string
	// Owner is the holder of the lock, and Since the time at which it asked, by the clock of
	// the holder. They are empty if the holder did not store them.
	Owner string
	Since time.Time
	// Holder is the key as it was last seen. Its value contains the holder's token.
	Holder *Node

	cause error
}

// Error names the key, its holder and since when, but not its value.
func (e *LockHeldError) Error() string {
	owner := "an unknown owner"
	if e.Owner != "" {
		owner = fmt.Sprintf("%s since %s", e.Owner, e.Since.Format(time.RFC3339))
	}
	lifetime := "does not expire"
	if e.Holder.HasTTL() {
		lifetime = fmt.Sprintf("expires in %d seconds unless it is renewed", e.Holder.TTL)
	}
	return fmt.Sprintf("%s is held by %s: the key was created at index %d and %s", e.Key, owner, e.Holder.CreatedIndex, lifetime)
}

// Unwrap returns ErrLockHeld and the error of the context.
func (e *LockHeldError) Unwrap() []error {
	if e.cause == nil {
		return []error{ErrLockHeld}
	}
	return []error{ErrLockHeld, e.cause}
}

// lockValue is the value of the key of a lock with an owner.
type lockValue struct {
	Owner string    `json:"owner"`
	Since time.Time `json:"since"`
	Token string    `json:"token"`
}

// CheckLockOwner refuses an owner of a lock that is empty, longer than MaxLockOwner
// (ErrTooLarge) or not text (ErrInvalidValue).
func CheckLockOwner(owner string) error {
	switch {
	case owner == "":
		return fmt.Errorf("%w: the owner of a lock is empty", ErrInvalidValue)
	case len(owner) > MaxLockOwner:
		return fmt.Errorf("%w: the owner of a lock is %d bytes long, want %d at most", ErrTooLarge, len(owner), MaxLockOwner)
	default:
		return CheckValue(owner)
	}
}

// LockOwner returns the holder that the key of a lock names, and since when by the clock of the
// holder. It returns an empty owner for a key that does not say so.
func LockOwner(holder *Node) (owner string, since time.Time) {
	var v lockValue
	err := json.Unmarshal([]byte(holder.Value), &v, json.RejectUnknownMembers(true))
	// The key may be somebody else's altogether, whose value is not to be repeated.
	if err != nil || v.Token == "" || len(v.Owner) > MaxLockOwner {
		return "", time.Time{}
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, v.Owner), v.Since
}

// heldError names the holder of the lock. cause is why the wait ended, or nil.
func (a *acquisition) heldError(cause error) *LockHeldError {
	e := &LockHeldError{Key: a.req.Key, Holder: a.other, cause: cause}
	e.Owner, e.Since = LockOwner(a.other)
	return e
}

// value is that of the key of the lock.
func (l *Lock) value() string {
	if l.Owner == "" {
		return l.Token
	}
	// A text and a time of these years can always be encoded.
	data, _ := json.Marshal(lockValue{Owner: l.Owner, Since: l.Since, Token: l.Token}, json.Deterministic(true))
	return string(data)
}

// Acquire takes a lock: it creates the key, and waits by a watch for as long
// as another holder has it. It returns a [*LockHeldError] if ctx ends before,
// ErrNotFile if there is a directory of this name, ErrNotDir if an ancestor is
// a key. Whatever the error, an attempt that may have been applied was undone
// as far as the cluster answered; the TTL does the rest.
//
// The lock has to be renewed before its TTL is over: see [KeysService.KeepAlive].
func (s *KeysService) Acquire(ctx context.Context, req LockRequest) (*Lock, error) {
	return s.take(ctx, req, true)
}

// TryAcquire is Acquire that does not wait: if somebody else has the key, it
// returns a [*LockHeldError] at once.
func (s *KeysService) TryAcquire(ctx context.Context, req LockRequest) (*Lock, error) {
	return s.take(ctx, req, false)
}

func (s *KeysService) take(ctx context.Context, req LockRequest, waits bool) (*Lock, error) {
	if req.TTL < MinLockTTL || req.TTL > MaxTTL {
		return nil, fmt.Errorf("%w: %d seconds, want %d to %d for a lock", ErrInvalidTTL, req.TTL, MinLockTTL, MaxTTL)
	}
	if err := errors.Join(CheckKey(req.Key), CheckValue(req.Token)); err != nil {
		return nil, err
	}
	if req.Owner != "" {
		if err := CheckLockOwner(req.Owner); err != nil {
			return nil, err
		}
	}
	if req.Token == "" {
		req.Token = rand.Text()
	}
	a := acquisition{keys: s, req: req, waits: waits}
	a.wanted = Lock{Key: req.Key, Token: req.Token, Owner: req.Owner, TTL: req.TTL, Since: time.Now().UTC().Truncate(time.Second)}
	lock, err := a.run(ctx)
	if err != nil && a.sent {
		a.abandon(ctx)
	}
	if _, known := errors.AsType[*LockHeldError](err); err != nil && !known && ctx.Err() != nil && a.other != nil {
		// The wait ended between two looks at the holder.
		return nil, a.heldError(ctx.Err())
	}
	return lock, err
}

// acquisition is one attempt to take a lock, for as long as it takes.
type acquisition struct {
	keys  *KeysService
	req   LockRequest
	waits bool
	// wanted is the lock as it is if it can be taken.
	wanted Lock
	// sent reports whether a create was sent and its outcome is not known.
	sent bool
	// other is the key of the other holder as it was last seen, nil if it was free.
	other *Node
}

func (a *acquisition) run(ctx context.Context) (*Lock, error) {
	for {
		start := time.Now()
		found, err := a.keys.Get(ctx, a.req.Key, GetOptions{})
		switch {
		case errors.Is(err, ErrNotFound) && absentAt(err) != 0:
			a.other = nil
			lock, err := a.create(ctx, start, absentAt(err))
			if lock != nil || err != nil {
				return lock, err
			}
			continue
		case err != nil:
			return nil, err
		case found.Node.Dir:
			return nil, fmt.Errorf("%s: %w", a.req.Key, ErrNotFile)
		case found.Node.Value == a.wanted.value():
			// A create whose answer was lost was applied after all, at an
			// unknown time: only a renewal shows how long the lock lasts.
			lock := a.taken(found.Node, start)
			return lock, a.keys.Renew(ctx, lock)
		}
		a.other = found.Node
		if !a.waits {
			return nil, a.heldError(nil)
		}
		if err := a.awaitFree(ctx, found.EtcdIndex); err != nil {
			return nil, err
		}
	}
}

// create creates the key. It returns neither a lock nor an error where somebody
// else was faster, or the outcome is not known: the key says what became of it.
func (a *acquisition) create(ctx context.Context, start time.Time, absentAt uint64) (*Lock, error) {
	opts := CreateOptions{WriteOptions: WriteOptions{TTL: &a.req.TTL}, AbsentAt: absentAt}
	resp, err := a.keys.Create(ctx, a.req.Key, a.wanted.value(), opts)
	if err == nil {
		return a.taken(resp.Node, start), nil
	}
	a.sent = a.sent || !errors.Is(err, ErrExists)
	if !errors.Is(err, ErrExists) && !errors.Is(err, ErrOutcomeUnknown) || ctx.Err() != nil {
		return nil, err
	}
	return nil, nil //nolint:nilnil // documented above
}

// taken is the lock with the key that was created.
func (a *acquisition) taken(n *Node, start time.Time) *Lock {
	lock := a.wanted
	lock.CreatedIndex = n.CreatedIndex
	lock.renewed(n, start)
	return &lock
}

func (l *Lock) renewed(n *Node, start time.Time) {
	l.ModifiedIndex = n.ModifiedIndex
	l.Until = start.Add(time.Duration(l.TTL) * time.Second)
}

// awaitFree waits until something happens to the key of a lock, or its TTL
// may be over: an endpoint that is cut off from its cluster reports neither.
func (a *acquisition) awaitFree(ctx context.Context, index uint64) error {
	if a.req.Waiting != nil {
		a.req.Waiting(a.other)
	}
	opts := WatchOptions{AfterIndex: index}
	if a.other.HasTTL() {
		opts.Timeout = time.Duration(a.other.TTL+1) * time.Second
	}
	_, err := a.keys.Watch(ctx, a.req.Key, opts)
	switch {
	case ctx.Err() != nil:
		return a.heldError(ctx.Err())
	case errors.Is(err, ErrWatchTimeout), errors.Is(err, context.DeadlineExceeded):
		// The second is an endpoint that hangs: the next read asks another.
		return nil
	default:
		return err
	}
}

// Renew gives a lock its full TTL again. It returns ErrLockLost if the key is
// gone or not the holder's any more, which is final. After any other error the
// lock lasts until Lock.Until at least, and Renew can be called again.
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
		return s.CompareAndSwap(ctx, lock.Key, lock.value(), cond, WriteOptions{TTL: &lock.TTL})
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
		case found.Node.Dir || found.Node.Value != lock.value():
			return fmt.Errorf("%s: %w: it was overwritten at index %d", lock.Key, ErrLockLost, found.Node.ModifiedIndex)
		}
		lock.ModifiedIndex = found.Node.ModifiedIndex
	}
}

// abandon deletes the key if it is ours, although ctx may have ended.
func (a *acquisition) abandon(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abandonTimeout)
	defer cancel()
	_, _ = a.keys.CompareAndDelete(ctx, a.req.Key, Condition{Value: a.wanted.value()})
}

package etcdv2

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// MaxTTL is the longest TTL in seconds, a hundred years. Servers take longer
// ones, and make nonsense of some.
const MaxTTL int64 = 3153600000

// WriteOptions are the options of every write.
type WriteOptions struct {
	// TTL is the lifetime of the node in seconds, 1 to MaxTTL. Nil means
	// Options.DefaultTTL for a key and none for a directory; a write without a
	// TTL makes a node that expired permanent.
	TTL *int64
	// NoTTL means no TTL although Options.DefaultTTL has one.
	NoTTL bool
	// IsOurs reports whether a node that is read after a lost answer, and is newer
	// than what the write was to change, is what the write made. Nil means that it
	// has the value, as the same text, and a TTL or none.
	IsOurs func(found *Node) bool
	// NoValue asks the server to leave the node out of the answer, which
	// servers before 3.1 do not know.
	NoValue bool
}

// CreateOptions are the options of Create and CreateDir.
type CreateOptions struct {
	WriteOptions
	// AbsentAt is an etcd index of just before the call, such as that of an answer
	// which showed that the key did not exist. It lets a lost answer be settled: a
	// node that was created later counts as the call's own if it has its content.
	// Zero means that the client reads the key first.
	AbsentAt uint64
}

// Condition guards a write. At least one of its fields must be set, and every
// field that is set must be met.
type Condition struct {
	// Index is the modifiedIndex that the key must have. 0 means any.
	Index uint64
	// Value is the value that the key must have. "" means any: a server cannot
	// compare with an empty value.
	Value string
}

func (c Condition) check() error {
	if c.Index == 0 && c.Value == "" {
		return fmt.Errorf("%w: neither an index nor a value is given, and the server would write without a condition", ErrInvalidCondition)
	}
	return CheckValue(c.Value)
}

func (c Condition) addTo(v url.Values) {
	if c.Index != 0 {
		v.Set("prevIndex", strconv.FormatUint(c.Index, 10))
	}
	if c.Value != "" {
		v.Set("prevValue", c.Value)
	}
}

// replay: an index never recurs, a value does.
func (c Condition) replay() replay {
	if c.Index != 0 {
		return replayGuarded
	}
	return replayNever
}

// Create creates a key that does not exist (prevExist=false). It returns
// ErrExists if there is a key or a directory of this name, and ErrNotDir if an
// ancestor is a key. A lost answer is settled.
func (s *KeysService) Create(ctx context.Context, key, value string, opts CreateOptions) (*Response, error) {
	w, err := s.write(key, &value, opts.WriteOptions)
	if err != nil {
		return nil, err
	}
	return s.create(ctx, w, opts)
}

func (s *KeysService) create(ctx context.Context, w *write, opts CreateOptions) (*Response, error) {
	w.form.Set("prevExist", "false")
	w.replay = replayGuarded
	w.since = opts.AbsentAt
	w.byCreation = true
	if w.since == 0 {
		_, err := s.Get(ctx, w.key, GetOptions{})
		if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrUnauthorized) {
			return nil, err
		}
		w.since = absentAt(err)
	}
	if w.since == 0 {
		w.replay = replayNever
	}
	return s.response(s.client.do(ctx, s.settled(w)))
}

// absentAt returns the etcd index at which a read found no key, or 0 if it
// found one or was not allowed; a lost answer can then not be settled.
func absentAt(err error) uint64 {
	var apiErr *Error
	if errors.As(err, &apiErr) && apiErr.Code == CodeKeyNotFound {
		return apiErr.Index
	}
	return 0
}

// Update writes a key that exists (prevExist=true), whoever wrote it last. It
// returns ErrNotFound if there is none, ErrNotFile if it is a directory, and
// ErrOutcomeUnknown if the answer was lost.
func (s *KeysService) Update(ctx context.Context, key, value string, opts WriteOptions) (*Response, error) {
	w, err := s.write(key, &value, opts)
	if err != nil {
		return nil, err
	}
	if value == "" {
		// Servers before etcd 3.5 take this for an update of a directory, and drop
		// its TTL.
		found, err := s.Get(ctx, key, GetOptions{})
		if err == nil && found.Node.Dir {
			return nil, fmt.Errorf("%s: %w", key, ErrNotFile)
		}
		if err != nil && !errors.Is(err, ErrUnauthorized) {
			return nil, err
		}
	}
	w.form.Set("prevExist", "true")
	return s.response(s.client.do(ctx, w.request))
}

// Set writes a key unconditionally: it creates it, or overwrites whatever it
// was. It returns ErrNotFile if there is a directory of this name, and
// ErrOutcomeUnknown if the answer was lost.
func (s *KeysService) Set(ctx context.Context, key, value string, opts WriteOptions) (*Response, error) {
	w, err := s.write(key, &value, opts)
	if err != nil {
		return nil, err
	}
	return s.response(s.client.do(ctx, w.request))
}

// CompareAndSwap writes a key on a condition. It returns ErrInvalidCondition
// for an empty condition, ErrCompareFailed if the condition is not met,
// ErrNotFound if there is no such key and ErrNotFile if it is a directory. A
// lost answer is settled if the condition has an index; otherwise it is
// ErrOutcomeUnknown.
func (s *KeysService) CompareAndSwap(ctx context.Context, key, value string, cond Condition, opts WriteOptions) (*Response, error) {
	if err := cond.check(); err != nil {
		return nil, err
	}
	w, err := s.write(key, &value, opts)
	if err != nil {
		return nil, err
	}
	cond.addTo(w.form)
	w.replay = cond.replay()
	w.since = cond.Index
	return s.response(s.client.do(ctx, s.settled(w)))
}

// CompareAndDelete deletes a key on a condition. Errors are those of
// CompareAndSwap. After a lost answer, a key that is gone counts as deleted.
func (s *KeysService) CompareAndDelete(ctx context.Context, key string, cond Condition) (*Response, error) {
	if err := errors.Join(cond.check(), CheckKey(key)); err != nil {
		return nil, err
	}
	r := s.request(http.MethodDelete, key, false)
	// The body of a DELETE is ignored, and so would be a condition in it.
	r.query = url.Values{}
	cond.addTo(r.query)
	r.replay = cond.replay()
	return s.response(s.client.do(ctx, s.settled(&write{request: r, key: key, since: cond.Index, deletes: true})))
}

// Delete deletes a key unconditionally; the answer's PrevNode is the deleted key.
// It returns ErrNotFound if there is none, ErrNotFile if it is a directory,
// and ErrOutcomeUnknown if the answer was lost.
func (s *KeysService) Delete(ctx context.Context, key string) (*Response, error) {
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	return s.response(s.client.do(ctx, s.request(http.MethodDelete, key, false)))
}

// CreateInOrder creates a key in a directory, with the next index as its name,
// twenty digits wide, so that the names sort in the order of their making. The
// directory is created if it is missing. It returns ErrNotDir if dir is a key, and
// ErrOutcomeUnknown if the answer was lost: the server would make another key.
func (s *KeysService) CreateInOrder(ctx context.Context, dir, value string, opts WriteOptions) (*Response, error) {
	if err := CheckDir(dir); err != nil {
		return nil, err
	}
	form, err := s.form(&value, opts)
	if err != nil {
		return nil, err
	}
	r := s.request(http.MethodPost, dir, false)
	r.form = form
	return s.response(s.client.do(ctx, r))
}

// write prepares a PUT of a value, or of a directory if value is nil.
func (s *KeysService) write(key string, value *string, opts WriteOptions) (*write, error) {
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	form, err := s.form(value, opts)
	if err != nil {
		return nil, err
	}
	r := s.request(http.MethodPut, key, false)
	r.form = form
	if opts.NoValue {
		r.query = url.Values{"noValueOnSuccess": {"true"}}
	}
	return &write{request: r, key: key, value: value, ttl: form.Has("ttl"), ours: opts.IsOurs}, nil
}

func (s *KeysService) form(value *string, opts WriteOptions) (url.Values, error) {
	form := url.Values{}
	ttl := opts.TTL
	if value != nil {
		if err := CheckValue(*value); err != nil {
			return nil, err
		}
		form.Set("value", *value)
		if ttl == nil && !opts.NoTTL && s.defaultTTL != 0 {
			ttl = &s.defaultTTL
		}
	} else {
		form.Set("dir", "true")
	}
	if ttl == nil {
		return form, nil
	}
	if opts.NoTTL {
		return nil, fmt.Errorf("%w: both a TTL and no TTL are asked for", ErrInvalidTTL)
	}
	form.Set("ttl", strconv.FormatInt(*ttl, 10))
	return form, checkTTL(*ttl)
}

// checkTTL refuses a TTL that a server takes and makes something else of: 0
// expires the key at once, and a very large one makes it permanent, or does too.
func checkTTL(ttl int64) error {
	if ttl < 1 || ttl > MaxTTL {
		return fmt.Errorf("%w: %d seconds, want 1 to %d", ErrInvalidTTL, ttl, MaxTTL)
	}
	return nil
}

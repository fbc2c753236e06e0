package keyspace

import (
	"context"
	"errors"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// Store makes the writes that the package documentation lists. It is made for one
// object that is planned or applied, and serves one call at a time.
type Store struct {
	keys *etcdv2.KeysService
	// ahead answers reads of keys, and learns of writes; nil means neither.
	ahead *ReadAhead
	// run is what other objects did in this run.
	run *Run
	// OnAdopt, if not nil, learns the TTL of everything that is taken over.
	OnAdopt func(TTLChange)
}

// NewStore returns the key space that keys reaches. Stores share the reads of
// ahead, if it is not nil, and what the run has done; without a run a store only
// reads. The client should have an [etcdv2.Options.SettleTime]: without one, a
// write whose answer was lost is more often an OutcomeUnknown.
func NewStore(keys *etcdv2.KeysService, ahead *ReadAhead, r *Run) *Store {
	return &Store{keys: keys, ahead: ahead, run: r}
}

// ReadKey reads a key for a refresh. It returns ErrNotFound only if there is none,
// and refuses a directory.
func (s *Store) ReadKey(ctx context.Context, key string) (*etcdv2.Node, error) {
	get := func(ctx context.Context, key string) (*etcdv2.Response, error) {
		return s.keys.Get(ctx, key, etcdv2.GetOptions{})
	}
	if s.ahead != nil {
		get = s.ahead.Get
	}
	resp, err := get(ctx, key)
	if err != nil {
		return nil, err
	}
	if resp.Node.Dir {
		return nil, isDirectory(key)
	}
	return resp.Node, nil
}

// Create makes a key that must not exist, or takes over one that does if adopt
// is true.
func (s *Store) Create(ctx context.Context, key string, want Wanted, adopt bool) (node *etcdv2.Node, err error) {
	done, err := s.begin(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() { done(err) }()
	if recent := s.run.recent.get(); recent != 0 {
		return s.sendCreate(ctx, key, want, recent, adopt)
	}
	found, absentAt, err := s.readBeforeCreate(ctx, key)
	if err != nil {
		return nil, err
	}
	if found != nil {
		return s.takeOver(ctx, found, want, adopt)
	}
	return s.sendCreate(ctx, key, want, absentAt, adopt)
}

// CreateAbsent is Create for a key that was seen to be absent at an etcd index, 0
// if nothing was seen.
func (s *Store) CreateAbsent(ctx context.Context, key string, want Wanted, absentAt uint64, adopt bool) (node *etcdv2.Node, err error) {
	done, err := s.begin(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() { done(err) }()
	return s.sendCreate(ctx, key, want, absentAt, adopt)
}

// Adopt takes over a key as it was found, or creates it if it was deleted since.
func (s *Store) Adopt(ctx context.Context, found *etcdv2.Node, want Wanted) (node *etcdv2.Node, err error) {
	done, err := s.begin(ctx, found.Key)
	if err != nil {
		return nil, err
	}
	defer func() { done(err) }()
	if s.run.HasRemoved(NodeAt(found.Key)) {
		return s.sendCreate(ctx, found.Key, want, 0, true)
	}
	return s.takeOver(ctx, found, want, true)
}

// Update writes a key that is still as it was seen. If another object of this
// run has just deleted it, it is created again.
func (s *Store) Update(ctx context.Context, key string, before Seen, want Wanted) (node *etcdv2.Node, err error) {
	done, err := s.begin(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() { done(err) }()
	if s.run.HasRemoved(NodeAt(key)) {
		return s.sendCreate(ctx, key, want, 0, false)
	}
	return s.swap(ctx, key, before, &want, s.put(ctx, key, want))
}

// Remove deletes a key that is still as it was seen. A key that is gone is
// removed. A directory in its place, and a key that another object of this run
// created, wrote or adopted, stay.
func (s *Store) Remove(ctx context.Context, key string, before Seen) error {
	release, err := s.run.Lock(ctx, NodeAt(key))
	if err != nil {
		return err
	}
	defer release()
	if s.run.HasMade(NodeAt(key)) {
		return &Refusal{Kind: StaysNeeded, Path: key, Other: key}
	}
	defer s.ahead.Forget(key)
	_, err = s.swap(ctx, key, before, nil, func(index uint64) (*etcdv2.Response, error) {
		return s.keys.CompareAndDelete(ctx, key, etcdv2.Condition{Index: index})
	})
	switch {
	case err == nil, errors.Is(err, etcdv2.ErrNotFound):
		s.run.NoteRemoved(NodeAt(key))
		return nil
	case errors.Is(err, etcdv2.ErrNotFile):
		return &Refusal{Kind: StaysReplaced, Path: key}
	default:
		return err
	}
}

// Keep notes that a key is to stay as it was seen. It is Gone if another object
// of this run has deleted it.
func (s *Store) Keep(ctx context.Context, key string, seen Seen) error {
	isThere, err := s.keep(ctx, key)
	if err == nil && !isThere {
		return &Refusal{Kind: Gone, Path: key, Planned: seen.Index, Err: etcdv2.ErrNotFound}
	}
	return err
}

// keep notes that something is to stay as it is. It reports whether it is still
// there, as far as this run is concerned.
func (s *Store) keep(ctx context.Context, path string) (bool, error) {
	release, err := s.run.Lock(ctx, NodeAt(path))
	if err != nil {
		return false, err
	}
	defer release()
	if s.run.HasRemoved(NodeAt(path)) {
		return false, nil
	}
	s.run.NoteMade(NodeAt(path))
	return true, nil
}

// begin waits until no other object of this run changes a path. done ends that,
// and notes what came of the write: that this run made the node what it is, if it
// succeeded, and that nothing is known of it from before.
func (s *Store) begin(ctx context.Context, path string) (done func(err error), err error) {
	release, err := s.run.Lock(ctx, NodeAt(path))
	if err != nil {
		return nil, err
	}
	return func(err error) {
		s.ahead.Forget(path)
		if err == nil {
			s.run.NoteMade(NodeAt(path))
		}
		release()
	}, nil
}

package keyspace

import (
	"context"
	"errors"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// Store makes the writes that the package documentation lists. Each object that is
// planned or applied has its own, which serves one call at a time.
type Store struct {
	keys *etcdv2.KeysService
	// ahead answers reads of keys and is notified of writes; nil disables both.
	ahead *ReadAhead
	// run is what other objects did in this run.
	run *Run
	// OnAdopt, if not nil, is called with the TTL change of each adopted key or directory.
	OnAdopt func(TTLChange)
}

// NewStore returns a store that works through keys. Stores share the read-ahead, which
// may be nil, and the run; without a run a store can only read. The client should have
// an [etcdv2.Options.SettleTime]: without it, a write whose answer was lost ends more
// often as OutcomeUnknown.
func NewStore(keys *etcdv2.KeysService, ahead *ReadAhead, r *Run) *Store {
	return &Store{keys: keys, ahead: ahead, run: r}
}

// ReadKey reads a key for a refresh. It returns ErrNotFound only if nothing is there, and
// refuses a directory.
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

// Create creates a key that must not exist, or adopts an existing one if adopt is true.
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

// CreateAbsent is Create for a key that was absent at the etcd index absentAt, 0 if that
// is not known.
func (s *Store) CreateAbsent(ctx context.Context, key string, want Wanted, absentAt uint64, adopt bool) (node *etcdv2.Node, err error) {
	done, err := s.begin(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() { done(err) }()
	return s.sendCreate(ctx, key, want, absentAt, adopt)
}

// Adopt adopts a key as it was found, or creates it if it was deleted since.
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

// Update writes a key that is still as it was seen. If another object of this run has
// just deleted it, Update creates it again.
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

// Remove deletes a key that is still as it was seen. A key that is already gone counts as
// removed. A directory in its place stays, and so does a key that another object of this
// run created, wrote or adopted.
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

// Keep records that a key stays as it was seen. It returns Gone if another object of this
// run has deleted it.
func (s *Store) Keep(ctx context.Context, key string, seen Seen) error {
	isThere, err := s.keep(ctx, key)
	if err == nil && !isThere {
		return &Refusal{Kind: Gone, Path: key, Planned: seen.Index, Err: etcdv2.ErrNotFound}
	}
	return err
}

// keep records that a node stays as it is. It reports whether the node is still there, as
// far as this run is concerned.
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

// begin waits until no other object of this run is changing a path. done ends the change:
// it drops what was read of the path before and, if the write succeeded, records that
// this run made the node what it is.
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

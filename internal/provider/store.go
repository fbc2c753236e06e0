package provider

import (
	"context"
	"errors"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

const (
	// swapAttempts is how often a write is sent again on the index that a key
	// has moved to, while what it holds stays as it was.
	swapAttempts = 5
	// settleTime is how long the last look after a lost answer may take. It
	// outlives the run's own context: an interrupted run must know what it did.
	settleTime = 10 * time.Second
)

// store carries out the write rules on the key space for every resource that
// lives in it. No write of it is unconditional, and none overwrites or removes
// what the plan has not shown:
//
//	create   prevExist=false  exists already: refused, or, to adopt, a swap on the index just read
//	update   prevIndex        index moved, content as in state or as planned: again on the new index;
//	                          content changed, deleted, a directory now: refused
//	delete   prevIndex        the same, and gone is done
//	any      lost answer      read once more: ours is success, anything else is refused or reported as unknown
//
// Directories have no conditions on the server: their created index is
// compared just before a write, which narrows the gap and does not close it.
type store struct {
	keys *etcdv2.KeysService
	// ahead answers reads of keys, and is told of writes; nil means neither.
	ahead *readAhead
	// run is what other objects did in this run.
	run *run
	// onAdopt, if not nil, learns the TTL, 0 for none, that something had before
	// it was taken over and has now.
	onAdopt func(path string, before, now int64)
}

// newStore returns the key space as it is reached by keys. The reads of ahead, if
// it is not nil, and what the run has done are shared with other stores.
func newStore(keys *etcdv2.KeysService, ahead *readAhead, r *run) *store {
	return &store{keys: keys, ahead: ahead, run: r}
}

// seenKey is what state says of a key.
type seenKey struct {
	// index is its modified index.
	index uint64
	// value is nil if state does not hold it, as with write-only values.
	value *string
	// json is whether the value is compared as JSON.
	json bool
	// notText reports that the value contains bytes that are not text.
	notText bool
	// expires is whether it had a TTL.
	expires bool
}

// seenAs is a key as a read has just found it.
func seenAs(n *etcdv2.Node) seenKey {
	return seenKey{index: n.ModifiedIndex, value: &n.Value, notText: n.NotText, expires: n.HasTTL()}
}

// matches reports whether a node holds what state says, at whatever index.
func (s seenKey) matches(n *etcdv2.Node) bool {
	return s.value != nil && !n.Dir && !n.NotText && sameValue(*s.value, n.Value, s.json) && n.HasTTL() == s.expires
}

// losesBytes reports whether a write of what is wanted would put back a value as
// the API shows it, without the bytes that are not text.
func (s seenKey) losesBytes(want wantedKey) bool {
	return s.notText && s.value != nil && *s.value == want.value
}

// wantedKey is what a key is to hold.
type wantedKey struct {
	value string
	// json is whether the value is compared as JSON.
	json bool
	ttl  *int64
}

func (w wantedKey) matches(n *etcdv2.Node) bool {
	return !n.NotText && w.isShown(n)
}

// isShown is matches for as much of a value as the API shows.
func (w wantedKey) isShown(n *etcdv2.Node) bool {
	return !n.Dir && sameValue(w.value, n.Value, w.json) && n.HasTTL() == (w.ttl != nil)
}

func (w wantedKey) options() etcdv2.WriteOptions {
	return etcdv2.WriteOptions{TTL: w.ttl, NoTTL: w.ttl == nil, IsSame: func(value string) bool { return sameValue(w.value, value, w.json) }}
}

// write makes one write of a key while no other object of this run changes it,
// and notes that this run made the key what it is.
func (s *store) write(ctx context.Context, key string, send func() (*etcdv2.Node, error)) (*etcdv2.Node, error) {
	release, err := s.run.hold(ctx, nodeAt(key))
	if err != nil {
		return nil, err
	}
	defer release()
	defer s.forget(key)
	node, err := send()
	if err == nil {
		s.run.noteMade(nodeAt(key))
	}
	return node, err
}

// create makes a key that must not exist, or takes over one that does if adopt
// is true.
func (s *store) create(ctx context.Context, key string, want wantedKey, adopt bool) (*etcdv2.Node, error) {
	return s.write(ctx, key, func() (*etcdv2.Node, error) {
		found, absentAt, err := s.look(ctx, key)
		if err != nil {
			return nil, err
		}
		if found != nil {
			return s.takeOver(ctx, found, want, adopt)
		}
		return s.sendCreate(ctx, key, want, absentAt, adopt)
	})
}

// createAbsent is create for a key that was seen to be absent at an etcd
// index, 0 if nothing was seen.
func (s *store) createAbsent(ctx context.Context, key string, want wantedKey, absentAt uint64, adopt bool) (*etcdv2.Node, error) {
	return s.write(ctx, key, func() (*etcdv2.Node, error) {
		return s.sendCreate(ctx, key, want, absentAt, adopt)
	})
}

// adopt takes over a key as it was found, or creates it if it was deleted since.
func (s *store) adopt(ctx context.Context, found *etcdv2.Node, want wantedKey) (*etcdv2.Node, error) {
	return s.write(ctx, found.Key, func() (*etcdv2.Node, error) {
		if s.run.hasRemoved(nodeAt(found.Key)) {
			return s.sendCreate(ctx, found.Key, want, 0, true)
		}
		return s.takeOver(ctx, found, want, true)
	})
}

// keep notes that a key is to stay as it is. It reports whether the key is
// still there, as far as this run is concerned.
func (s *store) keep(ctx context.Context, key string) (bool, error) {
	release, err := s.run.hold(ctx, nodeAt(key))
	if err != nil {
		return false, err
	}
	defer release()
	if s.run.hasRemoved(nodeAt(key)) {
		return false, nil
	}
	s.run.noteMade(nodeAt(key))
	return true, nil
}

// keepKey is keep for a key that was seen. It is refused if this run has deleted it.
func (s *store) keepKey(ctx context.Context, key string, seen seenKey) error {
	isThere, err := s.keep(ctx, key)
	if err == nil && !isThere {
		return wasDeleted(key, seen.index, etcdv2.ErrNotFound)
	}
	return err
}

// sendCreate creates a key that is believed to be absent. Somebody may be faster.
func (s *store) sendCreate(ctx context.Context, key string, want wantedKey, absentAt uint64, adopt bool) (*etcdv2.Node, error) {
	opts := etcdv2.CreateOptions{WriteOptions: want.options(), AbsentAt: absentAt}
	resp, err := s.keys.Create(ctx, key, want.value, opts)
	switch {
	case err == nil:
		return resp.Node, nil
	case errors.Is(err, etcdv2.ErrOutcomeUnknown):
		return s.settleCreate(ctx, key, false, want.matches, absentAt, err)
	case !errors.Is(err, etcdv2.ErrExists):
		return nil, err
	}
	found, _, err := s.look(ctx, key)
	switch {
	case err != nil:
		return nil, err
	case found == nil:
		return nil, exists(key, 0)
	default:
		return s.takeOver(ctx, found, want, adopt)
	}
}

// takeOver writes a key that exists already, if adopt is true, unless it holds
// what is wanted. A TTL is always written, so that its countdown starts again. A
// key that is deleted at that moment is created.
func (s *store) takeOver(ctx context.Context, found *etcdv2.Node, want wantedKey, adopt bool) (*etcdv2.Node, error) {
	if found.Dir {
		return nil, s.directoryInTheWay(ctx, found.Key)
	}
	if !adopt {
		return nil, exists(found.Key, found.ModifiedIndex)
	}
	if want.ttl == nil && want.isShown(found) {
		return found, nil
	}
	var node *etcdv2.Node
	var err error
	if want.ttl != nil && found.NotText && want.value == found.Value {
		node, err = s.refreshTTL(ctx, found.Key, seenAs(found), *want.ttl)
	} else {
		node, err = s.swapValue(ctx, found.Key, seenAs(found), want)
	}
	if errors.Is(err, etcdv2.ErrNotFound) && !errors.Is(err, etcdv2.ErrOutcomeUnknown) {
		return s.sendCreate(ctx, found.Key, want, 0, false)
	}
	if err == nil && s.onAdopt != nil {
		s.onAdopt(found.Key, remainingTTL(found), seconds(want.ttl))
	}
	return node, err
}

// look reads what stands at a path before it is created. It returns nil and
// the etcd index if there is nothing. Who may not read may still write: then
// there is nothing to go by, and the index is 0.
func (s *store) look(ctx context.Context, path string) (found *etcdv2.Node, absentAt uint64, err error) {
	resp, err := s.keys.Get(ctx, path, etcdv2.GetOptions{})
	var apiErr *etcdv2.Error
	switch {
	case err == nil:
		return resp.Node, 0, nil
	case errors.Is(err, etcdv2.ErrNotDir):
		return nil, 0, err
	case errors.Is(err, etcdv2.ErrNotFound) && errors.As(err, &apiErr):
		return nil, apiErr.Index, nil
	case errors.Is(err, etcdv2.ErrUnauthorized):
		return nil, 0, nil
	default:
		return nil, 0, err
	}
}

// settleCreate looks once more after the answer to a create was lost.
func (s *store) settleCreate(
	ctx context.Context, path string, isDir bool, isOurs func(*etcdv2.Node) bool, absentAt uint64, lost error,
) (*etcdv2.Node, error) {
	node, err := s.lastLook(ctx, path)
	switch {
	case err != nil || node == nil:
		return nil, lost
	case absentAt != 0 && node.CreatedIndex > absentAt && isOurs(node):
		return node, nil
	case absentAt == 0:
		return nil, lost
	default:
		return nil, &keyspace.Refusal{Kind: keyspace.Exists, Path: path, Directory: isDir, Found: node.ModifiedIndex, Err: etcdv2.ErrExists}
	}
}

// update writes a key that still holds what state says. If another object of
// this run has just deleted it, it is created again.
func (s *store) update(ctx context.Context, key string, before seenKey, want wantedKey) (*etcdv2.Node, error) {
	return s.write(ctx, key, func() (*etcdv2.Node, error) {
		if s.run.hasRemoved(nodeAt(key)) {
			return s.sendCreate(ctx, key, want, 0, false)
		}
		return s.swapValue(ctx, key, before, want)
	})
}

// swapValue sends an update.
func (s *store) swapValue(ctx context.Context, key string, before seenKey, want wantedKey) (*etcdv2.Node, error) {
	if before.losesBytes(want) {
		return nil, wouldLoseBytes(key)
	}
	node, err := s.swap(ctx, key, before, want.matches, func(index uint64) (*etcdv2.Response, error) {
		return s.keys.CompareAndSwap(ctx, key, want.value, etcdv2.Condition{Index: index}, want.options())
	})
	if !errors.Is(err, etcdv2.ErrOutcomeUnknown) {
		return node, err
	}
	found, readErr := s.lastLook(ctx, key)
	switch {
	case readErr != nil:
		return nil, err
	case found == nil:
		return nil, wasDeleted(key, before.index, err)
	case found.ModifiedIndex > before.index && want.matches(found):
		return found, nil
	case found.ModifiedIndex > before.index && !before.matches(found):
		return nil, hasChanged(key, before.index, found.ModifiedIndex)
	default:
		return nil, err
	}
}

// remove deletes a key that still holds what state says. A key that is gone is
// removed. A directory in its place, and a key that another object of this run
// created, wrote or adopted, stay.
func (s *store) remove(ctx context.Context, key string, before seenKey) error {
	release, err := s.run.hold(ctx, nodeAt(key))
	if err != nil {
		return err
	}
	defer release()
	if s.run.hasMade(nodeAt(key)) {
		return &keyspace.Refusal{Kind: keyspace.StaysNeeded, Path: key, Other: key}
	}
	defer s.forget(key)
	err = s.sendRemove(ctx, key, before)
	switch {
	case err == nil:
		s.run.noteRemoved(nodeAt(key))
	case errors.Is(err, etcdv2.ErrNotFile):
		return &keyspace.Refusal{Kind: keyspace.StaysReplaced, Path: key}
	}
	return err
}

// sendRemove sends a deletion.
func (s *store) sendRemove(ctx context.Context, key string, before seenKey) error {
	_, err := s.swap(ctx, key, before, nil, func(index uint64) (*etcdv2.Response, error) {
		return s.keys.CompareAndDelete(ctx, key, etcdv2.Condition{Index: index})
	})
	if errors.Is(err, etcdv2.ErrNotFound) {
		return nil
	}
	if !errors.Is(err, etcdv2.ErrOutcomeUnknown) {
		return err
	}
	found, readErr := s.lastLook(ctx, key)
	switch {
	case readErr != nil:
		return err
	case found == nil:
		return nil
	case found.ModifiedIndex > before.index && !before.matches(found):
		return hasChanged(key, before.index, found.ModifiedIndex)
	default:
		return err
	}
}

// swap sends a write on the index in state, and again on the index that the
// key has moved to, as long as the key holds what state says or what isWanted
// accepts.
func (s *store) swap(
	ctx context.Context, key string, before seenKey,
	isWanted func(*etcdv2.Node) bool, write func(index uint64) (*etcdv2.Response, error),
) (*etcdv2.Node, error) {
	index := before.index
	for range swapAttempts {
		resp, err := write(index)
		switch {
		case err == nil:
			return resp.Node, nil
		case errors.Is(err, etcdv2.ErrOutcomeUnknown), !errors.Is(err, etcdv2.ErrCompareFailed):
			return nil, refused(key, before.index, err)
		}
		found, err := s.keys.Get(ctx, key, etcdv2.GetOptions{})
		if err != nil {
			return nil, refused(key, before.index, err)
		}
		node := found.Node
		if node.Dir {
			return nil, isDirectory(key)
		}
		if index = node.ModifiedIndex; !before.matches(node) && (isWanted == nil || !isWanted(node)) {
			break
		}
	}
	return nil, hasChanged(key, before.index, index)
}

// readKey reads a key for a refresh. It returns ErrNotFound only if there is none.
func (s *store) readKey(ctx context.Context, key string) (*etcdv2.Node, error) {
	get := func(ctx context.Context, key string) (*etcdv2.Response, error) {
		return s.keys.Get(ctx, key, etcdv2.GetOptions{})
	}
	if s.ahead != nil {
		get = s.ahead.get
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

// forget makes the next read of a key that was written ask the server.
func (s *store) forget(key string) {
	if s.ahead != nil {
		s.ahead.forget(key)
	}
}

// lastLook reads a path after a lost answer, also when the run was interrupted.
// It returns nil if there is nothing.
func (s *store) lastLook(ctx context.Context, path string) (*etcdv2.Node, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	resp, err := s.keys.Get(ctx, path, etcdv2.GetOptions{})
	switch {
	case errors.Is(err, etcdv2.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	default:
		return resp.Node, nil
	}
}

// refused makes a refusal of an answer that shows that the key is not as planned, and
// passes any other error on.
func refused(key string, index uint64, err error) error {
	switch {
	case errors.Is(err, etcdv2.ErrOutcomeUnknown):
		return err
	case errors.Is(err, etcdv2.ErrNotFound):
		return wasDeleted(key, index, err)
	case errors.Is(err, etcdv2.ErrNotFile):
		return isDirectory(key)
	default:
		return err
	}
}

func exists(key string, found uint64) error {
	return &keyspace.Refusal{Kind: keyspace.Exists, Path: key, Found: found, Err: etcdv2.ErrExists}
}

// hasChanged is the refusal to write a key that another writer has changed. The
// index at which it was planned is 0 if it is not known.
func hasChanged(key string, planned, found uint64) error {
	return &keyspace.Refusal{Kind: keyspace.Changed, Path: key, Planned: planned, Found: found, Err: etcdv2.ErrCompareFailed}
}

func wasDeleted(key string, planned uint64, cause error) error {
	return &keyspace.Refusal{Kind: keyspace.Gone, Path: key, Planned: planned, Err: cause}
}

func isDirectory(key string) error {
	return &keyspace.Refusal{Kind: keyspace.IsDirectory, Path: key, Err: etcdv2.ErrNotFile}
}

func wouldLoseBytes(key string) error { return &keyspace.Refusal{Kind: keyspace.LosesBytes, Path: key} }

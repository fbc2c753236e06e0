package keyspace

import (
	"context"
	"errors"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

const (
	// swapAttempts is how often a write is sent again on the index that a key
	// has moved to, while what it holds stays as it was.
	swapAttempts = 5
)

// Store carries out the write rules on the key space for every resource that
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
type Store struct {
	keys *etcdv2.KeysService
	// ahead answers reads of keys, and is told of writes; nil means neither.
	ahead *ReadAhead
	// run is what other objects did in this run.
	run *Run
	// OnAdopt, if not nil, learns the TTL of everything that is taken over.
	OnAdopt func(TTLChange)
}

// NewStore returns the key space as it is reached by keys. The reads of ahead, if
// it is not nil, and what the run has done are shared with other stores.
func NewStore(keys *etcdv2.KeysService, ahead *ReadAhead, r *Run) *Store {
	return &Store{keys: keys, ahead: ahead, run: r}
}

// Seen is what state says of a key.
type Seen struct {
	// Index is its modified index.
	Index uint64
	// Value is nil if state does not hold it, as with write-only values.
	Value *string
	// JSON is whether the value is compared as JSON.
	JSON bool
	// NotText reports that the value contains bytes that are not text.
	NotText bool
	// Expires is whether it had a TTL.
	Expires bool
}

// SeenIn is a key as a read has just found it.
func SeenIn(n *etcdv2.Node) Seen {
	return Seen{Index: n.ModifiedIndex, Value: &n.Value, NotText: n.NotText, Expires: n.HasTTL()}
}

// matches reports whether a node holds what state says, at whatever index.
func (s Seen) matches(n *etcdv2.Node) bool {
	return s.Value != nil && !n.Dir && !n.NotText && SameValue(*s.Value, n.Value, s.JSON) && n.HasTTL() == s.Expires
}

// losesBytes reports whether a write of what is wanted would put back a value as
// the API shows it, without the bytes that are not text.
func (s Seen) losesBytes(want Wanted) bool {
	return s.NotText && s.Value != nil && *s.Value == want.Value
}

// Wanted is what a key is to hold.
type Wanted struct {
	Value string
	// JSON is whether the value is compared as JSON.
	JSON bool
	TTL  *int64
}

func (w Wanted) matches(n *etcdv2.Node) bool {
	return !n.NotText && w.isShown(n)
}

// isShown is matches for as much of a value as the API shows.
func (w Wanted) isShown(n *etcdv2.Node) bool {
	return !n.Dir && SameValue(w.Value, n.Value, w.JSON) && n.HasTTL() == (w.TTL != nil)
}

func (w Wanted) options() etcdv2.WriteOptions {
	return etcdv2.WriteOptions{TTL: w.TTL, NoTTL: w.TTL == nil, IsSame: func(value string) bool { return SameValue(w.Value, value, w.JSON) }}
}

// write makes one write of a key while no other object of this run changes it,
// and notes that this run made the key what it is.
func (s *Store) write(ctx context.Context, key string, send func() (*etcdv2.Node, error)) (*etcdv2.Node, error) {
	release, err := s.run.Hold(ctx, NodeAt(key))
	if err != nil {
		return nil, err
	}
	defer release()
	defer s.ahead.Forget(key)
	node, err := send()
	if err == nil {
		s.run.NoteMade(NodeAt(key))
	}
	return node, err
}

// Create makes a key that must not exist, or takes over one that does if adopt
// is true.
func (s *Store) Create(ctx context.Context, key string, want Wanted, adopt bool) (*etcdv2.Node, error) {
	return s.write(ctx, key, func() (*etcdv2.Node, error) {
		found, absentAt, err := s.readBeforeCreate(ctx, key)
		if err != nil {
			return nil, err
		}
		if found != nil {
			return s.takeOver(ctx, found, want, adopt)
		}
		return s.sendCreate(ctx, key, want, absentAt, adopt)
	})
}

// CreateAbsent is create for a key that was seen to be absent at an etcd
// index, 0 if nothing was seen.
func (s *Store) CreateAbsent(ctx context.Context, key string, want Wanted, absentAt uint64, adopt bool) (*etcdv2.Node, error) {
	return s.write(ctx, key, func() (*etcdv2.Node, error) {
		return s.sendCreate(ctx, key, want, absentAt, adopt)
	})
}

// Adopt takes over a key as it was found, or creates it if it was deleted since.
func (s *Store) Adopt(ctx context.Context, found *etcdv2.Node, want Wanted) (*etcdv2.Node, error) {
	return s.write(ctx, found.Key, func() (*etcdv2.Node, error) {
		if s.run.HasRemoved(NodeAt(found.Key)) {
			return s.sendCreate(ctx, found.Key, want, 0, true)
		}
		return s.takeOver(ctx, found, want, true)
	})
}

// keep notes that a key is to stay as it is. It reports whether the key is
// still there, as far as this run is concerned.
func (s *Store) keep(ctx context.Context, key string) (bool, error) {
	release, err := s.run.Hold(ctx, NodeAt(key))
	if err != nil {
		return false, err
	}
	defer release()
	if s.run.HasRemoved(NodeAt(key)) {
		return false, nil
	}
	s.run.NoteMade(NodeAt(key))
	return true, nil
}

// Keep is keep for a key that was seen. It is refused if this run has deleted it.
func (s *Store) Keep(ctx context.Context, key string, seen Seen) error {
	isThere, err := s.keep(ctx, key)
	if err == nil && !isThere {
		return wasDeleted(key, seen.Index, etcdv2.ErrNotFound)
	}
	return err
}

// sendCreate creates a key that is believed to be absent. Somebody may be faster.
func (s *Store) sendCreate(ctx context.Context, key string, want Wanted, absentAt uint64, adopt bool) (*etcdv2.Node, error) {
	opts := etcdv2.CreateOptions{WriteOptions: want.options(), AbsentAt: absentAt}
	resp, err := s.keys.Create(ctx, key, want.Value, opts)
	switch {
	case err == nil:
		return resp.Node, nil
	case errors.Is(err, etcdv2.ErrOutcomeUnknown):
		return s.settleCreate(ctx, key, false, want.matches, absentAt, err)
	case !errors.Is(err, etcdv2.ErrExists):
		return nil, err
	}
	found, _, err := s.readBeforeCreate(ctx, key)
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
func (s *Store) takeOver(ctx context.Context, found *etcdv2.Node, want Wanted, adopt bool) (*etcdv2.Node, error) {
	if found.Dir {
		return nil, s.directoryInTheWay(ctx, found.Key)
	}
	if !adopt {
		return nil, exists(found.Key, found.ModifiedIndex)
	}
	if want.TTL == nil && want.isShown(found) {
		return found, nil
	}
	var node *etcdv2.Node
	var err error
	if want.TTL != nil && found.NotText && want.Value == found.Value {
		node, err = s.refreshTTL(ctx, found.Key, SeenIn(found), *want.TTL)
	} else {
		node, err = s.swapValue(ctx, found.Key, SeenIn(found), want)
	}
	if errors.Is(err, etcdv2.ErrNotFound) && !errors.Is(err, etcdv2.ErrOutcomeUnknown) {
		return s.sendCreate(ctx, found.Key, want, 0, false)
	}
	if err == nil && s.OnAdopt != nil {
		s.OnAdopt(TTLChange{found.Key, RemainingTTL(found), Seconds(want.TTL)})
	}
	return node, err
}

// readBeforeCreate reads what stands at a path before it is created. It returns nil and
// the etcd index if there is nothing. Who may not read may still write: then
// there is nothing to go by, and the index is 0.
func (s *Store) readBeforeCreate(ctx context.Context, path string) (found *etcdv2.Node, absentAt uint64, err error) {
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
func (s *Store) settleCreate(
	ctx context.Context, path string, isDir bool, isOurs func(*etcdv2.Node) bool, absentAt uint64, lost error,
) (*etcdv2.Node, error) {
	node, err := s.readAfterLostAnswer(ctx, path)
	switch {
	case err != nil || node == nil:
		return nil, lost
	case absentAt != 0 && node.CreatedIndex > absentAt && isOurs(node):
		return node, nil
	case absentAt == 0:
		return nil, lost
	default:
		return nil, &Refusal{Kind: Exists, Path: path, Directory: isDir, Found: node.ModifiedIndex, Err: etcdv2.ErrExists}
	}
}

// Update writes a key that still holds what state says. If another object of
// this run has just deleted it, it is created again.
func (s *Store) Update(ctx context.Context, key string, before Seen, want Wanted) (*etcdv2.Node, error) {
	return s.write(ctx, key, func() (*etcdv2.Node, error) {
		if s.run.HasRemoved(NodeAt(key)) {
			return s.sendCreate(ctx, key, want, 0, false)
		}
		return s.swapValue(ctx, key, before, want)
	})
}

// swapValue sends an update.
func (s *Store) swapValue(ctx context.Context, key string, before Seen, want Wanted) (*etcdv2.Node, error) {
	if before.losesBytes(want) {
		return nil, wouldLoseBytes(key)
	}
	node, err := s.swap(ctx, key, before, want.matches, func(index uint64) (*etcdv2.Response, error) {
		return s.keys.CompareAndSwap(ctx, key, want.Value, etcdv2.Condition{Index: index}, want.options())
	})
	if !errors.Is(err, etcdv2.ErrOutcomeUnknown) {
		return node, err
	}
	found, readErr := s.readAfterLostAnswer(ctx, key)
	switch {
	case readErr != nil:
		return nil, err
	case found == nil:
		return nil, wasDeleted(key, before.Index, err)
	case found.ModifiedIndex > before.Index && want.matches(found):
		return found, nil
	case found.ModifiedIndex > before.Index && !before.matches(found):
		return nil, hasChanged(key, before.Index, found.ModifiedIndex)
	default:
		return nil, err
	}
}

// Remove deletes a key that still holds what state says. A key that is gone is
// removed. A directory in its place, and a key that another object of this run
// created, wrote or adopted, stay.
func (s *Store) Remove(ctx context.Context, key string, before Seen) error {
	release, err := s.run.Hold(ctx, NodeAt(key))
	if err != nil {
		return err
	}
	defer release()
	if s.run.HasMade(NodeAt(key)) {
		return &Refusal{Kind: StaysNeeded, Path: key, Other: key}
	}
	defer s.ahead.Forget(key)
	err = s.sendRemove(ctx, key, before)
	switch {
	case err == nil:
		s.run.NoteRemoved(NodeAt(key))
	case errors.Is(err, etcdv2.ErrNotFile):
		return &Refusal{Kind: StaysReplaced, Path: key}
	}
	return err
}

// sendRemove sends a deletion.
func (s *Store) sendRemove(ctx context.Context, key string, before Seen) error {
	_, err := s.swap(ctx, key, before, nil, func(index uint64) (*etcdv2.Response, error) {
		return s.keys.CompareAndDelete(ctx, key, etcdv2.Condition{Index: index})
	})
	if errors.Is(err, etcdv2.ErrNotFound) {
		return nil
	}
	if !errors.Is(err, etcdv2.ErrOutcomeUnknown) {
		return err
	}
	found, readErr := s.readAfterLostAnswer(ctx, key)
	switch {
	case readErr != nil:
		return err
	case found == nil:
		return nil
	case found.ModifiedIndex > before.Index && !before.matches(found):
		return hasChanged(key, before.Index, found.ModifiedIndex)
	default:
		return err
	}
}

// swap sends a write on the index in state, and again on the index that the
// key has moved to, as long as the key holds what state says or what isWanted
// accepts.
func (s *Store) swap(
	ctx context.Context, key string, before Seen,
	isWanted func(*etcdv2.Node) bool, write func(index uint64) (*etcdv2.Response, error),
) (*etcdv2.Node, error) {
	index := before.Index
	for range swapAttempts {
		resp, err := write(index)
		switch {
		case err == nil:
			return resp.Node, nil
		case errors.Is(err, etcdv2.ErrOutcomeUnknown), !errors.Is(err, etcdv2.ErrCompareFailed):
			return nil, refused(key, before.Index, err)
		}
		found, err := s.keys.Get(ctx, key, etcdv2.GetOptions{})
		if err != nil {
			return nil, refused(key, before.Index, err)
		}
		node := found.Node
		if node.Dir {
			return nil, isDirectory(key)
		}
		if index = node.ModifiedIndex; !before.matches(node) && (isWanted == nil || !isWanted(node)) {
			break
		}
	}
	return nil, hasChanged(key, before.Index, index)
}

// ReadKey reads a key for a refresh. It returns ErrNotFound only if there is none.
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

// readAfterLostAnswer reads a path after a lost answer, also when the run was interrupted.
// It returns nil if there is nothing.
func (s *Store) readAfterLostAnswer(ctx context.Context, path string) (*etcdv2.Node, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), etcdv2.SettleTime)
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
	return &Refusal{Kind: Exists, Path: key, Found: found, Err: etcdv2.ErrExists}
}

// hasChanged is the refusal to write a key that another writer has changed. The
// index at which it was planned is 0 if it is not known.
func hasChanged(key string, planned, found uint64) error {
	return &Refusal{Kind: Changed, Path: key, Planned: planned, Found: found, Err: etcdv2.ErrCompareFailed}
}

func wasDeleted(key string, planned uint64, cause error) error {
	return &Refusal{Kind: Gone, Path: key, Planned: planned, Err: cause}
}

func isDirectory(key string) error {
	return &Refusal{Kind: IsDirectory, Path: key, Err: etcdv2.ErrNotFile}
}

func wouldLoseBytes(key string) error { return &Refusal{Kind: LosesBytes, Path: key} }

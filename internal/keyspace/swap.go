package keyspace

import (
	"context"
	"errors"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// swapAttempts is how often a write is sent again with the new index of a key whose index
// has moved and whose content has not changed.
const swapAttempts = 5

// swap sends a write with the index at which a key was seen. If the index has moved, it
// sends the write again with the new one, as long as the content is as seen or as wanted.
// want is nil if the write sets no value.
func (s *Store) swap(
	ctx context.Context, key string, before Seen, want *Wanted, send func(index uint64) (*etcdv2.Response, error),
) (*etcdv2.Node, error) {
	if want != nil && before.LosesBytes(*want) {
		return nil, &Refusal{Kind: LosesBytes, Path: key}
	}
	index := before.Index
	for range swapAttempts {
		resp, err := send(index)
		if err == nil {
			return resp.Node, nil
		}
		if errors.Is(err, etcdv2.ErrOutcomeUnknown) || !errors.Is(err, etcdv2.ErrCompareFailed) {
			return nil, refused(key, before.Index, err)
		}
		found, err := s.keys.Get(ctx, key, etcdv2.GetOptions{})
		if err != nil {
			return nil, refused(key, before.Index, err)
		}
		if found.Node.Dir {
			return nil, isDirectory(key)
		}
		index = found.Node.ModifiedIndex
		if !before.matches(found.Node) && (want == nil || !want.matches(found.Node)) {
			break
		}
	}
	return nil, hasChanged(key, before.Index, index)
}

// put returns a function that writes a value at an index.
func (s *Store) put(ctx context.Context, key string, want Wanted) func(index uint64) (*etcdv2.Response, error) {
	return func(index uint64) (*etcdv2.Response, error) {
		return s.keys.CompareAndSwap(ctx, key, want.Value, etcdv2.Condition{Index: index}, want.options())
	}
}

// readBeforeCreate reads what is at a path before it is created. If nothing is there, it
// returns nil and the etcd index. A caller without read access may still write; the index
// is then unknown, and 0.
func (s *Store) readBeforeCreate(ctx context.Context, path string) (found *etcdv2.Node, absentAt uint64, err error) {
	asked := s.run.recent.now()
	resp, err := s.keys.Get(ctx, path, etcdv2.GetOptions{})
	var apiErr *etcdv2.Error
	switch {
	case err == nil:
		return resp.Node, 0, nil
	case errors.Is(err, etcdv2.ErrNotDir):
		return nil, 0, err
	case errors.Is(err, etcdv2.ErrNotFound) && errors.As(err, &apiErr):
		s.run.recent.note(apiErr.Index, asked)
		return nil, apiErr.Index, nil
	case errors.Is(err, etcdv2.ErrUnauthorized):
		return nil, 0, nil
	default:
		return nil, 0, err
	}
}

// sendCreate creates a key that we believe to be absent. Another writer may be faster.
// absentAt is an etcd index from before.
func (s *Store) sendCreate(ctx context.Context, key string, want Wanted, absentAt uint64, adopt bool) (*etcdv2.Node, error) {
	asked := s.run.recent.now()
	resp, err := s.keys.Create(ctx, key, want.Value, etcdv2.CreateOptions{WriteOptions: want.options(), AbsentAt: absentAt})
	switch {
	case err == nil:
		s.run.recent.note(resp.Node.ModifiedIndex, asked)
		return resp.Node, nil
	case errors.Is(err, etcdv2.ErrOutcomeUnknown):
		return nil, &Refusal{Kind: OutcomeUnknown, Path: key, Err: err}
	case !errors.Is(err, etcdv2.ErrExists):
		return nil, err
	}
	found, _, err := s.readBeforeCreate(ctx, key)
	switch {
	case err != nil && !adopt && !errors.Is(err, etcdv2.ErrNotDir):
		// If the user may not read it, the answer is the same: it exists.
		return nil, exists(key, 0)
	case err != nil:
		return nil, err
	case found == nil:
		return nil, exists(key, 0)
	default:
		return s.takeOver(ctx, found, want, adopt)
	}
}

// takeOver writes an existing key if adopt is true, unless it already is as wanted. A TTL
// is always written, so that its countdown starts again. If the key is deleted meanwhile,
// takeOver creates it.
func (s *Store) takeOver(ctx context.Context, found *etcdv2.Node, want Wanted, adopt bool) (*etcdv2.Node, error) {
	switch {
	case found.Dir:
		return nil, s.directoryInTheWay(ctx, found.Key)
	case !adopt:
		return nil, exists(found.Key, found.ModifiedIndex)
	case want.TTL == nil && want.isShown(found):
		return found, nil
	}
	var node *etcdv2.Node
	var err error
	if want.TTL != nil && found.NotText && want.Value == found.Value {
		node, err = s.refreshTTL(ctx, found.Key, SeenIn(found), *want.TTL)
	} else {
		node, err = s.swap(ctx, found.Key, SeenIn(found), &want, s.put(ctx, found.Key, want))
	}
	if errors.Is(err, etcdv2.ErrNotFound) && !errors.Is(err, etcdv2.ErrOutcomeUnknown) {
		return s.sendCreate(ctx, found.Key, want, 0, false)
	}
	if err == nil && s.OnAdopt != nil {
		s.OnAdopt(TTLChange{found.Key, RemainingTTL(found), Seconds(want.TTL)})
	}
	return node, err
}

// refused turns an answer that shows that a key is not as it was seen into a refusal, and
// returns any other error unchanged.
func refused(key string, planned uint64, err error) error {
	switch {
	case errors.Is(err, etcdv2.ErrOutcomeUnknown):
		return &Refusal{Kind: OutcomeUnknown, Path: key, Planned: planned, Err: err}
	case errors.Is(err, etcdv2.ErrNotFound):
		return &Refusal{Kind: Gone, Path: key, Planned: planned, Err: err}
	case errors.Is(err, etcdv2.ErrNotFile):
		return isDirectory(key)
	default:
		return err
	}
}

func exists(key string, found uint64) error {
	return &Refusal{Kind: Exists, Path: key, Found: found, Err: etcdv2.ErrExists}
}

// hasChanged is the refusal to write a key that another writer has changed. planned is 0
// if it is not known.
func hasChanged(key string, planned, found uint64) error {
	return &Refusal{Kind: Changed, Path: key, Planned: planned, Found: found, Err: etcdv2.ErrCompareFailed}
}

func isDirectory(key string) error {
	return &Refusal{Kind: IsDirectory, Path: key, Err: etcdv2.ErrNotFile}
}

package keyspace

import (
	"context"
	"fmt"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// The writes that change only the TTL of a key, or only its value.

// SetTTL sets the TTL of a key that is still as it was seen, or removes it if ttl is nil,
// and keeps the value. It returns ErrUnsupported if there is no value to keep.
func (s *Store) SetTTL(ctx context.Context, key string, before Seen, ttl *int64) (*etcdv2.Node, error) {
	if ttl != nil {
		return s.renew(ctx, key, before, *ttl)
	}
	return s.rewrite(ctx, key, before, func(found *etcdv2.Node) Wanted { return Wanted{Value: found.Value} })
}

// SetValue sets the value of a key that is still as it was seen, and keeps what is left
// of its TTL. It returns ErrUnsupported if there is no TTL to keep.
func (s *Store) SetValue(ctx context.Context, key string, before Seen, value string) (*etcdv2.Node, error) {
	return s.rewrite(ctx, key, before, func(found *etcdv2.Node) Wanted {
		want := Wanted{Value: value}
		if left := RemainingTTL(found); left != 0 {
			want.TTL = &left
		}
		return want
	})
}

// rewrite reads a key that is still as it was seen, and writes what want returns for it.
func (s *Store) rewrite(ctx context.Context, key string, before Seen, want func(found *etcdv2.Node) Wanted) (node *etcdv2.Node, err error) {
	done, err := s.begin(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() { done(err) }()
	if s.run.HasRemoved(NodeAt(key)) {
		return nil, deletedInRun(key)
	}
	found, err := s.stillAs(ctx, key, before)
	if err != nil {
		return nil, err
	}
	wanted := want(found)
	return s.swap(ctx, key, SeenIn(found), &wanted, s.put(ctx, key, wanted))
}

// deletedInRun is the error for a partial write to a key that another object of this run
// has deleted: only a full write creates it again.
func deletedInRun(key string) error {
	return fmt.Errorf("%w: %s was deleted in this run", etcdv2.ErrUnsupported, key)
}

// stillAs reads a key, and refuses it if it is not as it was seen.
func (s *Store) stillAs(ctx context.Context, key string, before Seen) (*etcdv2.Node, error) {
	resp, err := s.keys.Get(ctx, key, etcdv2.GetOptions{})
	if err != nil {
		return nil, refused(key, before.Index, err)
	}
	found := resp.Node
	switch {
	case found.Dir:
		return nil, isDirectory(key)
	case found.ModifiedIndex != before.Index && !before.matches(found):
		return nil, hasChanged(key, before.Index, found.ModifiedIndex)
	default:
		return found, nil
	}
}

// renew sets a new TTL on a key that is still as it was seen, without an event if the
// servers support that.
func (s *Store) renew(ctx context.Context, key string, before Seen, ttl int64) (node *etcdv2.Node, err error) {
	done, err := s.begin(ctx, key)
	if err != nil {
		return nil, err
	}
	defer func() { done(err) }()
	if s.run.HasRemoved(NodeAt(key)) {
		return nil, deletedInRun(key)
	}
	return s.refreshTTL(ctx, key, before, ttl)
}

// refreshTTL sends a renewal. A lost answer can be settled only if the value is known,
// because a TTL set by another writer looks like ours.
func (s *Store) refreshTTL(ctx context.Context, key string, before Seen, ttl int64) (*etcdv2.Node, error) {
	var isOurs func(*etcdv2.Node) bool
	if before.Value != nil {
		after := before
		after.Expires = true
		isOurs = func(found *etcdv2.Node) bool { return after.matches(found) && hasTTL(found, &ttl) }
	}
	var held *string
	node, err := s.swap(ctx, key, before, nil, func(index uint64) (*etcdv2.Response, error) {
		resp, err := s.keys.ExtendTTL(ctx, key, ttl, index, isOurs)
		if err == nil && resp.PrevNode != nil {
			held = &resp.PrevNode.Value
		}
		return resp, err
	})
	if err == nil && held != nil && *held != node.Value {
		return s.putBack(ctx, node, *held, ttl)
	}
	return node, err
}

// putBack writes the value that a key had before a refresh lost it, which is a bug of
// etcd 2.3.0 to 2.3.6. Those versions are never sent a refresh; this is for a server
// that has the bug and reports another version.
func (s *Store) putBack(ctx context.Context, refreshed *etcdv2.Node, value string, ttl int64) (*etcdv2.Node, error) {
	want := Wanted{Value: value, TTL: &ttl}
	node, err := s.swap(ctx, refreshed.Key, SeenIn(refreshed), &want, s.put(ctx, refreshed.Key, want))
	if err != nil {
		return nil, fmt.Errorf(
			"the server did not keep the value of %s when its TTL was refreshed, and the value could not be put back: %w", refreshed.Key, err,
		)
	}
	return node, nil
}

// hasTTL reports whether a node that was just written has the given TTL.
func hasTTL(n *etcdv2.Node, ttl *int64) bool {
	if ttl == nil {
		return !n.HasTTL()
	}
	const slack = 60 // seconds between the write and the read, at most
	return n.HasTTL() && n.TTL <= *ttl && n.TTL > *ttl-slack
}

// RemainingTTL returns how many seconds a node has left, at least 1, or 0 if it does not
// expire. It is at most what can be written: another program may have set a longer one.
func RemainingTTL(node *etcdv2.Node) int64 {
	if !node.HasTTL() {
		return 0
	}
	return min(max(node.TTL, 1), etcdv2.MaxTTL)
}

// Seconds returns a TTL as a number, 0 for none.
func Seconds(ttl *int64) int64 {
	if ttl == nil {
		return 0
	}
	return *ttl
}

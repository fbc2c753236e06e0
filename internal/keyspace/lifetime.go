package keyspace

import (
	"context"
	"fmt"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// The writes of the store that change the lifetime of a key and keep its value,
// or the other way round.

// SetTTL gives a key that is still as it was seen a new TTL, or none if ttl
// is nil, and keeps its value. It returns ErrUnsupported if there is none to keep.
func (s *Store) SetTTL(ctx context.Context, key string, before Seen, ttl *int64) (*etcdv2.Node, error) {
	if ttl != nil {
		return s.renew(ctx, key, before, *ttl)
	}
	return s.rewrite(ctx, key, before, func(found *etcdv2.Node) Wanted { return Wanted{Value: found.Value} })
}

// SetValue gives a key that is still as it was seen a new value, and keeps
// what is left of its TTL. It returns ErrUnsupported if there is none to keep.
func (s *Store) SetValue(ctx context.Context, key string, before Seen, value string) (*etcdv2.Node, error) {
	return s.rewrite(ctx, key, before, func(found *etcdv2.Node) Wanted {
		want := Wanted{Value: value}
		if left := RemainingTTL(found); left != 0 {
			want.TTL = &left
		}
		return want
	})
}

// rewrite reads a key that is still as it was seen, and writes what want makes
// of it.
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

// deletedInRun is why a key that another object of this run has deleted cannot
// be written in part: only a write of all of it brings it back.
func deletedInRun(key string) error {
	return fmt.Errorf("%w: %s was deleted in this run", etcdv2.ErrUnsupported, key)
}

// stillAs reads a key, and refuses one that is not as it was seen.
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

// renew gives a key that is still as it was seen a new TTL, without an event
// where the servers can.
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

// refreshTTL sends a renewal. A lost answer is settled only where the value is
// known: another writer's TTL looks like ours.
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

// putBack writes the value that a key had before a refresh that did not keep
// it, a fault of etcd 2.3.0 to 2.3.6, which are not asked for one: this is for a
// server that has the fault and another version.
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

// hasTTL reports whether a node that was just written lives as long as ttl says.
func hasTTL(n *etcdv2.Node, ttl *int64) bool {
	if ttl == nil {
		return !n.HasTTL()
	}
	const slack = 60 // seconds between the write and the read, at most
	return n.HasTTL() && n.TTL <= *ttl && n.TTL > *ttl-slack
}

// RemainingTTL returns how many seconds a node has left, at least 1, or 0 if it
// does not expire.
func RemainingTTL(node *etcdv2.Node) int64 {
	if !node.HasTTL() {
		return 0
	}
	return max(node.TTL, 1)
}

// Seconds returns a TTL as a number, 0 for none.
func Seconds(ttl *int64) int64 {
	if ttl == nil {
		return 0
	}
	return *ttl
}

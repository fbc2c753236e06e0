package keyspace

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// InOrderDigits is the length of the name that a server gives to a key in order. Old
// servers, such as 2.1, do not pad it with zeros.
const InOrderDigits = 20

// InOrderIndex parses the name of a key created in order, which is an index.
func InOrderIndex(name string) (index uint64, ok bool) {
	index, err := strconv.ParseUint(name, 10, 63)
	return index, err == nil && (len(name) == InOrderDigits || name == strconv.FormatUint(index, 10))
}

// CreateInOrder creates a key in a directory, named by the next index. A server that got
// the request twice would create two, so a lost answer is settled by comparing what
// the directory contains now with what it contained before.
func (s *Store) CreateInOrder(ctx context.Context, dir string, want Wanted) (*etcdv2.Node, error) {
	unlock, err := s.run.inOrder.Lock(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	before, index, err := s.children(ctx, dir)
	if err != nil && !errors.Is(err, etcdv2.ErrUnauthorized) {
		return nil, err
	}
	resp, err := s.keys.CreateInOrder(ctx, dir, want.Value, want.options())
	var node *etcdv2.Node
	switch {
	case err == nil:
		node = resp.Node
	case errors.Is(err, etcdv2.ErrOutcomeUnknown):
		node, err = s.settleInOrder(ctx, dir, want, before, index, err)
	}
	if err != nil {
		return nil, err
	}
	s.run.NoteMade(NodeAt(node.Key))
	return node, nil
}

// children reads what a directory contains, and the etcd index of that read. A directory
// that does not exist contains nothing. If the user may not list the directory, the
// index is 0.
func (s *Store) children(ctx context.Context, dir string) (nodes []*etcdv2.Node, index uint64, err error) {
	resp, err := s.keys.List(ctx, dir, etcdv2.GetOptions{})
	var apiErr *etcdv2.Error
	switch {
	case err == nil:
		return resp.Node.Nodes, resp.EtcdIndex, nil
	case errors.Is(err, etcdv2.ErrNotDir):
		return nil, 0, isKey(dir)
	case errors.Is(err, etcdv2.ErrNotFound) && errors.As(err, &apiErr):
		return nil, apiErr.Index, nil
	default:
		return nil, 0, err
	}
}

// settleInOrder looks for the key after a lost answer: the one new child with the value
// that was sent. If there is no such child, or more than one, it returns InOrderUnknown.
func (s *Store) settleInOrder(
	ctx context.Context, dir string, want Wanted, before []*etcdv2.Node, index uint64, lost error,
) (*etcdv2.Node, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), etcdv2.SettleTime)
	defer cancel()
	after, found, err := s.children(ctx, dir)
	var candidates []*etcdv2.Node
	var names []string
	for _, node := range after {
		_, inOrder := InOrderIndex(node.Base())
		isOld := slices.ContainsFunc(before, func(b *etcdv2.Node) bool { return b.Key == node.Key })
		if inOrder && !isOld && index != 0 && node.CreatedIndex > index && want.matches(node) {
			candidates = append(candidates, node)
			names = append(names, node.Key)
		}
	}
	if len(candidates) == 1 {
		return candidates[0], nil
	}
	if err != nil {
		found = 0
	}
	return nil, &Refusal{Kind: InOrderUnknown, Path: dir, Directory: true, Planned: index, Found: found, Children: names, Err: lost}
}

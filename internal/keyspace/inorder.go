package keyspace

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// InOrderDigits is how long the name is that a server gives to a key. Old
// servers, such as 2.1, do not fill it up with zeros.
const InOrderDigits = 20

// InOrderIndex returns the number that is the name of a key made in order.
func InOrderIndex(name string) (index uint64, ok bool) {
	index, err := strconv.ParseUint(name, 10, 63)
	return index, err == nil && (len(name) == InOrderDigits || name == strconv.FormatUint(index, 10))
}

// CreateInOrder makes a key in a directory under the next index as its name. A
// server would make a second one if it were asked twice: a lost answer is settled
// by what the directory contains that it did not contain before.
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

// children reads what a directory contains, and the etcd index at that time. A
// directory that does not exist contains nothing. Where the directory may not be
// listed, the index is 0.
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

// settleInOrder looks for the key after the answer was lost: the one new child
// that has the value that was sent. With none, or several, it is InOrderUnknown.
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

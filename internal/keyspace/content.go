package keyspace

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// Content is everything that a directory contains, at any depth.
type Content struct {
	// Dir is the directory.
	Dir *etcdv2.Node
	// Keys are the keys, sorted by path.
	Keys []Entry
	// Dirs are the directories below Dir, sorted by path.
	Dirs []*etcdv2.Node
	// Index is the etcd index of the listing that showed all this. Hidden paths were read
	// after it.
	Index uint64
	// ClusterID is the id of the cluster that answered.
	ClusterID string
	// Begin and End are the times at which reading began and ended.
	Begin, End time.Time
}

// Entry is a key with its effective TTL.
type Entry struct {
	*etcdv2.Node

	// Left is the time left in seconds to the key or to a directory that it is in, whichever
	// ends first. 0 means that the key does not expire.
	Left int64
}

// ReadContent reads a directory with everything that a listing shows below it, in one
// read, and then each hidden key or directory given by its path. Nodes that are about to
// expire are left out. It returns ErrNotFound if the directory, or a hidden path asked
// for, does not exist, and refuses a key in place of the directory.
func (s *Store) ReadContent(ctx context.Context, dir string, hidden []string) (*Content, error) {
	c := &Content{Begin: time.Now()}
	outer, err := s.leftAbove(ctx, dir)
	if err != nil {
		return nil, err
	}
	resp, err := s.keys.Get(ctx, dir, etcdv2.GetOptions{Recursive: true})
	switch {
	case err != nil:
		return nil, err
	case !resp.Node.Dir:
		return nil, isKey(dir)
	}
	c.Dir, c.Index, c.ClusterID = resp.Node, resp.EtcdIndex, resp.ClusterID
	c.add(resp.Node, outer)
	for _, path := range hidden {
		if outer, err = s.leftAbove(ctx, path); err != nil {
			return nil, err
		}
		resp, err := s.keys.Get(ctx, path, etcdv2.GetOptions{Recursive: true})
		if errors.Is(err, etcdv2.ErrUnauthorized) {
			// A permission for a key does not cover a recursive read of it.
			resp, err = s.keys.Get(ctx, path, etcdv2.GetOptions{})
		}
		if err != nil {
			return nil, err
		}
		c.add(resp.Node, outer)
	}
	c.End = time.Now()
	c.sort()
	return c, nil
}

func (c *Content) sort() {
	slices.SortFunc(c.Keys, func(a, b Entry) int { return strings.Compare(a.Key, b.Key) })
	c.Keys = slices.CompactFunc(c.Keys, func(a, b Entry) bool { return a.Key == b.Key })
	etcdv2.SortNodes(c.Dirs)
	c.Dirs = slices.CompactFunc(c.Dirs, func(a, b *etcdv2.Node) bool { return a.Key == b.Key })
}

// add adds a node and everything in it. outer is the time left to the directory that the
// node is in.
func (c *Content) add(node *etcdv2.Node, outer int64) {
	left, isOver := leftOf(node, outer)
	switch {
	case isOver:
		return
	case !node.Dir:
		c.Keys = append(c.Keys, Entry{node, left})
		return
	case node != c.Dir:
		c.Dirs = append(c.Dirs, node)
	}
	for _, child := range node.Nodes {
		c.add(child, left)
	}
}

// leftOf returns the time left to a node, or to the directory that it is in if that is less.
func leftOf(node *etcdv2.Node, outer int64) (left int64, isOver bool) {
	switch {
	case !node.HasTTL():
		return outer, false
	case node.TTL <= 0:
		return 0, true
	case outer == 0:
		return node.TTL, false
	default:
		return min(node.TTL, outer), false
	}
}

// leftAbove returns the shortest time left to any directory above a directory. A
// directory that the user may not read counts as permanent.
func (s *Store) leftAbove(ctx context.Context, dir string) (int64, error) {
	var left int64
	for above := range DirsAbove(dir) {
		resp, err := s.keys.Get(ctx, above, etcdv2.GetOptions{})
		if errors.Is(err, etcdv2.ErrUnauthorized) {
			continue
		}
		if err != nil {
			return 0, err
		}
		left, _ = leftOf(resp.Node, left)
	}
	return left, nil
}

// Without leaves out the keys and directories at the given paths, with everything in
// them.
func (c *Content) Without(paths []string) *Content {
	isExcluded := func(key string) bool {
		return slices.ContainsFunc(paths, func(path string) bool { return isWithin(path, key) })
	}
	out := *c
	out.Keys = slices.DeleteFunc(slices.Clone(c.Keys), func(e Entry) bool { return isExcluded(e.Key) })
	out.Dirs = slices.DeleteFunc(slices.Clone(c.Dirs), func(n *etcdv2.Node) bool { return isExcluded(n.Key) })
	return &out
}

// NotText returns the paths of the keys whose value or name contains bytes that are
// not text, which the API cannot return.
func (c *Content) NotText() []string {
	var paths []string
	for _, e := range c.Keys {
		if e.NotText || e.KeyNotText {
			paths = append(paths, e.Key)
		}
	}
	return paths
}

// EmptyDirs returns the paths of the directories in which a listing shows nothing.
func (c *Content) EmptyDirs() []string {
	var paths []string
	for _, dir := range c.Dirs {
		if len(dir.Nodes) == 0 {
			paths = append(paths, dir.Key)
		}
	}
	return paths
}

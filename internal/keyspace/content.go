package keyspace

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// Content is what a directory contains, with all that is below it.
type Content struct {
	// Dir is the directory.
	Dir *etcdv2.Node
	// Keys are the keys, sorted by path.
	Keys []Entry
	// Dirs are the directories below Dir, sorted by path.
	Dirs []*etcdv2.Node
	// Index is the etcd index at which a listing showed all this. What a listing hides
	// was read after it.
	Index uint64
	// ClusterID is the id of the cluster that answered.
	ClusterID string
	// Begin and End are the moments between which it was read.
	Begin, End time.Time
}

// Entry is a key with the lifetime that it really has.
type Entry struct {
	*etcdv2.Node

	// Left is the TTL of the key or of a directory that it is in, whichever ends first,
	// in seconds. 0 means that it does not expire.
	Left int64
}

// ReadContent reads a directory with all that a listing shows below it, in one read,
// and then each of the hidden keys or directories that are given by their paths. What
// is about to be purged is left out. It returns ErrNotFound if the directory, or
// anything hidden that is asked for, does not exist, and refuses a key.
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
			// A permission for a key is none for what a listing of it would be.
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

// add adds a node and all that it contains, whose lifetime ends with the directory
// that it is in.
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

// leftOf returns the shorter of two lifetimes, that of a node and that of what it is in.
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

// leftAbove returns the shortest lifetime of the directories that a directory is in.
// One that may not be read counts as permanent.
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

// Without leaves out the keys and directories at the given paths, and all that is in
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

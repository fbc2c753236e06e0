package keyspace

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// Tree is what a directory contains, by paths relative to it.
type Tree struct {
	Keys map[string]*etcdv2.Node
	Dirs map[string]bool
	// Unnameable are keys and directories that no path in a configuration can name.
	Unnameable []*etcdv2.Node
	// index is an etcd index at which all of the tree existed, or had existed before. A
	// node that is not in the tree and has an older created index does not exist.
	index uint64
	// Absent reports that there is no such directory. Blocked is why it cannot be created:
	// the path, or one above it, is a key.
	Absent  bool
	Blocked error
}

// NewTree returns the tree of a directory that was read recursively.
func NewTree(dir *etcdv2.Node) *Tree {
	t := newTree()
	t.add(dir.Key, dir)
	return t
}

func newTree() *Tree { return &Tree{Keys: map[string]*etcdv2.Node{}, Dirs: map[string]bool{}} }

// relativeTo returns the path of a key relative to a directory.
func relativeTo(dir, key string) string {
	return strings.TrimPrefix(strings.TrimPrefix(key, strings.TrimSuffix(dir, "/")), "/")
}

// Below returns the path of a key from its path relative to a directory.
func Below(dir, relative string) string { return strings.TrimSuffix(dir, "/") + "/" + relative }

// HiddenRoot returns the part of a relative path up to its last hidden segment, "" if
// there is none. A listing of anything above that segment leaves it out.
func HiddenRoot(relative string) string {
	segments := strings.Split(relative, "/")
	for i, segment := range slices.Backward(segments) {
		if strings.HasPrefix(segment, "_") {
			return strings.Join(segments[:i+1], "/")
		}
	}
	return ""
}

// ReadTree reads everything in a directory with one request, and then each hidden key or
// directory among the given relative paths with one request more.
func (s *Store) ReadTree(ctx context.Context, dir string, paths []string) (*Tree, error) {
	t := newTree()
	resp, err := s.keys.Get(ctx, dir, etcdv2.GetOptions{Recursive: true})
	var apiErr *etcdv2.Error
	switch {
	case errors.Is(err, etcdv2.ErrNotDir):
		t.Absent, t.Blocked = true, err
		return t, nil
	case errors.Is(err, etcdv2.ErrNotFound) && errors.As(err, &apiErr):
		t.Absent, t.index = true, apiErr.Index
		return t, nil
	case err != nil:
		return nil, err
	case !resp.Node.Dir:
		t.Absent, t.Blocked = true, isKey(dir)
		return t, nil
	}
	t.add(dir, resp.Node)
	t.index = resp.EtcdIndex
	return t, s.readHidden(ctx, dir, paths, t)
}

// readHidden adds to a tree what the listing has left out.
func (s *Store) readHidden(ctx context.Context, dir string, paths []string, t *Tree) error {
	roots := map[string]bool{}
	for _, path := range paths {
		if root := HiddenRoot(path); root != "" {
			roots[root] = roots[root] || root != path
		}
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(KeysAtOnce)
	for root, isDir := range roots {
		group.Go(func() error {
			resp, err := s.keys.Get(ctx, Below(dir, root), etcdv2.GetOptions{Recursive: isDir})
			if errors.Is(err, etcdv2.ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			t.add(dir, resp.Node)
			return nil
		})
	}
	return group.Wait()
}

func (t *Tree) add(dir string, node *etcdv2.Node) {
	if !isNameable(node) {
		t.Unnameable = append(t.Unnameable, node)
		return
	}
	relative := relativeTo(dir, node.Key)
	if !node.Dir {
		t.Keys[relative] = node
		return
	}
	t.Dirs[relative] = true
	for _, child := range node.Nodes {
		t.add(dir, child)
	}
}

// keyAbove returns a key of the tree that is in the place of a directory above a relative
// path.
func (t *Tree) keyAbove(relative string) (string, bool) {
	for above := range Ancestors(relative) {
		if t.Keys[above] != nil {
			return above, true
		}
	}
	return "", false
}

// Ancestors yields the relative paths of the directories above a relative path, the
// nearest first.
func Ancestors(relative string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := len(relative) - 1; i > 0; i-- {
			if relative[i] == '/' && !yield(relative[:i]) {
				return
			}
		}
	}
}

// DirsAbove yields the paths of the directories above a path, the nearest first and "/"
// last.
func DirsAbove(path string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for dir := range Ancestors(path) {
			if !yield(dir) {
				return
			}
		}
		if path != "/" {
			yield("/")
		}
	}
}

// withDirsAbove yields a path and the directories above it.
func withDirsAbove(path string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if yield(path) {
			DirsAbove(path)(yield)
		}
	}
}

// emptyDirs returns a directory of the tree and all directories in it, the innermost
// first, or nil if any of them contains a key.
func (t *Tree) emptyDirs(dir, relative string) []string {
	for key := range t.Keys {
		if isWithin("/"+relative, "/"+key) {
			return nil
		}
	}
	var empty []string
	for other := range t.Dirs {
		if isWithin("/"+relative, "/"+other) {
			empty = append(empty, Below(dir, other))
		}
	}
	// A longer path cannot contain a shorter one.
	slices.SortFunc(empty, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return empty
}

// Nodes returns the known keys of a tree, sorted by path.
func (t *Tree) Nodes(known map[string]Known) []*etcdv2.Node {
	var nodes []*etcdv2.Node
	for _, relative := range slices.Sorted(maps.Keys(known)) {
		nodes = append(nodes, t.Keys[relative])
	}
	return nodes
}

// Refresh returns the keys that a tree shows: those that are known, those whose creation
// turned out to be applied and, if all is true, every other key. A key with less than
// renewBelow seconds left is due.
func (t *Tree) Refresh(known map[string]Known, unsettled map[string]Unsettled, all bool, renewBelow int64) map[string]Known {
	out := map[string]Known{}
	for relative, node := range t.Keys {
		before, isKnown := known[relative]
		switch {
		case isKnown:
		case unsettled[relative].isOurs(node):
			before = Known{Note: Note{TTL: unsettled[relative].TTL}}
		case all:
			before = Known{Note: Note{Foreign: true}}
		default:
			continue
		}
		after := before.refreshed(node)
		after.Due = node.HasTTL() && node.TTL < renewBelow
		out[relative] = Known{after, node.Value}
	}
	return out
}

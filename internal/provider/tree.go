package provider

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

// tree is what a directory holds, by paths relative to it.
type tree struct {
	keys map[string]*etcdv2.Node
	dirs map[string]bool
	// unnameable are keys and directories that no path in a configuration names.
	unnameable []*etcdv2.Node
	// index is an etcd index at which all of it was so, or had been so before:
	// what is not in the tree and has an older created index does not exist.
	index uint64
	// absent is whether there is no such directory, and blocked why there
	// cannot be one: it, or one above it, is a key.
	absent  bool
	blocked error
}

// relativeTo returns the path of a key relative to a directory.
func relativeTo(dir, key string) string {
	return strings.TrimPrefix(strings.TrimPrefix(key, strings.TrimSuffix(dir, "/")), "/")
}

// below returns the path of a key from its path relative to a directory.
func below(dir, relative string) string { return strings.TrimSuffix(dir, "/") + "/" + relative }

// hiddenRoot returns the part of a relative path up to its last hidden segment,
// which a listing of anything above it leaves out; "" if there is none.
func hiddenRoot(relative string) string {
	segments := strings.Split(relative, "/")
	for i, segment := range slices.Backward(segments) {
		if strings.HasPrefix(segment, "_") {
			return strings.Join(segments[:i+1], "/")
		}
	}
	return ""
}

// readTree reads all that a directory holds in one read, and what a listing
// hides of the given relative paths, each hidden directory or key in one more.
func (s *store) readTree(ctx context.Context, dir string, paths []string) (*tree, error) {
	t := &tree{keys: map[string]*etcdv2.Node{}, dirs: map[string]bool{}}
	resp, err := s.keys.Get(ctx, dir, etcdv2.GetOptions{Recursive: true})
	var apiErr *etcdv2.Error
	switch {
	case errors.Is(err, etcdv2.ErrNotDir):
		t.absent, t.blocked = true, err
		return t, nil
	case errors.Is(err, etcdv2.ErrNotFound) && errors.As(err, &apiErr):
		t.absent, t.index = true, apiErr.Index
		return t, nil
	case err != nil:
		return nil, err
	case !resp.Node.Dir:
		t.absent, t.blocked = true, isKey(dir)
		return t, nil
	}
	t.add(dir, resp.Node)
	t.index = resp.EtcdIndex
	return t, s.readHidden(ctx, dir, paths, t)
}

// readHidden adds to a tree what its listing has left out.
func (s *store) readHidden(ctx context.Context, dir string, paths []string, t *tree) error {
	roots := map[string]bool{}
	for _, path := range paths {
		if root := hiddenRoot(path); root != "" {
			roots[root] = roots[root] || root != path
		}
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(keysAtOnce)
	for root, isDir := range roots {
		group.Go(func() error {
			resp, err := s.keys.Get(ctx, below(dir, root), etcdv2.GetOptions{Recursive: isDir})
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

func (t *tree) add(dir string, node *etcdv2.Node) {
	if !isNameable(node) {
		t.unnameable = append(t.unnameable, node)
		return
	}
	relative := relativeTo(dir, node.Key)
	if !node.Dir {
		t.keys[relative] = node
		return
	}
	t.dirs[relative] = true
	for _, child := range node.Nodes {
		t.add(dir, child)
	}
}

// keyAbove returns the key of the tree that stands where a directory is needed
// for a relative path.
func (t *tree) keyAbove(relative string) (string, bool) {
	for above := range ancestors(relative) {
		if t.keys[above] != nil {
			return above, true
		}
	}
	return "", false
}

// ancestors yields the relative paths of the directories that a relative path
// lies in, the nearest first.
func ancestors(relative string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := len(relative) - 1; i > 0; i-- {
			if relative[i] == '/' && !yield(relative[:i]) {
				return
			}
		}
	}
}

// emptyDirs returns a directory of the tree and all directories in it, the
// innermost first, or nil if there is a key among them.
func (t *tree) emptyDirs(dir, relative string) []string {
	for key := range t.keys {
		if isWithin("/"+relative, "/"+key) {
			return nil
		}
	}
	var empty []string
	for other := range t.dirs {
		if isWithin("/"+relative, "/"+other) {
			empty = append(empty, below(dir, other))
		}
	}
	// What is longer cannot contain what is shorter.
	slices.SortFunc(empty, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return empty
}

// nodes returns what a tree holds of the keys that are known, sorted by path.
func (t *tree) nodes(known map[string]knownKey) []*etcdv2.Node {
	var nodes []*etcdv2.Node
	for _, relative := range slices.Sorted(maps.Keys(known)) {
		nodes = append(nodes, t.keys[relative])
	}
	return nodes
}

// refresh returns what a tree holds of the keys that are known, those that were
// not known to be created, and, if all is true, of every other key. A TTL with
// less left than renewBelow is due.
func (t *tree) refresh(known map[string]knownKey, unsettled map[string]unsettledKey, all bool, renewBelow int64) map[string]knownKey {
	out := map[string]knownKey{}
	for relative, node := range t.keys {
		before, isKnown := known[relative]
		switch {
		case isKnown:
		case unsettled[relative].isOurs(node):
			before = knownKey{keyNote: keyNote{TTL: unsettled[relative].TTL}}
		case all:
			before = knownKey{keyNote: keyNote{Foreign: true}}
		default:
			continue
		}
		after := before.refreshed(node)
		after.Due = node.HasTTL() && node.TTL < renewBelow
		out[relative] = knownKey{after, node.Value}
	}
	return out
}

package provider

import (
	"context"
	"errors"
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
	if _, err := refuseNode(node); err != nil {
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

package keyspace

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// Emptied is what [Store.Empty] did.
type Emptied struct {
	// Keys and Dirs count what was deleted or was already gone.
	Keys, Dirs int
	// Refusals are the keys and directories that stay, sorted by path. A directory that
	// stays only because of something in it is not listed.
	Refusals []*Refusal
	// Unnameable are the paths, as the API shows them, of keys and directories whose names
	// contain bytes that are not text. No request can reach them.
	Unnameable []string
}

// Empty deletes everything that was listed in a directory, and then the directory itself
// unless it is the root. A key that is no longer at its listed index stays, even if only
// its TTL was refreshed: somebody uses it. Directories are deleted after their contents,
// the innermost first, and only if they are empty: a directory to which anything was
// added stays, as does one with hidden keys. Empty stops at the first failure that
// concerns more than one key. It calls progress with the number of settled nodes.
func (s *Store) Empty(ctx context.Context, c *Content, progress func(settled int)) (*Emptied, error) {
	e := &emptying{store: s, progress: progress, staying: map[string]bool{}}
	err := e.each(ctx, keysOf(c), e.deleteKey)
	// Deeper directories go first.
	dirs := slices.Clone(c.Dirs)
	if c.Dir.Key != "/" {
		dirs = append(dirs, c.Dir)
	}
	slices.SortStableFunc(dirs, func(a, b *etcdv2.Node) int { return cmp.Compare(depth(b), depth(a)) })
	for len(dirs) > 0 && err == nil {
		level := dirs
		if end := slices.IndexFunc(dirs, func(n *etcdv2.Node) bool { return depth(n) != depth(dirs[0]) }); end > 0 {
			level = dirs[:end]
		}
		dirs = dirs[len(level):]
		err = e.each(ctx, level, e.deleteDir)
	}
	slices.SortFunc(e.done.Refusals, func(a, b *Refusal) int { return strings.Compare(a.Path, b.Path) })
	slices.Sort(e.done.Unnameable)
	return &e.done, err
}

func keysOf(c *Content) []*etcdv2.Node {
	nodes := make([]*etcdv2.Node, 0, len(c.Keys))
	for _, entry := range c.Keys {
		nodes = append(nodes, entry.Node)
	}
	return nodes
}

func depth(n *etcdv2.Node) int { return strings.Count(n.Key, "/") }

// emptying is one call of Empty.
type emptying struct {
	store    *Store
	progress func(settled int)

	mu      sync.Mutex
	done    Emptied
	settled int
	// staying are the directories that will not be empty.
	staying map[string]bool
}

// each deletes nodes, several at once.
func (e *emptying) each(ctx context.Context, nodes []*etcdv2.Node, remove func(context.Context, *etcdv2.Node) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(KeysAtOnce)
	for _, node := range nodes {
		group.Go(func() error {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if node.KeyNotText {
				return e.settle(node, nil)
			}
			if node.Dir && e.stays(node.Key) {
				return nil
			}
			return e.settle(node, remove(ctx, node))
		})
	}
	return group.Wait()
}

func (e *emptying) stays(dir string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.staying[dir]
}

// settle books the outcome for one node, and returns an error that ends the run.
func (e *emptying) settle(node *etcdv2.Node, err error) error {
	refusal, refused := errors.AsType[*Refusal](err)
	if err != nil && !refused {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case node.KeyNotText:
		e.done.Unnameable = append(e.done.Unnameable, node.Key)
	case refused:
		e.done.Refusals = append(e.done.Refusals, refusal)
	case node.Dir:
		e.done.Dirs++
	default:
		e.done.Keys++
	}
	if refused || node.KeyNotText {
		for dir := range DirsAbove(node.Key) {
			e.staying[dir] = true
		}
	}
	e.settled++
	e.progress(e.settled)
	return nil
}

// deleteKey deletes a key at the index at which it was listed.
func (e *emptying) deleteKey(ctx context.Context, node *etcdv2.Node) error {
	defer e.store.ahead.Forget(node.Key)
	_, err := e.store.keys.CompareAndDelete(ctx, node.Key, etcdv2.Condition{Index: node.ModifiedIndex})
	switch {
	case errors.Is(err, etcdv2.ErrOutcomeUnknown):
		return &Refusal{Kind: OutcomeUnknown, Path: node.Key, Planned: node.ModifiedIndex, Err: err}
	case errors.Is(err, etcdv2.ErrCompareFailed):
		refusal := &Refusal{Kind: Changed, Path: node.Key, Planned: node.ModifiedIndex, Err: err}
		if found, err := e.store.keys.Get(ctx, node.Key, etcdv2.GetOptions{}); err == nil {
			refusal.Found = found.Node.ModifiedIndex
		}
		return refusal
	case errors.Is(err, etcdv2.ErrNotFile):
		return isDirectory(node.Key)
	default:
		return ignoreAbsence(err)
	}
}

// deleteDir deletes an empty directory.
func (e *emptying) deleteDir(ctx context.Context, node *etcdv2.Node) error {
	err := ignoreAbsence(e.store.deleteDir(ctx, node.Key, false))
	if errors.Is(err, etcdv2.ErrNotDir) {
		return isKey(node.Key)
	}
	return err
}

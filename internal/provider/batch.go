package provider

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// keysAtOnce is how many keys of one resource are read or written at a time.
const keysAtOnce = 16

// keyFailure is a write that failed.
type keyFailure struct {
	keyWrite
	err error
}

// batch makes the writes to the keys of one directory, several at once, and keeps
// account of what the store holds.
type batch struct {
	store *store
	dir   string
	adopt bool
	// absentAt is an etcd index at which the keys to be created did not exist.
	absentAt uint64

	mu    sync.Mutex
	known map[string]knownKey
	// unsettled are keys whose creation may yet turn out to have been applied.
	unsettled map[string]unsettledKey
	written   int
	failures  []keyFailure
	// stayed are keys whose deletion was left out, with the reason.
	stayed []keyFailure
	// fatal is set once something failed that would fail for every key, and
	// skipped counts the writes that were not begun after it.
	fatal   bool
	skipped int
	// adopted are the lifetimes of keys that were taken over with another one.
	adopted []ttlChange
}

// newBatch returns a batch for the keys of a directory, of which some are known
// by their paths relative to it. Keys that exist already when they are to be
// created are refused, or taken over if adopt is true.
func newBatch(s *store, dir string, known map[string]knownKey, adopt bool) *batch {
	return &batch{store: s, dir: dir, adopt: adopt, known: known, unsettled: map[string]unsettledKey{}}
}

// restore reads again what is known of the keys besides their values, where that
// was lost. A CLI hands over none of it when it deletes an object whose creation
// has failed. A key that holds the value is taken as it is; one that does not was
// changed since, and is a failure.
func (b *batch) restore(ctx context.Context) error {
	lost := slices.DeleteFunc(slices.Collect(maps.Keys(b.known)), func(relative string) bool { return b.known[relative].Index != 0 })
	if len(lost) == 0 {
		return nil
	}
	found, err := b.store.readTree(ctx, b.dir, lost)
	if err != nil {
		return err
	}
	for _, relative := range lost {
		node, k := found.keys[relative], b.known[relative]
		switch {
		case node == nil:
			delete(b.known, relative)
		case !node.NotText && sameValue(k.value, node.Value, false):
			b.known[relative] = knownKey{k.refreshed(node), k.value}
		default:
			key := below(b.dir, relative)
			b.failures = append(b.failures, keyFailure{keyWrite{path: relative, key: key}, hasChanged(key, 0, node.ModifiedIndex)})
		}
	}
	return nil
}

// plan returns the writes that make what is known what is intended. Where keys
// are to be created, or takeStock is true, it first reads what there is, and
// returns that too. What cannot be written is a failure, and then nothing is.
func (b *batch) plan(ctx context.Context, intent prefixIntent, takeStock bool) (writes []keyWrite, found *tree, err error) {
	writes, kept := intent.changes(b.dir, b.known)
	created := creations(writes)
	if takeStock || len(created) > 0 {
		found, err = b.store.readTree(ctx, b.dir, created)
		if err == nil {
			err = found.blocked
		}
		if err != nil {
			return nil, nil, err
		}
		b.absentAt = found.index
		if writes = b.check(writes, found); len(b.failures) > 0 {
			b.skipped = len(writes)
			return nil, nil, nil
		}
	}
	b.known = kept
	writes, err = b.keep(ctx, writes, intent.values, intent.ttl)
	return writes, found, err
}

// keep notes that the keys without a write are to stay. One that another object
// of this run has deleted meanwhile is created again.
func (b *batch) keep(ctx context.Context, writes []keyWrite, wanted map[string]string, ttl *int64) ([]keyWrite, error) {
	written := map[string]bool{}
	for _, write := range writes {
		written[write.path] = true
	}
	for _, relative := range slices.Sorted(maps.Keys(wanted)) {
		if written[relative] {
			continue
		}
		key := below(b.dir, relative)
		isThere, err := b.store.keep(ctx, key)
		if err != nil {
			return nil, err
		}
		if !isThere {
			delete(b.known, relative)
			writes = append(writes, keyWrite{path: relative, key: key, want: &wantedKey{value: wanted[relative], ttl: ttl}})
		}
	}
	return writes, nil
}

// hasWritten reports whether the batch wrote, or may have written, anything.
func (b *batch) hasWritten() bool { return b.written > 0 || len(b.unsettled) > 0 }

// run makes writes, several at once, in three steps that each need the one
// before: what is new or changed, then deletions, then keys that are to stand
// below one that was deleted. A step that fails is the last.
func (b *batch) run(ctx context.Context, writes []keyWrite) {
	deleted := map[string]bool{}
	for _, write := range writes {
		deleted[write.path] = write.want == nil
	}
	var steps [3][]keyWrite
	for _, write := range writes {
		step := 0
		switch {
		case write.want == nil:
			step = 1
		case hasAncestorIn(deleted, write.path):
			step = 2
		}
		steps[step] = append(steps[step], write)
	}
	b.store.onAdopt = b.noteAdopted
	for _, step := range steps {
		if len(b.failures) > 0 {
			b.skipped += len(step)
			continue
		}
		b.step(ctx, step)
	}
}

// noteAdopted notes a key that was taken over with another lifetime.
func (b *batch) noteAdopted(key string, before, now int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.adopted = append(b.adopted, ttlChange{key, before, now})
}

func hasAncestorIn(paths map[string]bool, path string) bool {
	for above := range ancestors(path) {
		if paths[above] {
			return true
		}
	}
	return false
}

func (b *batch) step(ctx context.Context, writes []keyWrite) {
	var group errgroup.Group
	group.SetLimit(keysAtOnce)
	for _, write := range writes {
		group.Go(func() error {
			if b.begin(ctx) {
				node, err := b.do(ctx, write)
				b.end(write, node, err)
			}
			return nil
		})
	}
	_ = group.Wait()
}

func (b *batch) begin(ctx context.Context) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fatal || ctx.Err() != nil {
		b.skipped++
		return false
	}
	return true
}

func (b *batch) do(ctx context.Context, write keyWrite) (*etcdv2.Node, error) {
	switch {
	case write.want == nil:
		return nil, b.store.remove(ctx, write.key, *write.before)
	case write.found != nil:
		return b.store.adopt(ctx, write.found, *write.want)
	case write.before == nil:
		return b.store.createAbsent(ctx, write.key, *write.want, b.absentAt, b.adopt)
	}
	node, err := b.doInPart(ctx, write)
	if errors.Is(err, etcdv2.ErrUnsupported) {
		return b.store.update(ctx, write.key, *write.before, *write.want)
	}
	return node, err
}

// doInPart changes the value or the TTL of a key alone, if the other stays. It
// returns ErrUnsupported if both are to be written.
func (b *batch) doInPart(ctx context.Context, write keyWrite) (*etcdv2.Node, error) {
	switch {
	case write.keepsTTL:
		return b.store.setValue(ctx, write.key, *write.before, write.want.value)
	case *write.before.value == write.want.value:
		return b.store.setTTL(ctx, write.key, *write.before, write.want.ttl)
	default:
		return nil, etcdv2.ErrUnsupported
	}
}

// end books the outcome of a write.
func (b *batch) end(write keyWrite, node *etcdv2.Node, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	refusal, _ := errors.AsType[*keyspace.Refusal](err)
	switch {
	case refusal != nil && refusal.Stays():
		b.stayed = append(b.stayed, keyFailure{write, err})
		delete(b.known, write.path)
	case err != nil:
		b.failures = append(b.failures, keyFailure{write, err})
		b.fatal = b.fatal || !concernsOneKey(err)
		if write.before == nil && errors.Is(err, etcdv2.ErrOutcomeUnknown) {
			b.unsettled[write.path] = newUnsettledKey(b.absentAt, *write.want)
		}
	case write.want == nil:
		b.written++
		delete(b.known, write.path)
	default:
		if node != write.found {
			b.written++
		}
		note := keyNote{Index: node.ModifiedIndex, TTL: seconds(write.want.ttl), Expiration: node.Expiration, NotText: node.NotText}
		if write.keepsTTL {
			note = keyNote{}.refreshed(node)
		}
		b.known[write.path] = knownKey{note, write.want.value}
	}
}

// concernsOneKey reports whether a failure says nothing of other keys.
func concernsOneKey(err error) bool {
	if errors.Is(err, etcdv2.ErrOutcomeUnknown) {
		return false
	}
	for _, kind := range []error{
		etcdv2.ErrExists, etcdv2.ErrCompareFailed, etcdv2.ErrNotFound, etcdv2.ErrNotFile, etcdv2.ErrNotDir, etcdv2.ErrTooLarge,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// check books the creations that cannot work by what was read before the
// first write: keys that exist, unless they are to be adopted, directories in
// their place, and keys in the place of their directories.
func (b *batch) check(writes []keyWrite, found *tree) []keyWrite {
	going := map[string]bool{}
	for _, write := range writes {
		going[write.path] = write.want == nil
	}
	var checked []keyWrite
	for _, write := range writes {
		if write.before == nil {
			node := found.keys[write.path]
			if err := b.refuse(write, found, going); err != nil {
				b.failures = append(b.failures, keyFailure{write, err})
				continue
			}
			write.found = node
		}
		checked = append(checked, write)
	}
	return checked
}

// refuse says why a key cannot be created. Keys in going are deleted before.
func (b *batch) refuse(write keyWrite, found *tree, going map[string]bool) error {
	if found.dirs[write.path] {
		if empty := found.emptyDirs(b.dir, write.path); empty != nil {
			return emptyInTheWay(write.key, empty)
		}
		return isDirectory(write.key)
	}
	if above, ok := found.keyAbove(write.path); ok && !going[above] {
		return isBelowKey(write.key, below(b.dir, above))
	}
	if node := found.keys[write.path]; node != nil && !b.adopt {
		return exists(write.key, node.ModifiedIndex)
	}
	return nil
}

// isBelowKey is the refusal to create a key below another.
func isBelowKey(key, above string) error {
	return &keyspace.Refusal{Kind: keyspace.BelowKey, Path: key, Other: above, Err: etcdv2.ErrNotDir}
}

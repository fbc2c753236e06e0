package keyspace

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// KeysAtOnce is how many keys of one resource are read or written concurrently.
const KeysAtOnce = 16

// Failure is a write that failed.
type Failure struct {
	Write

	// Err is a *Refusal, or the error that the client returned.
	Err error
}

// Batch writes the keys of one directory, several at once, and records what the
// store contains after each write.
type Batch struct {
	store *Store
	adopt bool
	// Dir is the path of the directory.
	Dir string
	// absentAt is an etcd index at which the keys to create did not exist.
	absentAt uint64

	mu sync.Mutex
	// Known are the keys that the store contains as far as we know, by relative path.
	Known map[string]Known
	// Unsettled are keys whose creation may still turn out to have been applied.
	Unsettled map[string]Unsettled
	// Written counts the writes that succeeded, and Failures lists those that did not.
	Written  int
	Failures []Failure
	// Stayed are keys that were deliberately not deleted, with the reason.
	Stayed []Failure
	// fatal is set after a failure that every other key would meet too. Skipped counts
	// the writes that were not started because of it.
	fatal   bool
	Skipped int
	// Adopted are the TTLs that changed because a key was adopted.
	Adopted []TTLChange
}

// NewBatch returns a batch for the keys of a directory. known are the keys already
// known, by relative path. A key that is to be created but already exists is adopted
// if adopt is true, and refused otherwise.
func NewBatch(s *Store, dir string, known map[string]Known, adopt bool) *Batch {
	return &Batch{store: s, Dir: dir, adopt: adopt, Known: known, Unsettled: map[string]Unsettled{}}
}

// Restore reads back the notes on known keys that have none, because a CLI passes no
// private state when it deletes an object whose creation failed. A key with the known
// value gets the notes of what is there; a key with another value was changed since,
// and is booked as a failure.
func (b *Batch) Restore(ctx context.Context) error {
	lost := slices.DeleteFunc(slices.Collect(maps.Keys(b.Known)), func(relative string) bool { return b.Known[relative].Index != 0 })
	if len(lost) == 0 {
		return nil
	}
	found, err := b.store.ReadTree(ctx, b.Dir, lost)
	if err != nil {
		return err
	}
	for _, relative := range lost {
		node, k := found.Keys[relative], b.Known[relative]
		switch {
		case node == nil:
			delete(b.Known, relative)
		case !node.NotText && SameValue(k.Value, node.Value, false):
			b.Known[relative] = Known{k.refreshed(node), k.Value}
		default:
			key := Below(b.Dir, relative)
			b.Failures = append(b.Failures, Failure{Write{Path: relative, Key: key}, hasChanged(key, 0, node.ModifiedIndex)})
		}
	}
	return nil
}

// Plan returns the writes that turn the known keys into the intended ones. If there
// are keys to create, or if takeStock is true, it reads the directory first and returns
// its tree too. If any key cannot be written, it books a failure and returns no writes.
func (b *Batch) Plan(ctx context.Context, intent TreeIntent, takeStock bool) (writes []Write, found *Tree, err error) {
	writes, kept := intent.Changes(b.Dir, b.Known)
	created := creations(writes)
	if takeStock || len(created) > 0 {
		found, err = b.store.ReadTree(ctx, b.Dir, created)
		if err == nil {
			err = found.Blocked
		}
		if err != nil {
			return nil, nil, err
		}
		b.absentAt = found.index
		if writes = b.check(writes, found); len(b.Failures) > 0 {
			b.Skipped = len(writes)
			return nil, nil, nil
		}
	}
	b.Known = kept
	writes, err = b.keep(ctx, writes, intent.Values, intent.TTL)
	return writes, found, err
}

// keep records that the keys without a write stay as they are. A key that another
// object of this run has deleted meanwhile is created again.
func (b *Batch) keep(ctx context.Context, writes []Write, wanted map[string]string, ttl *int64) ([]Write, error) {
	written := map[string]bool{}
	for _, write := range writes {
		written[write.Path] = true
	}
	for _, relative := range slices.Sorted(maps.Keys(wanted)) {
		if written[relative] {
			continue
		}
		key := Below(b.Dir, relative)
		isThere, err := b.store.keep(ctx, key)
		if err != nil {
			return nil, err
		}
		if !isThere {
			delete(b.Known, relative)
			writes = append(writes, Write{Path: relative, Key: key, Want: &Wanted{Value: wanted[relative], TTL: ttl}})
		}
	}
	return writes, nil
}

// HasWritten reports whether the batch wrote, or may have written, anything.
func (b *Batch) HasWritten() bool { return b.Written > 0 || len(b.Unsettled) > 0 }

// Run makes the writes, several at once, in three steps: new and changed keys, then
// deletions, then keys below a path whose key was deleted. Each step needs the one before.
// The steps after a failed one are skipped.
func (b *Batch) Run(ctx context.Context, writes []Write) {
	deleted := map[string]bool{}
	for _, write := range writes {
		deleted[write.Path] = write.Want == nil
	}
	var steps [3][]Write
	for _, write := range writes {
		step := 0
		switch {
		case write.Want == nil:
			step = 1
		case hasAncestorIn(deleted, write.Path):
			step = 2
		}
		steps[step] = append(steps[step], write)
	}
	b.store.OnAdopt = b.noteAdopted
	for _, step := range steps {
		if len(b.Failures) > 0 {
			b.Skipped += len(step)
			continue
		}
		b.step(ctx, step)
	}
}

// noteAdopted records a key whose TTL changed because it was adopted.
func (b *Batch) noteAdopted(change TTLChange) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.Adopted = append(b.Adopted, change)
}

func hasAncestorIn(paths map[string]bool, path string) bool {
	for above := range Ancestors(path) {
		if paths[above] {
			return true
		}
	}
	return false
}

func (b *Batch) step(ctx context.Context, writes []Write) {
	var group errgroup.Group
	group.SetLimit(KeysAtOnce)
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

func (b *Batch) begin(ctx context.Context) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fatal || ctx.Err() != nil {
		b.Skipped++
		return false
	}
	return true
}

func (b *Batch) do(ctx context.Context, write Write) (*etcdv2.Node, error) {
	switch {
	case write.Want == nil:
		return nil, b.store.Remove(ctx, write.Key, *write.Before)
	case write.Found != nil:
		return b.store.Adopt(ctx, write.Found, *write.Want)
	case write.Before == nil:
		return b.store.CreateAbsent(ctx, write.Key, *write.Want, b.absentAt, b.adopt)
	}
	node, err := b.doInPart(ctx, write)
	if errors.Is(err, etcdv2.ErrUnsupported) {
		return b.store.Update(ctx, write.Key, *write.Before, *write.Want)
	}
	return node, err
}

// doInPart writes only the value or only the TTL of a key, if the other one stays the
// same. It returns ErrUnsupported if both change.
func (b *Batch) doInPart(ctx context.Context, write Write) (*etcdv2.Node, error) {
	switch {
	case write.KeepsTTL:
		return b.store.SetValue(ctx, write.Key, *write.Before, write.Want.Value)
	case *write.Before.Value == write.Want.Value:
		return b.store.SetTTL(ctx, write.Key, *write.Before, write.Want.TTL)
	default:
		return nil, etcdv2.ErrUnsupported
	}
}

// end books the outcome of one write.
func (b *Batch) end(write Write, node *etcdv2.Node, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	refusal, _ := errors.AsType[*Refusal](err)
	switch {
	case refusal != nil && refusal.Stays():
		b.Stayed = append(b.Stayed, Failure{write, err})
		delete(b.Known, write.Path)
	case err != nil:
		b.Failures = append(b.Failures, Failure{write, err})
		b.fatal = b.fatal || !concernsOneKey(err)
		if write.Before == nil && errors.Is(err, etcdv2.ErrOutcomeUnknown) {
			b.Unsettled[write.Path] = newUnsettledKey(b.absentAt, *write.Want)
		}
	case write.Want == nil:
		b.Written++
		delete(b.Known, write.Path)
	default:
		if node != write.Found {
			b.Written++
		}
		note := Note{Index: node.ModifiedIndex, TTL: Seconds(write.Want.TTL), Expiration: node.Expiration, NotText: node.NotText}
		if write.KeepsTTL {
			note = Note{}.refreshed(node)
		}
		b.Known[write.Path] = Known{note, write.Want.Value}
	}
}

// concernsOneKey reports whether an error is about one key only.
func concernsOneKey(err error) bool {
	if errors.Is(err, etcdv2.ErrOutcomeUnknown) {
		return false
	}
	if r, ok := errors.AsType[*Refusal](err); ok && r.Kind == LosesBytes {
		return true
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

// check books the creations that cannot succeed, given what was read before the first
// write: the key exists and is not to be adopted, a directory is in the place of the
// key, or a key is in the place of one of its directories.
func (b *Batch) check(writes []Write, found *Tree) []Write {
	going := map[string]bool{}
	for _, write := range writes {
		going[write.Path] = write.Want == nil
	}
	var checked []Write
	for _, write := range writes {
		if write.Before == nil {
			node := found.Keys[write.Path]
			if err := b.refuse(write, found, going); err != nil {
				b.Failures = append(b.Failures, Failure{write, err})
				continue
			}
			write.Found = node
		}
		checked = append(checked, write)
	}
	return checked
}

// refuse returns why a key cannot be created, or nil. Keys in going are deleted first.
func (b *Batch) refuse(write Write, found *Tree, going map[string]bool) error {
	if found.Dirs[write.Path] {
		if empty := found.emptyDirs(b.Dir, write.Path); empty != nil {
			return emptyInTheWay(write.Key, empty)
		}
		return isDirectory(write.Key)
	}
	if above, ok := found.keyAbove(write.Path); ok && !going[above] {
		return isBelowKey(write.Key, Below(b.Dir, above))
	}
	if node := found.Keys[write.Path]; node != nil && !b.adopt {
		return exists(write.Key, node.ModifiedIndex)
	}
	return nil
}

// isBelowKey is the refusal to create a key below another.
func isBelowKey(key, above string) error {
	return &Refusal{Kind: BelowKey, Path: key, Other: above, Err: etcdv2.ErrNotDir}
}

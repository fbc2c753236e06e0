package provider

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/etcdv2/terraform-provider-etcd/internal/keyedlock"
)

// objectKind is what an object of the store is. The key space knows nodes; the
// caller has kinds of its own for what else a run changes.
type objectKind string

// kindNode is a key or a directory.
const kindNode objectKind = "node"

// storeObject names one object of the store.
type storeObject struct {
	kind objectKind
	name string
}

// nodeAt names the key or the directory at a path.
func nodeAt(path string) storeObject { return storeObject{kindNode, path} }

// run is what this process did to the store since the CLI configured the
// provider, which it does once for each plan and once for each apply. Two
// objects of a configuration can be about one object of the store: the old and
// the new instance under create_before_destroy, two that swap their paths, a
// key that moves into an etcd_key_prefix. The rule for them: what one of them
// created, wrote or adopted in this run is not deleted by another in this run.
//
// A change is made between hold and its release, so that a deletion never comes
// between another object's look at the store and its note.
type run struct {
	mu      sync.Mutex
	made    map[storeObject]bool
	removed map[storeObject]bool
	// trees are the directories that were deleted with all that they contained.
	trees map[string]bool

	turns keyedlock.Locks[storeObject]
	// whole is locked for writing while a directory is deleted, with whatever
	// is in it.
	whole sync.RWMutex
}

func newRun() *run {
	return &run{made: map[storeObject]bool{}, removed: map[storeObject]bool{}, trees: map[string]bool{}}
}

// hold waits until no other object of this run changes o. No second object may
// be held at the same time.
func (r *run) hold(ctx context.Context, o storeObject) (release func(), err error) {
	unlock, err := r.turns.Lock(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.kind != kindNode {
		return unlock, nil
	}
	r.whole.RLock()
	return func() {
		r.whole.RUnlock()
		unlock()
	}, nil
}

// keep notes that an object of the store is to stay, or has it made again if
// another object of this run deleted it. Meanwhile turn is held.
func (r *run) keep(ctx context.Context, turn, o storeObject, again func() error) error {
	release, err := r.hold(ctx, turn)
	if err != nil {
		return err
	}
	defer release()
	if r.hasRemoved(o) {
		if err := again(); err != nil {
			return err
		}
	}
	r.noteMade(o)
	return nil
}

// holdTree waits until no other object of this run changes a key or a directory.
func (r *run) holdTree() (release func()) {
	r.whole.Lock()
	return r.whole.Unlock
}

// noteMade notes that an object of the store is as this run wants it.
func (r *run) noteMade(objects ...storeObject) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range objects {
		r.made[o] = true
		delete(r.removed, o)
	}
}

// noteRemoved notes that this run deleted an object.
func (r *run) noteRemoved(objects ...storeObject) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range objects {
		r.removed[o] = true
	}
}

// noteTreeRemoved notes that this run deleted a directory with its contents.
func (r *run) noteTreeRemoved(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trees[path] = true
}

// madeOf returns what this run granted of one kind to one user or role: the rest
// of the names that begin with its own.
func (r *run) madeOf(kind objectKind, owner string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for o := range r.made {
		if name, ok := strings.CutPrefix(o.name, owner); ok && o.kind == kind {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// since brings what a user or a role had of one kind up to what this run granted
// and revoked since, and adds to what it is to have what others granted.
func (r *run) since(kind objectKind, owner string, had, want []string) (has, goal []string) {
	made := r.madeOf(kind, owner)
	has = slices.DeleteFunc(slices.Clone(had), func(name string) bool { return r.hasRemoved(storeObject{kind, owner + name}) })
	has = append(has, missingFrom(has, made)...)
	return has, append(append([]string{}, want...), missingFrom(want, made)...)
}

// hasMade reports whether this run created, wrote or adopted an object.
func (r *run) hasMade(o storeObject) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.made[o]
}

// hasRemoved reports whether this run deleted an object, and did not create it
// again.
func (r *run) hasRemoved(o storeObject) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.made[o] {
		return false
	}
	for path := range r.trees {
		if o.kind == kindNode && isWithin(path, o.name) {
			return true
		}
	}
	return r.removed[o]
}

// madeWithin returns a path, at or below the given one, at which this run
// created, wrote or adopted something.
func (r *run) madeWithin(path string) (made string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for o := range r.made {
		if o.kind == kindNode && isWithin(path, o.name) && (!ok || o.name < made) {
			made, ok = o.name, true
		}
	}
	return made, ok
}

// isWithin reports whether a path is that of a directory or below it.
func isWithin(dir, path string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// missingFrom returns the names that a list lacks.
func missingFrom(list, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(list, name) })
}

// String names an object of the store for messages.
func (o storeObject) String() string {
	if o.kind == kindNode {
		return o.name
	}
	return string(o.kind) + " " + o.name
}

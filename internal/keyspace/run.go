package keyspace

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/keyedlock"
)

// ObjectKind is what an object of the store is. The key space knows nodes; the
// caller has kinds of its own for what else a run changes.
type ObjectKind string

// KindNode is a key or a directory.
const KindNode ObjectKind = "node"

// Object names one object of the store.
type Object struct {
	Kind ObjectKind
	// Name is the path of a node, and what the caller chooses for other kinds.
	Name string
}

// NodeAt names the key or the directory at a path.
func NodeAt(path string) Object { return Object{KindNode, path} }

// Run is what this process did to the store since the CLI configured the
// provider, which it does once for each plan and once for each apply. Two
// objects of a configuration can be about one object of the store: the old and
// the new instance under create_before_destroy, two that swap their paths, a
// key that moves into an etcd_key_prefix. The rule for them: what one of them
// created, wrote or adopted in this run is not deleted by another in this run.
//
// A change is made between Lock and its release, so that a deletion never comes
// between another object's look at the store and its note.
type Run struct {
	mu      sync.Mutex
	made    map[Object]bool
	removed map[Object]bool
	// trees are the directories that were deleted with all that they contained.
	trees map[string]bool
	// recent serves creates.
	recent recentIndex

	turns keyedlock.Locks[Object]
	// inOrder is locked for a directory in which a key is being created in order: two
	// creations at once could take each other's key for their own.
	inOrder keyedlock.Locks[string]
	// whole is locked for writing while a directory is deleted, with whatever
	// is in it.
	whole sync.RWMutex
}

// NewRun returns a run that has done nothing yet.
func NewRun() *Run {
	return &Run{made: map[Object]bool{}, removed: map[Object]bool{}, trees: map[string]bool{}, recent: recentIndex{now: time.Now}}
}

// SetClock replaces the clock, for a test, before the first write.
func (r *Run) SetClock(now func() time.Time) { r.recent.now = now }

// Lock waits until no other object of this run changes o. No second object may
// be locked at the same time.
func (r *Run) Lock(ctx context.Context, o Object) (release func(), err error) {
	unlock, err := r.turns.Lock(ctx, o)
	if err != nil {
		return nil, err
	}
	if o.Kind != KindNode {
		return unlock, nil
	}
	r.whole.RLock()
	return func() {
		r.whole.RUnlock()
		unlock()
	}, nil
}

// Keep notes that an object of the store is to stay, or calls again if another
// object of this run deleted it. Meanwhile turn is locked.
func (r *Run) Keep(ctx context.Context, turn, o Object, again func() error) error {
	release, err := r.Lock(ctx, turn)
	if err != nil {
		return err
	}
	defer release()
	if r.HasRemoved(o) {
		if err := again(); err != nil {
			return err
		}
	}
	r.NoteMade(o)
	return nil
}

// lockTree waits until no other object of this run changes a key or a directory.
func (r *Run) lockTree() (release func()) {
	r.whole.Lock()
	return r.whole.Unlock
}

// NoteMade notes that an object of the store is as this run wants it.
func (r *Run) NoteMade(objects ...Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range objects {
		r.made[o] = true
		delete(r.removed, o)
	}
}

// NoteRemoved notes that this run deleted an object.
func (r *Run) NoteRemoved(objects ...Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range objects {
		r.removed[o] = true
	}
}

// noteTreeRemoved notes that this run deleted a directory with its contents.
func (r *Run) noteTreeRemoved(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trees[path] = true
}

// MadeOf returns what this run granted of one kind to one user or role: the rest
// of the names that begin with its own.
func (r *Run) MadeOf(kind ObjectKind, owner string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for o := range r.made {
		if name, ok := strings.CutPrefix(o.Name, owner); ok && o.Kind == kind {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Since brings what a user or a role had of one kind up to what this run granted
// and revoked since, and adds to what it is to have what others granted.
func (r *Run) Since(kind ObjectKind, owner string, had, want []string) (has, goal []string) {
	made := r.MadeOf(kind, owner)
	has = slices.DeleteFunc(slices.Clone(had), func(name string) bool { return r.HasRemoved(Object{kind, owner + name}) })
	has = append(has, missingFrom(has, made)...)
	return has, append(append([]string{}, want...), missingFrom(want, made)...)
}

// HasMade reports whether this run created, wrote or adopted an object.
func (r *Run) HasMade(o Object) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.made[o]
}

// HasRemoved reports whether this run deleted an object, and did not create it
// again.
func (r *Run) HasRemoved(o Object) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.made[o] {
		return false
	}
	for path := range r.trees {
		if o.Kind == KindNode && isWithin(path, o.Name) {
			return true
		}
	}
	return r.removed[o]
}

// madeWithin returns a path, at or below the given one, at which this run
// created, wrote or adopted something.
func (r *Run) madeWithin(path string) (made string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for o := range r.made {
		if o.Kind == KindNode && isWithin(path, o.Name) && (!ok || o.Name < made) {
			made, ok = o.Name, true
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
func (o Object) String() string {
	if o.Kind == KindNode {
		return o.Name
	}
	return string(o.Kind) + " " + o.Name
}

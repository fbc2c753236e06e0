package keyspace

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/keyedlock"
)

// ObjectKind is what an object of the store is. This package knows nodes; the caller has
// kinds of its own for everything else that a run changes.
type ObjectKind string

// KindNode is a key or a directory.
const KindNode ObjectKind = "node"

// Object names one object of the store.
type Object struct {
	Kind ObjectKind
	// Name is the path of a node. For other kinds the caller chooses it.
	Name string
}

// NodeAt names the key or the directory at a path.
func NodeAt(path string) Object { return Object{KindNode, path} }

// Run is what this process has done to the store since the CLI configured the provider,
// which happens once for each plan and once for each apply. Two objects of a
// configuration can manage the same object of the store: the old and the new instance
// under create_before_destroy, two that swap their paths, a key that moves into an
// etcd_key_prefix. The rule for them: what one of them created, wrote or adopted in this
// run is not deleted by another one in this run.
//
// A change is made between Lock and its release, so that no deletion comes between the
// read of another object and its note.
type Run struct {
	mu      sync.Mutex
	made    map[Object]bool
	removed map[Object]bool
	// trees are the directories that were deleted with their contents.
	trees map[string]bool
	// recent is for creates.
	recent recentIndex

	turns keyedlock.Locks[Object]
	// inOrder is locked for a directory while a key is created in order in it: two
	// concurrent creations could each take the key of the other for their own.
	inOrder keyedlock.Locks[string]
	// whole is locked for writing while a directory is deleted with its contents.
	whole sync.RWMutex
}

// NewRun returns a run that has done nothing yet.
func NewRun() *Run {
	return &Run{made: map[Object]bool{}, removed: map[Object]bool{}, trees: map[string]bool{}, recent: recentIndex{now: time.Now}}
}

// SetClock replaces the clock in a test, before the first write.
func (r *Run) SetClock(now func() time.Time) { r.recent.now = now }

// Lock waits until no other object of this run is changing o. A caller must not lock a
// second object while it has the lock.
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

// Keep records that an object of the store stays. If another object of this run deleted
// it, it calls again. It holds the lock of turn meanwhile.
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

// lockTree waits until no other object of this run is changing a key or a directory.
func (r *Run) lockTree() (release func()) {
	r.whole.Lock()
	return r.whole.Unlock
}

// NoteMade records that objects of the store are as this run wants them.
func (r *Run) NoteMade(objects ...Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range objects {
		r.made[o] = true
		delete(r.removed, o)
	}
}

// NoteRemoved records that this run deleted objects.
func (r *Run) NoteRemoved(objects ...Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, o := range objects {
		r.removed[o] = true
	}
}

// noteTreeRemoved records that this run deleted a directory with its contents.
func (r *Run) noteTreeRemoved(path string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trees[path] = true
}

// MadeOf returns what this run granted of one kind to one user or role. Grants are named
// after their owner; the result is the rest of each name.
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

// Since updates what a user or a role had of one kind by what this run granted and
// revoked since, and adds to the goal what other objects granted.
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

// HasRemoved reports whether this run deleted an object and did not create it again.
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

// madeWithin returns a path, at or below the given one, at which this run created, wrote
// or adopted something.
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

// isWithin reports whether a path is dir or is below it.
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

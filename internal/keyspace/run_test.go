package keyspace

import (
	"context"
	"testing"
	"time"
)

// The lock of a run lets one object at a time change an object of the store, and no object
// while a tree is being deleted.
func TestRun_Lock(t *testing.T) {
	t.Parallel()

	r := NewRun()
	release, err := r.Lock(t.Context(), NodeAt("/a"))
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := r.Lock(short, NodeAt("/a")); err == nil {
		t.Error("two objects have locked the same key")
	}
	other, err := r.Lock(t.Context(), NodeAt("/b"))
	if err != nil {
		t.Fatal(err)
	}
	if r.whole.TryLock() {
		t.Error("a tree was locked while a key was locked")
	}
	other()
	release()
	r.lockTree()()
}

func TestRun_notes(t *testing.T) {
	t.Parallel()

	r := NewRun()
	r.noteTreeRemoved("/d")
	for path, want := range map[string]bool{"/d": true, "/d/a/b": true, "/dd": false, "/": false} {
		if got := r.HasRemoved(NodeAt(path)); got != want {
			t.Errorf("%s counts as removed: %t, want %t", path, got, want)
		}
	}
	r.NoteMade(NodeAt("/d/a"), Object{"user", "/d/a"})
	if r.HasRemoved(NodeAt("/d/a")) || !r.HasMade(NodeAt("/d/a")) {
		t.Error("a node that was created again counts as removed")
	}
	for path, want := range map[string]string{"/": "/d/a", "/d": "/d/a", "/d/a": "/d/a", "/d/a/b": "", "/e": ""} {
		if got, _ := r.madeWithin(path); got != want {
			t.Errorf("made within %s: %q, want %q", path, got, want)
		}
	}
}

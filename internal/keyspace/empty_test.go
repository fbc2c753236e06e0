package keyspace

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// content reads a directory of the space.
func (s *space) content(t *testing.T, dir string, hidden ...string) *Content {
	t.Helper()
	c, err := s.store(nil).ReadContent(t.Context(), dir, hidden)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestStore_ReadContent(t *testing.T) {
	t.Parallel()

	s := newSpace(t, 1)
	s.put(t, "/b/k", "v", "ttl=900")
	s.put(t, "/a", "\xff")
	s.server.Mkdir(t, s.prefix+"/c", "ttl=600")
	s.put(t, "/c/in", "v")
	s.put(t, "/c/d/long", "v", "ttl=5000")
	s.put(t, "/c/_h/x", "v", "ttl=300")
	s.server.Mkdir(t, s.prefix+"/empty")
	c := s.content(t, "/", "/c/_h")
	left := map[string]int64{}
	for _, e := range c.Keys {
		left[e.Key] = (e.Left + 50) / 100
	}
	if diff := cmp.Diff(map[string]int64{"/a": 0, "/b/k": 9, "/c/in": 6, "/c/d/long": 6, "/c/_h/x": 3}, left); diff != "" {
		t.Errorf("keys with the time left in hundreds of seconds (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/empty"}, c.EmptyDirs()); diff != "" {
		t.Errorf("empty directories (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/a"}, c.NotText()); diff != "" {
		t.Errorf("keys that are not text (-want +got):\n%s", diff)
	}
	if below := s.content(t, "/c/d"); len(below.Keys) != 1 || below.Keys[0].Left > 600 {
		t.Errorf("below a directory with a TTL: %+v, want the TTL of the directory", below.Keys[0])
	}
	if rest := c.Without([]string{"/c", "/empty"}); len(rest.Keys) != 2 || len(rest.Dirs) != 1 {
		t.Errorf("Without() leaves %+v and %+v", rest.Keys, rest.Dirs)
	}
	_, err := s.store(nil).ReadContent(t.Context(), "/a", nil)
	wantRefusal(t, "a key", err, IsKey)
}

// Everything that another writer has changed since the listing stays, and is named.
func TestStore_Empty(t *testing.T) {
	t.Parallel()

	s := newSpace(t, 1)
	for _, key := range []string{"/gone", "/deep/er/est/k", "/dir/changed", "/dir/refreshed", "/added/k", "/hidden/in/k", "/hidden/in/_h"} {
		s.put(t, key, "v", "ttl=900")
	}
	s.server.Put(t, s.prefix+"/bytes/"+"\xff", "v")
	for i := range 100 {
		s.put(t, fmt.Sprintf("/many/%d/k", i), "v")
	}
	c := s.content(t, "/")
	s.remove(t, "/gone")
	s.put(t, "/dir/changed", "new", "ttl=900")
	s.server.Do(t, etcdtest.Call{Method: http.MethodPut, Path: "/v2/keys" + s.prefix + "/dir/refreshed", Form: map[string][]string{
		"refresh": {"true"}, "prevExist": {"true"}, "ttl": {"900"},
	}})
	s.put(t, "/added/new", "v")
	last := 0
	e, err := s.store(nil).Empty(t.Context(), c, func(settled int) { last = settled })
	if err != nil {
		t.Fatal(err)
	}
	type stays struct {
		Path     string
		Kind     Kind
		Children []string
	}
	var got []stays
	for _, r := range e.Refusals {
		if r.Kind == Changed && r.Found <= r.Planned {
			t.Errorf("%s was planned at %d and found at %d", r.Path, r.Planned, r.Found)
		}
		got = append(got, stays{r.Path, r.Kind, r.Children})
	}
	want := []stays{
		{"/added", NotEmpty, []string{"/added/new"}},
		{"/dir/changed", Changed, nil},
		{"/dir/refreshed", Changed, nil},
		{"/hidden/in", NotEmpty, []string{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/bytes/\ufffd"}, e.Unnameable); diff != "" {
		t.Errorf("unnameable (-want +got):\n%s", diff)
	}
	if e.Keys != 104 || e.Dirs != 104 || last != 213 {
		t.Errorf("%d keys and %d directories were deleted, %d settled", e.Keys, e.Dirs, last)
	}
	s.wantValue(t, "/dir/changed", "new")
	s.wantValue(t, "/hidden/in/_h", "v")

	// Now the rest, including a hidden key.
	c = s.content(t, "/", "/hidden/in/_h").Without([]string{"/bytes"})
	if e, err = s.store(nil).Empty(t.Context(), c, func(int) {}); err != nil || len(e.Refusals) != 0 || e.Keys != 4 {
		t.Errorf("emptying the rest: %+v, %v", e, err)
	}
}

// A lost answer is settled, and a failure that is not about one key ends the run.
func TestStore_Empty_faults(t *testing.T) {
	t.Parallel()

	s := newSpace(t, 3)
	for i := range 50 {
		s.put(t, fmt.Sprintf("/d/%d", i), "v")
	}
	c := s.content(t, "/d")
	s.lose(3, false)
	e, err := s.store(nil).Empty(t.Context(), c, func(int) {})
	if err != nil || len(e.Refusals) != 0 || e.Keys != 50 || e.Dirs != 1 {
		t.Errorf("Empty with lost answers: %+v, %v", e, err)
	}
	s.put(t, "/d/k", "v")
	s.put(t, "/d/e/k", "v")
	c = s.content(t, "/d")
	s.proxy.Refuse()
	if e, err = s.store(nil).Empty(t.Context(), c, func(int) {}); err == nil || e.Keys+e.Dirs != 0 {
		t.Errorf("Empty on a server that is down: %+v, %v, want an error", e, err)
	}
}

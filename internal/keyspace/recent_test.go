package keyspace

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// createFixture sends creates through a proxy that counts requests, with a clock that
// does not advance.
type createFixture struct {
	*aheadFixture

	store *Store
	clock time.Time
}

func newCreateFixture(t *testing.T) *createFixture {
	t.Helper()
	f := &createFixture{aheadFixture: newAheadFixture(t, 0), clock: time.Unix(1, 0)}
	run := NewRun()
	run.recent.now = func() time.Time { return f.clock }
	f.store = NewStore(f.client.Keys, f.ahead, run)
	return f
}

func (f *createFixture) create(t *testing.T, key string) (*etcdv2.Node, error) {
	t.Helper()
	return f.store.Create(t.Context(), key, Wanted{Value: "v"}, false)
}

// requests returns the number of requests by method since the last call.
func (f *createFixture) requests() map[string]int {
	n := map[string]int{}
	for _, r := range f.proxy.Requests() {
		n[r.Method]++
	}
	f.proxy.Reset()
	return n
}

// Concurrent creates cost one request each, and the first a read too.
func TestStore_Create_together(t *testing.T) {
	t.Parallel()

	f := newCreateFixture(t)
	for i := range 20 {
		if _, err := f.create(t, fmt.Sprintf("/k%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := f.requests(); n[http.MethodGet] != 1 || n[http.MethodPut] != 20 {
		t.Errorf("requests for 20 creates = %v, want 1 GET and 20 PUT", n)
	}
	f.clock = f.clock.Add(recentFor)
	if _, err := f.create(t, "/later"); err != nil {
		t.Fatal(err)
	}
	if n := f.requests(); n[http.MethodGet] != 1 {
		t.Errorf("requests for a later create = %v, want a GET", n)
	}
}

// After a lost answer, a create without a read of its own is settled like one with it: by
// a node that is newer than the create.
func TestStore_Create_togetherLostAnswer(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		lose   etcdtest.Action
		before bool // the key exists, with the same value
		want   error
	}{
		"applied":                   {lose: etcdtest.DropAnswer()},
		"not applied":               {lose: etcdtest.CutBefore()},
		"exists":                    {before: true, lose: etcdtest.CutBefore(), want: etcdv2.ErrExists},
		"exists, the answer is cut": {before: true, lose: etcdtest.DropAnswer(), want: etcdv2.ErrExists},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newCreateFixture(t)
			if c.before {
				f.server.Put(t, "/k", "v")
			}
			if _, err := f.create(t, "/first"); err != nil {
				t.Fatal(err)
			}
			f.requests()
			f.proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Times: 1, Action: c.lose})
			node, err := f.create(t, "/k")
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("Create() error = %v, want %v", err, c.want)
			}
			if found := f.server.Get(t, "/k").Node; err == nil && node.CreatedIndex != found.CreatedIndex {
				t.Errorf("Create() index = %d, the key has %d", node.CreatedIndex, found.CreatedIndex)
			}
		})
	}
}

// An index counts from the time its request was sent, and an older index does not replace
// a newer one.
func TestRecentIndex(t *testing.T) {
	t.Parallel()

	now := time.Unix(100, 0)
	r := recentIndex{now: func() time.Time { return now }}
	if got := r.get(); got != 0 {
		t.Errorf("get() = %d before any answer, want 0", got)
	}
	r.note(7, now.Add(-recentFor))
	if got := r.get(); got != 0 {
		t.Errorf("get() = %d after a slow answer, want 0", got)
	}
	r.note(9, now)
	r.note(8, now.Add(recentFor))
	if got := r.get(); got != 9 {
		t.Errorf("get() = %d, want 9", got)
	}
	now = now.Add(recentFor)
	if got := r.get(); got != 0 {
		t.Errorf("get() = %d a second later, want 0", got)
	}
}

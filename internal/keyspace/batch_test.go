package keyspace

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// run plans and makes the writes of an intent.
func (s *space) run(t *testing.T, b *Batch, intent TreeIntent) {
	t.Helper()
	writes, _, err := b.Plan(t.Context(), intent, intent.Exclusive)
	if err != nil {
		t.Fatal(err)
	}
	b.Run(t.Context(), writes)
}

func (s *space) batch(known map[string]Known, adopt bool) *Batch {
	return NewBatch(s.store(NewRun()), "/p", known, adopt)
}

// wantKeys checks the visible keys below /p.
func (s *space) wantKeys(t *testing.T, want map[string]string) {
	t.Helper()
	found, err := s.store(nil).ReadTree(t.Context(), "/p", slices.Collect(maps.Keys(want)))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for relative, node := range found.Keys {
		got[relative] = node.Value
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("keys on the server (-want +got):\n%s", diff)
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()

	s := newSpace(t, 1)
	s.put(t, "/p/foreign", "theirs")
	b := s.batch(map[string]Known{}, false)
	s.run(t, b, TreeIntent{Values: map[string]string{"a": "1", "b/c": "2", "_hidden/k": "3"}})
	if len(b.Failures) != 0 || b.Written != 3 || len(b.Known) != 3 {
		t.Fatalf("%d written, %d known, failures %v", b.Written, len(b.Known), b.Failures)
	}
	s.wantKeys(t, map[string]string{"a": "1", "b/c": "2", "_hidden/k": "3", "foreign": "theirs"})

	// One key changes, one is deleted, and another writer moves one meanwhile.
	s.put(t, "/p/b/c", "theirs")
	b = s.batch(b.Known, false)
	s.run(t, b, TreeIntent{Values: map[string]string{"a": "1", "b/c": "4", "new": "5"}})
	if len(b.Failures) != 1 {
		t.Fatalf("failures = %v, want one", b.Failures)
	}
	wantRefusal(t, "a key changed by another writer", b.Failures[0].Err, Changed)
	// The deletion comes after the failed step, and is not started.
	if b.Skipped != 1 || b.Known["new"].Value != "5" || b.Known["_hidden/k"].Value != "3" {
		t.Errorf("%d skipped, known %+v", b.Skipped, b.Known)
	}
	s.wantKeys(t, map[string]string{"a": "1", "b/c": "theirs", "new": "5", "_hidden/k": "3", "foreign": "theirs"})
}

// Keys that cannot be created are found before the first write, and then nothing is
// written.
func TestBatch_check(t *testing.T) {
	t.Parallel()

	s := newSpace(t, 1)
	s.put(t, "/p/exists", "theirs")
	s.put(t, "/p/dir/k", "theirs")
	s.server.Mkdir(t, s.prefix+"/p/empty")
	b := s.batch(map[string]Known{}, false)
	s.run(t, b, TreeIntent{Values: map[string]string{"exists": "1", "exists/below": "2", "dir": "3", "empty": "4", "fine": "5"}})
	got := map[string]Kind{}
	for _, failure := range b.Failures {
		got[failure.Path] = asRefusal(t, failure.Path, failure.Err, map[string]Kind{
			"exists": Exists, "exists/below": BelowKey, "dir": IsDirectory, "empty": IsEmptyDirectory,
		}[failure.Path]).Kind
	}
	if len(got) != 4 || b.Skipped != 1 || b.HasWritten() {
		t.Errorf("refusals = %v, %d skipped, written: %t", got, b.Skipped, b.HasWritten())
	}
	s.wantKeys(t, map[string]string{"exists": "theirs", "dir/k": "theirs"})

	b = s.batch(map[string]Known{}, true)
	s.run(t, b, TreeIntent{Values: map[string]string{"exists": "1"}})
	if len(b.Failures) != 0 || b.Known["exists"].Value != "1" {
		t.Errorf("adopting: failures = %v, known %+v", b.Failures, b.Known)
	}
	s.wantKeys(t, map[string]string{"exists": "1", "dir/k": "theirs"})
}

// A creation whose outcome is unknown may turn out to have been applied. The batch keeps
// a hash of what was sent, without the value, and a later read finds the key by it.
func TestBatch_unsettled(t *testing.T) {
	t.Parallel()

	s := newSpace(t, 1)
	s.lose(0, true)
	b := s.batch(map[string]Known{}, false)
	s.run(t, b, TreeIntent{Values: map[string]string{"a": "secret"}})
	if len(b.Failures) != 1 || !errors.Is(b.Failures[0].Err, etcdv2.ErrOutcomeUnknown) || len(b.Unsettled) != 1 || !b.HasWritten() {
		t.Fatalf("failures = %v, unsettled %+v", b.Failures, b.Unsettled)
	}
	s.proxy.Clear()
	for value, isOurs := range map[string]bool{"secret": true, "theirs": false} {
		s.put(t, "/p/a", value)
		found, err := s.store(nil).ReadTree(t.Context(), "/p", nil)
		if err != nil {
			t.Fatal(err)
		}
		if known := found.Refresh(nil, b.Unsettled, false, 0); (len(known) == 1) != isOurs {
			t.Errorf("%q: known %+v, want it known as ours: %t", value, known, isOurs)
		}
	}
}

// Restore reads back the notes on keys whose values are known.
func TestBatch_Restore(t *testing.T) {
	t.Parallel()

	s := newSpace(t, 1)
	index := s.put(t, "/p/same", "1")
	s.put(t, "/p/changed", "theirs")
	b := s.batch(map[string]Known{"same": {Value: "1"}, "changed": {Value: "2"}, "gone": {Value: "3"}}, false)
	if err := b.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, ok := b.Known["gone"]; ok || b.Known["same"].Index != index {
		t.Errorf("known %+v, want the key at %d and not the deleted one", b.Known, index)
	}
	if len(b.Failures) != 1 || b.Failures[0].Path != "changed" {
		t.Fatalf("failures = %v, want one", b.Failures)
	}
	wantRefusal(t, "a changed key", b.Failures[0].Err, Changed)
}

// A failure that every other key would meet too ends the batch.
func TestBatch_fatal(t *testing.T) {
	t.Parallel()

	s := newSpace(t, 1)
	values := map[string]string{}
	for i := range 3 * KeysAtOnce {
		values[string(rune('a'+i/26))+string(rune('a'+i%26))] = "v"
	}
	b := s.batch(map[string]Known{}, false)
	writes, _, err := b.Plan(t.Context(), TreeIntent{Values: values}, false)
	if err != nil {
		t.Fatal(err)
	}
	s.proxy.Inject(etcdtest.Rule{Method: "PUT", Action: etcdtest.Respond(401, nil, `{"errorCode":110,"message":"no","cause":"/","index":0}`)})
	b.Run(t.Context(), writes)
	if len(b.Failures) > 2*KeysAtOnce || b.Skipped == 0 || b.Skipped+len(b.Failures) != len(values) {
		t.Errorf("%d failures, %d skipped of %d", len(b.Failures), b.Skipped, len(values))
	}
}

package keyspace

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// A write is decided by what a rival did between the read of a key and the write.
func TestStore_rivals(t *testing.T) {
	t.Parallel()

	s := newSpace(t, 3)
	for name, test := range map[string]struct {
		rival          func(t *testing.T, key string)
		update, remove Kind
		// after is the value on the server after a refusal.
		after string
	}{
		"another value":        {func(t *testing.T, key string) { t.Helper(); s.put(t, key, "theirs") }, Changed, Changed, "theirs"},
		"a TTL":                {func(t *testing.T, key string) { t.Helper(); s.put(t, key, "one", "ttl=500") }, Changed, Changed, "one"},
		"only the index moved": {func(t *testing.T, key string) { t.Helper(); s.put(t, key, "one") }, 0, 0, ""},
		"already as wanted":    {func(t *testing.T, key string) { t.Helper(); s.put(t, key, "two") }, 0, Changed, "two"},
		"deleted":              {func(t *testing.T, key string) { t.Helper(); s.remove(t, key) }, Gone, 0, ""},
		"a directory now": {
			func(t *testing.T, key string) { t.Helper(); s.remove(t, key); s.put(t, key+"/child", "theirs") },
			IsDirectory, StaysReplaced, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for verb, want := range map[string]Kind{"update": test.update, "remove": test.remove} {
				key := "/" + etcdtest.Prefix(t)[1:] + verb
				before := mustCreate(t.Context(), t, s.store(NewRun()), key, "one")
				test.rival(t, key)
				var err error
				if verb == "update" {
					_, err = s.store(NewRun()).Update(t.Context(), key, before, Wanted{Value: "two"})
				} else {
					err = s.store(NewRun()).Remove(t.Context(), key, before)
				}
				r := asRefusal(t, verb, err, want)
				if want == Changed && (r.Planned != before.Index || r.Found <= r.Planned || r.Path != key) {
					t.Errorf("%s: the refusal is %+v, want both indexes", verb, r)
				}
				if want != 0 && test.after != "" {
					s.wantValue(t, key, test.after)
				}
			}
		})
	}
}

// The answers to writes are lost: once, so that the client sends them again, or every
// time, and then also for an interrupted caller. Each write is known to have been made.
func TestStore_lostAnswers(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		attempts, times int
		interrupted     bool
	}{
		"once": {3, 1, false}, "always": {1, 0, false}, "interrupted": {1, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSpace(t, test.attempts)
			call := func(do func(ctx context.Context) error) {
				t.Helper()
				s.proxy.Clear()
				ctx, interrupt := context.WithCancel(t.Context())
				defer interrupt()
				s.lose(test.times, false)
				if test.interrupted {
					s.proxy.Clear()
					for _, method := range []string{"PUT", "POST", "DELETE"} {
						s.proxy.Inject(etcdtest.Rule{Method: method, Action: func(x *etcdtest.Exchange) {
							x.Fetch()
							interrupt()
							x.Cut()
						}})
					}
				}
				if err := do(ctx); err != nil {
					t.Fatal(err)
				}
			}
			for i, ttl := range []*int64{nil, new(int64(500))} {
				key := fmt.Sprintf("/k%d", i)
				var node *etcdv2.Node
				call(func(ctx context.Context) (err error) {
					node, err = s.store(NewRun()).Create(ctx, key, Wanted{Value: "one", TTL: ttl}, false)
					return err
				})
				call(func(ctx context.Context) (err error) {
					node, err = s.store(NewRun()).Update(ctx, key, SeenIn(node), Wanted{Value: "two", TTL: ttl})
					return err
				})
				s.wantValue(t, key, "two")
				call(func(ctx context.Context) (err error) {
					node, err = s.store(NewRun()).SetTTL(ctx, key, SeenIn(node), new(int64(700)))
					return err
				})
				if got := s.server.Get(t, s.prefix+key).Node; got.ModifiedIndex != node.ModifiedIndex || got.TTL < 600 || got.Value != "two" {
					t.Errorf("node on the server = %+v, want index %d and a TTL of 700", got, node.ModifiedIndex)
				}
				call(func(ctx context.Context) error { return s.store(NewRun()).Remove(ctx, key, SeenIn(node)) })
				s.wantValue(t, key, "")
			}
			call(func(ctx context.Context) error {
				_, err := s.store(NewRun()).CreateDir(ctx, "/d", nil, false)
				return err
			})
			created := s.server.Get(t, s.prefix+"/d").Node.CreatedIndex
			call(func(ctx context.Context) error {
				return s.store(NewRun()).RemoveDir(ctx, "/d", SeenDir{CreatedIndex: created}, false)
			})
			s.wantValue(t, "/d", "")
			var node *etcdv2.Node
			call(func(ctx context.Context) (err error) {
				node, err = s.store(NewRun()).CreateInOrder(ctx, "/q", Wanted{Value: "v"})
				return err
			})
			s.wantValue(t, node.Key, "v")
		})
	}
}

// Writes are cut before the server gets them, and the client cannot know that: each
// outcome is unknown, and counts neither as made nor as refused.
func TestStore_outcomeUnknown(t *testing.T) {
	t.Parallel()

	s := newSpace(t, 2)
	before := seen("one", s.put(t, "/k", "one"))
	s.server.Mkdir(t, s.prefix+"/d")
	created := s.server.Get(t, s.prefix+"/d").Node.CreatedIndex
	s.lose(0, true)
	_, err := s.store(NewRun()).Create(t.Context(), "/new", Wanted{Value: "one"}, false)
	wantRefusal(t, "Create", err, OutcomeUnknown)
	_, err = s.store(NewRun()).Update(t.Context(), "/k", before, Wanted{Value: "two"})
	wantRefusal(t, "Update", err, OutcomeUnknown)
	_, err = s.store(NewRun()).SetTTL(t.Context(), "/k", before, new(int64(500)))
	wantRefusal(t, "SetTTL", err, OutcomeUnknown)
	wantRefusal(t, "Remove", s.store(NewRun()).Remove(t.Context(), "/k", before), OutcomeUnknown)
	_, err = s.store(NewRun()).CreateDir(t.Context(), "/newdir", nil, false)
	wantRefusal(t, "CreateDir", err, OutcomeUnknown)
	err = s.store(NewRun()).RemoveDir(t.Context(), "/d", SeenDir{CreatedIndex: created}, true)
	if r := asRefusal(t, "RemoveDir", err, OutcomeUnknown); !r.Directory || !errors.Is(err, etcdv2.ErrOutcomeUnknown) {
		t.Errorf("RemoveDir: error = %v, %+v", err, r)
	}
	_, err = s.store(NewRun()).CreateInOrder(t.Context(), "/q", Wanted{Value: "v"})
	if r := asRefusal(t, "CreateInOrder", err, InOrderUnknown); r.Planned == 0 || r.Found == 0 || len(r.Children) != 0 {
		t.Errorf("CreateInOrder: the refusal is %+v, want both indexes and no candidates", r)
	}
	s.proxy.Clear()
	s.wantValue(t, "/k", "one")
	s.wantValue(t, "/new", "")
}

func TestStore_Create(t *testing.T) {
	t.Parallel()

	s := newSpace(t, 1)
	index := s.put(t, "/k", "theirs", "ttl=500")
	s.put(t, "/full/k", "theirs")
	s.server.Mkdir(t, s.prefix+"/empty/inner")
	want := Wanted{Value: "ours"}
	create := func(key string, adopt bool) error {
		_, err := s.store(NewRun()).Create(t.Context(), key, want, adopt)
		return err
	}
	if r := asRefusal(t, "creating an existing key", create("/k", false), Exists); r.Found != index {
		t.Errorf("the refusal is %+v, want Found %d", r, index)
	}
	wantRefusal(t, "creating a key in place of a directory", create("/full", true), IsDirectory)
	r := asRefusal(t, "creating a key in place of an empty directory", create("/empty", true), IsEmptyDirectory)
	if len(r.Children) != 2 || r.Children[1] != "/empty" {
		t.Errorf("the refusal lists %q, want the innermost first", r.Children)
	}
	if err := create("/k/below", false); !errors.Is(err, etcdv2.ErrNotDir) {
		t.Errorf("creating a key below a key: error = %v, want ErrNotDir", err)
	}
	s.wantValue(t, "/k", "theirs")

	var adopted []TTLChange
	store := s.store(NewRun())
	store.OnAdopt = func(change TTLChange) { adopted = append(adopted, change) }
	if _, err := store.Create(t.Context(), "/k", want, true); err != nil {
		t.Error(err)
	}
	s.wantValue(t, "/k", "ours")
	if len(adopted) != 1 || adopted[0].Key != "/k" || adopted[0].From < 400 || adopted[0].To != 0 {
		t.Errorf("adopted = %+v, want the TTL that was lost", adopted)
	}
}

// What one object of a run made is not deleted by another. What one deleted is created
// again by another that needs it.
func TestStore_oneRun(t *testing.T) {
	t.Parallel()

	s := newSpace(t, 1)
	run := NewRun()
	before := mustCreate(t.Context(), t, s.store(run), "/d/k", "one")
	if r := asRefusal(t, "Remove", s.store(run).Remove(t.Context(), "/d/k", before), StaysNeeded); !r.Stays() || r.Other != "/d/k" {
		t.Errorf("the refusal is %+v", r)
	}
	_, err := s.store(run).CreateDir(t.Context(), "/d", nil, false)
	if r := asRefusal(t, "CreateDir", err, ExistsByRun); r.Other != "/d/k" {
		t.Errorf("the refusal is %+v", r)
	}
	created := s.server.Get(t, s.prefix+"/d").Node.CreatedIndex
	err = s.store(run).RemoveDir(t.Context(), "/d", SeenDir{CreatedIndex: created}, true)
	wantRefusal(t, "RemoveDir", err, StaysNeeded)
	s.wantValue(t, "/d/k", "one")

	later := NewRun()
	wantRefusal(t, "Remove in a later run", s.store(later).Remove(t.Context(), "/d/k", before), 0)
	wantRefusal(t, "Keep", s.store(later).Keep(t.Context(), "/d/k", before), Gone)
	if _, err := s.store(later).SetTTL(t.Context(), "/d/k", before, nil); !errors.Is(err, etcdv2.ErrUnsupported) {
		t.Errorf("SetTTL of a key that the run has deleted: error = %v, want ErrUnsupported", err)
	}
	if _, err := s.store(later).Update(t.Context(), "/d/k", before, Wanted{Value: "two"}); err != nil {
		t.Error(err)
	}
	s.wantValue(t, "/d/k", "two")
}

// No write stores the API's version of a value whose bytes are not text.
func TestStore_bytesThatAreNotText(t *testing.T) {
	t.Parallel()

	s := newSpace(t, 1)
	s.put(t, "/k", "caf\xe9")
	node, err := s.store(nil).ReadKey(t.Context(), "/k")
	if err != nil || !node.NotText {
		t.Fatalf("ReadKey() = %+v, %v", node, err)
	}
	_, err = s.store(NewRun()).Update(t.Context(), "/k", SeenIn(node), Wanted{Value: node.Value})
	wantRefusal(t, "writing the same value", err, LosesBytes)
	_, err = s.store(NewRun()).Update(t.Context(), "/k", SeenIn(node), Wanted{Value: "text"})
	wantRefusal(t, "writing another value", err, 0)
	s.wantValue(t, "/k", "text")
}

// Two stores race on one key from the same read of it, and one wins.
func TestStore_race(t *testing.T) {
	t.Parallel()

	s := newSpace(t, 3)
	for i := range 25 {
		key := fmt.Sprintf("/k%d", i)
		race := func(kind Kind, write func(store *Store, value string) error) string {
			var racers sync.WaitGroup
			errs := make([]error, 2)
			for n := range errs {
				racers.Go(func() { errs[n] = write(s.store(NewRun()), fmt.Sprint(n)) })
			}
			racers.Wait()
			winner := 0
			if errs[0] != nil {
				winner = 1
			}
			wantRefusal(t, "the winner", errs[winner], 0)
			wantRefusal(t, "the other", errs[1-winner], kind)
			s.wantValue(t, key, fmt.Sprint(winner))
			return fmt.Sprint(winner)
		}
		race(Exists, func(store *Store, value string) error {
			_, err := store.Create(t.Context(), key, Wanted{Value: value}, false)
			return err
		})
		before := seen("before", s.put(t, key, "before"))
		race(Changed, func(store *Store, value string) error {
			_, err := store.Update(t.Context(), key, before, Wanted{Value: value})
			return err
		})
	}
}

// A lost answer is settled by the comparison that the caller uses: JSON that another
// writer formatted differently is as wanted, if values are compared as JSON.
func TestStore_lostAnswerComparesAsTheCaller(t *testing.T) {
	t.Parallel()

	for name, asJSON := range map[string]bool{"JSON": true, "text": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSpace(t, 1)
			s.proxy.Inject(etcdtest.Rule{Method: "PUT", Action: func(x *etcdtest.Exchange) {
				x.Fetch()
				s.put(t, "/k", `{ "a": 1.0 }`)
				x.Cut()
			}})
			node, err := s.store(NewRun()).Create(t.Context(), "/k", Wanted{Value: `{"a":1}`, JSON: asJSON}, false)
			want := Exists
			if asJSON {
				want = 0
			}
			wantRefusal(t, "Create", err, want)
			if err == nil && node.Value != `{ "a": 1.0 }` {
				t.Errorf("the node is %+v, want it as it is on the server", node)
			}
		})
	}
}

// Another writer was faster, and the key can no longer be read: the refusal still reports
// that the key exists.
func TestStore_createExistsUnread(t *testing.T) {
	t.Parallel()

	for name, create := range map[string]func(ctx context.Context, store *Store, path string) error{
		"key": func(ctx context.Context, store *Store, path string) error {
			_, err := store.Create(ctx, path, Wanted{Value: "ours"}, false)
			return err
		},
		"directory": func(ctx context.Context, store *Store, path string) error {
			_, err := store.CreateDir(ctx, path, nil, false)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSpace(t, 1)
			ctx, interrupt := context.WithCancel(t.Context())
			s.proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Action: etcdtest.Intercept(func(etcdtest.Request) {
				s.put(t, "/taken", "theirs")
			})})
			s.proxy.Inject(etcdtest.Rule{Method: http.MethodGet, Skip: 1, Action: func(x *etcdtest.Exchange) { interrupt(); x.Cut() }})
			if r := asRefusal(t, "creating a key that cannot be read", create(ctx, s.store(NewRun()), "/taken"), Exists); r.Found != 0 {
				t.Errorf("the refusal reports index %d, which nobody has read", r.Found)
			}
		})
	}
}

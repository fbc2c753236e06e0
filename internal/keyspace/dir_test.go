package keyspace

import (
	"slices"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

func (s *space) dir(t *testing.T, path string) SeenDir {
	t.Helper()
	return SeenDir{CreatedIndex: s.server.Get(t, s.prefix+path).Node.CreatedIndex}
}

func TestStore_CreateDir(t *testing.T) {
	t.Parallel()

	s := newSpace(t, 1)
	s.put(t, "/k", "v")
	s.server.Mkdir(t, s.prefix+"/d")
	create := func(path string, adopt bool) error {
		_, err := s.store(NewRun()).CreateDir(t.Context(), path, nil, adopt)
		return err
	}
	wantRefusal(t, "creating a new directory", create("/new", false), 0)
	if r := asRefusal(t, "creating an existing directory", create("/d", false), Exists); !r.Directory || r.Found == 0 {
		t.Errorf("the refusal is %+v, want Directory set and an index", r)
	}
	wantRefusal(t, "adopting a directory", create("/d", true), 0)
	wantRefusal(t, "adopting a key", create("/k", true), IsKey)
	if _, err := s.store(nil).ReadDir(t.Context(), "/k"); err != nil {
		wantRefusal(t, "ReadDir of a key", err, IsKey)
	}
}

func TestStore_RemoveDir(t *testing.T) {
	t.Parallel()

	s := newSpace(t, 1)
	s.put(t, "/full/b", "v")
	s.put(t, "/full/a/c", "v")
	s.put(t, "/hidden/_k", "v")
	s.server.Mkdir(t, s.prefix+"/empty/inner")
	s.server.Mkdir(t, s.prefix+"/remade")
	s.server.Mkdir(t, s.prefix+"/key")
	remove := func(path string, seen SeenDir, force bool) error {
		return s.store(NewRun()).RemoveDir(t.Context(), path, seen, force)
	}
	r := asRefusal(t, "removing a full directory", remove("/full", s.dir(t, "/full"), false), NotEmpty)
	if slices.Sort(r.Children); !slices.Equal(r.Children, []string{"/full/a/", "/full/b"}) {
		t.Errorf("the refusal lists %q", r.Children)
	}
	r = asRefusal(t, "removing a directory with a hidden key", remove("/hidden", s.dir(t, "/hidden"), false), NotEmpty)
	if len(r.Children) != 0 {
		t.Errorf("the refusal lists %q, want nothing", r.Children)
	}
	wantRefusal(t, "removing a full directory by force", remove("/full", s.dir(t, "/full"), true), 0)
	s.wantValue(t, "/full/b", "")
	wantRefusal(t, "removing an empty directory", remove("/empty", s.dir(t, "/empty"), false), 0)
	s.wantValue(t, "/empty", "")
	wantRefusal(t, "removing an absent directory", remove("/empty", SeenDir{CreatedIndex: 1}, false), 0)

	before := s.dir(t, "/remade")
	s.remove(t, "/remade", "dir=true")
	s.put(t, "/remade/theirs", "v")
	now := s.dir(t, "/remade").CreatedIndex
	r = asRefusal(t, "removing another directory at the path", remove("/remade", before, true), Remade)
	if r.Planned != before.CreatedIndex || r.Found != now {
		t.Errorf("the refusal is %+v, want both indexes", r)
	}
	before.ReplacedBy = now
	wantRefusal(t, "removing a directory that a refresh found replaced", remove("/remade", before, true), StaysRemade)
	s.wantValue(t, "/remade/theirs", "v")

	before = s.dir(t, "/key")
	s.remove(t, "/key", "dir=true")
	s.put(t, "/key", "theirs")
	wantRefusal(t, "removing a key", remove("/key", before, true), StaysReplaced)
	s.wantValue(t, "/key", "theirs")
}

func TestStore_UpdateDir(t *testing.T) {
	t.Parallel()

	s := newSpace(t, 1)
	s.put(t, "/d/k", "v")
	update := func(path string, seen SeenDir) error {
		_, err := s.store(NewRun()).UpdateDir(t.Context(), path, seen, new(int64(500)))
		return err
	}
	if r := asRefusal(t, "updating an absent directory", update("/none", SeenDir{CreatedIndex: 7}), Gone); !r.Directory || r.Planned != 7 {
		t.Errorf("the refusal is %+v, want Directory set and Planned 7", r)
	}
	wantRefusal(t, "updating another directory at the path", update("/d", SeenDir{CreatedIndex: 1}), Remade)
	run := NewRun()
	if err := s.store(run).RemoveDir(t.Context(), "/d", s.dir(t, "/d"), true); err != nil {
		t.Fatal(err)
	}
	if r := asRefusal(t, "KeepDir after the run deleted it", s.store(run).KeepDir(t.Context(), "/d", SeenDir{}), Gone); !r.Directory {
		t.Errorf("the refusal is %+v, want Directory set", r)
	}
	s.put(t, "/d/k", "v")
	if etcdtest.ServerVersion(t).AtLeast(3, 5) {
		wantRefusal(t, "a new TTL", update("/d", s.dir(t, "/d")), TTLFixed)
		return
	}
	wantRefusal(t, "a new TTL", update("/d", s.dir(t, "/d")), 0)
	s.lose(0, false)
	wantRefusal(t, "a new TTL whose answer is lost", update("/d", s.dir(t, "/d")), 0)
	s.proxy.Clear()
	if node := s.server.Get(t, s.prefix+"/d").Node; node.TTL < 400 {
		t.Errorf("the directory is %+v, want a TTL of 500", node)
	}
}

// The one new key with the value is the one that was created. If there are two, it is not
// known which.
func TestStore_CreateInOrder(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		rivals []string
		kind   Kind
	}{
		"alone": {nil, 0}, "another value": {[]string{"theirs"}, 0}, "the same value": {[]string{"v"}, InOrderUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSpace(t, 1)
			s.put(t, "/q/old", "v")
			s.proxy.Inject(etcdtest.Rule{Method: "POST", Action: func(x *etcdtest.Exchange) {
				x.Fetch()
				for _, value := range test.rivals {
					s.put(t, "/q/00000000000000099999", value)
				}
				x.Cut()
			}})
			node, err := s.store(NewRun()).CreateInOrder(t.Context(), "/q", Wanted{Value: "v"})
			r := asRefusal(t, "CreateInOrder", err, test.kind)
			if test.kind != 0 && len(r.Children) != 2 {
				t.Errorf("the candidates are %q, want 2", r.Children)
			}
			if err == nil {
				s.wantValue(t, node.Key, "v")
			}
		})
	}
	s := newSpace(t, 1)
	s.put(t, "/k", "v")
	_, err := s.store(NewRun()).CreateInOrder(t.Context(), "/k", Wanted{Value: "v"})
	wantRefusal(t, "CreateInOrder in a key", err, IsKey)
}

func TestInOrderIndex(t *testing.T) {
	t.Parallel()

	for name, want := range map[string]bool{
		"00000000000000000042": true, "42": true, "042": false, "x": false, "": false, "99999999999999999999": false,
	} {
		if index, ok := InOrderIndex(name); ok != want || ok && index != 42 {
			t.Errorf("InOrderIndex(%q) = %d, %t, want %t", name, index, ok, want)
		}
	}
}

package keyspace

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// aheadFixture is a directory of keys on a real server, read through a proxy that counts
// requests, with a clock that does not advance.
type aheadFixture struct {
	server *etcdtest.Server
	proxy  *etcdtest.Proxy
	client *etcdv2.Client
	ahead  *ReadAhead
	now    time.Time
}

func newAheadFixture(t *testing.T, keys int) *aheadFixture {
	t.Helper()
	f := &aheadFixture{server: etcdtest.Start(t), now: time.Unix(1, 0)}
	f.proxy = etcdtest.NewProxy(t, f.server.URL())
	client, err := etcdv2.New(etcdv2.Options{Endpoints: []string{f.proxy.URL()}})
	if err != nil {
		t.Fatal(err)
	}
	f.client = client
	f.ahead = NewReadAhead(client.Keys)
	f.ahead.now = func() time.Time { return f.now }
	for i := range keys {
		f.server.Put(t, aheadKey(i), fmt.Sprint(i))
	}
	return f
}

func aheadKey(i int) string { return fmt.Sprintf("/d/k%04d", i) }

// reads returns the number of reads of single keys and of the directory.
func (f *aheadFixture) reads() (single, listings int) {
	for _, r := range f.proxy.Requests() {
		if strings.TrimSuffix(r.Path, "/") == "/v2/keys/d" {
			listings++
		} else {
			single++
		}
	}
	return single, listings
}

func (f *aheadFixture) get(t *testing.T, i int) string {
	t.Helper()
	resp, err := f.ahead.Get(t.Context(), aheadKey(i))
	if err != nil {
		t.Fatal(err)
	}
	return resp.Node.Value
}

func (f *aheadFixture) wantReads(t *testing.T, single, listings int) {
	t.Helper()
	if gotSingle, gotListings := f.reads(); gotSingle != single || gotListings != listings {
		t.Errorf("requests = %d single reads and %d listings, want %d and %d", gotSingle, gotListings, single, listings)
	}
}

func TestReadAhead_burst(t *testing.T) {
	t.Parallel()
	const keys = 300
	f := newAheadFixture(t, keys)
	var wg sync.WaitGroup
	for worker := range 10 {
		wg.Go(func() {
			for i := worker; i < keys; i += 10 {
				resp, err := f.ahead.Get(t.Context(), aheadKey(i))
				if err != nil {
					t.Errorf("get(%s): %v", aheadKey(i), err)
				} else if resp.Node.Value != fmt.Sprint(i) || resp.Node.ModifiedIndex == 0 || resp.EtcdIndex == 0 {
					t.Errorf("get(%s) = %+v", aheadKey(i), resp.Node)
				}
			}
		})
	}
	wg.Wait()
	f.wantReads(t, readAheadAfter, 1)
}

func TestReadAhead_entryIsServedOnce(t *testing.T) {
	t.Parallel()
	f := newAheadFixture(t, 5)
	for i := range 5 {
		f.get(t, i)
	}
	f.server.Put(t, aheadKey(4), "changed")
	if got := f.get(t, 4); got != "changed" {
		t.Errorf("second get = %q, want the current value on the server", got)
	}
	f.wantReads(t, readAheadAfter+1, 1)
}

func TestReadAhead_snapshotEnds(t *testing.T) {
	t.Parallel()
	f := newAheadFixture(t, 5)
	for i := range 4 {
		f.get(t, i)
	}
	f.server.Put(t, aheadKey(4), "changed")
	f.now = f.now.Add(readAheadFor)
	if got := f.get(t, 4); got != "changed" {
		t.Errorf("get after the snapshot has expired = %q, want the current value on the server", got)
	}
}

func TestReadAhead_absenceIsNotInferred(t *testing.T) {
	t.Parallel()
	f := newAheadFixture(t, 4)
	f.server.Put(t, "/d/_hidden", "h")
	f.server.Put(t, "/d/sub/key", "s")
	for i := range 4 {
		f.get(t, i)
	}
	f.server.Put(t, "/d/new", "n")
	for key, want := range map[string]string{"/d/_hidden": "h", "/d/new": "n"} {
		resp, err := f.ahead.Get(t.Context(), key)
		if err != nil || resp.Node.Value != want {
			t.Errorf("get(%s) = %v, %v, want %q", key, resp, err, want)
		}
	}
	if resp, err := f.ahead.Get(t.Context(), "/d/sub"); err != nil || !resp.Node.Dir || len(resp.Node.Nodes) != 1 {
		t.Errorf("get(/d/sub) = %v, %v, want the directory with its child", resp, err)
	}
	if _, err := f.ahead.Get(t.Context(), "/d/none"); err == nil {
		t.Error("get(/d/none) found a key that does not exist")
	}
}

func TestReadAhead_writesAreForgotten(t *testing.T) {
	t.Parallel()
	f := newAheadFixture(t, 5)
	for i := range 3 {
		f.get(t, i)
	}
	f.server.Put(t, aheadKey(4), "written")
	f.ahead.Forget(aheadKey(4))
	if got := f.get(t, 4); got != "written" {
		t.Errorf("get after a write = %q, want the written value", got)
	}
}

func TestReadAhead_writeDuringListing(t *testing.T) {
	t.Parallel()
	f := newAheadFixture(t, 5)
	f.proxy.Inject(etcdtest.Rule{
		Match: func(r etcdtest.Request) bool { return strings.TrimSuffix(r.Path, "/") == "/v2/keys/d" },
		Action: etcdtest.InterceptAnswer(func(etcdtest.Request) {
			f.server.Put(t, aheadKey(4), "written")
			f.ahead.Forget(aheadKey(4))
		}),
	})
	for i := range 3 {
		f.get(t, i)
	}
	if got := f.get(t, 4); got != "written" {
		t.Errorf("get = %q, want the value written while the directory was listed", got)
	}
}

func TestReadAhead_listingIsNotPermitted(t *testing.T) {
	t.Parallel()
	f := newAheadFixture(t, 8)
	f.server.JSON(t, "PUT", "/v2/auth/roles/children", map[string]any{
		"role":        "children",
		"permissions": map[string]any{"kv": map[string]any{"read": []string{"/d/*"}, "write": []string{}}},
	})
	f.server.JSON(t, "PUT", "/v2/auth/users/reader", map[string]any{"user": "reader", "password": "pw", "roles": []string{"children"}})
	f.server.EnableAuth(t, "root password")
	client, err := etcdv2.New(etcdv2.Options{Endpoints: []string{f.proxy.URL()}, Username: "reader", Password: "pw"})
	if err != nil {
		t.Fatal(err)
	}
	f.ahead.keys = client.Keys
	for i := range 8 {
		if got := f.get(t, i); got != fmt.Sprint(i) {
			t.Errorf("get(%s) = %q", aheadKey(i), got)
		}
	}
	f.wantReads(t, 8, 1)
}

package etcdv2_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// step is a request and its outcome: an action, or an error.
type step struct {
	name   string
	do     func(w writer) (*etcdv2.Response, error)
	action etcdv2.Action
	err    error
	cause  string
	// value is the value of the node after the request, prev the one before it.
	value, prev string
	created     bool
	dir         bool
}

// steps makes requests one after the other in a key space of its own.
func steps(t *testing.T, list []step) {
	t.Helper()
	keys, _ := newKeys(t)
	w := newWriter(t, keys)
	for _, s := range list {
		resp, err := s.do(w)
		wantErr(t, s.name, err, s.err)
		if s.err != nil {
			if apiErr, ok := errors.AsType[*etcdv2.Error](err); ok && s.cause != "" && apiErr.Cause != s.cause {
				t.Errorf("%s cause = %q, want %q", s.name, apiErr.Cause, s.cause)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s error = %v", s.name, err)
		}
		prev := ""
		if resp.PrevNode != nil {
			prev = resp.PrevNode.Value
		}
		got := step{name: s.name, action: resp.Action, value: resp.Node.Value, prev: prev, created: resp.Created, dir: resp.Node.Dir}
		if diff := cmp.Diff(s, got, cmp.AllowUnexported(step{}), cmpopts.IgnoreFields(step{}, "do", "err", "cause")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.name, diff)
		}
		if resp.EtcdIndex == 0 || resp.RaftIndex == 0 || resp.RaftTerm == 0 || resp.ClusterID == "" {
			t.Errorf("%s meta = %+v, want all of it", s.name, resp.Meta)
		}
	}
}

func set(key, value string) func(writer) (*etcdv2.Response, error) {
	return func(w writer) (*etcdv2.Response, error) { return w.keys.Set(w.ctx, key, value, etcdv2.WriteOptions{}) }
}

func get(key string) func(writer) (*etcdv2.Response, error) {
	return func(w writer) (*etcdv2.Response, error) { return w.keys.Get(w.ctx, key, etcdv2.GetOptions{}) }
}

func create(key, value string) func(writer) (*etcdv2.Response, error) {
	return func(w writer) (*etcdv2.Response, error) {
		return w.keys.Create(w.ctx, key, value, etcdv2.CreateOptions{})
	}
}

func update(key, value string) func(writer) (*etcdv2.Response, error) {
	return func(w writer) (*etcdv2.Response, error) {
		return w.keys.Update(w.ctx, key, value, etcdv2.WriteOptions{})
	}
}

func remove(key string) func(writer) (*etcdv2.Response, error) {
	return func(w writer) (*etcdv2.Response, error) { return w.keys.Delete(w.ctx, key) }
}

func createDir(dir string) func(writer) (*etcdv2.Response, error) {
	return func(w writer) (*etcdv2.Response, error) { return w.keys.CreateDir(w.ctx, dir, etcdv2.CreateOptions{}) }
}

func deleteDir(dir string, recursive bool) func(writer) (*etcdv2.Response, error) {
	return func(w writer) (*etcdv2.Response, error) {
		return w.keys.DeleteDir(w.ctx, dir, etcdv2.DeleteDirOptions{Recursive: recursive})
	}
}

func push(dir, value string) func(writer) (*etcdv2.Response, error) {
	return func(w writer) (*etcdv2.Response, error) {
		return w.keys.CreateInOrder(w.ctx, dir, value, etcdv2.WriteOptions{})
	}
}

// swap swaps on the present index of the key plus offset, if byIndex, and on a value, if it is
// not empty.
func swap(key, value string, byIndex bool, offset uint64, prevValue string) func(writer) (*etcdv2.Response, error) {
	return func(w writer) (*etcdv2.Response, error) {
		return w.keys.CompareAndSwap(w.ctx, key, value, w.condition(key, byIndex, offset, prevValue), etcdv2.WriteOptions{})
	}
}

func compareAndDelete(key string, byIndex bool, offset uint64, prevValue string) func(writer) (*etcdv2.Response, error) {
	return func(w writer) (*etcdv2.Response, error) {
		return w.keys.CompareAndDelete(w.ctx, key, w.condition(key, byIndex, offset, prevValue))
	}
}

func (w writer) condition(key string, byIndex bool, offset uint64, prevValue string) etcdv2.Condition {
	cond := etcdv2.Condition{Value: prevValue}
	if byIndex {
		cond.Index = 1 + offset
		if now, err := w.keys.Get(w.ctx, key, etcdv2.GetOptions{}); err == nil {
			cond.Index = now.Node.ModifiedIndex + offset
		}
	}
	return cond
}

func TestKeysService_Set(t *testing.T) {
	t.Parallel()
	steps(t, []step{
		{name: "new", do: set("/k", "1"), action: etcdv2.ActionSet, value: "1", created: true},
		{name: "again", do: set("/k", "2"), action: etcdv2.ActionSet, value: "2", prev: "1"},
		{name: "empty", do: set("/k", ""), action: etcdv2.ActionSet, prev: "2"},
		{name: "read", do: get("/k"), action: etcdv2.ActionGet},
		{name: "a directory", do: createDir("/d"), action: etcdv2.ActionCreate, dir: true, created: true},
		{name: "on a directory", do: set("/d", "1"), err: etcdv2.ErrNotFile, cause: "/d"},
		{name: "below a key", do: set("/k/x", "1"), err: etcdv2.ErrNotDir, cause: "/k"},
		{name: "on the root", do: set("/", "1"), err: etcdv2.ErrInvalidKey},
	})
}

func TestKeysService_Create(t *testing.T) {
	t.Parallel()
	steps(t, []step{
		{name: "new", do: create("/d/k", "1"), action: etcdv2.ActionCreate, value: "1", created: true},
		{name: "again", do: create("/d/k", "2"), err: etcdv2.ErrExists, cause: "/d/k"},
		{name: "on a directory", do: create("/d", "2"), err: etcdv2.ErrExists, cause: "/d"},
		{name: "below a key", do: create("/d/k/x", "2"), err: etcdv2.ErrNotDir, cause: "/d/k"},
		{name: "nothing changed", do: get("/d/k"), action: etcdv2.ActionGet, value: "1"},
	})
}

func TestKeysService_Update(t *testing.T) {
	t.Parallel()
	steps(t, []step{
		{name: "new", do: create("/k", "1"), action: etcdv2.ActionCreate, value: "1", created: true},
		{name: "missing", do: update("/a/k", "1"), err: etcdv2.ErrNotFound, cause: "/a"},
		{name: "there", do: update("/k", "2"), action: etcdv2.ActionUpdate, value: "2", prev: "1"},
		{name: "a directory", do: createDir("/d"), action: etcdv2.ActionCreate, dir: true, created: true},
		{name: "on a directory", do: update("/d", "1"), err: etcdv2.ErrNotFile, cause: "/d"},
	})
	keys, _ := newKeys(t)
	w := newWriter(t, keys)
	made := w.create("/k", "1")
	if got := w.ok(keys.Update(t.Context(), "/k", "2", etcdv2.WriteOptions{})); got.Node.CreatedIndex != made.Node.CreatedIndex {
		t.Errorf("Update() created index = %d, want it kept: %d", got.Node.CreatedIndex, made.Node.CreatedIndex)
	}
}

func TestKeysService_CompareAndSwap(t *testing.T) {
	t.Parallel()
	const swapped = etcdv2.ActionCompareAndSwap
	steps(t, []step{
		{name: "missing, by index", do: swap("/k", "x", true, 0, ""), err: etcdv2.ErrNotFound},
		{name: "missing, by value", do: swap("/k", "x", false, 0, "1"), err: etcdv2.ErrNotFound},
		{name: "new", do: set("/k", "1"), action: etcdv2.ActionSet, value: "1", created: true},
		{name: "by index", do: swap("/k", "2", true, 0, ""), action: swapped, value: "2", prev: "1"},
		{name: "by value", do: swap("/k", "3", false, 0, "2"), action: swapped, value: "3", prev: "2"},
		{name: "by both", do: swap("/k", "4", true, 0, "3"), action: swapped, value: "4", prev: "3"},
		{name: "wrong index", do: swap("/k", "x", true, 1, ""), err: etcdv2.ErrCompareFailed},
		{name: "wrong value", do: swap("/k", "x", false, 0, "3"), err: etcdv2.ErrCompareFailed, cause: "[3 != 4]"},
		{name: "right index, wrong value", do: swap("/k", "x", true, 0, "3"), err: etcdv2.ErrCompareFailed},
		{name: "wrong index, right value", do: swap("/k", "x", true, 1, "4"), err: etcdv2.ErrCompareFailed},
		{name: "no condition", do: swap("/k", "x", false, 0, ""), err: etcdv2.ErrInvalidCondition},
		{name: "to an empty value", do: swap("/k", "", true, 0, ""), action: swapped, prev: "4"},
		{name: "from an empty value", do: swap("/k", "5 & 6=7", true, 0, ""), action: swapped, value: "5 & 6=7"},
		{name: "by an odd value", do: swap("/k", "8", false, 0, "5 & 6=7"), action: swapped, value: "8", prev: "5 & 6=7"},
		{name: "nothing else changed", do: get("/k"), action: etcdv2.ActionGet, value: "8"},
		{name: "a directory", do: createDir("/d"), action: etcdv2.ActionCreate, dir: true, created: true},
		{name: "on a directory", do: swap("/d", "x", true, 0, ""), err: etcdv2.ErrNotFile, cause: "/d"},
	})
}

func TestKeysService_CompareAndDelete(t *testing.T) {
	t.Parallel()
	const deleted = etcdv2.ActionCompareAndDelete
	steps(t, []step{
		{name: "missing", do: compareAndDelete("/k", true, 0, ""), err: etcdv2.ErrNotFound},
		{name: "new", do: set("/k", "1"), action: etcdv2.ActionSet, value: "1", created: true},
		{name: "wrong index", do: compareAndDelete("/k", true, 1, ""), err: etcdv2.ErrCompareFailed},
		{name: "wrong value", do: compareAndDelete("/k", false, 0, "2"), err: etcdv2.ErrCompareFailed},
		{name: "right index, wrong value", do: compareAndDelete("/k", true, 0, "2"), err: etcdv2.ErrCompareFailed},
		{name: "wrong index, right value", do: compareAndDelete("/k", true, 1, "1"), err: etcdv2.ErrCompareFailed},
		{name: "no condition", do: compareAndDelete("/k", false, 0, ""), err: etcdv2.ErrInvalidCondition},
		{name: "by index", do: compareAndDelete("/k", true, 0, ""), action: deleted, prev: "1"},
		{name: "gone", do: get("/k"), err: etcdv2.ErrNotFound},
		{name: "new again", do: set("/k", "a b&c"), action: etcdv2.ActionSet, value: "a b&c", created: true},
		{name: "by value", do: compareAndDelete("/k", false, 0, "a b&c"), action: deleted, prev: "a b&c"},
		{name: "new once more", do: set("/k", "3"), action: etcdv2.ActionSet, value: "3", created: true},
		{name: "by both", do: compareAndDelete("/k", true, 0, "3"), action: deleted, prev: "3"},
		{name: "a directory", do: createDir("/d"), action: etcdv2.ActionCreate, dir: true, created: true},
		{name: "on a directory", do: compareAndDelete("/d", true, 0, ""), err: etcdv2.ErrNotFile},
	})
}

func TestKeysService_Delete(t *testing.T) {
	t.Parallel()
	steps(t, []step{
		{name: "missing", do: remove("/k"), err: etcdv2.ErrNotFound},
		{name: "new", do: set("/k", "old"), action: etcdv2.ActionSet, value: "old", created: true},
		{name: "returns the old node", do: remove("/k"), action: etcdv2.ActionDelete, prev: "old"},
		{name: "gone", do: get("/k"), err: etcdv2.ErrNotFound, cause: "/k"},
		{name: "a directory", do: createDir("/d"), action: etcdv2.ActionCreate, dir: true, created: true},
		{name: "on a directory", do: remove("/d"), err: etcdv2.ErrNotFile, cause: "/d"},
	})
}

func TestKeysService_dirs(t *testing.T) {
	t.Parallel()
	list := func(w writer) (*etcdv2.Response, error) { return w.keys.List(w.ctx, "/k", etcdv2.GetOptions{}) }
	updateDir := func(dir string) func(w writer) (*etcdv2.Response, error) {
		return func(w writer) (*etcdv2.Response, error) { return w.keys.UpdateDir(w.ctx, dir, etcdv2.WriteOptions{}) }
	}
	steps(t, []step{
		{name: "new", do: createDir("/a/b"), action: etcdv2.ActionCreate, dir: true, created: true},
		{name: "again", do: createDir("/a/b"), err: etcdv2.ErrExists, cause: "/a/b"},
		{name: "one that was created implicitly", do: createDir("/a"), err: etcdv2.ErrExists, cause: "/a"},
		{name: "a key", do: set("/k", "1"), action: etcdv2.ActionSet, value: "1", created: true},
		{name: "on a key", do: createDir("/k"), err: etcdv2.ErrExists, cause: "/k"},
		{name: "below a key", do: createDir("/k/d"), err: etcdv2.ErrNotDir, cause: "/k"},
		{name: "listing a key", do: list, err: etcdv2.ErrNotDir},
		{name: "deleting a missing one", do: deleteDir("/x", false), err: etcdv2.ErrNotFound},
		{name: "deleting one with children", do: deleteDir("/a", false), err: etcdv2.ErrDirNotEmpty, cause: "/a"},
		{name: "deleting an empty one", do: deleteDir("/a/b", false), action: etcdv2.ActionDelete, dir: true},
		{name: "a hidden child", do: set("/a/_h", "1"), action: etcdv2.ActionSet, value: "1", created: true},
		{name: "deleting one with hidden children", do: deleteDir("/a", false), err: etcdv2.ErrDirNotEmpty, cause: "/a"},
		{name: "deleting it with them", do: deleteDir("/a", true), action: etcdv2.ActionDelete, dir: true},
		{name: "deleting a key as a directory", do: deleteDir("/k", true), err: etcdv2.ErrNotDir},
		{name: "updating a key as a directory", do: updateDir("/k"), err: etcdv2.ErrNotDir},
		{name: "updating a missing one", do: updateDir("/x"), err: etcdv2.ErrNotFound},
		{name: "the key is unchanged", do: get("/k"), action: etcdv2.ActionGet, value: "1"},
	})
}

func TestKeysService_UpdateDir(t *testing.T) {
	t.Parallel()
	keys, _ := newKeys(t)
	w := newWriter(t, keys)
	w.ok(keys.CreateDir(t.Context(), "/d", etcdv2.CreateOptions{WriteOptions: etcdv2.WriteOptions{TTL: new(int64(30))}}))
	w.set("/d/k", "kept")
	for _, ttl := range []*int64{new(int64(31)), new(int64(120)), nil} {
		resp, err := keys.UpdateDir(t.Context(), "/d", etcdv2.WriteOptions{TTL: ttl})
		if !expected(t).updatesDirs {
			wantErr(t, "UpdateDir()", err, etcdv2.ErrDirUpdate)
			if _, err := keys.SetTTL(t.Context(), "/d", ttl); !errors.Is(err, etcdv2.ErrDirUpdate) {
				t.Errorf("SetTTL() error = %v, want %v", err, etcdv2.ErrDirUpdate)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		got := w.ok(keys.Get(t.Context(), "/d", etcdv2.GetOptions{})).Node
		if got.HasTTL() != (ttl != nil) || (ttl != nil && got.TTL != *ttl) || resp.Action != etcdv2.ActionUpdate {
			t.Errorf("UpdateDir() action = %s, TTL = %d, want %v", resp.Action, got.TTL, ttl)
		}
	}
	if got := w.ok(keys.Get(t.Context(), "/d/k", etcdv2.GetOptions{})).Node.Value; got != "kept" {
		t.Errorf("the child is %q, want it kept", got)
	}
}

func TestKeysService_List(t *testing.T) {
	t.Parallel()
	keys, _ := newKeys(t)
	w := newWriter(t, keys)
	for _, key := range []string{"/d/z", "/d/a/y", "/d/a/b/x", "/d/m", "/d/_hidden/k", "/d/a/_h"} {
		w.set(key, "v"+key)
	}
	w.ok(keys.CreateDir(t.Context(), "/d/empty", etcdv2.CreateOptions{}))
	names := func(n *etcdv2.Node) (out []string) {
		for leaf := range n.Leaves() {
			out = append(out, leaf.Key+"="+leaf.Value)
		}
		return out
	}
	flat := w.ok(keys.List(t.Context(), "/d", etcdv2.GetOptions{})).Node
	var children []string
	for _, n := range flat.Nodes {
		children = append(children, fmt.Sprint(n.Key, " ", n.Base(), " ", n.Dir, " ", len(n.Nodes)))
	}
	if diff := cmp.Diff([]string{"/d/a a true 0", "/d/empty empty true 0", "/d/m m false 0", "/d/z z false 0"}, children); diff != "" {
		t.Errorf("List() (-want +got):\n%s", diff)
	}
	tree := w.ok(keys.List(t.Context(), "/d", etcdv2.GetOptions{Recursive: true})).Node
	want := []string{"/d/a/b/x=v/d/a/b/x", "/d/a/y=v/d/a/y", "/d/m=v/d/m", "/d/z=v/d/z"}
	if diff := cmp.Diff(want, names(tree)); diff != "" {
		t.Errorf("List() recursive (-want +got):\n%s", diff)
	}
	unsorted := w.ok(keys.Get(t.Context(), "/d", etcdv2.GetOptions{Recursive: true, Sorted: true})).Node
	slices.Reverse(unsorted.Nodes)
	etcdv2.SortNodes(unsorted.Nodes)
	if diff := cmp.Diff(names(tree), names(unsorted)); diff != "" {
		t.Errorf("Get(), then SortNodes() (-want +got):\n%s", diff)
	}
	for leaf := range tree.Leaves() {
		if leaf.Key != "/d/a/b/x" {
			t.Errorf("Leaves() continues with %s after the loop has ended", leaf.Key)
		}
		break
	}
	hidden := w.ok(keys.List(t.Context(), "/d/_hidden", etcdv2.GetOptions{})).Node
	if diff := cmp.Diff([]string{"/d/_hidden/k=v/d/_hidden/k"}, names(hidden)); diff != "" {
		t.Errorf("List() of a hidden directory (-want +got):\n%s", diff)
	}
	root := w.ok(keys.List(t.Context(), "/", etcdv2.GetOptions{})).Node
	if root.Key != "/" || len(root.Nodes) != 1 || root.Nodes[0].Key != "/d" {
		t.Errorf("List(/) = %+v, want /d in it", root)
	}
}

func TestKeysService_List_root(t *testing.T) {
	t.Parallel()
	// Without a key prefix, the root is that of the server, which has no index.
	server := etcdtest.Shared(t)
	key := etcdtest.Prefix(t)
	client := newClient(t, etcdv2.Options{Endpoints: []string{server.URL()}})
	server.Put(t, key, "1")
	root := must[*etcdv2.Response](t)(client.Keys.List(t.Context(), "/", etcdv2.GetOptions{})).Node
	if root.Key != "/" || root.ModifiedIndex != 0 || !slices.ContainsFunc(root.Nodes, func(n *etcdv2.Node) bool { return n.Key == key }) {
		t.Errorf("List(/) = %+v, want %s in it", root, key)
	}
	if _, err := client.Keys.CreateInOrder(t.Context(), "/", "1", etcdv2.WriteOptions{TTL: new(int64(1))}); err != nil {
		t.Errorf("CreateInOrder(/) error = %v", err)
	}
}

func TestKeysService_Exists(t *testing.T) {
	t.Parallel()
	keys, _ := newKeys(t)
	newWriter(t, keys).set("/d/k", "")
	for key, want := range map[string]bool{"/d": true, "/d/k": true, "/d/k/x": false, "/x": false, "/": true} {
		if got := must[bool](t)(keys.Exists(t.Context(), key)); got != want {
			t.Errorf("Exists(%s) = %t, want %t", key, got, want)
		}
	}
	down, _, proxy := newProxied(t, etcdv2.Options{})
	proxy.Refuse()
	_, err := down.Exists(t.Context(), "/d")
	wantErr(t, "Exists() of a server that is down", err, etcdv2.ErrUnavailable)
}

func TestKeysService_CreateInOrder(t *testing.T) {
	t.Parallel()
	keys, _ := newKeys(t)
	w := newWriter(t, keys)
	var mu sync.Mutex
	var names []string
	var group sync.WaitGroup
	for i := range 3 {
		group.Go(func() {
			for j := range 5 {
				resp, err := push("/q", fmt.Sprint(i, j))(w)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				names = append(names, resp.Node.Key)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	slices.Sort(names)
	var listed []string
	for _, n := range w.ok(keys.List(t.Context(), "/q", etcdv2.GetOptions{})).Node.Nodes {
		listed = append(listed, n.Key)
		if len(n.Base()) != 20 || n.Base() != fmt.Sprintf("%020d", n.CreatedIndex) {
			t.Errorf("the name %s is not the index %d in 20 digits", n.Key, n.CreatedIndex)
		}
	}
	if diff := cmp.Diff(names, listed); diff != "" || len(slices.Compact(listed)) != 15 {
		t.Errorf("List() (-made +got):\n%s", diff)
	}
	w.set("/k", "1")
	_, err := push("/k", "1")(w)
	wantErr(t, "CreateInOrder() below a key", err, etcdv2.ErrNotDir)
	_, err = push("/q/", "1")(w)
	wantErr(t, "CreateInOrder() with a trailing slash", err, etcdv2.ErrInvalidKey)

	short := w.ok(keys.CreateInOrder(t.Context(), "/q", "short", etcdv2.WriteOptions{TTL: new(int64(1))})).Node.Key
	eventually(t, "a key made in order expires", func() bool { return !must[bool](t)(keys.Exists(t.Context(), short)) })
	if n := len(w.ok(keys.List(t.Context(), "/q", etcdv2.GetOptions{})).Node.Nodes); n != 15 {
		t.Errorf("%d keys are left, want 15: only one expires", n)
	}
}

func TestKeysService_ttl(t *testing.T) {
	t.Parallel()
	keys, prefix := newKeys(t)
	w := newWriter(t, keys)
	long, short := etcdv2.WriteOptions{TTL: new(int64(100))}, etcdv2.WriteOptions{TTL: new(int64(1))}

	// A write of any kind without a TTL removes the TTL.
	for name, write := range map[string]func(at etcdv2.Condition) (*etcdv2.Response, error){
		"Set":    func(etcdv2.Condition) (*etcdv2.Response, error) { return set("/k", "2")(w) },
		"Update": func(etcdv2.Condition) (*etcdv2.Response, error) { return update("/k", "2")(w) },
		"CompareAndSwap": func(at etcdv2.Condition) (*etcdv2.Response, error) {
			return keys.CompareAndSwap(t.Context(), "/k", "2", at, etcdv2.WriteOptions{})
		},
	} {
		first := w.ok(keys.Set(t.Context(), "/k", "1", long))
		if first.Node.TTL != 100 || first.Node.Expiration == nil || !first.Node.HasTTL() {
			t.Errorf("Set() node = %+v, want a TTL of 100", first.Node)
		}
		if second := w.ok(write(at(first))); second.Node.HasTTL() {
			t.Errorf("%s without a TTL leaves %d", name, second.Node.TTL)
		}
	}

	// Keys expire, and so do directories with everything in them.
	w.ok(keys.Set(t.Context(), "/short", "1", short))
	w.ok(keys.CreateDir(t.Context(), "/dir", etcdv2.CreateOptions{WriteOptions: short}))
	w.ok(keys.Set(t.Context(), "/dir/k", "1", long))
	for _, key := range []string{"/short", "/dir/k", "/dir"} {
		eventually(t, key+" expires", func() bool { return !must[bool](t)(keys.Exists(t.Context(), key)) })
	}

	for _, ttl := range []int64{0, -1, etcdv2.MaxTTL + 1} {
		opts := etcdv2.WriteOptions{TTL: &ttl}
		_, setErr := keys.Set(t.Context(), "/bad", "1", opts)
		_, pushErr := keys.CreateInOrder(t.Context(), "/bad", "1", opts)
		_, dirErr := keys.CreateDir(t.Context(), "/bad", etcdv2.CreateOptions{WriteOptions: opts})
		_, refreshErr := keys.Refresh(t.Context(), "/k", ttl, etcdv2.Condition{})
		for _, err := range []error{setErr, pushErr, dirErr, refreshErr} {
			wantErr(t, fmt.Sprintf("a TTL of %d:", ttl), err, etcdv2.ErrInvalidTTL)
		}
	}
	_, err := keys.Set(t.Context(), "/bad", "1", etcdv2.WriteOptions{TTL: new(int64(1)), NoTTL: true})
	wantErr(t, "a TTL and none:", err, etcdv2.ErrInvalidTTL)
	if got := etcdtest.Shared(t).Get(t, prefix+"/bad"); got.Status != http.StatusNotFound {
		t.Errorf("a key with a bad TTL was written: status %d", got.Status)
	}
	longest := w.ok(keys.Set(t.Context(), "/longest", "1", etcdv2.WriteOptions{TTL: new(etcdv2.MaxTTL)}))
	if longest.Node.TTL != etcdv2.MaxTTL {
		t.Errorf("Set() TTL = %d, want %d", longest.Node.TTL, etcdv2.MaxTTL)
	}
}

func TestKeysService_defaultTTL(t *testing.T) {
	t.Parallel()
	client := newClient(t, etcdv2.Options{
		Endpoints: []string{etcdtest.Shared(t).URL()}, KeyPrefix: etcdtest.Prefix(t), DefaultTTL: 50,
	})
	w := newWriter(t, client.Keys)
	first := w.create("/k", "1")
	for name, got := range map[string]*etcdv2.Response{
		"Create":         first,
		"CompareAndSwap": w.ok(w.keys.CompareAndSwap(w.ctx, "/k", "2", at(first), etcdv2.WriteOptions{})),
		"CreateInOrder":  w.ok(push("/q", "1")(w)),
	} {
		if got.Node.TTL != 50 {
			t.Errorf("%s TTL = %d, want the default, 50", name, got.Node.TTL)
		}
	}
	if got := w.ok(w.keys.Set(w.ctx, "/k", "3", etcdv2.WriteOptions{TTL: new(int64(70))})); got.Node.TTL != 70 {
		t.Errorf("Set() TTL = %d, want 70", got.Node.TTL)
	}
	if got := w.ok(w.keys.Set(w.ctx, "/k", "4", etcdv2.WriteOptions{NoTTL: true})); got.Node.HasTTL() {
		t.Errorf("Set() TTL = %d, want none", got.Node.TTL)
	}
	if got := w.ok(createDir("/d")(w)); got.Node.HasTTL() {
		t.Errorf("CreateDir() TTL = %d, want none: the default is for keys", got.Node.TTL)
	}
	if _, err := etcdv2.New(etcdv2.Options{DefaultTTL: -1}); !errors.Is(err, etcdv2.ErrInvalidTTL) {
		t.Errorf("New() error = %v, want %v", err, etcdv2.ErrInvalidTTL)
	}
}

func TestKeysService_Refresh(t *testing.T) {
	t.Parallel()
	keys, _ := newKeys(t)
	w := newWriter(t, keys)
	_, err := keys.Refresh(t.Context(), "/k", 10, etcdv2.Condition{})
	want := etcdv2.ErrNotFound
	if !expected(t).refreshes {
		want = etcdv2.ErrUnsupported
	}
	wantErr(t, "Refresh() of a missing key", err, want)
	first := w.set("/k", "kept")
	if !expected(t).refreshes {
		_, err := keys.Refresh(t.Context(), "/k", 100, etcdv2.Condition{})
		wantErr(t, "Refresh() on an old server", err, etcdv2.ErrUnsupported)
		if now := w.ok(get("/k")(w)).Node; now.Value != "kept" || now.ModifiedIndex != first.Node.ModifiedIndex {
			t.Errorf("the key became %+v", now)
		}
		return
	}
	second := w.ok(keys.Refresh(t.Context(), "/k", 100, etcdv2.Condition{}))
	if n := second.Node; n.Value != "kept" || n.TTL != 100 || n.CreatedIndex != first.Node.CreatedIndex ||
		n.ModifiedIndex == first.Node.ModifiedIndex {
		t.Errorf("Refresh() node = %+v, want the value kept and a TTL of 100", n)
	}
	_, err = keys.Refresh(t.Context(), "/k", 10, at(first))
	wantErr(t, "Refresh() on a stale index", err, etcdv2.ErrCompareFailed)
	third := w.ok(keys.Refresh(t.Context(), "/k", 200, etcdv2.Condition{Index: second.Node.ModifiedIndex, Value: "kept"}))
	if third.Node.TTL != 200 || third.Node.Value != "kept" {
		t.Errorf("Refresh() on an index and a value = %+v", third.Node)
	}
}

func TestKeysService_SetTTL(t *testing.T) {
	t.Parallel()
	keys, prefix, proxy := newProxied(t, etcdv2.Options{})
	w := newWriter(t, keys)
	_, err := keys.SetTTL(t.Context(), "/k", new(int64(10)))
	wantErr(t, "SetTTL() of a missing key", err, etcdv2.ErrNotFound)
	for _, value := range []string{"kept", ""} {
		w.set("/k", value)
		if got := w.ok(keys.SetTTL(t.Context(), "/k", new(int64(60)))).Node; got.TTL != 60 || got.Value != value {
			t.Errorf("SetTTL() node = %+v, want %q for 60 s", got, value)
		}
		if got := w.ok(keys.SetTTL(t.Context(), "/k", nil)).Node; got.HasTTL() || got.Value != value {
			t.Errorf("SetTTL(nil) node = %+v, want %q for ever", got, value)
		}
	}
	server := etcdtest.Shared(t)
	proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Action: etcdtest.Intercept(func(etcdtest.Request) {
		server.Put(t, prefix+"/k", "rival")
	})})
	_, err = keys.SetTTL(t.Context(), "/k", new(int64(60)))
	wantErr(t, "SetTTL() of a key that a rival writes", err, etcdv2.ErrCompareFailed)
	if got := etcdtest.Shared(t).Get(t, prefix+"/k").Node; got.Value != "rival" || got.TTL != 0 {
		t.Errorf("the rival's write became %+v", got)
	}
}

func TestKeysService_NoValue(t *testing.T) {
	t.Parallel()
	keys, prefix := newKeys(t)
	w := newWriter(t, keys)
	opts := etcdv2.WriteOptions{NoValue: true}
	resp := w.ok(keys.Set(t.Context(), "/k", "1", opts))
	stored := etcdtest.Shared(t).Get(t, prefix+"/k").Node
	if (resp.Node == nil) != expected(t).leavesOutNodes || resp.EtcdIndex != stored.ModifiedIndex {
		t.Errorf("Set() = %+v, want no node and the index %d", resp, stored.ModifiedIndex)
	}
	swapped := w.ok(keys.CompareAndSwap(t.Context(), "/k", "2", etcdv2.Condition{Index: resp.EtcdIndex}, opts))
	if (swapped.Node == nil) != expected(t).leavesOutNodes || swapped.Action != etcdv2.ActionCompareAndSwap {
		t.Errorf("CompareAndSwap() = %+v", swapped)
	}
}

func TestKeysService_json(t *testing.T) {
	t.Parallel()
	type value struct {
		Name  string         `json:"name"`
		Parts []int          `json:"parts"`
		More  map[string]any `json:"more"`
	}
	keys, prefix := newKeys(t)
	w := newWriter(t, keys)
	want := value{Name: `a "b" <c>`, Parts: []int{1, 2}, More: map[string]any{"x": nil, "y": true, "z": 1.5}}
	w.set("/k", must[string](t)(etcdv2.EncodeJSON(want)))
	var got value
	node := w.ok(keys.Get(t.Context(), "/k", etcdv2.GetOptions{})).Node
	if err := node.DecodeJSON(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("DecodeJSON() (-want +got):\n%s", diff)
	}
	for v, text := range map[any]string{7: "7", true: "true", "s": `"s"`, 1.5: "1.5"} {
		if got := must[string](t)(etcdv2.EncodeJSON(v)); got != text {
			t.Errorf("EncodeJSON(%v) = %s, want %s", v, got, text)
		}
	}
	etcdtest.Shared(t).Put(t, prefix+"/k", "s3cr3t")
	err := w.ok(keys.Get(t.Context(), "/k", etcdv2.GetOptions{})).Node.DecodeJSON(&got)
	if err == nil || strings.Contains(err.Error(), "s3cr3t") || !strings.Contains(err.Error(), "/k") {
		t.Errorf("DecodeJSON() error = %v, want one that names the key and not the value", err)
	}
	if _, err := etcdv2.EncodeJSON(func() {}); err == nil {
		t.Error("EncodeJSON() accepts a function")
	}
}

func TestKeysService_oddKeys(t *testing.T) {
	t.Parallel()
	keys, prefix := newKeys(t)
	w := newWriter(t, keys)
	for _, key := range oddKeys {
		value := "of " + key
		made := w.create(key, value)
		if made.Node.Key != key {
			t.Errorf("Create(%q) key = %q", key, made.Node.Key)
		}
		if got := etcdtest.Shared(t).Get(t, prefix+key).Node; got.Key != prefix+key || got.Value != value {
			t.Errorf("the server has %q = %q, want %q", got.Key, got.Value, prefix+key)
		}
		w.ok(keys.CompareAndSwap(t.Context(), key, "new", at(made), etcdv2.WriteOptions{}))
		w.ok(keys.CompareAndDelete(t.Context(), key, etcdv2.Condition{Value: "new"}))
	}
}

func TestKeysService_badKeys(t *testing.T) {
	t.Parallel()
	keys, _, proxy := newProxied(t, etcdv2.Options{})
	w := newWriter(t, keys)
	for _, key := range badKeys {
		for name, do := range map[string]func(writer) (*etcdv2.Response, error){
			"Set": set(key, "1"), "Create": create(key, "1"), "Update": update(key, "1"), "Delete": remove(key), "CreateDir": createDir(key),
			"DeleteDir": deleteDir(key, true), "CompareAndSwap": swap(key, "2", false, 0, "1"),
			"CompareAndDelete": compareAndDelete(key, false, 0, "1"),
			"Refresh":          func(w writer) (*etcdv2.Response, error) { return w.keys.Refresh(w.ctx, key, 1, etcdv2.Condition{}) },
			"UpdateDir":        func(w writer) (*etcdv2.Response, error) { return w.keys.UpdateDir(w.ctx, key, etcdv2.WriteOptions{}) },
		} {
			_, err := do(w)
			wantErr(t, fmt.Sprintf("%s(%q)", name, key), err, etcdv2.ErrInvalidKey)
		}
		if key == "/" {
			continue
		}
		for name, do := range map[string]func(writer) (*etcdv2.Response, error){"Get": get(key), "CreateInOrder": push(key, "1")} {
			_, err := do(w)
			wantErr(t, fmt.Sprintf("%s(%q)", name, key), err, etcdv2.ErrInvalidKey)
		}
	}
	if n := len(proxy.Requests()); n != 0 {
		t.Errorf("%d requests were made, want none", n)
	}
}

func TestKeysService_oddValues(t *testing.T) {
	t.Parallel()
	keys, _ := newKeys(t)
	w := newWriter(t, keys)
	for name, value := range map[string]string{
		"empty": "", "space": " ", "markup": "<a href=\"x\">&amp;</a>", "form": "a=b&value=c;d%41+e", "lines": "a\r\nb\n", "NUL": "a\x00b",
		"byte order mark": "\uFEFFx", "separator": "\u2028\u2029", "emoji": "😀", "replacement": "\uFFFD", "JSON": `{"a":["\u0000"]}`,
		"64 KiB": strings.Repeat("0123456789abcdef", 4<<10), "control": "\x01\x1f\x7f", "backslash": `\u0041\n`, "quote": `"`,
	} {
		first := w.set("/k", value)
		if got := w.ok(keys.Get(t.Context(), "/k", etcdv2.GetOptions{})).Node.Value; got != value || first.Node.Value != value {
			t.Errorf("%s: %.40q came back as %.40q, written as %.40q", name, value, got, first.Node.Value)
		}
		if value == "" {
			continue
		}
		w.ok(keys.CompareAndSwap(t.Context(), "/k", value+"!", etcdv2.Condition{Value: value}, etcdv2.WriteOptions{}))
	}
}

func TestKeysService_sizes(t *testing.T) {
	t.Parallel()
	keys, prefix, proxy := newProxied(t, etcdv2.Options{})
	w := newWriter(t, keys)
	const most = 10<<20 - len("value=")
	largest := strings.Repeat("x", most)
	w.set("/large", largest)
	if got := w.ok(keys.Get(t.Context(), "/large", etcdv2.GetOptions{})).Node.Value; got != largest {
		t.Errorf("a value of %d bytes came back with %d", most, len(got))
	}
	_, err := set("/large", largest+"x")(w)
	wantErr(t, "Set() of a larger value", err, etcdv2.ErrTooLarge)

	// A key, or the value of a conditional delete, must fit into the request line.
	// The server resets the connection, or has no such limit.
	longest := "/" + strings.Repeat("k", 4096-len("PUT /v2/keys/ HTTP/1.1\r\n")-len(prefix)-len("?"))
	w.set(longest, "1")
	if !must[bool](t)(keys.Exists(t.Context(), longest[:len(longest)-40])) && expected(t).limitsRequestLine {
		proxy.Reset()
		_, err = set(longest+"kkkkkkkk", "1")(w)
		wantErr(t, "Set() of a longer key", err, etcdv2.ErrTooLarge)
		_, err = keys.CompareAndDelete(t.Context(), "/large", etcdv2.Condition{Value: strings.Repeat("v", 5000)})
		wantErr(t, "CompareAndDelete() by a long value", err, etcdv2.ErrTooLarge)
		if n := len(proxy.Requests()); n != 0 {
			t.Errorf("%d requests were made, want none", n)
		}
	}
}

func TestKeysService_prefix(t *testing.T) {
	t.Parallel()
	server := etcdtest.Shared(t)
	top := etcdtest.Prefix(t)
	server.Put(t, top+"/outside", "outside")
	server.Put(t, top+"/in side%/k", "1")
	client := newClient(t, etcdv2.Options{Endpoints: []string{server.URL()}, KeyPrefix: top + "/in side%"})
	w := newWriter(t, client.Keys)
	tree := w.ok(w.keys.List(w.ctx, "/", etcdv2.GetOptions{Recursive: true})).Node
	if tree.Key != "/" || len(tree.Nodes) != 1 || tree.Nodes[0].Key != "/k" {
		t.Errorf("List(/) = %+v, want only /k", tree)
	}
	for _, key := range []string{
		"/../outside", "/%2e%2e/outside", "/..%2foutside", "/k/../../outside", "/./k", "outside", "//outside", "/a\x00/../..",
	} {
		_, err := w.keys.Set(w.ctx, key, "escaped", etcdv2.WriteOptions{})
		if err != nil && !errors.Is(err, etcdv2.ErrInvalidKey) {
			t.Errorf("Set(%q) error = %v", key, err)
		}
		if _, err := w.keys.Get(w.ctx, key, etcdv2.GetOptions{}); err != nil && !errors.Is(err, etcdv2.ErrInvalidKey) {
			t.Errorf("Get(%q) error = %v", key, err)
		}
	}
	got := server.Get(t, top, "recursive=true", "sorted=true").Node
	if len(got.Nodes) != 2 || got.Nodes[1].Value != "outside" {
		t.Errorf("a key left its prefix: %+v", got)
	}
	_, err := w.keys.Get(w.ctx, "/none/x", etcdv2.GetOptions{})
	if apiErr, ok := errors.AsType[*etcdv2.Error](err); !ok || apiErr.Cause != "/none" || strings.Contains(err.Error(), top) {
		t.Errorf("Get() error = %v, want it to mention keys below the prefix", err)
	}
	for prefix, want := range map[string]error{
		"": nil, "/": nil, "/a/b": nil, "a": etcdv2.ErrInvalidKey, "/a/": etcdv2.ErrInvalidKey, "/a/..": etcdv2.ErrInvalidKey,
	} {
		if _, err := etcdv2.New(etcdv2.Options{KeyPrefix: prefix}); !errors.Is(err, want) {
			t.Errorf("New() with the prefix %q error = %v, want %v", prefix, err, want)
		}
	}
}

func TestKeysService_pairs(t *testing.T) {
	t.Parallel()
	keys, _, proxy := newProxied(t, etcdv2.Options{})
	const workers, rounds = 10, 50
	var group sync.WaitGroup
	for i := range workers {
		group.Go(func() {
			key := fmt.Sprintf("/k%d", i)
			for j := range rounds {
				value := fmt.Sprint(i, " ", j)
				if _, err := keys.Set(t.Context(), key, value, etcdv2.WriteOptions{}); err != nil {
					t.Error(err)
					return
				}
				got, err := keys.Get(t.Context(), key, etcdv2.GetOptions{})
				if err != nil || got.Node.Value != value {
					t.Errorf("Get(%s) = %+v, %v, want %q", key, got, err, value)
					return
				}
			}
		})
	}
	group.Wait()
	if _, total := proxy.Connections(); total > 2*workers {
		t.Errorf("%d requests of %d workers took %d connections", 2*workers*rounds, workers, total)
	}
}

// TestKeysService_wire checks what is sent for each request.
func TestKeysService_wire(t *testing.T) {
	t.Parallel()
	type sent struct {
		Method, Path string
		Query, Form  url.Values
	}
	ttl := etcdv2.WriteOptions{TTL: new(int64(9))}
	for name, tt := range map[string]struct {
		do   func(ctx context.Context, k *etcdv2.KeysService) (*etcdv2.Response, error)
		opts etcdv2.Options
		want sent
	}{
		"Get": {
			do: func(ctx context.Context, k *etcdv2.KeysService) (*etcdv2.Response, error) {
				return k.Get(ctx, "/a b", etcdv2.GetOptions{Sorted: true})
			},
			want: sent{"GET", "/v2/keys/a%20b", url.Values{"sorted": {"true"}, "quorum": {"true"}}, nil},
		},
		"Get of the root, stale": {
			do: func(ctx context.Context, k *etcdv2.KeysService) (*etcdv2.Response, error) {
				return k.Get(ctx, "/", etcdv2.GetOptions{NotLinearizable: true})
			},
			want: sent{"GET", "/v2/keys", url.Values{}, nil},
		},
		"Get, stale by default": {
			do: func(ctx context.Context, k *etcdv2.KeysService) (*etcdv2.Response, error) {
				return k.Get(ctx, "/k", etcdv2.GetOptions{})
			},
			opts: etcdv2.Options{NotLinearizable: true},
			want: sent{"GET", "/v2/keys/k", url.Values{}, nil},
		},
		"a recursive read keeps the slash that permissions need": {
			do: func(ctx context.Context, k *etcdv2.KeysService) (*etcdv2.Response, error) {
				return k.List(ctx, "/d", etcdv2.GetOptions{Recursive: true})
			},
			want: sent{"GET", "/v2/keys/d/", url.Values{"recursive": {"true"}, "sorted": {"true"}, "quorum": {"true"}}, nil},
		},
		"the path of an endpoint comes first": {
			do: func(ctx context.Context, k *etcdv2.KeysService) (*etcdv2.Response, error) {
				return k.Set(ctx, "/k", "a&b", ttl)
			},
			opts: etcdv2.Options{Endpoints: []string{"/some/pa%20th/"}, KeyPrefix: "/pre"},
			want: sent{"PUT", "/some/pa%20th/v2/keys/pre/k", url.Values{}, url.Values{"value": {"a&b"}, "ttl": {"9"}}},
		},
		"Create": {
			do: func(ctx context.Context, k *etcdv2.KeysService) (*etcdv2.Response, error) {
				return k.Create(ctx, "/k", "", etcdv2.CreateOptions{AbsentAt: 1})
			},
			want: sent{"PUT", "/v2/keys/k", url.Values{}, url.Values{"value": {""}, "prevExist": {"false"}}},
		},
		"Update without the node": {
			do: func(ctx context.Context, k *etcdv2.KeysService) (*etcdv2.Response, error) {
				return k.Update(ctx, "/k", "1", etcdv2.WriteOptions{NoValue: true})
			},
			want: sent{"PUT", "/v2/keys/k", url.Values{"noValueOnSuccess": {"true"}}, url.Values{"value": {"1"}, "prevExist": {"true"}}},
		},
		"CompareAndSwap": {
			do: func(ctx context.Context, k *etcdv2.KeysService) (*etcdv2.Response, error) {
				return k.CompareAndSwap(ctx, "/k", "1", etcdv2.Condition{Index: 7, Value: "a b"}, etcdv2.WriteOptions{})
			},
			want: sent{"PUT", "/v2/keys/k", url.Values{}, url.Values{"value": {"1"}, "prevIndex": {"7"}, "prevValue": {"a b"}}},
		},
		"CompareAndDelete, in the query": {
			do: func(ctx context.Context, k *etcdv2.KeysService) (*etcdv2.Response, error) {
				return k.CompareAndDelete(ctx, "/k", etcdv2.Condition{Index: 7, Value: "a b"})
			},
			want: sent{"DELETE", "/v2/keys/k", url.Values{"prevIndex": {"7"}, "prevValue": {"a b"}}, nil},
		},
		"CreateDir": {
			do: func(ctx context.Context, k *etcdv2.KeysService) (*etcdv2.Response, error) {
				return k.CreateDir(ctx, "/d", etcdv2.CreateOptions{AbsentAt: 1, WriteOptions: ttl})
			},
			want: sent{"PUT", "/v2/keys/d", url.Values{}, url.Values{"dir": {"true"}, "prevExist": {"false"}, "ttl": {"9"}}},
		},
		"UpdateDir, after it has read the directory": {
			do: func(ctx context.Context, k *etcdv2.KeysService) (*etcdv2.Response, error) {
				return k.UpdateDir(ctx, "/d", ttl)
			},
			want: sent{"PUT", "/v2/keys/d", url.Values{}, url.Values{"dir": {"true"}, "prevExist": {"true"}, "ttl": {"9"}}},
		},
		"CreateInOrder": {
			do: func(ctx context.Context, k *etcdv2.KeysService) (*etcdv2.Response, error) {
				return k.CreateInOrder(ctx, "/d", "1", etcdv2.WriteOptions{})
			},
			want: sent{"POST", "/v2/keys/d", url.Values{}, url.Values{"value": {"1"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := etcdtest.NewProxy(t, etcdtest.Shared(t).URL())
			proxy.Inject(etcdtest.Rule{Action: etcdtest.Respond(200, nil, `{"action":"get","node":{"key":"/d","dir":true}}`)})
			tt.opts.Endpoints = []string{proxy.URL() + strings.Join(tt.opts.Endpoints, "")}
			if _, err := tt.do(t.Context(), newClient(t, tt.opts).Keys); err != nil {
				t.Fatal(err)
			}
			r := proxy.Requests()[len(proxy.Requests())-1]
			if diff := cmp.Diff(tt.want, sent{r.Method, r.Path, r.Query, r.Form}); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNode_String(t *testing.T) {
	t.Parallel()
	keys, _ := newKeys(t)
	w := newWriter(t, keys)
	a := w.set("/d/a", "s3cr3t").Node.ModifiedIndex
	b := w.ok(keys.Set(t.Context(), "/d/e/b", "s3cr3t", etcdv2.WriteOptions{TTL: new(int64(1000))})).Node.ModifiedIndex
	tree := w.ok(keys.List(t.Context(), "/d", etcdv2.GetOptions{Recursive: true})).Node
	want := fmt.Sprintf("/d/ (modified at %d)\n  /d/a (modified at %d)\n  /d/e/ (modified at %d)\n"+
		"    /d/e/b (modified at %d, expires in %d s)",
		tree.ModifiedIndex, a, b, b, tree.Nodes[1].Nodes[0].TTL)
	if diff := cmp.Diff(want, tree.String()); diff != "" {
		t.Errorf("String() (-want +got):\n%s", diff)
	}
}

// TestKeysService_Get_quorum reads from a member without its peers: what it returns may be
// old, and only a caller who accepts that gets it.
func TestKeysService_Get_quorum(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	client := newClient(t, etcdv2.Options{
		Endpoints: []string{cluster.Servers[0].URL()}, RequestTimeout: 3 * time.Second, Retry: etcdv2.RetryPolicy{MaxAttempts: 1},
	})
	newWriter(t, client.Keys).set("/k", "1")
	cluster.Servers[1].Kill(t)
	cluster.Servers[2].Kill(t)
	if resp, err := client.Keys.Get(t.Context(), "/k", etcdv2.GetOptions{}); err == nil {
		t.Errorf("Get() without a quorum = %+v, want an error", resp.Node)
	}
	eventually(t, "the member answers from its own store", func() bool {
		resp, err := client.Keys.Get(t.Context(), "/k", etcdv2.GetOptions{NotLinearizable: true})
		return err == nil && resp.Node.Value == "1"
	})
}

// TestMeta compares the reported metadata of the cluster with the headers that the server sent.
func TestMeta(t *testing.T) {
	t.Parallel()
	keys, _, proxy := newProxied(t, etcdv2.Options{})
	var answers etcdtest.Answers
	proxy.Inject(etcdtest.Rule{Action: answers.Keep()})
	w := newWriter(t, keys)
	w.set("/first", "1")
	for name, do := range map[string]func(writer) (*etcdv2.Response, error){
		"a write": set("/k", "1"), "a read": get("/"), "a key in order": push("/q", "1"),
	} {
		got := w.ok(do(w)).Meta
		header, _ := answers.Last()
		text := fmt.Sprint(got.EtcdIndex, got.RaftIndex, got.RaftTerm) + " " + got.ClusterID
		want := strings.Join([]string{
			header.Get("X-Etcd-Index"), header.Get("X-Raft-Index"), header.Get("X-Raft-Term"), header.Get("X-Etcd-Cluster-Id"),
		}, " ")
		if text != want {
			t.Errorf("meta of %s = %q, want %q, which was sent", name, text, want)
		}
	}
	_, err := keys.Get(t.Context(), "/none", etcdv2.GetOptions{})
	header, _ := answers.Last()
	if apiErr, ok := errors.AsType[*etcdv2.Error](err); !ok || fmt.Sprint(apiErr.Index) != header.Get("X-Etcd-Index") {
		t.Errorf("Get() error = %+v, want the index %s, which was sent", err, header.Get("X-Etcd-Index"))
	}
}

// TestKeysService_Get_lagging reads from an endpoint that does not have the newest keys yet: a
// not-found answer is confirmed with a quorum read.
func TestKeysService_Get_lagging(t *testing.T) {
	t.Parallel()
	keys, prefix, proxy := newProxied(t, etcdv2.Options{NotLinearizable: true})
	etcdtest.Shared(t).Put(t, prefix+"/k", "1")
	proxy.Inject(etcdtest.Rule{
		Match:  func(r etcdtest.Request) bool { return !r.Query.Has("quorum") },
		Action: etcdtest.Respond(404, http.Header{"Content-Type": {"application/json"}}, keyError(100)),
	})
	resp, err := keys.Get(t.Context(), "/k", etcdv2.GetOptions{})
	if err != nil || resp.Node.Value != "1" {
		t.Errorf("Get() = %v, %v, want the key that the quorum has", resp, err)
	}
	_, err = keys.Get(t.Context(), "/none", etcdv2.GetOptions{})
	wantErr(t, "Get() of a missing key", err, etcdv2.ErrNotFound)
	_, err = keys.Get(t.Context(), "/k", etcdv2.GetOptions{NotLinearizable: true})
	wantErr(t, "Get() of the endpoint alone", err, etcdv2.ErrNotFound)
}

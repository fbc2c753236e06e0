package provider

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// prefixFixture is a prefix of the test's own on the shared server, and a provider that uses it
// through a proxy.
type prefixFixture struct {
	server *etcdtest.Server
	proxy  *etcdtest.Proxy
	d      *direct
	prefix string
}

func newPrefixFixture(t *testing.T) *prefixFixture {
	t.Helper()
	s := etcdtest.Shared(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	return &prefixFixture{server: s, proxy: proxy, d: newDirect(t, quickRetry(proxy.URL())), prefix: etcdtest.Prefix(t)}
}

// attributes returns the attributes of the resource, with further ones given by name and value.
func (f *prefixFixture) attributes(keys map[string]string, more ...any) map[string]any {
	attributes := map[string]any{"prefix": f.prefix, "keys": keys}
	for i := 0; i < len(more); i += 2 {
		name, _ := more[i].(string)
		attributes[name] = more[i+1]
	}
	return attributes
}

func (f *prefixFixture) none() managed { return f.d.none("etcd_key_prefix") }

func (f *prefixFixture) apply(t *testing.T, from managed, keys map[string]string, more ...any) managed {
	t.Helper()
	return mustApply(t, f.d, from, f.attributes(keys, more...))
}

func (f *prefixFixture) refresh(t *testing.T, from managed) managed {
	t.Helper()
	after, errs := f.d.refresh(t, from)
	if errs != "" {
		t.Fatal(errs)
	}
	return after
}

// put and remove change a key outside the provider.
func (f *prefixFixture) put(t *testing.T, relative, value string, params ...string) {
	t.Helper()
	f.server.Put(t, f.prefix+"/"+relative, value, params...)
}

func (f *prefixFixture) remove(t *testing.T, relative string) {
	t.Helper()
	f.server.Delete(t, f.prefix+"/"+relative)
}

// writes returns the requests of the provider that are not reads.
func (f *prefixFixture) writes() []etcdtest.Request {
	return slices.DeleteFunc(f.proxy.Requests(), func(r etcdtest.Request) bool { return r.Method == http.MethodGet })
}

// onServer returns the visible keys below the prefix.
func (f *prefixFixture) onServer(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	var walk func(n etcdtest.Node)
	walk = func(n etcdtest.Node) {
		if !n.Dir {
			found[strings.TrimPrefix(n.Key, f.prefix+"/")] = n.Value
		}
		for _, child := range n.Nodes {
			walk(child)
		}
	}
	if answer := f.server.Get(t, f.prefix, "recursive=true"); answer.OK() {
		walk(answer.Node)
	}
	return found
}

// keysOf returns the attribute keys of a state.
func keysOf(t *testing.T, o managed) map[string]string {
	t.Helper()
	if !o.exists() {
		return nil
	}
	var attributes, elements map[string]tftypes.Value
	if err := o.state.As(&attributes); err != nil {
		t.Fatal(err)
	}
	if err := attributes["keys"].As(&elements); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for name, element := range elements {
		out[name] = plain(t, element)
	}
	return out
}

// wantKeys checks the keys in state and on the server.
func (f *prefixFixture) wantKeys(t *testing.T, o managed, state, server map[string]string) {
	t.Helper()
	if diff := cmp.Diff(state, keysOf(t, o)); diff != "" {
		t.Errorf("keys in state (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(server, f.onServer(t)); diff != "" {
		t.Errorf("keys on the server (-want +got):\n%s", diff)
	}
}

// wantNoChange checks that a refresh and a plan find nothing to do.
func (f *prefixFixture) wantNoChange(t *testing.T, o managed, attributes map[string]any) {
	t.Helper()
	o = f.refresh(t, o)
	resp, _ := f.d.plan(t, o, attributes)
	if text := errorText(resp.Diagnostics); text != "" {
		t.Fatal(text)
	}
	if plan := undynamic(t, o.state.Type(), resp.PlannedState); !plan.Equal(o.state) {
		t.Errorf("the plan is not empty: %s, from %s", plan, o.state)
	}
}

// wantWarning checks that a plan warns with these texts.
func (f *prefixFixture) wantWarning(t *testing.T, o managed, attributes map[string]any, texts ...string) {
	t.Helper()
	resp, _ := f.d.plan(t, o, attributes)
	got := warnings(resp.Diagnostics)
	for _, text := range texts {
		if !strings.Contains(got, text) {
			t.Errorf("warnings = %q, want %q among them", got, text)
		}
	}
}

func wantError(t *testing.T, errs string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(errs, text) {
			t.Errorf("errors = %q, want one with %q", errs, text)
		}
	}
	if strings.Contains(errs, "secret") {
		t.Errorf("errors = %q, which quotes a value", errs)
	}
}

func TestKeyPrefixResource_writesWhatChanged(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	keys := map[string]string{"a": "1", "b/c/d": "2", "empty": "", "b/e": "5 %/ü", "gone": "x"}
	o := f.apply(t, f.none(), keys)
	f.wantKeys(t, o, keys, keys)
	f.wantNoChange(t, o, f.attributes(keys))
	created := f.server.Get(t, f.prefix+"/a").Node.CreatedIndex

	f.proxy.Reset()
	changed := map[string]string{"a": "one", "b/c/d": "2", "empty": "", "b/e": "5 %/ü", "b/new": "n"}
	o = f.apply(t, f.refresh(t, o), changed)
	f.wantKeys(t, o, changed, changed)
	var sent []string
	for _, r := range f.writes() {
		guard := "prevIndex"
		if r.Param("prevIndex") == "" {
			guard = "prevExist=" + r.Param("prevExist")
		}
		sent = append(sent, r.Method+" "+strings.TrimPrefix(r.Path, "/v2/keys"+f.prefix)+" "+guard)
	}
	slices.Sort(sent)
	if diff := cmp.Diff([]string{"DELETE /gone prevIndex", "PUT /a prevIndex", "PUT /b/new prevExist=false"}, sent); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	if got := f.server.Get(t, f.prefix+"/a").Node.CreatedIndex; got != created {
		t.Errorf("the created index of the updated key = %d, want %d", got, created)
	}
	if o = mustApply(t, f.d, o, nil); o.exists() {
		t.Error("the prefix is in state after the destroy")
	}
	f.wantKeys(t, o, nil, map[string]string{})
}

func TestKeyPrefixResource_hiddenKeys(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	keys := map[string]string{"_h": "1", "_dir/a": "2", "_dir/b/c": "3", "d/_x/_y/z": "4", "plain": "5"}
	o := f.apply(t, f.none(), keys)
	if diff := cmp.Diff(keys, keysOf(t, o)); diff != "" {
		t.Errorf("keys in state (-want +got):\n%s", diff)
	}
	f.proxy.Reset()
	f.wantNoChange(t, o, f.attributes(keys))
	// The reads are the listing, _h, _dir and d/_x/_y.
	if got := f.proxy.Count(http.MethodGet, "/v2/keys"); got != 4 {
		t.Errorf("a refresh made %d reads, want 4", got)
	}
	f.put(t, "_dir/b/c", "changed")
	f.remove(t, "_h")
	f.put(t, "d/_x/unlisted", "u")
	want := maps.Clone(keys)
	delete(want, "_h")
	want["_dir/b/c"] = "changed"
	o = f.refresh(t, o)
	if diff := cmp.Diff(want, keysOf(t, o)); diff != "" {
		t.Errorf("keys in state after a change outside (-want +got):\n%s", diff)
	}
	f.apply(t, o, keys)
	if got := f.server.Get(t, f.prefix+"/_h").Node.Value; got != "1" {
		t.Errorf("value of the hidden key = %q, want %q", got, "1")
	}
}

func TestKeyPrefixResource_drift(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	keys := map[string]string{"a": "1", "b": "2", "c": "3", "d/e": "4"}
	o := f.apply(t, f.none(), keys)
	f.put(t, "a", "theirs")
	f.remove(t, "b")
	f.put(t, "other", "not ours")
	f.put(t, "c", "3") // Only its index changes.
	f.remove(t, "d/e")
	f.put(t, "d/e/f", "below")
	o = f.refresh(t, o)
	if diff := cmp.Diff(map[string]string{"a": "theirs", "c": "3"}, keysOf(t, o)); diff != "" {
		t.Errorf("keys in state (-want +got):\n%s", diff)
	}
	after, errs := f.d.apply(t, o, f.attributes(keys))
	wantError(t, errs, "Key is a directory now", f.prefix+"/d/e, and it was not changed", "No key was written")
	if diff := cmp.Diff(keysOf(t, o), keysOf(t, after)); diff != "" {
		t.Errorf("keys in state after the refusal (-want +got):\n%s", diff)
	}
	f.server.Delete(t, f.prefix+"/d/e", "recursive=true")
	o = f.apply(t, after, keys)
	f.wantKeys(t, o, keys, map[string]string{"a": "1", "b": "2", "c": "3", "d/e": "4", "other": "not ours"})

	f.server.Delete(t, f.prefix, "recursive=true")
	if o = f.refresh(t, o); o.exists() {
		t.Error("the prefix is in state after everything in it was deleted")
	}
}

func TestKeyPrefixResource_keysThatExist(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	f.put(t, "a", "secret-theirs")
	f.put(t, "b/c", "same")
	f.put(t, "unlisted", "u")
	keys := map[string]string{"a": "secret-ours", "b/c": "same", "new": "n"}
	o, errs := f.d.apply(t, f.none(), f.attributes(keys))
	wantError(t, errs, "Key already exists", f.prefix+"/a already exists", f.prefix+"/b/c already exists",
		fmt.Sprintf("import {\n  to = etcd_key_prefix.example # the address of this resource\n  id = %q\n}", f.prefix), "adopt_existing = true",
		"No key was written")
	f.wantKeys(t, o, nil, map[string]string{"a": "secret-theirs", "b/c": "same", "unlisted": "u"})
	if writes := f.writes(); len(writes) > 0 {
		t.Errorf("%d writes were sent, want none", len(writes))
	}

	o = f.apply(t, o, keys, "adopt_existing", true)
	f.wantKeys(t, o, keys, map[string]string{"a": "secret-ours", "b/c": "same", "new": "n", "unlisted": "u"})
	if writes := f.writes(); len(writes) != 2 {
		t.Errorf("the adoption sent %d writes, want 2: one key is already as wanted", len(writes))
	}
	f.wantNoChange(t, o, f.attributes(keys, "adopt_existing", true))

	keys["unlisted"] = "now listed"
	o, errs = f.d.apply(t, f.refresh(t, o), f.attributes(keys))
	wantError(t, errs, "Key already exists", f.prefix+"/unlisted already exists")
	if strings.Contains(errs, "import {") {
		t.Errorf("errors = %q, want no import block for an object in state", errs)
	}
	o = f.apply(t, o, keys, "adopt_existing", true)
	f.wantKeys(t, o, keys, keys)
}

// A rival writes between the plan and the write of a key.
func TestKeyPrefixResource_conflictHalfWay(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	keys := map[string]string{"changed": "1", "deleted": "1", "dir": "1", "fine": "1", "moved": "1", "going": "1", "going-changed": "1"}
	o := f.apply(t, f.none(), keys)
	planned, cfg := f.d.plan(t, f.refresh(t, o), f.attributes(map[string]string{
		"changed": "secret", "deleted": "secret", "dir": "secret", "fine": "2", "moved": "2", "raced": "secret", "new": "n",
	}))
	f.put(t, "changed", "secret-rival")
	f.remove(t, "deleted")
	f.remove(t, "dir")
	f.put(t, "dir/below", "b")
	f.put(t, "moved", "1")
	f.put(t, "going-changed", "secret-rival")
	f.proxy.Inject(etcdtest.Rule{
		Method: http.MethodPut, Path: "/v2/keys" + f.prefix + "/raced", Times: 1,
		Action: etcdtest.Intercept(func(etcdtest.Request) { f.put(t, "raced", "secret-rival") }),
	})
	o, errs := f.d.applyPlan(t.Context(), t, o, planned, cfg)
	wantError(t, errs,
		"Key changed since it was planned", f.prefix+"/changed was written by somebody else",
		"Key was deleted since it was planned", f.prefix+"/deleted existed at index",
		"Key is a directory now", f.prefix+"/dir, and it was not changed",
		"Key already exists", f.prefix+"/raced already exists",
		"3 of 9 writes were made; the state shows which. 2 were not tried any more.")
	f.wantKeys(t, o,
		map[string]string{"changed": "1", "deleted": "1", "dir": "1", "fine": "2", "moved": "2", "new": "n", "going": "1", "going-changed": "1"},
		map[string]string{
			"changed": "secret-rival", "dir/below": "b", "fine": "2", "moved": "2", "new": "n", "raced": "secret-rival",
			"going": "1", "going-changed": "secret-rival",
		})

	// The next plan shows the rival's changes, and continues from there.
	f.server.Delete(t, f.prefix+"/dir", "recursive=true")
	keys = map[string]string{"changed": "3", "fine": "2", "moved": "2", "new": "n"}
	o = f.apply(t, f.refresh(t, o), keys)
	f.wantKeys(t, o, keys, map[string]string{"changed": "3", "fine": "2", "moved": "2", "new": "n", "raced": "secret-rival"})
}

func TestKeyPrefixResource_deletionIsGuarded(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	keys := map[string]string{"a": "1", "b": "1", "c": "1"}
	o := f.apply(t, f.none(), keys)
	f.put(t, "b", "secret-rival")
	f.remove(t, "c")
	o, errs := f.d.apply(t, o, nil)
	wantError(t, errs, "Key changed since it was planned", f.prefix+"/b was written")
	f.wantKeys(t, o, map[string]string{"b": "1"}, map[string]string{"b": "secret-rival"})
	o = mustApply(t, f.d, f.refresh(t, o), nil)
	f.wantKeys(t, o, nil, map[string]string{})
}

// A CLI does not pass private state when it replaces an object whose create failed.
func TestKeyPrefixResource_withoutPrivateState(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	o := f.apply(t, f.none(), map[string]string{"a": "1", "b": "1", "_c": "1", "gone": "1"})
	f.put(t, "b", "secret-rival")
	f.remove(t, "gone")
	o.private = nil
	o, errs := f.d.apply(t, o, nil)
	wantError(t, errs, "Key changed since it was planned", f.prefix+"/b was written by somebody else", "No key was written")
	f.wantKeys(t, o, map[string]string{"a": "1", "b": "1", "_c": "1"}, map[string]string{"a": "1", "b": "secret-rival"})
	o = f.refresh(t, o)
	o.private = nil
	o = mustApply(t, f.d, o, nil)
	f.wantKeys(t, o, nil, map[string]string{})
	if code := f.server.Get(t, f.prefix+"/_c").ErrorCode; code != 100 {
		t.Error("the hidden key exists after the destroy")
	}
}

// Somebody else has replaced a key by a directory with a key in it. The apply cannot create the key,
// and writes nothing; but a destroy, which makes the same plan first, must not fail.
func TestKeyPrefixResource_directoryInPlaceOfKey(t *testing.T) {
	t.Parallel()

	for _, exclusive := range []bool{false, true} {
		f := newPrefixFixture(t)
		attributes := f.attributes(map[string]string{"a": "1", "x": "1"}, "exclusive", exclusive)
		o := mustApply(t, f.d, f.none(), attributes)
		o = mustApply(t, f.d, f.refresh(t, o), attributes)
		f.remove(t, "a")
		f.put(t, "a/b", "other")
		o = f.refresh(t, o)
		resp, _ := f.d.plan(t, o, attributes)
		if errs, found := errorText(resp.Diagnostics), warnings(resp.Diagnostics); errs != "" ||
			exclusive != strings.Contains(found, `"a/b" is below it`) {
			t.Errorf("exclusive = %t: errors = %q, warnings = %q", exclusive, errs, found)
		}
		_, errs := f.d.apply(t, o, attributes)
		wantError(t, errs, "There is a directory", f.prefix+"/a", "No key was written")
		if got := f.server.Get(t, f.prefix+"/a/b").Node.Value; got != "other" {
			t.Errorf("the key in the directory = %q, want it left alone", got)
		}
		if _, errs = f.d.apply(t, o, nil); errs != "" {
			t.Errorf("exclusive = %t: errors of the destroy = %q", exclusive, errs)
		}
	}
}

func TestKeyPrefixResource_keyBecomesDirectory(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	o := f.apply(t, f.none(), map[string]string{"a": "1", "x": "1"})
	// A key is deleted to make room for one below it.
	keys := map[string]string{"a/b/c": "2", "x": "1"}
	o = f.apply(t, o, keys)
	f.wantKeys(t, o, keys, keys)
	// The reverse is blocked by the directory, which the plan already reports.
	resp, _ := f.d.plan(t, o, f.attributes(map[string]string{"a": "3", "x": "1"}))
	wantError(t, errorText(resp.Diagnostics), "Key is in place of a directory", `"a" cannot be created`, `"a/b/c" is below it`)
	// A key of another writer is in the way.
	f.put(t, "file", "f")
	_, errs := f.d.apply(t, o, f.attributes(map[string]string{"a/b/c": "2", "x": "1", "file/below": "b"}))
	wantError(t, errs, "Key is in place of a directory", f.prefix+"/file/below cannot be created", "No key was written")
	// The prefix itself can be a key, too.
	inside := &prefixFixture{server: f.server, proxy: f.proxy, d: f.d, prefix: f.prefix + "/file"}
	_, errs = f.d.apply(t, f.none(), inside.attributes(map[string]string{"k": "v"}))
	wantError(t, errs, "Directory is a key now", f.prefix+"/file")
	inside.prefix += "/deeper"
	_, errs = f.d.apply(t, f.none(), inside.attributes(map[string]string{"k": "v"}))
	wantError(t, errs, "Remove that key or choose another path")
}

func TestKeyPrefixResource_exclusive(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	f.put(t, "before", "b")
	keys := map[string]string{"a": "1"}
	attributes := f.attributes(keys, "exclusive", true)
	planned, cfg := f.d.plan(t, f.none(), attributes)
	o, errs := f.d.applyPlan(t.Context(), t, f.none(), planned, cfg)
	if errs != "" {
		t.Fatal(errs)
	}
	// No plan has shown the key yet, so it stays.
	f.wantKeys(t, o, keys, map[string]string{"a": "1", "before": "b"})
	f.put(t, "after/x", "x")
	o = f.refresh(t, o)
	if diff := cmp.Diff(map[string]string{"a": "1", "before": "b", "after/x": "x"}, keysOf(t, o)); diff != "" {
		t.Errorf("keys in state (-want +got):\n%s", diff)
	}
	planned, cfg = f.d.plan(t, o, attributes)
	f.put(t, "late", "came after the plan")
	f.put(t, "before", "secret-changed")
	o, errs = f.d.applyPlan(t.Context(), t, o, planned, cfg)
	wantError(t, errs, "Key changed since it was planned", f.prefix+"/before was written")
	f.wantKeys(
		t, o, map[string]string{"a": "1", "before": "b"}, map[string]string{"a": "1", "before": "secret-changed", "late": "came after the plan"},
	)

	// Without exclusive, keys that were only found are left alone.
	o = f.refresh(t, o)
	resp, _ := f.d.plan(t, o, f.attributes(keys))
	if got := warnings(resp.Diagnostics); !strings.Contains(got, "Keys leave state and stay in the store") ||
		!strings.Contains(got, f.prefix+"/late") {
		t.Errorf("warnings = %q, want one about keys that stay", got)
	}
	left := f.apply(t, o, keys)
	f.wantKeys(t, left, keys, map[string]string{"a": "1", "before": "secret-changed", "late": "came after the plan"})

	o = mustApply(t, f.d, o, attributes)
	f.wantKeys(t, o, keys, keys)
	f.wantNoChange(t, o, attributes)
}

func warnings(diags []*tfprotov6.Diagnostic) string {
	var lines []string
	for _, d := range diags {
		if d.Severity == tfprotov6.DiagnosticSeverityWarning {
			lines = append(lines, d.Summary+": "+d.Detail)
		}
	}
	return strings.Join(lines, "\n")
}

func TestKeyPrefixResource_twoWriters(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	const each = 40
	states := make([]managed, 2)
	keys := make([]map[string]string, 2)
	providers := make([]*direct, 2)
	all := map[string]string{}
	for i := range states {
		providers[i], states[i], keys[i] = newDirect(t, quickRetry(f.server.URL())), f.none(), map[string]string{}
	}
	for round := range 3 {
		for i := range keys {
			delete(keys[i], fmt.Sprintf("%d/k%d", i, round))
			for k := round + 1; k < each; k++ {
				keys[i][fmt.Sprintf("%d/k%d", i, k)] = fmt.Sprint(round)
			}
		}
		var wg sync.WaitGroup
		for i := range states {
			attributes := f.attributes(maps.Clone(keys[i]))
			wg.Go(func() {
				etcdtest.Apart(t, func(t *testing.T) {
					var errs string
					if states[i].exists() {
						states[i], _ = providers[i].refresh(t, states[i])
					}
					if states[i], errs = providers[i].apply(t, states[i], attributes); errs != "" {
						t.Error(errs)
					}
				})
			})
		}
		wg.Wait()
		clear(all)
		for i := range keys {
			maps.Copy(all, keys[i])
			f.wantKeys(t, states[i], keys[i], f.onServer(t))
		}
		f.wantKeys(t, states[0], keys[0], all)
	}
	mustApply(t, providers[0], states[0], nil)
	f.wantKeys(t, states[1], keys[1], keys[1])
}

func TestKeyPrefixResource_ttl(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	keys := map[string]string{"a": "1", "b": "2", "c": "3"}
	o := f.apply(t, f.none(), keys, "ttl", 1000)
	f.wantNoChange(t, o, f.attributes(keys, "ttl", 1000))
	f.put(t, "b", "2") // b loses its TTL.
	o = f.refresh(t, o)
	if got := o.text(t, "ttl"); got != "1000" {
		t.Errorf("ttl in state = %s, want the TTL of the other keys", got)
	}
	f.wantWarning(t, o, f.attributes(keys, "ttl", 1000), "gain a TTL", f.prefix+"/b: 1000 seconds")
	f.proxy.Reset()
	o = f.apply(t, o, keys, "ttl", 1000)
	if writes := f.writes(); len(writes) != 1 || !strings.HasSuffix(writes[0].Path, "/b") || writes[0].Param("ttl") != "1000" {
		t.Errorf("%d writes, want one for b with its TTL", len(writes))
	}
	f.proxy.Reset()
	keys["a"] = "changed"
	o = f.apply(t, o, keys, "ttl", 1000)
	if writes := f.writes(); len(writes) != 1 || writes[0].Param("ttl") != "1000" {
		t.Errorf("%d writes, want one with its TTL", len(writes))
	}
	o = f.apply(t, o, keys)
	for relative := range keys {
		if node := f.server.Get(t, f.prefix+"/"+relative).Node; node.TTL != 0 {
			t.Errorf("%s has a TTL after it was removed from the configuration", relative)
		}
	}
	f.put(t, "c", "3", "ttl=500") // c gets a TTL.
	o = f.refresh(t, o)
	if got := o.text(t, "ttl"); got != "" {
		t.Errorf("ttl in state = %q, want none, like the other keys", got)
	}
	f.wantWarning(t, o, f.attributes(keys), "lose their TTL", f.prefix+"/c: ")
	o = f.apply(t, o, keys)
	f.wantNoChange(t, o, f.attributes(keys))

	f.put(t, "c", "3", "ttl=1")
	eventually(t, "the key expires", func() bool { return f.server.Get(t, f.prefix+"/c").ErrorCode == 100 })
	if o = f.refresh(t, o); len(keysOf(t, o)) != 2 {
		t.Errorf("keys in state = %v, want those that have not expired", keysOf(t, o))
	}
	o = f.apply(t, o, keys)
	f.wantKeys(t, o, keys, keys)
}

func TestKeyPrefixResource_ttlIsRenewed(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	keys := map[string]string{"a": "1", "b": "2"}
	more := []any{"ttl", 1000, "ttl_renew_below", 500}
	o := f.apply(t, f.none(), keys, more...)
	f.wantNoChange(t, o, f.attributes(keys, more...))
	f.put(t, "b", "2", "ttl=400")
	o = f.refresh(t, o)
	if got, want := o.text(t, "expiration"), f.server.Get(t, f.prefix+"/b").Node.Expiration; got != want {
		t.Errorf("expiration = %s, want %s, the expiration of the first key to expire", got, want)
	}
	f.proxy.Reset()
	o = f.apply(t, o, keys, more...)
	writes := f.writes()
	if len(writes) != 1 || !strings.HasSuffix(writes[0].Path, "/b") || writes[0].Param("refresh") != "true" ||
		writes[0].Param("prevIndex") == "" {
		t.Errorf("writes = %v, want one guarded renewal of b", writes)
	}
	f.wantNoChange(t, o, f.attributes(keys, more...))

	f.proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Every: 2, Action: etcdtest.DropAnswer()})
	o = f.apply(t, o, keys, "ttl", 2000, "ttl_renew_below", 500)
	f.wantNoChange(t, o, f.attributes(keys, "ttl", 2000, "ttl_renew_below", 500))
	for _, attributes := range []map[string]any{
		f.attributes(keys, "ttl_renew_below", 10), f.attributes(keys, "ttl", 10, "ttl_renew_below", 10),
	} {
		if resp, _ := f.d.plan(t, o, attributes); errorText(resp.Diagnostics) == "" {
			t.Errorf("a plan for %v succeeded, want an error", attributes)
		}
	}
}

// A plan is computed again when it is applied. A key that comes due in between must not change
// the plan, because a CLI rejects that.
func TestKeyPrefixResource_planDoesNotAge(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	keys := map[string]string{"a": "1"}
	o := f.apply(t, f.none(), keys, "ttl", 1000, "ttl_renew_below", 500)
	f.put(t, "a", "1", "ttl=502")
	o = f.refresh(t, o)
	wanted := f.attributes(keys, "ttl", 1000, "ttl_renew_below", 500, "adopt_existing", true)
	before, _ := f.d.plan(t, o, wanted)
	eventually(t, "the key comes due", func() bool { return f.server.Get(t, f.prefix+"/a").Node.TTL < 500 })
	after, _ := f.d.plan(t, o, wanted)
	if !bytes.Equal(before.PlannedState.MsgPack, after.PlannedState.MsgPack) {
		t.Errorf("the plan came out as %q, and later as %q", before.PlannedState.MsgPack, after.PlannedState.MsgPack)
	}
	f.proxy.Reset()
	o = f.apply(t, f.refresh(t, o), keys, "ttl", 1000, "ttl_renew_below", 500, "adopt_existing", true)
	if writes := f.writes(); len(writes) != 1 {
		t.Errorf("%d writes after a refresh, want one renewal", len(writes))
	}
	f.wantNoChange(t, o, wanted)
}

// A changed TTL that could be written only for some keys.
func TestKeyPrefixResource_ttlHalfWay(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	keys := map[string]string{"a": "1", "b": "2", "c": "3"}
	o := f.apply(t, f.none(), keys, "ttl", 1000)
	f.put(t, "b", "rival")
	o, errs := f.d.apply(t, o, f.attributes(keys, "ttl", 2000))
	wantError(t, errs, "Key changed since it was planned", f.prefix+"/b was written")
	f.wantWarning(t, f.refresh(t, o), f.attributes(keys, "ttl", 2000), "gain a TTL", f.prefix+"/b: 2000 seconds")
	f.proxy.Reset()
	o = f.apply(t, f.refresh(t, o), keys, "ttl", 2000)
	if writes := f.writes(); len(writes) != 1 || !strings.HasSuffix(writes[0].Path, "/b") {
		t.Errorf("%d writes, want one for b", len(writes))
	}
	f.wantNoChange(t, o, f.attributes(keys, "ttl", 2000))
}

func TestKeyPrefixResource_defaultTTLAndPrefix(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	d := newDirect(t, map[string]any{"endpoints": []string{s.URL()}, "key_prefix": prefix, "default_ttl": 700})
	keys := map[string]any{"a": "1", "b/c": "2"}
	o := mustApply(t, d, d.none("etcd_key_prefix"), map[string]any{"prefix": "/", "keys": keys})
	if node := s.Get(t, prefix+"/b/c").Node; node.Value != "2" || node.TTL < 600 {
		t.Errorf("node on the server = %+v, want the value and the provider's TTL", node)
	}
	o, errs := d.refresh(t, o)
	if errs != "" {
		t.Fatal(errs)
	}
	if diff := cmp.Diff(map[string]string{"a": "1", "b/c": "2"}, keysOf(t, o)); diff != "" {
		t.Errorf("keys in state (-want +got):\n%s", diff)
	}
	s.Put(t, prefix+"/new", "x")
	_, errs = d.apply(t, o, map[string]any{"prefix": "/", "keys": map[string]any{"a": "1", "b/c": "2", "new": "y"}})
	wantError(t, errs, "/new already exists")
	if strings.Contains(errs, prefix) {
		t.Errorf("errors = %q, which shows the provider's prefix", errs)
	}
	if o = mustApply(t, d, o, nil); o.exists() || s.Get(t, prefix+"/a").ErrorCode != 100 {
		t.Error("a key exists after the destroy")
	}
}

func TestKeyPrefixResource_lostAnswers(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	r := rand.New(rand.NewPCG(1, 2))
	o, keys := f.none(), map[string]string{}
	for round := range rounds {
		for range 4 {
			keys[fmt.Sprintf("%d/%d", r.IntN(3), r.IntN(8))] = fmt.Sprint(round)
			delete(keys, fmt.Sprintf("%d/%d", r.IntN(3), r.IntN(8)))
		}
		more := []any{}
		if round%3 == 1 {
			more = []any{"ttl", 1000}
		}
		f.proxy.Clear()
		for _, method := range []string{http.MethodPut, http.MethodDelete} {
			f.proxy.Inject(etcdtest.Rule{Method: method, Every: 2, Skip: r.IntN(2), Action: etcdtest.DropAnswer()})
		}
		o = f.apply(t, o, keys, more...)
		f.proxy.Clear()
		f.wantKeys(t, o, keys, keys)
		f.wantNoChange(t, o, f.attributes(keys, more...))
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	f.proxy.Inject(etcdtest.Rule{Method: http.MethodDelete, Every: 2, Action: etcdtest.DropAnswer()})
	o = mustApply(t, f.d, o, nil)
	f.wantKeys(t, o, nil, map[string]string{})
}

// The answers to every attempt are lost, and the last read fails as well.
func TestKeyPrefixResource_outcomeUnknown(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	keys := map[string]string{"a": "1", "b": "2"}
	o := f.apply(t, f.none(), map[string]string{"a": "1"})
	isB := func(r etcdtest.Request) bool { return strings.HasSuffix(r.Path, f.prefix+"/b") }
	f.proxy.Inject(etcdtest.Rule{Match: isB, Action: etcdtest.DropAnswer()})
	o, errs := f.d.apply(t, o, f.attributes(keys))
	wantError(t, errs, "Outcome of a write is unknown", f.prefix+"/b")
	f.wantKeys(t, o, map[string]string{"a": "1"}, keys)
	f.proxy.Clear()
	// The write was applied after all, and the next refresh finds the key.
	o = f.refresh(t, o)
	f.wantKeys(t, o, keys, keys)
	f.wantNoChange(t, o, f.attributes(keys))

	// The same for a new prefix; a rival's key is not mistaken for ours.
	g := &prefixFixture{server: f.server, proxy: f.proxy, d: f.d, prefix: f.prefix + "-2"}
	g.proxy.Reset()
	g.proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Action: etcdtest.DropAnswer()})
	g.proxy.Inject(etcdtest.Rule{Path: "/v2/keys" + g.prefix + "/", Match: func(r etcdtest.Request) bool {
		return r.Method == http.MethodGet && len(g.writes()) > 0
	}, Action: etcdtest.CutBefore()})
	o, errs = g.d.apply(t, g.none(), g.attributes(map[string]string{"x": "secret-1", "y": "secret-2"}))
	wantError(t, errs, "Outcome of a write is unknown", "No key was written")
	if !o.exists() {
		t.Fatal("the prefix is not in state, so keys that may have been written are lost")
	}
	g.proxy.Clear()
	g.put(t, "y", "secret-rival")
	o = g.refresh(t, o)
	if diff := cmp.Diff(map[string]string{"x": "secret-1"}, keysOf(t, o)); diff != "" {
		t.Errorf("keys in state (-want +got):\n%s", diff)
	}
}

// The server goes down half-way.
func TestKeyPrefixResource_serverLost(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	keys := map[string]string{}
	for i := range 200 {
		keys[fmt.Sprintf("k%03d", i)] = "1"
	}
	f.proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Skip: 50, Action: etcdtest.CutBefore()})
	o, errs := f.d.apply(t, f.none(), f.attributes(keys))
	wantError(t, errs, "Outcome of a write is unknown", "50 of 200 writes were made; the state shows which.", "were not tried any more")
	f.wantKeys(t, o, f.onServer(t), f.onServer(t))
	if got := len(keysOf(t, o)); got != 50 {
		t.Errorf("%d keys in state, want 50", got)
	}
	if got := len(f.writes()); got > 50+keyspace.KeysAtOnce*3 {
		t.Errorf("%d writes were sent, want none after a permanent failure", got)
	}
	f.proxy.Refuse()
	if after, errs := f.d.refresh(t, o); !strings.Contains(errs, "Unable to read keys") || !after.exists() {
		t.Errorf("refresh without a server: in state: %t, errors = %q", after.exists(), errs)
	}
	f.proxy.Accept(t)
	f.proxy.Clear()
	o = f.apply(t, f.refresh(t, o), keys)
	f.wantKeys(t, o, keys, keys)
}

// To a server that cannot renew a TTL, the value is sent again.
func TestKeyPrefixResource_ttlOnOldServer(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	f.proxy.Inject(
		etcdtest.Rule{Path: "/version", Action: etcdtest.Respond(http.StatusOK, nil, `{"etcdserver":"2.2.5","etcdcluster":"2.2.0"}`)},
	)
	keys := map[string]string{"a": "1", "b": "2"}
	o := f.apply(t, f.none(), keys, "ttl", 1000)
	f.proxy.Reset()
	o = f.apply(t, o, keys, "ttl", 2000)
	for _, r := range f.writes() {
		if r.Form.Has("refresh") || r.Param("value") == "" {
			t.Errorf("%s %s requests a renewal, which would empty the value on this server", r.Method, r.Path)
		}
	}
	f.wantKeys(t, o, keys, keys)
	f.wantNoChange(t, o, f.attributes(keys, "ttl", 2000))
}

func TestKeyPrefixResource_stateIsKept(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	keys := map[string]string{"a": "1", "_hidden": "2"}
	o := f.apply(t, f.none(), keys)
	for name, action := range map[string]etcdtest.Action{
		"no v2":   etcdtest.Respond(http.StatusNotFound, http.Header{"Content-Type": {"text/plain"}}, "404 page not found\n"),
		"gateway": etcdtest.Respond(http.StatusNotFound, http.Header{"Content-Type": {"application/json"}}, "{}"),
		"unauthorized": etcdtest.Respond(
			http.StatusUnauthorized, nil,
			`{"errorCode":110,"message":"The request requires user authentication","cause":"Insufficient credentials","index":0}`,
		),
		"no quorum": etcdtest.Respond(
			http.StatusInternalServerError, nil,
			`{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}`,
		),
		"broken": etcdtest.TruncateAnswer(10),
	} {
		for _, path := range []string{f.prefix + "/", f.prefix + "/_hidden"} {
			f.proxy.Clear()
			f.proxy.Inject(etcdtest.Rule{Method: http.MethodGet, Path: "/v2/keys" + path, Match: func(r etcdtest.Request) bool {
				return r.Path == "/v2/keys"+path
			}, Action: action})
			after, errs := f.d.refresh(t, o)
			if errs == "" || !after.exists() || len(keysOf(t, after)) != len(keys) {
				t.Errorf("%s, reading %s: %d keys in state, errors = %q", name, path, len(keysOf(t, after)), errs)
			}
		}
	}
	f.proxy.Clear()
	f.wantNoChange(t, o, f.attributes(keys))
}

// The run is interrupted half-way: state contains what was written by then.
func TestKeyPrefixResource_interrupted(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	keys := map[string]string{}
	for i := range 200 {
		keys[fmt.Sprintf("k%03d", i)] = "1"
	}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	f.proxy.Inject(
		etcdtest.Rule{Method: http.MethodPut, Skip: 50, Times: 1, Action: etcdtest.InterceptAnswer(func(etcdtest.Request) { interrupt() })},
	)
	planned, cfg := f.d.plan(t, f.none(), f.attributes(keys))
	o, errs := f.d.applyPlan(ctx, t, f.none(), planned, cfg)
	wantError(t, errs, "of 200 writes were made; the state shows which.", "were not tried any more")
	// A write in flight may have been applied after the last read.
	o = f.refresh(t, o)
	if held := f.onServer(t); len(held) < 50 || len(held) > 50+2*keyspace.KeysAtOnce {
		t.Errorf("%d keys on the server, want about 50", len(held))
	}
	f.wantKeys(t, o, f.onServer(t), f.onServer(t))
	o = f.apply(t, o, keys)
	f.wantKeys(t, o, keys, keys)
}

// Another program writes during every apply, and answers are lost as well. Its writes are in no
// plan, and must survive.
func TestKeyPrefixResource_restlessRival(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	r := rand.New(rand.NewPCG(3, 4))
	name := func() string { return fmt.Sprintf("%d/%d", r.IntN(2), r.IntN(6)) }
	isWrite := func(q etcdtest.Request) bool { return q.Method != http.MethodGet }
	o, keys, conflicts := f.none(), map[string]string{}, 0
	for round := range rounds {
		f.proxy.Clear()
		if o.exists() {
			o = f.refresh(t, o)
		}
		state := keysOf(t, o)
		for relative := range f.onServer(t) {
			if _, ok := state[relative]; !ok {
				f.remove(t, relative) // Otherwise every create would be refused.
			}
		}
		for range 3 {
			keys[name()] = fmt.Sprintf("ours %d", round)
			delete(keys, name())
		}
		rival, came := map[string]string{name(): fmt.Sprintf("theirs %d", round), name(): fmt.Sprintf("theirs too %d", round)}, false
		var once sync.Once
		f.proxy.Inject(etcdtest.Rule{Match: isWrite, Action: etcdtest.Intercept(func(etcdtest.Request) {
			once.Do(func() {
				came = true
				for relative, value := range rival {
					f.put(t, relative, value)
				}
			})
		})})
		f.proxy.Inject(etcdtest.Rule{Match: isWrite, Every: 3, Action: etcdtest.DropAnswer()})
		var errs string
		if o, errs = f.d.apply(t, o, f.attributes(keys)); errs != "" {
			conflicts++
		}
		held := f.onServer(t)
		for relative, value := range rival {
			if came && held[relative] != value {
				t.Fatalf("round %d: %s = %q on the server, want the rival's %q: %s", round, relative, held[relative], value, errs)
			}
		}
		for relative, value := range keysOf(t, o) {
			if _, ok := rival[relative]; !ok && held[relative] != value {
				t.Fatalf("round %d: %s = %q in state, %q on the server", round, relative, value, held[relative])
			}
		}
	}
	if conflicts < rounds/10 {
		t.Errorf("conflicts = %d, want more", conflicts)
	}
}

func TestKeyPrefixResource_permissions(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t, etcdtest.WithAuth("root"))
	s.JSON(t, "PUT", "/v2/auth/roles/app", map[string]any{"role": "app", "permissions": map[string]any{
		"kv": map[string]any{"read": []string{"/app/*"}, "write": []string{"/app/*"}},
	}})
	s.JSON(t, "PUT", "/v2/auth/users/app", map[string]any{"user": "app", "password": "pw", "roles": []string{"app"}})
	d := newDirect(t, map[string]any{"endpoints": []string{s.URL()}, "username": "app", "password": "pw"})
	o := mustApply(t, d, d.none("etcd_key_prefix"), map[string]any{"prefix": "/app", "keys": map[string]any{"a": "1"}})
	if _, errs := d.refresh(t, o); errs != "" {
		t.Error(errs)
	}
	_, errs := d.apply(t, d.none("etcd_key_prefix"), map[string]any{"prefix": "/other", "keys": map[string]any{"a": "secret"}})
	wantError(t, errs, "Unable to read keys", "/other", "no role of the user permits")
}

func TestKeyPrefixResource_invalidKeys(t *testing.T) {
	t.Parallel()

	d := newDirect(t, map[string]any{"endpoints": []string{"http://127.0.0.1:1"}})
	typ := d.schemas.ResourceSchemas["etcd_key_prefix"].ValueType()
	for name, test := range map[string]struct {
		attributes map[string]any
		want       string
	}{
		"leading slash":  {map[string]any{"prefix": "/p", "keys": map[string]any{"/a": "1"}}, `write it relative to the prefix, as "a"`},
		"trailing slash": {map[string]any{"prefix": "/p", "keys": map[string]any{"a/": "1"}}, "ends with a slash"},
		"empty segment":  {map[string]any{"prefix": "/p", "keys": map[string]any{"a//b": "1"}}, "empty segment"},
		"dots":           {map[string]any{"prefix": "/p", "keys": map[string]any{"a/../b": "1"}}, `segment ".."`},
		"empty":          {map[string]any{"prefix": "/p", "keys": map[string]any{"": "1"}}, "it is empty"},
		"overlap":        {map[string]any{"prefix": "/p", "keys": map[string]any{"a": "1", "a/b/c": "1"}}, `"a/b/c" is below "a"`},
		"null":           {map[string]any{"prefix": "/p", "keys": map[string]any{"a": nil}}, `keys["a"] is null`},
		"prefix":         {map[string]any{"prefix": "p/", "keys": map[string]any{"a": "1"}}, "does not start with a slash"},
		"ttl":            {map[string]any{"prefix": "/p", "keys": map[string]any{"a": "1"}, "ttl": 0}, "between 1 and"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := dynamic(t, typ, value(t, typ, test.attributes))
			resp, err := d.server.ValidateResourceConfig(
				t.Context(), &tfprotov6.ValidateResourceConfigRequest{TypeName: "etcd_key_prefix", Config: config},
			)
			if err != nil {
				t.Fatal(err)
			}
			wantError(t, errorText(resp.Diagnostics), test.want)
		})
	}
}

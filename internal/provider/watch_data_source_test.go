package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

func isWatch(r etcdtest.Request) bool { return r.Param("wait") == "true" }

func watches(p *etcdtest.Proxy) int {
	n := 0
	for _, r := range p.Requests() {
		if isWatch(r) {
			n++
		}
	}
	return n
}

// Each write comes after the read of the key and before the watch reaches the server. It would be
// missed if the watch did not begin where the read ended.
func TestAccWatchDataSource(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	const watch = "data.etcd_watch.x"
	for name, tc := range map[string]struct {
		condition string
		before    string // value before, "" for none
		change    func(t *testing.T, key string)
		want      knownvalue.Check
	}{
		"exists": {
			condition: `exists = true`,
			change:    func(t *testing.T, key string) { t.Helper(); s.Put(t, key, "now") },
			want:      wantText("now"),
		},
		"exists as a directory": {
			condition: `exists = true`,
			change:    func(t *testing.T, key string) { t.Helper(); s.Mkdir(t, key) },
			want:      knownvalue.Null(),
		},
		"deleted": {
			condition: `exists = false`, before: "old",
			change: func(t *testing.T, key string) { t.Helper(); s.Delete(t, key) },
			want:   knownvalue.Null(),
		},
		"deleted with its directory": {
			condition: `exists = false`, before: "old",
			change: func(t *testing.T, key string) {
				t.Helper()
				s.Delete(t, strings.TrimSuffix(key, "/key"), "recursive=true")
			},
			want: knownvalue.Null(),
		},
		"changed": {
			condition: `changed_since = %d`, before: "old",
			change: func(t *testing.T, key string) { t.Helper(); s.Put(t, key, "old") },
			want:   wantText("old"),
		},
		"equals": {
			condition: `equals = "done"`, before: "old",
			change: func(t *testing.T, key string) {
				t.Helper()
				s.Put(t, key+"-other", "done")
				s.Put(t, key, "almost done")
				s.Delete(t, key)
				s.Put(t, key, "done")
			},
			want: wantText("done"),
		},
		"matches": {
			condition: `matches = "^(done|failed):"`, before: "not done: x",
			change: func(t *testing.T, key string) { t.Helper(); s.Put(t, key, "failed: 3 of 4") },
			want:   wantText("failed: 3 of 4"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := etcdtest.Prefix(t) + "/dir/key"
			if tc.before != "" {
				index := s.Put(t, key, tc.before).Node.ModifiedIndex
				if strings.Contains(tc.condition, "%d") {
					tc.condition = fmt.Sprintf(tc.condition, index)
				}
			}
			proxy := etcdtest.NewProxy(t, s.URL())
			proxy.Inject(etcdtest.Rule{Match: isWatch, Times: 1, Action: etcdtest.Intercept(func(etcdtest.Request) {
				etcdtest.Apart(t, func(t *testing.T) { tc.change(t, key) })
			})})
			acceptance(t, resource.TestStep{
				Config:            config(proxy.URL(), "data \"etcd_watch\" \"x\" {\n  key     = %q\n  timeout = \"30s\"\n  %s\n}", key, tc.condition),
				ConfigStateChecks: []statecheck.StateCheck{wantData(watch, "value", tc.want)},
			})
			if n := watches(proxy); n == 0 || n > 4 {
				t.Errorf("%d watches were sent, want only those of the first read", n)
			}
		})
	}
}

func TestAccWatchDataSource_holdsAlready(t *testing.T) {
	t.Parallel()
	s, key := etcdtest.Shared(t), etcdtest.Prefix(t)+"/key"
	node := s.Put(t, key, "done").Node
	proxy := etcdtest.NewProxy(t, s.URL())
	var steps []resource.TestStep
	for _, condition := range []string{`exists = true`, `changed_since = 0`, `equals = "done"`, `matches = "on"`} {
		steps = append(steps, resource.TestStep{
			Config: config(proxy.URL(), "data \"etcd_watch\" \"x\" {\n  key = %q\n  %s\n}", key, condition),
			ConfigStateChecks: []statecheck.StateCheck{
				wantData("data.etcd_watch.x", "value", wantText("done")),
				wantData("data.etcd_watch.x", "created_index", knownvalue.Int64Exact(int64(node.CreatedIndex))),
				wantData("data.etcd_watch.x", "modified_index", knownvalue.Int64Exact(int64(node.ModifiedIndex))),
			},
		})
	}
	steps = append(steps, resource.TestStep{
		Config:            config(proxy.URL(), "data \"etcd_watch\" \"x\" {\n  key = \"%s-none\"\n  exists = false\n}", key),
		ConfigStateChecks: []statecheck.StateCheck{wantData("data.etcd_watch.x", "modified_index", knownvalue.Null())},
	})
	t.Cleanup(func() {
		if n := watches(proxy); n != 0 {
			t.Errorf("%d watches were sent, want none", n)
		}
	})
	acceptance(t, steps...)
}

func TestAccWatchDataSource_refused(t *testing.T) {
	t.Parallel()
	s, prefix := etcdtest.Shared(t), etcdtest.Prefix(t)
	s.Mkdir(t, prefix+"/dir")
	s.Put(t, prefix+"/key", "a secret")
	step := func(key, attributes, want string) resource.TestStep {
		return resource.TestStep{
			Config:      config(s.URL(), "data \"etcd_watch\" \"x\" {\n  key     = %q\n  timeout = \"1s\"\n  %s\n}", key, attributes),
			ExpectError: spaced(want),
		}
	}
	acceptance(t,
		step(prefix+"/key", ``, "Exactly one of these attributes must be configured"),
		step(prefix+"/key", "exists = true\n  equals = \"x\"", "Exactly one of these attributes"),
		step(prefix+"/key", `matches = "("`, "Invalid regular expression"),
		step(prefix+"/key", `changed_since = -1`, "must be at least 0"),
		step("key", `exists = true`, "does not start with a slash"),
		step(prefix+"/dir", `equals = "x"`, "There is a directory at "+prefix+"/dir, which has no value"),
		step(prefix+"/dir", `changed_since = 0`, "There is a directory at"),
		step(prefix+"/none", `exists = true`, "Waited 1s for "+prefix+"/none to exist; it does not exist."),
	)
}

func TestWait_timeout(t *testing.T) {
	t.Parallel()
	s, key := etcdtest.Shared(t), etcdtest.Prefix(t)+"/key"
	index := s.Put(t, key, "a secret").Node.ModifiedIndex
	w, keys := newWait(
		t, waitModel{Key: types.StringValue(key), Equals: types.StringValue("another secret"), Timeout: types.StringValue("300ms")}, s.URL(),
	)
	var reported []string
	w.progress = func(text string) { reported = append(reported, text) }
	_, err := w.until(t.Context(), keys)
	want := fmt.Sprintf("waited 300ms for %s to have the value of equals; it was last changed at index %d", key, index)
	if err == nil || err.Error() != want {
		t.Errorf("error = %v, want %s", err, want)
	}
	if len(reported) == 0 || strings.Contains(strings.Join(reported, "\n"), "secret") {
		t.Errorf("progress = %q, want some and no value", reported)
	}
}

func TestWait_interrupted(t *testing.T) {
	t.Parallel()
	s, key := etcdtest.Shared(t), etcdtest.Prefix(t)+"/key"
	proxy := etcdtest.NewProxy(t, s.URL())
	w, keys := newWait(t, waitModel{Key: types.StringValue(key), Exists: types.BoolValue(true)}, proxy.URL())
	ctx, cancel := context.WithCancel(t.Context())
	proxy.Inject(etcdtest.Rule{Match: isWatch, Times: 1, Action: etcdtest.Intercept(func(etcdtest.Request) { cancel() })})
	start := time.Now()
	if _, err := w.until(ctx, keys); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want %v", err, context.Canceled)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the wait ended after %s", took)
	}
}

// A directory that is created implicitly by a key in it is not an event of its own.
func TestWait_implicitDirectory(t *testing.T) {
	t.Parallel()
	s, key := etcdtest.Shared(t), etcdtest.Prefix(t)+"/dir"
	proxy := etcdtest.NewProxy(t, s.URL())
	proxy.Inject(etcdtest.Rule{Match: isWatch, Times: 1, Action: etcdtest.Intercept(func(etcdtest.Request) { s.Put(t, key+"/below", "x") })})
	w, keys := newWait(
		t, waitModel{Key: types.StringValue(key), Exists: types.BoolValue(true), Timeout: types.StringValue("20s")}, proxy.URL(),
	)
	w.readEvery = 100 * time.Millisecond
	node, err := w.until(t.Context(), keys)
	if err != nil || !node.Dir {
		t.Errorf("until() = %+v, %v, want a directory", node, err)
	}
}

// A connection that is lost while waiting does not end the wait.
func TestWait_connectionLost(t *testing.T) {
	t.Parallel()
	s, key := etcdtest.Shared(t), etcdtest.Prefix(t)+"/key"
	proxy := etcdtest.NewProxy(t, s.URL())
	proxy.Inject(etcdtest.Rule{Method: http.MethodGet, Match: isWatch, Times: 2, Action: etcdtest.CutBefore()})
	proxy.Inject(etcdtest.Rule{Match: isWatch, Skip: 2, Times: 1, Action: etcdtest.Intercept(func(etcdtest.Request) { s.Put(t, key, "x") })})
	w, keys := newWait(
		t, waitModel{Key: types.StringValue(key), Exists: types.BoolValue(true), Timeout: types.StringValue("20s")}, proxy.URL(),
	)
	node, err := w.until(t.Context(), keys)
	if err != nil || node.Value != "x" {
		t.Errorf("until() = %+v, %v, want the key", node, err)
	}
}

func newWait(t *testing.T, model waitModel, endpoint string) (wait, *etcdv2.KeysService) {
	t.Helper()
	w, err := model.wait()
	if err != nil {
		t.Fatal(err)
	}
	client, err := etcdv2.New(etcdv2.Options{Endpoints: []string{endpoint}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return w, client.Keys
}

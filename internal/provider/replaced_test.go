package provider

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// An object that was replaced by something else does not make plans or the destroy fail: it is
// shown as deleted, and what is in its place stays.
func TestCLI_somethingElseInPlace(t *testing.T) {
	t.Parallel()

	const keyNow, dirNow = "Directory is a key now", "Key is a directory now"
	l := newLab(t)
	toDir := func(t *testing.T, path string) {
		t.Helper()
		l.server.Delete(t, path)
		l.server.Put(t, path+"/theirs", "v")
	}
	toKey := func(t *testing.T, path string) {
		t.Helper()
		l.server.Delete(t, path, "recursive=true")
		l.server.Put(t, path, "theirs")
	}
	for name, c := range map[string]struct {
		configuration, path, warning string
		replace                      func(t *testing.T, path string)
	}{
		"key": {"resource \"etcd_key\" \"test\" {\n  key = \"PREFIX/x\"\n  value = \"v\"\n}\n", "/x", dirNow, toDir},
		"key with JSON": {
			"resource \"etcd_key\" \"test\" {\n  key = \"PREFIX/x\"\n  value_json = \"{}\"\n  ttl = 5000\n}\n", "/x", dirNow, toDir,
		},
		"directory": {"resource \"etcd_dir\" \"test\" {\n  path = \"PREFIX/x\"\n  force_destroy = true\n}\n", "/x", keyNow, toKey},
		"key of a prefix": {
			"resource \"etcd_key_prefix\" \"test\" {\n  prefix = \"PREFIX\"\n  keys = { x = \"v\", y = \"v\" }\n}\n", "/x", dirNow, toDir,
		},
		"prefix": {"resource \"etcd_key_prefix\" \"test\" {\n  prefix = \"PREFIX/x\"\n  keys = { y = \"v\" }\n}\n", "/x", keyNow, toKey},
	} {
		for _, args := range [][]string{nil, {"-refresh=false"}} {
			t.Run(fmt.Sprint(name, args), func(t *testing.T) {
				t.Parallel()
				own := etcdtest.Prefix(t)
				w := l.workspace(t, "1.0.0", l.server.URL(), strings.ReplaceAll(c.configuration, "PREFIX", own)+
					"resource \"etcd_key\" \"other\" {\n  key = \""+own+"/other\"\n  value = \"v\"\n}\n")
				mustRun(t, w, 0, "apply", "-auto-approve")
				c.replace(t, own+c.path)
				there := keysBelow(t, l.server, own+c.path)
				if args == nil {
					if output := mustRun(t, w, 2, "plan", "-detailed-exitcode"); !strings.Contains(output, c.warning) {
						t.Errorf("the plan does not warn:\n%s", output)
					}
				}
				output := mustRun(t, w, 0, append([]string{"destroy", "-auto-approve"}, args...)...)
				if found := keysBelow(t, l.server, own+c.path); !maps.Equal(found, there) {
					t.Errorf("keys = %v, want %v; output of the destroy:\n%s", found, there, output)
				}
				if code := l.server.Get(t, own+"/other").ErrorCode; code != 100 {
					t.Errorf("the other key still exists:\n%s", output)
				}
			})
		}
	}
}

// A key in order that was replaced by a directory leaves state too.
func TestInOrderKeyResource_becameDirectory(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	d := newDirect(t, endpoint(s.URL()))
	o := mustApply(t, d, d.none("etcd_in_order_key"), map[string]any{"dir": etcdtest.Prefix(t), "value": "v"})
	key := o.text(t, "key")
	s.Delete(t, key)
	s.Put(t, key+"/theirs", "v")
	if after, errs := d.apply(t, o, nil); errs != "" || after.exists() {
		t.Errorf("destroy: errors = %q, in state: %t", errs, after.exists())
	}
	if after, errs := d.refresh(t, o); errs != "" || after.exists() {
		t.Errorf("refresh: errors = %q, in state: %t", errs, after.exists())
	}
	if got := s.Get(t, key+"/theirs").Node.Value; got != "v" {
		t.Errorf("key in its place = %q, want %q", got, "v")
	}
}

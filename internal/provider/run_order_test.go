package provider

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// inOrderOwnershipCases returns the cases of keys in order, which have no name to share until the
// server chooses one.
func inOrderOwnershipCases() map[string]ownership {
	one := "resource \"etcd_in_order_key\" \"test\" {\n  dir = \"PREFIX/q\"\n  value = \"v\"\n%s}\n"
	two := "resource \"etcd_in_order_key\" \"test\" {\n  for_each = { x = %q, y = %q }\n  dir = \"PREFIX/q\"\n  value = each.value\n}\n"
	// An object of another type manages the key that etcd_in_order_key created.
	alias := fmt.Sprintf(one, "") + "resource \"etcd_key\" \"same\" {\n  key = etcd_in_order_key.test.key\n  value = \"v\"\n" +
		"  adopt_existing = true\n}\n"
	moved := func(a, b string) string {
		return fmt.Sprintf("resource \"etcd_in_order_key\" \"test\" {\n  for_each = { x = %q, y = %q }\n  dir = \"PREFIX/${each.value}\"\n"+
			"  value = each.value\n}\n", a, b)
	}
	values := func(want ...string) func(*testing.T, *etcdtest.Server, string) {
		return func(t *testing.T, s *etcdtest.Server, prefix string) {
			t.Helper()
			if found := slices.Sorted(maps.Values(keysBelow(t, s, prefix))); !slices.Equal(found, want) {
				t.Errorf("values = %q, want %q", found, want)
			}
		}
	}
	replaced := func(configuration string) ownership {
		c := replaced(configuration, "etcd_in_order_key.test")
		c.check = values("v")
		return c
	}
	return map[string]ownership{
		"key in order, -replace":     replaced(fmt.Sprintf(one, "")),
		"key in order, create first": replaced(fmt.Sprintf(one, createBeforeDestroy)),
		"keys in order rotate":       {before: fmt.Sprintf(two, "a", "b"), after: fmt.Sprintf(two, "b", "a"), check: values("a", "b")},
		"keys in order swap places": {
			before: moved("a", "b"), after: moved("b", "a"),
			check: func(t *testing.T, s *etcdtest.Server, prefix string) {
				t.Helper()
				for key, value := range keysBelow(t, s, prefix) {
					if !strings.HasPrefix(key, value+"/") {
						t.Errorf("%s contains %q", key, value)
					}
				}
				values("a", "b")(t, s, prefix)
			},
		},
		"a key in order and a key that manages it, -replace": {
			before: alias, after: alias, args: []string{"-replace=etcd_in_order_key.test"}, check: values("v"),
		},
	}
}

// A replaced member is a member in the end. One that cannot be created before the other is removed
// leaves the cluster unchanged.
func TestCLI_ownershipOfMembers(t *testing.T) {
	t.Parallel()

	cluster := etcdtest.StartCluster(t, 3)
	first := cluster.Servers[0]
	l := newLab(t)
	for name, lifecycle := range map[string]string{"-replace": "", "create first": createBeforeDestroy} {
		// One after the other, because each counts the members of the same cluster.
		w := l.workspace(
			t, "1.0.0", first.URL(), fmt.Sprintf("resource \"etcd_member\" \"n4\" {\n  peer_urls = [\"http://127.0.0.1:1\"]\n%s}\n", lifecycle),
		)
		mustRun(t, w, 0, "apply", "-auto-approve")
		if n := len(membersOf(t, first)); n != 4 {
			t.Fatalf("%s: members = %d, want 4", name, n)
		}
		if lifecycle == "" {
			mustRun(t, w, 0, "apply", "-auto-approve", "-replace=etcd_member.n4")
		} else if output := mustRun(t, w, 1, "apply", "-auto-approve", "-replace=etcd_member.n4"); !strings.Contains(output, "already") {
			t.Errorf("%s: output of the apply:\n%s", name, output)
		}
		if !hasMember(t, first, "http://127.0.0.1:1") || len(membersOf(t, first)) != 4 {
			t.Errorf("%s: members = %v", name, membersOf(t, first))
		}
		mustRun(t, w, 0, "plan", "-detailed-exitcode")
		mustRun(t, w, 0, "destroy", "-auto-approve")
		if n := len(membersOf(t, first)); n != 3 {
			t.Errorf("%s: members after the destroy = %d, want 3", name, n)
		}
	}
}

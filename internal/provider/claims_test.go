package provider

import (
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// A plan warns of conflicts within a configuration, once, and does not warn without one.
func TestCLI_fightsAreWarnedOf(t *testing.T) {
	t.Parallel()

	const (
		twice = "Managed by two objects"
		below = "Key below an exclusive prefix"
	)
	l := newLab(t)
	for name, c := range map[string]struct{ configuration, warning, object string }{
		"two keys": {
			"resource \"etcd_key\" \"test\" {\n  count = 2\n  key = \"PREFIX/a\"\n  value = \"v${count.index}\"\n}\n", twice, "PREFIX/a",
		},
		"a key and a prefix": {
			"resource \"etcd_key\" \"test\" {\n  key = \"PREFIX/a\"\n  value = \"v\"\n}\nresource \"etcd_key_prefix\" \"test\" {\n" +
				"  prefix = \"PREFIX\"\n  keys = { a = \"v\" }\n}\n",
			twice, "PREFIX/a",
		},
		"a key below an exclusive prefix": {
			"resource \"etcd_key\" \"test\" {\n  key = \"PREFIX/a\"\n  value = \"v\"\n}\nresource \"etcd_key_prefix\" \"test\" {\n" +
				"  prefix = \"PREFIX\"\n  keys = {}\n  exclusive = true\n}\n",
			below, "PREFIX/a",
		},
		"nested exclusive prefixes": {
			"resource \"etcd_key_prefix\" \"outer\" {\n  prefix = \"PREFIX\"\n  keys = { k = \"v\" }\n  exclusive = true\n}\n" +
				"resource \"etcd_key_prefix\" \"inner\" {\n  prefix = \"PREFIX/in\"\n  keys = { k = \"v\" }\n  exclusive = true\n}\n",
			below, "PREFIX/in/k",
		},
		"two directories": {"resource \"etcd_dir\" \"test\" {\n  count = 2\n  path = \"PREFIX/a\"\n}\n", twice, "PREFIX/a"},
		"a user and a grant": {
			"resource \"etcd_user\" \"test\" {\n  name = \"NAME\"\n  password = \"pw\"\n  roles = [\"a\"]\n}\n" +
				"resource \"etcd_user_role\" \"test\" {\n  user = \"NAME\"\n  role = \"b\"\n}\n",
			twice, "the roles of user NAME",
		},
		"a role and a permission": {
			"resource \"etcd_role\" \"test\" {\n  name = \"NAME\"\n  kv_read = [\"/a\"]\n}\nresource \"etcd_role_permission\" \"test\" {\n" +
				"  role = \"NAME\"\n  access = \"read\"\n  pattern = \"/b\"\n}\n",
			twice, "the permissions of role NAME to read",
		},
		"a role and a permission of the other kind": {
			"resource \"etcd_role\" \"test\" {\n  name = \"NAME\"\n  kv_write = [\"/a\"]\n}\nresource \"etcd_role_permission\" \"test\" {\n" +
				"  role = \"NAME\"\n  access = \"read\"\n  pattern = \"/b\"\n}\n",
			"", "",
		},
		"grants of one user": {
			"resource \"etcd_user\" \"test\" {\n  name = \"NAME\"\n  password = \"pw\"\n}\nresource \"etcd_user_role\" \"test\" {\n  count = 2\n" +
				"  user = \"NAME\"\n  role = \"r${count.index}\"\n}\n",
			"", "",
		},
		"a directory and what is in it": {
			"resource \"etcd_dir\" \"test\" {\n  path = \"PREFIX/d\"\n}\nresource \"etcd_key\" \"test\" {\n  key = \"${etcd_dir.test.path}/k\"\n" +
				"  value = \"v\"\n}\n" +
				"resource \"etcd_key_prefix\" \"test\" {\n  prefix = \"${etcd_dir.test.path}\"\n  keys = { other = \"v\" }\n}\n",
			"", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := etcdtest.Prefix(t)
			fill := strings.NewReplacer("PREFIX", own, "NAME", strings.TrimPrefix(own, "/")).Replace
			w := l.workspace(t, "1.0.0", l.server.URL(), fill(c.configuration))
			output := mustRun(t, w, 0, "plan")
			if c.warning == "" {
				if strings.Contains(output, "Warning:") {
					t.Errorf("the plan warns:\n%s", output)
				}
				return
			}
			if n := strings.Count(output, "Warning: "+c.warning); n != 1 || !errorWith(fill(c.object)).MatchString(output) {
				t.Errorf("%d warnings %q, want 1 about %s:\n%s", n, c.warning, fill(c.object), output)
			}
		})
	}
}

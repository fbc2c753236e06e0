package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// wants is an intent with sole claims.
func wants(objects ...storeObject) intent {
	want := intent{claims: map[storeObject]terms{}}
	for _, o := range objects {
		want.claims[o] = sole
	}
	return want
}

func TestClaims_plan(t *testing.T) {
	t.Parallel()

	key := claimant{resource: "etcd_key", sum: 1}
	other := claimant{resource: "etcd_key", sum: 2}
	kept := claimant{resource: "etcd_key", exists: true, idle: true, sum: 1}
	prefix := claimant{resource: "etcd_key_prefix", sum: 3}
	exclusive := wants(nodeAt("/p/listed"))
	exclusive.exclusive = "/p"
	dir := claimant{resource: "etcd_dir", sum: 4}
	ofDir := intent{claims: map[storeObject]terms{nodeAt("/p/d"): soleDir}}
	gone := claimant{resource: "etcd_dir", exists: true}
	grant := func(role string) intent {
		return intent{claims: map[storeObject]terms{grantOf("u", role): sole, allRolesOf("u"): shared}}
	}
	type step struct {
		by   claimant
		want intent
	}
	for name, test := range map[string]struct {
		steps []step
		rival string
	}{
		"two keys":                     {[]step{{key, wants(nodeAt("/a"))}, {other, wants(nodeAt("/a"))}}, "twice etcd_key: /a"},
		"other paths":                  {[]step{{key, wants(nodeAt("/a"))}, {other, wants(nodeAt("/b"))}}, ""},
		"one that is replaced":         {[]step{{kept, wants(nodeAt("/a"))}, {key, wants(nodeAt("/a"))}}, ""},
		"a prefix lists it":            {[]step{{prefix, wants(nodeAt("/a"), nodeAt("/b"))}, {key, wants(nodeAt("/b"))}}, "twice etcd_key_prefix: /b"},
		"a key below":                  {[]step{{prefix, exclusive}, {key, wants(nodeAt("/p/x/y"))}}, "exclusive etcd_key_prefix: /p/x/y"},
		"a key below, planned first":   {[]step{{key, wants(nodeAt("/p/x/y"))}, {prefix, exclusive}}, "exclusive etcd_key: /p/x/y"},
		"a listed key below":           {[]step{{prefix, exclusive}, {key, wants(nodeAt("/p/listed"))}}, "twice etcd_key_prefix: /p/listed"},
		"a key beside":                 {[]step{{prefix, exclusive}, {key, wants(nodeAt("/pp/x"))}}, ""},
		"a directory below":            {[]step{{prefix, exclusive}, {dir, ofDir}}, ""},
		"a directory, planned first":   {[]step{{dir, ofDir}, {prefix, exclusive}}, ""},
		"grants of one user":           {[]step{{key, grant("a")}, {other, grant("b")}}, ""},
		"the same grant":               {[]step{{key, grant("a")}, {other, grant("a")}}, "twice etcd_key: grant u/a"},
		"roles and a grant":            {[]step{{prefix, wants(allRolesOf("u"))}, {key, grant("a")}}, "twice etcd_key_prefix: the roles of user u"},
		"deleted and kept":             {[]step{{gone, intent{releases: []storeObject{nodeAt("/a")}}}, {kept, wants(nodeAt("/a"))}}, "lost etcd_dir: /a"},
		"kept and deleted":             {[]step{{kept, wants(nodeAt("/a"))}, {gone, intent{releases: []storeObject{nodeAt("/a")}}}}, "lost etcd_key: /a"},
		"deleted and written":          {[]step{{gone, intent{releases: []storeObject{nodeAt("/a")}}}, {key, wants(nodeAt("/a"))}}, ""},
		"a tree deleted, a key kept":   {[]step{{gone, intent{tree: "/d"}}, {kept, wants(nodeAt("/d/a"))}}, "lost etcd_dir: /d/a"},
		"a key kept, a tree deleted":   {[]step{{kept, wants(nodeAt("/d/a"))}, {gone, intent{tree: "/d"}}}, "lost etcd_key: /d/a"},
		"a tree deleted, a key beside": {[]step{{gone, intent{tree: "/d"}}, {kept, wants(nodeAt("/dd"))}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClaims()
			var got []string
			for _, s := range test.steps {
				for _, r := range c.plan(s.by, s.want) {
					what := []string{"twice", "exclusive", "lost"}[r.rivalry]
					got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s: %s", what, r.resource, strings.Trim(fmt.Sprint(r.objects), "[]"))))
				}
			}
			if diff := cmp.Diff(test.rival, strings.Join(got, "; ")); diff != "" {
				t.Errorf("rivals (-want +got):\n%s", diff)
			}
		})
	}
}

// Fights within a configuration are warned of at plan time, once, and what is
// no fight is not.
func TestCLI_fightsAreWarnedOf(t *testing.T) {
	t.Parallel()

	const (
		twice = "Managed by two objects"
		below = "Key below an exclusive prefix"
	)
	l := newLab(t)
	for name, c := range map[string]struct{ configuration, warning, object string }{
		"two keys": {"resource \"etcd_key\" \"test\" {\n  count = 2\n  key = \"PREFIX/a\"\n  value = \"v${count.index}\"\n}\n", twice, "PREFIX/a"},
		"a key and a prefix": {
			"resource \"etcd_key\" \"test\" {\n  key = \"PREFIX/a\"\n  value = \"v\"\n}\nresource \"etcd_key_prefix\" \"test\" {\n  prefix = \"PREFIX\"\n  keys = { a = \"v\" }\n}\n",
			twice, "PREFIX/a",
		},
		"a key below an exclusive prefix": {
			"resource \"etcd_key\" \"test\" {\n  key = \"PREFIX/a\"\n  value = \"v\"\n}\nresource \"etcd_key_prefix\" \"test\" {\n  prefix = \"PREFIX\"\n  keys = {}\n  exclusive = true\n}\n",
			below, "PREFIX/a",
		},
		"nested exclusive prefixes": {
			"resource \"etcd_key_prefix\" \"outer\" {\n  prefix = \"PREFIX\"\n  keys = { k = \"v\" }\n  exclusive = true\n}\n" +
				"resource \"etcd_key_prefix\" \"inner\" {\n  prefix = \"PREFIX/in\"\n  keys = { k = \"v\" }\n  exclusive = true\n}\n",
			below, "PREFIX/in/k",
		},
		"two directories": {"resource \"etcd_dir\" \"test\" {\n  count = 2\n  path = \"PREFIX/a\"\n}\n", twice, "PREFIX/a"},
		"a user and a grant": {
			"resource \"etcd_user\" \"test\" {\n  name = \"NAME\"\n  password = \"pw\"\n  roles = [\"a\"]\n}\nresource \"etcd_user_role\" \"test\" {\n  user = \"NAME\"\n  role = \"b\"\n}\n",
			twice, "the roles of user NAME",
		},
		"a role and a permission": {
			"resource \"etcd_role\" \"test\" {\n  name = \"NAME\"\n  kv_read = [\"/a\"]\n}\nresource \"etcd_role_permission\" \"test\" {\n  role = \"NAME\"\n  access = \"read\"\n  pattern = \"/b\"\n}\n",
			twice, "the permissions of role NAME to read",
		},
		"a role and a permission of the other kind": {
			"resource \"etcd_role\" \"test\" {\n  name = \"NAME\"\n  kv_write = [\"/a\"]\n}\nresource \"etcd_role_permission\" \"test\" {\n  role = \"NAME\"\n  access = \"read\"\n  pattern = \"/b\"\n}\n",
			"", "",
		},
		"grants of one user": {
			"resource \"etcd_user\" \"test\" {\n  name = \"NAME\"\n  password = \"pw\"\n}\nresource \"etcd_user_role\" \"test\" {\n  count = 2\n  user = \"NAME\"\n  role = \"r${count.index}\"\n}\n",
			"", "",
		},
		"a directory and what is in it": {
			"resource \"etcd_dir\" \"test\" {\n  path = \"PREFIX/d\"\n}\nresource \"etcd_key\" \"test\" {\n  key = \"${etcd_dir.test.path}/k\"\n  value = \"v\"\n}\n" +
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

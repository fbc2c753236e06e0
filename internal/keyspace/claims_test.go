package keyspace

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wants returns an intent with sole claims.
func wants(objects ...Object) Intent {
	want := Intent{Claims: map[Object]Terms{}}
	for _, o := range objects {
		want.Claims[o] = Sole
	}
	return want
}

func TestClaims_plan(t *testing.T) {
	t.Parallel()

	key := Claimant{Resource: "etcd_key", Sum: 1}
	other := Claimant{Resource: "etcd_key", Sum: 2}
	kept := Claimant{Resource: "etcd_key", Exists: true, Idle: true, Sum: 1}
	prefix := Claimant{Resource: "etcd_key_prefix", Sum: 3}
	exclusive := wants(NodeAt("/p/listed"))
	exclusive.Exclusive = "/p"
	dir := Claimant{Resource: "etcd_dir", Sum: 4}
	ofDir := Intent{Claims: map[Object]Terms{NodeAt("/p/d"): SoleDir}}
	gone := Claimant{Resource: "etcd_dir", Exists: true}
	allRoles := Object{"the roles of user", "u"}
	grant := func(role string) Intent {
		return Intent{Claims: map[Object]Terms{{"grant", "u/" + role}: Sole, allRoles: Shared}}
	}
	type step struct {
		by   Claimant
		want Intent
	}
	for name, test := range map[string]struct {
		steps []step
		rival string
	}{
		"two keys":             {[]step{{key, wants(NodeAt("/a"))}, {other, wants(NodeAt("/a"))}}, "twice etcd_key: /a"},
		"other paths":          {[]step{{key, wants(NodeAt("/a"))}, {other, wants(NodeAt("/b"))}}, ""},
		"one that is replaced": {[]step{{kept, wants(NodeAt("/a"))}, {key, wants(NodeAt("/a"))}}, ""},
		"a prefix lists it": {
			[]step{{prefix, wants(NodeAt("/a"), NodeAt("/b"))}, {key, wants(NodeAt("/b"))}}, "twice etcd_key_prefix: /b",
		},
		"a key below":                {[]step{{prefix, exclusive}, {key, wants(NodeAt("/p/x/y"))}}, "exclusive etcd_key_prefix: /p/x/y"},
		"a key below, planned first": {[]step{{key, wants(NodeAt("/p/x/y"))}, {prefix, exclusive}}, "exclusive etcd_key: /p/x/y"},
		"a listed key below":         {[]step{{prefix, exclusive}, {key, wants(NodeAt("/p/listed"))}}, "twice etcd_key_prefix: /p/listed"},
		"a key beside":               {[]step{{prefix, exclusive}, {key, wants(NodeAt("/pp/x"))}}, ""},
		"a directory below":          {[]step{{prefix, exclusive}, {dir, ofDir}}, ""},
		"a directory, planned first": {[]step{{dir, ofDir}, {prefix, exclusive}}, ""},
		"grants of one user":         {[]step{{key, grant("a")}, {other, grant("b")}}, ""},
		"the same grant":             {[]step{{key, grant("a")}, {other, grant("a")}}, "twice etcd_key: grant u/a"},
		"roles and a grant":          {[]step{{prefix, wants(allRoles)}, {key, grant("a")}}, "twice etcd_key_prefix: the roles of user u"},
		"deleted and kept": {
			[]step{{gone, Intent{Releases: []Object{NodeAt("/a")}}}, {kept, wants(NodeAt("/a"))}}, "lost etcd_dir: /a",
		},
		"kept and deleted": {
			[]step{{kept, wants(NodeAt("/a"))}, {gone, Intent{Releases: []Object{NodeAt("/a")}}}}, "lost etcd_key: /a",
		},
		"deleted and written":          {[]step{{gone, Intent{Releases: []Object{NodeAt("/a")}}}, {key, wants(NodeAt("/a"))}}, ""},
		"a tree deleted, a key kept":   {[]step{{gone, Intent{Tree: "/d"}}, {kept, wants(NodeAt("/d/a"))}}, "lost etcd_dir: /d/a"},
		"a key kept, a tree deleted":   {[]step{{kept, wants(NodeAt("/d/a"))}, {gone, Intent{Tree: "/d"}}}, "lost etcd_key: /d/a"},
		"a tree deleted, a key beside": {[]step{{gone, Intent{Tree: "/d"}}, {kept, wants(NodeAt("/dd"))}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := NewClaims()
			var got []string
			for _, s := range test.steps {
				for _, r := range c.Plan(s.by, s.want) {
					what := []string{"twice", "exclusive", "lost"}[r.Rivalry]
					got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s: %s", what, r.Resource, strings.Trim(fmt.Sprint(r.Objects), "[]"))))
				}
			}
			if diff := cmp.Diff(test.rival, strings.Join(got, "; ")); diff != "" {
				t.Errorf("rivals (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDirsAbove(t *testing.T) {
	t.Parallel()

	for path, want := range map[string][]string{"/a/b/c": {"/a/b", "/a", "/"}, "/a": {"/"}, "/": nil} {
		if got := slices.Collect(DirsAbove(path)); !slices.Equal(got, want) {
			t.Errorf("DirsAbove(%q) = %q, want %q", path, got, want)
		}
		if got, want := slices.Collect(withDirsAbove(path)), append([]string{path}, want...); !slices.Equal(got, want) {
			t.Errorf("withDirsAbove(%q) = %q, want %q", path, got, want)
		}
	}
}

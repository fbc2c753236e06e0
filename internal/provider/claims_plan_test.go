package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
	allRoles := storeObject{"the roles of user", "u"}
	grant := func(role string) intent {
		return intent{claims: map[storeObject]terms{{"grant", "u/" + role}: sole, allRoles: shared}}
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
		"roles and a grant":            {[]step{{prefix, wants(allRoles)}, {key, grant("a")}}, "twice etcd_key_prefix: the roles of user u"},
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

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

// step is an object that is planned.
type step struct {
	by   Claimant
	want Intent
}

// planned returns the rivals that the steps of a plan find.
func planned(steps []step) string {
	c := NewClaims()
	var got []string
	for _, s := range steps {
		for _, r := range c.Plan(s.by, s.want) {
			what := []string{"twice", "exclusive", "lost", "replaced", "unless adopted"}[r.Rivalry]
			got = append(got, fmt.Sprintf("%s %s: %s", what, r.Resource, strings.Trim(fmt.Sprint(r.Objects), "[]")))
		}
	}
	return strings.Join(got, "; ")
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
		"a tree deleted, a key kept":   {[]step{{gone, Intent{Tree: NodeAt("/d")}}, {kept, wants(NodeAt("/d/a"))}}, "lost etcd_dir: /d/a"},
		"a key kept, a tree deleted":   {[]step{{kept, wants(NodeAt("/d/a"))}, {gone, Intent{Tree: NodeAt("/d")}}}, "lost etcd_key: /d/a"},
		"a tree deleted, a key beside": {[]step{{gone, Intent{Tree: NodeAt("/d")}}, {kept, wants(NodeAt("/dd"))}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.rival, planned(test.steps)); diff != "" {
				t.Errorf("rivals (-want +got):\n%s", diff)
			}
		})
	}
}

// The deletion of an object deletes what is in it. Its replacement is planned in two calls, and the
// second one is that of a create.
func TestClaims_planOfContainer(t *testing.T) {
	t.Parallel()

	user, role := Object{"user", "u"}, Object{"role", "u"}
	for name, object := range map[string]struct{ container, inner, beside, tree Object }{
		"directory": {NodeAt("/d"), NodeAt("/d/x/k"), NodeAt("/dd"), NodeAt("/d")},
		"user":      {user, Object{"grant", "u/r"}, Object{"grant", "uu/r"}, Object{"grant", "u"}},
		"role":      {role, Object{"permission", "u/read:/a/*"}, Object{"grant", "u/r"}, Object{"permission", "u"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			there := Claimant{Resource: "outer", Exists: true, Idle: true, Sum: 1}
			changed := Claimant{Resource: "outer", Exists: true, Sum: 1}
			again := Claimant{Resource: "outer", Sum: 1}
			was, is, adopts, gone := wants(object.container), wants(object.container), wants(object.container), Intent{Tree: object.tree}
			was.Holds = Holding{object.container, object.tree}
			adopts.Adopts = true
			kept := step{Claimant{Resource: "inner", Exists: true, Idle: true, Sum: 2}, wants(object.inner)}
			updated := step{Claimant{Resource: "inner", Exists: true, Sum: 2}, wants(object.inner)}
			updated.want.Stays = map[Object]bool{object.inner: true}
			moved := step{Claimant{Resource: "inner", Exists: true, Sum: 2}, wants(object.inner)}
			created := step{Claimant{Resource: "inner", Sum: 2}, wants(object.inner)}
			beside := step{kept.by, wants(object.beside)}
			inner := fmt.Sprintf("inner: %s", object.inner)
			outer := fmt.Sprintf("outer: %s", object.inner)
			for what, test := range map[string]struct {
				steps []step
				rival string
			}{
				"kept, deleted":           {[]step{kept, {changed, gone}}, "lost " + inner},
				"deleted, kept":           {[]step{{changed, gone}, kept}, "lost " + outer},
				"deleted, created":        {[]step{{changed, gone}, created}, ""},
				"both deleted":            {[]step{{updated.by, Intent{Releases: []Object{object.inner}}}, {changed, gone}}, ""},
				"kept, replaced":          {[]step{kept, {there, was}, {again, is}}, "replaced " + inner},
				"replaced, kept":          {[]step{{there, was}, {again, is}, kept}, "replaced " + outer},
				"kept, changed, replaced": {[]step{kept, {changed, was}, {again, is}}, "replaced " + inner},
				"updated, replaced":       {[]step{updated, {there, was}, {again, is}}, "replaced " + inner},
				"replaced, updated":       {[]step{{there, was}, {again, is}, updated}, "replaced " + outer},
				"moved, replaced":         {[]step{moved, {there, was}, {again, is}}, ""},
				"both replaced":           {[]step{kept, created, {there, was}, {again, is}}, ""},
				"updated, both replaced":  {[]step{updated, created, {there, was}, {again, is}}, ""},
				"replaced, created":       {[]step{{there, was}, {again, is}, created}, ""},
				"kept, created":           {[]step{kept, {again, is}}, ""},
				"kept, replaced, adopted": {[]step{kept, {there, was}, {again, adopts}}, "unless adopted " + inner},
				"replaced, adopted, kept": {[]step{{there, was}, {again, adopts}, kept}, "unless adopted " + outer},
				"kept, there":             {[]step{kept, {there, was}}, ""},
				"there, kept":             {[]step{{there, was}, kept}, ""},
				"beside, replaced":        {[]step{beside, {there, was}, {again, is}}, ""},
				"deleted, beside":         {[]step{{changed, gone}, beside}, ""},
				"replaced, deleted, kept": {[]step{{there, was}, {again, is}, {changed, gone}, kept}, "lost " + outer},
			} {
				if got := planned(test.steps); got != test.rival {
					t.Errorf("%s: rivals = %q, want %q", what, got, test.rival)
				}
			}
		})
	}
}

// An object that was read may be planned only as one to create.
func TestClaims_hold(t *testing.T) {
	t.Parallel()

	c := NewClaims()
	kept := Claimant{Resource: "inner", Exists: true, Idle: true}
	c.Hold(Holding{NodeAt("/d"), NodeAt("/d")})
	if !c.PlanAlone(kept, wants(NodeAt("/d/before"))) {
		t.Error("there is a rival before the replacement")
	}
	if got := c.Plan(Claimant{Resource: "outer"}, wants(NodeAt("/d"))); len(got) != 1 || got[0].Rivalry != LostToReplacement {
		t.Errorf("rivals of the replacement = %v", got)
	}
	if c.PlanAlone(kept, wants(NodeAt("/d/after"))) {
		t.Error("there is no rival after the replacement")
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

package provider

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// claims are what the objects of a configuration are about, collected while
// they are planned. Two objects that are about the same object of the store
// undo each other's work plan by plan. Whichever is planned second learns of it.
type claims struct {
	mu sync.Mutex
	by map[storeObject][]claim
	// exclusive are the directories that an object has for its keys alone.
	exclusive map[string]claimant
	// released are the objects that this plan deletes, and trees the directories
	// that it deletes with what is in them.
	released map[storeObject]string
	trees    map[string]string
	// kept is what the plan leaves as it is, by the object that is left, until a
	// CLI plans that object once more, as one that is to be created.
	kept map[claimant][]storeObject
}

func newClaims() *claims {
	return &claims{
		by: map[storeObject][]claim{}, exclusive: map[string]claimant{}, released: map[storeObject]string{}, trees: map[string]string{},
		kept: map[claimant][]storeObject{},
	}
}

// claimant is an object of a configuration as it is planned.
type claimant struct {
	// resource is its type, such as etcd_key.
	resource string
	// exists is whether state has it, and idle whether the plan leaves it as it is.
	exists, idle bool
	// sum is a hash of its configuration.
	sum uint64
}

// isReplaced reports whether two claimants are one object that is replaced: a
// CLI plans it once as it is in state, and once as it is to be created.
func (c claimant) isReplaced(other claimant) bool {
	return c.resource == other.resource && c.sum == other.sum && c.exists != other.exists
}

// claim is what one claimant says of one object of the store.
type claim struct {
	claimant

	terms terms
}

// terms are how an object of the store is claimed.
type terms int

const (
	// sole rules every other claim out.
	sole terms = iota
	// shared is one of several that add to an object.
	shared
	// soleDir is sole, for a directory.
	soleDir
)

// intent is what an object is about: what it claims, and what of it goes.
type intent struct {
	claims map[storeObject]terms
	// exclusive is a directory in which there is to be no key without a claim of
	// this object, empty if there is none.
	exclusive string
	// releases are what the plan deletes, and tree is a directory that it deletes
	// with what is in it, empty if there is none.
	releases []storeObject
	tree     string
}

// rivalry is why two objects do not go together.
type rivalry int

const (
	// managedTwice: both claim an object of the store.
	managedTwice rivalry = iota
	// belowExclusive: one claims a key in a directory that the other has alone.
	belowExclusive
	// lostToOther: one deletes what the other claims and is not going to write.
	lostToOther
)

// rival is another object that does not go with the one that is planned.
type rival struct {
	rivalry  rivalry
	resource string
	objects  []storeObject
}

// plan notes what an object is about, and returns its rivals among those that
// were planned before.
func (c *claims) plan(by claimant, want intent) []rival {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := rivals{}
	c.noteReplacement(by, want)
	for o, terms := range want.claims {
		c.compare(found, by, o, terms)
	}
	if want.exclusive != "" {
		c.compareExclusive(found, by, want)
		c.exclusive[want.exclusive] = by
	}
	for o, terms := range want.claims {
		c.by[o] = append(c.by[o], claim{by, terms})
	}
	c.release(found, by, want)
	return found.sorted()
}

// noteReplacement ends the claims of an object that was planned as one to leave
// as it is, and is planned now as one to create: it is replaced, and what it is
// about then may not be known yet.
func (c *claims) noteReplacement(by claimant, want intent) {
	if by.idle {
		c.kept[by] = slices.Collect(maps.Keys(want.claims))
		return
	}
	if by.exists {
		return
	}
	before := claimant{resource: by.resource, exists: true, idle: true, sum: by.sum}
	for _, o := range c.kept[before] {
		if i := slices.IndexFunc(c.by[o], func(other claim) bool { return other.claimant == before }); i >= 0 {
			c.by[o][i].idle = false
		}
	}
	delete(c.kept, before)
}

// compare finds the rivals for one claim.
func (c *claims) compare(found rivals, by claimant, o storeObject, terms terms) {
	for _, other := range c.by[o] {
		if !other.isReplaced(by) && (terms != shared || other.terms != shared) {
			found.add(managedTwice, other.resource, o)
		}
	}
	if other, ok := c.released[o]; ok && by.idle {
		found.add(lostToOther, other, o)
	}
	if o.kind != kindNode {
		return
	}
	for dir := range parents(o.name) {
		if other, ok := c.trees[dir]; ok && by.idle {
			found.add(lostToOther, other, o)
		}
		other, ok := c.exclusive[dir]
		if ok && terms != soleDir && !other.isReplaced(by) && !c.isListed(o, other) {
			found.add(belowExclusive, other.resource, o)
		}
	}
}

// isListed reports whether a claimant claims an object itself.
func (c *claims) isListed(o storeObject, by claimant) bool {
	return slices.ContainsFunc(c.by[o], func(other claim) bool { return other.claimant == by })
}

// compareExclusive finds the keys of others in a directory that an object has
// for itself.
func (c *claims) compareExclusive(found rivals, by claimant, want intent) {
	for o, others := range c.by {
		if _, own := want.claims[o]; own || o.kind != kindNode || o.name == want.exclusive || !isWithin(want.exclusive, o.name) {
			continue
		}
		for _, other := range others {
			if other.terms != soleDir && !other.isReplaced(by) {
				found.add(belowExclusive, other.resource, o)
			}
		}
	}
}

// release notes what an object deletes, and finds those that need it.
func (c *claims) release(found rivals, by claimant, want intent) {
	for _, o := range want.releases {
		c.released[o] = by.resource
		for _, other := range c.by[o] {
			if other.idle {
				found.add(lostToOther, other.resource, o)
			}
		}
	}
	if want.tree == "" {
		return
	}
	c.trees[want.tree] = by.resource
	for o, others := range c.by {
		for _, other := range others {
			if o.kind == kindNode && isWithin(want.tree, o.name) && other.idle {
				found.add(lostToOther, other.resource, o)
			}
		}
	}
}

// parents yields a path and the directories above it.
func parents(path string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for path != "" && path != "/" {
			if !yield(path) {
				return
			}
			path = path[:strings.LastIndexByte(path, '/')]
		}
		yield("/")
	}
}

// rivals collects rivals by what is wrong and with whom.
type rivals map[rivalKey]map[storeObject]bool

type rivalKey struct {
	rivalry  rivalry
	resource string
}

func (r rivals) add(what rivalry, resource string, o storeObject) {
	key := rivalKey{what, resource}
	if r[key] == nil {
		r[key] = map[storeObject]bool{}
	}
	r[key][o] = true
}

func (r rivals) sorted() []rival {
	var out []rival
	for key, objects := range r {
		found := rival{key.rivalry, key.resource, nil}
		for o := range objects {
			found.objects = append(found.objects, o)
		}
		slices.SortFunc(found.objects, func(a, b storeObject) int { return strings.Compare(a.String(), b.String()) })
		out = append(out, found)
	}
	slices.SortFunc(out, func(a, b rival) int {
		if a.rivalry != b.rivalry {
			return int(a.rivalry) - int(b.rivalry)
		}
		return strings.Compare(a.resource, b.resource)
	})
	return out
}

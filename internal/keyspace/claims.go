package keyspace

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// Claims are what the objects of a configuration are about, collected while
// they are planned. Two objects that are about the same object of the store
// undo each other's work plan by plan. Whichever is planned second learns of it.
type Claims struct {
	mu sync.Mutex
	by map[Object][]claim
	// exclusive are the directories that an object has for its keys alone.
	exclusive map[string]Claimant
	// released are the objects that this plan deletes, and trees the directories
	// that it deletes with what is in them.
	released map[Object]string
	trees    map[string]string
	// kept is what the plan leaves as it is, by the object that is left, until a
	// CLI plans that object once more, as one that is to be created.
	kept map[Claimant][]Object
}

// NewClaims returns the claims of a plan that has just begun.
func NewClaims() *Claims {
	return &Claims{
		by: map[Object][]claim{}, exclusive: map[string]Claimant{}, released: map[Object]string{}, trees: map[string]string{},
		kept: map[Claimant][]Object{},
	}
}

// Claimant is an object of a configuration as it is planned.
type Claimant struct {
	// Resource is its type, such as etcd_key.
	Resource string
	// Exists reports whether state has it, and Idle whether the plan leaves it as it is.
	Exists, Idle bool
	// Sum is a hash of its configuration.
	Sum uint64
}

// isReplaced reports whether two claimants are one object that is replaced: a
// CLI plans it once as it is in state, and once as it is to be created.
func (c Claimant) isReplaced(other Claimant) bool {
	return c.Resource == other.Resource && c.Sum == other.Sum && c.Exists != other.Exists
}

// claim is how one claimant claims one object of the store.
type claim struct {
	Claimant

	terms Terms
}

// Terms are how an object of the store is claimed.
type Terms int

const (
	// Sole rules every other claim out.
	Sole Terms = iota
	// Shared is one of several that add to an object.
	Shared
	// SoleDir is sole, for a directory.
	SoleDir
)

// Intent is what an object is about: what it claims, and what of it goes.
type Intent struct {
	Claims map[Object]Terms
	// Exclusive is a directory in which there is to be no key without a claim of
	// this object, empty if there is none.
	Exclusive string
	// Releases are what the plan deletes, and tree is a directory that it deletes
	// with what is in it, empty if there is none.
	Releases []Object
	Tree     string
}

// Rivalry is why two objects do not go together.
type Rivalry int

const (
	// ManagedTwice: both claim an object of the store.
	ManagedTwice Rivalry = iota
	// BelowExclusive: one claims a key in a directory that the other has alone.
	BelowExclusive
	// LostToOther: one deletes what the other claims and is not going to write.
	LostToOther
)

// Rival is another object that does not go with the one that is planned.
type Rival struct {
	Rivalry  Rivalry
	Resource string
	Objects  []Object
}

// Plan notes what an object is about, and returns its rivals among those that
// were planned before.
func (c *Claims) Plan(by Claimant, want Intent) []Rival {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := rivals{}
	c.noteReplacement(by, want)
	for o, terms := range want.Claims {
		c.compare(found, by, o, terms)
	}
	if want.Exclusive != "" {
		c.compareExclusive(found, by, want)
		c.exclusive[want.Exclusive] = by
	}
	for o, terms := range want.Claims {
		c.by[o] = append(c.by[o], claim{by, terms})
	}
	c.release(found, by, want)
	return found.sorted()
}

// PlanAlone is Plan for an object that claims single objects of the store and
// deletes nothing, if it has no rival. If it has one, nothing is noted, and it
// returns false.
func (c *Claims) PlanAlone(by Claimant, want Intent) bool {
	if want.Exclusive != "" || want.Tree != "" || len(want.Releases) > 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	found := rivals{}
	for o, terms := range want.Claims {
		c.compare(found, by, o, terms)
	}
	if len(found) > 0 {
		return false
	}
	c.noteReplacement(by, want)
	for o, terms := range want.Claims {
		c.by[o] = append(c.by[o], claim{by, terms})
	}
	return true
}

// noteReplacement ends the claims of an object that was planned as one to leave
// as it is, and is planned now as one to create: it is replaced, and what it is
// about then may not be known yet.
func (c *Claims) noteReplacement(by Claimant, want Intent) {
	if by.Idle {
		c.kept[by] = slices.Collect(maps.Keys(want.Claims))
		return
	}
	if by.Exists {
		return
	}
	before := Claimant{Resource: by.Resource, Exists: true, Idle: true, Sum: by.Sum}
	for _, o := range c.kept[before] {
		if i := slices.IndexFunc(c.by[o], func(other claim) bool { return other.Claimant == before }); i >= 0 {
			c.by[o][i].Idle = false
		}
	}
	delete(c.kept, before)
}

// compare finds the rivals for one claim.
func (c *Claims) compare(found rivals, by Claimant, o Object, terms Terms) {
	for _, other := range c.by[o] {
		if !other.isReplaced(by) && (terms != Shared || other.terms != Shared) {
			found.add(ManagedTwice, other.Resource, o)
		}
	}
	if other, ok := c.released[o]; ok && by.Idle {
		found.add(LostToOther, other, o)
	}
	if o.Kind != KindNode {
		return
	}
	for dir := range withDirsAbove(o.Name) {
		if other, ok := c.trees[dir]; ok && by.Idle {
			found.add(LostToOther, other, o)
		}
		other, ok := c.exclusive[dir]
		if ok && terms != SoleDir && !other.isReplaced(by) && !c.isListed(o, other) {
			found.add(BelowExclusive, other.Resource, o)
		}
	}
}

// isListed reports whether a claimant claims an object itself.
func (c *Claims) isListed(o Object, by Claimant) bool {
	return slices.ContainsFunc(c.by[o], func(other claim) bool { return other.Claimant == by })
}

// compareExclusive finds the keys of others in a directory that an object has
// for itself.
func (c *Claims) compareExclusive(found rivals, by Claimant, want Intent) {
	for o, others := range c.by {
		if _, own := want.Claims[o]; own || o.Kind != KindNode || o.Name == want.Exclusive || !isWithin(want.Exclusive, o.Name) {
			continue
		}
		for _, other := range others {
			if other.terms != SoleDir && !other.isReplaced(by) {
				found.add(BelowExclusive, other.Resource, o)
			}
		}
	}
}

// release notes what an object deletes, and finds those that need it.
func (c *Claims) release(found rivals, by Claimant, want Intent) {
	for _, o := range want.Releases {
		c.released[o] = by.Resource
		for _, other := range c.by[o] {
			if other.Idle {
				found.add(LostToOther, other.Resource, o)
			}
		}
	}
	if want.Tree == "" {
		return
	}
	c.trees[want.Tree] = by.Resource
	for o, others := range c.by {
		for _, other := range others {
			if o.Kind == KindNode && isWithin(want.Tree, o.Name) && other.Idle {
				found.add(LostToOther, other.Resource, o)
			}
		}
	}
}

// rivals collects rivals by what is wrong and with whom.
type rivals map[rivalKey]map[Object]bool

type rivalKey struct {
	rivalry  Rivalry
	resource string
}

func (r rivals) add(what Rivalry, resource string, o Object) {
	key := rivalKey{what, resource}
	if r[key] == nil {
		r[key] = map[Object]bool{}
	}
	r[key][o] = true
}

func (r rivals) sorted() []Rival {
	var out []Rival
	for key, objects := range r {
		found := Rival{key.rivalry, key.resource, nil}
		for o := range objects {
			found.Objects = append(found.Objects, o)
		}
		slices.SortFunc(found.Objects, func(a, b Object) int { return strings.Compare(a.String(), b.String()) })
		out = append(out, found)
	}
	slices.SortFunc(out, func(a, b Rival) int {
		if a.Rivalry != b.Rivalry {
			return int(a.Rivalry) - int(b.Rivalry)
		}
		return strings.Compare(a.Resource, b.Resource)
	})
	return out
}

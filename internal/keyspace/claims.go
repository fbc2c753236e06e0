package keyspace

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// Claims records what each object of a configuration manages, collected while they are
// planned. Two objects that manage the same object of the store undo each other's work
// in every apply. The one that is planned second learns of it.
type Claims struct {
	mu sync.Mutex
	by map[Object][]claim
	// exclusive are the directories in which one object alone may have keys.
	exclusive map[string]Claimant
	// released are the objects that this plan deletes, and trees the directories that it
	// deletes with their contents.
	released map[Object]string
	trees    map[string]string
	// kept lists what an unchanged object claims, until a CLI plans that object once more
	// as one to create.
	kept map[Claimant][]Object
}

// NewClaims returns the claims of a plan that has not planned anything yet.
func NewClaims() *Claims {
	return &Claims{
		by: map[Object][]claim{}, exclusive: map[string]Claimant{}, released: map[Object]string{}, trees: map[string]string{},
		kept: map[Claimant][]Object{},
	}
}

// Claimant is an object of a configuration that is being planned.
type Claimant struct {
	// Resource is its type, such as etcd_key.
	Resource string
	// Exists reports whether it is in state, and Idle whether the plan leaves it unchanged.
	Exists, Idle bool
	// Sum is a hash of its configuration.
	Sum uint64
}

// isReplaced reports whether two claimants are the two halves of one replacement: a CLI
// plans the object once as it is in state, and once as one to create.
func (c Claimant) isReplaced(other Claimant) bool {
	return c.Resource == other.Resource && c.Sum == other.Sum && c.Exists != other.Exists
}

// claim is the terms on which one claimant claims one object of the store.
type claim struct {
	Claimant

	terms Terms
}

// Terms say whether an object of the store can have more than one claimant.
type Terms int

const (
	// Sole excludes every other claim.
	Sole Terms = iota
	// Shared goes together with other shared claims: each adds to the object.
	Shared
	// SoleDir is Sole, for a directory.
	SoleDir
)

// Intent is what an object claims, and what its plan deletes.
type Intent struct {
	Claims map[Object]Terms
	// Exclusive is a directory in which every key must be claimed by this object, empty
	// for none.
	Exclusive string
	// Releases are the objects that the plan deletes, and tree is a directory that it
	// deletes with its contents, empty for none.
	Releases []Object
	Tree     string
}

// Rivalry says why two objects conflict.
type Rivalry int

const (
	// ManagedTwice: both claim the same object of the store.
	ManagedTwice Rivalry = iota
	// BelowExclusive: one claims a key in a directory that the other manages exclusively.
	BelowExclusive
	// LostToOther: one deletes what the other claims and will not write.
	LostToOther
)

// Rival is another object that conflicts with the planned one.
type Rival struct {
	Rivalry  Rivalry
	Resource string
	Objects  []Object
}

// Plan records what an object claims, and returns its rivals among the objects that were
// planned before.
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

// PlanAlone is Plan for an object that claims single objects of the store and deletes
// nothing. If it has a rival, PlanAlone records nothing and returns false.
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

// noteReplacement drops the claims of an object that was planned as unchanged and is now
// planned as one to create: it is being replaced, and what the new one claims may not be
// known yet.
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

// compareExclusive finds the keys of other objects in a directory that an object manages
// exclusively.
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

// release records what an object deletes, and finds the objects that need it.
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

// rivals collects the objects in conflict, by kind of conflict and by rival.
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

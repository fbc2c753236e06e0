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
	// released are the objects that this plan deletes, and trees what it deletes with
	// everything in it.
	released map[Object]string
	trees    map[Object]loss
	// holders are the objects in state whose deletion deletes a tree, and that tree.
	holders map[Object]Object
	// kept lists what an object in state claims, until a CLI plans that object once more as
	// one to create.
	kept map[Claimant][]Object
}

// NewClaims returns the claims of a plan that has not planned anything yet.
func NewClaims() *Claims {
	return &Claims{
		by: map[Object][]claim{}, exclusive: map[string]Claimant{}, released: map[Object]string{}, trees: map[Object]loss{},
		holders: map[Object]Object{}, kept: map[Claimant][]Object{},
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
	// stays reports whether the claimant already manages the object, and is not replaced.
	stays bool
}

func newClaim(by Claimant, want Intent, o Object) claim {
	return claim{by, want.Claims[o], by.Idle || by.Exists && want.Stays[o]}
}

// isLost reports whether a claimant loses the object without a notice. An object that is
// updated is created again if another object was deleted, and may not be if it was
// replaced.
func (c claim) isLost(how Rivalry) bool { return c.Idle || c.stays && how != LostToOther }

// loss is who deletes a tree, and how.
type loss struct {
	resource string
	rivalry  Rivalry
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
	// Stays are those of the claims that an object which is updated in place has already.
	Stays map[Object]bool
	// Exclusive is a directory in which every key must be claimed by this object, empty
	// for none.
	Exclusive string
	// Releases are the objects that the plan deletes. Tree means all objects of its
	// kind that are at its name or below it, which the plan deletes too; zero for none.
	Releases []Object
	Tree     Object
	// Holds is the tree that a deletion of the object in state would delete; zero for none.
	Holds Holding
	// Adopts reports whether a create takes over what exists. A replacement may then be
	// one that creates first, and so deletes nothing.
	Adopts bool
}

// Holding is an object of the store and the tree that is deleted with it: see Intent.Tree.
type Holding struct{ Object, Tree Object }

// Rivalry says why two objects conflict.
type Rivalry int

const (
	// ManagedTwice: both claim the same object of the store.
	ManagedTwice Rivalry = iota
	// BelowExclusive: one claims a key in a directory that the other manages exclusively.
	BelowExclusive
	// LostToOther: one deletes what the other claims and will not write.
	LostToOther
	// LostToReplacement: one is replaced, which deletes what the other claims and will not
	// write.
	LostToReplacement
	// LostUnlessAdopted is LostToReplacement, unless the replacement creates first.
	LostUnlessAdopted
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
	for o := range want.Claims {
		c.compare(found, newClaim(by, want, o), o)
	}
	if want.Exclusive != "" {
		c.compareExclusive(found, by, want)
		c.exclusive[want.Exclusive] = by
	}
	for o := range want.Claims {
		c.by[o] = append(c.by[o], newClaim(by, want, o))
	}
	c.release(found, by, want)
	c.replace(found, by, want)
	c.hold(want.Holds)
	return found.sorted()
}

// PlanAlone is Plan for an object that claims single objects of the store and deletes
// nothing. If it has a rival, PlanAlone records nothing and returns false.
func (c *Claims) PlanAlone(by Claimant, want Intent) bool {
	if want.Exclusive != "" || want.Tree != (Object{}) || len(want.Releases) > 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	found := rivals{}
	for o := range want.Claims {
		c.compare(found, newClaim(by, want, o), o)
	}
	if len(found) > 0 {
		return false
	}
	c.noteReplacement(by, want)
	for o := range want.Claims {
		c.by[o] = append(c.by[o], newClaim(by, want, o))
	}
	c.hold(want.Holds)
	return true
}

// Hold records that an object is in state. A create of it is then a replacement.
func (c *Claims) Hold(held Holding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hold(held)
}

// IsHeld reports whether an object is known to be in state, so that a create of it is a
// replacement.
func (c *Claims) IsHeld(o Object) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.holders[o]
	return ok
}

func (c *Claims) hold(held Holding) {
	if held != (Holding{}) {
		c.holders[held.Object] = held.Tree
	}
}

// noteReplacement drops the claims of an object that was planned as it is in state and is
// now planned as one to create: it is being replaced, and what the new one claims may not
// be known yet.
func (c *Claims) noteReplacement(by Claimant, want Intent) {
	if by.Exists {
		c.kept[by] = slices.Collect(maps.Keys(want.Claims))
		return
	}
	for _, isIdle := range []bool{true, false} {
		before := Claimant{Resource: by.Resource, Exists: true, Idle: isIdle, Sum: by.Sum}
		for _, o := range c.kept[before] {
			if i := slices.IndexFunc(c.by[o], func(other claim) bool { return other.Claimant == before }); i >= 0 {
				c.by[o][i].Idle, c.by[o][i].stays = false, false
			}
		}
		delete(c.kept, before)
	}
}

// compare finds the rivals for one claim.
func (c *Claims) compare(found rivals, by claim, o Object) {
	for _, other := range c.by[o] {
		if !other.isReplaced(by.Claimant) && (by.terms != Shared || other.terms != Shared) {
			found.add(ManagedTwice, other.Resource, o)
		}
	}
	if other, ok := c.released[o]; ok && by.Idle {
		found.add(LostToOther, other, o)
	}
	for dir := range withDirsAbove(o.Name) {
		if lost, ok := c.trees[Object{o.Kind, dir}]; ok && by.isLost(lost.rivalry) {
			found.add(lost.rivalry, lost.resource, o)
		}
		if o.Kind != KindNode {
			continue
		}
		other, ok := c.exclusive[dir]
		if ok && by.terms != SoleDir && !other.isReplaced(by.Claimant) && !c.isListed(o, other) {
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
	if want.Tree != (Object{}) {
		c.releaseTree(found, want.Tree, loss{by.Resource, LostToOther})
	}
}

// replace records what a replacement deletes, and finds the objects that need it. The
// deletion is not planned by a call of its own: a CLI plans the create.
func (c *Claims) replace(found rivals, by Claimant, want Intent) {
	if by.Exists {
		return
	}
	lost := loss{by.Resource, LostToReplacement}
	if want.Adopts {
		lost.rivalry = LostUnlessAdopted
	}
	for o := range want.Claims {
		if tree, ok := c.holders[o]; ok {
			c.releaseTree(found, tree, lost)
		}
	}
}

// releaseTree records that a tree is deleted, and finds the objects that need it.
func (c *Claims) releaseTree(found rivals, tree Object, lost loss) {
	if before, ok := c.trees[tree]; !ok || lost.rivalry < before.rivalry {
		c.trees[tree] = lost
	}
	for o, others := range c.by {
		if o.Kind != tree.Kind || !isWithin(tree.Name, o.Name) {
			continue
		}
		for _, other := range others {
			if other.isLost(lost.rivalry) {
				found.add(lost.rivalry, other.Resource, o)
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

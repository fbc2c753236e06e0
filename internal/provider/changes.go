package provider

import (
	"maps"
	"slices"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// keyWrite is one write of a prefix.
type keyWrite struct {
	// path is relative to the prefix, key is not.
	path string
	key  string
	// before is what the key is to hold before it, nil if it is to be created.
	before *seenKey
	// want is what it is to hold after it, nil if it is to be deleted.
	want *wantedKey
	// found is a key that exists and is to be adopted, nil if there is none.
	found *etcdv2.Node
	// keepsTTL is whether the key keeps the TTL that it has, whatever want says.
	keepsTTL bool
}

// prefixIntent is what an apply is to make of the keys of a prefix.
type prefixIntent struct {
	// values are what the keys are to hold, by their relative paths. Of those in
	// unknown a plan does not know it yet.
	values  map[string]string
	unknown map[string]bool
	// ttl is the TTL of every key, nil for none; with leavesTTLs and no ttl every
	// key keeps the one that it has.
	ttl        *int64
	leavesTTLs bool
	// renewsDue renews the keys that are due, renewsAll every key.
	renewsDue bool
	renewsAll bool
	// exclusive deletes what is known and not wanted, even if it was only found.
	exclusive bool
}

// keepsTTLs reports whether no write is to touch a TTL.
func (i *prefixIntent) keepsTTLs() bool { return i.leavesTTLs && i.ttl == nil }

// changes returns the writes that make what is known what is wanted, and the
// account without the keys that are to be left alone from now on. A plan and its
// apply both call it: what a plan says of lifetimes is what an apply does.
func (i *prefixIntent) changes(prefix string, known map[string]knownKey) (writes []keyWrite, kept map[string]knownKey) {
	kept = map[string]knownKey{}
	for _, relative := range slices.Sorted(maps.Keys(i.values)) {
		write := keyWrite{path: relative, key: below(prefix, relative), want: &wantedKey{value: i.values[relative], ttl: i.ttl}}
		if k, ok := known[relative]; ok {
			k.Foreign = false
			kept[relative] = k
			if !i.unknown[relative] && !i.differs(k, write.want.value) {
				continue
			}
			before := k.seen()
			write.before, write.keepsTTL = &before, i.keepsTTLs()
		}
		writes = append(writes, write)
	}
	going := map[string]knownKey{}
	for relative, k := range known {
		if _, ok := i.values[relative]; !ok && (i.exclusive || !k.Foreign) {
			going[relative], kept[relative] = k, k
		}
	}
	return append(writes, removals(prefix, going)...), kept
}

// differs reports whether a key is to be written.
func (i *prefixIntent) differs(k knownKey, value string) bool {
	switch {
	case k.value != value:
		return true
	case i.keepsTTLs():
		return false
	case i.ttl != nil && (i.renewsAll || (i.renewsDue && k.Due)):
		return true
	default:
		return !k.hasTTL(seconds(i.ttl))
	}
}

// ttlChange is a TTL before and after a write, 0 for none.
type ttlChange struct {
	key      string
	from, to int64
}

// lifetimes returns what writes change of the lifetimes of keys that exist.
func (i *prefixIntent) lifetimes(writes []keyWrite, known map[string]knownKey) []ttlChange {
	var changes []ttlChange
	for _, write := range writes {
		if write.before != nil && write.want != nil && !write.keepsTTL {
			k := known[write.path]
			changes = append(changes, ttlChange{write.key, max(k.TTL, k.Found), seconds(write.want.ttl)})
		}
	}
	return changes
}

// copies are the writes of the keys that stay under another prefix.
func (i *prefixIntent) copies(prefix string, known map[string]knownKey) []keyWrite {
	var writes []keyWrite
	for _, relative := range slices.Sorted(maps.Keys(i.values)) {
		if k, ok := known[relative]; ok {
			before := k.seen()
			writes = append(writes, keyWrite{path: relative, key: below(prefix, relative), before: &before, want: &wantedKey{value: i.values[relative]}})
		}
	}
	return writes
}

// losses returns the keys whose values would lose bytes by writes: see
// wouldLoseBytes. To set a TTL writes no value.
func losses(writes []keyWrite) []string {
	var keys []string
	for _, write := range writes {
		if write.before != nil && write.want != nil && !write.keepsTTL && write.want.ttl == nil && write.before.losesBytes(*write.want) {
			keys = append(keys, write.key)
		}
	}
	return keys
}

// removals returns the deletions of keys.
func removals(prefix string, known map[string]knownKey) []keyWrite {
	writes := make([]keyWrite, 0, len(known))
	for _, relative := range slices.Sorted(maps.Keys(known)) {
		before := known[relative].seen()
		writes = append(writes, keyWrite{path: relative, key: below(prefix, relative), before: &before})
	}
	return writes
}

// creations returns the paths of the keys that are to be created.
func creations(writes []keyWrite) []string {
	var paths []string
	for _, write := range writes {
		if write.before == nil {
			paths = append(paths, write.path)
		}
	}
	return paths
}

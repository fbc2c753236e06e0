package keyspace

import (
	"maps"
	"slices"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// Write is one write of a prefix.
type Write struct {
	// Path is relative to the prefix, Key is not.
	Path string
	Key  string
	// Before is the key as it is to be before the write, nil if it is to be created.
	Before *Seen
	// Want is the key as it is to be after it, nil if it is to be deleted.
	Want *Wanted
	// Found is a key that exists and is to be adopted, nil if there is none.
	Found *etcdv2.Node
	// KeepsTTL reports whether the key keeps the TTL that it has, whatever Want says.
	KeepsTTL bool
}

// TreeIntent is what an apply is to make of the keys of a prefix.
type TreeIntent struct {
	// Values are the wanted values of the keys, by their relative paths. A plan does
	// not know those of the keys in Unknown yet.
	Values  map[string]string
	Unknown map[string]bool
	// TTL is the TTL of every key, nil for none; with LeavesTTLs and no TTL every
	// key keeps the one that it has.
	TTL        *int64
	LeavesTTLs bool
	// RenewsDue renews the keys that are due, RenewsAll every key.
	RenewsDue bool
	RenewsAll bool
	// Exclusive deletes what is known and not wanted, even if it was only found.
	Exclusive bool
}

// KeepsTTLs reports whether no write is to touch a TTL.
func (i *TreeIntent) KeepsTTLs() bool { return i.LeavesTTLs && i.TTL == nil }

// Changes returns the writes that make what is known what is wanted, and the
// account without the keys that are to be left alone from now on. A plan and its
// apply both call it: the TTLs that a plan reports are those that an apply writes.
func (i *TreeIntent) Changes(prefix string, known map[string]Known) (writes []Write, kept map[string]Known) {
	kept = map[string]Known{}
	for _, relative := range slices.Sorted(maps.Keys(i.Values)) {
		write := Write{Path: relative, Key: Below(prefix, relative), Want: &Wanted{Value: i.Values[relative], TTL: i.TTL}}
		if k, ok := known[relative]; ok {
			k.Foreign = false
			kept[relative] = k
			if !i.Unknown[relative] && !i.differs(k, write.Want.Value) {
				continue
			}
			before := k.seen()
			write.Before, write.KeepsTTL = &before, i.KeepsTTLs()
		}
		writes = append(writes, write)
	}
	going := map[string]Known{}
	for relative, k := range known {
		if _, ok := i.Values[relative]; !ok && (i.Exclusive || !k.Foreign) {
			going[relative], kept[relative] = k, k
		}
	}
	return append(writes, Removals(prefix, going)...), kept
}

// differs reports whether a key is to be written.
func (i *TreeIntent) differs(k Known, value string) bool {
	switch {
	case k.Value != value:
		return true
	case i.KeepsTTLs():
		return false
	case i.TTL != nil && (i.RenewsAll || (i.RenewsDue && k.Due)):
		return true
	default:
		return !k.HasTTL(Seconds(i.TTL))
	}
}

// TTLChange is a TTL before and after a write, 0 for none.
type TTLChange struct {
	Key      string
	From, To int64
}

// Lifetimes returns what writes change of the lifetimes of keys that exist.
func (i *TreeIntent) Lifetimes(writes []Write, known map[string]Known) []TTLChange {
	var changes []TTLChange
	for _, write := range writes {
		if write.Before != nil && write.Want != nil && !write.KeepsTTL {
			k := known[write.Path]
			changes = append(changes, TTLChange{write.Key, max(k.TTL, k.Found), Seconds(write.Want.TTL)})
		}
	}
	return changes
}

// Copies are the writes of the keys that stay under another prefix.
func (i *TreeIntent) Copies(prefix string, known map[string]Known) []Write {
	var writes []Write
	for _, relative := range slices.Sorted(maps.Keys(i.Values)) {
		if k, ok := known[relative]; ok {
			before := k.seen()
			writes = append(writes, Write{Path: relative, Key: Below(prefix, relative), Before: &before, Want: &Wanted{Value: i.Values[relative]}})
		}
	}
	return writes
}

// Losses returns the keys whose values would lose bytes by writes: see
// wouldLoseBytes. To set a TTL writes no value.
func Losses(writes []Write) []string {
	var keys []string
	for _, write := range writes {
		if write.Before != nil && write.Want != nil && !write.KeepsTTL && write.Want.TTL == nil && write.Before.LosesBytes(*write.Want) {
			keys = append(keys, write.Key)
		}
	}
	return keys
}

// Removals returns the deletions of keys.
func Removals(prefix string, known map[string]Known) []Write {
	writes := make([]Write, 0, len(known))
	for _, relative := range slices.Sorted(maps.Keys(known)) {
		before := known[relative].seen()
		writes = append(writes, Write{Path: relative, Key: Below(prefix, relative), Before: &before})
	}
	return writes
}

// creations returns the paths of the keys that are to be created.
func creations(writes []Write) []string {
	var paths []string
	for _, write := range writes {
		if write.Before == nil {
			paths = append(paths, write.Path)
		}
	}
	return paths
}

package keyspace

import (
	"maps"
	"slices"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// Write is one write to a key of a prefix.
type Write struct {
	// Path is relative to the prefix, Key is the full path.
	Path string
	Key  string
	// Before is the key as it must be before the write, nil if the write creates it.
	Before *Seen
	// Want is the key after the write, nil if the write deletes it.
	Want *Wanted
	// Found is an existing key to adopt, nil if there is none.
	Found *etcdv2.Node
	// KeepsTTL reports whether the key keeps its present TTL, whatever Want says.
	KeepsTTL bool
}

// TreeIntent describes how an apply must leave the keys of a prefix.
type TreeIntent struct {
	// Values are the wanted values of the keys, by relative path. Unknown are the keys
	// whose values a plan does not know yet.
	Values  map[string]string
	Unknown map[string]bool
	// TTL is the TTL of every key, nil for none. With LeavesTTLs and no TTL, every key
	// keeps the TTL it has.
	TTL        *int64
	LeavesTTLs bool
	// RenewsDue renews the keys that are due, RenewsAll renews every key.
	RenewsDue bool
	RenewsAll bool
	// Exclusive deletes every known key that is not wanted, even one that was only found.
	Exclusive bool
}

// KeepsTTLs reports whether all writes leave TTLs alone.
func (i *TreeIntent) KeepsTTLs() bool { return i.LeavesTTLs && i.TTL == nil }

// Changes returns the writes that turn the known keys into the wanted ones, and the
// known keys without those that are left alone from now on. A plan and its apply both
// call it, so the TTLs that the plan reports are those that the apply writes.
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

// differs reports whether a key has to be written.
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

// TTLChange is the TTL of a key before and after a write, 0 for none.
type TTLChange struct {
	Key      string
	From, To int64
}

// Lifetimes returns how the writes change the TTLs of existing keys.
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

// Copies returns the writes that copy the keys that stay to another prefix.
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

// Losses returns the keys whose values would lose bytes in these writes: see
// [Seen.LosesBytes]. A write that sets a TTL writes no value.
func Losses(writes []Write) []string {
	var keys []string
	for _, write := range writes {
		if write.Before != nil && write.Want != nil && !write.KeepsTTL && write.Want.TTL == nil && write.Before.LosesBytes(*write.Want) {
			keys = append(keys, write.Key)
		}
	}
	return keys
}

// Removals returns the writes that delete the known keys.
func Removals(prefix string, known map[string]Known) []Write {
	writes := make([]Write, 0, len(known))
	for _, relative := range slices.Sorted(maps.Keys(known)) {
		before := known[relative].seen()
		writes = append(writes, Write{Path: relative, Key: Below(prefix, relative), Before: &before})
	}
	return writes
}

// creations returns the paths of the keys that the writes create.
func creations(writes []Write) []string {
	var paths []string
	for _, write := range writes {
		if write.Before == nil {
			paths = append(paths, write.Path)
		}
	}
	return paths
}

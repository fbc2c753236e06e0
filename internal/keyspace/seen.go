package keyspace

import "github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"

// Seen is a key as its caller has seen it, and as it must still be when it is written.
type Seen struct {
	// Index is its modified index.
	Index uint64
	// Value is nil if the caller does not know it, as with a write-only value.
	Value *string
	// JSON reports whether the value is compared as JSON.
	JSON bool
	// NotText reports that the value contains bytes that are not text.
	NotText bool
	// Expires reports whether the key had a TTL.
	Expires bool
}

// SeenIn returns a node that a read has just found as a Seen.
func SeenIn(n *etcdv2.Node) Seen {
	return Seen{Index: n.ModifiedIndex, Value: &n.Value, NotText: n.NotText, Expires: n.HasTTL()}
}

// matches reports whether a node is still what was seen, at any index.
func (s Seen) matches(n *etcdv2.Node) bool {
	return s.Value != nil && !n.Dir && !n.NotText && SameValue(*s.Value, n.Value, s.JSON) && n.HasTTL() == s.Expires
}

// LosesBytes reports whether a write of want would store the value as the API shows it,
// without the bytes that are not text.
func (s Seen) LosesBytes(want Wanted) bool {
	return s.NotText && s.Value != nil && *s.Value == want.Value
}

// Wanted is how a key should be after a write.
type Wanted struct {
	Value string
	// JSON reports whether the value is compared as JSON.
	JSON bool
	// TTL is in seconds, nil for none.
	TTL *int64
}

// matches reports whether a node is as wanted. It settles a lost answer, too.
func (w Wanted) matches(n *etcdv2.Node) bool { return !n.NotText && w.isShown(n) }

// isShown is matches for the part of a value that the API shows.
func (w Wanted) isShown(n *etcdv2.Node) bool {
	return !n.Dir && SameValue(w.Value, n.Value, w.JSON) && n.HasTTL() == (w.TTL != nil)
}

func (w Wanted) options() etcdv2.WriteOptions {
	return etcdv2.WriteOptions{TTL: w.TTL, NoTTL: w.TTL == nil, IsOurs: w.matches}
}

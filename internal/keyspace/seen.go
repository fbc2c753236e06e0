package keyspace

import "github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"

// Seen is a key as a caller has seen it, and as a write is to find it.
type Seen struct {
	// Index is its modified index.
	Index uint64
	// Value is nil if the caller does not know it, as with a write-only value.
	Value *string
	// JSON reports whether the value is compared as JSON.
	JSON bool
	// NotText reports that the value contains bytes that are not text.
	NotText bool
	// Expires reports whether it had a TTL.
	Expires bool
}

// SeenIn is a key as a read has just found it.
func SeenIn(n *etcdv2.Node) Seen {
	return Seen{Index: n.ModifiedIndex, Value: &n.Value, NotText: n.NotText, Expires: n.HasTTL()}
}

// matches reports whether a node is as it was seen, at whatever index.
func (s Seen) matches(n *etcdv2.Node) bool {
	return s.Value != nil && !n.Dir && !n.NotText && SameValue(*s.Value, n.Value, s.JSON) && n.HasTTL() == s.Expires
}

// LosesBytes reports whether a write of what is wanted would put back a value as
// the API shows it, without the bytes that are not text.
func (s Seen) LosesBytes(want Wanted) bool {
	return s.NotText && s.Value != nil && *s.Value == want.Value
}

// Wanted is what is to become of a key.
type Wanted struct {
	Value string
	// JSON reports whether the value is compared as JSON.
	JSON bool
	// TTL is in seconds, nil for none.
	TTL *int64
}

// matches reports whether a node is as it is wanted. It is what settles a lost
// answer, too.
func (w Wanted) matches(n *etcdv2.Node) bool { return !n.NotText && w.isShown(n) }

// isShown is matches for as much of a value as the API shows.
func (w Wanted) isShown(n *etcdv2.Node) bool {
	return !n.Dir && SameValue(w.Value, n.Value, w.JSON) && n.HasTTL() == (w.TTL != nil)
}

func (w Wanted) options() etcdv2.WriteOptions {
	return etcdv2.WriteOptions{TTL: w.TTL, NoTTL: w.TTL == nil, IsOurs: w.matches}
}

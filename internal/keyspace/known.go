package keyspace

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// Note is what is known of one key besides its value.
type Note struct {
	// Index is its modified index.
	Index uint64 `json:"index"`
	// TTL is what it was written with, or found with, 0 for none, and TTLRead is
	// whether it was found: it may then be the rest of a longer one.
	TTL     int64 `json:"ttl,omitempty"`
	TTLRead bool  `json:"ttl_read,omitempty"`
	// Found is what the last read found, if it is more: see lifetimeNotes.
	Found int64 `json:"ttl_found,omitempty"`
	// Expiration is when it expires, nil if it does not. It is by the clock of
	// the server, so it is shown and not compared with another.
	Expiration *time.Time `json:"expiration,omitempty"`
	// Due reports whether the server reported less time left than ttl_renew_below
	// when it was last read. A plan takes it from here: it is made again at
	// apply, and must come out the same.
	Due bool `json:"due,omitempty"`
	// NotText reports that the value contains bytes that are not text.
	NotText bool `json:"not_text,omitempty"`
	// Foreign reports whether it came into state by being found, and not by being
	// written from here or listed when something was.
	Foreign bool `json:"foreign,omitempty"`
}

// HasTTL reports whether the key was written with a TTL, 0 for none, or may
// have been.
func (n Note) HasTTL(ttl int64) bool {
	return n.TTL == ttl || (n.TTLRead && n.TTL != 0 && n.TTL < ttl)
}

// refreshed is the note for what a read has found. What counts of a TTL is
// whether there is one.
func (n Note) refreshed(node *etcdv2.Node) Note {
	after := Note{Index: node.ModifiedIndex, Expiration: node.Expiration, Foreign: n.Foreign, NotText: node.NotText}
	switch {
	case !node.HasTTL():
	case n.TTL != 0:
		after.TTL, after.TTLRead = n.TTL, n.TTLRead
		if node.TTL > n.TTL {
			after.Found = node.TTL
		}
	default:
		after.TTL, after.TTLRead = RemainingTTL(node), true
	}
	return after
}

// Known is what state and private state say of one key.
type Known struct {
	Note

	Value string
}

func (k Known) seen() Seen {
	return Seen{Index: k.Index, Value: &k.Value, NotText: k.NotText, Expires: k.TTL != 0}
}

// Unsettled is a key that may or may not have been created.
type Unsettled struct {
	// AbsentAt is an etcd index at which it did not exist.
	AbsentAt uint64 `json:"absent_at"`
	// Sum is the SHA-256 of the value that was sent, and TTL the TTL.
	Sum string `json:"sum"`
	TTL int64  `json:"ttl,omitempty"`
}

func newUnsettledKey(absentAt uint64, sent Wanted) Unsettled {
	return Unsettled{AbsentAt: absentAt, Sum: sumOf(sent.Value), TTL: Seconds(sent.TTL)}
}

func sumOf(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}

// isOurs reports whether a node is what was sent, applied after all.
func (u Unsettled) isOurs(n *etcdv2.Node) bool {
	return u.AbsentAt != 0 && !n.NotText && n.CreatedIndex > u.AbsentAt && u.Sum == sumOf(n.Value) && n.HasTTL() == (u.TTL != 0)
}

// CountTTLs returns how many keys have a TTL and how many have none, and the
// longest one. Keys that were only found count if there are no others, as after
// an import.
func CountTTLs(known map[string]Known) (with, without int, longest int64) {
	hasOwn := false
	for _, k := range known {
		hasOwn = hasOwn || !k.Foreign
	}
	for _, k := range known {
		switch {
		case k.Foreign && hasOwn:
		case k.TTL == 0:
			without++
		default:
			with++
			longest = max(longest, k.TTL)
		}
	}
	return with, without, longest
}

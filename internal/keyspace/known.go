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
	// TTL is the TTL that it was written with or found with, 0 for none. TTLRead reports
	// that it was found: it may then be the rest of a longer one.
	TTL     int64 `json:"ttl,omitempty"`
	TTLRead bool  `json:"ttl_read,omitempty"`
	// Found is the TTL that the last read found, if that is longer: see lifetimeNotes.
	Found int64 `json:"ttl_found,omitempty"`
	// Expiration is when it expires, nil if it does not. This is the clock of the server,
	// so it is shown and never compared with another clock.
	Expiration *time.Time `json:"expiration,omitempty"`
	// Due reports whether the last read found less time left than ttl_renew_below. A plan
	// uses this note: the plan is computed again at apply, and must come out the same.
	Due bool `json:"due,omitempty"`
	// NotText reports that the value contains bytes that are not text.
	NotText bool `json:"not_text,omitempty"`
	// Foreign reports whether the key is in state only because a read found it; it was
	// neither written by this object nor listed in its configuration.
	Foreign bool `json:"foreign,omitempty"`
}

// HasTTL reports whether the key was, or may have been, written with this TTL, 0 for
// none.
func (n Note) HasTTL(ttl int64) bool {
	return n.TTL == ttl || (n.TTLRead && n.TTL != 0 && n.TTL < ttl)
}

// refreshed returns the note after a read. Of a TTL, only its presence is compared.
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

// Known is one key as recorded in state and private state.
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
	// Sum is the SHA-256 of the value that was sent, and TTL the TTL that was sent.
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

// isOurs reports whether a node is the one that was sent, which means that the write was applied.
func (u Unsettled) isOurs(n *etcdv2.Node) bool {
	return u.AbsentAt != 0 && !n.NotText && n.CreatedIndex > u.AbsentAt && u.Sum == sumOf(n.Value) && n.HasTTL() == (u.TTL != 0)
}

// CountTTLs returns how many keys have a TTL and how many do not, and the longest TTL.
// Keys that were only found count only if there are no others, as after an import.
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

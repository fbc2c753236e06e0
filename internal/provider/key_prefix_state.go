package provider

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// prefixNotes are what private state holds of a prefix. A computed attribute
// would print a line for every key in every plan.
type prefixNotes struct {
	Keys      map[string]keyNote      `json:"keys"`
	Unsettled map[string]unsettledKey `json:"unsettled,omitempty"`
	// LeavesTTLs reports that an import found keys with a TTL and keys without
	// one. As long as no TTL is configured, every key keeps what it has.
	LeavesTTLs bool `json:"leaves_ttls,omitempty"`
	// TTLSent is that of lifetimeNotes.
	TTLSent int64 `json:"ttl_sent,omitempty"`
}

// keyNote is what is known of one key besides its value.
type keyNote struct {
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
	// Due is whether the server reported less time left than ttl_renew_below
	// when it was last read. A plan takes it from here: it is made again at
	// apply, and must come out the same.
	Due bool `json:"due,omitempty"`
	// NotText reports that the value contains bytes that are not text.
	NotText bool `json:"not_text,omitempty"`
	// Foreign is whether it came into state by being found, and not by being
	// written from here or listed when something was.
	Foreign bool `json:"foreign,omitempty"`
}

// hasTTL reports whether the key was written with a TTL, 0 for none, or may
// have been.
func (n keyNote) hasTTL(ttl int64) bool {
	return n.TTL == ttl || (n.TTLRead && n.TTL != 0 && n.TTL < ttl)
}

// refreshed is the note for what a read has found. What counts of a TTL is
// whether there is one.
func (n keyNote) refreshed(node *etcdv2.Node) keyNote {
	after := keyNote{Index: node.ModifiedIndex, Expiration: node.Expiration, Foreign: n.Foreign, NotText: node.NotText}
	switch {
	case !node.HasTTL():
	case n.TTL != 0:
		after.TTL, after.TTLRead = n.TTL, n.TTLRead
		if node.TTL > n.TTL {
			after.Found = node.TTL
		}
	default:
		after.TTL, after.TTLRead = remainingTTL(node), true
	}
	return after
}

// knownKey is what state and private state say of one key.
type knownKey struct {
	keyNote

	value string
}

func (k knownKey) seen() seenKey {
	return seenKey{index: k.Index, value: &k.value, notText: k.NotText, expires: k.TTL != 0}
}

// unsettledKey is a key of which it is not known whether it was created.
type unsettledKey struct {
	// AbsentAt is an etcd index at which it did not exist.
	AbsentAt uint64 `json:"absent_at"`
	// Sum is the SHA-256 of the value that was sent, and TTL the TTL.
	Sum string `json:"sum"`
	TTL int64  `json:"ttl,omitempty"`
}

func newUnsettledKey(absentAt uint64, sent wantedKey) unsettledKey {
	return unsettledKey{AbsentAt: absentAt, Sum: sumOf(sent.value), TTL: seconds(sent.ttl)}
}

func sumOf(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}

// isOurs reports whether a node is what was sent, applied after all.
func (u unsettledKey) isOurs(n *etcdv2.Node) bool {
	return u.AbsentAt != 0 && !n.NotText && n.CreatedIndex > u.AbsentAt && u.Sum == sumOf(n.Value) && n.HasTTL() == (u.TTL != 0)
}

// seconds returns a TTL as the notes have it: 0 is none.
func seconds(ttl *int64) int64 {
	if ttl == nil {
		return 0
	}
	return *ttl
}

// knownKeys joins what state and private state say.
func knownKeys(keys types.Map, notes prefixNotes) map[string]knownKey {
	known := map[string]knownKey{}
	for path, value := range texted(keys) {
		known[path] = knownKey{notes.Keys[path], value}
	}
	return known
}

// notesOf are the notes for what is known.
func notesOf(known map[string]knownKey, unsettled map[string]unsettledKey) prefixNotes {
	notes := prefixNotes{Keys: make(map[string]keyNote, len(known)), Unsettled: unsettled}
	for path, k := range known {
		notes.Keys[path] = k.keyNote
	}
	return notes
}

// texted returns the elements of a map of strings, unknown ones as "".
func texted(m types.Map) map[string]string {
	elements := m.Elements()
	out := make(map[string]string, len(elements))
	for name, element := range elements {
		if text, ok := element.(types.String); ok {
			out[name] = text.ValueString()
		}
	}
	return out
}

// keysValue is the attribute keys for what is known.
func keysValue(known map[string]knownKey) types.Map {
	elements := make(map[string]attr.Value, len(known))
	for path, k := range known {
		elements[path] = types.StringValue(k.value)
	}
	return types.MapValueMust(types.StringType, elements)
}

// countTTLs returns how many keys have a TTL and how many have none, and the
// longest one. Keys that were only found count if there are no others, as after
// an import.
func countTTLs(known map[string]knownKey) (with, without int, longest int64) {
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

// sharedTTL returns the TTL for state after a refresh: the one that was there,
// as long as some keys have one, for the plan names the keys that deviate. Only
// what all keys have in common, that they lost it or that they have one, is shown.
func sharedTTL(expected types.Int64, known map[string]knownKey) types.Int64 {
	with, without, longest := countTTLs(known)
	switch {
	case with == 0 && without > 0:
		return types.Int64Null()
	case with > 0 && without == 0 && expected.IsNull():
		return types.Int64Value(longest)
	default:
		return expected
	}
}

// firstExpiration returns when the first key expires, null if none does.
func firstExpiration(known map[string]knownKey) types.String {
	var first *time.Time
	for _, k := range known {
		if k.Expiration != nil && (first == nil || k.Expiration.Before(*first)) {
			first = k.Expiration
		}
	}
	return expiration(&etcdv2.Node{Expiration: first})
}

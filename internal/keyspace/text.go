package keyspace

import (
	"golang.org/x/text/unicode/norm"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// Normalized is a text in Unicode normalization form C, in which a CLI writes
// every text of a configuration or a state.
func Normalized(text string) string { return norm.NFC.String(text) }

// IsNormalized reports whether a text is in that form.
func IsNormalized(text string) bool { return norm.NFC.IsNormalString(text) }

// isNameable reports whether a request for a path that a configuration can contain
// reaches the node.
func isNameable(n *etcdv2.Node) bool { return !n.KeyNotText && IsNormalized(n.Key) }

// SameValue reports whether two values are the same as far as a CLI can show, or
// are the same JSON if that is how they are compared.
func SameValue(a, b string, asJSON bool) bool {
	return a == b || Normalized(a) == Normalized(b) || (asJSON && EqualJSON(a, b))
}

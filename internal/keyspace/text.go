package keyspace

import (
	"golang.org/x/text/unicode/norm"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// Normalized returns a text in Unicode normalization form C, the form that a CLI uses for
// every text in a configuration or a state.
func Normalized(text string) string { return norm.NFC.String(text) }

// IsNormalized reports whether a text is in that form.
func IsNormalized(text string) bool { return norm.NFC.IsNormalString(text) }

// isNameable reports whether a path in a configuration can name the node.
func isNameable(n *etcdv2.Node) bool { return !n.KeyNotText && IsNormalized(n.Key) }

// SameValue reports whether two values look the same to a CLI, or are the same JSON if
// asJSON is true.
func SameValue(a, b string, asJSON bool) bool {
	return a == b || Normalized(a) == Normalized(b) || (asJSON && EqualJSON(a, b))
}

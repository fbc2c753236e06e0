package etcdv2

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// Node is a key or a directory.
type Node struct {
	// Key is the full path, "/" for the root.
	Key string `json:"key"`
	// Value is the value of a key, "" for a directory.
	Value string `json:"value"`
	// Dir reports whether the node is a directory.
	Dir bool `json:"dir"`
	// NotText reports whether the server sent the escape \ufffd in the value,
	// which replaces a byte that is not UTF-8 text: the API cannot return it,
	// and a write of Value would replace it by U+FFFD. A genuine U+FFFD does not
	// set it.
	NotText bool `json:"-"`
	// KeyNotText reports the same about the key: a request for Key does not reach
	// such a node.
	KeyNotText bool `json:"-"`
	// Nodes are the children of a directory that was read. A directory below
	// it has none unless the read was recursive.
	Nodes []*Node `json:"nodes"`
	// CreatedIndex is the index of the event that created the node. A plain
	// set creates it again. 0 for the root.
	CreatedIndex uint64 `json:"createdIndex"`
	// ModifiedIndex is the index of the last event that changed the node. That
	// of a directory does not move with its children. 0 for the root.
	ModifiedIndex uint64 `json:"modifiedIndex"`
	// Expiration is when the node expires, nil if it does not.
	Expiration *time.Time `json:"expiration"`
	// TTL is the time until then in whole seconds, rounded up. It is 0 for a
	// node that does not expire, and for one that is about to be purged.
	TTL int64 `json:"ttl"`
}

// HasTTL reports whether the node expires.
func (n *Node) HasTTL() bool { return n.Expiration != nil || n.TTL != 0 }

// Base returns the last segment of the key.
func (n *Node) Base() string { return n.Key[strings.LastIndexByte(n.Key, '/')+1:] }

// String returns the tree of keys, a line for each, without the values.
func (n *Node) String() string {
	var b strings.Builder
	n.print(&b, "")
	return strings.TrimSuffix(b.String(), "\n")
}

func (n *Node) print(b *strings.Builder, indent string) {
	name := n.Key
	if n.Dir && name != "/" {
		name += "/"
	}
	fmt.Fprintf(b, "%s%s (modified at %d", indent, name, n.ModifiedIndex)
	if n.HasTTL() {
		fmt.Fprintf(b, ", expires in %d s", n.TTL)
	}
	b.WriteString(")\n")
	for _, child := range n.Nodes {
		child.print(b, indent+"  ")
	}
}

// DecodeJSON reads the value, which must be JSON, into v. Its error does not
// quote the value.
func (n *Node) DecodeJSON(v any) error {
	if err := json.Unmarshal([]byte(n.Value), v); err != nil {
		return fmt.Errorf("the value of %s is not JSON that can be read into a %T", n.Key, v)
	}
	return nil
}

// EncodeJSON returns v as JSON, for the value of a key. Numbers and booleans
// become what other clients would write for them.
func EncodeJSON(v any) (string, error) {
	data, err := json.Marshal(v)
	return string(data), err
}

// Leaves yields the keys below the node, and the node itself if it is a key,
// in the order in which they were read.
func (n *Node) Leaves() iter.Seq[*Node] {
	return func(yield func(*Node) bool) { n.leaves(yield) }
}

func (n *Node) leaves(yield func(*Node) bool) bool {
	if !n.Dir {
		return yield(n)
	}
	for _, child := range n.Nodes {
		if !child.leaves(yield) {
			return false
		}
	}
	return true
}

// SortNodes orders nodes by key, recursively.
func SortNodes(nodes []*Node) {
	slices.SortFunc(nodes, func(a, b *Node) int { return strings.Compare(a.Key, b.Key) })
	for _, n := range nodes {
		SortNodes(n.Nodes)
	}
}

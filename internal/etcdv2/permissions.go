package etcdv2

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Permissions are what a role may do with keys. Each list has patterns: a
// key, or the beginning of keys followed by "*". See [Permits].
type Permissions struct {
	// Read are the patterns of the keys that can be read and watched.
	Read []string `json:"read"`
	// Write are the patterns of the keys that can be written and deleted.
	Write []string `json:"write"`
}

// CheckPattern refuses a pattern that does harm: a server that meets an empty
// one answers no request of those who have the role, but drops the connection.
// The error wraps ErrInvalidPattern.
func CheckPattern(pattern string) error {
	if pattern == "" || !utf8.ValidString(pattern) {
		return fmt.Errorf("%w: %q, want a key, or the beginning of keys followed by \"*\"", ErrInvalidPattern, pattern)
	}
	return nil
}

func (p Permissions) check() error {
	for _, pattern := range slices.Concat(p.Read, p.Write) {
		if err := CheckPattern(pattern); err != nil {
			return err
		}
	}
	return nil
}

// checkText refuses what JSON would change, and lets other patterns pass that do
// harm, so that they can be revoked.
func (p Permissions) checkText() error {
	for _, pattern := range slices.Concat(p.Read, p.Write) {
		if !utf8.ValidString(pattern) {
			return fmt.Errorf("%w: %q is not valid UTF-8", ErrInvalidPattern, pattern)
		}
	}
	return nil
}

// Permits reports whether one of the patterns allows an operation on one key
// or one directory, as servers match it: a pattern that ends with "*" matches
// all that begins with what is before the "*"; any other matches itself. So
// "/dir/*" permits what is below "/dir", and not "/dir" itself.
func Permits(patterns []string, key string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		prefix, wild := strings.CutSuffix(pattern, "*")
		if wild {
			return strings.HasPrefix(key, prefix)
		}
		return pattern == key
	})
}

// PermitsRecursive reports whether one of the patterns allows a recursive
// operation on a directory: only those that end with "*" do. "/dir/*" permits
// that of "/dir", because this client asks for "/dir/" then.
func PermitsRecursive(patterns []string, dir string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		prefix, wild := strings.CutSuffix(pattern, "*")
		return wild && strings.HasPrefix(strings.TrimSuffix(dir, "/")+"/", prefix)
	})
}

func (p Permissions) normalized() Permissions {
	return Permissions{
		Read:  append([]string{}, normalized(p.Read)...),
		Write: append([]string{}, normalized(p.Write)...),
	}
}

func (p Permissions) equal(q Permissions) bool {
	p, q = p.normalized(), q.normalized()
	return slices.Equal(p.Read, q.Read) && slices.Equal(p.Write, q.Write)
}

func (p Permissions) isEmpty() bool { return len(p.Read) == 0 && len(p.Write) == 0 }

func containsAll(list, names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(list, name) })
}

func containsNone(list, names []string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return slices.Contains(list, name) })
}

package etcdv2

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// CheckKey refuses a key that a server would redirect, store under another
// name, or show differently: it must start with a slash, must not end with
// one, must be valid UTF-8, and must have no segment that is empty, "." or
// "..", and no NUL. The error wraps ErrInvalidKey and says what to change.
func CheckKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: it is empty", ErrInvalidKey)
	case key == "/":
		return fmt.Errorf("%w: %q is the root, which cannot be written", ErrInvalidKey, key)
	case !strings.HasPrefix(key, "/"):
		return fmt.Errorf("%w: %q does not start with a slash", ErrInvalidKey, key)
	case strings.HasSuffix(key, "/"):
		return fmt.Errorf("%w: %q ends with a slash", ErrInvalidKey, key)
	case strings.ContainsRune(key, 0):
		return fmt.Errorf("%w: %q contains a NUL", ErrInvalidKey, key)
	case !utf8.ValidString(key):
		return fmt.Errorf("%w: %q is not valid UTF-8", ErrInvalidKey, key)
	}
	for segment := range strings.SplitSeq(key[1:], "/") {
		switch segment {
		case "":
			return fmt.Errorf("%w: %q has an empty segment (two slashes in a row)", ErrInvalidKey, key)
		case ".", "..":
			return fmt.Errorf("%w: %q has the segment %q", ErrInvalidKey, key, segment)
		}
	}
	return nil
}

// CheckValue refuses a value that is not UTF-8 text (ErrInvalidValue): servers would
// store it, but their JSON could not return it. It refuses one that does not fit into
// a request (ErrTooLarge). The errors do not quote the value.
func CheckValue(value string) error {
	if !utf8.ValidString(value) {
		return fmt.Errorf("%w: it is not valid UTF-8; encode other data as text, in base64 for instance", ErrInvalidValue)
	}
	const field = len("value=")
	if field+3*len(value) <= maxRequestBody {
		return nil
	}
	if n := field + escapedLen(value); n > maxRequestBody {
		return fmt.Errorf("%w: the value takes %d bytes in a request, and servers accept %d", ErrTooLarge, n, maxRequestBody)
	}
	return nil
}

// escapedLen returns the length of a value in a form: each byte that is not a
// letter, a digit or one of " -_.~" takes three.
func escapedLen(value string) int {
	n := 3 * len(value)
	for i := range len(value) {
		c := value[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(" -_.~", c) >= 0 {
			n -= 2
		}
	}
	return n
}

// CheckDir is CheckKey for a directory that is read: it may be the root, "/".
func CheckDir(dir string) error {
	if dir == "/" {
		return nil
	}
	return CheckKey(dir)
}

// cleanPrefix checks a key prefix and returns it without the root's slash.
func cleanPrefix(prefix string) (string, error) {
	if prefix == "" || prefix == "/" {
		return "", nil
	}
	if err := CheckKey(prefix); err != nil {
		return "", fmt.Errorf("key prefix: %w", err)
	}
	return prefix, nil
}

// escapeKey escapes a checked key segment by segment.
func escapeKey(key string) string {
	if !strings.ContainsFunc(key, isEscaped) {
		return key
	}
	segments := strings.Split(key, "/")
	for i, segment := range segments {
		segments[i] = url.PathEscape(segment)
	}
	return strings.Join(segments, "/")
}

// isEscaped reports whether a character of a key may have to be escaped.
func isEscaped(r rune) bool {
	isPlain := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("/-_.", r)
	return !isPlain
}

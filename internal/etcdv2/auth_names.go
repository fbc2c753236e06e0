package etcdv2

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// CheckUserName refuses the name of a user that no server stores, or that
// could never log in. The error wraps ErrInvalidName and says what to change.
func CheckUserName(name string) error {
	if err := checkAuthName("user", name); err != nil {
		return err
	}
	if strings.Contains(name, ":") {
		return fmt.Errorf("%w: the user name %q contains a colon, and could never log in: basic authentication ends the name at the first colon",
			ErrInvalidName, name)
	}
	return nil
}

// CheckRoleName refuses the name of a role that no server stores. The error
// wraps ErrInvalidName and says what to change.
func CheckRoleName(name string) error { return checkAuthName("role", name) }

// checkAuthName refuses a name that is not one segment of a path.
func checkAuthName(kind, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: the %s name is empty", ErrInvalidName, kind)
	case name == "." || name == "..":
		return fmt.Errorf("%w: the %s name %q is another path", ErrInvalidName, kind, name)
	case strings.Contains(name, "/"):
		return fmt.Errorf("%w: the %s name %q contains a slash, which no server takes", ErrInvalidName, kind, name)
	case strings.ContainsRune(name, 0) || !utf8.ValidString(name):
		return fmt.Errorf("%w: the %s name %q is not plain text (NUL or invalid UTF-8)", ErrInvalidName, kind, name)
	}
	return nil
}

// CheckPassword refuses a password that no server takes, or that servers use in
// part. The error wraps ErrInvalidPassword; it does not quote the
// password.
func CheckPassword(password string) error {
	switch {
	case password == "":
		return fmt.Errorf("%w: it is empty", ErrInvalidPassword)
	case len(password) > MaxPassword:
		return fmt.Errorf("%w: it has %d bytes, and bcrypt takes %d: etcd 3.5 refuses it, older servers ignore the rest",
			ErrInvalidPassword, len(password), MaxPassword)
	case !utf8.ValidString(password):
		return fmt.Errorf("%w: it is not valid UTF-8, which JSON cannot carry", ErrInvalidPassword)
	}
	return nil
}

func checkRoleNames(roles []string) error {
	for _, role := range roles {
		if err := CheckRoleName(role); err != nil {
			return err
		}
	}
	return nil
}

// normalized returns the names sorted, each once.
func normalized(names []string) []string {
	names = slices.Sorted(slices.Values(names))
	return slices.Compact(names)
}

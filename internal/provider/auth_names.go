package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// Roles and patterns whose names are not in the form in which a CLI writes text (see
// node_text.go) are not shown, and are neither granted nor revoked.

// errUnread is why a user or a role of a list cannot be shown.
var errUnread = errors.New("no request can name it, and etcd 2.1 and 2.2 list names only")

// refuseListed returns why a user or a role of a list cannot be shown, nil if it can.
func refuseListed(name string, unread bool) error {
	if unread {
		return errUnread
	}
	return checkForm(name)
}

// inForm returns the names that a configuration can contain.
func inForm(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return checkForm(name) != nil })
}

// outOfForm returns the names that no configuration can contain.
func outOfForm(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return checkForm(name) == nil })
}

// keepOutOfForm adds to the wanted names the present ones that no configuration can contain. Nil
// stays nil: the names are then not managed.
func keepOutOfForm(want, present []string) []string {
	if want == nil {
		return nil
	}
	return append(append([]string{}, want...), without(outOfForm(present), want)...)
}

// sameInForm reports whether two lists contain the same names, apart from those
// that no configuration can contain.
func sameInForm(a, b []string) bool { return sameNames(inForm(a), inForm(b)) }

// shownNames returns the names that a configuration can contain as a set, and
// warns of the others. what names the list, such as "roles of the user \"x\"".
func shownNames(ctx context.Context, what string, names []string, diags *diag.Diagnostics) types.Set {
	warnOutOfForm(what, outOfForm(names), diags)
	return setOf(ctx, inForm(names), diags)
}

// warnOutOfForm warns of names that are not shown.
func warnOutOfForm(what string, names []string, diags *diag.Diagnostics) {
	if len(names) == 0 {
		return
	}
	lines := make([]string, len(names))
	for i, name := range names {
		lines[i] = fmt.Sprintf("%+q", name)
	}
	diags.AddWarning("Some names are left out", fmt.Sprintf("No configuration can contain these %s: a CLI writes "+
		"every text in Unicode normalization form C, in which each of them is a different name. They are not shown, and stay as they are:\n\n%s",
		what, enumerate(lines)))
}

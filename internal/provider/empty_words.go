package provider

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// isGone reports whether a directory does not exist, and not something that is hidden
// in it.
func isGone(err error, prefix string) bool {
	cause, ok := errors.AsType[*etcdv2.Error](err)
	return ok && errors.Is(err, etcdv2.ErrNotFound) && (prefix == cause.Cause || strings.HasPrefix(prefix, cause.Cause+"/"))
}

// wordEmptied reports what stays, and whether nothing does.
func wordEmptied(emptied *keyspace.Emptied, done string, diags *diag.Diagnostics) bool {
	lines := make([]string, 0, len(emptied.Refusals)+len(emptied.Unnameable))
	for _, refusal := range emptied.Refusals {
		lines = append(lines, refusal.Path+" "+stayingReason(refusal))
	}
	for _, name := range emptied.Unnameable {
		lines = append(lines, name+" has a name with bytes that are not UTF-8 text, which no request of the API reaches")
	}
	if len(lines) == 0 {
		return true
	}
	diags.AddError("Store is not empty", fmt.Sprintf("%s %d could not be deleted, and so the directories above:\n\n", done, len(lines))+
		enumerate(lines)+"\n\nFind out who still uses the keys that changed, and stop that. Name hidden keys in hidden_paths. Delete what has "+
		"no nameable path together with its directory, by the action etcd_delete with recursive = true. Then run this action again.")
	return false
}

// stayingReason says why a key or a directory was not deleted.
func stayingReason(r *keyspace.Refusal) string {
	switch r.Kind {
	case keyspace.Changed:
		return fmt.Sprintf("was written or refreshed after it was listed: it was at index %d and is at %d now", r.Planned, r.Found)
	case keyspace.IsDirectory:
		return "was a key and is a directory now"
	case keyspace.IsKey:
		return "was a directory and is a key now"
	case keyspace.NotEmpty:
		if len(r.Children) == 0 {
			return "contains hidden keys or directories, whose names begin with an underscore"
		}
		return "contains what was added after it was listed: " + strings.TrimSpace(enumerate(r.Children))
	case keyspace.OutcomeUnknown:
		return "may have been deleted: the answer was lost"
	default:
		return r.Kind.String()
	}
}

package provider

import (
	"context"
	"errors"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv3"
)

// advice says what a failure of the API means and what to do about it. The
// first entry that fits is taken, so an error that is of two kinds is named
// by the one that matters more.
var advice = []struct {
	kind    error
	summary string // replaces the caller's, if not empty
	text    string
}{
	{
		errUnknownConfig, "Provider configuration is not known yet",
		"It depends on something that is only known after apply. Apply that first, for instance with -target, or give the provider values that " +
			"are known when planning.",
	},
	{
		errNotConfigured, "Provider is not configured",
		"The CLI asked for an object before it configured the provider. This is a bug; please report it.",
	},
	{
		etcdv2.ErrOutcomeUnknown, "Outcome of a write is unknown",
		"The answer was lost, and reading the store did not settle whether the write was applied; it may even be applied later. " +
			"State holds what was last seen. Look at the object, then plan again.",
	},
	{
		etcdv2.ErrReadOnly, "The endpoint takes no writes",
		"It is a proxy of etcd in the mode readonly. Nothing was changed. Add the client URL of a member to endpoints, or start the proxy with " +
			"--proxy on.",
	},
	{
		etcdv2.ErrV2Disabled, "The server does not serve the etcd v2 API",
		"Start etcd 3.4 or 3.5 with --enable-v2; etcd 3.6 and later have no v2 API. If the endpoint is a proxy or another service, correct " +
			"endpoints. Nothing was changed, in state neither.",
	},
	{
		etcdv2.ErrClusterMismatch, "Unexpected etcd cluster",
		"The endpoint belongs to another cluster than expected_cluster_id says. Correct endpoints, or expected_cluster_id if the cluster was " +
			"rebuilt. Nothing was changed, in state neither.",
	},
	{
		etcdv2.ErrUnauthorized, "",
		"The server refused the credentials. It does not say whether the username or password is wrong, or the user's roles do not permit " +
			"this: check both, and that the user has a role with rights on this path.",
	},
	{
		etcdv2.ErrNoLeader, "The cluster has no leader",
		"Either an election takes longer than usual, or the members that run are fewer than a quorum: start the ones that are down. Nothing " +
			"was changed, in state neither.",
	},
	{
		etcdv2.ErrForbidden, "",
		"The server refuses to change this object, as it does with the role root, and with the user root while authentication is enabled.",
	},
	{
		etcdv2.ErrOverwritten, "Change was overwritten",
		"The change was made, and somebody else changed the same object at that moment: the server has no conditions for users and roles. " +
			"State holds what was last seen. Find out who else changes it, then plan again.",
	},
	{
		etcdv2.ErrDirUpdate, "The server cannot change the TTL of a directory",
		"No etcd 3.5 can change the TTL of a directory in place. Nothing was changed: the directory and its children are as they were. " +
			"Take back the change of ttl, or make a new directory and move the keys.",
	},
	{
		etcdv2.ErrUnsupported, "The server is too old",
		"This needs a newer etcd server. Nothing was changed.",
	},
	{
		etcdv2.ErrUnsafeRedirect, "Unsafe redirect",
		"The endpoint redirects to a place to which credentials must not be sent. Correct endpoints.",
	},
	{
		etcdv2.ErrTooManyRedirects, "Too many redirects",
		"The endpoint redirects in a circle or is not an etcd server. Correct endpoints.",
	},
	{
		etcdv2.ErrInvalidAnswer, "The server's answer cannot be read",
		"The endpoint is not an etcd server, or something between changes its answers. Correct endpoints.",
	},
	{
		etcdv2.ErrTooLarge, "Value is too large",
		"A server takes about 10 MiB in one request. Nothing was changed.",
	},
	{
		etcdv2.ErrUnavailable, "",
		"No endpoint answered. State was kept as it is. Check that the endpoints are right and reachable, that the TLS settings fit, and that " +
			"the cluster is up.",
	},
	{
		etcdv3.ErrClusterMismatch, "Unexpected v3 cluster",
		"Correct endpoints, or expected_cluster_id if the cluster was rebuilt. Nothing was read or written.",
	},
	{
		etcdv3.ErrCredentials, "",
		"Check username and password_env. The users of v3 are not those of v2.",
	},
	{
		etcdv3.ErrPermission, "",
		"The user needs a role in v3 that permits reading and writing everything below the prefix.",
	},
	{
		etcdv3.ErrNoSpace, "",
		"The database of the v3 cluster has reached its quota. Compact and defragment it or raise --quota-backend-bytes, clear the alarm with " +
			"`etcdctl alarm disarm`, and run this again.",
	},
	{
		etcdv3.ErrTooLarge, "",
		"A v3 server takes 1.5 MiB in one request. Start it with a larger --max-request-bytes, or exclude the key.",
	},
	{
		etcdv3.ErrOutcomeUnknown, "",
		"The last keys may have been written. Check that the v3 cluster has a leader, and run this again.",
	},
	{
		etcdv3.ErrUnavailable, "",
		"No v3 endpoint answered. Check that the endpoints are right and reachable, that the TLS settings fit, and that the cluster is up.",
	},
	{context.Canceled, "", "The run was interrupted. State holds what was last seen."},
	{etcdv2.ErrNotDir, "", "The path, or a part of it, is a key, and a key cannot hold anything. Remove that key or choose another path."},
	{etcdv2.ErrNotFile, "", "There is a directory where a key was expected."},
	{etcdv2.ErrNotFound, "", "It does not exist. It may have been removed, or have expired."},
}

// addFailure reports that something could not be done. The summary is static,
// such as "Unable to read key"; object is the path or name that it was about,
// or empty.
func addFailure(diags *diag.Diagnostics, summary, object string, err error) {
	err = subject{}.worded(err)
	if c, ok := errors.AsType[*refusal](err); ok {
		diags.AddError(c.summary, c.what+"\n\n"+c.advice)
		return
	}
	summary, detail := wordFailure(summary, object, err)
	diags.AddError(summary, detail)
}

// addRemoval reports what became of a deletion, if anything is to be said: that
// it failed, or, as a warning, that it was left out.
func addRemoval(diags *diag.Diagnostics, summary, object string, err error) {
	err = subject{}.worded(err)
	if c, ok := errors.AsType[*refusal](err); ok && c.letsGo {
		diags.AddWarning(c.summary, c.what+"\n\n"+c.advice)
		return
	}
	if err != nil {
		addFailure(diags, summary, object, err)
	}
}

// warnOfReplacement reports at refresh that something else is in the place of
// an object, which leaves state.
func warnOfReplacement(diags *diag.Diagnostics, err error) {
	if c, ok := errors.AsType[*refusal](subject{}.worded(err)); ok {
		diags.AddWarning(c.summary, c.what+" It is not the object in state, which is gone, so the plan shows that object as one to be created. "+
			"That will fail as long as this is there.\n\n"+c.advice)
	}
}

// adviceOn returns what the advice says of one kind of failure.
func adviceOn(kind error) (summary, text string) {
	for _, a := range advice {
		if a.kind == kind { //nolint:errorlint // it is looked up by its name, and not what an error is
			return a.summary, a.text
		}
	}
	return "", ""
}

func wordFailure(summary, object string, err error) (newSummary, detail string) {
	var parts []string
	if object != "" {
		parts = append(parts, object+".")
	}
	for _, a := range advice {
		if !errors.Is(err, a.kind) {
			continue
		}
		parts = append(parts, a.text)
		if a.summary != "" {
			summary = a.summary
		}
		break
	}
	return summary, strings.Join(append(parts, "Error: "+err.Error()), "\n\n")
}

// warnOfApply warns of the errors with which an apply of a create will end. They
// are not errors of its plan: a destroy first plans to create what is not in
// state, creates nothing, and would end with them.
func warnOfApply(diags *diag.Diagnostics, errs diag.Diagnostics) {
	for _, e := range errs.Errors() {
		detail := "An apply of this plan will fail. " + e.Detail()
		if at, ok := e.(diag.DiagnosticWithPath); ok {
			diags.AddAttributeWarning(at.Path(), e.Summary(), detail)
			continue
		}
		diags.AddWarning(e.Summary(), detail)
	}
}

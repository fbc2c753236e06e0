package provider

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv3"
)

// advice explains a failure of the API and how to fix it.
type advice struct {
	kind error
	// summary replaces the summary of the caller, if not empty.
	summary string
	// text names no object, so that it is printed once: see tfserver. If words is set, it
	// computes the text from the error instead.
	text  string
	words func(err error) string
	// isCause means that it explains why an endpoint did not serve the request. There can be
	// several, one for each endpoint.
	isCause bool
}

// advices has every kind of failure. The first entry that matches is used. So an error of two kinds
// is named by the more important one, together with its causes.
var advices = []advice{
	{
		kind: errUnknownConfig, summary: "Provider configuration is not known yet",
		text: "The provider block refers to a value that is known only after an apply. Apply the object that gives this value first, for " +
			"instance with -target, or use a value that is known when planning.",
	},
	{
		kind: errNotConfigured, summary: "Provider is not configured",
		text: "The CLI asked for an object before it configured the provider. This is a bug; please report it.",
	},
	{
		kind: etcdv2.ErrOutcomeUnknown, summary: "Outcome of a write is unknown",
		text: "The answer was lost, and reading the store did not show whether the write was applied; it may even be applied later. " +
			"State contains what was last read. Look at the object on the server, then plan again.",
	},
	{
		kind: context.Canceled, isCause: true,
		text: "The run was interrupted before the server had answered. Run it again: the plan shows what is left to do.",
	},
	{
		kind: etcdv2.ErrReadOnly, summary: "The endpoint accepts no writes",
		text: "The endpoint is an etcd proxy in the mode readonly. The server was not changed. Add the client URL of a member to endpoints, or " +
			"start the proxy with --proxy on.",
	},
	{
		kind: etcdv2.ErrClusterMismatch, summary: "Unexpected etcd cluster",
		text: "The endpoint belongs to another cluster than expected_cluster_id names. Correct endpoints, or expected_cluster_id if the " +
			"cluster was rebuilt. Neither the server nor the state was changed.",
	},
	{kind: etcdv2.ErrNoCredentials, isCause: true, words: wordNoCredentials},
	{kind: etcdv2.ErrWrongPassword, isCause: true, words: wordWrongPassword},
	{kind: etcdv2.ErrNotPermitted, isCause: true, words: wordNotPermitted},
	{kind: etcdv2.ErrUnauthorized, words: wordUnauthorized},
	{
		kind: etcdv2.ErrNoLeader, summary: "The cluster has no leader",
		text: "Either an election takes longer than usual, or fewer members than a quorum are running: start the members that are down. " +
			"Neither the server nor the state was changed.",
	},
	{
		kind: etcdv2.ErrForbidden,
		text: "The server refuses to change this object: the role root can never be changed, nor the user root while authentication is enabled.",
	},
	{
		kind: etcdv2.ErrOverwritten, summary: "Change was overwritten",
		text: "The change was made, and somebody else changed the same object at the same moment: the server has no conditions for users and " +
			"roles. State contains what was last read. Find out who else changes the object, then plan again.",
	},
	{
		kind: etcdv2.ErrDirUpdate, summary: "The server cannot change the TTL of a directory",
		text: "etcd 3.5 cannot change the TTL of a directory in place. Nothing was changed: the directory and its children are as they were. " +
			"Revert the change of ttl, or create another directory and move the keys.",
	},
	{
		kind: etcdv2.ErrUnsupported, summary: "The server is too old",
		text: "The request needs a newer etcd server; the error below names the version. The server was not changed.",
	},
	{
		kind: etcdv2.ErrUnsafeRedirect, summary: "Unsafe redirect",
		text: "The endpoint redirects to a host that must not receive credentials or values. Set endpoints to the URL to which it redirects, " +
			"if that is the right server.",
	},
	{
		kind: etcdv2.ErrTooManyRedirects, summary: "Too many redirects",
		text: "The endpoint redirects in a circle, or is not an etcd server. Correct endpoints.",
	},
	{
		kind: etcdv2.ErrServerSpeaksTLS, isCause: true, summary: "The server expects TLS",
		text: "The endpoint begins with http://, and the server speaks TLS. Write https:// in endpoints. If a private authority has signed the " +
			"server's certificate, set tls.ca_file too.",
	},
	{
		kind: etcdv2.ErrServerSpeaksPlain, isCause: true, summary: "The server does not use TLS",
		text: "The endpoint begins with https://, and the server answers without TLS. Write http:// in endpoints.",
	},
	{
		kind: etcdv2.ErrUnknownAuthority, isCause: true, summary: "The server's certificate is not trusted",
		text: "The certificate is signed by an authority that this machine does not trust. Set tls.ca_file, or tls.ca_pem, to the certificate " +
			"of the authority that has signed it.",
	},
	{
		kind: etcdv2.ErrServerName, isCause: true, summary: "The server's certificate is for another host",
		text: "The error below lists the names in the certificate. Use one of them as the host in endpoints, or set tls.server_name to one.",
	},
	{
		kind: etcdv2.ErrServerCert, isCause: true, summary: "The server's certificate is not valid",
		text: "The error below says why. Replace the certificate of the server if it has expired; check the clock of this machine if not.",
	},
	{
		kind: etcdv2.ErrCertRequired, isCause: true, summary: "The server requires a client certificate",
		text: "Set tls.cert_file and tls.key_file, or tls.cert_pem and tls.key_pem, to a certificate and its private key. The certificate must " +
			"be signed by the authority that the server's --trusted-ca-file names.",
	},
	{
		kind: etcdv2.ErrCertRefused, isCause: true, summary: "The server rejects the client certificate",
		text: "The certificate in tls.cert_file or tls.cert_pem has expired, is not for clients, or is signed by another authority than the " +
			"one that the server's --trusted-ca-file names.",
	},
	{
		kind: etcdv2.ErrGRPCOnly, isCause: true, summary: "The endpoint serves gRPC only",
		text: "The v2 API needs HTTP. A server that was started with --listen-client-http-urls serves HTTP at those URLs only: set endpoints " +
			"to one of them.",
	},
	{
		kind: etcdv2.ErrPeerPort, isCause: true, summary: "The endpoint is a peer URL",
		text: "The members of the cluster use this port, usually 2380, among themselves. Set endpoints to client URLs, as the members' " +
			"--advertise-client-urls names them: usually port 2379, such as http://127.0.0.1:2379.",
	},
	{
		kind: etcdv2.ErrV2Removed, isCause: true, summary: "The server does not serve the etcd v2 API",
		text: "The server is etcd 3.6 or newer, which has no v2 API. Set endpoints to a server of etcd 3.5 or older. Neither the server nor " +
			"the state was changed.",
	},
	{
		kind: etcdv2.ErrWrongPath, isCause: true, summary: "The endpoint has a wrong path",
		text: "etcd answers at this host and port, but not below the path of the endpoint. Remove the path in endpoints, or correct it if a " +
			"gateway in front of etcd expects one.",
	},
	{
		kind: etcdv2.ErrPage, isCause: true, summary: "The endpoint answered with a web page",
		text: "A gateway, a login page or another service answers in place of etcd. Check the host and port in endpoints, and whether requests " +
			"go through an HTTP proxy: proxy_url, HTTP_PROXY, HTTPS_PROXY and NO_PROXY.",
	},
	{
		kind: etcdv2.ErrNotEtcd, isCause: true, summary: "The endpoint is not an etcd server",
		text: "Another service answers there. Correct endpoints: they are the client URLs of the members, such as http://127.0.0.1:2379.",
	},
	{
		kind: etcdv2.ErrV2Disabled, summary: "The server does not serve the etcd v2 API",
		text: "Start etcd 3.4 or 3.5 with --enable-v2. Neither the server nor the state was changed.",
	},
	{
		kind: etcdv2.ErrInvalidAnswer, summary: "The server's answer cannot be read",
		text: "The endpoint is not an etcd server, or something between changes its answers. Correct endpoints.",
	},
	{
		kind: etcdv2.ErrTooLarge, summary: "Value is too large",
		text: "A server accepts about 10 MiB in one request, and a key of about 4,000 bytes. The server was not changed.",
	},
	{
		kind: etcdv2.ErrUnknownHost, isCause: true, summary: "Host name cannot be resolved",
		text: "Check the spelling of the host in endpoints, and that the machine on which the provider runs can resolve it.",
	},
	{
		kind: etcdv2.ErrConnectionRefused, isCause: true,
		text: "Nothing accepts connections at this host and port; state was not changed. Check both in endpoints, and that etcd runs and " +
			"listens there (--listen-client-urls). An etcd that listens on 127.0.0.1 is reachable from its own machine only.",
	},
	{
		kind: etcdv2.ErrTimeout, isCause: true,
		text: "The endpoint did not answer in time; state was not changed. Check that no firewall drops the packets, and that the server is " +
			"not hung or overloaded. For a slow link, raise connect_timeout or request_timeout.",
	},
	{
		kind: etcdv2.ErrUnavailable,
		text: "No endpoint answered; state was not changed. Check that the URLs in endpoints are right and reachable, that the settings in tls " +
			"fit, and that the cluster is up.",
	},
	{
		kind: etcdv3.ErrClusterMismatch, summary: "Unexpected v3 cluster",
		text: "Correct endpoints, or expected_cluster_id if the cluster was rebuilt. Nothing was read or written.",
	},
	{
		kind: etcdv3.ErrCredentials,
		text: "Check username and password_env. The users of v3 are not those of v2.",
	},
	{
		kind: etcdv3.ErrPermission,
		text: "The user needs a role in v3 that permits reading and writing everything below the prefix.",
	},
	{
		kind: etcdv3.ErrNoSpace,
		text: "The database of the v3 cluster has reached its quota. Compact and defragment it or raise --quota-backend-bytes, clear the " +
			"alarm with `etcdctl alarm disarm`, and run this again.",
	},
	{
		kind: etcdv3.ErrTooLarge,
		text: "A v3 server accepts 1.5 MiB in one request. Start it with a larger --max-request-bytes, or exclude the key.",
	},
	{
		kind: etcdv3.ErrOutcomeUnknown,
		text: "The last keys may have been written. Check that the v3 cluster has a leader, and run this again.",
	},
	{
		kind: etcdv3.ErrUnavailable,
		text: "No v3 endpoint answered. Check that the endpoints are right and reachable, that the TLS settings fit, and that the cluster is up.",
	},
	{kind: etcdv2.ErrNotDir, text: "The path, or a part of it, is a key, and a key cannot contain anything. Remove that key or choose " +
		"another path."},
	{kind: etcdv2.ErrNotFile, text: "There is a directory where a key was expected."},
	{kind: etcdv2.ErrNotFound, words: wordNotFound},
}

// addFailure reports that an operation failed. The summary is static, such as "Unable to read key";
// object is the path or name that the operation was about, or empty.
func addFailure(diags *diag.Diagnostics, summary, object string, err error) {
	err = subject{}.worded(err)
	if c, ok := errors.AsType[*refusal](err); ok {
		diags.AddError(c.summary, c.what+"\n\n"+c.advice)
		return
	}
	summary, detail := wordFailure(summary, object, err)
	diags.AddError(summary, detail)
}

// addRemoval reports the outcome of a deletion that needs a report: that it failed, or, as a
// warning, that it was left out.
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

// warnOfReplacement reports at refresh that something else is in the place of an object, which is
// therefore removed from state.
func warnOfReplacement(diags *diag.Diagnostics, err error) {
	if c, ok := errors.AsType[*refusal](subject{}.worded(err)); ok {
		diags.AddWarning(c.summary, c.what+" It is not the object in state, which is gone, so the plan shows that object as to be created. "+
			"That will fail until it is removed.\n\n"+c.advice)
	}
}

// adviceOn returns the advice on one kind of failure.
func adviceOn(kind error) (summary, text string) {
	for _, a := range advices {
		if a.kind == kind { //nolint:errorlint // it is looked up by its name, and not what an error is
			return a.summary, a.text
		}
	}
	return "", ""
}

// wordFailure returns the summary and the detail of a failure: the operation, if the advice has its
// own summary, the object, the advice, and the error.
func wordFailure(summary, object string, err error) (newSummary, detail string) {
	var parts []string
	found := adviceFor(err)
	if len(found) > 0 && found[0].summary != "" {
		parts = append(parts, summary, object)
		summary = found[0].summary
	} else {
		parts = append(parts, object)
	}
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	var paragraphs []string
	if len(parts) > 0 {
		paragraphs = append(paragraphs, strings.Join(parts, ": ")+".")
	}
	for _, a := range found {
		paragraphs = append(paragraphs, a.detail(err))
	}
	return summary, strings.Join(append(paragraphs, "Error: "+err.Error()), "\n\n")
}

func (a *advice) detail(err error) string {
	if a.words != nil {
		return a.words(err)
	}
	return a.text
}

// adviceFor returns the first advice that matches an error. The advice on an unknown outcome is
// followed by its cause, and the cause at one endpoint by the causes at others.
func adviceFor(err error) []advice {
	var found []advice
	for _, a := range advices {
		if errors.Is(err, a.kind) && (len(found) == 0 || a.isCause && (found[0].isCause || errors.Is(err, etcdv2.ErrOutcomeUnknown))) {
			found = append(found, a)
		}
	}
	return found
}

// warnOfApply warns of the errors with which an apply will fail: of a create, or because of what somebody
// else has put into the store. They are not errors of its plan, because a destroy makes such a plan
// first, to refresh, and must not fail because of them.
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

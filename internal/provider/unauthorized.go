package provider

import (
	"errors"
	"fmt"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// A server answers 401 to wrong credentials and to missing rights alike. These
// functions return the advice for what the client knows beyond that.

func wordNoCredentials(err error) string {
	text := "The server requires authentication, and the provider has no credentials. Set username and password in the provider block, or " +
		"the environment variables ETCDCTL_USERNAME and ETCDCTL_PASSWORD. "
	if needsRoot(err) {
		return text + rootAdvice
	}
	return text + "Without them the role guest decides, and it does not permit the request." + onRecursion(err)
}

func wordWrongPassword(error) string {
	return fmt.Sprintf("The server refused the credentials of the user %q. This user has every right, so the password is wrong: correct "+
		"password in the provider "+
		"block, or the environment variable ETCDCTL_PASSWORD.", etcdv2.RootUser)
}

func wordNotPermitted(err error) string {
	return fmt.Sprintf("The server has accepted the credentials of the user %q for another request, but no role of the user permits this "+
		"one. %s",
		refusedUser(err), grantAdvice(err))
}

func wordUnauthorized(err error) string {
	return fmt.Sprintf("The server refused the credentials of the user %q and does not report why. First check username and password. If "+
		"they are right, no role of "+
		"the user permits the request. %s", refusedUser(err), grantAdvice(err))
}

// grantAdvice returns which right a request needs.
func grantAdvice(err error) string {
	if needsRoot(err) {
		return rootAdvice
	}
	return "Grant one a permission whose pattern covers the path, with etcd_role or etcd_role_permission: read to read or list, write to " +
		"write or delete." + onRecursion(err)
}

const rootAdvice = "Only a user with the role root can read users and roles, and change them, authentication and the members."

// needsRoot reports whether an answer is about something else than keys.
func needsRoot(err error) bool {
	apiErr, ok := errors.AsType[*etcdv2.Error](err)
	return ok && apiErr.Code == 0
}

// onRecursion returns what to know about the pattern that a recursive request needs.
func onRecursion(err error) string {
	if apiErr, ok := errors.AsType[*etcdv2.Error](err); ok && apiErr.Recursive {
		return " The request is recursive, and so needs a pattern that ends in *, such as /app/* for the directory /app; a pattern without * " +
			"covers a single key."
	}
	return ""
}

func refusedUser(err error) string {
	if apiErr, ok := errors.AsType[*etcdv2.Error](err); ok {
		return apiErr.User
	}
	return ""
}

// wordNotFound is about a key, a user, a role or a member; only a key can expire.
func wordNotFound(err error) string {
	if apiErr, ok := errors.AsType[*etcdv2.Error](err); ok && apiErr.Code == etcdv2.CodeKeyNotFound {
		return "It does not exist. It was removed, or its TTL has run out."
	}
	return "It does not exist. It was removed, or never created."
}

package etcdv2

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
)

// Code is the errorCode of an answer of the key space, see
// https://etcd.io/docs/v2.3/errorcode/.
type Code int

// The codes that a server of the v2 API answers with.
const (
	CodeKeyNotFound        Code = 100
	CodeCompareFailed      Code = 101
	CodeNotFile            Code = 102
	CodeNotDir             Code = 104
	CodeKeyExists          Code = 105
	CodeRootReadOnly       Code = 107
	CodeDirNotEmpty        Code = 108
	CodeUnauthorized       Code = 110
	CodePrevValueRequired  Code = 201
	CodeTTLNaN             Code = 202
	CodeIndexNaN           Code = 203
	CodeInvalidField       Code = 209
	CodeInvalidForm        Code = 210
	CodeRefreshValue       Code = 211
	CodeRefreshTTLRequired Code = 212
	CodeRaftInternal       Code = 300
	CodeLeaderElect        Code = 301
	CodeWatcherCleared     Code = 400
	CodeEventIndexCleared  Code = 401
)

// The errors that callers distinguish with errors.Is. An [Error] is the kind
// that its answer says; the others are made by the client.
var (
	// ErrNotFound: the key, user, role or member does not exist. For a key it
	// is code 100, or 104 where an ancestor is a file, and nothing else.
	ErrNotFound = errors.New("not found")
	// ErrCompareFailed: the condition of a write was not met (code 101).
	ErrCompareFailed = errors.New("compare failed")
	// ErrExists: the key, user, role or peer URL exists already.
	ErrExists = errors.New("already exists")
	// ErrNotFile: the key is a directory (code 102).
	ErrNotFile = errors.New("not a file")
	// ErrNotDir: an ancestor of the key is a file (code 104).
	ErrNotDir = errors.New("not a directory")
	// ErrDirNotEmpty: the directory has children (code 108).
	ErrDirNotEmpty = errors.New("directory not empty")
	// ErrUnauthorized: the credentials are wrong, missing or not sufficient;
	// a server does not say which (status 401).
	ErrUnauthorized = errors.New("unauthorized")
	// ErrForbidden: the server refuses to change the object, as the role root
	// or the user root while auth is enabled (status 403).
	ErrForbidden = errors.New("forbidden")
	// ErrV2Disabled: the server answers, but not on the v2 API.
	ErrV2Disabled = errors.New("the server does not serve the v2 API")
	// ErrReadOnly: the endpoint takes no writes, as a proxy of etcd in the mode
	// readonly (status 501); nothing was changed.
	ErrReadOnly = errors.New("the endpoint takes no writes: it is a read-only proxy")
	// ErrDanglingRole: the user exists, and has a role that does not.
	ErrDanglingRole = errors.New("the user has a role that does not exist")
	// ErrAuthEnabled: authentication is enabled already.
	ErrAuthEnabled = errors.New("authentication is already enabled")
	// ErrAuthDisabled: authentication is disabled already.
	ErrAuthDisabled = errors.New("authentication is already disabled")
	// ErrNoRootUser: authentication cannot be enabled without the user root.
	ErrNoRootUser = errors.New("there is no user root, without which authentication cannot be enabled")
	// ErrGranted: the user has one of the roles already, or the role one of
	// the permissions; nothing was changed.
	ErrGranted = errors.New("already granted")
	// ErrNotGranted: the user does not have one of the roles to revoke, or the
	// role none of the permissions; nothing was changed.
	ErrNotGranted = errors.New("not granted")
	// ErrOverwritten: a change of a user or a role was made, and a read after it
	// does not show it: another process changed the same object.
	ErrOverwritten = errors.New("the change was overwritten by another writer")
	// ErrInvalidName: the name of a user or a role is of no use.
	ErrInvalidName = errors.New("invalid name")
	// ErrInvalidPassword: the password is empty, too long or not text.
	ErrInvalidPassword = errors.New("invalid password")
	// ErrInvalidPattern: the pattern of a permission does harm.
	ErrInvalidPattern = errors.New("invalid pattern")
	// ErrInvalidUpdate: the update of a user or a role is empty, or
	// contradicts itself.
	ErrInvalidUpdate = errors.New("invalid update")
	// ErrEventIndexCleared: the server no longer has the events after the
	// index of a watch (code 401).
	ErrEventIndexCleared = errors.New("event index cleared")
	// ErrWatchTimeout: no event came within WatchOptions.Timeout, on a watch that
	// a server answered.
	ErrWatchTimeout = errors.New("no event")
	// ErrMemberRemoved: the member was removed, and its id never returns
	// (status 410).
	ErrMemberRemoved = errors.New("member permanently removed")
	// ErrNoLeader: the cluster has no leader, as during an election.
	ErrNoLeader = errors.New("the cluster has no leader")
	// ErrUnhealthy: the cluster refuses to change its members, or to change
	// this one. It does so at once and without a reason while not all members
	// have been connected for 5 s, or where the change would cost the quorum.
	ErrUnhealthy = errors.New("the cluster refuses to change its members now: " +
		"some may not have been connected for 5 s, or the change could cost its quorum")
	// ErrInvalidMember: an id or a URL of a member breaks the servers' rules.
	ErrInvalidMember = errors.New("invalid member")
	// ErrOutcomeUnknown: a write was sent and its answer lost. It may have been
	// applied, or be applied later.
	ErrOutcomeUnknown = errors.New("outcome unknown: the write may have been applied, or be applied later")
	// ErrUnavailable: no endpoint gave an answer.
	ErrUnavailable = errors.New("no endpoint answered")
	// ErrClusterMismatch: the cluster is not the expected one.
	ErrClusterMismatch = errors.New("unexpected cluster")
	// ErrInvalidAnswer: an answer could not be read, or was too large.
	ErrInvalidAnswer = errors.New("invalid answer")
	// ErrInvalidKey: the key breaks the rules of [CheckKey].
	ErrInvalidKey = errors.New("invalid key")
	// ErrInvalidValue: the value is not UTF-8 text, which servers would store as
	// it is and never return.
	ErrInvalidValue = errors.New("invalid value")
	// ErrInvalidTTL: the TTL is out of range.
	ErrInvalidTTL = errors.New("invalid TTL")
	// ErrDirUpdate: the server cannot change the TTL of a directory in place, by
	// an update or a refresh, as no etcd 3.5 can; nothing was changed.
	ErrDirUpdate = errors.New("the server cannot update a directory in place (no etcd 3.5 can)")
	// ErrUnsupported: the server is too old for the request.
	ErrUnsupported = errors.New("not supported by this server")
	// ErrTooLarge: the request is larger than servers take.
	ErrTooLarge = errors.New("too large")
	// ErrInvalidCondition: the condition of a write is empty.
	ErrInvalidCondition = errors.New("invalid condition")
	// ErrTooManyRedirects: an attempt was redirected more than
	// Options.MaxRedirects times, or redirects are forbidden.
	ErrTooManyRedirects = errors.New("too many redirects")
	// ErrUnsafeRedirect: a redirect led from https to http, or would have
	// taken credentials to an unknown host.
	ErrUnsafeRedirect = errors.New("unsafe redirect")
)

// isRefusedByTLS reports whether one side does not accept the other's
// certificate or does not speak TLS. TLS 1.3 reports to a client that its
// certificate is missing only after the request was sent, which the server then
// does not read; any other alert may come from a server that has.
func isRefusedByTLS(err error, sent bool) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return !sent || strings.Contains(op.Err.Error(), "certificate")
	}
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	return !sent && (errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid) || errors.As(err, &record))
}

// isCertificateAlert reports whether a server has ended TLS because of the client's
// certificate. The standard library has no type for such an alert.
func isCertificateAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error" && strings.Contains(op.Err.Error(), "certificate")
}

// The error of net/http for an answer that is not HTTP/1.1 begins with this text and
// quotes the first bytes of the answer.
const malformedAnswer = "malformed HTTP response "

// isHTTP2 reports whether the answer begins with the frame of HTTP/2 settings that a
// gRPC server sends first.
func isHTTP2(err error) bool { return strings.Contains(err.Error(), malformedAnswer+`"\x00\x00`) }

// errSpokeFirst: the server sent something before it got the request.
var errSpokeFirst = errors.New("the server sent data before it was asked")

// withSpokeFirst returns errSpokeFirst for the error that net/http has for it, whose
// text lacks a reason.
func withSpokeFirst(err error) error {
	if strings.Contains(err.Error(), "readLoopPeekFailLocked: %!w") {
		return errSpokeFirst
	}
	return err
}

// isTLSRecord reports whether the answer begins with an alert of TLS.
func isTLSRecord(err error) bool {
	return err != nil && strings.Contains(err.Error(), malformedAnswer+`"\x15\x03`)
}

// saysHTTPS reports whether the text of an answer 400 says that the port expects
// TLS, as servers in Go and nginx put it.
func saysHTTPS(message string) bool {
	return strings.Contains(message, "Client sent an HTTP request to an HTTPS server") ||
		strings.Contains(message, "The plain HTTP request was sent to HTTPS port")
}

// isConflict reports whether an answer may come from a write of our own that was
// applied before.
func isConflict(err error) bool {
	return errors.Is(err, ErrCompareFailed) || errors.Is(err, ErrExists) || errors.Is(err, ErrNotFound)
}

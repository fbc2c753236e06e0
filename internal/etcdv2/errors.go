package etcdv2

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
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

// The errors that callers tell apart with errors.Is. An [Error] is the kind
// that its answer says; the others are made by the client.
var (
	// ErrNotFound: the key, user, role or member does not exist. For a key it
	// is code 100, or 104 where an ancestor is a file, and nothing else.
	ErrNotFound = errors.New("not found")
	// ErrCompareFailed: the condition of a write did not hold (code 101).
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
	ErrV2Disabled = errors.New("the server does not serve the v2 API: start it with --enable-v2 (etcd 3.4 and 3.5; etcd 3.6 has no v2 API)")
	// ErrReadOnly: the endpoint takes no writes, as a proxy of etcd in the mode
	// readonly (status 501); nothing was changed.
	ErrReadOnly = errors.New("the endpoint takes no writes: it is a read-only proxy")
	// ErrDanglingRole: the user exists, and holds a role that does not.
	ErrDanglingRole = errors.New("the user holds a role that does not exist")
	// ErrAuthEnabled: authentication is enabled already.
	ErrAuthEnabled = errors.New("authentication is already enabled")
	// ErrAuthDisabled: authentication is disabled already.
	ErrAuthDisabled = errors.New("authentication is already disabled")
	// ErrNoRootUser: authentication cannot be enabled without the user root.
	ErrNoRootUser = errors.New("there is no user root, without which authentication cannot be enabled")
	// ErrGranted: the user holds one of the roles already, or the role one of
	// the permissions; nothing was changed.
	ErrGranted = errors.New("already granted")
	// ErrNotGranted: the user does not hold one of the roles to revoke, or the
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
	// ErrInvalidUpdate: the update of a user or a role says nothing, or
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
	ErrUnhealthy = errors.New("the cluster refuses to change its members now: some may not have been connected for 5 s, or the change could cost its quorum")
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
	// ErrInvalidCondition: the condition of a write says nothing.
	ErrInvalidCondition = errors.New("invalid condition")
	// ErrTooManyRedirects: an attempt was redirected more than
	// Options.MaxRedirects times, or redirects are forbidden.
	ErrTooManyRedirects = errors.New("too many redirects")
	// ErrUnsafeRedirect: a redirect led from https to http, or would have
	// taken credentials to an unknown host.
	ErrUnsafeRedirect = errors.New("unsafe redirect")
)

// Error is an answer outside 2xx. It keeps all that the server said, whatever
// the form of the body was: the key space's {"errorCode", "message", "cause",
// "index"}, the {"message"} of the other APIs, or plain text.
//
// Cause can hold values of keys (code 101 quotes both) and is therefore not
// part of the text.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Code is the errorCode, 0 if the body had none.
	Code Code
	// Message is the server's message, or the start of a body in plain text.
	Message string
	// Cause is the cause that the key space gives: mostly a key, for code 101
	// the values that were compared.
	Cause string
	// Index is the etcd index of the answer, 0 if it had none.
	Index uint64
	// Endpoint is the endpoint that answered.
	Endpoint string

	kind error
	body []byte
	// isText reports that the body is not JSON as servers send it.
	isText bool
}

// Error returns the status, the code and the message, and the cause where it
// cannot hold a value.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s answered %d", e.Endpoint, e.Status)
	if e.Code != 0 {
		fmt.Fprintf(&b, " (etcd error %d)", e.Code)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, ": %s", e.Message)
	}
	if e.Cause != "" && e.causeIsKey() {
		fmt.Fprintf(&b, " (%s)", e.Cause)
	}
	if errors.Is(e.kind, ErrV2Disabled) || errors.Is(e.kind, ErrReadOnly) || errors.Is(e.kind, ErrDirUpdate) {
		fmt.Fprintf(&b, ": %s", e.kind)
	}
	return b.String()
}

// causeIsKey reports whether the cause is known to quote no value.
func (e *Error) causeIsKey() bool {
	switch e.Code {
	case CodeKeyNotFound, CodeNotFile, CodeNotDir, CodeKeyExists, CodeRootReadOnly,
		CodeDirNotEmpty, CodeUnauthorized, CodeRaftInternal, CodeEventIndexCleared:
		return true
	default:
		return false
	}
}

// Is reports whether the answer is of the kind that target names.
func (e *Error) Is(target error) bool {
	if target == ErrNotFound && e.Code == CodeNotDir {
		return true
	}
	return e.kind != nil && target == e.kind
}

// newError reads an answer outside 2xx, whatever its form.
func newError(endpoint *url.URL, r *request, status int, data []byte, meta Meta) *Error {
	e := &Error{Status: status, Endpoint: endpoint.String(), Index: meta.EtcdIndex, body: data}
	if status == http.StatusNotImplemented && r.replay != replayRead {
		e.kind = ErrReadOnly
		return e
	}
	body, ok := parseError(data)
	if !ok {
		e.kind, e.isText = kindOfText(r, status), true
		// Broken JSON of a server could still quote a value.
		if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
			e.Message = firstLine(data)
		}
		return e
	}
	e.Code, e.Cause = body.Code, body.Cause
	if body.Message != nil {
		e.Message = *body.Message
	}
	e.Index = max(e.Index, body.Index)
	e.kind = kindOf(r, e)
	return e
}

// kindOfText gives the kind of an answer that is not JSON. A server that does
// not serve the v2 API answers 404 in plain text to all of it.
func kindOfText(r *request, status int) error {
	switch {
	case status == http.StatusNotFound && strings.HasPrefix(r.path, "/v2/"):
		return ErrV2Disabled
	case status == http.StatusUnauthorized:
		return ErrUnauthorized
	default:
		return nil
	}
}

func kindOf(r *request, e *Error) error {
	if kind, ok := codeKinds[e.Code]; ok {
		return kind
	}
	if e.isDirUpdate() {
		return ErrDirUpdate
	}
	if e.Status == http.StatusUnauthorized && e.Code == 0 {
		return ErrUnauthorized
	}
	// In the key space the status says nothing: a gateway in front of the
	// servers answers 404 too.
	if e.Code != 0 || r.isKeys() {
		return nil
	}
	switch e.Status {
	case http.StatusBadRequest, http.StatusConflict:
		if e.Status == http.StatusConflict && strings.HasPrefix(r.path, "/v2/members") {
			return ErrExists
		}
		return kindOfRefusal(e.Message)
	case http.StatusForbidden:
		return ErrForbidden
	case http.StatusNotFound:
		return kindOfAbsence(r, e.Message)
	case http.StatusGone:
		if strings.HasPrefix(e.Message, "Member permanently removed") {
			return ErrMemberRemoved
		}
		return nil
	case http.StatusServiceUnavailable:
		if strings.HasPrefix(r.path, "/v2/members/leader") {
			return ErrNoLeader
		}
		return nil
	default:
		return nil
	}
}

// refusals are the beginnings of the auth API's sentences, and what they mean.
// A name, which can be anything, stands further back.
var refusals = []struct {
	beginning string
	kind      error
}{
	{"auth: already enabled", ErrAuthEnabled},
	{"auth: already disabled", ErrAuthDisabled},
	{"auth: No root user available", ErrNoRootUser},
	{"auth: Granting duplicate ", ErrGranted},
	{"auth: Revoking ungranted ", ErrNotGranted},
	{"auth: Role not updated", ErrNotGranted},
	{"auth: User ", ErrExists},
	{"auth: Role ", ErrExists},
}

// kindOfRefusal gives the kind of an answer 400 or 409 of the auth API.
func kindOfRefusal(message string) error {
	if strings.HasPrefix(message, "auth: User not updated") {
		return ErrInvalidUpdate
	}
	for _, refusal := range refusals {
		if strings.HasPrefix(message, refusal.beginning) {
			return refusal.kind
		}
	}
	return nil
}

// kindOfAbsence gives the kind of an answer 404 outside the key space. Only the
// sentences of a server say that something does not exist: a gateway in front of
// the servers answers 404 with a message too. Names can be anything, so the
// sentences are read up to them.
func kindOfAbsence(r *request, message string) error {
	isUser, isRole := strings.HasPrefix(r.path, "/v2/auth/users"), strings.HasPrefix(r.path, "/v2/auth/roles")
	switch {
	case isUser && strings.HasPrefix(message, missingRolePrefix):
		return ErrDanglingRole
	case isUser && strings.HasPrefix(message, "auth: User "),
		isRole && strings.HasPrefix(message, missingRolePrefix),
		strings.HasPrefix(r.path, "/v2/members") && strings.HasPrefix(message, "No such member"):
		return ErrNotFound
	default:
		return nil
	}
}

const (
	missingRolePrefix = "auth: Role "
	missingRoleSuffix = " does not exist."
)

// MissingRole returns the name of the role that an ErrDanglingRole is about:
// a role that a user holds and that does not exist.
func MissingRole(err error) (role string, ok bool) {
	var apiErr *Error
	if !errors.Is(err, ErrDanglingRole) || !errors.As(err, &apiErr) {
		return "", false
	}
	role = strings.TrimPrefix(apiErr.Message, missingRolePrefix)
	return strings.TrimSuffix(role, missingRoleSuffix), true
}

var codeKinds = map[Code]error{
	CodeKeyNotFound:       ErrNotFound,
	CodeCompareFailed:     ErrCompareFailed,
	CodeNotFile:           ErrNotFile,
	CodeNotDir:            ErrNotDir,
	CodeKeyExists:         ErrExists,
	CodeDirNotEmpty:       ErrDirNotEmpty,
	CodeUnauthorized:      ErrUnauthorized,
	CodeEventIndexCleared: ErrEventIndexCleared,
}

// isForeign reports whether no server of the v2 API answers so to the request, or
// only one that takes no writes. Nothing was done then.
func (e *Error) isForeign(r *request) bool {
	switch e.Status {
	case http.StatusNotImplemented:
		return r.replay != replayRead
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusGone:
		return e.isText
	case http.StatusNotFound:
		return e.isText || (e.kind == nil && e.Code == 0)
	default:
		return false
	}
}

// isNotReady reports whether it is the answer of etcd 2.3 to requests of the auth
// API in its first moments, and in a cluster that is being upgraded.
func (e *Error) isNotReady() bool {
	return e.Status == http.StatusInternalServerError && strings.HasPrefix(e.Message, "Not capable of accessing")
}

// isDirUpdate reports whether it is the answer of etcd 3.5 to every update of a
// directory. Nothing has changed then.
func (e *Error) isDirUpdate() bool {
	return e.Code == CodeRaftInternal && strings.Contains(e.Cause, "Not a file")
}

// isRefusedByTLS reports whether one side does not accept the other's
// certificate or does not speak TLS. TLS 1.3 tells a client that its
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

// isSettled reports whether err is a conflict that says, after a read, what
// became of a write.
func isSettled(err error) bool {
	return errors.Is(err, ErrCompareFailed) || errors.Is(err, ErrExists) || errors.Is(err, ErrNotFound)
}

// firstLine returns the start of a body in plain text.
func firstLine(data []byte) string {
	const most = 200
	text, _, _ := strings.Cut(strings.TrimSpace(string(data)), "\n")
	if len(text) > most {
		text = text[:most] + "..."
	}
	return strings.ToValidUTF8(strings.TrimSpace(text), "\uFFFD")
}

// EndpointsError says of each endpoint why it gave no answer of the v2 API. It is
// what each of its errors is, and ErrUnavailable if one of them gave no answer at
// all.
type EndpointsError struct {
	Errors []EndpointError
}

// EndpointError is why one endpoint gave no answer.
type EndpointError struct {
	Endpoint string
	Err      error
}

// add adds an endpoint, and makes the list of a nil e.
func (e *EndpointsError) add(endpoint *url.URL, err error) *EndpointsError {
	if e == nil {
		e = new(EndpointsError)
	}
	var single *EndpointsError
	if errors.As(err, &single) && len(single.Errors) == 1 {
		err = single.Errors[0].Err
	}
	e.Errors = append(e.Errors, EndpointError{Endpoint: endpoint.String(), Err: err})
	return e
}

// unanswered names the endpoint of a request that was sent to it. A read is
// ErrUnavailable then; of a write that is not what matters.
func (e *EndpointsError) unanswered(endpoint *url.URL, r *request, err error) error {
	if isAnswer(err) {
		return err
	}
	e = e.add(endpoint, err)
	if r.replay == replayRead {
		return e
	}
	return fmt.Errorf("%s: %w", endpoint, err)
}

// Error names each endpoint and why it gave no answer.
func (e *EndpointsError) Error() string {
	parts := make([]string, len(e.Errors))
	for i, failed := range e.Errors {
		parts[i] = failed.Err.Error()
		if !strings.HasPrefix(parts[i], failed.Endpoint) {
			parts[i] = failed.Endpoint + ": " + parts[i]
		}
	}
	what := ErrUnavailable.Error()
	if e.areAnswers() {
		what = "no endpoint serves the request"
	}
	return what + ": " + strings.Join(parts, "; ")
}

// areAnswers reports whether every endpoint answered, though not as a server that
// takes the request does.
func (e *EndpointsError) areAnswers() bool {
	return !slices.ContainsFunc(e.Errors, func(failed EndpointError) bool {
		apiErr, ok := errors.AsType[*Error](failed.Err)
		return !isAnswer(failed.Err) || (ok && apiErr.Status >= http.StatusInternalServerError && apiErr.Status != http.StatusNotImplemented)
	})
}

func isAnswer(err error) bool {
	_, isAPIError := errors.AsType[*Error](err)
	return isAPIError || errors.Is(err, ErrInvalidAnswer)
}

// Unwrap returns ErrUnavailable, unless each endpoint answered, and the error of
// each endpoint.
func (e *EndpointsError) Unwrap() []error {
	var errs []error
	if !e.areAnswers() {
		errs = append(errs, ErrUnavailable)
	}
	for _, failed := range e.Errors {
		errs = append(errs, failed.Err)
	}
	return errs
}

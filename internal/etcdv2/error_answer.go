package etcdv2

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Error is an answer outside 2xx. It keeps all that the server said, whatever
// the form of the body was: the key space's {"errorCode", "message", "cause",
// "index"}, the {"message"} of the other APIs, or plain text.
//
// Cause can contain values of keys (code 101 quotes both) and is therefore not
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
	// User is the user as whom the request was sent, empty for none.
	User string
	// Recursive reports whether the request was about everything below a key.
	Recursive bool

	endpoint *url.URL
	kind     error
	body     []byte
	// namesCluster reports that the answer has the id of the cluster.
	namesCluster bool
	// isText reports that the body is not JSON as servers send it, and isPage that
	// it is HTML.
	isText, isPage bool
}

// Error returns the status, the code and the message, and the cause where it
// cannot contain a value.
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
	if errors.Is(e.kind, ErrV2Disabled) && !e.isPage || errors.Is(e.kind, ErrReadOnly) || errors.Is(e.kind, ErrDirUpdate) {
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
	return e.kind != nil && target == e.kind || target == ErrPage && e.isPage
}

// newError reads an answer outside 2xx, whatever its form.
func newError(endpoint *url.URL, r *request, status int, data []byte, meta Meta) *Error {
	e := &Error{
		Status: status, Endpoint: endpoint.String(), Index: meta.EtcdIndex,
		endpoint: endpoint, body: data, namesCluster: meta.ClusterID != "",
		Recursive: strings.Contains(r.encodedQuery(), "recursive=true"),
	}
	if status == http.StatusNotImplemented && r.replay != replayRead {
		e.kind = ErrReadOnly
		return e
	}
	body, ok := parseError(data)
	if !ok {
		e.kind, e.isText, e.isPage = kindOfText(r, status), true, isPage(data)
		// Broken JSON of a server could still quote a value.
		switch {
		case e.isPage:
			e.Message = "an HTML page" + titleOf(data)
		case !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")):
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
	// In the key space the status proves nothing: a gateway in front of the
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
// A name, which can be anything, comes later.
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
// a role that a user has and that does not exist.
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

// isPage reports whether a body is HTML, which no server of etcd sends.
func isPage(data []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(data), []byte("<")) }

var titlePattern = regexp.MustCompile(`(?is)<title>\s*(.{1,100}?)\s*</title>`)

// titleOf returns the title of a page in parentheses, or nothing.
func titleOf(data []byte) string {
	match := titlePattern.FindSubmatch(data)
	if match == nil {
		return ""
	}
	return " (" + firstLine(match[1]) + ")"
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

package etcdv2

import (
	"context"
	"fmt"
	"net/url"
	"strings"
)

// request is a request of the API, apart from its endpoint. Its history is in attempts.
type request struct {
	method string
	// path is the path after the endpoint's own, escaped, with a leading slash.
	path  string
	query url.Values
	// form is sent as the body of a PUT or POST of the key space.
	form url.Values
	// json is sent as the body of the other APIs, if not nil.
	json []byte
	// read reads an answer of success that is not one of the key space. Its error,
	// ErrInvalidAnswer, means that it is none. Nil means that any answer is accepted.
	read func(*answer) error
	// keys reports whether the answer is one of the key space.
	keys bool
	// stream leaves the body of the answer to the caller and lifts
	// the time-outs.
	stream bool

	// replay says what an ambiguous failure allows.
	replay replay
	// settle finds out what became of a guarded write that failed with err after
	// an attempt that may have been applied. untouched means that none of them has
	// been: the write is sent again. Nil leaves it to the caller.
	settle func(ctx context.Context, err error) (ans *answer, untouched bool, _ error)
	// definite takes a status of 5xx as the answer of a read.
	definite bool
	// endpoint restricts the request to one endpoint, if not nil.
	endpoint *url.URL
	// single makes one attempt and no more.
	single bool

	// needs is what an endpoint must prove before the request is sent to it.
	needs proof
	// refresh is what the servers must support for this refresh of a key;
	// refreshNone for every other request.
	refresh refreshSupport
	// discovers is set for a request by which the endpoints are discovered: it does
	// not wait for that.
	discovers bool

	// encoded is the body, and rawQuery the query, made once for all attempts.
	encoded  []byte
	rawQuery string
}

// isKeys reports whether it is a request of the key space.
func (r *request) isKeys() bool { return strings.HasPrefix(r.path, "/v2/keys") }

// isStats reports whether it is a request of the statistics, see [errEmptyStats].
func (r *request) isStats() bool { return strings.HasPrefix(r.path, "/v2/stats/") }

// check refuses what no server takes before it is sent.
func (r *request) check() error {
	if n := len(r.method) + len(r.path) + len(r.encodedQuery()) + len(" ? HTTP/1.1\r\n"); n > maxRequestLine {
		return fmt.Errorf("%w: a key or a condition makes the request line %d bytes long, and servers take %d", ErrTooLarge, n, maxRequestLine)
	}
	if body, _ := r.body(); len(body) > maxRequestBody {
		return fmt.Errorf("%w: the request's body is %d bytes long, and servers take %d", ErrTooLarge, len(body), maxRequestBody)
	}
	return nil
}

// body returns the body and its content type. Without the right content type
// a server stores an empty value and answers with success.
func (r *request) body() (data []byte, contentType string) {
	switch {
	case r.json != nil:
		return r.json, "application/json"
	case r.form != nil:
		if r.encoded == nil {
			r.encoded = []byte(r.form.Encode())
		}
		return r.encoded, "application/x-www-form-urlencoded"
	default:
		return nil, ""
	}
}

func (r *request) url(endpoint *url.URL) url.URL {
	raw := strings.TrimSuffix(endpoint.EscapedPath(), "/") + r.path
	path, err := url.PathUnescape(raw)
	if err != nil {
		path = raw
	}
	return url.URL{Scheme: endpoint.Scheme, Host: endpoint.Host, Path: path, RawPath: raw, RawQuery: r.encodedQuery()}
}

func (r *request) encodedQuery() string {
	if r.rawQuery == "" && len(r.query) > 0 {
		r.rawQuery = r.query.Encode()
	}
	return r.rawQuery
}

// containsSecrets reports whether the request has a value, or a body of the other
// APIs, which can have a password.
func (r *request) containsSecrets() bool {
	return r.json != nil || r.form != nil || r.query.Has("prevValue")
}

// unreadable says what an answer means that no server of the v2 API gives.
// Another endpoint may give one: a read is sent to it, and a guarded write, which
// this endpoint may have passed on to a server.
func (r *request) unreadable() outcome {
	switch r.replay {
	case replayRead:
		return outcomeElsewhere
	case replayGuarded:
		return outcomePassedOn
	default:
		return outcomeUnreadable
	}
}

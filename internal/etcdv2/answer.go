package etcdv2

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// answer is an answer with a status of 2xx.
type answer struct {
	Meta
	status   int
	endpoint *url.URL
	// keys is the answer to a request with keys, data the body of any other.
	keys *Response
	data []byte
	// body is the open body of a streamed answer.
	body io.ReadCloser
}

// Meta is what the headers of an answer report about the cluster.
type Meta struct {
	// EtcdIndex is the index of the last event of the store, X-Etcd-Index. On
	// the answer of a write it is the index of that write.
	EtcdIndex uint64
	// RaftIndex and RaftTerm are those of the endpoint's raft log,
	// X-Raft-Index and X-Raft-Term.
	RaftIndex uint64
	RaftTerm  uint64
	// ClusterID is X-Etcd-Cluster-Id, in hexadecimal.
	ClusterID string
}

// streamed hands the open body of an answer to the caller, who closes it.
func (c *Client) streamed(
	endpoint *url.URL, r *request, resp *http.Response, ans *answer, cancel context.CancelFunc,
) (*answer, outcome, error) {
	meta, err := readMeta(resp.Header)
	if err == nil && isHTML(resp.Header) {
		err = fmt.Errorf("%w: %w", ErrInvalidAnswer, ErrPage)
	}
	if err != nil {
		cancel()
		_ = resp.Body.Close()
		return nil, r.unreadable(), fmt.Errorf("%s: %w", endpoint, err)
	}
	if err := c.checkCluster(endpoint, meta.ClusterID); err != nil {
		cancel()
		return nil, outcomeAnswered, errors.Join(err, resp.Body.Close())
	}
	body := &cancelingBody{ReadCloser: resp.Body, cancel: cancel}
	*ans = answer{Meta: meta, status: resp.StatusCode, endpoint: endpoint, body: body}
	return ans, outcomeAnswered, nil
}

func isHTML(h http.Header) bool { return strings.HasPrefix(h.Get("Content-Type"), "text/html") }

// cancelingBody releases the context of an exchange with its body.
type cancelingBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *cancelingBody) Close() error {
	b.cancel()
	return b.ReadCloser.Close()
}

// receive reads the answer and returns the outcome of the request.
func (c *Client) receive(endpoint *url.URL, r *request, resp *http.Response, ans *answer, elapsed time.Duration) (*answer, outcome, error) {
	defer resp.Body.Close()
	meta, err := readMeta(resp.Header)
	if err != nil {
		return nil, r.unreadable(), fmt.Errorf("%s: %w", endpoint, err)
	}
	if err := c.checkCluster(endpoint, meta.ClusterID); err != nil {
		return nil, outcomeUnreadable, err
	}
	*ans = answer{Meta: meta, status: resp.StatusCode, endpoint: endpoint}
	if err = ans.read(r, resp); err == nil && resp.StatusCode >= 300 {
		apiErr := newError(endpoint, r, resp.StatusCode, ans.data, meta)
		if c.endpoints.trusts(endpoint) {
			apiErr.User = c.options.Username
		}
		return nil, classifyAnswer(r, apiErr, elapsed), apiErr
	}
	switch {
	case err == nil:
		return ans, outcomeAnswered, nil
	case errors.Is(err, errNoMember):
		return nil, outcomeRefused, fmt.Errorf("%s: %w", endpoint, err)
	case errors.Is(err, ErrInvalidAnswer) && isHTML(resp.Header):
		return nil, r.unreadable(), fmt.Errorf("%s: %w: %w", endpoint, ErrInvalidAnswer, ErrPage)
	case errors.Is(err, ErrInvalidAnswer):
		return nil, r.unreadable(), fmt.Errorf("%s: %w", endpoint, err)
	default:
		return nil, outcomeAmbiguous, fmt.Errorf("reading the answer: %w", err)
	}
}

// errNoMember is a list without a member. etcd 2 gives it for a moment when it starts,
// before it has applied its own log.
var errNoMember = fmt.Errorf("%w: it lists no member, and the server itself is one", ErrInvalidAnswer)

// errEmptyStats is an empty answer in place of the statistics. etcd gives it while it
// has one message of raft to count a rate from, which is infinite then and cannot be
// written as JSON: until there is another message, or for a second.
var errEmptyStats = fmt.Errorf("%w: it is empty", ErrInvalidAnswer)

// read reads the body; that of a success as the request says.
func (a *answer) read(r *request, resp *http.Response) (err error) {
	if r.keys && a.status < 300 {
		a.keys, err = readResponse(a, resp.Body)
		if err == nil && a.keys.Node == nil && !r.query.Has("noValueOnSuccess") {
			err = errNoNode
		}
		return err
	}
	if a.data, err = readBody(resp); err != nil || a.status >= 300 {
		return err
	}
	if len(a.data) == 0 && r.isStats() {
		return errEmptyStats
	}
	if r.read != nil {
		return r.read(a)
	}
	return nil
}

// readJSON returns a function that reads the JSON of an answer into v. check says
// what is wrong with it, or returns "".
func readJSON[T any](v *T, check func(*T) (fault string)) func(*answer) error {
	return func(a *answer) error {
		var body T
		if err := json.Unmarshal(a.data, &body); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalidAnswer, err)
		}
		if fault := check(&body); fault != "" {
			return fmt.Errorf("%w: %s", ErrInvalidAnswer, fault)
		}
		*v = body
		return nil
	}
}

// readNothing returns a function that takes an answer without a body for success,
// which is all that servers answer to some changes.
func readNothing(status int) func(*answer) error {
	return func(a *answer) error {
		if a.status != status || len(a.data) != 0 {
			return fmt.Errorf("%w: it has the status %d and %d bytes, want the status %d and none", ErrInvalidAnswer, a.status, len(a.data), status)
		}
		return nil
	}
}

// maxPresized bounds what is allocated for a body before it comes.
const maxPresized = 64 << 10

func readBody(resp *http.Response) ([]byte, error) {
	var buf bytes.Buffer
	// The length is only a claim of the sender: no more memory than this is allocated for
	// it before that much has arrived.
	if resp.ContentLength > 0 {
		buf.Grow(int(min(resp.ContentLength, maxPresized)) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if n > maxAnswer {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrInvalidAnswer, maxAnswer)
	}
	return buf.Bytes(), nil
}

func readMeta(h http.Header) (Meta, error) {
	m := Meta{ClusterID: h.Get("X-Etcd-Cluster-Id")}
	err := errors.Join(
		readIndex(h, "X-Etcd-Index", &m.EtcdIndex),
		readIndex(h, "X-Raft-Index", &m.RaftIndex),
		readIndex(h, "X-Raft-Term", &m.RaftTerm),
	)
	return m, err
}

func readIndex(h http.Header, name string, field *uint64) error {
	text := h.Get(name)
	if text == "" {
		return nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: header %s is %q, want a number", ErrInvalidAnswer, name, text)
	}
	*field = n
	return nil
}

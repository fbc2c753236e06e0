package torture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// traceHeader identifies the call and the attempt of a request, as in "17.2".
const traceHeader = "X-Torture"

// trace records what happened to the requests of one call.
type trace struct {
	id uint64
	// rate is the fault rate of the caller.
	rate float64

	mu       sync.Mutex
	attempts []*attempt
	finished bool
}

// attempt is one request of a call.
type attempt struct {
	request etcdtest.Request
	start   int64
	end     int64
	fault   fault
	// seen reports whether the request has reached the proxy, and sent whether the proxy sent
	// it to the server.
	seen, sent bool
	// answered reports whether the server has answered it conclusively, so that it cannot be
	// applied later, and answer is what it answered.
	answered bool
	answer   output
	// lost reports whether the client did not get the answer, and connected whether it had a
	// connection at that time.
	lost, connected bool
	// twice reports whether the request is delivered twice, and second is the answer
	// to the second delivery, once it is there.
	twice  bool
	second *httptest.ResponseRecorder
}

// mayBeApplied reports whether the request is a write that can reach the server.
func (a *attempt) mayBeApplied() bool {
	return a.isWrite() && a.fault != dropRequest && a.fault != hangBefore
}

func (a *attempt) isWrite() bool { return a.request.Method != http.MethodGet && a.request.Method != "" }

type traceKey struct{}

// traced returns a context for the requests of a call.
func traced(ctx context.Context, t *trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// finish returns the attempts of a call as known when it ends. One that reaches the
// proxy later meets no fault any more.
func (t *trace) finish() []attempt {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.finished = true
	attempts := make([]attempt, len(t.attempts))
	for number, a := range t.attempts {
		attempts[number] = *a
	}
	return attempts
}

// enter notes that an attempt has reached the proxy, and reports false if its call has
// ended.
func (t *trace) enter(number int, r etcdtest.Request, at int64, kind fault) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.finished {
		return false
	}
	a := t.attempts[number]
	a.request, a.seen, a.start, a.fault, a.twice = r, true, at, kind, kind == duplicate
	return true
}

// update changes an attempt.
func (t *trace) update(number int, change func(a *attempt)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(t.attempts[number])
}

// tracer marks the requests of a client with their call and attempt.
type tracer struct{ base http.RoundTripper }

// RoundTrip sends a request.
func (t tracer) RoundTrip(req *http.Request) (*http.Response, error) {
	call, ok := req.Context().Value(traceKey{}).(*trace)
	if !ok {
		return t.base.RoundTrip(req)
	}
	call.mu.Lock()
	number := len(call.attempts)
	call.attempts = append(call.attempts, &attempt{request: sentRequest(req)})
	call.mu.Unlock()
	req = req.Clone(req.Context())
	req.Header.Set(traceHeader, fmt.Sprintf("%d.%d", call.id, number))
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		call.update(number, func(a *attempt) { a.lost, a.connected = true, !isDialError(err) })
		return nil, err
	}
	if resp.StatusCode >= http.StatusInternalServerError {
		call.update(number, func(a *attempt) { a.lost, a.connected = true, true })
	}
	resp.Body = &tracedBody{ReadCloser: resp.Body, lose: func() {
		call.update(number, func(a *attempt) { a.lost, a.connected = true, true })
	}}
	return resp, nil
}

// sentRequest returns what a request asks for, which may reach a proxy late.
func sentRequest(req *http.Request) etcdtest.Request {
	sent := etcdtest.Request{Method: req.Method, Path: req.URL.EscapedPath(), Query: req.URL.Query()}
	if req.GetBody == nil {
		return sent
	}
	body, err := req.GetBody()
	if err != nil {
		return sent
	}
	text, err := io.ReadAll(body)
	if err == nil {
		sent.Form, _ = url.ParseQuery(string(text)) // empty if the body is not a form
	}
	return sent
}

// isDialError reports whether no connection was made.
func isDialError(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// tracedBody records that an answer was cut off.
type tracedBody struct {
	io.ReadCloser

	lose func()
}

// Read reads the answer.
func (b *tracedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.lose()
	}
	return n, err
}

// traces finds the call that a request belongs to.
type traces struct {
	mu    sync.Mutex
	calls map[uint64]*trace
}

func (t *traces) add(call *trace) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls == nil {
		t.calls = map[uint64]*trace{}
	}
	t.calls[call.id] = call
}

func (t *traces) remove(call *trace) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.calls, call.id)
}

// of returns the call that a request belongs to, and the number of the attempt.
func (t *traces) of(r etcdtest.Request) (call *trace, number int) {
	id, attempt, ok := strings.Cut(r.Header.Get(traceHeader), ".")
	if !ok {
		return nil, 0
	}
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return nil, 0
	}
	number, err = strconv.Atoi(attempt)
	if err != nil {
		return nil, 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls[n], number
}

// rawInput returns a request as a call of its own.
func rawInput(r etcdtest.Request) input {
	form := r.Form
	if form == nil {
		form = url.Values{}
	}
	in := input{value: form.Get("value"), prev: r.Param("prevValue")}
	in.ttl, _ = strconv.ParseInt(form.Get("ttl"), 10, 64)         // 0 without
	in.index, _ = strconv.ParseUint(r.Param("prevIndex"), 10, 64) // 0 without
	guarded := in.index != 0 || in.prev != ""
	switch {
	case r.Method == http.MethodDelete && guarded:
		in.op = opRemove
	case r.Method == http.MethodDelete:
		in.op = opDelete
	case form.Get("refresh") == "true":
		in.op = opRefresh
	case guarded:
		in.op = opSwap
	case form.Get("prevExist") == "false":
		in.op = opCreate
	case form.Get("prevExist") == "true":
		in.op = opUpdate
	default:
		in.op = opSet
	}
	return in
}

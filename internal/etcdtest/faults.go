package etcdtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// Action is what a [Proxy] does with a request that a [Rule] selects. A test may write its
// own.
type Action func(*Exchange)

// Exchange is a request in the proxy that has not been answered yet.
type Exchange struct {
	// Request is the request as it was received.
	Request Request

	w     http.ResponseWriter
	r     *http.Request
	next  http.Handler
	ended <-chan struct{}
}

// Forward passes the request to the next rule, and finally to the server, and the answer
// to the client.
func (x *Exchange) Forward() { x.next.ServeHTTP(x.w, x.r) }

// Cut resets the connection to the client.
func (x *Exchange) Cut() { cut(x.w) }

// Fetch passes the request on and returns the whole answer of the server, to be delivered
// with Deliver or dropped. It continues after the client has disconnected. If the server
// did not answer, it returns nil, and the connection should be cut.
func (x *Exchange) Fetch() *httptest.ResponseRecorder {
	ctx, cancel := context.WithCancel(context.WithoutCancel(x.r.Context()))
	defer cancel()

	stop := make(chan struct{})
	defer close(stop)

	go func() {
		select {
		case <-x.ended:
			cancel()
		case <-stop:
		}
	}()

	recorder := httptest.NewRecorder()
	if !serveAbortable(x.next, recorder, x.r.WithContext(ctx)) {
		return nil
	}

	return recorder
}

// serveAbortable reports false if the handler aborted the answer.
func serveAbortable(next http.Handler, w http.ResponseWriter, r *http.Request) (ok bool) {
	defer func() {
		if cause := recover(); cause != nil {
			if cause != http.ErrAbortHandler { //nolint:errorlint // net/http panics with this very value.
				panic(cause)
			}

			ok = false
		}
	}()

	next.ServeHTTP(w, r)

	return true
}

// Deliver sends an answer that Fetch returned to the client.
func (x *Exchange) Deliver(answer *httptest.ResponseRecorder) {
	if answer == nil {
		x.Cut()

		return
	}

	maps.Copy(x.w.Header(), answer.Header())
	x.w.WriteHeader(answer.Code)
	_, _ = x.w.Write(answer.Body.Bytes()) // The client may have disconnected.
}

// CutBefore resets the connection without sending the request to the server.
func CutBefore() Action {
	return (*Exchange).Cut
}

// DropAnswer sends the request to the server, waits until the server has answered, and
// resets the connection without an answer: the request took effect, and the client cannot
// know.
func DropAnswer() Action {
	return func(x *Exchange) {
		x.Fetch()
		x.Cut()
	}
}

// Duplicate sends the request to the server twice, one after the other, and delivers the
// first answer, like a gateway that retries needlessly. seen gets both answers before
// that; an answer is nil if the server sent none.
func Duplicate(seen func(first, second *httptest.ResponseRecorder)) Action {
	return func(x *Exchange) {
		first := x.Fetch()
		x.r = x.r.Clone(x.r.Context())
		x.r.Body = io.NopCloser(bytes.NewReader(x.Request.Body))
		seen(first, x.Fetch())
		x.Deliver(first)
	}
}

// TruncateAnswer sends the request to the server and cuts the connection after
// the headers and the first n bytes of the body of the answer.
func TruncateAnswer(n int) Action {
	return func(x *Exchange) { x.DeliverPart(x.Fetch(), n) }
}

// DeliverPart sends the headers and the first n bytes of an answer that Fetch returned
// to the client, and cuts the connection.
func (x *Exchange) DeliverPart(answer *httptest.ResponseRecorder, n int) {
	if answer == nil {
		x.Cut()

		return
	}

	body := answer.Body.Bytes()
	answer.Header().Set("Content-Length", strconv.Itoa(len(body)))
	answer.Body.Truncate(min(n, len(body)))
	x.Deliver(answer)
	_ = http.NewResponseController(x.w).Flush() // The client may have disconnected.
	// A reset could overtake the bytes, so the connection is closed normally.
	panic(http.ErrAbortHandler)
}

// Wait waits for d. It returns false early if the client disconnects or the proxy ends.
func (x *Exchange) Wait(d time.Duration) bool { return wait(x.r.Context(), x.ended, d) }

// Delay waits before the request is sent to the server and before the answer
// is sent to the client, like a slow link.
func Delay(request, answer time.Duration) Action {
	return func(x *Exchange) {
		if !wait(x.r.Context(), x.ended, request) {
			x.Cut()

			return
		}

		if answer > 0 {
			x.w = &delayedWriter{ResponseWriter: x.w, wait: func() { wait(x.r.Context(), x.ended, answer) }}
		}

		x.Forward()
	}
}

// delayedWriter waits once, before it sends the headers.
type delayedWriter struct {
	http.ResponseWriter

	wait func()
}

// WriteHeader waits and passes the status on.
func (w *delayedWriter) WriteHeader(status int) {
	w.wait()
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap gives access to the underlying writer, for flushing and for cut.
func (w *delayedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Hold sends the request to the server and keeps the answer until release is
// closed. With a nil channel the client never gets an answer.
func Hold(release <-chan struct{}) Action {
	return func(x *Exchange) {
		answer := x.Fetch()

		select {
		case <-release:
			x.Deliver(answer)
		case <-x.r.Context().Done():
		case <-x.ended:
			x.Cut()
		}
	}
}

// HoldBefore keeps the request until release is closed and then sends it to the server,
// unless the client has disconnected. With a nil channel it never sends it.
func HoldBefore(release <-chan struct{}) Action {
	return func(x *Exchange) {
		select {
		case <-release:
			x.Forward()
		case <-x.r.Context().Done():
		case <-x.ended:
			x.Cut()
		}
	}
}

// Respond answers without the server.
func Respond(status int, header http.Header, body string) Action {
	return func(x *Exchange) {
		maps.Copy(x.w.Header(), header)
		x.w.WriteHeader(status)
		_, _ = io.WriteString(x.w, body) // The client may have disconnected.
	}
}

// Redirect answers with a redirect to a URL, which may be relative.
func Redirect(status int, location string) Action {
	return Respond(status, http.Header{"Location": {location}}, "")
}

// Intercept calls hook before the request is sent to the server, for example to make a
// rival write at that moment. The hook may use the methods of [Server] that send requests.
func Intercept(hook func(Request)) Action {
	return func(x *Exchange) {
		hook(x.Request)
		x.Forward()
	}
}

// InterceptAnswer calls hook after the server has answered and before the client gets the
// answer.
func InterceptAnswer(hook func(Request)) Action {
	return func(x *Exchange) {
		answer := x.Fetch()
		hook(x.Request)
		x.Deliver(answer)
	}
}

// ActAs makes the proxy treat a refresh like an etcd of this version: etcd before 2.3 does
// not know refresh and empties the value, and 2.3.0 to 2.3.6 do so if the refresh has a
// condition. cluster is the version of the whole cluster.
func (p *Proxy) ActAs(server, cluster string) {
	p.Inject(Rule{Path: "/version", Action: Respond(http.StatusOK, nil, fmt.Sprintf(`{"etcdserver":%q,"etcdcluster":%q}`, server, cluster))})
	empties := func(r Request) bool { return r.Form.Get("refresh") == "true" }

	switch before := func(version string) bool { return semver.Compare("v"+server, version) < 0 }; {
	case before("v2.3.0"):
	case before("v2.3.7"):
		refreshes := empties
		empties = func(r Request) bool {
			return refreshes(r) && (r.Form.Has("prevExist") || r.Form.Has("prevIndex") || r.Form.Has("prevValue"))
		}
	default:
		return
	}

	p.Inject(Rule{Method: http.MethodPut, Path: "/v2/keys", Match: empties, Action: func(x *Exchange) {
		form := maps.Clone(x.Request.Form)
		form.Del("refresh")
		form.Set("value", "")

		body := form.Encode()
		x.r = x.r.Clone(x.r.Context())
		x.r.Body, x.r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		x.Forward()
	}})
}

// RandomFault returns a fault of one request, and its kind for a report. A delay is shorter than
// longestDelay, which is at least a millisecond.
func RandomFault(rng *rand.Rand, longestDelay time.Duration) (kind string, fault Action) {
	switch rng.IntN(6) {
	case 0:
		return "request dropped", CutBefore()
	case 1:
		return "connection cut mid-body", TruncateAnswer(rng.IntN(60))
	case 2:
		return "delay", Delay(time.Duration(rng.Int64N(longestDelay.Milliseconds()))*time.Millisecond, 0)
	case 3:
		return "gateway answers 504 after commit", func(x *Exchange) {
			x.Fetch()
			Respond(http.StatusGatewayTimeout, nil, "time-out")(x)
		}
	default: // It is the fault that matters most.
		return "answer dropped after commit", DropAnswer()
	}
}

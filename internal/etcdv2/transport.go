package etcdv2

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// maxRequestBody is what every server takes as a body; a longer one is
	// refused, or the connection reset.
	maxRequestBody = 10 << 20
	// maxRequestLine is the longest request line that etcd 3.3 and later
	// take; they reset the connection on a longer one, without an answer.
	maxRequestLine = 4096
	// maxAnswer bounds the memory that one answer can take.
	maxAnswer = 512 << 20
	// refusalTime tells an instant 500, which is a refusal, from one that
	// follows a time-out inside the server, which takes more than 5 s.
	refusalTime = 2 * time.Second
)

// request is one call of the API, apart from the endpoint it goes to.
type request struct {
	method string
	// path is the path after the endpoint's own, escaped, with a leading slash.
	path  string
	query url.Values
	// form is sent as the body of a PUT or POST of the key space.
	form url.Values
	// json is sent as the body of the other APIs, if not nil.
	json []byte
	// replay says what an ambiguous failure allows.
	replay replay
	// read reads an answer of success that is not one of the key space. Its error,
	// ErrInvalidAnswer, means that it is none. Nil means that any answer will do.
	read func(*answer) error
	// keys is whether the answer is one of the key space.
	keys bool
	// stream leaves the body of the answer to the caller and lifts
	// the time-outs.
	stream bool
	// definite takes a status of 5xx as the answer of a read.
	definite bool
	// endpoint restricts the request to one endpoint, if not nil.
	endpoint *url.URL
	// single makes one attempt and no more.
	single bool
	// refresh is what the servers must support to be sent this refresh of a key;
	// refreshNone for every other request.
	refresh refreshSupport
	// unclaimed lets the request go to an endpoint that has yet to prove which
	// member it is: it is that question.
	unclaimed bool

	// encoded is the body, and rawQuery the query, made once for all attempts.
	encoded  []byte
	rawQuery string

	// attempts counts the attempts made so far, started is the time of the
	// first, and ambiguous is whether any of them may have been applied.
	attempts  int
	started   time.Time
	ambiguous bool
	// failedAt are the endpoints that were asked and did not do it, once for
	// each time, and noLeader is the last of their answers that there is no leader.
	failedAt []*url.URL
	noLeader error
}

// isKeys reports whether it is a request of the key space.
func (r *request) isKeys() bool { return strings.HasPrefix(r.path, "/v2/keys") }

// isStats reports whether it is a request of the statistics. A server answers
// it with nothing for a moment when a rate comes out infinite, after its first
// messages as a leader or a follower.
func (r *request) isStats() bool { return strings.HasPrefix(r.path, "/v2/stats/") }

// do sends r until it is answered, as far as its replay rule allows, and
// returns the answer, an *Error for an answer outside 2xx, or an error that
// wraps ErrUnavailable or ErrOutcomeUnknown.
func (c *Client) do(ctx context.Context, r *request) (*answer, error) {
	if err := c.prepare(ctx); err != nil {
		return nil, err
	}
	return c.perform(ctx, r)
}

// perform is do for a client that knows its endpoints.
func (c *Client) perform(ctx context.Context, r *request) (*answer, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if r.attempts == 0 {
		r.started = time.Now()
	}
	for {
		r.attempts++
		password := c.password.Load()
		ans, outcome, err := c.attempt(ctx, r)
		if err == nil {
			c.outage.Store(0)
			return ans, nil
		}
		if errors.Is(err, ErrUnauthorized) && c.password.Load() != password {
			// The client has changed it meanwhile. A refusal applies nothing.
			continue
		}
		r.ambiguous = r.ambiguous || outcome == outcomeAmbiguous || outcome == outcomeUnreadable
		if ctxErr := ctx.Err(); ctxErr != nil && !errors.Is(err, ctxErr) && outcome != outcomeAnswered {
			err = fmt.Errorf("%w: %w", ctxErr, err)
		}
		if c.givesUp(ctx, r, outcome) {
			return nil, r.fail(outcome, err)
		}
		if waitErr := c.backoff(ctx, r.attempts); waitErr != nil {
			return nil, r.fail(outcome, fmt.Errorf("%w while waiting to try again after: %w", waitErr, err))
		}
	}
}

// givesUp reports whether r is not sent again after an attempt. Where nothing
// can be connected to, one request spends its attempts on that and the others of
// the next moments do not: a thousand objects of a store that is down would
// each wait for it.
func (c *Client) givesUp(ctx context.Context, r *request, last outcome) bool {
	unreached := last == outcomeNotSent && r.endpoint == nil
	switch {
	case !mayReplay(r.replay, last), ctx.Err() != nil:
		return true
	case unreached && r.attempts == 1 && time.Now().UnixNano() < c.outage.Load():
		return true
	case c.attemptsLeft(r):
		return false
	}
	if unreached {
		c.outage.Store(time.Now().Add(c.options.Retry.MaxDelay).UnixNano())
	}
	return true
}

// attemptsLeft reports whether r may be sent once more. Besides the count, no
// attempt starts later than two request time-outs after the first: a server
// that hangs costs one, and a cluster that hangs must not hold a call for minutes.
func (c *Client) attemptsLeft(r *request) bool {
	return !r.single && r.attempts < c.options.Retry.MaxAttempts && time.Since(r.started) < 2*c.options.RequestTimeout
}

// fail gives the error of a request that is not sent again: a definite one, or
// ErrOutcomeUnknown for a write of which an attempt may have been applied. A
// conflict is passed on as it is, for the caller to settle.
func (r *request) fail(last outcome, err error) error {
	if r.noLeader != nil && last != outcomeAnswered && !errors.Is(err, ErrNoLeader) {
		// It tells more than that another endpoint did not answer.
		err = fmt.Errorf("%w; before that: %w", err, r.noLeader)
	}
	if r.replay == replayRead || !r.ambiguous || (last == outcomeAnswered && isSettled(err)) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
}

// backoff waits before attempt number n+1: an exponential delay with jitter,
// between a half and the whole of it.
func (c *Client) backoff(ctx context.Context, n int) error {
	p := c.options.Retry
	d := p.MaxDelay
	if n < 32 && p.MinDelay<<(n-1) < p.MaxDelay {
		d = p.MinDelay << (n - 1)
	}
	half := float64(d) / 2
	return c.options.Wait(ctx, time.Duration(half+half*c.options.Jitter()))
}

// attempt sends r to the endpoints in turn until one takes it.
func (c *Client) attempt(ctx context.Context, r *request) (*answer, outcome, error) {
	var targets []*url.URL
	if r.endpoint != nil {
		targets = []*url.URL{r.endpoint}
	} else {
		c.findLeader(ctx)
		targets = r.leastFailed(c.endpoints.order())
	}
	failed := (*EndpointsError)(nil)
	var last outcome
	permanent := true
	for _, endpoint := range targets {
		var ans *answer
		var err error
		ans, last, err = c.send(ctx, endpoint, r)
		switch last {
		case outcomeAnswered:
			c.noteAnswer(r, endpoint, ans)
			return ans, last, err
		case outcomeNotSent, outcomeHopeless, outcomeElsewhere:
			permanent = permanent && last != outcomeNotSent
			failed = failed.add(endpoint, err)
			if ctx.Err() != nil {
				return nil, last, failed
			}
			if last == outcomeElsewhere && r.endpoint == nil {
				c.endpoints.unpin(endpoint)
			}
		default:
			c.noteFailure(r, endpoint, err)
			return nil, last, failed.unanswered(endpoint, r, err)
		}
	}
	switch {
	case last == outcomeElsewhere && len(targets) == 1:
		return nil, last, failed.Errors[0].Err
	case permanent:
		return nil, outcomeHopeless, failed
	default:
		return nil, outcomeNotSent, failed
	}
}

// noteAnswer keeps an endpoint first that answered as a server of the v2 API.
func (c *Client) noteAnswer(r *request, endpoint *url.URL, ans *answer) {
	if r.endpoint == nil && strings.HasPrefix(r.path, "/v2/") {
		c.endpoints.pin(endpoint, ans)
	}
}

// leastFailed puts the endpoints at which r has failed more often behind the
// others. Other requests move endpoints meanwhile, and could send r to one that
// hangs each time.
func (r *request) leastFailed(endpoints []*url.URL) []*url.URL {
	if len(r.failedAt) == 0 {
		return endpoints
	}
	failures := map[*url.URL]int{}
	for _, endpoint := range r.failedAt {
		failures[endpoint]++
	}
	return slices.SortedStableFunc(slices.Values(endpoints), func(a, b *url.URL) int { return failures[a] - failures[b] })
}

// noteFailure notes that an endpoint was asked and did not do it.
func (c *Client) noteFailure(r *request, endpoint *url.URL, err error) {
	r.failedAt = append(r.failedAt, endpoint)
	if errors.Is(err, ErrNoLeader) {
		// It answers, and is as good as any for whatever needs no leader.
		r.noLeader = err
		return
	}
	c.endpoints.unpin(endpoint)
}

// send makes one exchange with one endpoint.
func (c *Client) send(ctx context.Context, endpoint *url.URL, r *request) (*answer, outcome, error) {
	if err := ctx.Err(); err != nil {
		return nil, outcomeNotSent, err
	}
	if outcome, err := c.admit(ctx, endpoint, r); err != nil {
		return nil, outcome, err
	}
	start := time.Now()
	ctx, cancel := c.limit(ctx, r)
	t := new(trip)
	resp, target, err := c.roundTrip(ctx, t, endpoint, r)
	if err != nil {
		err = withCause(ctx, err)
		cancel()
		c.trace(target, r, 0, start, err)
		return nil, classifyError(err, t.connected.Load()), err
	}
	if r.stream && resp.StatusCode < 300 {
		c.trace(target, r, resp.StatusCode, start, nil)
		return c.streamed(endpoint, r, resp, &t.ans, cancel)
	}
	defer cancel()
	ans, outcome, err := c.receive(endpoint, r, resp, &t.ans, time.Since(start))
	if err != nil {
		err = withCause(ctx, err)
	}
	c.trace(target, r, resp.StatusCode, start, err)
	return ans, outcome, err
}

// limit returns a context that ends with the time for one exchange.
func (c *Client) limit(ctx context.Context, r *request) (context.Context, context.CancelFunc) {
	if r.stream {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, c.options.RequestTimeout, c.timedOut)
}

// trip is what one exchange needs, in one piece: it is made for every request.
type trip struct {
	// connected reports whether the last request of the trip had a connection, and so
	// may have been sent.
	connected atomic.Bool
	hooks     httptrace.ClientTrace
	target    url.URL
	ans       answer
}

// watch notes it when a request of ctx gets a connection. A transport may look for
// one more than once, as long as it has not sent anything.
func (t *trip) watch(ctx context.Context) context.Context {
	t.hooks.GetConn = func(string) { t.connected.Store(false) }
	t.hooks.GotConn = func(httptrace.GotConnInfo) { t.connected.Store(true) }
	return httptrace.WithClientTrace(ctx, &t.hooks)
}

// withCause says why the context of an exchange ended, where that is why it failed.
func withCause(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if cause == nil || errors.Is(err, cause) {
		return err
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return cause
}

func (c *Client) roundTripOnce(ctx context.Context, target *url.URL, r *request) (*http.Response, error) {
	if c.options.HeaderTimeout > 0 && !r.stream {
		limited, cancel := context.WithCancelCause(ctx)
		timer := time.AfterFunc(c.options.HeaderTimeout, func() {
			cancel(fmt.Errorf("%s sent no header within %s: %w", target.Host, c.options.HeaderTimeout, context.DeadlineExceeded))
		})
		defer timer.Stop()
		ctx = limited
	}
	req := (&http.Request{Method: r.method, URL: target, Host: target.Host, Header: http.Header{"User-Agent": c.userAgent}}).WithContext(ctx)
	if data, contentType := r.body(); contentType != "" {
		req.Header.Set("Content-Type", contentType)
		req.ContentLength = int64(len(data))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
		req.Body, _ = req.GetBody()
	}
	if c.options.Username != "" && c.endpoints.trusts(target) {
		req.SetBasicAuth(c.options.Username, *c.password.Load())
	}
	transport := c.transport
	if r.stream {
		transport = c.streams
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, withCause(ctx, err)
	}
	return resp, nil
}

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

// newTransport returns a transport that keeps as many connections as it may
// open: with fewer, every other request of a busy client dials anew. A limit of
// 0 is none.
func newTransport(o Options, limit int) *http.Transport {
	dialer := &net.Dialer{Timeout: o.ConnectTimeout, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:               o.proxy(),
		DialContext:         dialer.DialContext,
		TLSClientConfig:     o.TLS,
		TLSHandshakeTimeout: o.ConnectTimeout,
		// The v2 API gains nothing from HTTP/2, which an etcd behind TLS offers.
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{},
		MaxConnsPerHost:     limit,
		MaxIdleConnsPerHost: o.MaxConnections,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true,
	}
}

// proxy returns what chooses the proxy of a request. The URL was checked.
func (o Options) proxy() func(*http.Request) (*url.URL, error) {
	if o.ProxyURL == "" {
		return http.ProxyFromEnvironment
	}
	u, err := url.Parse(o.ProxyURL)
	return func(*http.Request) (*url.URL, error) { return u, err }
}

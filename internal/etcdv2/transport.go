package etcdv2

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
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

	// encoded is the body, made once for all attempts.
	encoded []byte

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

// answer is what the server said with a status of 2xx.
type answer struct {
	Meta
	status   int
	endpoint string
	// keys is the answer to a request with keys, data the body of any other.
	keys *Response
	data []byte
	// body is the open body of a streamed answer.
	body io.ReadCloser
}

// Meta is what the headers of an answer say of the cluster.
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
		ans, outcome, err := c.attempt(ctx, r)
		if err == nil {
			c.outage.Store(0)
			return ans, nil
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
	targets := []*url.URL{r.endpoint}
	if r.endpoint == nil {
		c.findLeader(ctx)
		targets = r.leastFailed(c.endpoints.order())
	}
	var failed EndpointsError
	permanent := true
	for _, endpoint := range targets {
		ans, outcome, err := c.send(ctx, endpoint, r)
		switch outcome {
		case outcomeAnswered:
			if r.endpoint == nil {
				c.endpoints.pin(endpoint, ans)
			}
			return ans, outcome, err
		case outcomeNotSent, outcomeHopeless:
			permanent = permanent && outcome == outcomeHopeless
			failed.add(endpoint, err)
			if ctx.Err() != nil {
				return nil, outcome, &failed
			}
		default:
			c.noteFailure(r, endpoint, err)
			return nil, outcome, failed.unanswered(endpoint, r, err)
		}
	}
	if permanent {
		return nil, outcomeHopeless, &failed
	}
	return nil, outcomeNotSent, &failed
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
	ctx, cancel := context.WithCancelCause(ctx)
	if !r.stream {
		timer := time.AfterFunc(c.options.RequestTimeout, func() {
			cancel(fmt.Errorf("no answer within %s: %w", c.options.RequestTimeout, context.DeadlineExceeded))
		})
		defer timer.Stop()
	}
	var sent atomic.Bool
	// A transport that does not report its connections may have sent it.
	sent.Store(true)
	trace := &httptrace.ClientTrace{
		// A redirect is an answer, so only the last host counts.
		GetConn: func(string) { sent.Store(false) },
		GotConn: func(httptrace.GotConnInfo) { sent.Store(true) },
	}
	resp, err := c.roundTrip(httptrace.WithClientTrace(ctx, trace), cancel, endpoint, r)
	if err != nil {
		err = withCause(ctx, err)
		cancel(nil)
		c.trace(endpoint, r, 0, start, err)
		return nil, classifyError(err, sent.Load()), err
	}
	if r.stream && resp.StatusCode < 300 {
		c.trace(endpoint, r, resp.StatusCode, start, nil)
		return c.streamed(endpoint, resp, cancel)
	}
	defer cancel(nil)
	ans, outcome, err := c.receive(endpoint, r, resp, time.Since(start))
	if err != nil {
		err = withCause(ctx, err)
	}
	c.trace(endpoint, r, resp.StatusCode, start, err)
	return ans, outcome, err
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

// streamed hands the open body of an answer to the caller, who closes it.
func (c *Client) streamed(endpoint *url.URL, resp *http.Response, cancel context.CancelCauseFunc) (*answer, outcome, error) {
	meta, err := readMeta(resp.Header)
	if err == nil {
		err = c.checkCluster(endpoint, meta.ClusterID)
	}
	if err != nil {
		cancel(nil)
		return nil, outcomeAnswered, errors.Join(err, resp.Body.Close())
	}
	body := &cancelingBody{ReadCloser: resp.Body, cancel: cancel}
	return &answer{Meta: meta, status: resp.StatusCode, endpoint: endpoint.String(), body: body}, outcomeAnswered, nil
}

// cancelingBody releases the context of an exchange with its body.
type cancelingBody struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

func (b *cancelingBody) Close() error {
	b.cancel(nil)
	return b.ReadCloser.Close()
}

// receive reads the answer and says what became of the request.
func (c *Client) receive(endpoint *url.URL, r *request, resp *http.Response, elapsed time.Duration) (*answer, outcome, error) {
	defer resp.Body.Close()
	meta, err := readMeta(resp.Header)
	if err == nil {
		err = c.checkCluster(endpoint, meta.ClusterID)
	}
	if err != nil {
		return nil, outcomeUnreadable, err
	}
	ans := &answer{Meta: meta, status: resp.StatusCode, endpoint: endpoint.String()}
	if r.keys && resp.StatusCode < 300 {
		ans.keys, err = readResponse(ans, resp.Body)
	} else {
		ans.data, err = readBody(resp)
	}
	switch {
	case errors.Is(err, ErrInvalidAnswer):
		return nil, outcomeUnreadable, fmt.Errorf("%s: %w", endpoint, err)
	case err != nil:
		return nil, outcomeAmbiguous, fmt.Errorf("reading the answer: %w", err)
	case resp.StatusCode < 300 && len(ans.data) == 0 && r.isStats():
		return nil, outcomeRefused, fmt.Errorf("%w from %s: it is empty", ErrInvalidAnswer, endpoint)
	case resp.StatusCode >= 300:
		apiErr := newError(endpoint, r, resp.StatusCode, ans.data, meta)
		return nil, classifyAnswer(r, apiErr, elapsed), apiErr
	}
	return ans, outcomeAnswered, nil
}

func readBody(resp *http.Response) ([]byte, error) {
	var buf bytes.Buffer
	if resp.ContentLength > 0 && resp.ContentLength <= maxAnswer {
		buf.Grow(int(resp.ContentLength) + bytes.MinRead)
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

// decode reads the JSON of an answer into v.
func (a *answer) decode(v any) error {
	if err := json.Unmarshal(a.data, v); err != nil {
		return fmt.Errorf("%w from %s: %w", ErrInvalidAnswer, a.endpoint, err)
	}
	return nil
}

// roundTrip sends r and follows redirects, keeping verb and body.
func (c *Client) roundTrip(ctx context.Context, cancel context.CancelCauseFunc, endpoint *url.URL, r *request) (*http.Response, error) {
	target := r.url(endpoint)
	for hops := 0; ; hops++ {
		resp, err := c.roundTripOnce(ctx, cancel, target, r)
		if err != nil && hops > 0 {
			return nil, &redirectError{host: target.Host, cause: err}
		}
		if err != nil || !isRedirect(resp) {
			return resp, err
		}
		next, err := c.redirectTarget(target, resp, r, hops)
		if err != nil {
			return nil, err
		}
		target = next
	}
}

func (c *Client) roundTripOnce(ctx context.Context, cancel context.CancelCauseFunc, target *url.URL, r *request) (*http.Response, error) {
	body, contentType := r.body()
	req, err := http.NewRequestWithContext(ctx, r.method, "/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.URL, req.Host = target, target.Host
	req.Header.Set("User-Agent", c.options.UserAgent)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.options.Username != "" && c.endpoints.trusts(target) {
		req.SetBasicAuth(c.options.Username, c.options.Password)
	}
	if c.options.HeaderTimeout > 0 && !r.stream {
		timer := time.AfterFunc(c.options.HeaderTimeout, func() {
			cancel(fmt.Errorf("%s sent no header within %s: %w", target.Host, c.options.HeaderTimeout, context.DeadlineExceeded))
		})
		defer timer.Stop()
	}
	if r.stream {
		return c.streams.RoundTrip(req)
	}
	return c.transport.RoundTrip(req)
}

// redirectError is that the target of a redirect did not answer.
type redirectError struct {
	host  string
	cause error
}

// Error names the host to which the endpoint redirects.
func (e *redirectError) Error() string {
	return "redirected to " + e.host + ", which did not answer: " + e.cause.Error()
}

// Unwrap returns why the target did not answer.
func (e *redirectError) Unwrap() error { return e.cause }

func isRedirect(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	default:
		return false
	}
}

// redirectTarget says where a redirect leads, or why it is not followed.
func (c *Client) redirectTarget(from *url.URL, resp *http.Response, r *request, hops int) (*url.URL, error) {
	_, err := io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	if hops >= c.options.MaxRedirects {
		return nil, fmt.Errorf("%w: %s redirects with status %d after %d redirects", ErrTooManyRedirects, from.Host, resp.StatusCode, hops)
	}
	location := resp.Header.Get("Location")
	if location == "" {
		return nil, fmt.Errorf("%w: %s redirects without a location", ErrInvalidAnswer, from.Host)
	}
	to, err := from.Parse(location)
	if err != nil || to.Host == "" || (to.Scheme != "http" && to.Scheme != "https") {
		return nil, fmt.Errorf("%w: %s redirects to an unusable location", ErrInvalidAnswer, from.Host)
	}
	if from.Scheme == "https" && to.Scheme == "http" {
		return nil, fmt.Errorf("%w: from https://%s to http://%s", ErrUnsafeRedirect, from.Host, to.Host)
	}
	if r.json != nil && !c.endpoints.trusts(to) {
		// The bodies of the auth API hold passwords.
		return nil, fmt.Errorf("%w: to the unknown host %s", ErrUnsafeRedirect, to.Host)
	}
	return to, nil
}

// check refuses what no server takes before it is sent.
func (r *request) check() error {
	if n := len(r.method) + len(r.path) + len(r.query.Encode()) + len(" ? HTTP/1.1\r\n"); n > maxRequestLine {
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

func (r *request) url(endpoint *url.URL) *url.URL {
	raw := strings.TrimSuffix(endpoint.EscapedPath(), "/") + r.path
	path, err := url.PathUnescape(raw)
	if err != nil {
		path = raw
	}
	return &url.URL{Scheme: endpoint.Scheme, Host: endpoint.Host, Path: path, RawPath: raw, RawQuery: r.query.Encode()}
}

// newTransport returns a transport that keeps as many connections as it may
// open: with fewer, every other request of a busy client dials anew. A limit of
// 0 is none.
func newTransport(o Options, limit int) *http.Transport {
	dialer := &net.Dialer{Timeout: o.ConnectTimeout, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:               o.Proxy,
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

// admit says whether an endpoint may be sent r.
func (c *Client) admit(ctx context.Context, endpoint *url.URL, r *request) (outcome, error) {
	if !r.unclaimed {
		if outcome, err := c.checkClaim(ctx, endpoint); err != nil {
			return outcome, err
		}
	}
	if outcome, err := c.verifyCluster(ctx, endpoint); err != nil {
		return outcome, err
	}
	return c.checkRefresh(ctx, endpoint, r)
}

// verifyCluster asks an endpoint for its cluster's id before the first
// request to it, if Options.ExpectedClusterID wants to know.
func (c *Client) verifyCluster(ctx context.Context, endpoint *url.URL) (outcome, error) {
	if c.options.ExpectedClusterID == "" || c.endpoints.verified(endpoint) {
		return outcomeAnswered, nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.RequestTimeout)
	defer cancel()
	members := &request{method: http.MethodGet, path: "/v2/members"}
	resp, err := c.roundTripOnce(ctx, func(error) { cancel() }, members.url(endpoint), members)
	if err != nil {
		return classifyError(err, false), err
	}
	defer resp.Body.Close()
	data, err := readBody(resp)
	if err != nil {
		return outcomeNotSent, err
	}
	id := resp.Header.Get("X-Etcd-Cluster-Id")
	switch {
	case id != "":
		err = c.checkCluster(endpoint, id)
	case resp.StatusCode >= http.StatusInternalServerError:
		return outcomeNotSent, newError(endpoint, members, resp.StatusCode, data, Meta{})
	case resp.StatusCode >= http.StatusMultipleChoices:
		err = newError(endpoint, members, resp.StatusCode, data, Meta{})
	default:
		err = fmt.Errorf("%w: %s does not tell its cluster's id, want %s", ErrClusterMismatch, endpoint, c.options.ExpectedClusterID)
	}
	if err != nil {
		return outcomeHopeless, err
	}
	c.endpoints.verify(endpoint)
	return outcomeAnswered, nil
}

func (c *Client) checkCluster(endpoint *url.URL, id string) error {
	want := c.options.ExpectedClusterID
	if want == "" || id == "" || strings.EqualFold(strings.TrimLeft(want, "0"), strings.TrimLeft(id, "0")) {
		return nil
	}
	return fmt.Errorf("%w: %s belongs to cluster %s, want %s", ErrClusterMismatch, endpoint, id, want)
}

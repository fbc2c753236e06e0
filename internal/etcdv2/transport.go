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
	// refusalTime distinguishes an instant 500, which is a refusal, from one that
	// follows a time-out inside the server, which takes more than 5 s.
	refusalTime = 2 * time.Second
	// emptyStatsTries and emptyStatsDelay are how often and after which time
	// statistics are asked for that are empty for a moment, which is no longer than
	// a second.
	emptyStatsTries = 15
	emptyStatsDelay = 100 * time.Millisecond
)

// send makes one exchange with one endpoint, and more only for statistics that are
// empty for the moment: also a caller that asks each endpoint once needs them.
func (c *Client) send(ctx context.Context, endpoint *url.URL, r *request) (*answer, outcome, error) {
	if err := ctx.Err(); err != nil {
		return nil, outcomeNotSent, err
	}
	if outcome, err := c.admit(ctx, endpoint, r); err != nil {
		return nil, outcome, err
	}
	for n := 1; ; n++ {
		ans, outcome, err := c.exchange(ctx, endpoint, r)
		if n == emptyStatsTries || !errors.Is(err, errEmptyStats) || c.options.Wait(ctx, emptyStatsDelay) != nil {
			return ans, outcome, err
		}
	}
}

// exchange sends a request to an endpoint that is admitted, and reads the answer.
func (c *Client) exchange(ctx context.Context, endpoint *url.URL, r *request) (*answer, outcome, error) {
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

// trip has everything that one exchange allocates, in one piece.
type trip struct {
	// connected reports whether the last request of the trip had a connection, and so
	// may have been sent. For a transport of the caller see watchedBody.
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

// withCause returns why the context of an exchange ended, if that is why it failed.
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

// limitHeader returns a context that ends with the time for the header of an
// answer, and what stops that time.
func (c *Client) limitHeader(ctx context.Context, target *url.URL, r *request) (limited context.Context, stop func() bool) {
	limit := c.options.HeaderTimeout
	if limit == 0 || r.stream {
		return ctx, nothingToStop
	}
	limited, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(limit, func() {
		cancel(fmt.Errorf("%s sent no header within %s: %w", target.Host, limit, context.DeadlineExceeded))
	})
	return limited, timer.Stop
}

func nothingToStop() bool { return true }

// newHTTPRequest returns r as it is sent to target.
func (c *Client) newHTTPRequest(ctx context.Context, target *url.URL, r *request) *http.Request {
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
	return req
}

// newTransport returns a transport that keeps as many connections as it may
// open: with fewer, every other request of a busy client dials again. A limit of
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

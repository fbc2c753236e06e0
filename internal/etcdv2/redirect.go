package etcdv2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// roundTrip sends r and follows redirects, keeping verb and body. It returns
// also the URL that answered last, or did not; t is about that one alone, because
// a redirect is an answer.
func (c *Client) roundTrip(ctx context.Context, t *trip, endpoint *url.URL, r *request) (*http.Response, *url.URL, error) {
	t.target = r.url(endpoint)
	target := &t.target
	ctx = t.watch(ctx)
	transport := c.transport
	if r.stream {
		transport = c.streams
	}
	for hops := 0; ; hops++ {
		start := time.Now()
		// A transport of the caller may not report its connections.
		t.connected.Store(c.options.Transport != nil)
		limited, stop := c.limitHeader(ctx, target, r)
		req := c.newHTTPRequest(limited, target, r)
		var content *watchedBody
		if c.options.Transport != nil {
			content = watchBody(req)
		}
		resp, err := transport.RoundTrip(req)
		stop()
		if err != nil {
			if content.withdraw() {
				t.connected.Store(false)
			}
			err = withCause(limited, withSpokeFirst(err))
			if hops > 0 {
				err = &redirectError{host: target.Host, cause: err}
			}
			return nil, target, err
		}
		if !isRedirect(resp) {
			return resp, target, nil
		}
		next, err := c.redirectTarget(target, resp, r, hops)
		if err != nil {
			return nil, target, err
		}
		c.trace(target, r, resp.StatusCode, start, nil)
		target = next
	}
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
	if r.containsSecrets() && !c.mayCarry(from, to) {
		return nil, fmt.Errorf("%w: to the unknown host %s, which is not sent values or passwords", ErrUnsafeRedirect, to.Host)
	}
	return to, nil
}

// mayCarry reports whether a redirect may take values and passwords along: to an
// endpoint, or to the same host by TLS.
func (c *Client) mayCarry(from, to *url.URL) bool {
	return c.endpoints.trusts(to) || (to.Scheme == "https" && to.Hostname() == from.Hostname() && c.endpoints.trusts(from))
}

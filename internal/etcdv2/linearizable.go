package etcdv2

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// readLinearizable sends a read to an endpoint that has first caught up with the
// cluster: what it answers is not older than the call. Users, roles and members
// are changed through the same log as keys are, and an endpoint answers a quorum
// read of any key, existing or not, once it has applied its log up to the read.
func (c *Client) readLinearizable(ctx context.Context, r *request) error {
	var a attempts
	for {
		a.begin()
		endpoint, err := c.catchUp(ctx)
		if err != nil {
			return err
		}
		one := *r
		one.endpoint, one.single = endpoint, true
		if _, err = c.do(ctx, &one); err == nil || !isPassing(err) {
			return err
		}
		if err = c.pause(ctx, &a, err); err != nil {
			return err
		}
	}
}

// isPassing reports whether a read that failed at one endpoint may succeed soon,
// or at another.
func isPassing(err error) bool {
	apiErr, ok := errors.AsType[*Error](err)
	return errors.Is(err, ErrUnavailable) || (ok && apiErr.Status >= http.StatusInternalServerError)
}

// catchUp returns an endpoint that has caught up.
func (c *Client) catchUp(ctx context.Context) (*url.URL, error) {
	ans, err := c.do(ctx, barrierRequest())
	if err == nil {
		return ans.endpoint, nil
	}
	if apiErr, ok := errors.AsType[*Error](err); ok && errors.Is(err, ErrNotFound) {
		return apiErr.endpoint, nil
	}
	return nil, fmt.Errorf("asking for a state that is up to date: %w", err)
}

// barrierKey is a key that need not exist: asking for it is enough.
const barrierKey = "/_etcdv2-barrier"

// barrierRequest is answered by an endpoint that has applied all that the cluster
// agreed on before.
func barrierRequest() *request {
	return &request{
		method: http.MethodGet, path: "/v2/keys" + barrierKey, keys: true, replay: replayRead,
		query: url.Values{"quorum": {"true"}},
	}
}

package etcdv2

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

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
	if outcome, err := c.checkServed(ctx, endpoint, r); err != nil {
		return outcome, err
	}
	return c.checkRefresh(ctx, endpoint, r)
}

// checkServed makes sure, before a write that must not be sent twice, that an
// endpoint serves the v2 API: a page that comes back with status 200 would leave
// the outcome unknown, while another endpoint could take the write. It does
// nothing for a client that has no other endpoint.
func (c *Client) checkServed(ctx context.Context, endpoint *url.URL, r *request) (outcome, error) {
	if r.replay != replayNever || r.endpoint != nil || c.endpoints.isServed(endpoint) {
		return outcomeAnswered, nil
	}
	probe := listMembers(endpoint)
	if r.isKeys() {
		probe = &request{method: http.MethodGet, path: "/v2/keys" + barrierKey, keys: true, replay: replayRead, endpoint: endpoint}
	}
	switch _, outcome, err := c.send(ctx, endpoint, probe); outcome {
	case outcomeAnswered:
		return outcomeAnswered, nil
	case outcomeNotSent, outcomeHopeless, outcomeElsewhere:
		return outcome, err
	default:
		// The write itself was not sent.
		return outcomeNotSent, err
	}
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
	target, start := members.url(endpoint), time.Now()
	resp, err := c.roundTripOnce(ctx, &target, members)
	if err != nil {
		c.trace(&target, members, 0, start, err)
		return classifyError(err, false), err
	}
	defer resp.Body.Close()
	c.trace(&target, members, resp.StatusCode, start, nil)
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

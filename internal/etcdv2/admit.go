package etcdv2

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// proof is what an endpoint must prove before a request is sent to it.
type proof int

const (
	// proofOfMember: it is the member that advertises it, and belongs to the
	// expected cluster.
	proofOfMember proof = iota
	// proofOfCluster: it belongs to the expected cluster. This is for the question
	// which member it is, and for a member that was found by that.
	proofOfCluster
	// proofOfNothing is for the question which cluster it belongs to.
	proofOfNothing
)

// admit says whether an endpoint may be sent r.
func (c *Client) admit(ctx context.Context, endpoint *url.URL, r *request) (outcome, error) {
	if r.needs == proofOfNothing {
		return outcomeAnswered, nil
	}
	if r.needs == proofOfMember {
		if outcome, err := c.proveMember(ctx, endpoint); err != nil {
			return outcome, err
		}
	}
	if outcome, err := c.proveCluster(ctx, endpoint); err != nil {
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

// proveCluster asks an endpoint for its cluster's id before the first
// request to it, if Options.ExpectedClusterID wants to know.
func (c *Client) proveCluster(ctx context.Context, endpoint *url.URL) (outcome, error) {
	if c.options.ExpectedClusterID == "" || c.endpoints.verified(endpoint) {
		return outcomeAnswered, nil
	}
	ans, last, err := c.send(ctx, endpoint, &request{method: http.MethodGet, path: "/v2/members", replay: replayRead, needs: proofOfNothing})
	apiErr, isAPIError := errors.AsType[*Error](err)
	switch {
	case err == nil && ans.ClusterID == "":
		return outcomeHopeless, fmt.Errorf("%w: %s does not report its cluster's id, want %s",
			ErrClusterMismatch, endpoint, c.options.ExpectedClusterID)
	case err == nil, isAPIError && apiErr.namesCluster:
		c.endpoints.verify(endpoint)
		return outcomeAnswered, nil
	case errors.Is(err, ErrClusterMismatch), last == outcomeAnswered:
		return outcomeHopeless, err
	case last == outcomeHopeless, last == outcomeElsewhere:
		return last, err
	default:
		// The request itself was not sent.
		return outcomeNotSent, err
	}
}

func (c *Client) checkCluster(endpoint *url.URL, id string) error {
	want := c.options.ExpectedClusterID
	if want == "" || id == "" || strings.EqualFold(strings.TrimLeft(want, "0"), strings.TrimLeft(id, "0")) {
		return nil
	}
	return fmt.Errorf("%w: %s belongs to cluster %s, want %s", ErrClusterMismatch, endpoint, id, want)
}

package etcdv2

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Cluster returns the id of the cluster and, where the credentials permit to
// read keys, the indexes and the term of an endpoint.
func (c *Client) Cluster(ctx context.Context) (Meta, error) {
	// Only the answer of a key that is there has all of it; the root is. HEAD
	// leaves out what it contains.
	root := &request{method: http.MethodHead, path: "/v2/keys/", replay: replayRead, read: checkMeta}
	ans, err := c.do(ctx, root)
	if err == nil {
		return ans.Meta, nil
	}
	if apiErr, ok := errors.AsType[*Error](err); ok && apiErr.Status == http.StatusMethodNotAllowed {
		// A gateway may pass fewer methods.
		root.method = http.MethodGet
		ans, err = c.do(ctx, root)
		if err == nil {
			return ans.Meta, nil
		}
	}
	if !errors.Is(err, ErrUnauthorized) {
		return Meta{}, err
	}
	list := listMembers(nil)
	list.read = checkMeta
	if ans, err = c.do(ctx, list); err != nil {
		return Meta{}, err
	}
	return Meta{ClusterID: ans.ClusterID}, nil
}

// checkMeta refuses an answer that does not name the cluster.
func checkMeta(ans *answer) error {
	if ans.ClusterID == "" {
		return fmt.Errorf("%w: it does not name the cluster", ErrInvalidAnswer)
	}
	return nil
}

// Machines returns the client URLs of all members, as the old /v2/machines
// lists them.
func (c *Client) Machines(ctx context.Context) ([]string, error) {
	var machines []string
	_, err := c.do(ctx, &request{method: http.MethodGet, path: "/v2/machines", replay: replayRead, read: func(ans *answer) error {
		machines = nil
		for machine := range strings.SplitSeq(string(ans.data), ",") {
			if machine = strings.TrimSpace(machine); machine == "" {
				continue
			}
			if u, err := url.Parse(machine); err != nil || u.Host == "" && u.Path == "" || !slices.Contains(urlSchemes, u.Scheme) {
				return fmt.Errorf("%w: it contains more than URLs", ErrInvalidAnswer)
			}
			machines = append(machines, machine)
		}
		if len(machines) == 0 {
			return errNoMember
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	return machines, nil
}

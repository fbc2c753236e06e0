package etcdv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// VersionInfo is the version of a server and of its cluster.
type VersionInfo struct {
	// Server is the version of the endpoint that answered, such as "3.5.35".
	Server string `json:"etcdserver"`
	// Cluster is the version that all members can speak, such as "3.5.0". It
	// is "not_decided" while a cluster starts, and empty from etcd 2.0.
	Cluster string `json:"etcdcluster"`
}

// IsAtLeast reports whether the server has a version that is not older than least,
// such as "3.5.0".
func (v *VersionInfo) IsAtLeast(least string) bool { return isAtLeast(v.Server, least) }

// Version returns the version of the first endpoint that answers. It reads the
// JSON of etcd 2.1 and later and the text "etcd 2.0.13" of older servers, see
// https://etcd.io/docs/v2.3/api/#getting-the-etcd-version.
func (c *Client) Version(ctx context.Context) (VersionInfo, error) {
	return c.version(ctx, versionRequest())
}

// VersionAll asks every endpoint for its version.
func (c *Client) VersionAll(ctx context.Context) ([]EndpointResult[VersionInfo], error) {
	return askAll(ctx, c, versionRequest(), c.version)
}

func versionRequest() *request {
	return &request{method: http.MethodGet, path: "/version", replay: replayRead}
}

func (c *Client) version(ctx context.Context, r *request) (VersionInfo, error) {
	var v VersionInfo
	r.read = v.read
	_, err := c.do(ctx, r)
	return v, err
}

// read takes the version out of an answer.
func (v *VersionInfo) read(ans *answer) error {
	if text, ok := strings.CutPrefix(strings.TrimSpace(string(ans.data)), "etcd "); ok {
		*v = VersionInfo{Server: text}
		return nil
	}
	return readJSON(v, func(body *VersionInfo) string {
		if body.Server == "" {
			return "it has no version"
		}
		return ""
	})(ans)
}

// HealthInfo is the health that an endpoint reports.
type HealthInfo struct {
	// Healthy reports whether the endpoint can make progress: it has a leader.
	Healthy bool
	// Reason is why not, where the server reports it (etcd 3.5).
	Reason string
	// ServesV2 reports whether the endpoint serves the v2 API: a healthy server does not
	// if it was started without --enable-v2. Only HealthAll asks for it, and also
	// of an endpoint that answers and does not report its health.
	ServesV2 bool
}

// Health asks the first endpoint that answers for its health. An endpoint that
// is not healthy is an answer, not an error.
func (c *Client) Health(ctx context.Context) (HealthInfo, error) {
	return c.health(ctx, healthRequest())
}

// HealthAll asks every endpoint for its health.
func (c *Client) HealthAll(ctx context.Context) ([]EndpointResult[HealthInfo], error) {
	return askAll(ctx, c, healthRequest(), func(ctx context.Context, r *request) (HealthInfo, error) {
		info, err := c.health(ctx, r)
		if err == nil || isAnswer(err) {
			list := listMembers(r.endpoint)
			list.single = true
			_, listErr := c.do(ctx, list)
			info.ServesV2 = listErr == nil || errors.Is(listErr, errNoMember)
			if err == nil && errors.Is(listErr, ErrUnavailable) {
				// It answers no more, which says nothing about what it serves.
				err = listErr
			}
		}
		return info, err
	})
}

func healthRequest() *request {
	return &request{method: http.MethodGet, path: "/health", replay: replayRead, definite: true}
}

func (c *Client) health(ctx context.Context, r *request) (HealthInfo, error) {
	var info HealthInfo
	r.read = info.read
	_, err := c.do(ctx, r)
	if apiErr, ok := errors.AsType[*Error](err); ok && apiErr.Status == http.StatusServiceUnavailable {
		if err = info.read(&answer{data: apiErr.body}); err != nil {
			err = fmt.Errorf("%s: %w", apiErr.Endpoint, err)
		}
	}
	return info, err
}

// read takes the health out of an answer.
func (h *HealthInfo) read(ans *answer) error {
	var body struct {
		Health string `json:"health"`
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal(ans.data, &body); err != nil || body.Health == "" {
		return fmt.Errorf("%w: it reports no health", ErrInvalidAnswer)
	}
	*h = HealthInfo{Healthy: body.Health == "true", Reason: body.Reason}
	return nil
}

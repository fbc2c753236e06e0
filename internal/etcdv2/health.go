package etcdv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
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

// AtLeast reports whether the cluster, or the server where the cluster's
// version is not known, has at least this version.
func (v VersionInfo) AtLeast(major, minor int) bool {
	text := v.Cluster
	if text == "" || text == "not_decided" {
		text = v.Server
	}
	parts := strings.SplitN(text, ".", 3)
	if len(parts) < 2 {
		return false
	}
	gotMajor, err1 := strconv.Atoi(parts[0])
	gotMinor, err2 := strconv.Atoi(parts[1])
	if err1 != nil || err2 != nil {
		return false
	}
	return gotMajor > major || (gotMajor == major && gotMinor >= minor)
}

// Version returns the version of the first endpoint that answers. It reads the
// JSON of etcd 2.1 and later and the text "etcd 2.0.13" of older servers, see
// https://etcd.io/docs/v2.3/api/#getting-the-etcd-version.
func (c *Client) Version(ctx context.Context) (VersionInfo, error) {
	return c.version(ctx, &request{method: http.MethodGet, path: "/version", replay: replayRead})
}

// VersionAll asks every endpoint for its version.
func (c *Client) VersionAll(ctx context.Context) ([]EndpointResult[VersionInfo], error) {
	return askAll(ctx, c, &request{method: http.MethodGet, path: "/version", replay: replayRead}, c.version)
}

func (c *Client) version(ctx context.Context, r *request) (VersionInfo, error) {
	ans, err := c.do(ctx, r)
	if err != nil {
		return VersionInfo{}, err
	}
	if text, ok := strings.CutPrefix(strings.TrimSpace(string(ans.data)), "etcd "); ok {
		return VersionInfo{Server: text}, nil
	}
	var v VersionInfo
	if err := ans.decode(&v); err != nil {
		return VersionInfo{}, err
	}
	if v.Server == "" {
		return VersionInfo{}, fmt.Errorf("%w from %s: it holds no version", ErrInvalidAnswer, ans.endpoint)
	}
	return v, nil
}

// requireRefresh refuses a cluster that does not know refresh: etcd 2.2 and
// older would set the value of the key to "".
func (c *Client) requireRefresh(ctx context.Context) error {
	if c.refreshes.Load() {
		return nil
	}
	v, err := c.Version(ctx)
	if err != nil {
		return err
	}
	if !v.AtLeast(2, 3) {
		return fmt.Errorf("%w: etcd %s cannot refresh a TTL, which needs 2.3", ErrUnsupported, v.Server)
	}
	c.refreshes.Store(true)
	return nil
}

// HealthInfo is what an endpoint says of its health.
type HealthInfo struct {
	// Healthy is whether the endpoint can make progress: it has a leader.
	Healthy bool
	// Reason is why not, where the server says it (etcd 3.5).
	Reason string
}

// Health asks the first endpoint that answers for its health. An endpoint that
// is not healthy is an answer, not an error.
func (c *Client) Health(ctx context.Context) (HealthInfo, error) {
	return c.health(ctx, healthRequest())
}

// HealthAll asks every endpoint for its health.
func (c *Client) HealthAll(ctx context.Context) ([]EndpointResult[HealthInfo], error) {
	return askAll(ctx, c, healthRequest(), c.health)
}

func healthRequest() *request {
	return &request{method: http.MethodGet, path: "/health", replay: replayRead, definite: true}
}

func (c *Client) health(ctx context.Context, r *request) (HealthInfo, error) {
	ans, err := c.do(ctx, r)
	var apiErr *Error
	switch {
	case err == nil:
		return readHealth(ans.data, ans.endpoint)
	case errors.As(err, &apiErr) && apiErr.Status == http.StatusServiceUnavailable:
		return readHealth(apiErr.body, apiErr.Endpoint)
	default:
		return HealthInfo{}, err
	}
}

func readHealth(data []byte, endpoint string) (HealthInfo, error) {
	var body struct {
		Health string `json:"health"`
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal(data, &body); err != nil || body.Health == "" {
		return HealthInfo{}, fmt.Errorf("%w from %s: it tells no health", ErrInvalidAnswer, endpoint)
	}
	return HealthInfo{Healthy: body.Health == "true", Reason: body.Reason}, nil
}

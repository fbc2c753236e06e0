package etcdv3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

// DefaultConnectTimeout and DefaultRequestTimeout are the meaning of zero in [Options].
const (
	DefaultConnectTimeout = 5 * time.Second
	DefaultRequestTimeout = 20 * time.Second
)

// largestMessage is the longest request that the client sends. A server accepts 1.5 MiB
// unless it was started with --max-request-bytes, and v2 has values of 10 MiB.
const largestMessage = 16 << 20

// Options describe how to reach a cluster by the v3 API.
type Options struct {
	// Endpoints are client URLs, at least one. All must belong to one cluster.
	Endpoints []string
	// Username and Password authenticate. Empty means anonymous.
	Username, Password string
	// TLS is for https endpoints. Nil means the system's authorities.
	TLS *tls.Config
	// ExpectedClusterID is the id of the cluster in hexadecimal. Empty means any.
	ExpectedClusterID string
	// ConnectTimeout and RequestTimeout limit one connection and one request.
	ConnectTimeout, RequestTimeout time.Duration
}

// Client reads and writes the v3 key space of one cluster. Close it after use.
type Client struct {
	etcd    *clientv3.Client
	timeout time.Duration
	// ClusterID is the id of the cluster in hexadecimal.
	ClusterID string

	mu sync.Mutex
	// slack is how far apart the ends of equal lifetimes may be: see lifetime.go.
	slack time.Duration
}

// Open connects to a cluster. First it reads the cluster id from every endpoint, without
// credentials unless the endpoint demands them, and leaves out the endpoints that do not
// answer. It returns ErrUnavailable if none answers, and ErrClusterMismatch if an endpoint
// belongs to another cluster than expected or than the others.
func Open(ctx context.Context, o Options) (*Client, error) {
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = DefaultConnectTimeout
	}
	if o.RequestTimeout == 0 {
		o.RequestTimeout = DefaultRequestTimeout
	}
	anonymous := o
	anonymous.Username, anonymous.Password = "", ""
	endpoints, id, err := anonymous.identify(ctx)
	if errors.Is(err, ErrCredentials) && o.Username != "" {
		endpoints, id, err = o.identify(ctx)
	}
	if err != nil {
		return nil, err
	}
	o.Endpoints = endpoints
	etcd, err := o.connect(ctx)
	if err != nil {
		return nil, err
	}
	return &Client{etcd: etcd, timeout: o.RequestTimeout, ClusterID: id, slack: shortestSlack}, nil
}

// Close ends the connections and everything that runs for them.
func (c *Client) Close() error {
	err := c.etcd.Close()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (o Options) connect(ctx context.Context) (*clientv3.Client, error) {
	etcd, err := clientv3.New(clientv3.Config{
		Endpoints: o.Endpoints, Username: o.Username, Password: o.Password, TLS: o.TLS, DialTimeout: o.ConnectTimeout,
		MaxCallSendMsgSize: largestMessage, Logger: zap.NewNop(), Context: ctx,
	})
	return etcd, classified(ctx, err)
}

// identify reads the cluster id from each endpoint, and returns the endpoints that answer.
func (o Options) identify(ctx context.Context) (endpoints []string, id string, err error) {
	etcd, err := o.connect(ctx)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = etcd.Close() }() // nothing was written
	ids, errs := make([]string, len(o.Endpoints)), make([]error, len(o.Endpoints))
	var group errgroup.Group
	for i, endpoint := range o.Endpoints {
		group.Go(func() error {
			request, cancel := context.WithTimeout(ctx, o.ConnectTimeout)
			defer cancel()
			status, err := etcd.Status(request, endpoint)
			if errs[i] = classified(ctx, err); err == nil {
				ids[i] = strconv.FormatUint(status.Header.ClusterId, 16)
			}
			return nil
		})
	}
	_ = group.Wait()
	return o.sameCluster(ids, errs)
}

// sameCluster returns the endpoints that answered. They must belong to one cluster.
func (o Options) sameCluster(ids []string, errs []error) (endpoints []string, id string, err error) {
	expected := strings.TrimLeft(strings.ToLower(o.ExpectedClusterID), "0")
	for i, endpoint := range o.Endpoints {
		switch {
		case errors.Is(errs[i], ErrCredentials):
			return nil, "", fmt.Errorf("%s: %w", endpoint, errs[i])
		case errs[i] != nil:
		case expected != "" && ids[i] != expected:
			return nil, "", fmt.Errorf("%w: %s belongs to the cluster %s, expected %s", ErrClusterMismatch, endpoint, ids[i], expected)
		case id != "" && ids[i] != id:
			return nil, "", fmt.Errorf("%w: %s belongs to the cluster %s, another endpoint to %s", ErrClusterMismatch, endpoint, ids[i], id)
		default:
			endpoints, id = append(endpoints, endpoint), ids[i]
		}
	}
	if id == "" {
		return nil, "", errors.Join(errs...)
	}
	return endpoints, id, nil
}

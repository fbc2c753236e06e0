package etcdv2

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// probeTimeout bounds a look at an endpoint that has failed.
const probeTimeout = 2 * time.Second

// frameOfSettings is the type of an HTTP/2 frame of settings.
const frameOfSettings = 4

// explain adds to the error of a request what caused it, as far as the client can
// find out. It looks at an endpoint that has failed at most once: a thousand
// requests fail for the same cause.
func (c *Client) explain(ctx context.Context, r *request, endpoint *url.URL, err error) error {
	failed := []EndpointError{{endpoint.String(), err}}
	if list, ok := errors.AsType[*EndpointsError](err); ok {
		failed = list.Errors
	}
	var causes []error
	for _, f := range failed {
		cause := causeOf(f.Err, c.showsCert())
		switch {
		case cause == nil && errors.Is(f.Err, ErrUnauthorized) && c.accepted.Load():
			cause = ErrNotPermitted
		case cause == nil && !r.single && !r.discovers && ctx.Err() == nil:
			cause = c.probedCause(ctx, f)
		}
		if cause != nil && !slices.Contains(causes, cause) {
			causes = append(causes, cause)
		}
	}
	if len(causes) == 0 {
		return err
	}
	return &ExplainedError{Err: err, Causes: causes}
}

// noteAccepted notes that a server answered a request of the key space. With
// authentication enabled it does so only for credentials that are right.
func (c *Client) noteAccepted(r *request) {
	if c.options.Username != "" && r.isKeys() && !c.accepted.Load() {
		c.accepted.Store(true)
	}
}

// showsCert reports whether the client has a certificate to show to servers.
func (c *Client) showsCert() bool {
	o := c.options.TLS
	return o != nil && (len(o.Certificates) > 0 || o.GetClientCertificate != nil)
}

// probedCause returns the cause of a failure that only a further look at the
// endpoint shows, or nil.
func (c *Client) probedCause(ctx context.Context, f EndpointError) error {
	var probe func(context.Context, *url.URL) error
	switch {
	case isHangUp(f.Err) && !c.isProxied():
		probe = c.probeTLS
	case errors.Is(f.Err, errSpokeFirst) && !c.isProxied():
		probe = probeGreeting
	case errors.Is(f.Err, ErrV2Disabled) && !errors.Is(f.Err, ErrPage):
		probe = c.probeEtcd
	default:
		return nil
	}
	u, err := url.Parse(f.Endpoint)
	if err != nil {
		return nil
	}
	if known, ok := c.causes.Load(f.Endpoint); ok {
		cause, _ := known.(error)
		return cause
	}
	ctx, cancel := context.WithTimeout(ctx, min(probeTimeout, c.options.ConnectTimeout))
	defer cancel()
	cause := probe(ctx, u)
	if cause != nil {
		c.causes.Store(f.Endpoint, cause)
	}
	return cause
}

// isHangUp reports whether the other side ended the connection without an answer.
func isHangUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// isProxied reports whether requests may not go to the endpoints directly.
func (c *Client) isProxied() bool { return c.options.Transport != nil || c.options.ProxyURL != "" }

// probeTLS finds out whether a server speaks TLS, and whether it lets the client in.
// A server that expects the other of the two ends the connection without a word.
func (c *Client) probeTLS(ctx context.Context, endpoint *url.URL) error {
	config := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // nothing is sent, and only whether it is TLS matters
	if endpoint.Scheme == "https" {
		config = c.options.TLS.Clone()
		if config == nil {
			config = new(tls.Config)
		}
	}
	if config.ServerName == "" {
		config.ServerName = endpoint.Hostname()
	}
	conn, err := dial(ctx, endpoint)
	if err != nil {
		return nil
	}
	defer conn.Close()
	secured := tls.Client(conn, config)
	err = secured.HandshakeContext(ctx)
	_, isAlert := errors.AsType[*net.OpError](err)
	switch {
	case endpoint.Scheme == "http" && (err == nil || isAlert && !isHangUp(err)):
		return ErrServerSpeaksTLS
	case endpoint.Scheme == "http":
		return nil
	case err != nil && isHangUp(err) && answersPlain(ctx, endpoint):
		return ErrServerSpeaksPlain
	case err != nil:
		return tlsCauseOf(err, c.showsCert())
	}
	// TLS 1.3 reports only now that it misses the client's certificate.
	_, err = secured.Read(make([]byte, 1))
	return tlsCauseOf(err, c.showsCert())
}

// answersPlain reports whether a server answers HTTP without TLS.
func answersPlain(ctx context.Context, endpoint *url.URL) bool {
	conn, err := dial(ctx, endpoint)
	if err != nil {
		return false
	}
	defer conn.Close()
	if _, err = io.WriteString(conn, "GET /version HTTP/1.0\r\n\r\n"); err != nil {
		return false
	}
	answer := make([]byte, len("HTTP/"))
	_, err = io.ReadFull(conn, answer)
	return err == nil && string(answer) == "HTTP/"
}

// dial connects to an endpoint, for no longer than its context.
func dial(ctx context.Context, endpoint *url.URL) (net.Conn, error) {
	_, address, _ := strings.Cut(origin(endpoint), "://")
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		err = conn.SetDeadline(deadline)
	}
	return conn, err
}

// probeGreeting finds out whether a server sends the HTTP/2 settings of gRPC before it
// is asked.
func probeGreeting(ctx context.Context, endpoint *url.URL) error {
	conn, err := dial(ctx, endpoint)
	if err != nil {
		return nil
	}
	defer conn.Close()
	// A frame begins with three bytes of its length and one of its type.
	header := make([]byte, 4)
	if _, err = io.ReadFull(conn, header); err != nil || header[3] != frameOfSettings {
		return nil
	}
	return ErrGRPCOnly
}

// probeEtcd finds out what answers at an endpoint that does not serve the v2 API.
// It returns nil for an etcd that serves its clients, started without it.
func (c *Client) probeEtcd(ctx context.Context, endpoint *url.URL) error {
	version, err := c.versionAt(ctx, endpoint)
	switch {
	case err == nil && isAtLeast(version.Server, "3.6.0"):
		return ErrV2Removed
	case err == nil && c.isPeer(ctx, endpoint):
		return ErrPeerPort
	case err == nil:
		return nil
	}
	if strings.Trim(endpoint.Path, "/") == "" {
		return ErrNotEtcd
	}
	if _, err = c.versionAt(ctx, &url.URL{Scheme: endpoint.Scheme, Host: endpoint.Host}); err != nil {
		return ErrNotEtcd
	}
	return ErrWrongPath
}

func (c *Client) versionAt(ctx context.Context, endpoint *url.URL) (VersionInfo, error) {
	var version VersionInfo
	r := versionRequest()
	r.read, r.needs = version.read, proofOfNothing
	_, _, err := c.send(ctx, endpoint, r)
	return version, err
}

// isPeer reports whether an endpoint lists the members as servers do for each other.
func (c *Client) isPeer(ctx context.Context, endpoint *url.URL) bool {
	_, _, err := c.send(ctx, endpoint, &request{
		method: http.MethodGet, path: "/members", replay: replayRead, needs: proofOfNothing,
		read: readJSON(new([]struct{}), func(*[]struct{}) string { return "" }),
	})
	return err == nil
}

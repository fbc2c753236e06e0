package etcdv2

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/etcdv2/terraform-provider-etcd/internal/keyedlock"
	"github.com/etcdv2/terraform-provider-etcd/internal/pause"
)

// Defaults of the fields of [Options] and [RetryPolicy] that are left at zero.
const (
	DefaultEndpoint       = "http://127.0.0.1:2379"
	DefaultConnectTimeout = 5 * time.Second
	DefaultRequestTimeout = 20 * time.Second
	DefaultMaxConnections = 64
	DefaultMaxAttempts    = 5
	DefaultMinDelay       = 100 * time.Millisecond
	DefaultMaxDelay       = 5 * time.Second
)

// EndpointSelection selects the endpoint of a [Client] that is asked first.
type EndpointSelection string

// The ways to select an endpoint. The endpoint that answered last is kept
// until it fails, whatever the selection.
const (
	// SelectOrdered asks the endpoints in the order in which they were given.
	SelectOrdered EndpointSelection = "ordered"
	// SelectRandom asks them in an order drawn when the client is made.
	SelectRandom EndpointSelection = "random"
	// SelectLeader asks the leader of the cluster first, as long as one of the
	// endpoints is a client URL of the leader; otherwise it is [SelectOrdered].
	SelectLeader EndpointSelection = "leader"
)

// EndpointSelections returns every [EndpointSelection], the default first.
func EndpointSelections() []EndpointSelection {
	return []EndpointSelection{SelectOrdered, SelectRandom, SelectLeader}
}

// RetryPolicy bounds how often and how fast a request is sent again. Which
// requests may be sent again at all is said in the package documentation
// under "Replays".
type RetryPolicy struct {
	// MaxAttempts is how often one request is sent at most, including the first
	// time. Zero means DefaultMaxAttempts; 1 means no replay.
	MaxAttempts int
	// MinDelay is the delay before the second attempt; it doubles with each
	// attempt. Zero means DefaultMinDelay.
	MinDelay time.Duration
	// MaxDelay bounds the delay. Zero means DefaultMaxDelay.
	MaxDelay time.Duration
}

// Options says how a [Client] reaches a cluster. The zero value reaches
// DefaultEndpoint without credentials.
type Options struct {
	// Endpoints are the client URLs of the cluster, http or https. A path in
	// a URL is kept in front of every request. Empty means DefaultEndpoint.
	Endpoints []string
	// Selection selects the endpoint that is asked first. Empty means SelectOrdered.
	Selection EndpointSelection

	// DiscoverySRV is a domain whose SRV records give the endpoints, in place
	// of Endpoints: see [DiscoverSRV]. They are looked up before the first
	// request. Empty means none.
	DiscoverySRV string
	// Resolver looks the SRV records up. Nil means the system's.
	Resolver Resolver
	// DiscoverMembers replaces the endpoints before the first request by the
	// client URLs that the members advertise: see [Client.Sync].
	DiscoverMembers bool

	// Username and Password are sent as basic authentication. An empty
	// Username means that requests are anonymous.
	Username string
	Password string
	// TLS is the configuration for https endpoints. Nil means the system's roots
	// and no client certificate.
	TLS *tls.Config
	// ProxyURL is the HTTP proxy for all requests, by the rules of
	// [CheckProxyURL]. Empty means the environment's HTTP_PROXY, HTTPS_PROXY and
	// NO_PROXY.
	ProxyURL string
	// MaxConnections bounds the open connections to one endpoint, which are
	// all kept for the next request. Watches have their own, and no bound. Zero means
	// DefaultMaxConnections.
	MaxConnections int

	// ConnectTimeout bounds the time to open one connection, including TLS. Zero
	// means DefaultConnectTimeout.
	ConnectTimeout time.Duration
	// RequestTimeout bounds one attempt of one request, including its answer;
	// watches are exempt. Zero means DefaultRequestTimeout.
	RequestTimeout time.Duration
	// SettleTime bounds one more read, at the end of a guarded write or the deletion
	// of a directory whose answer was lost: it finds out what became of it, also for
	// a caller whose context has ended by then. Zero means that such a write is
	// ErrOutcomeUnknown once its attempts are spent or its context ends.
	SettleTime time.Duration
	// HeaderTimeout bounds the time from a request to the header of its
	// answer; watches are exempt. Zero means that only RequestTimeout does.
	HeaderTimeout time.Duration
	// PollTimeout bounds one long poll of a watch, which is then begun again, on
	// another endpoint if this one has not answered at all: a server that hangs
	// is noticed by nothing else. Zero means DefaultPollTimeout.
	PollTimeout time.Duration
	// Retry bounds the replays of one request.
	Retry RetryPolicy

	// KeyPrefix is put before every key of the Keys service, and taken off
	// every key in its answers. No key can leave it. Empty means none.
	KeyPrefix string
	// DefaultTTL is the TTL in seconds of every key written without one. Zero
	// means that such a key does not expire.
	DefaultTTL int64
	// NotLinearizable makes reads of keys, and lists of users and roles, answer from the
	// endpoint's own store, which may lag behind the cluster. A not-found answer is
	// confirmed with a quorum read. False means that every read of a key is a quorum
	// read, and that an endpoint has caught up before it lists users or roles.
	NotLinearizable bool
	// ExpectedClusterID is the cluster's id in lower-case hexadecimal, as the
	// X-Etcd-Cluster-Id header has it. Every endpoint is asked for it before
	// its first request and a different id is ErrClusterMismatch. Empty means
	// that any cluster is accepted.
	ExpectedClusterID string

	// MaxRedirects bounds how many redirects one attempt follows. Zero means
	// 10; a negative number forbids redirects.
	MaxRedirects int
	// UserAgent is the User-Agent header. Empty means "etcdv2".
	UserAgent string
	// Trace, if not nil, is called after each exchange with the server; it
	// must be safe for concurrent use. See [Exchange].
	Trace func(Exchange)
	// Transport replaces the client's own HTTP transport, and with it TLS,
	// ProxyURL, MaxConnections and ConnectTimeout. A write that fails in it counts
	// as not sent only if its body was not read. Nil means the client's own.
	Transport http.RoundTripper

	// Wait waits between two attempts and ends with its context. Nil means a
	// timer. Tests use it in order not to wait.
	Wait func(ctx context.Context, d time.Duration) error
	// Jitter returns a number in [0, 1) that spreads the delays. Nil means a
	// random one.
	Jitter func() float64
}

// Client talks to one etcd cluster through its v2 API. It is safe for
// concurrent use and makes no request until it is asked to.
type Client struct {
	// Keys is the key space: /v2/keys.
	Keys *KeysService
	// Auth is the switch of authentication: /v2/auth/enable.
	Auth *AuthService
	// Users are the users: /v2/auth/users.
	Users *UsersService
	// Roles are the roles: /v2/auth/roles.
	Roles *RolesService
	// Members is the membership of the cluster: /v2/members.
	Members *MembersService
	// Stats is the statistics of the servers: /v2/stats.
	Stats *StatsService

	options Options
	// password is that of options, until this client changes it on the server.
	password  atomic.Pointer[string]
	transport http.RoundTripper
	// streams has no limit of connections: each watch occupies one.
	streams   http.RoundTripper
	endpoints *endpointSet
	prepared  preparation
	// timedOut is why an exchange was given up, userAgent the value of a header.
	timedOut  error
	userAgent []string
	// outage is the time, in nanoseconds since 1970, up to which the cluster is
	// taken to be down; see givesUp.
	outage atomic.Int64
	// accepted reports whether a server has accepted the credentials for a key, and
	// causes are those that a look at an endpoint has shown, by its text.
	accepted atomic.Bool
	causes   sync.Map
	// authLocks lock the users and roles that are being changed. The auth API has
	// no conditions: a server reads a user or a role, changes it and writes it
	// back, and of two changes at once one is lost.
	authLocks keyedlock.Locks[string]
}

// New returns a client for the cluster that o describes. It makes no request.
// It returns an error that names the field if o cannot be used.
func New(o Options) (*Client, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	endpoints, err := newEndpointSet(o.Endpoints, o.Selection)
	if err != nil {
		return nil, err
	}
	prefix, err := cleanPrefix(o.KeyPrefix)
	if err != nil {
		return nil, err
	}
	c := &Client{
		options: o, transport: o.Transport, streams: o.Transport, endpoints: endpoints,
		prepared:  preparation{turn: make(chan struct{}, 1)},
		timedOut:  fmt.Errorf("no answer within %s: %w", o.RequestTimeout, context.DeadlineExceeded),
		userAgent: []string{o.UserAgent},
	}
	c.password.Store(&o.Password)
	if o.Transport == nil {
		c.transport, c.streams = newTransport(o, o.MaxConnections), newTransport(o, 0)
	}
	c.Keys = &KeysService{client: c, prefix: prefix, defaultTTL: o.DefaultTTL}
	c.Auth = &AuthService{client: c}
	c.Users = &UsersService{client: c}
	c.Roles = &RolesService{client: c}
	c.Members = &MembersService{client: c}
	c.Stats = &StatsService{client: c}
	return c, nil
}

// CloseIdleConnections closes the connections that no request uses.
func (c *Client) CloseIdleConnections() {
	for _, transport := range []http.RoundTripper{c.transport, c.streams} {
		if t, ok := transport.(interface{ CloseIdleConnections() }); ok {
			t.CloseIdleConnections()
		}
	}
}

func (o Options) withDefaults() Options {
	if len(o.Endpoints) == 0 && o.DiscoverySRV == "" {
		o.Endpoints = []string{DefaultEndpoint}
	}
	setDefault(&o.Selection, SelectOrdered)
	setDefault(&o.MaxConnections, DefaultMaxConnections)
	setDefault(&o.ConnectTimeout, DefaultConnectTimeout)
	setDefault(&o.RequestTimeout, DefaultRequestTimeout)
	setDefault(&o.PollTimeout, DefaultPollTimeout)
	setDefault(&o.Retry.MaxAttempts, DefaultMaxAttempts)
	setDefault(&o.Retry.MinDelay, DefaultMinDelay)
	setDefault(&o.Retry.MaxDelay, max(DefaultMaxDelay, o.Retry.MinDelay))
	setDefault(&o.MaxRedirects, 10)
	setDefault(&o.UserAgent, "etcdv2")
	if o.Wait == nil {
		o.Wait = pause.For
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func (o Options) validate() error {
	switch {
	case o.DiscoverySRV != "" && len(o.Endpoints) > 0:
		return errors.New("both endpoints and a domain for SRV discovery are given")
	case o.Username == "" && o.Password != "":
		return errors.New("a password needs a username")
	case strings.Contains(o.Username, ":"):
		return fmt.Errorf("username %q contains a colon, which basic authentication cannot carry", o.Username)
	case !utf8.ValidString(o.Username) || !utf8.ValidString(o.Password):
		return errors.New("the username or the password is not valid UTF-8, and no user has such")
	case strings.ContainsFunc(o.UserAgent, unicode.IsControl):
		return fmt.Errorf("the User-Agent %q contains a control character, which no header can", o.UserAgent)
	case o.MaxConnections < 0:
		return fmt.Errorf("max connections is %d, want at least 1", o.MaxConnections)
	case min(o.ConnectTimeout, o.RequestTimeout, o.HeaderTimeout, o.PollTimeout) < 0:
		return errors.New("a timeout is negative")
	case o.Retry.MaxAttempts < 1:
		return fmt.Errorf("max attempts is %d, want at least 1", o.Retry.MaxAttempts)
	case o.Retry.MinDelay < 0 || o.Retry.MaxDelay < o.Retry.MinDelay:
		return fmt.Errorf("the delays between attempts, %s to %s, are not a range", o.Retry.MinDelay, o.Retry.MaxDelay)
	}
	if o.DefaultTTL != 0 {
		if err := checkTTL(o.DefaultTTL); err != nil {
			return err
		}
	}
	if o.ProxyURL != "" {
		return CheckProxyURL(o.ProxyURL)
	}
	return nil
}

// CheckProxyURL refuses the URL of a proxy that has no host, or another scheme
// than http, https or socks5. The error does not quote the URL, which can
// contain a password.
func CheckProxyURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return errors.New("the proxy URL cannot be parsed")
	case !slices.Contains([]string{"http", "https", "socks5"}, u.Scheme):
		return errors.New("the proxy URL has no scheme http, https or socks5")
	case u.Hostname() == "":
		return errors.New("the proxy URL has no host")
	}
	return nil
}

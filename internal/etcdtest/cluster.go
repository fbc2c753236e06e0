package etcdtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Cluster is a cluster of etcd nodes.
type Cluster struct {
	// Servers are the nodes. A test that adds a member appends it here, so that the
	// methods include it.
	Servers []*Server
}

// StartCluster starts n nodes, which should be 1, 3 or 5, and returns when all
// are healthy and agree on a leader.
func StartCluster(tb testing.TB, n int, opts ...Option) *Cluster {
	tb.Helper()

	return &Cluster{Servers: startNodes(tb, n, opts)}
}

// URLs returns the client URLs of all nodes.
func (c *Cluster) URLs() []string {
	urls := make([]string, len(c.Servers))
	for i, s := range c.Servers {
		urls[i] = s.URL()
	}

	return urls
}

// InitialCluster returns the nodes in the form of etcd's --initial-cluster.
func (c *Cluster) InitialCluster() string { return initialCluster(c.Servers) }

// Reserve is [Server.Reserve] with the settings of the first node.
func (c *Cluster) Reserve(tb testing.TB, name string) *Server {
	tb.Helper()

	return c.Servers[0].Reserve(tb, name)
}

// Leader waits until all running nodes that are not paused agree on one of them as the
// leader, and returns it.
func (c *Cluster) Leader(tb testing.TB) *Server {
	tb.Helper()

	leader, err := waitLeader(waitContext(tb), c.Servers)
	if err != nil {
		tb.Fatal(err)
	}

	return leader
}

// Followers returns the running nodes that are not paused, without the leader.
func (c *Cluster) Followers(tb testing.TB) []*Server {
	tb.Helper()

	var followers []*Server

	leader := c.Leader(tb)

	for _, s := range active(c.Servers) {
		if s != leader {
			followers = append(followers, s)
		}
	}

	return followers
}

func active(servers []*Server) []*Server {
	var out []*Server

	for _, s := range servers {
		if s.Running() && !s.Paused() {
			out = append(out, s)
		}
	}

	return out
}

func initialCluster(servers []*Server) string {
	parts := make([]string, len(servers))
	for i, s := range servers {
		parts[i] = s.Name + "=" + s.PeerURL()
	}

	return strings.Join(parts, ",")
}

func startNodes(tb testing.TB, n int, opts []Option) []*Server {
	tb.Helper()

	cfg := config{
		heartbeat: 20 * time.Millisecond,
		election:  100 * time.Millisecond,
		clientCN:  "etcdtest client",
		token:     rand.Text(),
	}
	if n > 1 {
		cfg.heartbeat, cfg.election = 50*time.Millisecond, 500*time.Millisecond
	}

	for _, opt := range opts {
		opt(&cfg)
	}

	prog := mustProgram(tb)
	if cfg.withoutV2 && !prog.supports("enable-v2") {
		tb.Skipf("etcd %s always serves the v2 API", prog.version)
	}

	if cfg.tls {
		cfg.certs = NewCerts(tb, cfg.clientCN)
	}

	for try := 1; ; try++ {
		servers, err := tryNodes(tb, prog, cfg, n)
		if err == nil {
			for _, s := range servers {
				s.endWith(tb)
			}

			return servers
		}

		for _, s := range servers {
			s.end()
		}

		if !errors.Is(err, errBind) || try == startTries {
			tb.Fatal(err)
		}
	}
}

// tryNodes starts n nodes. On an error it returns the nodes that must be ended.
func tryNodes(tb testing.TB, prog program, cfg config, n int) ([]*Server, error) {
	tb.Helper()

	client := newHTTPClient(tb, cfg.certs)
	servers := make([]*Server, 0, n)

	for i := range n {
		s, err := newServer(tb, prog, cfg, fmt.Sprintf("n%d", i+1))
		if err != nil {
			return servers, err
		}

		s.http = client
		servers = append(servers, s)
	}

	for _, s := range servers {
		s.cluster, s.clusterState = initialCluster(servers), "new"
		if err := s.launch(); err != nil {
			return servers, err
		}
	}

	return servers, prepareNodes(waitContext(tb), servers)
}

// prepareNodes waits for the nodes and sets up what the options request.
func prepareNodes(ctx context.Context, servers []*Server) error {
	for _, s := range servers {
		if err := s.waitHealthy(ctx); err != nil {
			return err
		}
	}

	cfg := servers[0].cfg
	if cfg.withoutV2 {
		return nil
	}

	if _, err := waitLeader(ctx, servers); err != nil {
		return err
	}

	if cfg.rootPassword == "" {
		return nil
	}

	return enableAuth(ctx, servers, cfg.rootPassword)
}

// waitLeader waits until the active nodes agree on one of them as the leader.
func waitLeader(ctx context.Context, servers []*Server) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()

	var leader *Server

	err := poll(ctx, func() (bool, error) {
		leader = agreedLeader(ctx, active(servers))

		return leader != nil, nil
	})
	if err != nil {
		return nil, fmt.Errorf("the etcd nodes do not agree on a leader: %w", err)
	}

	return leader, nil
}

func agreedLeader(ctx context.Context, servers []*Server) *Server {
	name := ""

	for _, s := range servers {
		var member struct {
			Name string `json:"name"`
		}

		if err := s.getJSON(ctx, "/v2/members/leader", &member); err != nil {
			return nil
		}

		if member.Name == "" || name != "" && member.Name != name {
			return nil
		}

		name = member.Name
	}

	for _, s := range servers {
		if s.Name == name {
			return s
		}
	}

	return nil
}

// enableAuth creates the user root and enables authentication on all nodes.
func enableAuth(ctx context.Context, servers []*Server, password string) error {
	first := servers[0]
	root := map[string]string{"user": "root", "password": password}

	for _, call := range []Call{
		{Method: http.MethodPut, Path: "/v2/auth/users/root", JSON: root, Anonymous: true},
		{Method: http.MethodPut, Path: "/v2/auth/enable", Anonymous: true},
	} {
		answer, err := first.Try(ctx, call)
		if err != nil {
			return err
		}

		if !answer.OK() {
			return fmt.Errorf("%s %s: status %d: %s", call.Method, call.Path, answer.Status, answer.Body)
		}
	}

	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()

	for _, s := range servers {
		s.SetCredentials("root", password)

		err := poll(ctx, func() (bool, error) {
			var status struct {
				Enabled bool `json:"enabled"`
			}

			err := s.getJSON(ctx, "/v2/auth/enable", &status)

			return err == nil && status.Enabled, nil
		})
		if err != nil {
			return fmt.Errorf("authentication is not enabled on etcd %s: %w", s.Name, err)
		}
	}

	return nil
}

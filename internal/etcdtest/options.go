package etcdtest

import "time"

// Option changes how a server or a cluster is started.
type Option func(*config)

type config struct {
	heartbeat, election time.Duration
	tls                 bool
	clientAuth          bool
	clientCN            string
	certs               *Certs
	rootPassword        string
	withoutV2           bool
	args                []string
	token               string
	peers               *peerNetwork
}

// WithTimers sets the heartbeat interval and the election timeout. The default is 20 ms and
// 100 ms for one node, and 50 ms and 500 ms for a cluster, so that it keeps its leader
// on a busy machine.
func WithTimers(heartbeat, election time.Duration) Option {
	return func(c *config) { c.heartbeat, c.election = heartbeat, election }
}

// WithTLS makes the servers serve clients with TLS. Their certificates, for 127.0.0.1 and
// localhost, are created for the test: see [Server.Certs].
func WithTLS() Option {
	return func(c *config) { c.tls = true }
}

// WithClientCerts is [WithTLS] with servers that demand a client certificate.
// The one in [Certs.Client] has the given common name.
func WithClientCerts(commonName string) Option {
	return func(c *config) { c.tls, c.clientAuth, c.clientCN = true, true, commonName }
}

// WithAuth creates the user root with the given password and enables authentication before
// the test gets the server.
func WithAuth(rootPassword string) Option {
	return func(c *config) { c.rootPassword = rootPassword }
}

// WithoutV2 starts servers that do not serve the v2 API. The test is skipped if the etcd
// program always serves it.
func WithoutV2() Option {
	return func(c *config) { c.withoutV2 = true }
}

// WithArgs adds arguments to the command line of each server.
func WithArgs(args ...string) Option {
	return func(c *config) { c.args = append(c.args, args...) }
}

// WithPeerProxies puts a proxy in front of the peer URL of each node, which can cut the node
// off from the others: see [Server.Isolate].
func WithPeerProxies() Option {
	return func(c *config) { c.peers = newPeerNetwork() }
}

package etcdtest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// The ports are below the ephemeral range of Linux (32768), so that the kernel assigns
// none of them on its own.
const (
	firstPort = 15000
	lastPort  = 32000
)

var errNoPort = errors.New("no free loopback port between 15000 and 32000")

// claim is a TCP port of the loopback interface that is reserved for this process. To
// reserve it, the claim keeps the UDP port of the same number open, which every test
// process on the machine tries first. The TCP port stays free for a server, even while
// that server is down.
type claim struct {
	port int
	udp  net.PacketConn
}

func claimPort() (*claim, error) {
	var config net.ListenConfig

	ctx := context.Background()

	for range 500 {
		port := firstPort + rand.IntN(lastPort-firstPort) //nolint:gosec // Only spreads the attempts.
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))

		udp, err := config.ListenPacket(ctx, "udp4", addr)
		if err != nil {
			continue
		}

		// Another program may be listening on TCP.
		trial, err := config.Listen(ctx, "tcp4", addr)
		if err != nil {
			_ = udp.Close()

			continue
		}

		_ = trial.Close()

		return &claim{port: port, udp: udp}, nil
	}

	return nil, errNoPort
}

func (c *claim) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)) }

func (c *claim) release() { _ = c.udp.Close() }

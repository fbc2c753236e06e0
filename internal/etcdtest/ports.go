package etcdtest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are taken below the ephemeral range of Linux (32768), where the
// kernel gives them to nobody by itself.
const (
	firstPort = 15000
	lastPort  = 32000
)

var errNoPort = errors.New("no free loopback port between 15000 and 32000")

// claim is a TCP port of the loopback interface that is kept for this process:
// the claim holds the UDP port of the same number, which every test process on
// the machine tries first. The TCP port itself stays free for a server, also
// while that server is down.
type claim struct {
	port int
	hold net.PacketConn
}

func claimPort() (*claim, error) {
	var config net.ListenConfig

	ctx := context.Background()

	for range 500 {
		port := firstPort + rand.IntN(lastPort-firstPort) //nolint:gosec // Only spreads the attempts.
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))

		hold, err := config.ListenPacket(ctx, "udp4", addr)
		if err != nil {
			continue
		}

		// Somebody else may listen on TCP.
		trial, err := config.Listen(ctx, "tcp4", addr)
		if err != nil {
			_ = hold.Close()

			continue
		}

		_ = trial.Close()

		return &claim{port: port, hold: hold}, nil
	}

	return nil, errNoPort
}

func (c *claim) addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)) }

func (c *claim) release() { _ = c.hold.Close() }

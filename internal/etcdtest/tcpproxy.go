package etcdtest

import (
	"context"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// TCPProxy is a proxy on loopback that passes the bytes of each connection through unread,
// so that TLS works from end to end. Its methods may be called from any goroutine.
type TCPProxy struct {
	door   *door
	target *url.URL
	pumps  sync.WaitGroup

	mu      sync.Mutex
	latency time.Duration
	gate    chan struct{} // closed while bytes may pass
	ended   chan struct{}
}

// NewTCPProxy starts a proxy in front of the server with the given URL. It
// ends with the test.
func NewTCPProxy(tb testing.TB, target string) *TCPProxy {
	tb.Helper()

	targetURL, err := url.Parse(target)
	if err != nil {
		tb.Fatal(err)
	}

	p := &TCPProxy{target: targetURL, gate: make(chan struct{}), ended: make(chan struct{})}
	close(p.gate)

	p.door = newDoor(tb, func(l net.Listener) {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}

			p.pumps.Go(func() { p.serve(conn) })
		}
	})

	tb.Cleanup(func() {
		close(p.ended)
		p.door.close()
		p.door.cutAll() // Those accepted while the door was closing.
		p.pumps.Wait()
	})

	return p
}

// URL returns the URL for clients. It has the scheme of the server's URL.
func (p *TCPProxy) URL() string { return p.target.Scheme + "://" + p.door.claim.addr() }

// Refuse makes the proxy refuse connections and resets the open ones.
func (p *TCPProxy) Refuse() { p.door.refuse() }

// Accept makes the proxy accept connections again after Refuse.
func (p *TCPProxy) Accept(tb testing.TB) {
	tb.Helper()

	if err := p.door.open(); err != nil {
		tb.Fatal(err)
	}
}

// CutAll resets the open connections of the proxy.
func (p *TCPProxy) CutAll() { p.door.cutAll() }

// Connections returns how many connections are open, and how many were
// accepted since the start.
func (p *TCPProxy) Connections() (open, total int) { return p.door.counts() }

// SetLatency delays the bytes in each direction.
func (p *TCPProxy) SetLatency(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.latency = d
}

// Stall keeps all bytes back, in both directions, until Flow: the peers have a connection
// on which nothing arrives.
func (p *TCPProxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()

	select {
	case <-p.gate:
		p.gate = make(chan struct{})
	default:
	}
}

// Flow ends Stall and delivers the bytes that were kept back.
func (p *TCPProxy) Flow() {
	p.mu.Lock()
	defer p.mu.Unlock()

	select {
	case <-p.gate:
	default:
		close(p.gate)
	}
}

func (p *TCPProxy) serve(client net.Conn) {
	var dialer net.Dialer

	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()

	server, err := dialer.DialContext(ctx, "tcp4", p.target.Host)
	if err != nil {
		reset(client)

		return
	}

	var both sync.WaitGroup

	both.Go(func() { p.pump(client, server) })
	both.Go(func() { p.pump(server, client) })
	both.Wait()
}

// pump copies one direction. When it ends, both connections are closed: HTTP needs no
// half-closed connections.
func (p *TCPProxy) pump(from, to net.Conn) {
	type piece struct {
		data []byte
		due  time.Time
	}

	// Latency must not limit the throughput, so reading continues meanwhile.
	pieces := make(chan piece, 256)

	p.pumps.Go(func() {
		defer close(pieces)

		for {
			buf := make([]byte, 32<<10)

			n, err := from.Read(buf)
			if n > 0 {
				select {
				case pieces <- piece{buf[:n], time.Now().Add(p.delay())}:
				case <-p.ended:
					return
				}
			}

			if err != nil {
				return
			}
		}
	})

	broken := false

	for next := range pieces {
		broken = broken || !p.pass(time.Until(next.due))
		if broken {
			continue // The reader has to find an empty channel to end.
		}

		if _, err := to.Write(next.data); err != nil {
			broken = true

			_ = from.Close()
		}
	}

	_ = to.Close()
	_ = from.Close()
}

func (p *TCPProxy) delay() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()

	return p.latency
}

// pass waits until a piece may pass, and reports false if the proxy ends first.
func (p *TCPProxy) pass(d time.Duration) bool {
	if d > 0 && !wait(context.Background(), p.ended, d) {
		return false
	}

	p.mu.Lock()
	gate := p.gate
	p.mu.Unlock()

	select {
	case <-gate:
		return true
	case <-p.ended:
		return false
	}
}

package etcdtest

import (
	"context"
	"net"
	"sync"
	"testing"
)

// door is a loopback listener on its own port that can be closed and opened again, and that
// keeps track of its connections.
type door struct {
	claim *claim
	serve func(net.Listener)

	mu       sync.Mutex
	listener net.Listener
	conns    map[*doorConn]struct{}
	total    int
	running  sync.WaitGroup
}

// newDoor opens a door. serve is called for each listener in its own goroutine and must
// return when the listener is closed.
func newDoor(tb testing.TB, serve func(net.Listener)) *door {
	tb.Helper()

	d := &door{serve: serve, conns: map[*doorConn]struct{}{}}

	for try := 1; ; try++ {
		claim, err := claimPort()
		if err != nil {
			tb.Fatal(err)
		}

		d.claim = claim

		err = d.open()
		if err == nil {
			break
		}

		claim.release()

		if try == startTries {
			tb.Fatal(err)
		}
	}

	return d
}

func (d *door) open() error {
	d.mu.Lock()
	defer d.mu.Unlock()

	if d.listener != nil {
		return nil
	}

	var config net.ListenConfig

	listener, err := config.Listen(context.Background(), "tcp4", d.claim.addr())
	if err != nil {
		return err
	}

	d.listener = listener
	d.running.Go(func() { d.serve(&doorListener{Listener: listener, door: d}) })

	return nil
}

// refuse closes the listener and resets all connections.
func (d *door) refuse() {
	d.mu.Lock()
	listener := d.listener
	d.listener = nil
	d.mu.Unlock()

	if listener != nil {
		_ = listener.Close() // The kernel answers with a reset from here on.
	}

	d.cutAll()
}

func (d *door) cutAll() {
	d.mu.Lock()

	conns := make([]*doorConn, 0, len(d.conns))
	for conn := range d.conns {
		conns = append(conns, conn)
	}

	d.mu.Unlock()

	for _, conn := range conns {
		reset(conn)
	}
}

// close closes the door for good and waits until serve has returned.
func (d *door) close() {
	d.refuse()
	d.running.Wait()
	d.claim.release()
}

func (d *door) counts() (open, total int) {
	d.mu.Lock()
	defer d.mu.Unlock()

	return len(d.conns), d.total
}

type doorListener struct {
	net.Listener

	door *door
}

func (l *doorListener) Accept() (net.Conn, error) {
	inner, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}

	conn := &doorConn{Conn: inner, door: l.door}

	l.door.mu.Lock()
	defer l.door.mu.Unlock()

	l.door.conns[conn] = struct{}{}
	l.door.total++

	return conn, nil
}

type doorConn struct {
	net.Conn

	door *door
}

func (c *doorConn) Close() error {
	c.door.mu.Lock()
	delete(c.door.conns, c)
	c.door.mu.Unlock()

	return c.Conn.Close()
}

// reset closes a connection so that the other side gets a reset.
func reset(conn net.Conn) {
	inner := conn

	for {
		switch c := inner.(type) {
		case interface{ NetConn() net.Conn }: // TLS
			inner = c.NetConn()

			continue
		case *doorConn:
			inner = c.Conn

			continue
		case *net.TCPConn:
			_ = c.SetLinger(0)
			// Close would send an alert over TLS first.
			_ = c.Close()
		}

		break
	}

	_ = conn.Close()
}

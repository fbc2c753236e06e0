package etcdtest

import (
	"bytes"
	"context"
	"io"
	"net"
	"regexp"
	"sync"
	"testing"
	"time"
)

// maxPeerHeader is how many bytes are searched for the header of a peer's request.
const maxPeerHeader = 8 << 10

// serverFrom matches the header with which a member identifies itself to its peers.
var serverFrom = regexp.MustCompile(`(?i)\r\nX-Server-From: *([0-9a-f]+)\r\n`)

// peerNetwork connects the nodes of a cluster: each has a door in front of it that knows
// which node is calling.
type peerNetwork struct {
	mu    sync.Mutex
	conns map[*peerConn]struct{}
	// cut are the nodes that are cut off, and cutIDs the ids of their members.
	cut    map[*Server]bool
	cutIDs map[string]*Server
}

// peerConn is a connection from the member with an id to a node.
type peerConn struct {
	from   string
	to     *Server
	caller net.Conn
	callee net.Conn
}

func newPeerNetwork() *peerNetwork {
	return &peerNetwork{conns: map[*peerConn]struct{}{}, cut: map[*Server]bool{}, cutIDs: map[string]*Server{}}
}

// Isolate cuts the node off from its peers, in both directions, until [Server.Rejoin].
// Clients still reach it. It needs [WithPeerProxies], and a node that answers.
func (s *Server) Isolate(tb testing.TB) {
	tb.Helper()

	var list struct {
		Members []struct{ ID, Name string }
	}

	if s.cfg.peers == nil {
		tb.Fatal("Isolate needs a cluster started with WithPeerProxies")
	}

	if err := s.getJSON(waitContext(tb), "/v2/members", &list); err != nil {
		tb.Fatalf("cannot ask etcd %s for its id: %v", s.Name, err)
	}

	for _, member := range list.Members {
		if member.Name == s.Name {
			s.cfg.peers.isolate(s, member.ID)

			return
		}
	}

	tb.Fatalf("etcd %s is not a member", s.Name)
}

// Rejoin lets an isolated node reach its peers again. It does nothing if the node is not
// isolated.
func (s *Server) Rejoin() {
	n := s.cfg.peers
	n.mu.Lock()
	defer n.mu.Unlock()

	delete(n.cut, s)

	for id, server := range n.cutIDs {
		if server == s {
			delete(n.cutIDs, id)
		}
	}
}

// Isolated reports whether the node is cut off from its peers.
func (s *Server) Isolated() bool {
	if s.cfg.peers == nil {
		return false
	}

	s.cfg.peers.mu.Lock()
	defer s.cfg.peers.mu.Unlock()

	return s.cfg.peers.cut[s]
}

func (n *peerNetwork) isolate(s *Server, id string) {
	n.mu.Lock()
	defer n.mu.Unlock()

	n.cut[s], n.cutIDs[id] = true, s

	for conn := range n.conns {
		if n.isCut(conn) {
			reset(conn.caller)
			reset(conn.callee)
		}
	}
}

// isCut reports whether a connection is forbidden. The caller holds the lock.
func (n *peerNetwork) isCut(c *peerConn) bool { return n.cut[c.to] || n.cutIDs[c.from] != nil }

// enter adds a connection, unless one of its ends is cut off.
func (n *peerNetwork) enter(c *peerConn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()

	if n.isCut(c) {
		return false
	}

	n.conns[c] = struct{}{}

	return true
}

func (n *peerNetwork) leave(c *peerConn) {
	n.mu.Lock()
	defer n.mu.Unlock()

	delete(n.conns, c)
}

// openDoor opens the door of a node.
func (n *peerNetwork) openDoor(tb testing.TB, s *Server) *door {
	tb.Helper()

	return newDoor(tb, func(l net.Listener) {
		var conns sync.WaitGroup
		defer conns.Wait()

		for {
			caller, err := l.Accept()
			if err != nil {
				return
			}

			conns.Go(func() { n.serve(s, caller) })
		}
	})
}

// serve passes what comes from a peer on to a node.
func (n *peerNetwork) serve(s *Server, caller net.Conn) {
	defer reset(caller)

	head, from := readCaller(caller)

	var dialer net.Dialer

	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()

	callee, err := dialer.DialContext(ctx, "tcp4", s.peer.addr())
	if err != nil {
		return
	}
	defer reset(callee)

	conn := &peerConn{from: from, to: s, caller: caller, callee: callee}
	if !n.enter(conn) {
		return
	}
	defer n.leave(conn)

	if _, err := callee.Write(head); err != nil {
		return
	}

	ended := make(chan struct{}, 2)

	for _, way := range [2][2]net.Conn{{caller, callee}, {callee, caller}} {
		go func() {
			_, _ = io.Copy(way[1], way[0]) // Either end may go away at any time.
			ended <- struct{}{}
		}()
	}

	<-ended
	reset(caller)
	reset(callee)
	<-ended
}

// readCaller reads the header of the first request on a connection, and who sends it.
func readCaller(conn net.Conn) (head []byte, from string) {
	_ = conn.SetReadDeadline(time.Now().Add(callTimeout))
	buf := make([]byte, maxPeerHeader)

	for !bytes.Contains(head, []byte("\r\n\r\n")) && len(head) < maxPeerHeader {
		n, err := conn.Read(buf)
		head = append(head, buf[:n]...)

		if err != nil {
			break
		}
	}

	_ = conn.SetReadDeadline(time.Time{})

	if match := serverFrom.FindSubmatch(head); match != nil {
		from = string(match[1])
	}

	return head, from
}

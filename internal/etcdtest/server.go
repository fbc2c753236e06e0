package etcdtest

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	readyTimeout = 60 * time.Second
	endTimeout   = 30 * time.Second
	startTries   = 5
	logTail      = 60 // lines
)

var errBind = errors.New("a port was taken before etcd could listen on it")

// Server is one etcd node. Its methods may be called from any goroutine, except those that
// start or end the process: they end the test when they fail, and so belong in the
// goroutine of the test.
type Server struct {
	// Name is the name of the member, such as "n1".
	Name string
	// Certs are the certificates of a server with TLS, nil for one without.
	Certs *Certs

	prog   program
	cfg    config
	dir    string
	client *claim
	peer   *claim
	// peerDoor is the door in front of the peer URL, nil if there is none.
	peerDoor *door
	http     *http.Client
	sharing  bool

	mu             sync.Mutex
	proc           *process
	paused         bool
	full           bool   // every write to a file fails
	cluster        string // value of --initial-cluster
	clusterState   string // value of --initial-cluster-state
	user, password string
}

// Start starts one etcd node and returns when it is healthy. The node is ended with the
// test, and its log is printed if the test failed.
func Start(tb testing.TB, opts ...Option) *Server {
	tb.Helper()

	return startNodes(tb, 1, opts)[0]
}

// URL returns the client URL, such as "http://127.0.0.1:20001".
func (s *Server) URL() string {
	if s.cfg.tls {
		return "https://" + s.client.addr()
	}

	return "http://" + s.client.addr()
}

// Addr returns the host and port of the client URL.
func (s *Server) Addr() string { return s.client.addr() }

// PeerURL returns the URL for the other members.
func (s *Server) PeerURL() string {
	if s.peerDoor != nil {
		return "http://" + s.peerDoor.claim.addr()
	}

	return s.listenPeerURL()
}

func (s *Server) listenPeerURL() string { return "http://" + s.peer.addr() }

// Version returns the version of the server.
func (s *Server) Version() Version { return s.prog.version }

// DataDir is the directory with the server's data.
func (s *Server) DataDir() string { return filepath.Join(s.dir, "data") }

// LogFile returns the path of the file that the process writes its log to.
func (s *Server) LogFile() string { return filepath.Join(s.dir, "log") }

// Pid returns the id of the running process, or 0.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()

	if !s.proc.running() {
		return 0
	}

	return s.proc.os.Pid
}

// Running reports whether the process is running or paused.
func (s *Server) Running() bool { return s.Pid() != 0 }

// Reserve returns another node that is not started. Its URLs are valid and reserved, so that
// it can be added to the cluster of s first; start it with [Server.Join]. It has the
// timers, TLS and arguments of s.
func (s *Server) Reserve(tb testing.TB, name string) *Server {
	tb.Helper()

	reserved, err := newServer(tb, s.prog, s.cfg, name)
	if err != nil {
		tb.Fatal(err)
	}

	reserved.http, reserved.Certs = s.http, s.Certs
	reserved.SetCredentials(s.credentials())
	reserved.endWith(tb)

	return reserved
}

// Join starts a reserved node as a new member of an existing cluster and waits until it is
// healthy. The cluster has the form of etcd's --initial-cluster
// ("n1=http://127.0.0.1:20001,n2=...").
func (s *Server) Join(tb testing.TB, initialCluster string) {
	tb.Helper()
	s.PrepareJoin(initialCluster)
	s.Launch(tb)
	s.WaitHealthy(tb)
}

// PrepareJoin is the first step of [Server.Join]: it only sets the cluster.
func (s *Server) PrepareJoin(initialCluster string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.cluster, s.clusterState = initialCluster, "existing"
}

// SetArgs adds arguments to the command line of the next start of the server. The test is
// skipped if the etcd program does not know the first of them.
func (s *Server) SetArgs(tb testing.TB, args ...string) {
	tb.Helper()

	if flag := strings.TrimLeft(args[0], "-"); !s.prog.supports(flag) {
		tb.Skipf("etcd %s has no flag %s", s.prog.version, flag)
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	s.cfg.args = append(slices.Clone(s.cfg.args), args...)
}

// Launch starts the process of a server that is not running, with its present data directory
// and ports, and does not wait: a node of a cluster without a quorum does not become
// healthy.
func (s *Server) Launch(tb testing.TB) {
	tb.Helper()
	s.refuseShared(tb)

	if err := s.launch(); err != nil {
		tb.Fatal(err)
	}
}

// WaitHealthy waits until the server reports that it is healthy. It ends the test if the
// server exits or takes more than a minute.
func (s *Server) WaitHealthy(tb testing.TB) {
	tb.Helper()

	if err := s.waitHealthy(waitContext(tb)); err != nil {
		tb.Fatal(err)
	}
}

// Stop ends the process with SIGTERM and waits for its end.
func (s *Server) Stop(tb testing.TB) {
	tb.Helper()
	s.Resume(tb)
	s.signal(tb, "stop", (*process).terminate)
	s.WaitExit(tb)
}

// Kill ends the process with SIGKILL and waits for its end.
func (s *Server) Kill(tb testing.TB) {
	tb.Helper()
	s.signal(tb, "kill", (*process).kill)
	s.WaitExit(tb)
}

// Pause stops the process with SIGSTOP: its connections stay open and get no answers.
func (s *Server) Pause(tb testing.TB) {
	tb.Helper()
	s.signal(tb, "pause", (*process).pause)
	s.setPaused(true)
}

// Resume continues a paused process. It does nothing if it is not paused.
func (s *Server) Resume(tb testing.TB) {
	tb.Helper()

	if s.Paused() {
		s.signal(tb, "resume", (*process).resume)
		s.setPaused(false)
	}
}

// Paused reports whether the process is paused.
func (s *Server) Paused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.paused
}

// Restart stops the server if it runs, starts it with the same data and ports,
// and waits until it is healthy.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()

	if s.Running() {
		s.Stop(tb)
	}

	s.Launch(tb)
	s.WaitHealthy(tb)
}

// RestartWithoutV2 is [Server.Restart] without the v2 API, and with more arguments. The
// test is skipped if the etcd program always serves it.
func (s *Server) RestartWithoutV2(tb testing.TB, args ...string) {
	tb.Helper()

	if !s.prog.supports("enable-v2") {
		tb.Skipf("etcd %s always serves the v2 API", s.prog.version)
	}

	s.cfg.withoutV2 = true
	s.cfg.args = append(s.cfg.args, args...)
	s.Restart(tb)
}

// Upgrade is [Server.Restart] with another etcd program, which does not serve the v2
// API.
func (s *Server) Upgrade(tb testing.TB, path string) {
	tb.Helper()

	prog, err := programAt(path)
	if err != nil {
		tb.Fatal(err)
	}

	if s.Running() {
		s.Stop(tb)
	}

	s.prog, s.cfg.withoutV2 = prog, true
	s.Restart(tb)
}

// WaitExit waits until the process has ended, for whatever reason, and returns its exit
// code, or -1 after a signal.
func (s *Server) WaitExit(tb testing.TB) int {
	tb.Helper()

	s.mu.Lock()
	proc := s.proc
	s.mu.Unlock()

	if proc == nil {
		tb.Fatalf("etcd %s was never started", s.Name)
	}

	select {
	case <-proc.done:
		s.setPaused(false)

		return proc.code
	case <-time.After(endTimeout):
		tb.Fatalf("etcd %s has not ended within %s", s.Name, endTimeout)

		return -1
	}
}

func (s *Server) setPaused(paused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.paused = paused
}

func (s *Server) signal(tb testing.TB, what string, send func(*process) error) {
	tb.Helper()
	s.refuseShared(tb)

	s.mu.Lock()
	defer s.mu.Unlock()

	if !s.proc.running() {
		tb.Fatalf("cannot %s etcd %s: it is not running", what, s.Name)
	}

	if err := send(s.proc); err != nil {
		tb.Fatalf("cannot %s etcd %s: %v", what, s.Name, err)
	}
}

func (s *Server) refuseShared(tb testing.TB) {
	tb.Helper()

	if s.sharing {
		tb.Fatal("the shared server is used by other tests: Start one for this test")
	}
}

// newServer claims ports and a directory for a node.
func newServer(tb testing.TB, prog program, cfg config, name string) (*Server, error) {
	tb.Helper()

	s := &Server{Name: name, prog: prog, cfg: cfg, dir: tb.TempDir(), Certs: cfg.certs}

	if err := s.claimPorts(); err != nil {
		return s, err
	}

	if cfg.peers != nil {
		s.peerDoor = cfg.peers.openDoor(tb, s)
	}

	return s, nil
}

func (s *Server) claimPorts() error {
	var err error

	if s.client, err = claimPort(); err != nil {
		return err
	}

	if s.peer, err = claimPort(); err != nil {
		s.client.release()
	}

	return err
}

// endWith ends the server with the test.
func (s *Server) endWith(tb testing.TB) {
	tb.Helper()
	tb.Cleanup(func() {
		s.end()
		s.showLog(tb)
	})
}

func (s *Server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.proc.running() {
		_ = s.proc.kill() // It may have ended meanwhile.
		<-s.proc.done
	}

	if s.peerDoor != nil {
		s.peerDoor.close()
	}

	s.client.release()
	s.peer.release()
}

func (s *Server) showLog(tb testing.TB) {
	tb.Helper()

	if tb.Failed() {
		tb.Logf("end of the log of etcd %s:\n%s", s.Name, s.tail())
	}
}

func (s *Server) tail() string {
	content, err := os.ReadFile(s.LogFile())
	if err != nil {
		return err.Error()
	}

	lines := strings.Split(strings.TrimSpace(string(content)), "\n")

	return strings.Join(lines[max(0, len(lines)-logTail):], "\n")
}

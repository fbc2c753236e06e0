package etcdtest

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// FillDisk makes every further write of the server to a file fail, as on a full disk, until
// [Server.FreeDisk]. etcd then behaves as on a real one: it exits with code 1 when it cannot
// save an entry of its log of writes, and with 2 when it cannot save a snapshot. It exits again
// if it is started meanwhile, and starts with its data once there is space. The messages for
// [Server.LogFile] are lost too.
func (s *Server) FillDisk(tb testing.TB) {
	tb.Helper()
	s.refuseShared(tb)

	s.mu.Lock()
	defer s.mu.Unlock()

	s.full = true

	if s.proc.running() {
		if err := s.proc.limitFiles(); err != nil {
			tb.Fatalf("cannot limit the files of etcd %s: %v", s.Name, err)
		}
	}
}

// FreeDisk ends [Server.FillDisk]. It ends the process if it has not met the full disk yet, so
// that the server can be started in any case.
func (s *Server) FreeDisk(tb testing.TB) {
	tb.Helper()

	s.mu.Lock()

	s.full = false
	if s.proc.running() {
		_ = s.proc.kill() // It may have ended meanwhile.
	}

	s.mu.Unlock()

	s.WaitExit(tb)
}

// limitFiles sets the largest size of a file to 0 for the process. A write fails as a whole
// then, so nothing is half written.
func (p *process) limitFiles() error {
	var limit unix.Rlimit

	err := unix.Prlimit(p.os.Pid, unix.RLIMIT_FSIZE, nil, &limit)
	if err == nil {
		limit.Cur = 0
		err = unix.Prlimit(p.os.Pid, unix.RLIMIT_FSIZE, &limit, nil)
	}

	if errors.Is(err, unix.ESRCH) {
		return nil // It has ended meanwhile.
	}

	return err
}

// diskFaults are the faults of a disk.
var diskFaults = []NodeFault{
	{"disk of a node full", func(tb testing.TB, n *Nemesis) func() {
		tb.Helper()
		node := n.someNode(tb)
		node.FillDisk(tb)
		return func() { node.FreeDisk(tb) }
	}},
}

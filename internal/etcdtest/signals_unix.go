//go:build unix

package etcdtest

import (
	"os"
	"syscall"
)

func (p *process) terminate() error { return p.os.Signal(syscall.SIGTERM) }
func (p *process) kill() error      { return p.os.Signal(os.Kill) }
func (p *process) resume() error    { return p.os.Signal(syscall.SIGCONT) }

// pause returns when every thread has stopped: on a busy machine a running thread continues
// for a while.
func (p *process) pause() error {
	if err := p.os.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	return awaitStopped(p.os.Pid)
}

//go:build unix

package etcdtest

import (
	"os"
	"syscall"
)

func (p *process) terminate() error { return p.os.Signal(syscall.SIGTERM) }
func (p *process) kill() error      { return p.os.Signal(os.Kill) }
func (p *process) pause() error     { return p.os.Signal(syscall.SIGSTOP) }
func (p *process) resume() error    { return p.os.Signal(syscall.SIGCONT) }

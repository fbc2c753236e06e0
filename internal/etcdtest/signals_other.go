//go:build !unix

package etcdtest

import (
	"errors"
	"os"
)

func (p *process) terminate() error { return p.os.Signal(os.Kill) }
func (p *process) kill() error      { return p.os.Signal(os.Kill) }
func (p *process) pause() error     { return errors.ErrUnsupported }
func (p *process) resume() error    { return errors.ErrUnsupported }

package etcdtest

import (
	"os"
	"os/exec"
	"runtime"
)

// process is one running or ended etcd process.
type process struct {
	os   *os.Process
	done chan struct{} // closed when the process has ended and code is set
	code int
}

// startProcess starts a program and appends its output to the file logPath.
func startProcess(path string, args []string, logPath string) (*process, error) {
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}

	cmd := exec.Command(path, args...) //nolint:noctx // The process ends with Kill or Stop, not with a context.
	cmd.Env = environment()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = sysProcAttr()

	p := &process{done: make(chan struct{})}
	started := make(chan error)

	go func() {
		// The kernel sends the parent-death signal when the thread that started the child
		// ends, so that thread must last as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer log.Close()

		if err := cmd.Start(); err != nil {
			started <- err

			return
		}

		p.os = cmd.Process
		started <- nil
		_ = cmd.Wait() // ProcessState has everything we need.
		p.code = cmd.ProcessState.ExitCode()
		close(p.done)
	}()

	if err := <-started; err != nil {
		return nil, err
	}

	return p, nil
}

func (p *process) running() bool {
	if p == nil {
		return false
	}

	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// environment returns the environment of a child process: only what it needs, because etcd
// also reads every flag from an ETCD_* variable.
func environment() []string {
	var env []string

	for _, name := range []string{"PATH", "TMPDIR", "SYSTEMROOT"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}

	// Older servers start on these architectures only with this variable.
	if runtime.GOARCH != "amd64" {
		env = append(env, "ETCD_UNSUPPORTED_ARCH="+runtime.GOARCH)
	}

	return env
}

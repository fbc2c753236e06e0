package etcdtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// sysProcAttr makes the kernel end the child when the test process dies without running its
// cleanup.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// awaitStopped waits until all threads of a process are stopped.
func awaitStopped(pid int) error {
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()

	deadline := time.After(time.Minute)

	for {
		running, err := runningThread(pid)
		if err != nil || running == "" {
			return err
		}

		select {
		case <-ticker.C:
		case <-deadline:
			return fmt.Errorf("process %d is still running after a stop signal: %s", pid, running)
		}
	}
}

// runningThread returns the status line of a thread that is not stopped, or "" if all are
// stopped.
func runningThread(pid int) (string, error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return "", err
	}

	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil {
			continue // The thread has ended.
		}
		// The state follows the name, which is in parentheses.
		_, state, _ := bytes.Cut(line[max(bytes.LastIndexByte(line, ')'), 0):], []byte(" "))
		if !bytes.HasPrefix(state, []byte("T")) {
			return string(line), nil
		}
	}

	return "", nil
}

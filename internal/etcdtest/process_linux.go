package etcdtest

import "syscall"

// sysProcAttr makes the kernel end the child when the test process dies in a
// way that runs no cleanup.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

package main

import "syscall"

// rssUnit is the unit of Maxrss in bytes.
const rssUnit = 1 << 10

// endWithParent makes the provider end when the CLI kills the meter.
func endWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

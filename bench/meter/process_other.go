//go:build !linux

package main

import "syscall"

// rssUnit is the unit of Maxrss in bytes.
const rssUnit = 1

// endWithParent is not available on this system.
func endWithParent() *syscall.SysProcAttr { return nil }

//go:build !linux

package main

import "syscall"

// rssUnit is the unit of Maxrss in bytes.
const rssUnit = 1

// endWithParent is not to be had here.
func endWithParent() *syscall.SysProcAttr { return nil }

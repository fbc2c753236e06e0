//go:build !linux

package etcdtest

var diskFaults []NodeFault

func (p *process) limitFiles() error { return nil }

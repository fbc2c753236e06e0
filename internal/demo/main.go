// Demo shows the provider at work in a terminal: a real etcd on loopback, a real CLI, a
// real apply, drift, a rival write and a destroy. It checks every step, fails if one does
// not do what its title says, and leaves nothing running.
//
// With -playground it runs no steps: it fills the store, prints commands to try by hand,
// and waits for an interrupt.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "\ndemo failed:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	etcd := flag.String("etcd", "bin/etcd", "the etcd `program`")
	program := flag.String("cli", "bin/terraform", "the Terraform or OpenTofu `program`")
	provider := flag.String("provider", "bin/terraform-provider-etcd", "the provider `program`")
	playground := flag.Bool("playground", false, "print commands to try by hand, and wait for an interrupt")
	flag.Parse()

	dir, err := os.MkdirTemp("", "etcd-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, err := startEtcd(ctx, *etcd, dir)
	if err != nil {
		return err
	}
	defer server.stop()
	workspace, err := newWorkspace(*program, *provider, dir, server.url)
	if err != nil {
		return err
	}
	if *playground {
		return play(ctx, workspace, server)
	}
	return show(ctx, workspace, server)
}

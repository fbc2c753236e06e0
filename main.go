// Command terraform-provider-etcd serves the provider for the etcd v2 API to
// Terraform and OpenTofu.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/etcdv2/terraform-provider-etcd/internal/provider"
	"github.com/etcdv2/terraform-provider-etcd/internal/tfserver"
)

// version is set by the build: -ldflags "-X main.version=1.2.3".
var version = "dev"

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "terraform-provider-etcd:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	debug := flag.Bool("debug", false, "wait for a debugger or a CLI to attach, and print how")
	flag.Parse()

	trace := tfserver.LogsWanted(os.LookupEnv)
	if err := tfserver.QuietLogs(os.LookupEnv, os.Setenv); err != nil {
		return err
	}
	return tfserver.Serve(ctx, provider.Address, provider.New(version, trace), *debug)
}

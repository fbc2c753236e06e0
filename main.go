// Command terraform-provider-etcd serves the provider for the etcd v2 API to
// Terraform and OpenTofu.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

	"github.com/etcdv2/terraform-provider-etcd/internal/provider"
)

// version is set by the build: -ldflags "-X main.version=1.2.3".
var version = "dev"

// shutdownTimeout stays below the two seconds after which a CLI kills a
// provider that it has told to end.
const shutdownTimeout = 1500 * time.Millisecond

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "terraform-provider-etcd:", err)
		os.Exit(1)
	}
}

func run() error {
	debug := flag.Bool("debug", false, "wait for a debugger or a CLI to attach, and print how")
	flag.Parse()

	if err := provider.QuietLogs(os.LookupEnv, os.Setenv); err != nil {
		return err
	}
	var opts []tf6server.ServeOpt
	if *debug {
		opts = append(opts, tf6server.WithManagedDebug())
	}
	server := provider.NewServer(version)
	err := tf6server.Serve(provider.Address, func() tfprotov6.ProviderServer { return server }, opts...)
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	provider.Shutdown(ctx, server)
	return err
}

// Package tfserver serves a provider of the framework by protocol 6: calls let
// go of their contexts, logs that nobody asked for are not written, and what
// the framework lets through or generates wrongly is put right.
//
// It knows nothing of etcd. What only a provider knows, it asks the provider
// for by the interfaces of this package, all of them optional.
package tfserver

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
)

// shutdownTimeout stays below the two seconds after which a CLI kills a
// provider that it has told to end.
const shutdownTimeout = 1500 * time.Millisecond

// ProviderWithGeneratedConfig is a provider that corrects the configuration
// which the framework generates from a state.
type ProviderWithGeneratedConfig interface {
	FixGeneratedConfig(ctx context.Context, req *tfprotov6.GenerateResourceConfigRequest, resp *tfprotov6.GenerateResourceConfigResponse) error
}

// ProviderWithShutdown is a provider whose calls leave something held until
// the process ends. Shutdown gives it back; no call comes after it.
type ProviderWithShutdown interface {
	Shutdown(ctx context.Context)
}

// Serve serves a provider to the CLI that has started this process, or, to
// debug it, to one that attaches, until the CLI ends it. The address is that of
// the provider in the registry.
func Serve(ctx context.Context, address string, p provider.Provider, debug bool) error {
	var opts []tf6server.ServeOpt
	if debug {
		opts = append(opts, tf6server.WithManagedDebug())
	}
	server := New(p)
	err := tf6server.Serve(address, func() tfprotov6.ProviderServer { return server }, opts...)
	if p, ok := p.(ProviderWithShutdown); ok {
		ctx, cancel := context.WithTimeout(ctx, shutdownTimeout)
		defer cancel()
		p.Shutdown(ctx)
	}
	return err
}

// frameworkServer is what the framework's server can do besides what
// [tfprotov6.ProviderServer] asks for. A wrapper that hid one of these
// interfaces would hide the list resources, actions or state stores too.
type frameworkServer interface {
	tfprotov6.ProviderServer
	tfprotov6.ListResourceServer
	tfprotov6.ActionServer
	tfprotov6.StateStoreServer
}

// New returns the server of a provider for protocol 6. The provider may
// implement [ProviderWithGeneratedConfig] too.
func New(p provider.Provider) tfprotov6.ProviderServer {
	inner := providerserver.NewProtocol6(p)()
	if full, ok := inner.(frameworkServer); ok {
		return &server{frameworkServer: full, provider: p}
	}
	// A framework without all of these interfaces is served as it is: calls
	// then keep their contexts, and nothing else is lost.
	return inner
}

// server lets go of the context of each call when the call returns. The
// framework's server keeps a cancel function for each call until the provider
// stops, and with it the context, its loggers and its buffers: a hundred
// kilobytes for each resource of a plan.
type server struct {
	frameworkServer

	provider provider.Provider
	configs  configTypes
}

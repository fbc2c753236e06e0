// Package tfserver serves a provider of the framework by protocol 6: calls let
// go of their contexts, logs that nobody asked for are not written, and what
// the framework lets through or generates wrongly is put right.
//
// It knows nothing of etcd. What only a provider knows, it asks the provider
// for by the interfaces of this package, all of them optional.
package tfserver

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
)

// ballastSize is how much memory is reserved and never used. The collector takes
// it for live, so that a collection comes after 2*ballastSize of garbage where
// there is little else, as in a plan, and not after each 4 MB; where there is
// much, the garbage is at most as much again, as always. It is a floor and no
// percentage, because a percentage that makes a small heap cheap makes a large
// one huge. The pages are never touched, so that they take no memory.
const ballastSize = 16 << 20

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
	ballast := make([]byte, ballastSize)
	defer runtime.KeepAlive(ballast)
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
// implement [ProviderWithGeneratedConfig] and [ProviderWithUnchanged] too.
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
	stops    stops
	advice   givenAdvice

	once    sync.Once
	learned learned
}

// learned is what the server knows of a provider by its schemas.
type learned struct {
	configs configTypes
	lane    *Lane
}

// learn asks for the schemas, once. If it cannot, the framework reports it.
func (s *server) learn(ctx context.Context) *learned {
	s.once.Do(func() {
		s.learned.lane = new(Lane)
		schemas, err := call(ctx, &tfprotov6.GetProviderSchemaRequest{}, s.frameworkServer.GetProviderSchema)
		if err != nil {
			return
		}
		s.learned.configs = newConfigsOf(schemas)
		identities, err := call(ctx, &tfprotov6.GetResourceIdentitySchemasRequest{}, s.frameworkServer.GetResourceIdentitySchemas)
		if err != nil {
			return
		}
		s.learned.lane = NewLane(s.provider, schemas.ResourceSchemas, identities.IdentitySchemas)
	})
	return &s.learned
}

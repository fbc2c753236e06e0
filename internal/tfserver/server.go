// Package tfserver serves a provider of the framework by protocol 6. It frees the context of
// each call, writes no logs that nobody asked for, and corrects what the framework accepts
// or generates wrongly.
//
// It knows nothing about etcd. What it needs to know about a provider it gets from the
// interfaces of this package, all of them optional for the provider.
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

// ballastSize is how much memory is reserved and never used. The garbage collector counts it
// as live. A small heap, as in a plan, is therefore collected after 2*ballastSize of
// garbage and not after each 4 MB; a large heap is collected as always. This is a floor
// and not a percentage, because a percentage that suits a small heap makes a large one
// huge. The pages are never touched, so that they use no memory.
const ballastSize = 16 << 20

// shutdownTimeout is below the two seconds after which a CLI kills a provider that it has
// asked to exit.
const shutdownTimeout = 1500 * time.Millisecond

// ProviderWithGeneratedConfig is a provider that corrects the configuration that the
// framework generates from a state.
type ProviderWithGeneratedConfig interface {
	FixGeneratedConfig(ctx context.Context, req *tfprotov6.GenerateResourceConfigRequest, resp *tfprotov6.GenerateResourceConfigResponse) error
}

// ProviderWithShutdown is a provider whose calls acquire something that lasts until the
// process ends. Shutdown releases it; no call comes after it.
type ProviderWithShutdown interface {
	Shutdown(ctx context.Context)
}

// Serve serves a provider until the CLI ends it: to the CLI that started this process or,
// with debug, to one that attaches to it. address is the provider's address in the
// registry.
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

// frameworkServer is everything that the framework's server implements beyond
// [tfprotov6.ProviderServer]. A wrapper without one of these interfaces would hide the
// list resources, actions or state stores too.
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
	// A framework without all of these interfaces is served unwrapped: calls then keep their
	// contexts, and nothing else is lost.
	return inner
}

// server frees the context of each call when the call returns. The framework's server keeps
// a cancel function for each call until the provider stops, and with it the context, its
// loggers and its buffers: a hundred kilobytes for each resource of a plan.
type server struct {
	frameworkServer

	provider provider.Provider
	stops    stops
	advice   givenAdvice

	once    sync.Once
	learned learned
}

// learned is what the server knows about a provider from its schemas.
type learned struct {
	configs configTypes
	lane    *Lane
}

// learn reads the schemas, once. If that fails, the framework reports it.
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

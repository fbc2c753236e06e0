package provider

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// Address is the provider's address in the registry.
const Address = "registry.terraform.io/etcdv2/etcd"

// sdkLogs are the variables that set the levels of the SDK's own loggers.
var sdkLogs = []string{"TF_LOG_SDK", "TF_LOG_SDK_FRAMEWORK", "TF_LOG_SDK_PROTO"}

// providerLogs are the other variables with which logs of a provider are asked for.
var providerLogs = []string{"TF_LOG", "TF_LOG_PROVIDER", "TF_LOG_PROVIDER_ETCD"}

// QuietLogs turns the logs of the SDK off unless one of the variables that ask
// for logs of a provider is set. Without it the SDK formats a line for every
// step of every call, and the CLI throws them all away.
func QuietLogs(lookup func(string) (string, bool), set func(name, value string) error) error {
	if logsWanted(lookup) {
		return nil
	}
	for _, name := range sdkLogs {
		if err := set(name, "OFF"); err != nil {
			return err
		}
	}
	return nil
}

// logsWanted reports whether the environment asks for logs of a provider.
func logsWanted(lookup func(string) (string, bool)) bool {
	for _, name := range slices.Concat(providerLogs, sdkLogs) {
		if level, _ := lookup(name); level != "" && !strings.EqualFold(level, "off") {
			return true
		}
	}
	return false
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

// NewServer returns the server of the provider for protocol 6.
func NewServer(version string) tfprotov6.ProviderServer { return newServer(newProvider(version)) }

func newServer(p *etcdProvider) tfprotov6.ProviderServer {
	inner := providerserver.NewProtocol6(p)()
	if full, ok := inner.(frameworkServer); ok {
		return &server{frameworkServer: full, locks: p.locks}
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

	locks   *heldLocks
	configs configTypes
}

// callContext is the context of one call. It ends with its parent, or when it
// is released; it then no longer refers to the parent.
type callContext struct {
	context.Context // not derived from the parent; carries Done and Err

	parent atomic.Pointer[context.Context]
}

// newCallContext returns a context that stands for parent until it is released.
func newCallContext(parent context.Context) (ctx context.Context, release func()) {
	own, cancel := context.WithCancel(context.Background())
	c := &callContext{Context: own}
	c.parent.Store(&parent)
	detach := context.AfterFunc(parent, cancel)
	return c, func() {
		detach()
		cancel()
		c.parent.Store(nil)
	}
}

// Value asks the own context first: contexts derived from c find their way to
// cancel with it by its values, and start a goroutine each if they do not.
func (c *callContext) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	if parent := c.parent.Load(); parent != nil {
		return (*parent).Value(key)
	}
	return nil
}

// Deadline returns that of the parent.
func (c *callContext) Deadline() (deadline time.Time, ok bool) {
	if parent := c.parent.Load(); parent != nil {
		return (*parent).Deadline()
	}
	return time.Time{}, false
}

// call runs f with a context that lets go of ctx when f has returned.
func call[Req, Resp any](ctx context.Context, req Req, f func(context.Context, Req) (Resp, error)) (Resp, error) {
	ctx, release := newCallContext(ctx)
	defer release()
	return f(ctx, req)
}

// stream is call for answers that are read after f has returned: the context
// lives until the answer was read, or reading it was given up.
func stream[Req, Resp, T any](
	ctx context.Context, req Req, f func(context.Context, Req) (*Resp, error), events func(*Resp) *iter.Seq[T],
) (*Resp, error) {
	ctx, release := newCallContext(ctx)
	resp, err := f(ctx, req)
	if err != nil || resp == nil || *events(resp) == nil {
		release()
		return resp, err
	}
	inner := *events(resp)
	*events(resp) = func(push func(T) bool) {
		defer release()
		inner(push)
	}
	return resp, nil
}

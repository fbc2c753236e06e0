package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// connection is the configured provider, as its objects receive it. They share one client, which is
// created when the first of them needs it.
type connection struct {
	settings

	// unknown names the attributes of the provider block that were unknown
	// when it was read; settings are then not complete.
	unknown []string
	// defaultTTL is the TTL of keys without a TTL of their own; it can be unknown.
	defaultTTL types.Int64
	// locks are the locks that this process has taken for etcd_lock.
	locks *heldLocks

	mu     sync.Mutex
	client *etcdv2.Client
	// ahead is nil unless the settings enable it.
	ahead *keyspace.ReadAhead

	// run records what was done since this connection was configured.
	run *keyspace.Run
	// claims are what the objects planned since then manage.
	claims *keyspace.Claims
	// looks are the checks of plans for objects that a create would meet.
	looks *looks
}

// errUnknownConfig is the error while the provider block depends on a value that is known only
// after apply.
var errUnknownConfig = errors.New("the provider configuration is not known yet")

// errNotConfigured is the error for a CLI that calls out of order.
var errNotConfigured = errors.New("the provider was not configured")

// connect returns the client that all objects share. A failure is not kept:
// the next object tries again.
func (c *connection) connect() (*etcdv2.Client, error) {
	if c == nil {
		return nil, errNotConfigured
	}
	if len(c.unknown) > 0 {
		return nil, fmt.Errorf("%w: %s", errUnknownConfig, strings.Join(c.unknown, ", "))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		return c.client, nil
	}
	client, err := etcdv2.New(c.options)
	if err != nil {
		return nil, err
	}
	c.client = client
	if c.readAhead {
		c.ahead = keyspace.NewReadAhead(client.Keys)
	}
	return client, nil
}

// base is embedded by every object of the provider, through resourceBase,
// dataSourceBase and their like, which only give Configure its signature.
type base struct {
	connection *connection
}

// configure gets the connection that the provider's Configure has set. There is none while a
// configuration is only validated.
func (b *base) configure(data any, diags *diag.Diagnostics) {
	if data == nil {
		return
	}
	c, ok := data.(*connection)
	if !ok {
		diags.AddError("Unexpected provider data", fmt.Sprintf("Got %T. This is a bug in the provider; please report it.", data))
		return
	}
	b.connection = c
}

// client returns the shared client. If there is none, it returns nil and reports why.
func (b *base) client(diags *diag.Diagnostics) *etcdv2.Client {
	client, err := b.connection.connect()
	if err != nil {
		addFailure(diags, "Unable to reach etcd", "", err)
		return nil
	}
	return client
}

// store returns the key space. If there is none, it returns nil and reports why.
func (b *base) store(diags *diag.Diagnostics) *keyspace.Store {
	client := b.client(diags)
	if client == nil {
		return nil
	}
	return keyspace.NewStore(client.Keys, b.connection.ahead, b.connection.run)
}

// forget makes the next read of a key go to the server, because an action has written the key.
func (b *base) forget(key string) { b.connection.ahead.Forget(key) }

// subject returns what the wording of a refusal needs to know about a resource.
func (b *base) subject(resource string) subject {
	return subject{resource: resource, prefix: b.keyPrefix()}
}

// keyPrefix returns the provider's key_prefix, empty if there is none.
func (b *base) keyPrefix() string {
	if b.connection == nil {
		return ""
	}
	return b.connection.options.KeyPrefix
}

// defaultTTL returns the TTL of keys without a TTL of their own, null for none.
func (b *base) defaultTTL() types.Int64 {
	if b.connection == nil {
		return types.Int64Null()
	}
	return b.connection.defaultTTL
}

// resourceBase gives a managed resource, or a list resource, its Configure.
type resourceBase struct{ base }

func (b *resourceBase) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	b.configure(req.ProviderData, &resp.Diagnostics)
}

// dataSourceBase gives a data source its Configure.
type dataSourceBase struct{ base }

func (b *dataSourceBase) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	b.configure(req.ProviderData, &resp.Diagnostics)
}

// ephemeralBase gives an ephemeral resource its Configure.
type ephemeralBase struct{ base }

func (b *ephemeralBase) Configure(_ context.Context, req ephemeral.ConfigureRequest, resp *ephemeral.ConfigureResponse) {
	b.configure(req.ProviderData, &resp.Diagnostics)
}

// actionBase gives an action its Configure.
type actionBase struct{ base }

func (b *actionBase) Configure(_ context.Context, req action.ConfigureRequest, resp *action.ConfigureResponse) {
	b.configure(req.ProviderData, &resp.Diagnostics)
}

package provider

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ action.ActionWithConfigure = (*refreshAction)(nil)

func newRefreshAction() action.Action { return &refreshAction{} }

type refreshAction struct{ actionBase }

type refreshActionModel struct {
	Key types.String `tfsdk:"key"`
	TTL types.Int64  `tfsdk:"ttl"`
}

func (a *refreshAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_refresh"
}

func (a *refreshAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Gives a key a new TTL **unconditionally** and keeps its value, whatever that is. Watchers get no event. " +
			"Servers before etcd 2.3 do not support this: for them, and if the version of the server cannot be read, the action reads the value " +
			"and writes it again with the TTL, and watchers get an event.",
		Attributes: map[string]schema.Attribute{
			"key": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Path of the key, such as `/services/web/1`. A missing key and a directory are errors.",
				Validators:          []validator.String{isPath()},
			},
			"ttl": schema.Int64Attribute{
				Required:            true,
				MarkdownDescription: "New TTL in seconds, " + ttlRange + ".",
				Validators:          []validator.Int64{isTTL()},
			},
		},
	}
}

// Invoke refreshes the key.
func (a *refreshAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var config refreshActionModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	client := a.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	key := config.Key.ValueString()
	ttl := config.TTL.ValueInt64()
	err := refresh(ctx, client.Keys, key, ttl)
	a.forget(key)
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to refresh key", key, err)
		return
	}
	progress(resp, fmt.Sprintf("%s expires in %d seconds", key, ttl))
}

// refresh gives a key a new TTL. Servers give one to a directory too, and so the
// key is read first; a caller without read access may still refresh it.
func refresh(ctx context.Context, keys *etcdv2.KeysService, key string, ttl int64) error {
	found, err := keys.Get(ctx, key, etcdv2.GetOptions{})
	if err == nil && found.Node.Dir {
		return fmt.Errorf("%w: %s", etcdv2.ErrNotFile, key)
	}
	if err != nil && !errors.Is(err, etcdv2.ErrUnauthorized) {
		return err
	}
	_, err = keys.Refresh(ctx, key, ttl, etcdv2.Condition{})
	if errors.Is(err, etcdv2.ErrUnsupported) && !errors.Is(err, etcdv2.ErrOutcomeUnknown) {
		_, err = keys.SetTTL(ctx, key, &ttl)
	}
	return err
}

package provider

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ action.ActionWithConfigure = (*setAction)(nil)

func newSetAction() action.Action { return &setAction{} }

type setAction struct{ actionBase }

type setActionModel struct {
	Key   types.String `tfsdk:"key"`
	Value types.String `tfsdk:"value"`
	TTL   types.Int64  `tfsdk:"ttl"`
}

func (a *setAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_set"
}

func (a *setAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Writes a key **unconditionally**: it creates the key, or overwrites its value, no matter who wrote it. For a " +
			"key that Terraform manages, use the resource `etcd_key`, whose writes are conditional. An action cannot take a secret: `value` is " +
			"part of the configuration.",
		Attributes: map[string]schema.Attribute{
			"key": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Path of the key, such as `/signals/reload`. A directory at this path is an error.",
				Validators:          []validator.String{isPath()},
			},
			"value": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Value to write. It may be empty.",
				Validators:          []validator.String{isValue()},
			},
			"ttl": schema.Int64Attribute{
				Optional: true,
				MarkdownDescription: "TTL in seconds, " + ttlRange + ". Default: the provider's `default_ttl`; if that is not set, none, and a key " +
					"that had a TTL becomes permanent.",
				Validators: []validator.Int64{isTTL()},
			},
		},
	}
}

// Invoke writes the key.
func (a *setAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var config setActionModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	client := a.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	key := config.Key.ValueString()
	done, err := client.Keys.Set(ctx, key, config.Value.ValueString(), etcdv2.WriteOptions{TTL: ttlPointer(config.TTL)})
	a.forget(key)
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to set key", key, err)
		return
	}
	progress(resp, fmt.Sprintf("%s was set at index %d", key, done.Node.ModifiedIndex))
}

// progress reports to the practitioner what an action has done.
func progress(resp *action.InvokeResponse, text string) {
	resp.SendProgress(action.InvokeProgressEvent{Message: text})
}

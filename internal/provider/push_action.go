package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ action.ActionWithConfigure = (*pushAction)(nil)

func newPushAction() action.Action { return &pushAction{} }

type pushAction struct{ actionBase }

type pushActionModel struct {
	Dir   types.String `tfsdk:"dir"`
	Value types.String `tfsdk:"value"`
	TTL   types.Int64  `tfsdk:"ttl"`
}

func (a *pushAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_push"
}

func (a *pushAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Appends a key to a directory, with the next index as its name, as a queue needs it. A missing directory is " +
			"created. The action does not retry, because each request would create another key: if the answer is lost, it fails and reports " +
			"that the outcome is unknown.",
		Attributes: map[string]schema.Attribute{
			"dir": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Path of the directory, such as `/queue`.",
				Validators:          []validator.String{isDir()},
			},
			"value": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Value of the new key. It may be empty.",
				Validators:          []validator.String{isValue()},
			},
			"ttl": schema.Int64Attribute{
				Optional:            true,
				MarkdownDescription: "TTL in seconds, " + ttlRange + ". Default: the provider's `default_ttl`; if that is not set, none.",
				Validators:          []validator.Int64{isTTL()},
			},
		},
	}
}

// Invoke makes the key.
func (a *pushAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var config pushActionModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	client := a.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	dir := config.Dir.ValueString()
	done, err := client.Keys.CreateInOrder(ctx, dir, config.Value.ValueString(), etcdv2.WriteOptions{TTL: ttlPointer(config.TTL)})
	if err != nil {
		addFailure(&resp.Diagnostics, "Unable to push key", dir, err)
		return
	}
	progress(resp, done.Node.Key+" was created")
}

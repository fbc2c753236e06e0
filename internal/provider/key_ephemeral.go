package provider

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ ephemeral.EphemeralResourceWithConfigure = (*keyEphemeral)(nil)

func newKeyEphemeral() ephemeral.EphemeralResource { return &keyEphemeral{} }

type keyEphemeral struct{ ephemeralBase }

type keyEphemeralModel struct {
	Key           types.String `tfsdk:"key"`
	Value         types.String `tfsdk:"value"`
	CreatedIndex  types.Int64  `tfsdk:"created_index"`
	ModifiedIndex types.Int64  `tfsdk:"modified_index"`
	Expiration    types.String `tfsdk:"expiration"`
}

func (e *keyEphemeral) Metadata(_ context.Context, req ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_key"
}

func (e *keyEphemeral) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Reads a key whose value is a secret. Neither the plan nor the state contains the value: it is read during each " +
			"plan and each apply, and can be passed to provider blocks, to write-only attributes such as `value_wo` of `etcd_key`, and to other " +
			"ephemeral values.",
		Attributes: map[string]schema.Attribute{
			"key": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Path of the key, such as `/secrets/db`. A missing key and a directory are errors.",
				Validators:          []validator.String{isPath()},
			},
			"value": schema.StringAttribute{
				Computed:            true,
				Sensitive:           true,
				MarkdownDescription: "Value of the key.",
			},
			"created_index": schema.Int64Attribute{
				Computed:            true,
				MarkdownDescription: "Index of the event that created the key.",
			},
			"modified_index": schema.Int64Attribute{
				Computed:            true,
				MarkdownDescription: "Index of the event that last changed the key.",
			},
			"expiration": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "Time at which the key expires, in UTC as RFC 3339; null without a TTL.",
			},
		},
	}
}

func (e *keyEphemeral) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var model keyEphemeralModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &model)...)
	if resp.Diagnostics.HasError() {
		return
	}
	client := e.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	key := model.Key.ValueString()
	found, err := client.Keys.Get(ctx, key, etcdv2.GetOptions{})
	switch {
	case errors.Is(err, etcdv2.ErrNotFound):
		resp.Diagnostics.AddError("Key not found", key+" does not exist. It was removed, or its TTL has run out.\n\n"+
			"If this configuration creates the key, a plan cannot read it before the apply. Refer to an attribute that is unknown until then, and "+
			"the key is read in the apply:\n\n  key = etcd_key.example.created_index > 0 ? etcd_key.example.key : null")
		return
	case err != nil:
		addFailure(&resp.Diagnostics, "Unable to read key", key, err)
		return
	case found.Node.Dir:
		resp.Diagnostics.AddError("Key is a directory", "There is a directory at "+key+"; it has no value.")
		return
	}
	warnNotText(&resp.Diagnostics, found.Node)
	model.Value = types.StringValue(found.Node.Value)
	model.CreatedIndex, model.ModifiedIndex = indexValue(found.Node.CreatedIndex), indexValue(found.Node.ModifiedIndex)
	model.Expiration = expiration(found.Node)
	resp.Diagnostics.Append(resp.Result.Set(ctx, model)...)
}

package provider

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-validators/actionvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

var (
	_ action.ActionWithConfigValidators = (*waitAction)(nil)
	_ action.ActionWithConfigure        = (*waitAction)(nil)
)

func newWaitAction() action.Action { return &waitAction{} }

type waitAction struct{ actionBase }

func (a *waitAction) Metadata(_ context.Context, req action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_wait"
}

func (a *waitAction) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Waits until a key exists, is gone, has changed, or has a certain value. Use it to wait for something outside " +
			"Terraform that reacts to a change. If the condition is already met, the action does not wait. Exactly one of `exists`, " +
			"`changed_since`, `equals` and `matches` is required.",
		Attributes: map[string]schema.Attribute{
			"key": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "Path of the key, such as `/app/ready`.",
				Validators:          []validator.String{isPath()},
			},
			"exists": schema.BoolAttribute{
				Optional:            true,
				MarkdownDescription: existsWaitText,
			},
			"changed_since": schema.Int64Attribute{
				Optional:            true,
				MarkdownDescription: sinceWaitText,
				Validators:          []validator.Int64{int64validator.AtLeast(0)},
			},
			"equals": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: equalsWaitText,
			},
			"matches": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: matchesText,
				Validators:          []validator.String{isRegexp()},
			},
			"timeout": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: timeoutWaitText,
				Validators:          []validator.String{isDuration()},
			},
		},
	}
}

func (a *waitAction) ConfigValidators(context.Context) []action.ConfigValidator {
	return []action.ConfigValidator{actionvalidator.ExactlyOneOf(waitConditions()...)}
}

// Invoke waits.
func (a *waitAction) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	var config waitModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	client := a.client(&resp.Diagnostics)
	if client == nil {
		return
	}
	w, err := config.wait()
	if err != nil {
		resp.Diagnostics.AddError("Invalid condition", sentence(err))
		return
	}
	w.progress = func(text string) { progress(resp, text) }
	if _, err := w.until(ctx, client.Keys); err != nil {
		addWaitFailure(&resp.Diagnostics, w, err)
	}
}

package provider

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// Steering attributes control how the provider works, such as
// adopt_existing, and are nowhere on a server. State contains each of them with
// its default, after an import too, so that it makes no difference whether a
// configuration writes the default out.

// steeringAttribute is a steering attribute whose default is false.
func steeringAttribute(description string) schema.BoolAttribute {
	return schema.BoolAttribute{
		Optional: true, Computed: true,
		MarkdownDescription: description,
		PlanModifiers:       []planmodifier.Bool{steers{}},
	}
}

// steers plans false for an attribute that is left out. A state that was
// written before the attribute had its default there keeps null, so that it
// plans no change.
type steers struct{}

func (steers) Description(context.Context) string { return "The default is false." }

func (s steers) MarkdownDescription(ctx context.Context) string { return s.Description(ctx) }

func (steers) PlanModifyBool(_ context.Context, req planmodifier.BoolRequest, resp *planmodifier.BoolResponse) {
	switch {
	case !req.ConfigValue.IsNull():
	case !req.State.Raw.IsNull():
		resp.PlanValue = keepSteering(req.ConfigValue, req.StateValue)
	default:
		resp.PlanValue = types.BoolValue(false)
	}
}

// keepSteering returns what is planned for an attribute of an object in state.
func keepSteering(config, state types.Bool) types.Bool {
	switch {
	case !config.IsNull():
		return config
	case state.IsNull():
		return state
	default:
		return types.BoolValue(false)
	}
}

// steersTimeout is steers for one of the timeouts, and steersTimeouts for all
// of them.
type (
	steersTimeout  struct{ otherwise types.String }
	steersTimeouts struct{ otherwise types.Object }
)

func (s steersTimeout) Description(context.Context) string {
	return "The default is " + s.otherwise.ValueString() + "."
}

func (s steersTimeout) MarkdownDescription(ctx context.Context) string { return s.Description(ctx) }

func (s steersTimeout) PlanModifyString(_ context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse) {
	switch {
	case !req.ConfigValue.IsNull():
	case !req.State.Raw.IsNull() && req.StateValue.IsNull():
		resp.PlanValue = types.StringNull()
	default:
		resp.PlanValue = s.otherwise
	}
}

func (steersTimeouts) Description(context.Context) string { return "Each timeout has its own default." }

func (s steersTimeouts) MarkdownDescription(ctx context.Context) string { return s.Description(ctx) }

func (s steersTimeouts) PlanModifyObject(ctx context.Context, req planmodifier.ObjectRequest, resp *planmodifier.ObjectResponse) {
	switch {
	case !req.ConfigValue.IsNull():
	case !req.State.Raw.IsNull() && req.StateValue.IsNull():
		resp.PlanValue = types.ObjectNull(s.otherwise.AttributeTypes(ctx))
	default:
		resp.PlanValue = s.otherwise
	}
}

// setSteering sets the steering attributes of a state to their defaults.
func setSteering(ctx context.Context, state *tfsdk.State, diags *diag.Diagnostics) {
	for name, attribute := range state.Schema.GetAttributes() {
		switch a := any(attribute).(type) {
		case schema.BoolAttribute:
			if slices.Contains(a.PlanModifiers, planmodifier.Bool(steers{})) {
				diags.Append(state.SetAttribute(ctx, path.Root(name), types.BoolValue(false))...)
			}
		case schema.SingleNestedAttribute:
			for _, modifier := range a.PlanModifiers {
				if s, ok := modifier.(steersTimeouts); ok {
					diags.Append(state.SetAttribute(ctx, path.Root(name), timeouts.Value{Object: s.otherwise})...)
				}
			}
		}
	}
}

// timeoutsAttribute is the attribute of the timeouts library with descriptions
// in Markdown, which the library does not have, and with defaults.
func timeoutsAttribute(ctx context.Context, description string, opts timeouts.Opts, defaults map[string]time.Duration) schema.Attribute {
	plain := timeouts.Attributes(ctx, opts)
	attribute, ok := plain.(schema.SingleNestedAttribute)
	if !ok {
		return plain
	}
	kinds, values := map[string]attr.Type{}, map[string]attr.Value{}
	for name, nested := range attribute.Attributes {
		text, ok := nested.(schema.StringAttribute)
		if !ok {
			continue
		}
		otherwise := types.StringValue(strings.TrimSuffix(defaults[name].String(), "0s"))
		kinds[name], values[name] = types.StringType, otherwise
		text.MarkdownDescription = text.Description + " Default: `" + otherwise.ValueString() + "`."
		text.Computed, text.PlanModifiers = true, []planmodifier.String{steersTimeout{otherwise}}
		attribute.Attributes[name] = text
	}
	attribute.MarkdownDescription = description
	attribute.Computed = true
	attribute.PlanModifiers = []planmodifier.Object{steersTimeouts{types.ObjectValueMust(kinds, values)}}
	return attribute
}

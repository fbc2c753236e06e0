package provider

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

var (
	_ basetypes.StringTypable                    = jsonType{}
	_ basetypes.StringValuableWithSemanticEquals = jsonValue{}
	_ validator.String                           = isJSON{}
)

// jsonType is text that is compared as JSON. It differs from
// jsontypes.NormalizedType in that numbers are compared by value, that it can
// contain what somebody else wrote and is not JSON, and that neither an error nor
// a log shows the text: it may be a secret.
type jsonType struct{ basetypes.StringType }

func (t jsonType) Equal(o attr.Type) bool {
	_, ok := o.(jsonType)
	return ok
}

func (t jsonType) String() string { return "jsonType" }

func (t jsonType) ValueType(context.Context) attr.Value { return jsonValue{} }

func (t jsonType) ValueFromString(_ context.Context, text basetypes.StringValue) (basetypes.StringValuable, diag.Diagnostics) {
	return jsonValue{text}, nil
}

func (t jsonType) ValueFromTerraform(ctx context.Context, v tftypes.Value) (attr.Value, error) {
	value, err := t.StringType.ValueFromTerraform(ctx, v)
	if err != nil {
		return nil, err
	}
	text, ok := value.(basetypes.StringValue)
	if !ok {
		return nil, fmt.Errorf("unexpected type %T", value)
	}
	return jsonValue{text}, nil
}

// jsonValue is a value of jsonType.
type jsonValue struct{ basetypes.StringValue }

func newJSONValue(text string) jsonValue { return jsonValue{basetypes.NewStringValue(text)} }

func (v jsonValue) Type(context.Context) attr.Type { return jsonType{} }

// String hides the text: the framework logs it.
func (v jsonValue) String() string {
	if v.IsNull() || v.IsUnknown() {
		return v.StringValue.String()
	}
	return "<JSON>"
}

func (v jsonValue) Equal(o attr.Value) bool {
	other, ok := o.(jsonValue)
	return ok && v.StringValue.Equal(other.StringValue)
}

func (v jsonValue) StringSemanticEquals(_ context.Context, o basetypes.StringValuable) (bool, diag.Diagnostics) {
	other, ok := o.(jsonValue)
	if !ok {
		return false, diag.Diagnostics{
			diag.NewErrorDiagnostic("Unexpected type", fmt.Sprintf("Got %T. This is a bug in the provider; please report it.", o)),
		}
	}
	return v.saysTheSameAs(other.ValueString()), nil
}

// saysTheSameAs reports whether a known value is the same text or the same JSON.
func (v jsonValue) saysTheSameAs(text string) bool {
	if v.IsNull() || v.IsUnknown() {
		return false
	}
	return v.ValueString() == text || keyspace.EqualJSON(v.ValueString(), text)
}

// isJSON accepts JSON text.
type isJSON struct{}

func (isJSON) Description(context.Context) string { return "must be JSON text" }

func (c isJSON) MarkdownDescription(ctx context.Context) string { return c.Description(ctx) }

func (isJSON) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	v := req.ConfigValue
	if v.IsNull() || v.IsUnknown() || json.Valid([]byte(v.ValueString())) {
		return
	}
	resp.Diagnostics.AddAttributeError(req.Path, "Invalid JSON",
		"The value is not JSON text. Write it with jsonencode, or use value for other text. It is not shown here: it may be a secret.")
}

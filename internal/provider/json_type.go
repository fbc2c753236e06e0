package provider

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-jsontypes/jsontypes"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/attr/xattr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

var (
	_ basetypes.StringTypable                    = jsonType{}
	_ basetypes.StringValuableWithSemanticEquals = jsonValue{}
	_ xattr.ValidateableAttribute                = jsonValue{}
)

// jsonType is text that is compared as JSON. It differs from
// jsontypes.NormalizedType in the error for a text that is no JSON: that of the
// library quotes it, and it may be a secret.
type jsonType struct{ jsontypes.NormalizedType }

func (t jsonType) Equal(o attr.Type) bool {
	other, ok := o.(jsonType)
	return ok && t.NormalizedType.Equal(other.NormalizedType)
}

func (t jsonType) ValueType(context.Context) attr.Value { return jsonValue{} }

func (t jsonType) ValueFromString(_ context.Context, text basetypes.StringValue) (basetypes.StringValuable, diag.Diagnostics) {
	return jsonValue{jsontypes.Normalized{StringValue: text}}, nil
}

func (t jsonType) ValueFromTerraform(ctx context.Context, v tftypes.Value) (attr.Value, error) {
	value, err := t.NormalizedType.ValueFromTerraform(ctx, v)
	if err != nil {
		return nil, err
	}
	normalized, ok := value.(jsontypes.Normalized)
	if !ok {
		return nil, fmt.Errorf("unexpected type %T", value)
	}
	return jsonValue{normalized}, nil
}

// jsonValue is a value of jsonType.
type jsonValue struct{ jsontypes.Normalized }

func newJSONValue(text string) jsonValue { return jsonValue{jsontypes.NewNormalizedValue(text)} }

func (v jsonValue) Type(context.Context) attr.Type { return jsonType{} }

func (v jsonValue) Equal(o attr.Value) bool {
	other, ok := o.(jsonValue)
	return ok && v.Normalized.Equal(other.Normalized)
}

func (v jsonValue) StringSemanticEquals(ctx context.Context, o basetypes.StringValuable) (bool, diag.Diagnostics) {
	other, ok := o.(jsonValue)
	if !ok {
		return false, diag.Diagnostics{diag.NewErrorDiagnostic("Unexpected type", fmt.Sprintf("Got %T. This is a bug in the provider; please report it.", o))}
	}
	return v.Normalized.StringSemanticEquals(ctx, other.Normalized)
}

func (v jsonValue) ValidateAttribute(_ context.Context, req xattr.ValidateAttributeRequest, resp *xattr.ValidateAttributeResponse) {
	if v.IsNull() || v.IsUnknown() || json.Valid([]byte(v.ValueString())) {
		return
	}
	resp.Diagnostics.AddAttributeError(req.Path, "Invalid JSON", "The value is no JSON text. Write it with jsonencode, or use value for other text. It is not shown here: it may be a secret.")
}

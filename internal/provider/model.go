package provider

import (
	"context"
	"reflect"
	"slices"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Get and Set of the framework compile a regular expression for every field of
// a model in every call, a tenth of what an apply costs the provider.
// readModel and writeModel look at a model type once and do the same for models
// that contain only strings, numbers and booleans. They leave everything else,
// and every object that does not match its model, to the framework.

// readModel fills a model from a plan, a state or a configuration.
func readModel[M any](ctx context.Context, from modelSource, model *M) diag.Diagnostics {
	if !modelFieldsOf[M](ctx).read(ctx, rawOf(from), reflect.ValueOf(model).Elem()) {
		return from.Get(ctx, model)
	}
	return nil
}

// writeModel replaces a plan or a state by a model.
func writeModel[M any](ctx context.Context, to modelTarget, model M) diag.Diagnostics {
	var raw *tftypes.Value
	switch to := to.(type) {
	case *tfsdk.Plan:
		raw = &to.Raw
	case *tfsdk.State:
		raw = &to.Raw
	default:
		return to.Set(ctx, model)
	}
	written, ok := modelFieldsOf[M](ctx).write(ctx, raw.Type(), reflect.ValueOf(model))
	if !ok {
		return to.Set(ctx, model)
	}
	*raw = written
	return nil
}

// modelSource is a tfsdk.Plan, tfsdk.State or tfsdk.Config.
type modelSource interface {
	Get(ctx context.Context, target any) diag.Diagnostics
}

// modelTarget is a *tfsdk.Plan or *tfsdk.State.
type modelTarget interface {
	Set(ctx context.Context, val any) diag.Diagnostics
}

func rawOf(from modelSource) tftypes.Value {
	switch from := from.(type) {
	case tfsdk.Plan:
		return from.Raw
	case tfsdk.State:
		return from.Raw
	case tfsdk.Config:
		return from.Raw
	default:
		return tftypes.Value{}
	}
}

// modelField is a field of a model: its position in the struct, the attribute
// that it is tagged with, and the type of its values.
type modelField struct {
	index     int
	attribute string
	valueType attr.Type
	rawType   tftypes.Type
}

// modelFields are the fields of a model, none if the framework has to read and
// write it.
type modelFields []modelField

// modelTypes contains the modelFields of each reflect.Type that was asked for.
var modelTypes sync.Map

func modelFieldsOf[M any](ctx context.Context) modelFields {
	model := reflect.TypeFor[M]()
	if known, ok := modelTypes.Load(model); ok {
		fields, _ := known.(modelFields)
		return fields
	}
	fields := newModelFields(ctx, model)
	modelTypes.Store(model, fields)
	return fields
}

func newModelFields(ctx context.Context, model reflect.Type) modelFields {
	if model.Kind() != reflect.Struct {
		return nil
	}
	var fields modelFields
	for i := range model.NumField() {
		zero, ok := reflect.TypeAssert[attr.Value](reflect.Zero(model.Field(i).Type))
		if !ok {
			return nil
		}
		field := modelField{index: i, attribute: model.Field(i).Tag.Get("tfsdk"), valueType: zero.Type(ctx)}
		field.rawType = field.valueType.TerraformType(ctx)
		if !field.rawType.Is(tftypes.String) && !field.rawType.Is(tftypes.Number) && !field.rawType.Is(tftypes.Bool) {
			return nil
		}
		fields = append(fields, field)
	}
	return fields
}

// match reports whether a type has the attributes of the model, of the same
// types, and no others.
func (f modelFields) match(object tftypes.Type) bool {
	typed, ok := object.(tftypes.Object)
	if !ok || len(f) == 0 || len(f) != len(typed.AttributeTypes) {
		return false
	}
	return !slices.ContainsFunc(f, func(field modelField) bool {
		attribute := typed.AttributeTypes[field.attribute]
		return attribute == nil || !attribute.Equal(field.rawType)
	})
}

// read fills a struct from an object. It is false, and the struct unchanged, if
// the object is null or unknown or is not one of the model.
func (f modelFields) read(ctx context.Context, object tftypes.Value, model reflect.Value) bool {
	var attributes map[string]tftypes.Value
	if !object.IsKnown() || object.IsNull() || !f.match(object.Type()) || object.As(&attributes) != nil {
		return false
	}
	values := make([]attr.Value, len(f))
	for i, field := range f {
		value, err := field.valueType.ValueFromTerraform(ctx, attributes[field.attribute])
		if err != nil {
			return false
		}
		values[i] = value
	}
	for i, field := range f {
		model.Field(field.index).Set(reflect.ValueOf(values[i]))
	}
	return true
}

// write returns the object of a struct. It is false if the type is not the one
// of the model.
func (f modelFields) write(ctx context.Context, object tftypes.Type, model reflect.Value) (written tftypes.Value, ok bool) {
	if !f.match(object) {
		return tftypes.Value{}, false
	}
	attributes := make(map[string]tftypes.Value, len(f))
	for _, field := range f {
		value, ok := reflect.TypeAssert[attr.Value](model.Field(field.index))
		if !ok {
			return tftypes.Value{}, false
		}
		raw, err := value.ToTerraformValue(ctx)
		if err != nil {
			return tftypes.Value{}, false
		}
		attributes[field.attribute] = raw
	}
	return tftypes.NewValue(object, attributes), true
}

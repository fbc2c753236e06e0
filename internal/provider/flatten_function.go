package provider

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ function.Function = flattenFunction{}

func newFlattenFunction() function.Function { return flattenFunction{} }

type flattenFunction struct{}

func (flattenFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "flatten"
}

func (flattenFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Flattens a nested object into a map of paths",
		MarkdownDescription: "Returns a map with one entry for each value in a nested object or map, from the path of the value to the " +
			"value: `{ db = { host = \"h\", port = 5432 } }` becomes `{ \"db/host\" = \"h\", \"db/port\" = \"5432\" }`. The paths are relative, " +
			"without a leading slash, as in `keys` of `etcd_key_prefix`; `key_join` makes full paths.\n\n" +
			"* Strings stay as they are. Numbers and booleans become text, as with `tostring`; `unflatten` returns them as strings.\n" +
			"* Empty objects and maps contain no value and are left out.\n" +
			"* Null is an error: leave the attribute out, or write the value to store.\n" +
			"* Lists, sets and tuples are an error, because keys have no order: store them as one value with `jsonencode`, or name their " +
			"elements with a map.\n" +
			"* A name that is not a single path segment, because it is empty, `.`, `..` or contains a slash, is an error.\n\n" +
			"A value that is unknown before apply is also unknown in the map; its path is known.",
		Parameters: []function.Parameter{
			function.DynamicParameter{
				Name:                "value",
				AllowUnknownValues:  true,
				MarkdownDescription: "Object or map, nested to any depth.",
			},
		},
		Return: function.MapReturn{ElementType: types.StringType},
	}
}

func (flattenFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var root types.Dynamic
	if resp.Error = req.Arguments.Get(ctx, &root); resp.Error != nil {
		return
	}
	f := flattener{values: map[string]attr.Value{}}
	if err := f.root(root); err != nil {
		resp.Error = function.NewArgumentFuncError(0, err.Error())
		return
	}
	if f.incomplete {
		resp.Error = resp.Result.Set(ctx, types.MapUnknown(types.StringType))
		return
	}
	resp.Error = resp.Result.Set(ctx, f.values)
}

// flattener collects the values of a nested object by their paths.
type flattener struct {
	values map[string]attr.Value
	// incomplete reports whether a part is unknown that can contain any number of values.
	incomplete bool
}

func (f *flattener) root(root types.Dynamic) error {
	if root.IsUnknown() || root.IsUnderlyingValueUnknown() {
		f.incomplete = true
		return nil
	}
	switch value := root.UnderlyingValue().(type) {
	case types.Object, types.Map:
		return f.add("", value)
	default:
		return fmt.Errorf("an object or a map is needed, this is %s", kindOfValue(value))
	}
}

func (f *flattener) add(at string, value attr.Value) error {
	if dynamic, ok := value.(types.Dynamic); ok && !dynamic.IsNull() && !dynamic.IsUnknown() {
		return f.add(at, dynamic.UnderlyingValue())
	}
	if value.IsNull() {
		return fmt.Errorf("%s is null: leave it out, or write what is to be stored", at)
	}
	switch v := value.(type) {
	case types.String:
		f.values[at] = v
	case types.Bool:
		f.values[at] = orUnknown(v, func() string { return strconv.FormatBool(v.ValueBool()) })
	case types.Number:
		f.values[at] = orUnknown(v, func() string { return v.ValueBigFloat().Text('f', -1) })
	case types.Object:
		return f.addAll(at, v, v.Attributes())
	case types.Map:
		return f.addAll(at, v, v.Elements())
	case types.Dynamic:
		f.incomplete = true
	default:
		return fmt.Errorf(
			"%s is %s, and a key has no order: store it as one value with jsonencode, or name its elements with a map", at, kindOfValue(value),
		)
	}
	return nil
}

func (f *flattener) addAll(at string, parent attr.Value, children map[string]attr.Value) error {
	if parent.IsUnknown() {
		f.incomplete = true
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(children)) {
		if strings.Contains(name, "/") {
			return fmt.Errorf("the name %q contains a slash: nest an object instead", name)
		}
		if err := etcdv2.CheckKey("/" + name); err != nil {
			return fmt.Errorf("the name %q cannot be a segment of a path: %w", name, err)
		}
		if err := f.add(strings.TrimPrefix(at+"/"+name, "/"), children[name]); err != nil {
			return err
		}
	}
	return nil
}

// orUnknown gives the text of a value that is known.
func orUnknown(v attr.Value, text func() string) attr.Value {
	if v.IsUnknown() {
		return types.StringUnknown()
	}
	return types.StringValue(text())
}

// kindOfValue names the kind of a value as a practitioner knows it.
func kindOfValue(v attr.Value) string {
	switch v.(type) {
	case types.List, types.Tuple:
		return "a list"
	case types.Set:
		return "a set"
	case types.String:
		return "a string"
	case types.Number:
		return "a number"
	case types.Bool:
		return "a boolean"
	default:
		return "null"
	}
}

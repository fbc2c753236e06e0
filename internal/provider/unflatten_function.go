package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

var _ function.Function = unflattenFunction{}

func newUnflattenFunction() function.Function { return unflattenFunction{} }

type unflattenFunction struct{}

func (unflattenFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "unflatten"
}

func (unflattenFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Nests a map of paths into an object",
		MarkdownDescription: "Returns a nested object for a map from path to value, such as `keys` of the data source `etcd_keys`: `{ " +
			"\"db/host\" = \"h\" }` becomes `{ db = { host = \"h\" } }`. It is the inverse of `flatten` for objects whose values are strings.\n\n" +
			"* A leading slash is optional. Two paths that differ only in it are an error.\n" +
			"* A path below another one, such as `db/host` next to `db`, is an error: a key cannot contain both a value and other keys.\n" +
			"* Values stay strings. Null is an error.\n\n" +
			"A value that is unknown before apply is also unknown in the object; its path is known.",
		Parameters: []function.Parameter{
			function.MapParameter{
				Name:                "values",
				ElementType:         types.StringType,
				AllowUnknownValues:  true,
				MarkdownDescription: "Map from path to value.",
			},
		},
		Return: function.DynamicReturn{},
	}
}

func (unflattenFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var values types.Map
	if resp.Error = req.Arguments.Get(ctx, &values); resp.Error != nil {
		return
	}
	if values.IsUnknown() {
		resp.Error = resp.Result.Set(ctx, types.DynamicUnknown())
		return
	}
	root, err := unflatten(values.Elements())
	if err != nil {
		resp.Error = function.NewArgumentFuncError(0, err.Error())
		return
	}
	resp.Error = resp.Result.Set(ctx, types.DynamicValue(root.object(ctx)))
}

// branch is an object that is being put together: its values, and the objects
// that it contains.
type branch struct {
	values   map[string]attr.Value
	branches map[string]*branch
}

func newBranch() *branch {
	return &branch{values: map[string]attr.Value{}, branches: map[string]*branch{}}
}

func unflatten(values map[string]attr.Value) (*branch, error) {
	root := newBranch()
	for _, path := range slices.Sorted(maps.Keys(values)) {
		if values[path].IsNull() {
			return nil, fmt.Errorf("the value of %q is null: leave the path out", path)
		}
		key := "/" + strings.TrimPrefix(path, "/")
		if err := etcdv2.CheckKey(key); err != nil {
			return nil, fmt.Errorf("%q cannot be the path of a key: %w", path, err)
		}
		if err := root.add(strings.Split(key[1:], "/"), values[path]); err != nil {
			return nil, fmt.Errorf("%q %w", path, err)
		}
	}
	return root, nil
}

func (b *branch) add(segments []string, value attr.Value) error {
	for i, segment := range segments {
		at := strings.Join(segments[:i+1], "/")
		if b.values[segment] != nil {
			if i == len(segments)-1 {
				return fmt.Errorf("is the same key as another path, %q", at)
			}
			return fmt.Errorf("is below %q, which has a value: a key cannot contain both a value and keys", at)
		}
		if i == len(segments)-1 {
			break
		}
		if b.branches[segment] == nil {
			b.branches[segment] = newBranch()
		}
		b = b.branches[segment]
	}
	last := segments[len(segments)-1]
	if b.branches[last] != nil {
		return errors.New("has a value, and other paths are below it: a key cannot contain both a value and keys")
	}
	b.values[last] = value
	return nil
}

func (b *branch) object(ctx context.Context) types.Object {
	attributes := maps.Clone(b.values)
	for name, child := range b.branches {
		attributes[name] = child.object(ctx)
	}
	kinds := make(map[string]attr.Type, len(attributes))
	for name, value := range attributes {
		kinds[name] = value.Type(ctx)
	}
	return types.ObjectValueMust(kinds, attributes)
}

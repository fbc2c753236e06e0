package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

var _ function.Function = v3PermissionsFunction{}

func newV3PermissionsFunction() function.Function { return v3PermissionsFunction{} }

type v3PermissionsFunction struct{}

// v3PermissionTypes are the attributes of one permission of the v3 API.
var v3PermissionTypes = map[string]attr.Type{
	"key": types.StringType, "range_end": types.StringType, "permission": types.StringType,
}

type v3PermissionModel struct {
	Key        types.String `tfsdk:"key"`
	RangeEnd   types.String `tfsdk:"range_end"`
	Permission types.String `tfsdk:"permission"`
}

func (v3PermissionsFunction) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "v3_permissions"
}

func (v3PermissionsFunction) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	patterns := func(name, right string) function.Parameter {
		return function.ListParameter{
			Name:        name,
			ElementType: types.StringType,
			MarkdownDescription: "Patterns of the keys that the role may " + right + ", as `" + name + "` of `etcd_role` has them. A set works " +
				"too; use `[]` for none.",
		}
	}
	resp.Definition = function.Definition{
		Summary: "Translates the patterns of a role to permissions of the v3 API",
		MarkdownDescription: "Returns the permissions that a role of the v3 API needs to cover the same keys: a list of objects with `key`, " +
			"`range_end` and `permission`, sorted by `key`. A v3 permission covers the keys from `key` up to, but not including, `range_end`; " +
			"where `range_end` is empty, it covers `key` alone.\n\n" +
			"* A pattern that ends in `*` becomes a range: `/app/*` from `/app/` to `/app0`, because `0` follows `/` in ASCII. Any other " +
			"pattern becomes a single key.\n" +
			"* `*` covers every key: `key` and `range_end` are then the character NUL, as the v3 API writes that.\n" +
			"* `permission` is `READ`, `WRITE` or, for a pattern in both lists, `READWRITE`.\n" +
			"* A pattern that does not start with a slash covers no key of the v2 API, and is an error: leave it out.\n" +
			"* A range whose end is not text, or is text that Terraform would change, is an error. Only a few characters other than ASCII " +
			"before the `*` cause this; grant such a pattern with `etcdctl role grant-permission --prefix`.\n\n" +
			"The v3 API has no directories. A v2 user with the pattern `/app` may list the directory `/app`; a v3 user needs a range for that.",
		Parameters: []function.Parameter{patterns("kv_read", "read"), patterns("kv_write", "write")},
		Return:     function.ListReturn{ElementType: types.ObjectType{AttrTypes: v3PermissionTypes}},
	}
}

func (v3PermissionsFunction) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var lists [2][]types.String
	if resp.Error = req.Arguments.Get(ctx, &lists[0], &lists[1]); resp.Error != nil {
		return
	}
	covered := map[v3Range]v3Right{}
	for i, right := range []v3Right{v3Read, v3Write} {
		for j, pattern := range lists[i] {
			keys, err := v3RangeOf(pattern)
			if err != nil {
				resp.Error = function.NewArgumentFuncError(int64(i), fmt.Sprintf("element %d: %s", j, err))
				return
			}
			covered[keys] |= right
		}
	}
	permissions := []v3PermissionModel{}
	for _, keys := range slices.SortedFunc(maps.Keys(covered), v3Range.compare) {
		permissions = append(permissions, v3PermissionModel{
			Key: types.StringValue(keys.key), RangeEnd: types.StringValue(keys.end), Permission: types.StringValue(covered[keys].String()),
		})
	}
	resp.Error = resp.Result.Set(ctx, permissions)
}

// v3Right is a set of what a permission of the v3 API allows.
type v3Right int

const (
	v3Read v3Right = 1 << iota
	v3Write
)

// String returns the name that the v3 API has for a right.
func (r v3Right) String() string { return []string{"", "READ", "WRITE", "READWRITE"}[r] }

// v3Range is the keys of a permission of the v3 API: those from key up to end,
// or key alone if end is empty.
type v3Range struct{ key, end string }

func (r v3Range) compare(other v3Range) int {
	return cmp.Or(strings.Compare(r.key, other.key), strings.Compare(r.end, other.end))
}

// v3EveryKey is how the v3 API writes a range without a beginning or an end.
const v3EveryKey = "\x00"

// v3RangeOf returns the keys that a pattern covers: see [etcdv2.Permits].
func v3RangeOf(pattern types.String) (v3Range, error) {
	if pattern.IsNull() {
		return v3Range{}, errors.New("it is null: leave it out")
	}
	text := pattern.ValueString()
	if err := etcdv2.CheckPattern(text); err != nil {
		return v3Range{}, err
	}
	prefix, wild := strings.CutSuffix(text, "*")
	switch {
	case prefix == "":
		return v3Range{v3EveryKey, v3EveryKey}, nil
	case !strings.HasPrefix(prefix, "/"):
		return v3Range{}, fmt.Errorf("%q does not start with a slash and so covers no key: leave it out", text)
	case !wild:
		return v3Range{key: text}, nil
	}
	end := v3RangeEnd(prefix)
	if !utf8.ValidString(end) || !keyspace.IsNormalized(end) {
		return v3Range{}, fmt.Errorf("no text that Terraform can represent ends the range of %q: leave it out, and grant it with "+
			"etcdctl role grant-permission --prefix", text)
	}
	return v3Range{prefix, end}, nil
}

// v3RangeEnd returns the first key behind all that begin with a prefix, which is
// UTF-8 and not empty: its last byte is below 0xff, so there is nothing to carry.
func v3RangeEnd(prefix string) string {
	end := []byte(prefix)
	end[len(end)-1]++
	return string(end)
}

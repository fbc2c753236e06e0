package provider

import (
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// functionCase is one call of a function: it returns want, or fails with an error that contains
// wantErr and points at the argument wantArg, unless that is -1.
type functionCase struct {
	args    []attr.Value
	want    attr.Value
	wantErr string
	wantArg int64
}

func testFunction(t *testing.T, newFunction func() function.Function, cases map[string]functionCase) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, funcErr := runFunction(t, newFunction(), tc.args)
			if tc.wantErr == "" {
				if funcErr != nil {
					t.Fatalf("error = %v", funcErr)
				}
				if !got.Equal(tc.want) {
					t.Errorf("result = %s, want %s", got, tc.want)
				}
				return
			}
			if funcErr == nil {
				t.Fatalf("result = %s, want an error with %q", got, tc.wantErr)
			}
			if !strings.Contains(funcErr.Text, tc.wantErr) {
				t.Errorf("error = %q, want one with %q", funcErr.Text, tc.wantErr)
			}
			arg := int64(-1)
			if funcErr.FunctionArgument != nil {
				arg = *funcErr.FunctionArgument
			}
			if arg != tc.wantArg {
				t.Errorf("error points at argument %d, want %d", arg, tc.wantArg)
			}
		})
	}
}

func runFunction(t *testing.T, f function.Function, args []attr.Value) (attr.Value, *function.FuncError) {
	t.Helper()
	var definition function.DefinitionResponse
	f.Definition(t.Context(), function.DefinitionRequest{}, &definition)
	result, funcErr := definition.Definition.Return.NewResultData(t.Context())
	if funcErr != nil {
		t.Fatal(funcErr)
	}
	resp := function.RunResponse{Result: result}
	f.Run(t.Context(), function.RunRequest{Arguments: function.NewArgumentsData(args)}, &resp)
	return resp.Result.Value(), resp.Error
}

// variadic returns the argument that the framework passes for a variadic parameter of strings.
func variadic(texts ...string) []attr.Value {
	kinds := make([]attr.Type, len(texts))
	values := make([]attr.Value, len(texts))
	for i, text := range texts {
		kinds[i], values[i] = types.StringType, types.StringValue(text)
	}
	return []attr.Value{types.TupleValueMust(kinds, values)}
}

func textList(texts ...string) attr.Value {
	values := make([]attr.Value, len(texts))
	for i, text := range texts {
		values[i] = types.StringValue(text)
	}
	return types.ListValueMust(types.StringType, values)
}

func textMap(pairs ...string) types.Map {
	values := map[string]attr.Value{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = types.StringValue(pairs[i+1])
	}
	return types.MapValueMust(types.StringType, values)
}

func object(values map[string]attr.Value) types.Object {
	kinds := map[string]attr.Type{}
	for name, value := range values {
		kinds[name] = value.Type(nil) //nolint:staticcheck // types of values do not use the context
	}
	return types.ObjectValueMust(kinds, values)
}

func TestKeyJoinFunction(t *testing.T) {
	t.Parallel()
	testFunction(t, newKeyJoinFunction, map[string]functionCase{
		"one part":                 {args: variadic("app"), want: types.StringValue("/app")},
		"parts":                    {args: variadic("app", "db", "host"), want: types.StringValue("/app/db/host")},
		"slashes at the joints":    {args: variadic("/app/", "/db/", "/host"), want: types.StringValue("/app/db/host")},
		"several segments":         {args: variadic("/app", "db/host"), want: types.StringValue("/app/db/host")},
		"root first":               {args: variadic("/", "app"), want: types.StringValue("/app")},
		"root alone":               {args: variadic("/"), want: types.StringValue("/")},
		"spaces and other scripts": {args: variadic("a b", "ключ#?%"), want: types.StringValue("/a b/ключ#?%")},
		"hidden":                   {args: variadic("app", "_secret"), want: types.StringValue("/app/_secret")},
		"none":                     {args: variadic(), wantErr: "at least one part", wantArg: -1},
		"empty part":               {args: variadic("app", "", "x"), wantErr: "cannot be empty", wantArg: 1},
		"two slashes":              {args: variadic("app", "//x"), wantErr: "empty segment", wantArg: 1},
		"two slashes alone":        {args: variadic("//"), wantErr: "cannot be empty", wantArg: 0},
		"parent segment":           {args: variadic("app", "x", "../y"), wantErr: `segment ".."`, wantArg: 2},
		"NUL":                      {args: variadic("a\x00"), wantErr: "NUL", wantArg: 0},
	})
}

func TestKeyParentFunction(t *testing.T) {
	t.Parallel()
	testFunction(t, newKeyParentFunction, map[string]functionCase{
		"deep":           {args: []attr.Value{types.StringValue("/app/db/host")}, want: types.StringValue("/app/db")},
		"top":            {args: []attr.Value{types.StringValue("/app")}, want: types.StringValue("/")},
		"root":           {args: []attr.Value{types.StringValue("/")}, wantErr: "root", wantArg: 0},
		"empty":          {args: []attr.Value{types.StringValue("")}, wantErr: "empty", wantArg: 0},
		"relative":       {args: []attr.Value{types.StringValue("app/db")}, wantErr: "does not start with a slash", wantArg: 0},
		"trailing slash": {args: []attr.Value{types.StringValue("/app/")}, wantErr: "ends with a slash", wantArg: 0},
	})
}

func TestKeyBaseFunction(t *testing.T) {
	t.Parallel()
	testFunction(t, newKeyBaseFunction, map[string]functionCase{
		"deep":        {args: []attr.Value{types.StringValue("/app/db/host")}, want: types.StringValue("host")},
		"top":         {args: []attr.Value{types.StringValue("/a b")}, want: types.StringValue("a b")},
		"root":        {args: []attr.Value{types.StringValue("/")}, wantErr: "root", wantArg: 0},
		"dot segment": {args: []attr.Value{types.StringValue("/a/./b")}, wantErr: `segment "."`, wantArg: 0},
	})
}

func TestFlattenFunction(t *testing.T) {
	t.Parallel()
	wrap := func(values map[string]attr.Value) []attr.Value {
		return []attr.Value{types.DynamicValue(object(values))}
	}
	number := func(text string) attr.Value {
		f, _, err := big.ParseFloat(text, 10, 512, big.ToNearestEven)
		if err != nil {
			t.Fatal(err)
		}
		return types.NumberValue(f)
	}
	testFunction(t, newFlattenFunction, map[string]functionCase{
		"nested objects and maps": {
			args: wrap(map[string]attr.Value{
				"top": types.StringValue("t"),
				"db":  object(map[string]attr.Value{"host": types.StringValue("h"), "labels": textMap("x.y", "1", "z", "")}),
			}),
			want: textMap("top", "t", "db/host", "h", "db/labels/x.y", "1", "db/labels/z", ""),
		},
		"map at the root": {args: []attr.Value{types.DynamicValue(textMap("a", "1"))}, want: textMap("a", "1")},
		"numbers and booleans": {
			args: wrap(map[string]attr.Value{
				"port": number("5432"), "ratio": number("0.1"), "big": number("123456789012345678901234567890"),
				"negative": number("-1.50"), "on": types.BoolValue(true), "off": types.BoolValue(false),
			}),
			want: textMap("port", "5432", "ratio", "0.1", "big", "123456789012345678901234567890", "negative", "-1.5", "on", "true", "off", "false"),
		},
		"empty object":        {args: wrap(nil), want: textMap()},
		"empty object inside": {args: wrap(map[string]attr.Value{"a": object(nil), "b": types.StringValue("x")}), want: textMap("b", "x")},
		"dynamic inside": {
			args: wrap(map[string]attr.Value{"a": types.DynamicValue(types.StringValue("x"))}),
			want: textMap("a", "x"),
		},
		"unknown value": {
			args: wrap(
				map[string]attr.Value{"a": types.StringUnknown(), "n": types.NumberUnknown(), "b": types.BoolUnknown(), "c": types.StringValue("x")},
			),
			want: types.MapValueMust(types.StringType, map[string]attr.Value{
				"a": types.StringUnknown(), "n": types.StringUnknown(), "b": types.StringUnknown(), "c": types.StringValue("x"),
			}),
		},
		"unknown object": {args: wrap(map[string]attr.Value{"a": types.ObjectUnknown(nil)}), want: types.MapUnknown(types.StringType)},
		"unknown map": {
			args: wrap(map[string]attr.Value{"a": types.MapUnknown(types.StringType)}), want: types.MapUnknown(types.StringType),
		},
		"unknown of no type": {args: wrap(map[string]attr.Value{"a": types.DynamicUnknown()}), want: types.MapUnknown(types.StringType)},
		"unknown argument":   {args: []attr.Value{types.DynamicUnknown()}, want: types.MapUnknown(types.StringType)},
		"null": {
			args: wrap(map[string]attr.Value{"db": object(map[string]attr.Value{"a": types.StringNull()})}), wantErr: "db/a is null", wantArg: 0,
		},
		"null of no type": {args: wrap(map[string]attr.Value{"a": types.DynamicNull()}), wantErr: "a is null", wantArg: 0},
		"null beside unknown": {
			args: wrap(map[string]attr.Value{"a": types.DynamicUnknown(), "b": types.StringNull()}), wantErr: "b is null", wantArg: 0,
		},
		"list":  {args: wrap(map[string]attr.Value{"hosts": textList("secret")}), wantErr: "hosts is a list", wantArg: 0},
		"tuple": {args: wrap(map[string]attr.Value{"hosts": variadic("secret")[0]}), wantErr: "hosts is a list", wantArg: 0},
		"set": {
			args: wrap(map[string]attr.Value{"hosts": types.SetValueMust(types.StringType, nil)}), wantErr: "hosts is a set", wantArg: 0,
		},
		"string at root": {args: []attr.Value{types.DynamicValue(types.StringValue("secret"))}, wantErr: "this is a string", wantArg: 0},
		"list at root":   {args: []attr.Value{types.DynamicValue(textList("secret"))}, wantErr: "this is a list", wantArg: 0},
		"slash in name":  {args: wrap(map[string]attr.Value{"a/b": types.StringValue("x")}), wantErr: `"a/b" contains a slash`, wantArg: 0},
		"empty name":     {args: wrap(map[string]attr.Value{"": types.StringValue("x")}), wantErr: `the name ""`, wantArg: 0},
		"dots as name":   {args: wrap(map[string]attr.Value{"..": types.StringValue("x")}), wantErr: `the name ".."`, wantArg: 0},
	})
}

func TestUnflattenFunction(t *testing.T) {
	t.Parallel()
	text := func(s string) attr.Value { return types.StringValue(s) }
	testFunction(t, newUnflattenFunction, map[string]functionCase{
		"paths": {
			args: []attr.Value{textMap("db/host", "h", "db/tls/ca", "c", "top", "")},
			want: types.DynamicValue(object(map[string]attr.Value{
				"top": text(""),
				"db":  object(map[string]attr.Value{"host": text("h"), "tls": object(map[string]attr.Value{"ca": text("c")})}),
			})),
		},
		"slash in front": {
			args: []attr.Value{textMap("/db/host", "h", "db/port", "1")},
			want: types.DynamicValue(object(map[string]attr.Value{"db": object(map[string]attr.Value{"host": text("h"), "port": text("1")})})),
		},
		"names that only look alike": {
			args: []attr.Value{textMap("a", "1", "ab", "2", "a-b", "3")},
			want: types.DynamicValue(object(map[string]attr.Value{"a": text("1"), "ab": text("2"), "a-b": text("3")})),
		},
		"empty": {args: []attr.Value{textMap()}, want: types.DynamicValue(object(nil))},
		"unknown value": {
			args: []attr.Value{types.MapValueMust(types.StringType, map[string]attr.Value{"a/b": types.StringUnknown()})},
			want: types.DynamicValue(object(map[string]attr.Value{"a": object(map[string]attr.Value{"b": types.StringUnknown()})})),
		},
		"unknown map": {args: []attr.Value{types.MapUnknown(types.StringType)}, want: types.DynamicUnknown()},
		"null value": {
			args: []attr.Value{types.MapValueMust(types.StringType, map[string]attr.Value{"a": types.StringNull()})}, wantErr: `"a" is null`,
			wantArg: 0,
		},
		"below a value": {args: []attr.Value{textMap("/a", "1", "/a/b", "2")}, wantErr: `"/a/b" is below "a"`, wantArg: 0},
		"value above": {
			args: []attr.Value{textMap("/a/b", "1", "a", "2")}, wantErr: `"a" has a value, and other paths are below it`, wantArg: 0,
		},
		"far below a value": {args: []attr.Value{textMap("a/b", "1", "a/b/c/d", "2")}, wantErr: `"a/b/c/d" is below "a/b"`, wantArg: 0},
		"same path twice":   {args: []attr.Value{textMap("/a", "1", "a", "2")}, wantErr: "is the same key as another path", wantArg: 0},
		"trailing slash":    {args: []attr.Value{textMap("a/", "1")}, wantErr: "ends with a slash", wantArg: 0},
		"empty segment":     {args: []attr.Value{textMap("a//b", "1")}, wantErr: "empty segment", wantArg: 0},
		"empty path":        {args: []attr.Value{textMap("", "1")}, wantErr: "cannot be the path of a key", wantArg: 0},
		"segment of dots":   {args: []attr.Value{textMap("a/../b", "1")}, wantErr: `segment ".."`, wantArg: 0},
		"no value is in the error": {
			args:    []attr.Value{textMap("a", "secret", "a/b", "secret")},
			wantErr: `"a/b" is below "a", which has a value: a key cannot contain both a value and keys`, wantArg: 0,
		},
	})
}

// Flatten reverses unflatten, and for strings unflatten reverses flatten.
func TestFlattenFunction_inverse(t *testing.T) {
	t.Parallel()
	for name, values := range map[string]types.Map{
		"nothing":       textMap(),
		"flat":          textMap("a", "1", "b", ""),
		"nested":        textMap("a/b/c", "1", "a/b/d", "2", "a/e", "line\nbreak", "_hidden/x", "3"),
		"other scripts": textMap("ключ/值", "x", "a b/#?%", "y"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nested, funcErr := runFunction(t, newUnflattenFunction(), []attr.Value{values})
			if funcErr != nil {
				t.Fatal(funcErr)
			}
			flat, funcErr := runFunction(t, newFlattenFunction(), []attr.Value{nested})
			if funcErr != nil {
				t.Fatal(funcErr)
			}
			if diff := cmp.Diff(values.String(), flat.String()); diff != "" {
				t.Errorf("flatten(unflatten(x)) (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPermitsFunction(t *testing.T) {
	t.Parallel()
	permits := func(key string, want bool, patterns ...string) functionCase {
		return functionCase{args: []attr.Value{textList(patterns...), types.StringValue(key)}, want: types.BoolValue(want)}
	}
	testFunction(t, newPermitsFunction, map[string]functionCase{
		"exact":                    permits("/a", true, "/a"),
		"exact does not cover":     permits("/a/b", false, "/a"),
		"children":                 permits("/a/b/c", true, "/a/*"),
		"not the directory itself": permits("/a", false, "/a/*"),
		"prefix":                   permits("/apple", true, "/x", "/a*"),
		"everything":               permits("/a", true, "*"),
		"the root":                 permits("/", true, "/*"),
		"star in the middle":       permits("/a/b/c", false, "/a/*/c"),
		"no patterns":              permits("/a", false),
		"null pattern": {
			args:    []attr.Value{types.ListValueMust(types.StringType, []attr.Value{types.StringNull()}), types.StringValue("/a")},
			wantErr: "] is null", wantArg: 0,
		},
		"invalid key": {args: []attr.Value{textList("/*"), types.StringValue("a")}, wantErr: "does not start with a slash", wantArg: 1},
	})
}

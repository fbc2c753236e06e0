package keyspace

import (
	"strings"
	"testing"
)

func TestEqualJSON(t *testing.T) {
	t.Parallel()

	long := strings.Repeat("1", 400)
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{`1`, `1.0`, true},
		{"{\"e\u0301\":1,\"é\":2}", `{"é":2}`, false},
		{"{\"e\u0301\":1}", `{"é":1}`, true},
		{`1`, `1.000e0`, true},
		{`100`, `1e2`, true},
		{`100`, `1E+02`, true},
		{`0.015`, `1.5e-2`, true},
		{`-0`, `0`, true},
		{`-0.0e5`, `0`, true},
		{`0e99999999999999999999`, `0`, true},
		{`-1`, `1`, false},
		{`1`, `10`, false},
		{`1e400`, `10e399`, true},
		{`1e400`, `1e401`, false},
		{`1e999999999999`, `10e999999999998`, true},
		{`1e999999999999`, `1e999999999998`, false},
		{`1e99999999999999999999`, `0.1e100000000000000000000`, true},
		{`1e-99999999999999999999`, `10e-100000000000000000000`, true},
		{`1e` + strings.Repeat("9", 100000), `1e0` + strings.Repeat("9", 100000), true},
		{`1e` + strings.Repeat("9", 100000), `1e` + strings.Repeat("8", 100000), false},
		{`12345678901234567890123`, `12345678901234567890124`, false},
		{`12345678901234567890123`, `12345678901234567890123.0`, true},
		{long, long + ".00", true},
		{long, long + "1", false},
		{`0.1`, `0.10000000000000000000000000000000001`, false},
		{`{"a":[1.0,{"b":2e0}],"c":null}`, ` {"c": null, "a": [1, {"b": 2}]} `, true},
		{`{"a":1}`, `{"a":"1"}`, false},
		{`"1.0"`, `"1"`, false},
		{`[1,2]`, `[2,1]`, false},
		{`null`, `null`, true},
		{`"\ud800"`, `"\ud801"`, false},
		{`"\ud800"`, `"\uD800"`, true},
		{`"\ud800"`, `"\ufffd"`, true},
		{`"\ud800"`, `"\udc00"`, false},
		{`"\ud800\ud800\udc00"`, `"\ud801\ud800\udc00"`, false},
		{`"\ud800\udc00"`, `"\ud800\udc01"`, false},
		{`"\ud800\udc00"`, `"𐀀"`, true},
		{`{"\ud800":1,"a":"\udfff"}`, `{"a":"\uDFFF","\uD800":1.0}`, true},
		{`{"\ud800":1}`, `{"\ud801":1}`, false},
		{`"\\ud800"`, `"\\ud801"`, false},
		{`"\\ud800"`, `"\\uD800"`, false},
		{`"\\\ud800"`, `"\\\ud801"`, false},
		{`null`, `0`, false},
		{``, ``, false},
		{`{`, `{`, false},
		{`1 2`, `1 2`, false},
		{`01`, `1`, false},
	} {
		if got := EqualJSON(test.a, test.b); got != test.want {
			t.Errorf("equalJSON(%.60q, %.60q) = %t, want %t", test.a, test.b, got, test.want)
		}
		if got := EqualJSON(test.b, test.a); got != test.want {
			t.Errorf("equalJSON(%.60q, %.60q) = %t, want %t", test.b, test.a, got, test.want)
		}
	}
}

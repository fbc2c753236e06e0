package keyspace

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzEqualJSON compares EqualJSON with what encoding/json reads. Numbers that it reads as
// different are not equal, and texts that it reads alike are equal.
func FuzzEqualJSON(f *testing.F) {
	for _, texts := range [][2]string{
		{`1`, `1.0`},
		{`{"a":[1,{"b":2}]}`, ` {"a" : [1.0, {"b": 2e0}]}`},
		{`"\ud800"`, `"\ud801"`},
		{"{\"e\u0301\":1,\"é\":2}", `{"é":2}`},
		{"[\"e\u0301\"]", `["é"]`},
		{`{"a":1,"a":2}`, `{"a":2}`},
		{`1e400`, `10e399`},
		{`-0`, `0`},
		{`null`, ``},
	} {
		f.Add(texts[0], texts[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, text := range []string{a, b} {
			if got, want := EqualJSON(text, text), json.Valid([]byte(text)); got != want {
				t.Errorf("EqualJSON(%q, itself) = %t, want %t", text, got, want)
			}
			var spaced bytes.Buffer
			if json.Indent(&spaced, []byte(text), "", " ") == nil && !EqualJSON(text, spaced.String()) {
				t.Errorf("EqualJSON(%q, %q) = false", text, spaced.String())
			}
		}
		equal := EqualJSON(a, b)
		if equal != EqualJSON(b, a) {
			t.Errorf("EqualJSON(%q, %q) = %t, and the other way %t", a, b, equal, !equal)
		}
		readA, okA := readFloats(a)
		readB, okB := readFloats(b)
		if equal && okA && okB && !cmp.Equal(readA, readB) {
			t.Errorf("EqualJSON(%q, %q) = true", a, b)
		}
		exactA, okA := readExactly(a)
		exactB, okB := readExactly(b)
		if !equal && okA && okB && cmp.Equal(exactA, exactB) {
			t.Errorf("EqualJSON(%q, %q) = false", a, b)
		}
	})
}

// readFloats reads JSON with rounded numbers, as a CLI has its texts.
func readFloats(text string) (v any, ok bool) {
	ok = json.Unmarshal([]byte(text), &v) == nil
	return normalizedTexts(v), ok
}

// normalizedTexts normalizes the texts of a JSON value, and the names that stay apart.
func normalizedTexts(v any) any {
	switch v := v.(type) {
	case string:
		return Normalized(v)
	case []any:
		for i := range v {
			v[i] = normalizedTexts(v[i])
		}
	case map[string]any:
		byNormal, out := map[string][]string{}, map[string]any{}
		for name := range v {
			byNormal[Normalized(name)] = append(byNormal[Normalized(name)], name)
		}
		for normal, names := range byNormal {
			if len(names) == 1 {
				out[normal] = normalizedTexts(v[names[0]])
				continue
			}
			for _, name := range names {
				out[name] = normalizedTexts(v[name])
			}
		}
		return out
	}
	return v
}

// readExactly reads JSON with its numbers as they are written. It refuses escapes, by which
// different texts can be read alike.
func readExactly(text string) (v any, ok bool) {
	if strings.Contains(text, `\u`) || !json.Valid([]byte(text)) {
		return nil, false
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	return v, decoder.Decode(&v) == nil
}

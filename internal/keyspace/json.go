package keyspace

import (
	"bytes"
	"encoding/json"
	"math/big"
	"regexp"
	"strings"
)

// EqualJSON reports whether two texts are the same JSON value. White space, the order of
// the members of an object and the way a number is written make no difference: 1.0, 1
// and 10e-1 are equal, at any size and without rounding. A text that is not JSON equals
// no other. A lone half of a surrogate pair, which is not valid text, equals itself and
// U+FFFD, which a CLI replaces it by.
func EqualJSON(a, b string) bool {
	markedA, loneA := markLoneSurrogates(a)
	markedB, loneB := markLoneSurrogates(b)
	if loneA && loneB {
		a, b = markedA, markedB
	}
	canonicalA, okA := canonicalJSON(a)
	canonicalB, okB := canonicalJSON(b)
	return okA && okB && bytes.Equal(canonicalA, canonicalB)
}

// canonicalJSON returns the one form that all equal JSON values share.
func canonicalJSON(text string) (canonical []byte, ok bool) {
	if !json.Valid([]byte(text)) {
		return nil, false
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, false
	}
	canonical, err := json.Marshal(canonicalValue(v))
	return canonical, err == nil
}

// escape matches an escape sequence of a JSON string; a surrogate pair is one match.
var escape = regexp.MustCompile(`\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)`)

// markLoneSurrogates keeps lone halves of surrogate pairs distinct after decoding, which
// turns each into U+FFFD, by putting the digits of each behind it.
func markLoneSurrogates(text string) (marked string, found bool) {
	if !strings.Contains(text, `\u`) {
		return text, false
	}
	marked = escape.ReplaceAllStringFunc(text, func(sequence string) string {
		if len(sequence) != len(`\ud800`) || strings.ToLower(sequence[2:3]) != "d" || sequence[3] < '8' {
			return sequence
		}
		found = true
		return sequence + strings.ToLower(sequence[2:])
	})
	return marked, found
}

// canonicalValue replaces, within a decoded JSON value, each number by its canonical form
// and each text by the form that a CLI gives it.
func canonicalValue(v any) any {
	switch v := v.(type) {
	case string:
		return Normalized(v)
	case json.Number:
		return json.Number(canonicalNumber(v.String()))
	case []any:
		for i := range v {
			v[i] = canonicalValue(v[i])
		}
	case map[string]any:
		return canonicalObject(v)
	}
	return v
}

// canonicalObject is canonicalValue for an object. Names that a CLI would make the same stay
// apart, so that no member hides another.
func canonicalObject(members map[string]any) map[string]any {
	names := make(map[string]int, len(members))
	for name := range members {
		names[Normalized(name)]++
	}
	out := make(map[string]any, len(members))
	for name, member := range members {
		if normal := Normalized(name); names[normal] == 1 {
			name = normal
		}
		out[name] = canonicalValue(member)
	}
	return out
}

// IsJSONDocument reports whether a text is a JSON object or array.
func IsJSONDocument(text string) bool {
	start := strings.TrimLeft(text, " \t\r\n")
	return start != "" && (start[0] == '{' || start[0] == '[') && json.Valid([]byte(text))
}

// canonicalNumber writes a JSON number as an integer without zeros at either
// end and a power of ten, such as 15e-1 for 1.50. The number itself is never
// computed: a text as short as 1e999999999 would not fit into memory.
func canonicalNumber(text string) string {
	mantissa, power, _ := strings.Cut(strings.ToLower(text), "e")
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	significant := strings.TrimRight(digits, "0")
	exponent := addToDecimal(power, int64(len(digits)-len(significant)-len(fraction)))
	significant = strings.TrimLeft(significant, "0")
	switch {
	case significant == "":
		return "0"
	case negative:
		significant = "-" + significant
	}
	return significant + "e" + exponent
}

// addToDecimal adds to an integer in decimal digits, which may be empty or have a plus
// sign or leading zeros. An integer longer than any real exponent is returned unchanged,
// because adding to it would take quadratic time.
func addToDecimal(text string, n int64) string {
	const longest = 1000 // digits
	negative := strings.HasPrefix(text, "-")
	digits := strings.TrimLeft(text, "+-0")
	if negative {
		digits = "-" + digits
	}
	if len(digits) > longest {
		return digits
	}
	value, ok := new(big.Int).SetString(digits, 10)
	if !ok { // no digit is left of a zero
		value = new(big.Int)
	}
	return value.Add(value, big.NewInt(n)).String()
}

package tfserver

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// flatType is the type of an object whose attributes are strings, numbers and booleans. Such
// an object is a map from attribute names to string, int64, bool, or nil for null. An
// object with anything else in it, such as an unknown value or a fraction, is not decoded
// and is left to the framework.
type flatType struct {
	names []string // sorted
	kinds map[string]tftypes.Type
	// writeOnly are the attributes that are in no state, required those that are in every
	// configuration, and readOnly those that are in none.
	writeOnly, required, readOnly []string
}

// newFlatType returns nil for a type that is not flat.
func newFlatType(typ tftypes.Type) *flatType {
	object, ok := typ.(tftypes.Object)
	if !ok {
		return nil
	}
	for _, kind := range object.AttributeTypes {
		if !kind.Is(tftypes.String) && !kind.Is(tftypes.Number) && !kind.Is(tftypes.Bool) {
			return nil
		}
	}
	return &flatType{names: slices.Sorted(maps.Keys(object.AttributeTypes)), kinds: object.AttributeTypes}
}

// isState reports whether an object can be the content of a state.
func (t *flatType) isState(object map[string]any) bool {
	return !slices.ContainsFunc(t.writeOnly, func(name string) bool { return object[name] != nil })
}

// isConfig reports whether an object can be the content of a configuration without
// write-only values.
func (t *flatType) isConfig(object map[string]any) bool {
	isNull := func(name string) bool { return object[name] == nil }
	hasValue := func(name string) bool { return object[name] != nil }
	return t.isState(object) && !slices.ContainsFunc(t.required, isNull) && !slices.ContainsFunc(t.readOnly, hasValue)
}

// decode reads an object. It returns nil for null and for an object that is not flat.
func (t *flatType) decode(v *tfprotov6.DynamicValue) map[string]any {
	if v == nil || len(v.JSON) > 0 || len(v.MsgPack) == 0 {
		return nil
	}
	dec := msgpack.GetDecoder()
	defer msgpack.PutDecoder(dec)
	r := bytes.NewReader(v.MsgPack)
	dec.Reset(r)
	n, err := dec.DecodeMapLen()
	if err != nil || n != len(t.names) {
		return nil
	}
	object := make(map[string]any, n)
	for range n {
		name, err := dec.DecodeString()
		kind := t.kinds[name]
		if err != nil || kind == nil {
			return nil
		}
		value, ok := decodeFlat(dec, kind)
		if !ok {
			return nil
		}
		object[name] = value
	}
	if len(object) != n || r.Len() > 0 {
		return nil
	}
	return object
}

func decodeFlat(dec *msgpack.Decoder, kind tftypes.Type) (value any, ok bool) {
	code, err := dec.PeekCode()
	switch {
	case err != nil:
		return nil, false
	case code == msgpcode.Nil:
		return nil, dec.DecodeNil() == nil
	case kind.Is(tftypes.String) && msgpcode.IsString(code):
		value, err = dec.DecodeString()
	case kind.Is(tftypes.Bool) && (code == msgpcode.True || code == msgpcode.False):
		value, err = dec.DecodeBool()
	case kind.Is(tftypes.Number) && isInt(code):
		value, err = dec.DecodeInt64()
	default:
		return nil, false
	}
	return value, err == nil
}

// isInt reports whether a number is encoded as an integer of at most 63 bits.
func isInt(code byte) bool {
	switch code {
	case msgpcode.Int8, msgpcode.Int16, msgpcode.Int32, msgpcode.Int64, msgpcode.Uint8, msgpcode.Uint16, msgpcode.Uint32:
		return true
	}
	return msgpcode.IsFixedNum(code)
}

// decodeJSON reads an object from a state file: attributes that the type does not have are
// left out, and those that the object does not have are null.
func (t *flatType) decodeJSON(data []byte) map[string]any {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var found map[string]any
	if err := dec.Decode(&found); err != nil || found == nil {
		return nil
	}
	object := make(map[string]any, len(t.names))
	for _, name := range t.names {
		value, ok := flatOf(found[name], t.kinds[name])
		if !ok {
			return nil
		}
		object[name] = value
	}
	return object
}

// flatOf converts a value of a JSON document.
func flatOf(value any, kind tftypes.Type) (flat any, ok bool) {
	switch v := value.(type) {
	case nil:
		return nil, true
	case string:
		return v, kind.Is(tftypes.String)
	case bool:
		return v, kind.Is(tftypes.Bool)
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 64)
		return n, err == nil && kind.Is(tftypes.Number)
	default:
		return nil, false
	}
}

// encode writes an object in the same bytes as the framework.
func (t *flatType) encode(object map[string]any) (*tfprotov6.DynamicValue, error) {
	var buf bytes.Buffer
	enc := msgpack.GetEncoder()
	defer msgpack.PutEncoder(enc)
	enc.Reset(&buf)
	if err := enc.EncodeMapLen(len(t.names)); err != nil {
		return nil, err
	}
	for _, name := range t.names {
		if err := enc.EncodeString(name); err != nil {
			return nil, err
		}
		if err := encodeFlat(enc, object[name]); err != nil {
			return nil, err
		}
	}
	return &tfprotov6.DynamicValue{MsgPack: buf.Bytes()}, nil
}

func encodeFlat(enc *msgpack.Encoder, value any) error {
	switch v := value.(type) {
	case string:
		return enc.EncodeString(v)
	case bool:
		return enc.EncodeBool(v)
	case int64:
		return enc.EncodeInt(v)
	default:
		return enc.EncodeNil()
	}
}

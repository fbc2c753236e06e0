package etcdv2

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// parseResponse reads an answer of the key space as it comes in, so that a large
// one is not kept twice. Names are case-sensitive, unknown ones are skipped.
func parseResponse(r io.Reader) (*Response, error) {
	resp := new(Response)
	source := &source{LimitedReader: io.LimitedReader{R: r, N: maxAnswer}}
	if err := json.UnmarshalRead(source, resp, decodeOptions); err != nil {
		if source.err != nil {
			return nil, source.err
		}
		return nil, invalidJSON(err)
	}
	resp.Node.dropNulls()
	resp.PrevNode.dropNulls()
	return resp, nil
}

var decodeOptions = jsontext.AllowInvalidUTF8(true)

// errKind is JSON of another kind than the field has.
var errKind = errors.New("another kind of JSON")

// UnmarshalJSONFrom reads a node field by field: only the raw text of a string
// distinguishes a byte that is not text from a genuine U+FFFD. A null leaves its field
// as it is.
func (n *Node) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	if dec.PeekKind() == jsontext.KindNull {
		return dec.SkipValue()
	}
	if start, err := dec.ReadToken(); err != nil || start.Kind() != jsontext.KindBeginObject {
		return cmp.Or(err, errKind)
	}
	for dec.PeekKind() != jsontext.KindEndObject {
		name, err := dec.ReadValue()
		if err != nil {
			return err
		}
		name, _ = unquote(name)
		if err := n.readField(dec, name); err != nil {
			return err
		}
	}
	_, err := dec.ReadToken()
	return err
}

func (n *Node) readField(dec *jsontext.Decoder, name []byte) (err error) {
	switch string(name) {
	case "key":
		n.KeyNotText, err = readText(dec, &n.Key)
	case "value":
		n.NotText, err = readText(dec, &n.Value)
	case "createdIndex":
		err = readIndexField(dec, &n.CreatedIndex)
	case "modifiedIndex":
		err = readIndexField(dec, &n.ModifiedIndex)
	case "dir":
		err = json.UnmarshalDecode(dec, &n.Dir)
	case "nodes":
		err = json.UnmarshalDecode(dec, &n.Nodes)
	case "expiration":
		err = json.UnmarshalDecode(dec, &n.Expiration)
	case "ttl":
		err = json.UnmarshalDecode(dec, &n.TTL)
	default:
		err = dec.SkipValue()
	}
	return err
}

// readText reads a string, and reports whether it replaces bytes that are not
// UTF-8 text.
func readText(dec *jsontext.Decoder, text *string) (notText bool, err error) {
	raw, err := dec.ReadValue()
	switch {
	case err != nil:
		return false, err
	case raw.Kind() == jsontext.KindNull:
		return false, nil
	case raw.Kind() != jsontext.KindString:
		return false, errKind
	}
	unquoted, notText := unquote(raw)
	*text = string(unquoted)
	return notText, nil
}

// unquote returns the text of a JSON string, and reports whether it contains a
// U+FFFD that replaces something else. Servers write a byte that is not UTF-8
// as the escape \ufffd, and a genuine U+FFFD raw.
func unquote(raw jsontext.Value) (text []byte, notText bool) {
	quoted := raw[1 : len(raw)-1]
	if bytes.IndexByte(quoted, '\\') < 0 && utf8.Valid(quoted) {
		return quoted, false
	}
	// The error says that some of it is not UTF-8, which the count shows too.
	text, _ = jsontext.AppendUnquote(nil, raw)
	return text, bytes.Count(text, replacement) > bytes.Count(quoted, replacement)
}

// replacement is U+FFFD.
var replacement = []byte(string(utf8.RuneError))

func readIndexField(dec *jsontext.Decoder, index *uint64) error {
	raw, err := dec.ReadValue()
	if err != nil || raw.Kind() == jsontext.KindNull {
		return err
	}
	*index, err = strconv.ParseUint(string(raw), 10, 64)
	return err
}

// dropNulls takes out children that are null, so that no reader of the tree has
// to look out for them, and makes no children of an empty list.
func (n *Node) dropNulls() {
	if n == nil {
		return
	}
	n.Nodes = slices.DeleteFunc(n.Nodes, func(child *Node) bool { return child == nil })
	if len(n.Nodes) == 0 {
		n.Nodes = nil
	}
	for _, child := range n.Nodes {
		child.dropNulls()
	}
}

// source keeps the error of its reader: an answer that was cut off is not one
// that cannot be read.
type source struct {
	io.LimitedReader

	err error
}

// Read reads from the reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.LimitedReader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// invalidJSON names the place and quotes nothing, since values are there.
func invalidJSON(err error) error {
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("%w: it is not JSON at byte %d", ErrInvalidAnswer, syntactic.ByteOffset)
	}
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		return fmt.Errorf("%w: its JSON is of another kind at byte %d", ErrInvalidAnswer, semantic.ByteOffset)
	}
	return fmt.Errorf("%w: it is not JSON", ErrInvalidAnswer)
}

// errorBody is the body of an answer outside 2xx. A message may be empty.
type errorBody struct {
	Code    Code    `json:"errorCode"`
	Message *string `json:"message"`
	Cause   string  `json:"cause"`
	Index   uint64  `json:"index"`
}

// parseError reads the body of an answer outside 2xx. It returns false if it is
// none that a server gives.
func parseError(data []byte) (body errorBody, ok bool) {
	err := json.Unmarshal(data, &body, jsontext.AllowInvalidUTF8(true))
	return body, err == nil && (body.Message != nil || body.Code != 0)
}

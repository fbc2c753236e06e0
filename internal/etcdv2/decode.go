package etcdv2

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// parseResponse reads an answer of the key space as it comes in, so that a large
// one is not held twice. Names are case-sensitive, unknown ones are skipped.
func parseResponse(r io.Reader) (*Response, error) {
	var body struct {
		Action   Action `json:"action"`
		Node     *Node  `json:"node"`
		PrevNode *Node  `json:"prevNode"`
	}
	source := &source{Reader: io.LimitReader(r, maxAnswer)}
	if err := json.UnmarshalRead(source, &body, jsontext.AllowInvalidUTF8(true)); err != nil {
		if source.err != nil {
			return nil, source.err
		}
		return nil, invalidJSON(err)
	}
	body.Node.dropNulls()
	body.PrevNode.dropNulls()
	return &Response{Action: body.Action, Node: body.Node, PrevNode: body.PrevNode}, nil
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
	io.Reader

	err error
}

// Read reads from the reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// invalidJSON names the place and quotes nothing, since values stand there.
func invalidJSON(err error) error {
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return fmt.Errorf("%w: it is no JSON at byte %d", ErrInvalidAnswer, syntactic.ByteOffset)
	}
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		return fmt.Errorf("%w: its JSON is of another kind at byte %d", ErrInvalidAnswer, semantic.ByteOffset)
	}
	return fmt.Errorf("%w: it is no JSON", ErrInvalidAnswer)
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

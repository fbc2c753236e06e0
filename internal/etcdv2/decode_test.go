package etcdv2_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// responseTexts are answers of servers, and invalid ones.
var responseTexts = []string{
	`{"action":"get","node":{"key":"/k","value":"","modifiedIndex":4,"createdIndex":4}}` + "\n",
	`{"action":"get","node":{"dir":true,"nodes":[{"key":"/a","dir":true,"modifiedIndex":5,"createdIndex":5},{"key":"/b","value":"1","expiration":"2026-11-21T00:07:16.670028175Z","ttl":100,"modifiedIndex":6,"createdIndex":6}]}}`,
	`{"action":"set","node":{"key":"/k","value":"\u0026\u003c\u003e \u2028 \ud83d\ude00 \\ \" \/ \b\f\n\r\t","modifiedIndex":18446744073709551615,"createdIndex":0},"prevNode":{"key":"/k","value":"é","modifiedIndex":4,"createdIndex":4}}`,
	`{"action":"set"}`,
	`{"action":"expire","node":{"key":"/k","modifiedIndex":7,"createdIndex":4},"prevNode":{"key":"/k","value":"1","expiration":"2026-11-21T00:07:16Z","modifiedIndex":4,"createdIndex":4}}`,
	` { "action" : "get" , "node" : { "nodes" : [ ] , "ttl" : -1 , "dir" : false , "other" : [ 1.5e3 , { "x" : null } , "y" , true ] } } `,
	`{"action":null,"node":null,"prevNode":{"key":null,"nodes":null,"expiration":null,"ttl":null,"dir":null,"modifiedIndex":null}}`,
	`{"action":"\ud83d"}`, `{"action":"\ud83dx\ude00"}`, `{"action":"\ud83d\n"}`, `{"action":"\ud83d\ud83d\ude00"}`,
	`{}`, `[]`, `null`, ``, `{`, `{"action"`, `{"action":`, `{"action":"get"`, `{"action":"get",}`, `{"action":"get"}x`,
	`{"action":1}`, `{"action":"get","node":[]}`, `{"node":{"modifiedIndex":-1}}`, `{"node":{"modifiedIndex":1.0}}`,
	`{"node":{"modifiedIndex":01}}`,
	`{"node":{"modifiedIndex":18446744073709551616}}`, `{"node":{"ttl":9223372036854775808}}`, `{"node":{"ttl":-9223372036854775808}}`,
	`{"node":{"ttl":-}}`,
	`{"node":{"dir":"true"}}`, `{"node":{"expiration":"tomorrow"}}`, `{"x":+1}`, `{"x":1e}`, `{"x":nul}`, `{"action":"\x"}`,
	`{"action":"\u12"}`, `{"action":"\u12zz"}`,
	"{\"action\":\"\x01\"}", "{\"action\":\"\xff\"}",
	`{"Action":"get","NODE":{"Key":"/k"}}`,
}

func TestParseResponse(t *testing.T) {
	t.Parallel()
	expiration := time.Date(2026, 11, 21, 0, 7, 16, 670028175, time.UTC)
	for text, want := range map[string]*etcdv2.Response{
		responseTexts[0]: {Action: etcdv2.ActionGet, Node: &etcdv2.Node{Key: "/k", ModifiedIndex: 4, CreatedIndex: 4}},
		responseTexts[1]: {Action: etcdv2.ActionGet, Node: &etcdv2.Node{Dir: true, Nodes: []*etcdv2.Node{
			{Key: "/a", Dir: true, ModifiedIndex: 5, CreatedIndex: 5},
			{Key: "/b", Value: "1", Expiration: &expiration, TTL: 100, ModifiedIndex: 6, CreatedIndex: 6},
		}}},
		responseTexts[2]: {
			Action:   etcdv2.ActionSet,
			Node:     &etcdv2.Node{Key: "/k", Value: "&<> \u2028 😀 \\ \" / \b\f\n\r\t", ModifiedIndex: 18446744073709551615},
			PrevNode: &etcdv2.Node{Key: "/k", Value: "é", ModifiedIndex: 4, CreatedIndex: 4},
		},
		responseTexts[3]:            {Action: etcdv2.ActionSet},
		`{"prevNode":{"key":"/k"}}`: {PrevNode: &etcdv2.Node{Key: "/k"}},
		responseTexts[5]:            {Action: etcdv2.ActionGet, Node: &etcdv2.Node{TTL: -1}},
		responseTexts[6]:            {PrevNode: &etcdv2.Node{}},
		// A lone surrogate becomes the replacement character.
		`{"action":"\ud83d\ud83d\ude00"}`: {Action: "\uFFFD😀"},
		`{"action":"\ud83d\n\ude00"}`:     {Action: "\uFFFD\n\uFFFD"},
		// Names are case-sensitive.
		`{"Action":"get","NODE":{"Key":"/k"}}`: {},
	} {
		got, err := etcdv2.ParseResponse([]byte(text))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: error = %v, (-want +got):\n%s", text, err, diff)
		}
	}
}

// TestParseResponse_pieces delivers answers in pieces, and cuts them off at every byte.
func TestParseResponse_pieces(t *testing.T) {
	t.Parallel()
	for _, text := range responseTexts[:7] {
		want := must[*etcdv2.Response](t)(etcdv2.ParseResponse([]byte(text)))
		got, err := etcdv2.ParseReader(iotest.OneByteReader(strings.NewReader(text)))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s byte by byte: error = %v, (-want +got):\n%s", text, err, diff)
		}
		for i := range len(strings.TrimSpace(text)) {
			_, err := etcdv2.ParseResponse([]byte(text[:i]))
			wantErr(t, text[:i], err, etcdv2.ErrInvalidAnswer)
			broken := errors.New("broken")
			_, err = etcdv2.ParseReader(iotest.OneByteReader(&brokenReader{text[:i], broken}))
			if !errors.Is(err, broken) {
				t.Fatalf("%s, then a read error: error = %v, want %v", text[:i], err, broken)
			}
		}
	}
}

// brokenReader fails at the end of a text.
type brokenReader struct {
	text string
	err  error
}

// Read reads the rest of the text, or fails.
func (r *brokenReader) Read(p []byte) (int, error) {
	if r.text == "" {
		return 0, r.err
	}
	n := copy(p, r.text)
	r.text = r.text[n:]
	return n, nil
}

func TestParseResponse_large(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long ünd \\\" ", 100_000)
	var body bytes.Buffer
	body.WriteString(`{"action":"get","node":{"key":"/d","dir":true,"nodes":[`)
	const nodes = 5000
	for i := range nodes {
		fmt.Fprintf(&body, `{"key":"/d/%d","value":"v%d","modifiedIndex":%d,"createdIndex":%d},`, i, i, i, i)
	}
	fmt.Fprintf(&body, `{"key":"/d/long","value":%s}]}}`, must[[]byte](t)(jsonText(long)))
	got := must[*etcdv2.Response](t)(etcdv2.ParseResponse(body.Bytes()))
	if n := len(got.Node.Nodes); n != nodes+1 {
		t.Fatalf("%d nodes, want %d", n, nodes+1)
	}
	for i, n := range got.Node.Nodes[:nodes] {
		want := &etcdv2.Node{Key: fmt.Sprintf("/d/%d", i), Value: fmt.Sprintf("v%d", i), ModifiedIndex: uint64(i), CreatedIndex: uint64(i)}
		if diff := cmp.Diff(want, n); diff != "" {
			t.Fatalf("node %d (-want +got):\n%s", i, diff)
		}
	}
	if got.Node.Nodes[nodes].Value != long {
		t.Error("the long value has changed")
	}
}

func TestParseResponse_deep(t *testing.T) {
	t.Parallel()
	nest := func(depth int) string {
		return `{"action":"get","node":` + strings.Repeat(`{"nodes":[`, depth) + strings.Repeat(`]}`, depth) + `}`
	}
	if _, err := etcdv2.ParseResponse([]byte(nest(4000))); err != nil {
		t.Errorf("4,000 levels: error = %v", err)
	}
	_, err := etcdv2.ParseResponse([]byte(nest(40_000)))
	wantErr(t, "40,000 levels:", err, etcdv2.ErrInvalidAnswer)
	_, err = etcdv2.ParseResponse([]byte(`{"x":` + strings.Repeat("[", 40_000)))
	wantErr(t, "40,000 unknown levels:", err, etcdv2.ErrInvalidAnswer)
}

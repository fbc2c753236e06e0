package etcdv2_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// FuzzKeyPath searches for a key that a server would decode as another.
func FuzzKeyPath(f *testing.F) {
	for _, key := range append(slices.Clone(oddKeys), badKeys...) {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if err := etcdv2.CheckKey(key); err != nil {
			if !errors.Is(err, etcdv2.ErrInvalidKey) {
				t.Errorf("CheckKey(%q) error = %v, want %v", key, err, etcdv2.ErrInvalidKey)
			}
			return
		}
		escaped, unescaped := etcdv2.KeyPath(key)
		if want := "/v2/keys" + key; unescaped != want {
			t.Errorf("the path of %q is %q, want %q", key, unescaped, want)
		}
		// This is how a server parses the request line.
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://h"+escaped, http.NoBody)
		if err != nil {
			t.Fatalf("the path %q of %q is not valid: %v", escaped, key, err)
		}
		if r.URL.RawQuery != "" || r.URL.Fragment != "" || r.URL.Path != unescaped {
			t.Errorf("a server reads the path of %q as %q?%q#%q", key, r.URL.Path, r.URL.RawQuery, r.URL.Fragment)
		}
		if path.Clean(r.URL.Path) != r.URL.Path {
			t.Errorf("a server would redirect the path of %q to %q", key, path.Clean(r.URL.Path))
		}
		parsed, err := url.ParseRequestURI(escaped)
		if err != nil || parsed.Path != unescaped {
			t.Errorf("the request line %q of %q is read as %v, %v", escaped, key, parsed, err)
		}
	})
}

// peerNode is a Node for encoding/json, with which the decoder must agree.
type peerNode struct {
	Key           string      `json:"key"`
	Value         string      `json:"value"`
	Dir           bool        `json:"dir"`
	Nodes         []*peerNode `json:"nodes"`
	CreatedIndex  uint64      `json:"createdIndex"`
	ModifiedIndex uint64      `json:"modifiedIndex"`
	Expiration    *time.Time  `json:"expiration"`
	TTL           int64       `json:"ttl"`
}

type peerResponse struct {
	Action   string    `json:"action"`
	Node     *peerNode `json:"node"`
	PrevNode *peerNode `json:"prevNode"`
}

func (n *peerNode) node() *etcdv2.Node {
	if n == nil {
		return nil
	}
	out := &etcdv2.Node{
		Key: n.Key, Value: n.Value, Dir: n.Dir, CreatedIndex: n.CreatedIndex, ModifiedIndex: n.ModifiedIndex,
		Expiration: n.Expiration, TTL: n.TTL,
	}
	for _, child := range n.Nodes {
		if child != nil {
			out.Nodes = append(out.Nodes, child.node())
		}
	}
	return out
}

// FuzzParseResponse compares the decoder with encoding/json for all input that both accept,
// which includes everything that a server sends.
func FuzzParseResponse(f *testing.F) {
	for _, text := range responseTexts {
		f.Add([]byte(text))
	}
	f.Add([]byte("{\"node\":{\"key\":\"/k\",\"value\":\"\xa9\"}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := etcdv2.ParseResponse(data)
		if err != nil {
			if !errors.Is(err, etcdv2.ErrInvalidAnswer) {
				t.Errorf("error = %v, want %v", err, etcdv2.ErrInvalidAnswer)
			}
			if isPlain(data) {
				t.Errorf("error = %v, but encoding/json accepts it", err)
			}
			return
		}
		if !json.Valid(data) {
			t.Fatalf("%q was accepted, but is not JSON", data)
		}
		if hasTwins(data) {
			return
		}
		var want peerResponse
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatalf("%q was accepted, but encoding/json returns %v", data, err)
		}
		peer := &etcdv2.Response{Action: etcdv2.Action(want.Action), Node: want.Node.node(), PrevNode: want.PrevNode.node()}
		var unknownToPeer cmp.Options
		if !utf8.Valid(data) {
			unknownToPeer = cmp.Options{cmpopts.IgnoreFields(etcdv2.Node{}, "NotText", "KeyNotText")}
		}
		if diff := cmp.Diff(peer, got, unknownToPeer); diff != "" {
			t.Errorf("%q (-encoding/json +got):\n%s", data, diff)
		}
	})
}

// isPlain reports whether encoding/json reads the data in the same, stricter way: as valid
// UTF-8, and in the form that it writes itself.
func isPlain(data []byte) bool {
	var r peerResponse
	if !utf8.Valid(data) || json.Unmarshal(data, &r) != nil || hasTwins(data) {
		return false
	}
	again, err := json.Marshal(r)
	return err == nil && string(again) == string(data)
}

// hasTwins reports whether an object in the data may have two fields that encoding/json takes
// for one, because it ignores their case, or that it merges.
func hasTwins(data []byte) bool {
	text := strings.ToLower(string(data))
	for _, name := range []string{"action", "node", "prevnode"} {
		if strings.Count(text, `"`+name+`"`) > 1 {
			return true
		}
	}
	// Names with escapes, in another case, or repeated.
	return strings.Contains(text, `\`) || text != string(data) && !onlyKnown(data) || repeats(data)
}

func onlyKnown(data []byte) bool {
	var fields any
	if json.Unmarshal(data, &fields) != nil {
		return false
	}
	return knownNames(fields)
}

var fieldNames = []string{
	"action", "node", "prevNode", "key", "value", "dir", "nodes", "createdIndex", "modifiedIndex", "expiration", "ttl",
}

func knownNames(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for name, field := range v {
			for _, known := range fieldNames {
				if name != known && strings.EqualFold(name, known) {
					return false
				}
			}
			if !knownNames(field) {
				return false
			}
		}
	case []any:
		return !slices.ContainsFunc(v, func(element any) bool { return !knownNames(element) })
	}
	return true
}

// repeats reports whether an object contains a name twice.
func repeats(data []byte) bool {
	var fields any
	if json.Unmarshal(data, &fields) != nil {
		return true
	}
	again, err := json.Marshal(fields)
	return err != nil || strings.Count(string(again), `":`) != strings.Count(string(data), `":`)
}

// FuzzParseError searches for a body that causes an error of the wrong kind, or an error that
// quotes a cause.
func FuzzParseError(f *testing.F) {
	for _, text := range responseTexts {
		f.Add(404, []byte(text))
	}
	for _, code := range []int{100, 101, 102, 104, 105, 107, 108, 110, 201, 202, 203, 209, 210, 211, 212, 300, 301, 400, 401} {
		f.Add(400, []byte(keyError(code)))
	}
	f.Add(404, []byte("404 page not found\n"))
	f.Add(404, []byte(message("auth: Role r does not exist.")))
	f.Add(500, []byte(textBody))
	f.Fuzz(func(t *testing.T, status int, data []byte) {
		for _, p := range []string{"/v2/keys/k", "/v2/auth/users/u", "/v2/members/1"} {
			err := etcdv2.ParseError(p, status, data)
			if err.Status != status {
				t.Errorf("status = %d, want %d", err.Status, status)
			}
			if !utf8.ValidString(err.Error()) {
				t.Errorf("the text %q is not valid UTF-8", err.Error())
			}
			isKey := p == "/v2/keys/k"
			if isKey && errors.Is(err, etcdv2.ErrNotFound) && err.Code != etcdv2.CodeKeyNotFound && err.Code != etcdv2.CodeNotDir {
				t.Errorf("%q is reported as a missing key", data)
			}
			if err.Code == etcdv2.CodeCompareFailed && len(err.Cause) > 8 && !strings.Contains(err.Message, err.Cause) &&
				strings.Contains(err.Error(), err.Cause) {
				t.Errorf("the text %q contains the cause", err.Error())
			}
		}
	})
}

// FuzzPermits compares patterns with what servers do: they match a pattern that ends
// with "*" as the beginning of a key, and any other as the key.
func FuzzPermits(f *testing.F) {
	for _, seed := range [][2]string{
		{"/a", "/a"}, {"/a/*", "/a"}, {"/a/*", "/a/b"}, {"*", "/"}, {"/a*b", "/a*b"}, {"", ""}, {"/\xff*", "/\xff"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, key string) {
		want := pattern == key
		if n := len(pattern) - 1; n >= 0 && pattern[n] == '*' {
			want = len(key) >= n && key[:n] == pattern[:n]
		}
		if got := etcdv2.Permits([]string{"/other", pattern}, key); key != "/other" && got != want {
			t.Errorf("Permits(%q, %q) = %t, want %t", pattern, key, got, want)
		}
		if etcdv2.PermitsRecursive([]string{pattern}, key) && !strings.HasSuffix(pattern, "*") {
			t.Errorf("PermitsRecursive(%q, %q) = true for a pattern that names one key", pattern, key)
		}
		if err := etcdv2.CheckPattern(pattern); (err == nil) != (pattern != "" && utf8.ValidString(pattern)) {
			t.Errorf("CheckPattern(%q) = %v", pattern, err)
		}
	})
}

package etcdtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const callTimeout = 20 * time.Second

// Call is a request to a server, made without the client under test.
type Call struct {
	// Method is the HTTP method; empty means GET.
	Method string
	// Path is the unescaped path, such as "/v2/keys/a b".
	Path string
	// Query is sent in the URL.
	Query url.Values
	// Form is sent as the body if it is not nil.
	Form url.Values
	// JSON is encoded and sent as the body if it is not nil.
	JSON any
	// User and Password replace the credentials of the server if User is not empty.
	User, Password string
	// Token is sent in the header Authorization, in place of credentials, if it is not
	// empty. The v3 API uses one.
	Token string
	// Anonymous sends no credentials.
	Anonymous bool
}

// Answer is the answer of a server. The fields below Body are decoded from it, as far as it
// contains them.
type Answer struct {
	Status int         `json:"-"`
	Header http.Header `json:"-"`
	Body   []byte      `json:"-"`

	Action   string `json:"action"`
	Node     Node   `json:"node"`
	PrevNode *Node  `json:"prevNode"`

	ErrorCode int    `json:"errorCode"`
	Message   string `json:"message"`
	Cause     string `json:"cause"`
	Index     uint64 `json:"index"`
}

// Node is a key or a directory in an answer.
type Node struct {
	Key           string `json:"key"`
	Value         string `json:"value"`
	Dir           bool   `json:"dir"`
	TTL           int64  `json:"ttl"`
	Expiration    string `json:"expiration"`
	ModifiedIndex uint64 `json:"modifiedIndex"`
	CreatedIndex  uint64 `json:"createdIndex"`
	Nodes         []Node `json:"nodes"`
}

// OK reports whether the status is 2xx.
func (a *Answer) OK() bool { return a.Status >= 200 && a.Status < 300 }

// Decode decodes the body as JSON into v. It fails the test if it cannot.
func (a *Answer) Decode(tb testing.TB, v any) {
	tb.Helper()

	if err := json.Unmarshal(a.Body, v); err != nil {
		tb.Errorf("cannot decode the answer with status %d: %v", a.Status, err)
	}
}

// SetCredentials sets the user for the requests that the methods of s send. An empty user
// means none. WithAuth sets root.
func (s *Server) SetCredentials(user, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.user, s.password = user, password
}

func (s *Server) credentials() (user, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.user, s.password
}

// EnableAuth does what [WithAuth] does, on a running server. It ends the test if it
// cannot.
func (s *Server) EnableAuth(tb testing.TB, rootPassword string) {
	tb.Helper()
	s.refuseShared(tb)

	if err := enableAuth(waitContext(tb), []*Server{s}, rootPassword); err != nil {
		tb.Fatal(err)
	}
}

// Get reads a key with a quorum. Further parameters have the form "recursive=true". A
// missing key does not fail the test: check the status or the error code.
func (s *Server) Get(tb testing.TB, key string, params ...string) *Answer {
	tb.Helper()

	return s.Do(tb, Call{Path: keyPath(key), Query: values(append([]string{"quorum=true"}, params...))})
}

// Put writes a key. Further parameters have the form "ttl=5" or "prevIndex=7".
// It fails the test unless the server accepts the write.
func (s *Server) Put(tb testing.TB, key, value string, params ...string) *Answer {
	tb.Helper()

	form := values(params)
	form.Set("value", value)

	return s.must(tb, Call{Method: http.MethodPut, Path: keyPath(key), Form: form})
}

// Mkdir creates a directory and fails the test unless the server does so.
func (s *Server) Mkdir(tb testing.TB, key string, params ...string) *Answer {
	tb.Helper()

	form := values(params)
	form.Set("dir", "true")

	if !form.Has("prevExist") {
		form.Set("prevExist", "false")
	}

	return s.must(tb, Call{Method: http.MethodPut, Path: keyPath(key), Form: form})
}

// Delete deletes a key, or a directory with "recursive=true". It fails the
// test unless the server does so.
func (s *Server) Delete(tb testing.TB, key string, params ...string) *Answer {
	tb.Helper()

	return s.must(tb, Call{Method: http.MethodDelete, Path: keyPath(key), Query: values(params)})
}

// JSON sends a body as JSON, such as to "/v2/auth/users/alice"; nil sends none. It fails
// the test unless the server accepts the request.
func (s *Server) JSON(tb testing.TB, method, path string, body any) *Answer {
	tb.Helper()

	return s.must(tb, Call{Method: method, Path: path, JSON: body})
}

func (s *Server) must(tb testing.TB, call Call) *Answer {
	tb.Helper()

	answer := s.Do(tb, call)
	if answer.Status != 0 && !answer.OK() {
		tb.Errorf("%s %s at etcd %s: status %d, want 2xx; code %d, %s",
			call.Method, call.Path, s.Name, answer.Status, answer.ErrorCode, answer.Message)
	}

	return answer
}

// Do sends a request and returns the answer, whatever its status. If there is no answer, it
// fails the test and returns an empty one. It may be called from any goroutine, such as in
// a hook of [Intercept].
func (s *Server) Do(tb testing.TB, call Call) *Answer {
	tb.Helper()

	answer, err := s.Try(waitContext(tb), call)
	if err != nil {
		tb.Errorf("%s %s at etcd %s: %v", call.Method, call.Path, s.Name, err)

		return &Answer{}
	}

	return answer
}

// Try is Do for a test in which the server may not answer. It waits for at most 20
// seconds.
func (s *Server) Try(ctx context.Context, call Call) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	req, err := s.newRequest(ctx, call)
	if err != nil {
		return nil, err
	}

	resp, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()

	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}

	answer := &Answer{}
	if err := json.Unmarshal(body, answer); err != nil {
		// Some answers are plain text, and others are JSON of another shape.
		answer = &Answer{}
	}

	answer.Status, answer.Header, answer.Body = resp.StatusCode, resp.Header, body

	return answer, nil
}

func (s *Server) newRequest(ctx context.Context, call Call) (*http.Request, error) {
	target, err := url.Parse(s.URL())
	if err != nil {
		return nil, err
	}

	target.Path, target.RawQuery = call.Path, call.Query.Encode()

	var body io.Reader

	contentType := ""

	switch {
	case call.JSON != nil:
		encoded, err := json.Marshal(call.JSON)
		if err != nil {
			return nil, err
		}

		body, contentType = bytes.NewReader(encoded), "application/json"
	case call.Form != nil:
		body, contentType = strings.NewReader(call.Form.Encode()), "application/x-www-form-urlencoded"
	}

	req, err := http.NewRequestWithContext(ctx, call.Method, target.String(), body)
	if err != nil {
		return nil, err
	}

	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}

	user, password := s.credentials()
	if call.User != "" {
		user, password = call.User, call.Password
	}

	switch {
	case call.Token != "":
		req.Header.Set("Authorization", call.Token)
	case user != "" && !call.Anonymous:
		req.SetBasicAuth(user, password)
	}

	return req, nil
}

// getJSON decodes an answer with status 200. It gives up early, because a node
// that has never had a quorum accepts connections and does not answer.
func (s *Server) getJSON(ctx context.Context, path string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()

	answer, err := s.Try(ctx, Call{Path: path, Anonymous: true})
	if err != nil {
		return err
	}

	if answer.Status != http.StatusOK {
		return fmt.Errorf("%s: status %d", path, answer.Status)
	}

	return json.Unmarshal(answer.Body, v)
}

func keyPath(key string) string { return "/v2/keys/" + strings.TrimPrefix(key, "/") }

func values(params []string) url.Values {
	out := url.Values{}

	for _, param := range params {
		name, value, _ := strings.Cut(param, "=")
		out.Set(name, value)
	}

	return out
}

// newHTTPClient returns a client that follows no redirects and keeps no connections, so
// that it always talks to the process that is running now.
func newHTTPClient(tb testing.TB, certs *Certs) *http.Client {
	tb.Helper()

	transport := &http.Transport{DisableKeepAlives: true}
	if certs != nil {
		transport.TLSClientConfig = certs.ClientConfig(tb)
	}

	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

package etcdtest

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Request is a request that a [Proxy] has received.
type Request struct {
	Method string
	// Path is the path as it was sent, with its escapes.
	Path   string
	Query  url.Values
	Form   url.Values // of the body, if that is a form
	Header http.Header
	Body   []byte
	// Forwarded reports whether the request was sent on to the server.
	Forwarded bool
	// Status is what the server answered, or 0.
	Status int
}

// Param returns the named parameter of the body, or else of the query.
func (r Request) Param(name string) string {
	if r.Form.Has(name) {
		return r.Form.Get(name)
	}

	return r.Query.Get(name)
}

// Requests returns the requests received since the last Reset, in order of arrival.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()

	out := make([]Request, len(p.requests))
	for i, r := range p.requests {
		out[i] = *r
	}

	return out
}

// Forwarded returns the Requests that were sent on to the server.
func (p *Proxy) Forwarded() []Request {
	return slices.DeleteFunc(p.Requests(), func(r Request) bool { return !r.Forwarded })
}

// Count returns how many requests with the method (empty means any) and with a path that
// begins with prefix were received.
func (p *Proxy) Count(method, prefix string) int {
	n := 0

	for _, r := range p.Requests() {
		if (method == "" || method == r.Method) && strings.HasPrefix(r.Path, prefix) {
			n++
		}
	}

	return n
}

// Reset forgets the requests received so far. Rules stay.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.requests = nil
}

// record reads the body, records the request, and restores the body.
func (p *Proxy) record(r *http.Request) (*Request, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}

	r.Body = io.NopCloser(bytes.NewReader(body))
	record := &Request{
		Method: r.Method,
		Path:   r.URL.EscapedPath(),
		Query:  r.URL.Query(),
		Header: r.Header.Clone(),
		Body:   body,
	}

	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		record.Form, _ = url.ParseQuery(string(body)) // What does not parse is left in Body.
	}

	p.update(func() { p.requests = append(p.requests, record) })

	return record, nil
}

package etcdv2

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
)

// ParseResponse reads an answer of the key space.
func ParseResponse(data []byte) (*Response, error) {
	return parseResponse(bytes.NewReader(data))
}

// ParseReader is ParseResponse for an answer that arrives in pieces.
func ParseReader(r io.Reader) (*Response, error) { return parseResponse(r) }

// ParseError reads an answer outside 2xx to a request for a path.
func ParseError(path string, status int, data []byte) *Error {
	return newError(&url.URL{Scheme: "http", Host: "h"}, &request{path: path}, status, data, Meta{})
}

// KeyPath returns the path with which a checked key is requested, and the path that a server
// decodes from it.
func KeyPath(key string) (escaped, path string) {
	r := (&KeysService{}).request(http.MethodGet, key, false)
	u := r.url(&url.URL{Scheme: "http", Host: "h"})
	return u.EscapedPath(), u.Path
}

// ReadBody reads the body of an answer.
func ReadBody(resp *http.Response) ([]byte, error) { return readBody(resp) }

package etcdv2

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
)

// errWithdrawn is what a transport gets that reads a body after its request has failed.
var errWithdrawn = errors.New("the request has failed, and its body must not be sent any more")

// watchedBody knows whether a transport has begun to read the body of a request. A transport of the
// caller need not report its connections, and may go on in the background after it has returned an
// error. But a server does nothing for a request whose body is announced and does not come.
type watchedBody struct {
	state atomic.Int32
}

const (
	bodyUnread int32 = iota
	bodyRead
	bodyWithdrawn
)

// watchBody watches the body of a request, nil if it has none.
func watchBody(req *http.Request) *watchedBody {
	open := req.GetBody
	if open == nil {
		return nil
	}
	b := new(watchedBody)
	req.GetBody = func() (io.ReadCloser, error) {
		body, err := open()
		return &watchedReader{body, b}, err
	}
	req.Body, _ = req.GetBody()
	return b
}

// withdraw reports that no transport has read any of the body, and none will from now on.
func (b *watchedBody) withdraw() bool {
	return b != nil && b.state.CompareAndSwap(bodyUnread, bodyWithdrawn)
}

// watchedReader is one reader of a watched body.
type watchedReader struct {
	io.ReadCloser

	body *watchedBody
}

// Read reads the body, unless it is withdrawn.
func (r *watchedReader) Read(p []byte) (int, error) {
	r.body.state.CompareAndSwap(bodyUnread, bodyRead)
	if r.body.state.Load() == bodyWithdrawn {
		return 0, errWithdrawn
	}
	return r.ReadCloser.Read(p)
}

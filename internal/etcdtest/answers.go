package etcdtest

import (
	"net/http"
	"sync"
)

// Answers keeps what a server answered, for comparison with what a client returned for it.
type Answers struct {
	mu     sync.Mutex
	header http.Header
	body   []byte
}

// Keep passes requests on and keeps the answers.
func (a *Answers) Keep() Action {
	return func(x *Exchange) {
		answer := x.Fetch()
		if answer != nil {
			a.mu.Lock()
			a.header, a.body = answer.Header().Clone(), answer.Body.Bytes()
			a.mu.Unlock()
		}

		x.Deliver(answer)
	}
}

// Last returns the header and the body of the last answer.
func (a *Answers) Last() (http.Header, []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()

	return a.header, a.body
}

package keyspace

import (
	"sync"
	"time"
)

// recentFor is how long an etcd index counts as recent. With a slow server, about as much
// time passes between the read before a create and the create itself.
const recentFor = time.Second

// recentIndex is the newest etcd index that a server has answered with. A create needs an
// index from just before its request: a node found after a lost answer counts as its own
// only if it is newer. The answer to another object's write serves as well as a read, so
// that concurrent creates cost one request each.
type recentIndex struct {
	now func() time.Time

	mu    sync.Mutex
	index uint64
	asked time.Time
}

// note records the index in the answer to a request that was sent at asked. The server
// reached that index at that time or later.
func (r *recentIndex) note(index uint64, asked time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if index >= r.index {
		r.index, r.asked = index, asked
	}
}

// get returns the index, or 0 if none is recent.
func (r *recentIndex) get() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now().Sub(r.asked) >= recentFor {
		return 0
	}
	return r.index
}

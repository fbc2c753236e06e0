package keyspace

import (
	"sync"
	"time"
)

// recentFor is how long an etcd index counts as recent. A create takes about as
// long between a read of its own and its request when a server is slow.
const recentFor = time.Second

// recentIndex is the newest etcd index that a server has answered with. A create
// needs an index of just before its request, so that the node it finds after a
// lost answer counts as its own only if it is newer. The answer to another
// object's write serves as well as a read of its own: creates that come together
// cost one request each.
type recentIndex struct {
	now func() time.Time

	mu    sync.Mutex
	index uint64
	asked time.Time
}

// note takes an index from the answer to a request that was sent at asked. The
// server had it then or later.
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

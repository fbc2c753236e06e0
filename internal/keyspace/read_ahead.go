package keyspace

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

const (
	// readAheadAfter is how many keys of one directory are read one by one before the
	// whole directory is read.
	readAheadAfter = 2
	// readAheadFor is how long the snapshot of a directory is used, and how long a read of
	// a single key counts towards the next snapshot.
	readAheadFor = 2 * time.Second
	// ReadAheadBound is how many children a directory may have to be read as a whole
	// again.
	ReadAheadBound = 20000
)

// ReadAhead answers reads of single keys from one read of their directory, once several
// of its keys have been asked for. Terraform refreshes one object per call, and on a
// slow link a plan waits for nothing but these round trips.
//
// It infers nothing: a key that is not in the snapshot is read directly, because a
// listing leaves out hidden keys. Each entry is served once, so that a second reader gets
// a fresh answer, and keys that this process writes are dropped from it. Serving an
// answer that is a moment old is safe, because every write is conditional on the index
// that was served.
type ReadAhead struct {
	keys *etcdv2.KeysService
	now  func() time.Time

	mu   sync.Mutex
	dirs map[string]*directory
}

// directory is what we know about one directory.
type directory struct {
	// asks counts the reads of its keys since a time.
	asks  int
	since time.Time
	// single switches to single reads for good: the directory is too large, or the user
	// may not list it.
	single bool
	// nodes are the keys of the snapshot that were not served yet, and read is when the
	// snapshot was requested.
	nodes map[string]*etcdv2.Node
	meta  etcdv2.Meta
	read  time.Time
	// listing is closed when the read of the directory in progress ends, and written are
	// the keys that were written meanwhile.
	listing chan struct{}
	written map[string]bool
}

// NewReadAhead returns a ReadAhead that has read nothing yet.
func NewReadAhead(keys *etcdv2.KeysService) *ReadAhead {
	return &ReadAhead{keys: keys, now: time.Now, dirs: map[string]*directory{}}
}

// SetClock replaces the clock in a test, before the first read.
func (r *ReadAhead) SetClock(now func() time.Time) { r.now = now }

// Get reads a key as KeysService.Get does.
func (r *ReadAhead) Get(ctx context.Context, key string) (*etcdv2.Response, error) {
	path := key[:strings.LastIndexByte(key, '/')+1]
	for {
		resp, listing, list := r.ask(path, key)
		switch {
		case resp != nil:
			return resp, nil
		case list:
			r.list(ctx, path)
		case listing != nil:
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-listing:
			}
		default:
			return r.keys.Get(ctx, key, etcdv2.GetOptions{})
		}
	}
}

// ask decides how a key is read: from the answer it returns, after the listing in
// progress, after a listing that the caller must make, or, if none of these, directly.
func (r *ReadAhead) ask(path, key string) (resp *etcdv2.Response, listing chan struct{}, list bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.dirs[path]
	if d == nil {
		d = &directory{}
		r.dirs[path] = d
	}
	if d.single {
		return nil, nil, false
	}
	if d.listing != nil {
		return nil, d.listing, false
	}
	now := r.now()
	if d.nodes != nil && now.Sub(d.read) < readAheadFor {
		node := d.nodes[key]
		if node == nil {
			return nil, nil, false
		}
		delete(d.nodes, key)
		return &etcdv2.Response{Meta: d.meta, Action: etcdv2.ActionGet, Node: node}, nil, false
	}
	d.nodes = nil
	if now.Sub(d.since) >= readAheadFor {
		d.asks, d.since = 0, now
	}
	if d.asks++; d.asks <= readAheadAfter {
		return nil, nil, false
	}
	d.listing, d.written, d.read = make(chan struct{}), map[string]bool{}, now
	return nil, nil, true
}

// list reads a directory for the snapshot. It ignores errors: the single reads report
// them.
func (r *ReadAhead) list(ctx context.Context, path string) {
	dir := strings.TrimSuffix(path, "/")
	if dir == "" {
		dir = "/"
	}
	resp, err := r.keys.List(ctx, dir, etcdv2.GetOptions{})
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.dirs[path]
	close(d.listing)
	d.listing, d.asks, d.since = nil, 0, d.read
	if err != nil {
		d.single = errors.Is(err, etcdv2.ErrUnauthorized) || errors.Is(err, etcdv2.ErrInvalidAnswer)
		return
	}
	d.single = len(resp.Node.Nodes) > ReadAheadBound
	d.meta, d.nodes = resp.Meta, make(map[string]*etcdv2.Node, len(resp.Node.Nodes))
	for _, node := range resp.Node.Nodes {
		if !node.Dir && !d.written[node.Key] {
			d.nodes[node.Key] = node
		}
	}
}

// Forget drops what is known about a key. It is called after every write of this process,
// whatever its outcome. A nil ReadAhead is allowed.
func (r *ReadAhead) Forget(key string) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.dirs[key[:strings.LastIndexByte(key, '/')+1]]
	if d == nil {
		return
	}
	delete(d.nodes, key)
	if d.listing != nil {
		d.written[key] = true
	}
}

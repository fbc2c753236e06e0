package etcdv2

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// KeysService reads and writes the key space, /v2/keys, see
// https://etcd.io/docs/v2.3/api/.
//
// Every method checks its key by the rules of [CheckKey], its values by those of
// [CheckValue] and its TTL before any request. Errors are those of the package documentation, "Errors".
type KeysService struct {
	client     *Client
	prefix     string
	defaultTTL int64
}

// Action is the action of a request or an event.
type Action string

// The actions of the key space.
const (
	ActionGet              Action = "get"
	ActionSet              Action = "set"
	ActionCreate           Action = "create"
	ActionUpdate           Action = "update"
	ActionDelete           Action = "delete"
	ActionExpire           Action = "expire"
	ActionCompareAndSwap   Action = "compareAndSwap"
	ActionCompareAndDelete Action = "compareAndDelete"
)

// Response is the answer to a request of the key space, and an event of a watch.
type Response struct {
	Meta `json:"-"`

	// Action is what was done.
	Action Action `json:"action"`
	// Node is the node after it. It is nil if WriteOptions.NoValue was set and
	// the server knows it.
	Node *Node `json:"node"`
	// PrevNode is the node before it, nil if there was none.
	PrevNode *Node `json:"prevNode"`
	// Created reports whether the request made a new node (status 201).
	Created bool `json:"-"`
	// Settled reports whether the answer was lost and the outcome found by reading.
	// Node is then what was read, PrevNode is nil.
	Settled bool `json:"-"`
}

// GetOptions are the options of Get and List.
type GetOptions struct {
	// Recursive reads the whole subtree. Hidden nodes, whose last segment
	// starts with an underscore, are in no listing.
	Recursive bool
	// Sorted orders the children by key; without it their order is random.
	// List always sorts.
	Sorted bool
	// NotLinearizable reads the endpoint's own store, which may lag behind the
	// cluster. False means a quorum read, unless Options.NotLinearizable is set; a
	// not-found answer is confirmed with a quorum read even then.
	NotLinearizable bool
}

// Get reads a key or a directory, with its children.
// It returns ErrNotFound if there is none.
func (s *KeysService) Get(ctx context.Context, key string, opts GetOptions) (*Response, error) {
	if err := CheckDir(key); err != nil {
		return nil, err
	}
	quorum := !opts.NotLinearizable && !s.client.options.NotLinearizable
	resp, err := s.response(s.client.do(ctx, s.readRequest(key, opts, quorum)))
	if errors.Is(err, ErrNotFound) && !opts.NotLinearizable && !quorum {
		// An endpoint that lags does not have what is new, and one that has never
		// joined has nothing: callers take absence for a fact.
		return s.response(s.client.do(ctx, s.readRequest(key, opts, true)))
	}
	return resp, err
}

// readRequest prepares a read of a checked key.
func (s *KeysService) readRequest(key string, opts GetOptions, quorum bool) *request {
	r := s.request(http.MethodGet, key, opts.Recursive)
	r.replay = replayRead
	for _, option := range [...]struct {
		on   bool
		text string
	}{{quorum, "quorum=true"}, {opts.Recursive, "recursive=true"}, {opts.Sorted, "sorted=true"}} {
		if !option.on {
			continue
		}
		if r.rawQuery != "" {
			r.rawQuery += "&"
		}
		r.rawQuery += option.text
	}
	return r
}

// List reads a directory and its children, sorted by key. It returns
// ErrNotFound if there is none and ErrNotDir if it is a key.
func (s *KeysService) List(ctx context.Context, dir string, opts GetOptions) (*Response, error) {
	opts.Sorted = true
	resp, err := s.Get(ctx, dir, opts)
	if err != nil {
		return nil, err
	}
	if !resp.Node.Dir {
		return nil, fmt.Errorf("%s: %w", dir, ErrNotDir)
	}
	return resp, nil
}

// Exists reports whether there is a key or a directory of this name.
func (s *KeysService) Exists(ctx context.Context, key string) (bool, error) {
	_, err := s.Get(ctx, key, GetOptions{})
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// request prepares a request for a checked key. A recursive one keeps the
// trailing slash: a permission on "/dir/*" does not match "/dir".
func (s *KeysService) request(method, key string, recursive bool) *request {
	path := "/v2/keys" + escapeKey(s.prefix+strings.TrimSuffix(key, "/"))
	if recursive {
		path += "/"
	}
	return &request{method: method, path: path, keys: true}
}

// response returns an answer of the key space without the key prefix.
func (s *KeysService) response(ans *answer, err error) (*Response, error) {
	if err != nil {
		return nil, s.stripError(err)
	}
	s.stripNode(ans.keys.Node)
	s.stripNode(ans.keys.PrevNode)
	return ans.keys, nil
}

// errNoNode is an answer of the key space that lacks what every one has.
var errNoNode = fmt.Errorf("%w: it has no node", ErrInvalidAnswer)

// readResponse reads an answer of the key space from its body.
func readResponse(ans *answer, body io.Reader) (*Response, error) {
	resp, err := parseResponse(body)
	if err != nil {
		return nil, err
	}
	if resp.Action == "" || (resp.Action == ActionGet && resp.Node == nil) {
		return nil, errNoNode
	}
	resp.Meta, resp.Created = ans.Meta, ans.status == http.StatusCreated
	return resp, nil
}

// stripNode takes the prefix off the keys of a node. A node above the prefix,
// as in the event of a deleted parent, becomes the root.
func (s *KeysService) stripNode(n *Node) {
	if n == nil {
		return
	}
	n.Key = s.strip(n.Key)
	for _, child := range n.Nodes {
		s.stripNode(child)
	}
}

func (s *KeysService) strip(key string) string {
	key, inside := strings.CutPrefix(key, s.prefix)
	if !inside || !strings.HasPrefix(key, "/") {
		return "/"
	}
	return key
}

// stripError takes the prefix off the key that an answer names as its cause.
func (s *KeysService) stripError(err error) error {
	var apiErr *Error
	if s.prefix != "" && errors.As(err, &apiErr) && apiErr.causeIsKey() && strings.HasPrefix(apiErr.Cause, "/") {
		apiErr.Cause = s.strip(apiErr.Cause)
	}
	return err
}

func setTrue(v url.Values, name string, on bool) {
	if on {
		v.Set(name, "true")
	}
}

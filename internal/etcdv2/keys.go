package etcdv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxTTL is the longest TTL in seconds, a hundred years. Servers take longer
// ones, and make nonsense of some.
const MaxTTL int64 = 3153600000

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

// Action is what a request did, or what an event reports.
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

// Node is a key or a directory.
type Node struct {
	// Key is the full path, "/" for the root.
	Key string `json:"key"`
	// Value is the value of a key, "" for a directory.
	Value string `json:"value"`
	// Dir is whether the node is a directory.
	Dir bool `json:"dir"`
	// NotText reports whether the server sent the escape \ufffd in the value,
	// which stands for a byte that is not UTF-8 text: the API cannot return it,
	// and a write of Value would replace it by U+FFFD. A genuine U+FFFD does not
	// set it.
	NotText bool `json:"-"`
	// KeyNotText reports the same of the key, of which a request for Key does not
	// reach the node.
	KeyNotText bool `json:"-"`
	// Nodes are the children of a directory that was read. A directory below
	// it has none unless the read was recursive.
	Nodes []*Node `json:"nodes"`
	// CreatedIndex is the index of the event that created the node. A plain
	// set creates it anew. 0 for the root.
	CreatedIndex uint64 `json:"createdIndex"`
	// ModifiedIndex is the index of the last event that changed the node. That
	// of a directory does not move with its children. 0 for the root.
	ModifiedIndex uint64 `json:"modifiedIndex"`
	// Expiration is when the node expires, nil if it does not.
	Expiration *time.Time `json:"expiration"`
	// TTL is the rest of its life in whole seconds, rounded up. It is 0 for a
	// node that does not expire, and for one that is about to be purged.
	TTL int64 `json:"ttl"`
}

// HasTTL reports whether the node expires.
func (n *Node) HasTTL() bool { return n.Expiration != nil || n.TTL != 0 }

// Base returns the last segment of the key.
func (n *Node) Base() string { return n.Key[strings.LastIndexByte(n.Key, '/')+1:] }

// String returns the tree of keys, a line for each, without the values.
func (n *Node) String() string {
	var b strings.Builder
	n.print(&b, "")
	return strings.TrimSuffix(b.String(), "\n")
}

func (n *Node) print(b *strings.Builder, indent string) {
	name := n.Key
	if n.Dir && name != "/" {
		name += "/"
	}
	fmt.Fprintf(b, "%s%s (modified at %d", indent, name, n.ModifiedIndex)
	if n.HasTTL() {
		fmt.Fprintf(b, ", expires in %d s", n.TTL)
	}
	b.WriteString(")\n")
	for _, child := range n.Nodes {
		child.print(b, indent+"  ")
	}
}

// DecodeJSON reads the value, which must be JSON, into v. Its error does not
// quote the value.
func (n *Node) DecodeJSON(v any) error {
	if err := json.Unmarshal([]byte(n.Value), v); err != nil {
		return fmt.Errorf("the value of %s is no JSON that can be read into a %T", n.Key, v)
	}
	return nil
}

// EncodeJSON returns v as JSON, for the value of a key. Numbers and booleans
// become what other clients would write for them.
func EncodeJSON(v any) (string, error) {
	data, err := json.Marshal(v)
	return string(data), err
}

// Leaves yields the keys below the node, and the node itself if it is a key,
// in the order in which they were read.
func (n *Node) Leaves() iter.Seq[*Node] {
	return func(yield func(*Node) bool) { n.leaves(yield) }
}

func (n *Node) leaves(yield func(*Node) bool) bool {
	if !n.Dir {
		return yield(n)
	}
	for _, child := range n.Nodes {
		if !child.leaves(yield) {
			return false
		}
	}
	return true
}

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
	// Created is whether the request made a new node (status 201).
	Created bool `json:"-"`
	// Settled is whether the answer was lost and the outcome found by reading.
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
	// Stale reads the endpoint's own store, which may lag behind the cluster.
	// False means a quorum read, unless Options.StaleReads says otherwise; that
	// there is none is then asked of the quorum all the same.
	Stale bool
}

// WriteOptions are the options of every write.
type WriteOptions struct {
	// TTL is the life of the node in seconds, 1 to MaxTTL. Nil means
	// Options.DefaultTTL for a key and none for a directory; a write without a
	// TTL makes a node that expired permanent.
	TTL *int64
	// NoTTL means no TTL although Options.DefaultTTL has one.
	NoTTL bool
	// IsSame reports whether a value that is read after a lost answer is the one
	// that was written, as for a caller who compares JSON. Nil means the same text.
	IsSame func(value string) bool
	// NoValue asks the server to leave the node out of the answer, which
	// servers before 3.1 do not know.
	NoValue bool
}

// CreateOptions are the options of Create and CreateDir.
type CreateOptions struct {
	WriteOptions
	// AbsentAt is an etcd index at which the caller saw that the key did not
	// exist. It lets a lost answer be settled. Zero means that the client
	// reads the key first.
	AbsentAt uint64
}

// Condition guards a write. At least one of its fields must be set, and all
// that are set must hold.
type Condition struct {
	// Index is the modifiedIndex that the key must have. 0 means any.
	Index uint64
	// Value is the value that the key must have. "" means any: a server cannot
	// compare with an empty value.
	Value string
}

func (c Condition) check() error {
	if c.Index == 0 && c.Value == "" {
		return fmt.Errorf("%w: neither an index nor a value is given, and the server would write without a condition", ErrInvalidCondition)
	}
	return CheckValue(c.Value)
}

func (c Condition) addTo(v url.Values) {
	if c.Index != 0 {
		v.Set("prevIndex", strconv.FormatUint(c.Index, 10))
	}
	if c.Value != "" {
		v.Set("prevValue", c.Value)
	}
}

// replay: an index never recurs, a value does.
func (c Condition) replay() replay {
	if c.Index != 0 {
		return replayGuarded
	}
	return replayNever
}

// Get reads a key or a directory, with its children.
// It returns ErrNotFound if there is none.
func (s *KeysService) Get(ctx context.Context, key string, opts GetOptions) (*Response, error) {
	if err := CheckDir(key); err != nil {
		return nil, err
	}
	quorum := !opts.Stale && !s.client.options.StaleReads
	resp, err := s.read(ctx, key, opts, quorum)
	if errors.Is(err, ErrNotFound) && !opts.Stale && !quorum {
		// An endpoint that lags does not have what is new, and one that has never
		// joined has nothing: callers take absence for a fact.
		return s.read(ctx, key, opts, true)
	}
	return resp, err
}

func (s *KeysService) read(ctx context.Context, key string, opts GetOptions, quorum bool) (*Response, error) {
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
	return s.do(ctx, r)
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

// Create makes a key that does not exist (prevExist=false). It returns
// ErrExists if there is a key or a directory of this name, and ErrNotDir if an
// ancestor is a key. A lost answer is settled.
func (s *KeysService) Create(ctx context.Context, key, value string, opts CreateOptions) (*Response, error) {
	w, err := s.write(key, &value, opts.WriteOptions)
	if err != nil {
		return nil, err
	}
	return s.create(ctx, w, opts)
}

// CreateDir makes a directory that does not exist (prevExist=false), and those
// above it. Errors are those of Create.
func (s *KeysService) CreateDir(ctx context.Context, path string, opts CreateOptions) (*Response, error) {
	w, err := s.write(path, nil, opts.WriteOptions)
	if err != nil {
		return nil, err
	}
	return s.create(ctx, w, opts)
}

func (s *KeysService) create(ctx context.Context, w *write, opts CreateOptions) (*Response, error) {
	w.form.Set("prevExist", "false")
	w.replay = replayGuarded
	w.since = opts.AbsentAt
	w.byCreation = true
	if w.since == 0 {
		_, err := s.Get(ctx, w.key, GetOptions{})
		if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrUnauthorized) {
			return nil, err
		}
		w.since = absentAt(err)
	}
	if w.since == 0 {
		w.replay = replayNever
	}
	return s.settle(ctx, w)
}

// absentAt returns the etcd index at which a read found no key, or 0 if it
// found one or was not allowed; a lost answer can then not be settled.
func absentAt(err error) uint64 {
	var apiErr *Error
	if errors.As(err, &apiErr) && apiErr.Code == CodeKeyNotFound {
		return apiErr.Index
	}
	return 0
}

// Update writes a key that exists (prevExist=true), whoever wrote it last. It
// returns ErrNotFound if there is none, ErrNotFile if it is a directory, and
// ErrOutcomeUnknown if the answer was lost.
func (s *KeysService) Update(ctx context.Context, key, value string, opts WriteOptions) (*Response, error) {
	w, err := s.write(key, &value, opts)
	if err != nil {
		return nil, err
	}
	if value == "" {
		// Servers before etcd 3.5 take this for an update of a directory, and drop
		// its TTL.
		found, err := s.Get(ctx, key, GetOptions{})
		if err == nil && found.Node.Dir {
			return nil, fmt.Errorf("%s: %w", key, ErrNotFile)
		}
		if err != nil && !errors.Is(err, ErrUnauthorized) {
			return nil, err
		}
	}
	w.form.Set("prevExist", "true")
	return s.do(ctx, w.request)
}

// Set writes a key unconditionally: it creates it, or overwrites whatever it
// held. It returns ErrNotFile if there is a directory of this name, and
// ErrOutcomeUnknown if the answer was lost.
func (s *KeysService) Set(ctx context.Context, key, value string, opts WriteOptions) (*Response, error) {
	w, err := s.write(key, &value, opts)
	if err != nil {
		return nil, err
	}
	return s.do(ctx, w.request)
}

// CompareAndSwap writes a key on a condition. It returns ErrInvalidCondition
// for an empty condition, ErrCompareFailed if the condition does not hold,
// ErrNotFound if there is no such key and ErrNotFile if it is a directory. A
// lost answer is settled if the condition has an index; otherwise it is
// ErrOutcomeUnknown.
func (s *KeysService) CompareAndSwap(ctx context.Context, key, value string, cond Condition, opts WriteOptions) (*Response, error) {
	if err := cond.check(); err != nil {
		return nil, err
	}
	w, err := s.write(key, &value, opts)
	if err != nil {
		return nil, err
	}
	cond.addTo(w.form)
	w.replay = cond.replay()
	w.since = cond.Index
	return s.settle(ctx, w)
}

// CompareAndDelete deletes a key on a condition. Errors are those of
// CompareAndSwap. After a lost answer, a key that is gone counts as deleted.
func (s *KeysService) CompareAndDelete(ctx context.Context, key string, cond Condition) (*Response, error) {
	if err := errors.Join(cond.check(), CheckKey(key)); err != nil {
		return nil, err
	}
	r := s.request(http.MethodDelete, key, false)
	// The body of a DELETE is ignored, and so would be a condition in it.
	r.query = url.Values{}
	cond.addTo(r.query)
	r.replay = cond.replay()
	return s.settle(ctx, &write{request: r, key: key, since: cond.Index, deletes: true})
}

// Delete deletes a key unconditionally; the answer's PrevNode is what it held.
// It returns ErrNotFound if there is none, ErrNotFile if it is a directory,
// and ErrOutcomeUnknown if the answer was lost.
func (s *KeysService) Delete(ctx context.Context, key string) (*Response, error) {
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	return s.do(ctx, s.request(http.MethodDelete, key, false))
}

// UpdateDir sets the TTL of a directory and keeps its children; without a TTL
// it becomes permanent. A server cannot compare a directory with an index, so
// the last writer wins. It returns ErrNotDir if it is a key, ErrNotFound if
// there is none, and ErrDirUpdate from etcd 3.5, which cannot do it. It needs no
// permission to read the directory.
func (s *KeysService) UpdateDir(ctx context.Context, path string, opts WriteOptions) (*Response, error) {
	w, err := s.write(path, nil, opts)
	if err != nil {
		return nil, err
	}
	// On a key this would empty its value.
	if err := s.requireDir(ctx, path, false); err != nil {
		return nil, err
	}
	w.form.Set("prevExist", "true")
	return s.do(ctx, w.request)
}

// requireDir returns ErrNotDir if there is a key of this name, and ErrNotFound if
// there is nothing. Who may write and not read finds out by a delete that cannot
// come true: its condition fails on a key, and is refused for a directory.
func (s *KeysService) requireDir(ctx context.Context, path string, recursive bool) error {
	_, err := s.List(ctx, path, GetOptions{})
	if !errors.Is(err, ErrUnauthorized) {
		return err
	}
	probe := s.request(http.MethodDelete, path, recursive)
	probe.query = url.Values{"prevIndex": {strconv.FormatUint(math.MaxUint64, 10)}}
	probe.replay = replayGuarded
	_, err = s.do(ctx, probe)
	switch {
	case errors.Is(err, ErrNotFile):
		return nil
	case errors.Is(err, ErrCompareFailed):
		return fmt.Errorf("%s: %w", path, ErrNotDir)
	default:
		return err
	}
}

// DeleteDirOptions are the options of DeleteDir.
type DeleteDirOptions struct {
	// Recursive deletes all that is in the directory, hidden nodes included.
	// False means that only an empty directory is deleted.
	Recursive bool
}

// DeleteDir deletes a directory. It returns ErrDirNotEmpty if it has children
// and opts does not say recursive, ErrNotDir if it is a key, ErrNotFound if
// there is none, and ErrOutcomeUnknown if the answer was lost. It needs no
// permission to read the directory.
func (s *KeysService) DeleteDir(ctx context.Context, path string, opts DeleteDirOptions) (*Response, error) {
	if err := CheckKey(path); err != nil {
		return nil, err
	}
	// A server deletes a key too when it is asked to delete a directory.
	if err := s.requireDir(ctx, path, opts.Recursive); err != nil {
		return nil, err
	}
	r := s.request(http.MethodDelete, path, opts.Recursive)
	r.query = url.Values{"dir": {"true"}}
	setTrue(r.query, "recursive", opts.Recursive)
	return s.do(ctx, r)
}

// CreateInOrder makes a key in a directory under the next index as its name,
// twenty digits wide, so that the names sort in the order of their making. The
// directory is made if need be. It returns ErrNotDir if dir is a key, and
// ErrOutcomeUnknown if the answer was lost: the server would make another key.
func (s *KeysService) CreateInOrder(ctx context.Context, dir, value string, opts WriteOptions) (*Response, error) {
	if err := CheckDir(dir); err != nil {
		return nil, err
	}
	form, err := s.form(&value, opts)
	if err != nil {
		return nil, err
	}
	r := s.request(http.MethodPost, dir, false)
	r.form = form
	return s.do(ctx, r)
}

// write is a request together with what settles it if its answer is lost.
type write struct {
	*request
	key   string
	value *string
	ttl   bool
	// since is an index before the first attempt: a node that is newer was
	// written by that attempt or after it.
	since uint64
	// byCreation compares since with the created index.
	byCreation bool
	// isSame is WriteOptions.IsSame.
	isSame func(value string) bool
	// deletes is whether the write is a delete.
	deletes bool
	// unreadable is whether the node does not tell whose write it was.
	unreadable bool
}

// write prepares a PUT of a value, or of a directory if value is nil.
func (s *KeysService) write(key string, value *string, opts WriteOptions) (*write, error) {
	if err := CheckKey(key); err != nil {
		return nil, err
	}
	form, err := s.form(value, opts)
	if err != nil {
		return nil, err
	}
	r := s.request(http.MethodPut, key, false)
	r.form = form
	if opts.NoValue {
		r.query = url.Values{"noValueOnSuccess": {"true"}}
	}
	return &write{request: r, key: key, value: value, ttl: form.Has("ttl"), isSame: opts.IsSame}, nil
}

func (s *KeysService) form(value *string, opts WriteOptions) (url.Values, error) {
	form := url.Values{}
	ttl := opts.TTL
	if value != nil {
		if err := CheckValue(*value); err != nil {
			return nil, err
		}
		form.Set("value", *value)
		if ttl == nil && !opts.NoTTL && s.defaultTTL != 0 {
			ttl = &s.defaultTTL
		}
	} else {
		form.Set("dir", "true")
	}
	if ttl == nil {
		return form, nil
	}
	if opts.NoTTL {
		return nil, fmt.Errorf("%w: both a TTL and no TTL are asked for", ErrInvalidTTL)
	}
	form.Set("ttl", strconv.FormatInt(*ttl, 10))
	return form, checkTTL(*ttl)
}

// checkTTL refuses a TTL that a server takes and makes something else of: 0
// expires the key at once, and a very large one makes it permanent, or does too.
func checkTTL(ttl int64) error {
	if ttl < 1 || ttl > MaxTTL {
		return fmt.Errorf("%w: %d seconds, want 1 to %d", ErrInvalidTTL, ttl, MaxTTL)
	}
	return nil
}

// settle sends a guarded write. If an attempt was ambiguous and a later one met
// a conflict, a quorum read says whether the conflict is our own write.
func (s *KeysService) settle(ctx context.Context, w *write) (*Response, error) {
	for {
		resp, err := s.do(ctx, w.request)
		if err == nil || !w.ambiguous || !isSettled(err) || errors.Is(err, ErrOutcomeUnknown) {
			return resp, err
		}
		found, readErr := s.Get(ctx, w.key, GetOptions{})
		switch {
		case errors.Is(readErr, ErrNotFound):
			if w.deletes {
				return &Response{Meta: metaOf(readErr), Action: ActionCompareAndDelete, Settled: true}, nil
			}
			return nil, err
		case readErr != nil:
			return nil, fmt.Errorf("%w: %w, and reading it back failed: %w", ErrOutcomeUnknown, err, readErr)
		case w.isOurs(found.Node):
			found.Action, found.Settled = w.action(), true
			return found, nil
		case w.unreadable && w.isNewer(found.Node):
			return nil, fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		case w.isNewer(found.Node):
			return nil, err
		}
		if !s.client.attemptsLeft(w.request) {
			return nil, fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
		}
	}
}

func metaOf(err error) Meta {
	var apiErr *Error
	if !errors.As(err, &apiErr) {
		return Meta{}
	}
	return Meta{EtcdIndex: apiErr.Index}
}

func (w *write) isNewer(n *Node) bool {
	if w.byCreation {
		return n.CreatedIndex > w.since
	}
	return n.ModifiedIndex > w.since
}

func (w *write) isOurs(n *Node) bool {
	if w.deletes || w.unreadable || !w.isNewer(n) || n.HasTTL() != w.ttl {
		return false
	}
	if w.value == nil {
		return n.Dir
	}
	// A value that is not text is shown as another one.
	if n.Dir || n.NotText {
		return false
	}
	return n.Value == *w.value || (w.isSame != nil && w.isSame(n.Value))
}

func (w *write) action() Action {
	if w.byCreation {
		return ActionCreate
	}
	return ActionCompareAndSwap
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

func (s *KeysService) do(ctx context.Context, r *request) (*Response, error) {
	ans, err := s.client.do(ctx, r)
	if err != nil {
		return nil, s.stripError(err)
	}
	s.stripNode(ans.keys.Node)
	s.stripNode(ans.keys.PrevNode)
	return ans.keys, nil
}

// errNoNode is an answer of the key space that lacks what every one has.
var errNoNode = fmt.Errorf("%w: it holds no node", ErrInvalidAnswer)

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
// as the event of a deleted parent has it, becomes the root.
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

// SortNodes orders nodes by key, recursively.
func SortNodes(nodes []*Node) {
	slices.SortFunc(nodes, func(a, b *Node) int { return strings.Compare(a.Key, b.Key) })
	for _, n := range nodes {
		SortNodes(n.Nodes)
	}
}

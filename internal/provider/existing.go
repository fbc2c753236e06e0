package provider

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// The plan of a create checks whether the object already exists: the apply would fail or, with
// adopt_existing, change something that no plan shows. If it exists, the plan warns. The check
// never causes an error, costs few requests, and reports nothing if it fails: the server may be
// unreachable, or be created by this very apply.

const (
	// lookTime is the time limit of one check. A check that fails is the last of the run.
	lookTime = 5 * time.Second
	// lookAlone is how many paths of one directory are read one by one before the directory is
	// listed.
	lookAlone = 2
	// looksAtMost is how many requests the checks of paths may cost in a run.
	looksAtMost = 100
)

// creator is a resource whose create can meet an object that exists.
type creator interface {
	resource.Resource
	// warnOfExisting warns of what the planned create would meet.
	warnOfExisting(ctx context.Context, req resource.ModifyPlanRequest, l *looks, diags *diag.Diagnostics)
	looks() *looks
}

// kindTree is the kind of all keys below a directory.
const kindTree keyspace.ObjectKind = "tree"

// objectNames are the attributes that name the object of each resource type.
var objectNames = map[string]struct {
	kind       keyspace.ObjectKind
	attributes []string
}{
	"etcd_auth":            {kindAuth, nil},
	"etcd_dir":             {keyspace.KindNode, []string{"path"}},
	"etcd_in_order_key":    {keyspace.KindNode, []string{"key"}},
	"etcd_key":             {keyspace.KindNode, []string{"key"}},
	"etcd_key_prefix":      {kindTree, []string{"prefix"}},
	"etcd_member":          {kindMember, []string{"id"}},
	"etcd_role":            {kindRole, []string{"name"}},
	"etcd_role_permission": {kindPermission, []string{"role", "access", "pattern"}},
	"etcd_user":            {kindUser, []string{"name"}},
	"etcd_user_role":       {kindGrant, []string{"user", "role"}},
}

// looks caches, for a run, the objects that creates may meet.
type looks struct {
	connection *connection

	mu sync.Mutex
	// ours are the objects that are in state, or that this run deletes.
	ours map[keyspace.Object]bool
	// off ends the checks: one has failed, and so would others.
	off bool
	// dirs are the directories that were listed, by path, and asks counts the
	// paths that were asked for in each of the others.
	dirs     map[string]*listedDir
	asks     map[string]int
	requests int

	users   []*etcdv2.User
	roles   []*etcdv2.Role
	members []etcdv2.Member
	auth    []bool
}

// listedDir is the content of a directory, by the names of its children. denied
// reports that it cannot be listed, or contains too much to keep.
type listedDir struct {
	children map[string]*etcdv2.Node
	denied   bool
}

func newLooks(c *connection) *looks {
	return &looks{connection: c, ours: map[keyspace.Object]bool{}, dirs: map[string]*listedDir{}, asks: map[string]int{}}
}

// looks returns those of the connection, nil without one.
func (b *base) looks() *looks {
	if b.connection == nil {
		return nil
	}
	return b.connection.looks
}

// markOurs records that an object is in state: a create that meets it replaces it.
func markOurs(ctx context.Context, r resource.Resource, state tftypes.Value) {
	c, ok := r.(creator)
	if !ok || c.looks() == nil || state.IsNull() {
		return
	}
	if o, ok := objectOf(ctx, r, state); ok {
		c.looks().mark(o)
	}
}

// markOursAs is markOurs for a state whose attributes text finds.
func markOursAs(r any, typeName string, text func(attribute string) (string, bool)) {
	c, ok := r.(creator)
	if !ok || c.looks() == nil {
		return
	}
	if o, ok := nameObject(typeName, text); ok {
		c.looks().mark(o)
	}
}

func (l *looks) mark(o keyspace.Object) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ours[o] = true
}

// lookBeforeCreate warns of what a planned create would meet.
func lookBeforeCreate(ctx context.Context, r resource.Resource, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	c, ok := r.(creator)
	if !ok || c.looks() == nil || resp.Diagnostics.HasError() {
		return
	}
	l := c.looks()
	if o, ok := objectOf(ctx, r, req.Plan.Raw); ok && l.isOurs(o) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	req.Plan = resp.Plan
	c.warnOfExisting(ctx, req, l, &resp.Diagnostics)
}

// objectOf names the object of a resource, if that is known.
func objectOf(ctx context.Context, r resource.Resource, object tftypes.Value) (o keyspace.Object, ok bool) {
	var answer resource.MetadataResponse
	r.Metadata(ctx, resource.MetadataRequest{ProviderTypeName: "etcd"}, &answer)
	var attributes map[string]tftypes.Value
	if object.IsNull() || !object.IsKnown() || object.As(&attributes) != nil {
		return o, false
	}
	return nameObject(answer.TypeName, func(attribute string) (text string, ok bool) {
		v := attributes[attribute]
		ok = !v.IsNull() && v.IsKnown() && v.As(&text) == nil
		return text, ok
	})
}

// nameObject names the object of a resource by its attributes, if text finds them.
func nameObject(typeName string, text func(attribute string) (string, bool)) (o keyspace.Object, ok bool) {
	naming, ok := objectNames[typeName]
	if !ok {
		return o, false
	}
	var parts []string
	for _, attribute := range naming.attributes {
		part, ok := text(attribute)
		if !ok {
			return o, false
		}
		parts = append(parts, part)
	}
	return keyspace.Object{Kind: naming.kind, Name: strings.Join(parts, "/")}, true
}

func (l *looks) isOurs(o keyspace.Object) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ours[o]
}

// isOursAt reports whether state has a key or directory at a path, or the tree
// that it is in.
func (l *looks) isOursAt(path string) bool {
	if l.isOurs(keyspace.NodeAt(path)) || l.isOurs(keyspace.Object{Kind: kindTree, Name: "/"}) {
		return true
	}
	for dir := path; dir != ""; dir = dir[:strings.LastIndexByte(dir, '/')] {
		if l.isOurs(keyspace.Object{Kind: kindTree, Name: dir}) {
			return true
		}
	}
	return false
}

// client returns the shared client, nil if there is none or looks are off.
func (l *looks) client() *etcdv2.Client {
	if l.off {
		return nil
	}
	client, err := l.connection.connect()
	if err != nil {
		return nil
	}
	return client
}

// failed ends the looks after a failure that others would have too.
func (l *looks) failed(err error) {
	if !errors.Is(err, etcdv2.ErrUnauthorized) {
		l.off = true
	}
}

// at returns what is at a path, nil if there is nothing or that is not known. A
// key in the place of a directory of the path is returned for it.
func (l *looks) at(ctx context.Context, path string) *etcdv2.Node {
	if l.isOursAt(path) {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	client := l.client()
	for client != nil {
		node, dir, known := l.inListing(path)
		if known || l.requests >= looksAtMost {
			return node
		}
		l.requests++
		if dir == "" {
			return l.alone(ctx, client.Keys, path)
		}
		l.list(ctx, client.Keys, dir)
		client = l.client()
	}
	return nil
}

// inListing returns what the listings show at a path: a node, or that there is none. If they do not
// cover the path, it returns the directory to list next, or "" if the path must be read alone.
func (l *looks) inListing(path string) (node *etcdv2.Node, list string, known bool) {
	for dir := range keyspace.DirsAbove(path) {
		listed := l.dirs[dir]
		if listed == nil {
			if l.asks[dir]++; l.asks[dir] > lookAlone && list == "" {
				list = dir
			}
			continue
		}
		if listed.denied {
			continue
		}
		name, _, deeper := strings.Cut(strings.TrimPrefix(path[len(strings.TrimSuffix(dir, "/")):], "/"), "/")
		child := listed.children[name]
		switch {
		case child == nil && strings.HasPrefix(name, "_"):
		case child == nil, !deeper, !child.Dir:
			return child, "", true
		}
	}
	return nil, list, false
}

func (l *looks) list(ctx context.Context, keys *etcdv2.KeysService, dir string) {
	resp, err := keys.List(ctx, dir, etcdv2.GetOptions{})
	listed := &listedDir{children: map[string]*etcdv2.Node{}}
	l.dirs[dir] = listed
	switch {
	case err == nil && len(resp.Node.Nodes) > keyspace.ReadAheadBound:
		listed.denied = true
	case err == nil:
		for _, node := range resp.Node.Nodes {
			listed.children[node.Base()] = node
		}
	case errors.Is(err, etcdv2.ErrNotFound) && !errors.Is(err, etcdv2.ErrNotDir):
	default:
		listed.denied = true
		if !errors.Is(err, etcdv2.ErrNotDir) {
			l.failed(err)
		}
	}
}

func (l *looks) alone(ctx context.Context, keys *etcdv2.KeysService, path string) *etcdv2.Node {
	resp, err := keys.Get(ctx, path, etcdv2.GetOptions{})
	switch {
	case err == nil:
		return resp.Node
	case !errors.Is(err, etcdv2.ErrNotFound) && !errors.Is(err, etcdv2.ErrNotDir):
		l.failed(err)
	}
	return nil
}

// tree returns what is below a directory, nil if that is not known.
func (l *looks) tree(ctx context.Context, dir string) *keyspace.Tree {
	l.mu.Lock()
	defer l.mu.Unlock()
	client := l.client()
	if client == nil {
		return nil
	}
	found, err := keyspace.NewStore(client.Keys, nil, nil).ReadTree(ctx, dir, nil)
	if err != nil {
		l.failed(err)
		return nil
	}
	return found
}

// allUsers returns the users that the server lists, nil if that is not known.
func (l *looks) allUsers(ctx context.Context) []*etcdv2.User {
	return kept(l, &l.users, func(c *etcdv2.Client) ([]*etcdv2.User, error) { return c.Users.List(ctx) })
}

// allRoles returns the roles that the server lists, nil if that is not known.
func (l *looks) allRoles(ctx context.Context) []*etcdv2.Role {
	return kept(l, &l.roles, func(c *etcdv2.Client) ([]*etcdv2.Role, error) { return c.Roles.List(ctx) })
}

// allMembers returns the members of the cluster, nil if that is not known.
func (l *looks) allMembers(ctx context.Context) []etcdv2.Member {
	return kept(l, &l.members, func(c *etcdv2.Client) ([]etcdv2.Member, error) { return c.Members.List(ctx) })
}

// kept returns a list that is read once in a run.
func kept[T any](l *looks, list *[]T, ask func(*etcdv2.Client) ([]T, error)) []T {
	l.mu.Lock()
	defer l.mu.Unlock()
	client := l.client()
	if client == nil || *list != nil {
		return *list
	}
	found, err := ask(client)
	if err != nil {
		l.failed(err)
		found = nil
	}
	*list = append([]T{}, found...)
	return *list
}

// authEnabled reports whether authentication is known to be enabled.
func (l *looks) authEnabled(ctx context.Context) bool {
	enabled := kept(l, &l.auth, func(c *etcdv2.Client) ([]bool, error) {
		enabled, err := c.Auth.Status(ctx)
		return []bool{enabled}, err
	})
	return slices.Contains(enabled, true)
}

// user returns a user with its roles, nil if that is not known.
func (l *looks) user(ctx context.Context, name string) *etcdv2.User {
	var user []*etcdv2.User
	kept(l, &user, func(c *etcdv2.Client) ([]*etcdv2.User, error) {
		found, err := c.Users.GetPartial(ctx, name)
		return []*etcdv2.User{found}, err
	})
	return append(user, nil)[0]
}

// role returns a role with its permissions, nil if that is not known.
func (l *looks) role(ctx context.Context, name string) *etcdv2.Role {
	var role []*etcdv2.Role
	kept(l, &role, func(c *etcdv2.Client) ([]*etcdv2.Role, error) {
		found, err := c.Roles.Get(ctx, name)
		return []*etcdv2.Role{found}, err
	})
	return append(role, nil)[0]
}

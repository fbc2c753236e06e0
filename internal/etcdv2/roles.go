package etcdv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// RolesService reads and changes the roles of the cluster, /v2/auth/roles, see
// https://etcd.io/docs/v2.3/auth_api/#roles. What [UsersService] says about
// credentials, changes at the same moment and lost answers is true here too.
//
// The role root is always there and cannot be changed: ErrForbidden.
type RolesService struct {
	client *Client
}

// Role is a role.
type Role struct {
	// Name is the name of the role.
	Name string
	Permissions
	// Unread reports that a list has the name alone, and that no request can
	// name the role: its permissions are unknown. Only etcd 2.1 and 2.2 have
	// such lists.
	Unread bool
}

// RoleUpdate is a change of a role, made with one request.
type RoleUpdate struct {
	// Grant are permissions to add, which the role does not have.
	Grant Permissions
	// Revoke are permissions to remove. Servers skip
	// those that it does not have.
	Revoke Permissions
	// From are the permissions that the role must have right before the
	// change, or it is not made. A nil list is not checked; an empty one means
	// that there are none.
	From Permissions
}

// roleAnswer is a role as servers send it, an object or its name alone.
type roleAnswer struct {
	Role        string          `json:"role"`
	Permissions rolePermissions `json:"permissions"`

	nameOnly bool
}

type rolePermissions struct {
	KV Permissions `json:"kv"`
}

// UnmarshalJSON reads a role, or its name.
func (r *roleAnswer) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		r.nameOnly = true
		return json.Unmarshal(data, &r.Role)
	}
	type plain roleAnswer
	return json.Unmarshal(data, (*plain)(r))
}

func (r *roleAnswer) role() *Role {
	return &Role{Name: r.Role, Permissions: r.Permissions.KV.normalized()}
}

type roleBody struct {
	Role        string           `json:"role"`
	Permissions *rolePermissions `json:"permissions,omitempty"`
	Grant       *rolePermissions `json:"grant,omitempty"`
	Revoke      *rolePermissions `json:"revoke,omitempty"`
}

// List returns the roles by name. Servers leave out those whose name starts
// with "_". etcd 2.1 and 2.2 list the names only; each role is then read. The endpoint
// has first caught up, as for [UsersService.List].
func (s *RolesService) List(ctx context.Context) ([]*Role, error) {
	return s.list(ctx, s.client.readAuthList)
}

// ListLinearizable is List whatever [Options].NotLinearizable says.
func (s *RolesService) ListLinearizable(ctx context.Context) ([]*Role, error) {
	return s.list(ctx, s.client.readAuthLinearizable)
}

func (s *RolesService) list(ctx context.Context, read readFunc) ([]*Role, error) {
	var answers []roleAnswer
	err := read(ctx, "/v2/auth/roles", readList("roles", &answers, func(r roleAnswer) string { return r.Role }))
	if err != nil {
		return nil, err
	}
	roles := make([]*Role, 0, len(answers))
	for i := range answers {
		role := answers[i].role()
		if answers[i].nameOnly {
			role, err = s.get(ctx, answers[i].Role, read)
			switch {
			case errors.Is(err, ErrNotFound):
				continue
			case errors.Is(err, ErrInvalidName):
				role = &Role{Name: answers[i].Role, Unread: true}
			case err != nil:
				return nil, err
			}
		}
		roles = append(roles, role)
	}
	slices.SortFunc(roles, func(a, b *Role) int { return strings.Compare(a.Name, b.Name) })
	return roles, nil
}

// Get returns a role. It returns ErrNotFound if there is none.
func (s *RolesService) Get(ctx context.Context, name string) (*Role, error) {
	return s.get(ctx, name, s.client.readAuth)
}

// GetLinearizable is Get by an endpoint that has first caught up with what the
// cluster agreed on, as [UsersService.GetLinearizable] is.
func (s *RolesService) GetLinearizable(ctx context.Context, name string) (*Role, error) {
	return s.get(ctx, name, s.client.readAuthLinearizable)
}

// object is the role of a name, for changes of it.
func (s *RolesService) object(name string) authObject[*Role] {
	return authObject[*Role]{client: s.client, kind: "role", name: name, get: s.get}
}

func (s *RolesService) get(ctx context.Context, name string, read readFunc) (*Role, error) {
	if err := CheckRoleName(name); err != nil {
		return nil, err
	}
	var body roleAnswer
	if err := read(ctx, rolePath(name), readRole(name, &body)); err != nil {
		return nil, err
	}
	return body.role(), nil
}

// readRole returns a function that reads the answer about a role.
func readRole(name string, role *roleAnswer) func(*answer) error {
	return readJSON(role, func(body *roleAnswer) string {
		if body.Role != name {
			return fmt.Sprintf("it is about another role than %q", name)
		}
		return ""
	})
}

// putRole prepares a change of a role.
func putRole(body roleBody) (*request, error) {
	return putAuth(rolePath(body.Role), body, readRole(body.Role, new(roleAnswer)))
}

// Create creates a role that does not exist, with its permissions. It returns
// ErrExists if there is a role of this name, which stays as it is. After a lost
// answer, a role that was not there before and has the permissions asked for
// counts as created. If it was created and could not be read after that, the
// role is returned with the error.
func (s *RolesService) Create(ctx context.Context, name string, permissions Permissions) (*Role, error) {
	if err := errors.Join(CheckRoleName(name), permissions.check()); err != nil {
		return nil, err
	}
	unlock, err := s.client.authLocks.Lock(ctx, rolePath(name))
	if err != nil {
		return nil, err
	}
	defer unlock()
	before := &request{method: http.MethodGet, path: rolePath(name), replay: replayRead, read: readRole(name, new(roleAnswer))}
	_, err = s.client.do(ctx, before)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	absent := err != nil
	permissions = permissions.normalized()
	r, err := putRole(roleBody{Role: name, Permissions: &rolePermissions{KV: permissions}})
	if err != nil {
		return nil, err
	}
	// The server refuses a role that exists, so the request applies at most once.
	r.replay = replayGuarded
	isOurs := func(role *Role) bool { return permissions.equal(role.Permissions) }
	if absent {
		r.settle = s.object(name).settleCreate(isOurs)
	}
	if _, err := s.client.do(ctx, r); err != nil {
		return nil, err
	}
	role, err := s.object(name).readBack(ctx, isOurs)
	if err != nil {
		return &Role{Name: name, Permissions: permissions}, fmt.Errorf("the role was created: %w", err)
	}
	return role, nil
}

// Update changes a role with one request, so that there is no moment between a
// grant and a revoke. Nothing is changed if it returns ErrNotFound,
// ErrForbidden, ErrCompareFailed (From), ErrGranted, ErrNotGranted (nothing that
// was to be revoked is there) or ErrInvalidUpdate. After a lost answer the role
// is read; if it is as asked, that is success, otherwise the error is
// ErrOutcomeUnknown. The role is returned as it was read after the change.
func (s *RolesService) Update(ctx context.Context, name string, update RoleUpdate) (*Role, error) {
	if err := update.check(name); err != nil {
		return nil, err
	}
	unlock, err := s.client.authLocks.Lock(ctx, rolePath(name))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := s.compare(ctx, name, update.From); err != nil {
		return nil, err
	}
	r, err := putRole(roleBody{
		Role:   name,
		Grant:  &rolePermissions{KV: update.Grant.normalized()},
		Revoke: &rolePermissions{KV: update.Revoke.normalized()},
	})
	if err != nil {
		return nil, err
	}
	_, err = s.client.do(ctx, r)
	return s.object(name).settleUpdate(ctx, err, update.isDone)
}

func (u RoleUpdate) check(name string) error {
	if err := errors.Join(CheckRoleName(name), u.Grant.check(), u.Revoke.checkText()); err != nil {
		return err
	}
	if u.Grant.isEmpty() && u.Revoke.isEmpty() {
		return fmt.Errorf("%w: it changes nothing", ErrInvalidUpdate)
	}
	return errors.Join(
		checkDisjoint("permission to read", u.Grant.Read, u.Revoke.Read),
		checkDisjoint("permission to write", u.Grant.Write, u.Revoke.Write),
	)
}

func (u RoleUpdate) isDone(role *Role) bool {
	p := role.Permissions
	return containsAll(p.Read, u.Grant.Read) && containsAll(p.Write, u.Grant.Write) &&
		containsNone(p.Read, u.Revoke.Read) && containsNone(p.Write, u.Revoke.Write)
}

// compare is the condition that the server does not know.
func (s *RolesService) compare(ctx context.Context, name string, from Permissions) error {
	if from.Read == nil && from.Write == nil {
		return nil
	}
	role, err := s.get(ctx, name, s.client.readAuthLinearizable)
	if err != nil {
		return err
	}
	if !isFrom(role.Read, from.Read) || !isFrom(role.Write, from.Write) {
		return fmt.Errorf("%w: the role %q has other permissions than expected", ErrCompareFailed, name)
	}
	return nil
}

func isFrom(list, from []string) bool {
	return from == nil || slices.Equal(list, normalized(from))
}

// Grant gives a role permissions. Errors are those of Update.
func (s *RolesService) Grant(ctx context.Context, name string, permissions Permissions) (*Role, error) {
	return s.Update(ctx, name, RoleUpdate{Grant: permissions})
}

// Revoke takes permissions from a role. Errors are those of Update.
func (s *RolesService) Revoke(ctx context.Context, name string, permissions Permissions) (*Role, error) {
	return s.Update(ctx, name, RoleUpdate{Revoke: permissions})
}

// Delete deletes a role, also one that users have: see [UsersService.Holders].
// It returns ErrNotFound if there is none. After a lost answer, a role that is
// gone counts as deleted.
func (s *RolesService) Delete(ctx context.Context, name string) error {
	if err := CheckRoleName(name); err != nil {
		return err
	}
	return s.client.deleteAuth(ctx, rolePath(name))
}

func rolePath(name string) string { return "/v2/auth/roles/" + url.PathEscape(name) }

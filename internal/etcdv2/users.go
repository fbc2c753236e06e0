package etcdv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// UsersService reads and changes the users of the cluster, /v2/auth/users, see
// https://etcd.io/docs/v2.3/auth_api/#users. While authentication is enabled
// every method needs the credentials of a user with the role root.
//
// The server has no conditional change of a user: it reads the user, changes it
// and writes it back. Within one [Client] the changes of one user are made one
// after the other; a change that another process makes at the same moment can
// be lost, or lose ours, which a read after every change shows:
// ErrOverwritten. No change is sent twice; a lost answer is settled by
// reading where that is possible, and is ErrOutcomeUnknown otherwise.
type UsersService struct {
	client *Client
}

// User is a user.
type User struct {
	// Name is the name of the user.
	Name string
	// Roles are the names of the roles that the user has, sorted.
	Roles []string
	// MissingRole is a role that the user has and that does not exist, see
	// [UsersService.GetPartial]. It is not among Roles.
	MissingRole string
	// Granted are the permissions of Roles, in the same order. It is nil from etcd 2.1
	// and 2.2, which list the names only.
	Granted []Role
	// Unread reports that a list has the name alone, and that no request can
	// name the user: its roles are unknown. Only etcd 2.1 and 2.2 have such lists.
	Unread bool
}

// Held returns the names of all roles that the user is known to have,
// MissingRole included, sorted.
func (u *User) Held() []string {
	if u.MissingRole == "" {
		return u.Roles
	}
	return normalized(append([]string{u.MissingRole}, u.Roles...))
}

type userBody struct {
	User     string   `json:"user"`
	Password string   `json:"password,omitempty"`
	Roles    []string `json:"roles,omitempty"`
	Grant    []string `json:"grant,omitempty"`
	Revoke   []string `json:"revoke,omitempty"`
}

// userAnswer is a user as servers send it: its roles are objects since etcd
// 2.3, names before, and null, [] or left out if there are none.
type userAnswer struct {
	User  string       `json:"user"`
	Roles []roleAnswer `json:"roles"`

	nameOnly bool
}

// UnmarshalJSON reads a user, or the name alone that etcd 2.1 and 2.2 list.
func (u *userAnswer) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		u.nameOnly = true
		return json.Unmarshal(data, &u.User)
	}
	type plain userAnswer
	return json.Unmarshal(data, (*plain)(u))
}

func (u *userAnswer) user() *User {
	user := &User{Name: u.User}
	slices.SortFunc(u.Roles, func(a, b roleAnswer) int { return strings.Compare(a.Role, b.Role) })
	for _, role := range u.Roles {
		if n := len(user.Roles); n > 0 && user.Roles[n-1] == role.Role {
			continue
		}
		user.Roles = append(user.Roles, role.Role)
		if !role.nameOnly {
			user.Granted = append(user.Granted, *role.role())
		}
	}
	return user
}

// List returns the users by name. Servers leave out the users whose name
// starts with "_", and of each user the roles that do not exist. etcd 2.1 and
// 2.2 list names only: there each user is read by a request of its own, and has
// all of its roles. The endpoint has first caught up with what the cluster agreed
// on, unless [Options].NotLinearizable is set.
func (s *UsersService) List(ctx context.Context) ([]*User, error) {
	return s.list(ctx, s.client.readAuthList)
}

// ListLinearizable is List whatever [Options].NotLinearizable says.
func (s *UsersService) ListLinearizable(ctx context.Context) ([]*User, error) {
	return s.list(ctx, s.client.readAuthLinearizable)
}

func (s *UsersService) list(ctx context.Context, read readFunc) ([]*User, error) {
	var answers []userAnswer
	err := read(ctx, "/v2/auth/users", readList("users", &answers, func(u userAnswer) string { return u.User }))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(answers, func(a, b userAnswer) int { return strings.Compare(a.User, b.User) })
	users := make([]*User, 0, len(answers))
	for i := range answers {
		user := answers[i].user()
		if answers[i].nameOnly {
			user, err = s.get(ctx, answers[i].User, read)
			switch {
			case errors.Is(err, ErrNotFound):
				continue
			case errors.Is(err, ErrInvalidName):
				user = &User{Name: answers[i].User, Unread: true}
			case err != nil:
				return nil, err
			}
		}
		users = append(users, user)
	}
	return users, nil
}

// Holders returns the names of the users that have a role, whether the role
// exists or not as far as the server reports it, without those that List leaves out.
// It reads what is true now, as GetLinearizable does.
func (s *UsersService) Holders(ctx context.Context, role string) ([]string, error) {
	users, err := s.ListLinearizable(ctx)
	if err != nil {
		return nil, err
	}
	var holders []string
	for _, user := range users {
		if user.Unread {
			return nil, fmt.Errorf("the user %q may have the role %q: its roles cannot be read: %w", user.Name, role, CheckUserName(user.Name))
		}
		if slices.Contains(user.Held(), role) {
			holders = append(holders, user.Name)
		}
	}
	return holders, nil
}

// Get returns a user. It returns ErrNotFound if there is none, and
// ErrDanglingRole if there is, and it has a role that does not exist: servers
// then report nothing but that role's name, see [MissingRole] and GetPartial.
func (s *UsersService) Get(ctx context.Context, name string) (*User, error) {
	return s.get(ctx, name, s.client.readAuth)
}

// GetPartial is Get for a user that may have a role that does not exist. Of
// such a user it returns the roles that exist, as the list of users has them,
// and one of those that do not. The list lacks users whose name starts with "_".
func (s *UsersService) GetPartial(ctx context.Context, name string) (*User, error) {
	return s.getPartial(ctx, name, s.client.readAuth)
}

// GetLinearizable is GetPartial by an endpoint that has first caught up with what
// the cluster agreed on, whatever [Options].NotLinearizable says. The other reads
// make an endpoint catch up only before they believe that something does not
// exist; a user that does can be shown as it was before.
func (s *UsersService) GetLinearizable(ctx context.Context, name string) (*User, error) {
	return s.getPartial(ctx, name, s.client.readAuthLinearizable)
}

// readUser returns a function that reads the answer about a user.
func readUser(name string, user *userAnswer) func(*answer) error {
	return readJSON(user, func(body *userAnswer) string {
		if body.User != name {
			return fmt.Sprintf("it is about another user than %q", name)
		}
		return ""
	})
}

// object is the user of a name, for changes of it.
func (s *UsersService) object(name string) authObject[*User] {
	return authObject[*User]{client: s.client, kind: "user", name: name, get: s.getPartial}
}

func (s *UsersService) get(ctx context.Context, name string, read readFunc) (*User, error) {
	if err := checkAuthName("user", name); err != nil {
		return nil, err
	}
	var body userAnswer
	if err := read(ctx, userPath(name), readUser(name, &body)); err != nil {
		return nil, err
	}
	return body.user(), nil
}

func (s *UsersService) getPartial(ctx context.Context, name string, read readFunc) (*User, error) {
	user, err := s.get(ctx, name, read)
	missing, ok := MissingRole(err)
	if !ok {
		return user, err
	}
	users, err := s.list(ctx, read)
	if err != nil {
		return nil, fmt.Errorf("reading the other roles of a user with a missing role: %w", err)
	}
	for _, listed := range users {
		if listed.Name == name {
			listed.MissingRole = missing
			return listed, nil
		}
	}
	return &User{Name: name, MissingRole: missing}, nil
}

// putUser prepares a change of a user.
func putUser(body userBody) (*request, error) {
	return putAuth(userPath(body.User), body, readUser(body.User, new(userAnswer)))
}

func userPath(name string) string { return "/v2/auth/users/" + url.PathEscape(name) }

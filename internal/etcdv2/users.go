package etcdv2

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// UsersService reads and changes the users of the cluster, /v2/auth/users, see
// https://etcd.io/docs/v2.3/auth_api/#users. While authentication is enabled
// every method needs the credentials of a user with the role root.
//
// The server has no conditional change of a user: it reads the user, changes it
// and writes it back. Within one [Client] the changes of one user are made one
// after the other; a change that another process makes at the same moment can
// be lost, or lose ours, of which a read after every change tells:
// ErrOverwritten. No change is sent twice; a lost answer is settled by
// reading where that can tell, and is ErrOutcomeUnknown otherwise.
type UsersService struct {
	client *Client
}

// User is a user.
type User struct {
	// Name is the name of the user.
	Name string
	// Roles are the names of the roles that the user holds, sorted.
	Roles []string
	// MissingRole is a role that the user holds and that does not exist, see
	// [UsersService.GetPartial]. It is not among Roles.
	MissingRole string
	// Granted is what Roles permit, in the same order. It is nil from etcd 2.1
	// and 2.2, which tell the names only.
	Granted []Role
	// Unread reports that a list has the name alone, and that no request can
	// name the user: its roles are unknown. Only etcd 2.1 and 2.2 have such lists.
	Unread bool
}

// Held returns the names of all roles that the user is known to hold,
// MissingRole included, sorted.
func (u *User) Held() []string {
	if u.MissingRole == "" {
		return u.Roles
	}
	return normalized(append([]string{u.MissingRole}, u.Roles...))
}

// UserUpdate is a change of a user, made with one request.
type UserUpdate struct {
	// Grant are roles that the user does not hold and shall. A server takes
	// roles that do not exist, too.
	Grant []string
	// Revoke are roles that the user holds and shall no longer.
	Revoke []string
	// Password is the new password. Empty means that it stays.
	Password string
	// From are the roles, by [User.Held], that the user must hold right before
	// the change, or it is not made. Nil means that it is not checked; empty,
	// that it holds none.
	From []string
}

type userBody struct {
	User     string   `json:"user"`
	Password string   `json:"password,omitempty"`
	Roles    []string `json:"roles,omitempty"`
	Grant    []string `json:"grant,omitempty"`
	Revoke   []string `json:"revoke,omitempty"`
}

// userAnswer is a user as servers tell it: its roles are objects since etcd
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
// all of its roles.
func (s *UsersService) List(ctx context.Context) ([]*User, error) {
	answers, err := s.list(ctx)
	if err != nil {
		return nil, err
	}
	users := make([]*User, 0, len(answers))
	for i := range answers {
		user := answers[i].user()
		if answers[i].nameOnly {
			user, err = s.Get(ctx, answers[i].User)
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

func (s *UsersService) list(ctx context.Context) ([]userAnswer, error) {
	var users []userAnswer
	if err := s.client.readAuth(ctx, "/v2/auth/users", readList("users", &users)); err != nil {
		return nil, err
	}
	slices.SortFunc(users, func(a, b userAnswer) int { return strings.Compare(a.User, b.User) })
	return users, nil
}

// readList returns a function that reads a list, which can be null or empty but
// is never left out.
func readList[T any](name string, list *[]T) func(*answer) error {
	return func(ans *answer) error {
		var body map[string]json.RawMessage
		err := json.Unmarshal(ans.data, &body)
		if _, found := body[name]; err == nil && !found {
			err = errors.New("it does not list the " + name)
		}
		var read []T
		if err == nil {
			err = json.Unmarshal(body[name], &read)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrInvalidAnswer, err)
		}
		*list = read
		return nil
	}
}

// Holders returns the names of the users that hold a role, whether the role
// exists or not as far as the server tells, without those that List leaves out.
func (s *UsersService) Holders(ctx context.Context, role string) ([]string, error) {
	users, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	var holders []string
	for _, user := range users {
		if user.Unread {
			return nil, fmt.Errorf("the user %q may hold the role %q: its roles cannot be read: %w", user.Name, role, CheckUserName(user.Name))
		}
		if slices.Contains(user.Held(), role) {
			holders = append(holders, user.Name)
		}
	}
	return holders, nil
}

// Get returns a user. It returns ErrNotFound if there is none, and
// ErrDanglingRole if there is, and it holds a role that does not exist, of
// which servers tell nothing but the role's name: see [MissingRole] and
// GetPartial.
func (s *UsersService) Get(ctx context.Context, name string) (*User, error) {
	return s.get(ctx, name, s.client.readAuth)
}

// GetPartial is Get for a user that may hold a role that does not exist. Of
// such a user it returns the roles that exist, as the list of users has them,
// and one of those that do not. The list lacks users whose name starts with "_".
func (s *UsersService) GetPartial(ctx context.Context, name string) (*User, error) {
	return s.getPartial(ctx, name, s.client.readAuth)
}

// GetCurrent is GetPartial by an endpoint that has first caught up with what
// the cluster agreed on, whatever [Options].StaleReads says. The other reads
// make an endpoint catch up only before they believe that something does not
// exist; what they tell of a user that does can be older.
func (s *UsersService) GetCurrent(ctx context.Context, name string) (*User, error) {
	return s.getPartial(ctx, name, s.client.readAuthCaughtUp)
}

// readFunc reads a path of the auth API.
type readFunc func(ctx context.Context, path string, read func(*answer) error) error

// readUser returns a function that reads the answer about a user.
func readUser(name string, user *userAnswer) func(*answer) error {
	return readJSON(user, func(body *userAnswer) string {
		if body.User != name {
			return fmt.Sprintf("it is about another user than %q", name)
		}
		return ""
	})
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
	users, err := s.List(ctx)
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

// Create makes a user that does not exist, with a password and roles; those
// need not exist. It returns ErrExists if there is a user of this name, whose
// password and roles stay as they are.
//
// Servers overwrite the password of an existing user by the same request that
// creates one, unless the request names roles. So the user is created with a
// role that cannot exist, "etcdv2/creating/" and a random text, which is
// revoked at once. By it, a user whose creation went unanswered is known as
// ours. If the second request fails, the user exists and still holds that
// role, which permits nothing: the error says so, and the user is returned
// with it.
func (s *UsersService) Create(ctx context.Context, name, password string, roles []string) (*User, error) {
	if err := errors.Join(CheckUserName(name), CheckPassword(password), checkRoleNames(roles)); err != nil {
		return nil, err
	}
	unlock, err := s.client.authLocks.Lock(ctx, userPath(name))
	if err != nil {
		return nil, err
	}
	defer unlock()
	marker := "etcdv2/creating/" + rand.Text()
	roles = normalized(roles)
	// Of several roles that do not exist a server names the first.
	body := userBody{User: name, Password: password, Roles: append([]string{marker}, roles...)}
	r, err := putUser(body)
	if err != nil {
		return nil, err
	}
	// The server refuses a user that exists, so that it applies at most once.
	r.replay = replayGuarded
	if err := s.sendCreate(ctx, name, marker, r); err != nil {
		return nil, err
	}
	user, err := s.dropMarker(ctx, name, marker)
	if err != nil {
		return &User{Name: name, Roles: roles, MissingRole: marker}, fmt.Errorf("the user was created, but the role %q with which that is done was not revoked: %w", marker, err)
	}
	return user, nil
}

// sendCreate sends the request that creates a user, and finds out by the
// marker what became of it if its answer was lost.
func (s *UsersService) sendCreate(ctx context.Context, name, marker string, r *request) error {
	_, err := s.client.do(ctx, r)
	if err == nil || !r.ambiguous {
		return err
	}
	user, readErr := s.getPartial(ctx, name, s.client.readAuthCaughtUp)
	switch {
	case readErr == nil && slices.Contains(user.Held(), marker):
		return nil
	case readErr == nil && errors.Is(err, ErrExists):
		return err
	case readErr == nil || errors.Is(readErr, ErrNotFound):
		return asUnknown(err)
	default:
		return fmt.Errorf("%w; reading the user failed too: %w", asUnknown(err), readErr)
	}
}

// dropMarker revokes the role with which a user was created. Nobody else
// grants it, so it is sent again until it is gone.
func (s *UsersService) dropMarker(ctx context.Context, name, marker string) (*User, error) {
	r, err := putUser(userBody{User: name, Revoke: []string{marker}})
	if err != nil {
		return nil, err
	}
	for {
		_, err := s.client.do(ctx, r)
		if err != nil && !errors.Is(err, ErrOutcomeUnknown) && !errors.Is(err, ErrNotGranted) {
			return nil, err
		}
		user, readErr := s.readBack(ctx, name, func(u *User) bool { return !slices.Contains(u.Held(), marker) })
		if readErr == nil {
			return user, nil
		}
		if err == nil || !errors.Is(readErr, ErrOverwritten) || !s.client.attemptsLeft(r) {
			return nil, errors.Join(err, readErr)
		}
		if waitErr := s.client.backoff(ctx, r.attempts); waitErr != nil {
			return nil, errors.Join(err, waitErr)
		}
	}
}

// Update changes a user with one request, so that there is no moment between a
// grant and a revoke. Nothing is changed if it returns ErrNotFound,
// ErrCompareFailed (From), ErrGranted, ErrNotGranted or ErrInvalidUpdate. After
// a lost answer the roles are read; if they are as asked, and no password was
// to be changed, that is success, otherwise the error is ErrOutcomeUnknown. After
// a change of the password of the client's own user the client goes on with the
// new one. The
// user is returned as it was read after the change, by the rules of GetPartial.
func (s *UsersService) Update(ctx context.Context, name string, update UserUpdate) (*User, error) {
	if err := update.check(name); err != nil {
		return nil, err
	}
	unlock, err := s.client.authLocks.Lock(ctx, userPath(name))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := s.compare(ctx, name, update); err != nil {
		return nil, err
	}
	r, err := putUser(userBody{
		User: name, Password: update.Password, Grant: normalized(update.Grant), Revoke: normalized(update.Revoke),
	})
	if err != nil {
		return nil, err
	}
	_, err = s.client.do(ctx, r)
	if update.Password != "" && name == s.client.options.Username {
		err = s.client.takeOwnPassword(ctx, update.Password, err)
	}
	unknown := errors.Is(err, ErrOutcomeUnknown)
	if err != nil && (!unknown || update.Password != "") {
		return nil, err
	}
	user, readErr := s.readBack(ctx, name, update.isDone)
	if unknown && readErr != nil {
		return nil, fmt.Errorf("%w; it is not seen: %w", err, readErr)
	}
	return user, readErr
}

func (u UserUpdate) check(name string) error {
	if err := errors.Join(checkAuthName("user", name), checkRoleNamesLoosely(u.Revoke), checkRoleNames(u.Grant)); err != nil {
		return err
	}
	if u.Password != "" {
		if err := CheckPassword(u.Password); err != nil {
			return err
		}
	}
	if len(u.Grant) == 0 && len(u.Revoke) == 0 && u.Password == "" {
		return fmt.Errorf("%w: it changes nothing", ErrInvalidUpdate)
	}
	return checkDisjoint("role", u.Grant, u.Revoke)
}

// isDone reports whether the user is as the update wants it. Of a user with a
// missing role servers do not tell all that are missing.
func (u UserUpdate) isDone(user *User) bool {
	held := user.Held()
	for _, role := range u.Revoke {
		if slices.Contains(held, role) {
			return false
		}
	}
	for _, role := range u.Grant {
		if user.MissingRole == "" && !slices.Contains(held, role) {
			return false
		}
	}
	return true
}

// compare is the conditions that the server does not know: From, and that the
// user exists, because a password alone would create it.
func (s *UsersService) compare(ctx context.Context, name string, update UserUpdate) error {
	passwordOnly := len(update.Grant) == 0 && len(update.Revoke) == 0
	if update.From == nil && !passwordOnly {
		return nil
	}
	user, err := s.getPartial(ctx, name, s.client.readAuthCaughtUp)
	if err != nil {
		return err
	}
	if update.From != nil && !slices.Equal(user.Held(), normalized(update.From)) {
		return fmt.Errorf("%w: the user %q holds other roles than expected", ErrCompareFailed, name)
	}
	return nil
}

// readBack reads a user after a change. An endpoint that lags is asked once
// more when it has caught up; what it says then is what became of the change.
func (s *UsersService) readBack(ctx context.Context, name string, done func(*User) bool) (*User, error) {
	user, err := s.getPartial(ctx, name, s.client.readAuth)
	if err == nil && !done(user) {
		user, err = s.getPartial(ctx, name, s.client.readAuthCaughtUp)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the user after the change: %w", err)
	case !done(user):
		return nil, fmt.Errorf("%w: the user %q does not hold the roles that were set", ErrOverwritten, name)
	}
	return user, nil
}

// Grant gives a user roles. Errors are those of Update.
func (s *UsersService) Grant(ctx context.Context, name string, roles ...string) (*User, error) {
	return s.Update(ctx, name, UserUpdate{Grant: roles})
}

// Revoke takes roles from a user. Errors are those of Update.
func (s *UsersService) Revoke(ctx context.Context, name string, roles ...string) (*User, error) {
	return s.Update(ctx, name, UserUpdate{Revoke: roles})
}

// ChangePassword changes the password of a user that exists. It returns
// ErrNotFound if there is none, ErrInvalidPassword before any request, and
// ErrOutcomeUnknown if the answer was lost: a password cannot be read.
func (s *UsersService) ChangePassword(ctx context.Context, name, password string) error {
	if err := CheckPassword(password); err != nil {
		return err
	}
	_, err := s.Update(ctx, name, UserUpdate{Password: password})
	return err
}

// Delete deletes a user. It returns ErrNotFound if there is none, and
// ErrForbidden for the user root while authentication is enabled. After a lost
// answer, a user that is gone counts as deleted.
func (s *UsersService) Delete(ctx context.Context, name string) error {
	if err := checkAuthName("user", name); err != nil {
		return err
	}
	return s.client.deleteAuth(ctx, userPath(name))
}

// deleteAuth deletes a user or a role.
func (c *Client) deleteAuth(ctx context.Context, path string) error {
	unlock, err := c.authLocks.Lock(ctx, path)
	if err != nil {
		return err
	}
	defer unlock()
	_, err = c.do(ctx, &request{method: http.MethodDelete, path: path, read: readNothing(http.StatusOK)})
	if !errors.Is(err, ErrOutcomeUnknown) {
		return err
	}
	if readErr := c.readAuthCaughtUp(ctx, path, nil); errors.Is(readErr, ErrNotFound) {
		return nil
	}
	return err
}

// asUnknown makes an error that says that the outcome is unknown.
func asUnknown(err error) error {
	if errors.Is(err, ErrOutcomeUnknown) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
}

// putUser prepares a change of a user.
func putUser(body userBody) (*request, error) {
	return putAuth(userPath(body.User), body, readUser(body.User, new(userAnswer)))
}

func userPath(name string) string { return "/v2/auth/users/" + url.PathEscape(name) }

// normalized returns the names sorted, each once.
func normalized(names []string) []string {
	names = slices.Sorted(slices.Values(names))
	return slices.Compact(names)
}

func checkRoleNames(roles []string) error {
	for _, role := range roles {
		if err := CheckRoleName(role); err != nil {
			return err
		}
	}
	return nil
}

// checkRoleNamesLoosely lets a name pass that no role can have, so that it can
// be taken from a user that holds it. JSON would change one that is not UTF-8.
func checkRoleNamesLoosely(roles []string) error {
	for _, role := range roles {
		switch {
		case role == "":
			return fmt.Errorf("%w: the role name is empty", ErrInvalidName)
		case !utf8.ValidString(role):
			return fmt.Errorf("%w: the role name %q is not valid UTF-8", ErrInvalidName, role)
		}
	}
	return nil
}

func checkDisjoint(what string, grant, revoke []string) error {
	for _, name := range grant {
		if slices.Contains(revoke, name) {
			return fmt.Errorf("%w: it grants and revokes the same %s %q", ErrInvalidUpdate, what, name)
		}
	}
	return nil
}

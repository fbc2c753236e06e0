package etcdv2

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// UserUpdate is a change of a user, made with one request.
type UserUpdate struct {
	// Grant are roles to add, which the user does not have. A server takes
	// roles that do not exist, too.
	Grant []string
	// Revoke are roles to remove, which the user has.
	Revoke []string
	// Password is the new password. Empty means that it stays.
	Password string
	// From are the roles, by [User.Held], that the user must have right before
	// the change, or it is not made. Nil means that it is not checked; empty,
	// that it has none.
	From []string
}

// Update changes a user with one request, so that there is no moment between a
// grant and a revoke. Nothing is changed if it returns ErrNotFound,
// ErrCompareFailed (From), ErrGranted, ErrNotGranted or ErrInvalidUpdate. After
// a lost answer the roles are read; if they are as asked, and no password was
// to be changed, that is success, otherwise the error is ErrOutcomeUnknown. After
// a change of the password of the client's own user the client continues with the
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
	if err != nil && update.Password != "" {
		return nil, err
	}
	return s.object(name).settleUpdate(ctx, err, update.isDone)
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

// isDone reports whether the user is as the update wants it. Servers report
// only one of the roles of a user that are missing.
func (u UserUpdate) isDone(user *User) bool {
	present := user.Held()
	for _, role := range u.Revoke {
		if slices.Contains(present, role) {
			return false
		}
	}
	for _, role := range u.Grant {
		if user.MissingRole == "" && !slices.Contains(present, role) {
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
	user, err := s.getPartial(ctx, name, s.client.readAuthLinearizable)
	if err != nil {
		return err
	}
	if update.From != nil && !slices.Equal(user.Held(), normalized(update.From)) {
		return fmt.Errorf("%w: the user %q has other roles than expected", ErrCompareFailed, name)
	}
	return nil
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

// checkRoleNamesLoosely lets a name pass that no role can have, so that it can
// be taken from a user that has it. JSON would change one that is not UTF-8.
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

package etcdv2

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// creationMark begins the role that marks a user as one whose creation has not ended.
const creationMark = "etcdv2/creating/"

// IsUnfinished reports whether the user still has the role with which
// [UsersService.Create] makes one: it is under way, or was ended in the middle.
func (u *User) IsUnfinished() bool { return strings.HasPrefix(u.MissingRole, creationMark) }

// Create creates a user that does not exist, with a password and roles; those
// need not exist. It returns ErrExists if there is a user of this name, whose
// password and roles stay as they are.
//
// Servers overwrite the password of an existing user by the same request that
// creates one, unless the request names roles. So the user is created with a
// role that cannot exist, "etcdv2/creating/" and a random text, which is
// revoked at once. By it, a user whose creation went unanswered is known as
// ours. If the second request fails, the user exists and still has that
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
	marker := creationMark + rand.Text()
	roles = normalized(roles)
	// Of several roles that do not exist a server names the first.
	body := userBody{User: name, Password: password, Roles: append([]string{marker}, roles...)}
	r, err := putUser(body)
	if err != nil {
		return nil, err
	}
	// The server refuses a user that exists, so the request applies at most once.
	r.replay = replayGuarded
	r.settle = s.object(name).settleCreate(func(u *User) bool { return slices.Contains(u.Held(), marker) })
	if _, err := s.client.do(ctx, r); err != nil {
		return nil, err
	}
	user, err := s.dropMarker(ctx, name, marker)
	if err != nil {
		err = fmt.Errorf("the user was created, but the role %q with which that is done was not revoked: %w", marker, err)
		return &User{Name: name, Roles: roles, MissingRole: marker}, err
	}
	return user, nil
}

// dropMarker revokes the role with which a user was created. Nobody else
// grants it, so it is sent again until it is gone.
func (s *UsersService) dropMarker(ctx context.Context, name, marker string) (*User, error) {
	r, err := putUser(userBody{User: name, Revoke: []string{marker}})
	if err != nil {
		return nil, err
	}
	var a attempts
	for {
		a.begin()
		_, err := s.client.do(ctx, r)
		if err != nil && !errors.Is(err, ErrOutcomeUnknown) && !errors.Is(err, ErrNotGranted) {
			return nil, err
		}
		user, readErr := s.object(name).readBack(ctx, func(u *User) bool { return !slices.Contains(u.Held(), marker) })
		if readErr == nil {
			return user, nil
		}
		if err == nil || !errors.Is(readErr, ErrOverwritten) {
			return nil, errors.Join(err, readErr)
		}
		if err = s.client.pause(ctx, &a, errors.Join(err, readErr)); err != nil {
			return nil, err
		}
	}
}

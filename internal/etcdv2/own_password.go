package etcdv2

import (
	"context"
	"errors"
)

// takeOwnPassword switches to a new password after a change of the client's
// own user, which had the given result, and returns that result. Of no other
// user a password can be read: a lost answer is settled by logging in with the
// new one, which proves that the change was applied. While authentication is
// disabled every password works, and nothing is proven.
func (c *Client) takeOwnPassword(ctx context.Context, password string, result error) error {
	if result != nil && !errors.Is(result, ErrOutcomeUnknown) {
		return result
	}
	if result != nil {
		if enabled, err := c.Auth.StatusLinearizable(ctx); err != nil || !enabled {
			return result
		}
	}
	old := c.password.Swap(&password)
	if result == nil {
		return nil
	}
	_, err := c.Users.Get(ctx, c.options.Username)
	if err == nil || errors.Is(err, ErrDanglingRole) {
		return nil
	}
	c.password.Store(old)
	return result
}

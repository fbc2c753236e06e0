package etcdv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

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

func checkDisjoint(what string, grant, revoke []string) error {
	for _, name := range grant {
		if slices.Contains(revoke, name) {
			return fmt.Errorf("%w: it grants and revokes the same %s %q", ErrInvalidUpdate, what, name)
		}
	}
	return nil
}

// putAuth prepares a change of a user or a role.
func putAuth(path string, body any, read func(*answer) error) (*request, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return &request{method: http.MethodPut, path: path, json: data, read: read}, nil
}

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
	settling, cancel := c.settling(ctx)
	defer cancel()
	if readErr := c.readAuthLinearizable(settling, path, nil); errors.Is(readErr, ErrNotFound) {
		return nil
	}
	return err
}

// authObject is a user or a role that is being changed.
type authObject[T any] struct {
	client     *Client
	kind, name string
	get        func(ctx context.Context, name string, read readFunc) (T, error)
}

// settleCreate returns what finds out whether a creation whose answer was lost
// has made what is there.
func (o authObject[T]) settleCreate(isOurs func(T) bool) func(context.Context, error) (*answer, bool, error) {
	return func(ctx context.Context, err error) (*answer, bool, error) {
		ctx, cancel := o.client.settling(ctx)
		defer cancel()
		found, readErr := o.get(ctx, o.name, o.client.readAuthLinearizable)
		switch {
		case readErr == nil && isOurs(found):
			return new(answer), false, nil
		case readErr == nil && errors.Is(err, ErrExists):
			return nil, false, err
		case readErr == nil || errors.Is(readErr, ErrNotFound):
			return nil, false, asUnknown(err)
		default:
			return nil, false, fmt.Errorf("%w; reading the %s failed too: %w", asUnknown(err), o.kind, readErr)
		}
	}
}

// settleUpdate reads the object after an update that had the given result: one
// whose answer was lost was made if the object shows it.
func (o authObject[T]) settleUpdate(ctx context.Context, result error, isDone func(T) bool) (found T, err error) {
	unknown := errors.Is(result, ErrOutcomeUnknown)
	if result != nil && !unknown {
		return found, result
	}
	ctx, cancel := o.client.settling(ctx)
	defer cancel()
	found, err = o.readBack(ctx, isDone)
	switch {
	case unknown && errors.Is(err, ErrOverwritten): // the write may not have been applied at all
		err = fmt.Errorf("%w; the %s does not show it", result, o.kind)
	case unknown && err != nil:
		err = fmt.Errorf("%w; %w", result, err)
	case err != nil && !errors.Is(err, ErrOverwritten) && !errors.Is(err, ErrNotFound):
		// The server has accepted the change, so it is not reported as one that was not made.
		err = asUnknown(err)
	}
	return found, err
}

// readBack reads the object after a change. An endpoint that lags is asked once
// more when it has caught up; what it says then is what became of the change.
func (o authObject[T]) readBack(ctx context.Context, isDone func(T) bool) (T, error) {
	var none T
	found, err := o.get(ctx, o.name, o.client.readAuth)
	if err == nil && !isDone(found) {
		found, err = o.get(ctx, o.name, o.client.readAuthLinearizable)
	}
	switch {
	case err != nil:
		return none, fmt.Errorf("reading the %s after the change: %w", o.kind, err)
	case !isDone(found):
		return none, fmt.Errorf("%w: the %s %q is not as it was changed", ErrOverwritten, o.kind, o.name)
	default:
		return found, nil
	}
}

// asUnknown makes an error that says that the outcome is unknown, and nothing else: a
// conflict can be with what the write itself has made.
func asUnknown(err error) error {
	if errors.Is(err, ErrOutcomeUnknown) {
		return err
	}
	if isConflict(err) {
		return fmt.Errorf("%w: %v", ErrOutcomeUnknown, err) //nolint:errorlint // whether it is that, is unknown
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

package etcdv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// readAuth reads from the auth API, which a server answers from its own store:
// one that lags does not know a new user yet, or the new role of a user. Before
// such an answer is believed, the endpoint is made to catch up and is asked again.
func (c *Client) readAuth(ctx context.Context, path string, read func(*answer) error) error {
	_, err := c.do(ctx, &request{method: http.MethodGet, path: path, replay: replayRead, read: read})
	if !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrDanglingRole) {
		return err
	}
	return c.readAuthLinearizable(ctx, path, read)
}

// readAuthList reads a list from the auth API. What it lacks on an endpoint that lags
// cannot be asked for again.
func (c *Client) readAuthList(ctx context.Context, path string, read func(*answer) error) error {
	if c.options.NotLinearizable {
		return c.readAuth(ctx, path, read)
	}
	return c.readAuthLinearizable(ctx, path, read)
}

// readAuthLinearizable reads from the auth API what is true now.
func (c *Client) readAuthLinearizable(ctx context.Context, path string, read func(*answer) error) error {
	err := c.readLinearizable(ctx, &request{method: http.MethodGet, path: path, replay: replayRead, read: read})
	if !errors.Is(err, ErrUnauthorized) {
		return err
	}
	// It may be the key for catching up that was refused. Whoever may not read it may not
	// read this either, and the refusal of this says what is needed.
	_, refusal := c.do(ctx, &request{method: http.MethodGet, path: path, replay: replayRead})
	if errors.Is(refusal, ErrUnauthorized) {
		return refusal
	}
	return err
}

// readFunc reads a path of the auth API.
type readFunc func(ctx context.Context, path string, read func(*answer) error) error

// readList returns a function that reads a list, which can be null or empty but
// is never left out, and whose elements all have a name.
func readList[T any](name string, list *[]T, nameOf func(T) string) func(*answer) error {
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
		if err == nil && slices.ContainsFunc(read, func(element T) bool { return nameOf(element) == "" }) {
			err = fmt.Errorf("one of the %s has no name", name)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrInvalidAnswer, err)
		}
		*list = read
		return nil
	}
}

package etcdv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// readAuth reads from the auth API, which a server answers from its own store:
// one that lags says of a new user that it does not exist, and of a user that
// its new role does not. Before such an answer is believed, the endpoint is
// made to catch up and is asked again.
func (c *Client) readAuth(ctx context.Context, path string, read func(*answer) error) error {
	_, err := c.do(ctx, &request{method: http.MethodGet, path: path, replay: replayRead, read: read})
	if !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrDanglingRole) {
		return err
	}
	return c.readAuthCaughtUp(ctx, path, read)
}

// readAuthCaughtUp reads from the auth API what is true now. An endpoint
// answers a quorum read of any key, existing or not, after it has applied all
// that the cluster agreed on before; what it then says of users is no older.
func (c *Client) readAuthCaughtUp(ctx context.Context, path string, read func(*answer) error) error {
	var endpoint *url.URL
	ans, err := c.do(ctx, barrierRequest())
	var apiErr *Error
	switch {
	case err == nil:
		endpoint = ans.endpoint
	case errors.As(err, &apiErr) && errors.Is(err, ErrNotFound):
		if endpoint, err = url.Parse(apiErr.Endpoint); err != nil {
			return err
		}
	default:
		return fmt.Errorf("asking for a state that is up to date: %w", err)
	}
	_, err = c.do(ctx, &request{method: http.MethodGet, path: path, replay: replayRead, read: read, endpoint: endpoint})
	return err
}

// barrierKey is a key that need not exist: asking for it is enough.
const barrierKey = "/_etcdv2-barrier"

// barrierRequest is answered by an endpoint that has applied all that the cluster
// agreed on before.
func barrierRequest() *request {
	return &request{
		method: http.MethodGet, path: "/v2/keys" + barrierKey, keys: true, replay: replayRead,
		query: url.Values{"quorum": {"true"}},
	}
}

// readFunc reads a path of the auth API.
type readFunc func(ctx context.Context, path string, read func(*answer) error) error

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

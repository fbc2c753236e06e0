package etcdv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Names that the server itself gives a meaning to.
const (
	// RootUser is the user without which authentication cannot be enabled.
	RootUser = "root"
	// RootRole is the role that may do everything. It cannot be changed, and
	// every change of users and roles needs it while authentication is enabled.
	RootRole = "root"
	// GuestRole is what requests without credentials may do. Enabling
	// authentication creates it, with every right, if it does not exist.
	GuestRole = "guest"
	// MaxPassword is the longest password in bytes. etcd 3.5 refuses a longer
	// one; older servers ignore what follows.
	MaxPassword = 72
)

// AuthService is the switch of authentication, /v2/auth/enable, see
// https://etcd.io/docs/v2.3/auth_api/. Users and roles are services of their
// own: [UsersService] and [RolesService].
type AuthService struct {
	client *Client
}

const authSwitch = "/v2/auth/enable"

// Status reports whether authentication is enabled. It needs no credentials.
// An endpoint that lags tells what was so a moment ago: see CurrentStatus.
func (s *AuthService) Status(ctx context.Context) (bool, error) {
	return s.status(ctx, s.client.readAuth)
}

// CurrentStatus is Status of which also a "no" can be believed: an endpoint
// that gives it is made to catch up with what the cluster agreed on, and is
// asked again.
func (s *AuthService) CurrentStatus(ctx context.Context) (bool, error) {
	enabled, err := s.Status(ctx)
	if err != nil || enabled {
		return enabled, err
	}
	enabled, err = s.status(ctx, s.client.readAuthCaughtUp)
	if errors.Is(err, ErrUnauthorized) {
		// To catch up takes a read of a key, which an open store permits.
		return true, nil
	}
	return enabled, err
}

func (s *AuthService) status(ctx context.Context, read readFunc) (bool, error) {
	var body authStatus
	err := read(ctx, authSwitch, readJSON(&body, func(s *authStatus) string {
		if s.Enabled == nil {
			return "it does not say whether authentication is enabled"
		}
		return ""
	}))
	return err == nil && *body.Enabled, err
}

type authStatus struct {
	Enabled *bool `json:"enabled"`
}

// Enable enables authentication. From then on, whoever is not a user with the
// role root can change neither users nor roles, and can disable it no more; the
// role guest, which is created with every right if it is missing, says what
// requests without credentials may do.
//
// It returns ErrNoRootUser if there is no user root, ErrAuthEnabled if it is
// enabled, and ErrUnauthorized if it is enabled and the client's credentials
// are not those of a user with the role root. After a lost answer the status
// is read: enabled is success, otherwise the error is ErrOutcomeUnknown.
func (s *AuthService) Enable(ctx context.Context) error {
	return s.set(ctx, http.MethodPut, true)
}

// Disable disables authentication: everybody may do everything. It returns
// ErrAuthDisabled if it is disabled, and ErrUnauthorized if the client's
// credentials are not those of a user with the role root. A lost answer is
// settled as Enable does it.
func (s *AuthService) Disable(ctx context.Context) error {
	return s.set(ctx, http.MethodDelete, false)
}

// EnsureEnabled is Enable for a caller who does not mind if authentication is
// enabled. It reports whether it changed anything.
func (s *AuthService) EnsureEnabled(ctx context.Context) (changed bool, err error) {
	return ensured(s.Enable(ctx), ErrAuthEnabled)
}

// EnsureDisabled is Disable for a caller who does not mind if authentication
// is disabled. It reports whether it changed anything.
func (s *AuthService) EnsureDisabled(ctx context.Context) (changed bool, err error) {
	changed, err = ensured(s.Disable(ctx), ErrAuthDisabled)
	if err != nil || changed {
		return changed, err
	}
	// A server that lags says so too, and has caught up after this.
	if enabled, err := s.CurrentStatus(ctx); err != nil || !enabled {
		return false, err
	}
	return ensured(s.Disable(ctx), ErrAuthDisabled)
}

func ensured(err, already error) (changed bool, _ error) {
	if errors.Is(err, already) {
		return false, nil
	}
	return err == nil, err
}

func (s *AuthService) set(ctx context.Context, method string, want bool) error {
	unlock, err := s.client.authLocks.Lock(ctx, authSwitch)
	if err != nil {
		return err
	}
	defer unlock()
	_, err = s.client.do(ctx, &request{method: method, path: authSwitch, read: readNothing(http.StatusOK)})
	if !errors.Is(err, ErrOutcomeUnknown) {
		return err
	}
	enabled, readErr := s.Status(ctx)
	if readErr != nil {
		return fmt.Errorf("%w; reading the status failed too: %w", err, readErr)
	}
	if enabled == want {
		return nil
	}
	return err
}

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

// putAuth prepares a change of a user or a role.
func putAuth(path string, body any, read func(*answer) error) (*request, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return &request{method: http.MethodPut, path: path, json: data, read: read}, nil
}

// CheckUserName refuses the name of a user that no server stores, or that
// could never log in. The error wraps ErrInvalidName and says what to change.
func CheckUserName(name string) error {
	if err := checkAuthName("user", name); err != nil {
		return err
	}
	if strings.Contains(name, ":") {
		return fmt.Errorf("%w: the user name %q holds a colon, and could never log in: basic authentication ends the name at the first colon", ErrInvalidName, name)
	}
	return nil
}

// CheckRoleName refuses the name of a role that no server stores. The error
// wraps ErrInvalidName and says what to change.
func CheckRoleName(name string) error { return checkAuthName("role", name) }

// checkAuthName refuses a name that is no segment of a path of its own.
func checkAuthName(kind, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: the %s name is empty", ErrInvalidName, kind)
	case name == "." || name == "..":
		return fmt.Errorf("%w: the %s name %q stands for another path", ErrInvalidName, kind, name)
	case strings.Contains(name, "/"):
		return fmt.Errorf("%w: the %s name %q holds a slash, which no server takes", ErrInvalidName, kind, name)
	case strings.ContainsRune(name, 0) || !utf8.ValidString(name):
		return fmt.Errorf("%w: the %s name %q is not plain text (NUL or invalid UTF-8)", ErrInvalidName, kind, name)
	}
	return nil
}

// CheckPassword refuses a password that no server takes, or of which servers
// ignore a part. The error wraps ErrInvalidPassword; it does not quote the
// password.
func CheckPassword(password string) error {
	switch {
	case password == "":
		return fmt.Errorf("%w: it is empty", ErrInvalidPassword)
	case len(password) > MaxPassword:
		return fmt.Errorf("%w: it has %d bytes, and bcrypt takes %d: etcd 3.5 refuses it, older servers ignore the rest",
			ErrInvalidPassword, len(password), MaxPassword)
	case !utf8.ValidString(password):
		return fmt.Errorf("%w: it is not valid UTF-8, which JSON cannot carry", ErrInvalidPassword)
	}
	return nil
}

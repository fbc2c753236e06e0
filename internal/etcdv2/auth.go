package etcdv2

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Names that the server itself gives a meaning to.
const (
	// RootUser is the user without which authentication cannot be enabled.
	RootUser = "root"
	// RootRole is the role that may do everything. It cannot be changed, and
	// every change of users and roles needs it while authentication is enabled.
	RootRole = "root"
	// GuestRole is the role of requests without credentials. Enabling
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
// An endpoint that lags reports what was so a moment ago: see StatusLinearizable.
func (s *AuthService) Status(ctx context.Context) (bool, error) {
	return s.status(ctx, s.client.readAuth)
}

// StatusLinearizable is Status whose "no" can be believed too: an endpoint that
// gives it is made to catch up with what the cluster agreed on, and is asked
// again.
func (s *AuthService) StatusLinearizable(ctx context.Context) (bool, error) {
	enabled, err := s.Status(ctx)
	if err != nil || enabled {
		return enabled, err
	}
	enabled, err = s.status(ctx, s.client.readAuthLinearizable)
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

// Enable enables authentication. From then on, a caller that is not a user with the
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
	if enabled, err := s.StatusLinearizable(ctx); err != nil || !enabled {
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
	// Without authentication servers accept any credentials.
	s.client.accepted.Store(false)
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

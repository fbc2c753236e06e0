package etcdv3

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The errors that callers distinguish with errors.Is.
var (
	// ErrUnavailable: no endpoint gave an answer.
	ErrUnavailable = errors.New("no endpoint of the v3 cluster answered")
	// ErrClusterMismatch: the endpoints belong to another cluster than expected, or to
	// more than one.
	ErrClusterMismatch = errors.New("unexpected v3 cluster")
	// ErrCredentials: the credentials are missing or wrong.
	ErrCredentials = errors.New("the v3 cluster refused the credentials")
	// ErrPermission: the user has no permission for the keys.
	ErrPermission = errors.New("the v3 cluster denied permission")
	// ErrNoSpace: the database has reached its quota.
	ErrNoSpace = errors.New("the v3 cluster is out of space")
	// ErrTooLarge: one key and its value are larger than a server accepts in a request.
	ErrTooLarge = errors.New("larger than the v3 cluster takes in one request")
	// ErrOutcomeUnknown: a transaction was sent several times, and each answer was lost.
	ErrOutcomeUnknown = errors.New("outcome unknown: the keys may have been written")
)

// kinds maps errors of etcd's client to ours.
var kinds = map[error]error{
	rpctypes.ErrAuthFailed:                 ErrCredentials,
	rpctypes.ErrUserEmpty:                  ErrCredentials,
	rpctypes.ErrUserNotFound:               ErrCredentials,
	rpctypes.ErrInvalidAuthToken:           ErrCredentials,
	rpctypes.ErrPermissionDenied:           ErrPermission,
	rpctypes.ErrNoSpace:                    ErrNoSpace,
	rpctypes.ErrRequestTooLarge:            ErrTooLarge,
	rpctypes.ErrTooManyOps:                 errTooManyOps,
	rpctypes.ErrLeaseNotFound:              errLeaseGone,
	rpctypes.ErrNoLeader:                   ErrUnavailable,
	rpctypes.ErrTimeout:                    ErrUnavailable,
	rpctypes.ErrTimeoutDueToLeaderFail:     ErrUnavailable,
	rpctypes.ErrTimeoutDueToConnectionLost: ErrUnavailable,
	rpctypes.ErrTimeoutWaitAppliedIndex:    ErrUnavailable,
	rpctypes.ErrLeaderChanged:              ErrUnavailable,
	rpctypes.ErrStopped:                    ErrUnavailable,
	rpctypes.ErrUnhealthy:                  ErrUnavailable,
}

var (
	// errTooManyOps: the server accepts fewer operations in a transaction.
	errTooManyOps = errors.New("too many operations in one transaction")
	// errLeaseGone: a lease has expired before it could be used.
	errLeaseGone = errors.New("the lease has expired")
)

// classified wraps an error of etcd's client in one of ours. An error of the caller's own
// context stays unchanged.
func classified(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var known rpctypes.EtcdError
	if errors.As(err, &known) {
		if kind := kinds[known]; kind != nil {
			return fmt.Errorf("%w: %w", kind, err)
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	switch code := codeOf(err, known); code {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled, codes.Aborted:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case codes.Unauthenticated:
		return fmt.Errorf("%w: %w", ErrCredentials, err)
	case codes.PermissionDenied:
		return fmt.Errorf("%w: %w", ErrPermission, err)
	case codes.ResourceExhausted:
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	default:
		return err
	}
}

func codeOf(err error, known rpctypes.EtcdError) codes.Code {
	if known.Code() != codes.OK {
		return known.Code()
	}
	return status.Code(err)
}

// Package pause waits for a time, or until the caller's context ends.
package pause

import (
	"context"
	"time"
)

// For waits for d. If the context ends first, For returns the error of the context.
func For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

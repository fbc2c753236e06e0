package keyedlock

import (
	"context"
	"errors"
	"sync"
	"testing"
)

func TestLocks_oneAtATime(t *testing.T) {
	t.Parallel()

	var locks Locks[string]
	counts := map[string]*int{"a": new(int), "b": new(int)}
	var group sync.WaitGroup
	for range 500 {
		for key, n := range counts {
			group.Go(func() {
				unlock, err := locks.Lock(t.Context(), key)
				if err != nil {
					t.Error(err)
					return
				}
				defer unlock()
				*n++
			})
		}
	}
	group.Wait()
	for key, n := range counts {
		if *n != 500 {
			t.Errorf("%s was counted %d times, want 500", key, *n)
		}
	}
	if len(locks.locks) != 0 {
		t.Errorf("%d locks are left, want none", len(locks.locks))
	}
}

func TestLocks_contextEnds(t *testing.T) {
	t.Parallel()

	var locks Locks[int]
	unlock, err := locks.Lock(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := locks.Lock(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want context.Canceled", err)
	}
	unlock()
	if len(locks.locks) != 0 {
		t.Errorf("%d locks are left, want none", len(locks.locks))
	}
}

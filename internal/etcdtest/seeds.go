package etcdtest

import (
	"fmt"
	"os"
	"strconv"
	"testing"
)

// Setting returns the number in an environment variable, or without if it is not set.
func Setting(t *testing.T, name string, without int) int {
	t.Helper()

	text := os.Getenv(name)
	if text == "" {
		return without
	}

	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}

	return n
}

// EachSeed runs a random test with each of count seeds in parallel. SEED chooses the first
// one, and then it is the only one; COUNT replaces the number.
func EachSeed(t *testing.T, count int, test func(t *testing.T, seed uint64)) {
	t.Helper()

	first := Setting(t, "SEED", 0)
	if first != 0 {
		count = 1
	}

	first = max(first, 1)
	for seed := first; seed < first+Setting(t, "COUNT", count); seed++ {
		t.Run(fmt.Sprintf("SEED=%d", seed), func(t *testing.T) {
			t.Parallel()
			test(t, uint64(seed)) //nolint:gosec // it is positive
		})
	}
}

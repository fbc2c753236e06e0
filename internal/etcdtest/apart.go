package etcdtest

import "testing"

// Apart runs f as a test of its own. In a goroutine, or in a hook of a [Proxy], f may
// end that test; the test that waits for the goroutine would never end.
func Apart(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Run("apart", f)
}

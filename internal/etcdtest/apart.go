package etcdtest

import "testing"

// Apart runs f as a test of its own. In a goroutine, or in a hook of a [Proxy], f may end
// that inner test; ending the outer one there would leave it waiting forever.
func Apart(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Run("apart", f)
}

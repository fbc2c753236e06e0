package etcdv2_test

import (
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// expectations are all that the tests of the key space expect to differ between
// the servers that the suite runs on.
type expectations struct {
	// updatesDirs is whether the TTL of a directory can be changed in place.
	updatesDirs bool
	// leavesOutNodes is whether a write can leave the node out of its answer.
	leavesOutNodes bool
	// limitsRequestLine is whether a request line of more than 4,096 bytes
	// resets the connection.
	limitsRequestLine bool
}

func expected(tb testing.TB) expectations {
	tb.Helper()
	v := etcdtest.ServerVersion(tb)
	return expectations{
		updatesDirs:       !v.AtLeast(3, 5),
		leavesOutNodes:    v.AtLeast(3, 1),
		limitsRequestLine: v.AtLeast(3, 3),
	}
}

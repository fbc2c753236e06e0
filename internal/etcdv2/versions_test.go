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
	// refreshes is whether a TTL can be renewed without a word on the value.
	refreshes bool
	// describesRoles is whether what a user holds comes with what it permits;
	// a role that does not exist is then missed. Older servers give names.
	describesRoles bool
	// remembersParents is whether the history has the end of a directory for
	// those who watch what was in it. Older servers tell it as it happens.
	remembersParents bool
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
		refreshes:         v.AtLeast(2, 3),
		describesRoles:    v.AtLeast(2, 3),
		remembersParents:  v.AtLeast(2, 3),
		limitsRequestLine: v.AtLeast(3, 3),
	}
}

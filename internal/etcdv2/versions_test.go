package etcdv2_test

import (
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// expectations are all that the tests of the key space expect to differ between
// the servers that the suite runs on.
type expectations struct {
	// updatesDirs reports whether the TTL of a directory can be changed in place.
	updatesDirs bool
	// leavesOutNodes reports whether a write can leave the node out of its answer.
	leavesOutNodes bool
	// refreshes reports whether a TTL can be renewed without a word on the value.
	refreshes bool
	// describesRoles reports whether what a user has comes with what it permits;
	// a role that does not exist is then missed. Older servers give names.
	describesRoles bool
	// remembersParents reports whether the history has the end of a directory for
	// those who watch what was in it. Older servers report it as it happens.
	remembersParents bool
	// limitsRequestLine reports whether a request line of more than 4,096 bytes
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

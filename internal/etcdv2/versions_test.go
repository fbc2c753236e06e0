package etcdv2_test

import (
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// expectations are the differences that the tests of the key space expect between the servers
// that the suite runs on.
type expectations struct {
	// updatesDirs reports whether the TTL of a directory can be changed in place.
	updatesDirs bool
	// leavesOutNodes reports whether a write can omit the node from its answer.
	leavesOutNodes bool
	// refreshes reports whether a TTL can be renewed without sending the value.
	refreshes bool
	// describesRoles reports whether a user is returned with the permissions of its roles,
	// without which a missing role is noticed. Older servers return the names of roles.
	describesRoles bool
	// remembersParents reports whether the history contains the end of a directory for
	// watches below it. Older servers report it only as it happens.
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

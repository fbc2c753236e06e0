package etcdtest

import (
	"context"
	"os/exec"
	"strings"
	"testing"
)

// LeaveV2 does what is left to do once a v2 store is empty: it restarts the server
// without the v2 API, so that a snapshot replaces the v2 records in its log, checks with
// etcdutl that nothing of v2 is left, and starts etcd 3.6 on the data. It needs
// bin/etcdutl and bin/etcd36.
func (s *Server) LeaveV2(tb testing.TB) {
	tb.Helper()

	const snapshotCount = 10

	s.RestartWithoutV2(tb, "--snapshot-count=10")

	for range 2 * snapshotCount {
		s.must(tb, Call{Method: "POST", Path: "/v3/kv/deleterange", JSON: map[string]string{"key": "bm8gc3VjaCBrZXk="}})
	}

	s.Stop(tb)

	ctx, cancel := context.WithTimeout(waitContext(tb), endTimeout)
	defer cancel()

	etcdutl := exec.CommandContext( //nolint:gosec // the program is built here
		ctx, mustBeBuilt(tb, "etcdutl"), "check", "v2store", "--data-dir", s.DataDir(),
	)

	out, err := etcdutl.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "No custom content found") {
		tb.Fatalf("etcdutl check v2store: %v\n%s", err, out)
	}

	s.Upgrade(tb, mustBeBuilt(tb, "etcd36"))
}

func mustBeBuilt(tb testing.TB, name string) string {
	tb.Helper()

	path, err := Built(name)
	if err != nil {
		tb.Fatal(err)
	}

	return path
}

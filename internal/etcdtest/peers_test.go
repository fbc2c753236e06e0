package etcdtest_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

func TestServer_Isolate(t *testing.T) {
	t.Parallel()

	cluster := etcdtest.StartCluster(t, 3, etcdtest.WithPeerProxies())
	cut := cluster.Leader(t)
	rest := &etcdtest.Cluster{}

	for _, s := range cluster.Servers {
		if s != cut {
			rest.Servers = append(rest.Servers, s)
		}
	}

	cut.Isolate(t)

	if !cut.Isolated() {
		t.Error("Isolated() = false after Isolate")
	}

	waitForLeader(t, rest.Servers[0])
	rest.Servers[0].Put(t, "/k", "v")

	quorumRead := etcdtest.Call{Path: "/v2/keys/k", Query: url.Values{"quorum": {"true"}}}
	if answer, err := cut.Try(t.Context(), quorumRead); err == nil && answer.OK() {
		t.Errorf("a node that is cut off answers a quorum read with status %d", answer.Status)
	}

	cut.Rejoin()

	if cut.Isolated() {
		t.Error("Isolated() = true after Rejoin")
	}

	cluster.Leader(t)
	waitForValue(t, cut, "/k", "v")
}

// waitForLeader waits until a server that lost its leader has one again.
func waitForLeader(t *testing.T, s *etcdtest.Server) {
	t.Helper()

	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		answer, err := s.Try(t.Context(), etcdtest.Call{Method: http.MethodPut, Path: "/v2/keys/probe", Form: url.Values{"value": {"x"}}})
		if err == nil && answer.OK() {
			return
		}
	}

	t.Fatal("the rest of the cluster has no leader")
}

func waitForValue(t *testing.T, s *etcdtest.Server, key, want string) {
	t.Helper()

	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		answer, err := s.Try(t.Context(), etcdtest.Call{Path: "/v2/keys" + key})
		if err == nil && answer.Node.Value == want {
			return
		}
	}

	t.Errorf("etcd %s does not return %q for %s", s.Name, want, key)
}

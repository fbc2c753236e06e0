package provider

import (
	"net/http"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// One of two members was never started: it has no name, and the cluster has no quorum.
func TestAccMemberList(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	notInTofu(t, l, "list resources")
	s := etcdtest.Start(t)
	s.JSON(t, http.MethodPost, "/v2/members", map[string]any{"peerURLs": []string{s.Reserve(t, "n2").PeerURL()}})
	members := membersOf(t, s)
	proxy := etcdtest.NewProxy(t, s.URL())
	w := l.workspace(t, "1.14.0", proxy.URL(), "")

	// The second query file replaces the first.
	for i, attributes := range []string{`limit = 1`, ``} {
		want := i + 1
		if found := query(t, w, "etcd_member", attributes); len(found) != want {
			t.Errorf("query with %q found %d members, want %d", attributes, len(found), want)
		}
	}
	output := mustRun(t, w, 0, "query")
	for _, member := range members {
		want := "id=" + member.ID + " " + describeMember(member)
		if !spaced(want).MatchString(output) {
			t.Errorf("query does not show %q:\n%s", want, output)
		}
	}

	writeQuery(t, w, "etcd_member")
	mustRun(t, w, 0, "query", "-generate-config-out=generated.tf")
	output = mustRun(t, w, 0, "apply", "-auto-approve")
	if !strings.Contains(output, "2 imported, 0 added, 0 changed, 0 destroyed") {
		t.Errorf("apply of the generated configuration:\n%s", output)
	}
	mustRun(t, w, 0, "plan", "-detailed-exitcode")
	wroteNothing(t, proxy)
}

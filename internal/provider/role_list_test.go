package provider

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

func TestAccRoleList(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	notInTofu(t, l, "list resources")
	s := etcdtest.Start(t)
	for _, name := range []string{"writer", "guest", "app", "_hidden", "a\x00b"} {
		makeRole(t, s, name, []string{"/*"}, nil)
	}
	w := l.workspace(t, "1.14.0", s.URL(), "")

	for attributes, want := range map[string][]string{
		``:                        {"app", "guest", "writer"},
		`limit = 2`:               {"app", "guest"},
		`include_resource = true`: {"app", "guest", "writer"},
	} {
		if diff := cmp.Diff(want, query(t, w, "etcd_role", attributes)); diff != "" {
			t.Errorf("query with %s (-want +got):\n%s", attributes, diff)
		}
	}
	output := mustRun(t, w, 0, "query")
	if want := `etcd_role cannot manage them: "a\x00b":`; !spaced(want).MatchString(output) {
		t.Errorf("query does not report %q:\n%s", want, output)
	}
	if strings.Contains(output, "root") || strings.Contains(output, "_hidden") {
		t.Errorf("query shows a role that it should leave out:\n%s", output)
	}
}

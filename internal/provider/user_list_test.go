package provider

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// writeQuery writes a list block for all objects of each type, with the attributes that a generated
// configuration needs.
func writeQuery(t *testing.T, w *cli.Workspace, typeNames ...string) {
	t.Helper()
	var text strings.Builder
	for _, typeName := range typeNames {
		text.WriteString("list \"" + typeName + "\" \"all\" {\n  provider = etcd\n  include_resource = true\n}\n")
	}
	writeFile(t, w, "x.tfquery.hcl", text.String())
}

// dangle gives a user a role that does not exist.
func dangle(t *testing.T, s *etcdtest.Server, user, role string) {
	t.Helper()
	makeRole(t, s, role, nil, nil)
	regrant(t, s, user, []string{role}, nil)
	remove(t, s, rolesPath+role)
}

func TestAccUserList(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	notInTofu(t, l, "list resources")
	s := etcdtest.Start(t)
	for _, name := range []string{"erin", "carol", "alice", "_hidden", "bob:x"} {
		makeUser(t, s, name)
	}
	dangle(t, s, "carol", "lost")
	proxy := etcdtest.NewProxy(t, s.URL())
	w := l.workspace(t, "1.14.0", proxy.URL(), "")

	for _, c := range []struct {
		name, attributes string
		want             []string
		reads            int
	}{
		{"all", ``, []string{"alice", "carol", "erin"}, 0},
		{"limit", `limit = 2`, []string{"alice", "carol"}, 0},
		{"limit counts no user that is left out", `limit = 3`, []string{"alice", "carol", "erin"}, 0},
		{"users beyond the limit are not read", "limit = 1\n  include_resource = true", []string{"alice"}, 1},
		// A missing role is checked twice, the second time after the server has caught up.
		{"a missing role is not a failure", `include_resource = true`, []string{"alice", "carol", "erin"}, 4},
	} {
		before := proxy.Count(http.MethodGet, usersPath)
		if diff := cmp.Diff(c.want, query(t, w, "etcd_user", c.attributes)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if reads := proxy.Count(http.MethodGet, usersPath) - before; reads != c.reads {
			t.Errorf("%s: users were read one by one %d times, want %d", c.name, reads, c.reads)
		}
	}
	output := mustRun(t, w, 0, "query")
	for _, want := range []string{
		`Warning: Some users are left out`, `etcd_user cannot manage them: "bob:x":`,
		`Warning: Role does not exist`, `The user "carol" has the role "lost"`,
	} {
		if !spaced(want).MatchString(output) {
			t.Errorf("query does not report %q:\n%s", want, output)
		}
	}
	if strings.Contains(output, "_hidden") {
		t.Errorf("query shows a user that servers leave out; correct the documentation:\n%s", output)
	}
	wroteNothing(t, proxy)
}

// The configuration generated for a cluster is imported unchanged, with the passwords as they are,
// and the plan after that is empty.
func TestAccUserList_generatedConfiguration(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	notInTofu(t, l, "list resources")
	s := etcdtest.Start(t, etcdtest.WithAuth("rootpw"))
	makeRole(t, s, "app", []string{"/app", "/app/*"}, []string{"/app/*"})
	makeRole(t, s, "none", nil, nil)
	makeUser(t, s, "alice", "app", "none")
	makeUser(t, s, "bob")
	proxy := etcdtest.NewProxy(t, s.URL())
	w := l.workspace(t, "1.14.0", proxy.URL(), "")
	writeFile(t, w, "login_override.tf", "provider \"etcd\" {\n  username = \"root\"\n  password = \"rootpw\"\n}\n")
	writeQuery(t, w, "etcd_user", "etcd_role", "etcd_member")

	mustRun(t, w, 0, "query", "-generate-config-out=generated.tf")
	output := mustRun(t, w, 0, "apply", "-auto-approve")
	// The users alice, bob and root, the roles app, guest and none, one member.
	if !strings.Contains(output, "7 imported, 0 added, 0 changed, 0 destroyed") {
		t.Errorf("apply of the generated configuration:\n%s", output)
	}
	mustRun(t, w, 0, "plan", "-detailed-exitcode")
	wroteNothing(t, proxy)
}

// A role that does not exist is kept in the generated configuration. The apply says what to do, and
// revokes the role when that is done.
func TestAccUserList_missingRole(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	notInTofu(t, l, "list resources")
	s := etcdtest.Start(t)
	makeRole(t, s, "app", nil, nil)
	makeUser(t, s, "carol", "app")
	dangle(t, s, "carol", "lost")
	proxy := etcdtest.NewProxy(t, s.URL())
	w := l.workspace(t, "1.14.0", proxy.URL(), "")
	writeQuery(t, w, "etcd_user")

	mustRun(t, w, 0, "query", "-generate-config-out=generated.tf")
	output := mustRun(t, w, 1, "apply", "-auto-approve")
	if want := `The role "lost" does not exist`; !spaced(want).MatchString(output) {
		t.Errorf("apply does not report %q:\n%s", want, output)
	}
	wroteNothing(t, proxy)
	writeFile(t, w, "roles_override.tf", "resource \"etcd_user\" \"all_0\" {\n  roles = [\"app\"]\n}\n")
	mustRun(t, w, 0, "apply", "-auto-approve")
	mustRun(t, w, 0, "plan", "-detailed-exitcode")
	if roles, exists := rolesOf(t, s, "carol"); !exists || !cmp.Equal(roles, []string{"app"}) {
		t.Errorf("roles of carol = %q (exists: %t), want app", roles, exists)
	}
}

// A user that was deleted since it was listed is skipped. A user that cannot be read, because the
// access was lost since, makes the query fail.
func TestAccUserList_changesBetweenReads(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	notInTofu(t, l, "list resources")
	s := etcdtest.Start(t)
	for _, name := range []string{"alice", "bob", "carol", "root"} {
		makeUser(t, s, name)
	}
	proxy := etcdtest.NewProxy(t, s.URL())
	before := func(read string, call etcdtest.Call) {
		proxy.Inject(etcdtest.Rule{Method: http.MethodGet, Path: usersPath + read, Times: 1, Action: func(x *etcdtest.Exchange) {
			if answer, err := s.Try(t.Context(), call); err != nil || !answer.OK() {
				t.Errorf("before the read of %s: %+v, %v", read, answer, err)
			}
			x.Forward()
		}})
	}
	w := l.workspace(t, "1.14.0", proxy.URL(), "")

	before("alice", etcdtest.Call{Method: http.MethodDelete, Path: usersPath + "alice"})
	if diff := cmp.Diff([]string{"bob", "carol"}, query(t, w, "etcd_user", "limit = 2\n  include_resource = true")); diff != "" {
		t.Errorf("query without the deleted user (-want +got):\n%s", diff)
	}
	before("carol", etcdtest.Call{Method: http.MethodPut, Path: "/v2/auth/enable"})
	output := mustRun(t, w, 1, "query")
	for _, want := range []string{"Unable to read user", "carol.", "the provider has no credentials"} {
		if !spaced(want).MatchString(output) {
			t.Errorf("query does not report %q:\n%s", want, output)
		}
	}
}

func TestAccUserList_refused(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	notInTofu(t, l, "list resources")
	s := etcdtest.Start(t, etcdtest.WithAuth("rootpw"))
	makeUser(t, s, "alice")
	w := l.workspace(t, "1.14.0", s.URL(), "")
	for login, want := range map[string]string{
		``: "the provider has no credentials",
		`  username = "alice"
  password = "theirs"`: "The server refused the credentials",
	} {
		writeFile(t, w, "login_override.tf", "provider \"etcd\" {\n"+login+"\n}\n")
		for typeName, summary := range map[string]string{"etcd_user": "Unable to list users", "etcd_role": "Unable to list roles"} {
			writeQuery(t, w, typeName)
			output := mustRun(t, w, 1, "query")
			if !strings.Contains(output, summary) || !spaced(want).MatchString(output) || strings.Contains(output, "theirs") {
				t.Errorf("query of %s with %q, want %q and %q:\n%s", typeName, login, summary, want, output)
			}
		}
	}
}

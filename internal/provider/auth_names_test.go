package provider

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// outOfFormNames are a user and a role on the server that also have names which no
// configuration can contain.
type outOfFormNames struct{ name, role string }

func makeOutOfForm(t *testing.T, s *etcdtest.Server) outOfFormNames {
	t.Helper()
	name := authName(t)
	n := outOfFormNames{name, name + "-" + nfd}
	for _, role := range []string{n.role, name + "-1", name + "-2"} {
		makeRole(t, s, role, nil, nil)
	}
	makeUser(t, s, name, n.role, name+"-1")
	makeRole(t, s, name, []string{"/" + nfd, "/a"}, []string{"/" + nfd + "/*"})
	return n
}

// check compares the server with what is wanted, in addition to the names that no
// configuration can contain.
func (n outOfFormNames) check(t *testing.T, s *etcdtest.Server, role, pattern string) {
	t.Helper()
	if got, _ := rolesOf(t, s, n.name); !sameNames(got, []string{n.role, role}) || len(got) != 2 {
		t.Errorf("roles on the server = %+q, want %+q and %q", got, n.role, role)
	}
	read, write, _ := permissionsOf(t, s, n.name)
	if !sameNames(read, []string{"/" + nfd, pattern}) || !slices.Equal(write, []string{"/" + nfd + "/*"}) {
		t.Errorf("patterns on the server = %+q and %+q, want those that no configuration can contain, and %q", read, write, pattern)
	}
}

// Changes to a user or a role leave alone the names that a CLI cannot write.
func TestAccUsersAndRoles_namesOutOfForm(t *testing.T) {
	t.Parallel()

	l := newLab(t)
	s := l.server
	n := makeOutOfForm(t, s)
	w := l.workspace(t, "1.5.0", s.URL(), "")
	write := func(role, pattern string) {
		writeFile(t, w, "auth.tf", fmt.Sprintf("resource \"etcd_user\" \"test\" {\n  name  = %[1]q\n  roles = [%[2]q]\n}\n"+
			"resource \"etcd_role\" \"test\" {\n  name     = %[1]q\n  kv_read  = [%[3]q]\n  kv_write = []\n}\n", n.name, role, pattern))
	}
	write(n.name+"-1", "/a")
	writeFile(t, w, "imports.tf", fmt.Sprintf("import {\n  to = etcd_user.test\n  id = %[1]q\n}\nimport {\n  to = etcd_role.test\n"+
		"  id = %[1]q\n}\n", n.name))
	planned := mustRun(t, w, 0, "plan")
	if !strings.Contains(planned, "Some names are left out") {
		t.Errorf("the plan does not name the omitted roles or patterns:\n%s", planned)
	}
	wantQuietImport(t, w, 2)
	n.check(t, s, n.name+"-1", "/a")
	write(n.name+"-2", "/b")
	mustRun(t, w, 0, "apply", "-auto-approve")
	n.check(t, s, n.name+"-2", "/b")
	mustRun(t, w, 0, "plan", "-detailed-exitcode")
	mustRun(t, w, 0, "destroy", "-auto-approve")
	if _, exists := rolesOf(t, s, n.name); exists {
		t.Error("the user still exists")
	}
	if _, _, exists := permissionsOf(t, s, n.name); exists {
		t.Error("the role still exists")
	}
}

// An adoption removes nothing that no configuration can restore, and data sources do not show
// one name as another.
func TestUsersAndRoles_namesOutOfForm(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	n := makeOutOfForm(t, s)
	d := newDirect(t, endpoint(s.URL()))
	mustApply(t, d, d.none("etcd_user"), map[string]any{"name": n.name, "roles": []string{n.name + "-2"}, "adopt_existing": true})
	mustApply(
		t, d, d.none("etcd_role"), map[string]any{"name": n.name, "kv_read": []string{"/b"}, "kv_write": []string{}, "adopt_existing": true},
	)
	n.check(t, s, n.name+"-2", "/b")
	for typeName, attributes := range map[string]map[string]any{
		"etcd_user": {"name": n.name}, "etcd_role": {"name": n.name}, "etcd_users": {}, "etcd_roles": {},
	} {
		found, errs := d.read(t, typeName, attributes)
		if errs != "" {
			t.Errorf("%s: %s", typeName, errs)
		}
		if text := found.state.String(); strings.Contains(text, nfd) || strings.Contains(text, keyspace.Normalized(nfd)) {
			t.Errorf("%s shows a name that is another one in a configuration: %s", typeName, text)
		}
	}
}

package provider

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// permissionsOf returns the permissions of a role on the server, and whether the role exists.
func permissionsOf(t *testing.T, s *etcdtest.Server, name string) (read, write []string, exists bool) {
	t.Helper()
	answer := s.Do(t, etcdtest.Call{Path: rolesPath + name})
	if !answer.OK() {
		return nil, nil, false
	}
	var role struct {
		Permissions struct {
			KV struct{ Read, Write []string } `json:"kv"`
		} `json:"permissions"`
	}
	answer.Decode(t, &role)
	slices.Sort(role.Permissions.KV.Read)
	slices.Sort(role.Permissions.KV.Write)
	return role.Permissions.KV.Read, role.Permissions.KV.Write, true
}

// permits checks the permissions of a role on the server.
func permits(t *testing.T, s *etcdtest.Server, name string, wantRead, wantWrite []string) resource.TestCheckFunc {
	t.Helper()
	return onServer(func() error {
		read, write, exists := permissionsOf(t, s, name)
		if !exists || !slices.Equal(read, wantRead) || !slices.Equal(write, wantWrite) {
			return fmt.Errorf("read = %q, write = %q (exists: %t), want %q and %q", read, write, exists, wantRead, wantWrite)
		}
		return nil
	})
}

func roleConfig(endpoint, name string, attributes ...string) string {
	return config(endpoint, "resource \"etcd_role\" \"test\" {\n  name = %q\n  %s\n}\n", name, strings.Join(attributes, "\n  "))
}

func TestAccRoleResource_createUpdateImport(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	update := planned("etcd_role.test", plancheck.ResourceActionUpdate)
	noop := resource.ImportPlanChecks{
		PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction("etcd_role.test", plancheck.ResourceActionNoop)},
	}
	acceptance(t,
		resource.TestStep{
			Config: roleConfig(s.URL(), name, `kv_read = ["/b", "/a", "/b"]`), Check: permits(t, s, name, []string{"/a", "/b"}, nil),
			ConfigStateChecks: []statecheck.StateCheck{
				known("etcd_role.test", "kv_read", knownvalue.SetSizeExact(2)),
				known("etcd_role.test", "kv_write", knownvalue.SetSizeExact(0)),
			},
		},
		resource.TestStep{
			Config: roleConfig(s.URL(), name, `kv_read = ["/b"]`, `kv_write = ["/a/*", "/a"]`), ConfigPlanChecks: update,
			Check: permits(t, s, name, []string{"/b"}, []string{"/a", "/a/*"}),
		},
		resource.TestStep{
			Config: roleConfig(s.URL(), name, `kv_read = []`, `kv_write = ["/a"]`), ConfigPlanChecks: update,
			Check: permits(t, s, name, nil, []string{"/a"}),
		},
		resource.TestStep{
			// Without kv_read, read permissions are not managed: nothing changes.
			PreConfig: func() { permit(t, s, name, []string{"/theirs"}, nil) },
			Config:    roleConfig(s.URL(), name, `kv_write = ["/a"]`), PlanOnly: true,
		},
		resource.TestStep{
			Config: roleConfig(s.URL(), name, `kv_write = []`), ConfigPlanChecks: update, Check: permits(t, s, name, []string{"/theirs"}, nil),
		},
		resource.TestStep{
			ResourceName: "etcd_role.test", ImportState: true, ImportStateId: name,
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "name",
		},
		resource.TestStep{
			ResourceName: "etcd_role.test", ImportState: true, ImportStateId: name, ImportStateKind: resource.ImportBlockWithID,
			ImportPlanChecks: noop,
		},
		resource.TestStep{
			ResourceName: "etcd_role.test", ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity, ImportPlanChecks: noop,
		},
		resource.TestStep{ResourceName: "etcd_role.test", ImportState: true, ImportStateId: "root", ExpectError: errorWith("is built in")},
	)
	if _, _, exists := permissionsOf(t, s, name); exists {
		t.Error("the role exists after the destroy")
	}
}

func TestAccRoleResource_driftIsCorrected(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	cfg := roleConfig(s.URL(), name, `kv_read = ["/a"]`, `kv_write = []`)
	acceptance(t,
		resource.TestStep{Config: cfg},
		resource.TestStep{
			PreConfig: func() { permit(t, s, name, []string{"/more"}, []string{"/*"}) },
			Config:    cfg, ConfigPlanChecks: planned("etcd_role.test", plancheck.ResourceActionUpdate),
			Check: permits(t, s, name, []string{"/a"}, nil),
		},
		resource.TestStep{
			PreConfig: func() { remove(t, s, rolesPath+name) },
			Config:    cfg, ConfigPlanChecks: planned("etcd_role.test", plancheck.ResourceActionCreate),
			Check: permits(t, s, name, []string{"/a"}, nil),
		},
	)
}

func TestAccRoleResource_createOverExisting(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	makeRole(t, s, name, []string{"/theirs"}, []string{"/theirs"})
	acceptance(t,
		resource.TestStep{
			Config:      roleConfig(s.URL(), name, `kv_read = ["/a"]`),
			ExpectError: errorWith("Role already exists", "to = etcd_role.example", fmt.Sprintf("id = %q", name)),
		},
		resource.TestStep{
			PreConfig: func() {
				if read, _, _ := permissionsOf(t, s, name); !slices.Equal(read, []string{"/theirs"}) {
					t.Errorf("kv_read after the refusal = %q", read)
				}
			},
			Config: roleConfig(s.URL(), name, `kv_read = ["/a"]`, "adopt_existing = true"),
			Check:  permits(t, s, name, []string{"/a"}, []string{"/theirs"}),
		},
	)
}

func TestAccRoleResource_guestIsAdopted(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	makeRole(t, s, "guest", []string{"/*"}, []string{"/*"})
	acceptance(t, resource.TestStep{
		Config: roleConfig(s.URL(), "guest", `kv_read = ["/public/*", "/public"]`, `kv_write = []`),
		Check:  permits(t, s, "guest", []string{"/public", "/public/*"}, nil),
	})
}

func TestAccRoleResource_notDeletedWhileHeld(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	cfg := roleConfig(s.URL(), name)
	acceptance(t,
		resource.TestStep{Config: cfg},
		resource.TestStep{
			PreConfig: func() { makeUser(t, s, name+"-u", name) },
			Config:    cfg, Destroy: true, ExpectError: errorWith("Role is still granted", name+"-u", "Revoke it from them first"),
		},
		resource.TestStep{PreConfig: func() { remove(t, s, usersPath+name+"-u") }, Config: cfg, PlanOnly: true},
	)
}

func TestAccRoleResource_invalidInput(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ name, attribute, want string }{
		"root":          {"root", "", "is built in and cannot be changed"},
		"slash":         {"a/b", "", "contains a slash"},
		"empty":         {"", "", "is empty"},
		"empty pattern": {"a", `kv_read = [""]`, "Invalid pattern"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := roleConfig(etcdtest.Shared(t).URL(), test.name, test.attribute)
			acceptance(t, resource.TestStep{Config: cfg, PlanOnly: true, ExpectError: errorWith(test.want)})
		})
	}
}

func roleOf(name string, read, write []string) map[string]any {
	return map[string]any{"name": name, "kv_read": append([]string{}, read...), "kv_write": append([]string{}, write...)}
}

// warningSummaries joins the summaries of warnings.
func warningSummaries(diags []*tfprotov6.Diagnostic) string {
	var lines []string
	for _, d := range diags {
		if d.Severity == tfprotov6.DiagnosticSeverityWarning {
			lines = append(lines, d.Summary)
		}
	}
	return strings.Join(lines, "; ")
}

func TestRoleResource_warnsOnlyWhereItSurprises(t *testing.T) {
	t.Parallel()
	d := newDirect(t, endpoint(etcdtest.Shared(t).URL()))
	for name, test := range map[string]struct {
		read, write []string
		want        string
	}{
		"children only":                {read: []string{"/p/*"}, want: "Directory cannot be listed"},
		"the directory too":            {read: []string{"/p/*", "/p"}},
		"a wider pattern":              {read: []string{"/p/*", "/p*"}},
		"everything":                   {read: []string{"/*"}},
		"children only, to be written": {write: []string{"/p/*"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan, _ := d.plan(t, d.none("etcd_role"), roleOf(authName(t), test.read, test.write))
			if got := warningSummaries(plan.Diagnostics); got != test.want {
				t.Errorf("warnings = %q, want %q", got, test.want)
			}
		})
	}
	name := authName(t)
	role, errs := d.apply(t, d.none("etcd_role"), roleOf(name, []string{"/p/*"}, nil))
	if errs != "" {
		t.Fatal(errs)
	}
	if plan, _ := d.plan(t, role, roleOf(name, []string{"/p/*"}, []string{"/x"})); warningSummaries(plan.Diagnostics) != "" {
		t.Errorf("warnings of a plan that does not change kv_read = %q", warningSummaries(plan.Diagnostics))
	}
}

func TestRoleResource_patternsThatCoverNothing(t *testing.T) {
	t.Parallel()
	d := newDirect(t, endpoint(etcdtest.Shared(t).URL()))
	typ := d.schemas.ResourceSchemas["etcd_role"].ValueType()
	for pattern, want := range map[string]string{
		"app/*": "Pattern covers no key", "/a/*/b": "Pattern covers less than it seems to", "/a/**": "Pattern covers less than it seems to",
		"*": "", "/*": "", "/a": "", "/a*": "",
	} {
		resp, err := d.server.ValidateResourceConfig(t.Context(), &tfprotov6.ValidateResourceConfigRequest{
			TypeName: "etcd_role", Config: dynamic(t, typ, value(t, typ, roleOf("x", []string{pattern}, nil))),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := warningSummaries(resp.Diagnostics); got != want || errorText(resp.Diagnostics) != "" {
			t.Errorf("%q: warnings = %q, want %q; errors %s", pattern, got, want, errorText(resp.Diagnostics))
		}
	}
}

func TestRoleResource_rivalBetweenPlanAndApply(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	d := newDirect(t, endpoint(s.URL()))
	role, errs := d.apply(t, d.none("etcd_role"), roleOf(name, []string{"/a"}, nil))
	if errs != "" {
		t.Fatal(errs)
	}
	plan, cfg := d.plan(t, role, roleOf(name, nil, []string{"/w"}))
	permit(t, s, name, []string{"/theirs"}, nil)
	_, errs = d.applyPlan(t.Context(), t, role, plan, cfg)
	wantPhrases(t, errs, "Role changed since it was planned")

	if role, errs = d.refresh(t, role); errs != "" {
		t.Fatal(errs)
	}
	plan, cfg = d.plan(t, role, roleOf(name, []string{"/a", "/theirs", "/b"}, nil))
	permit(t, s, name, []string{"/b"}, nil)
	if role, errs = d.applyPlan(t.Context(), t, role, plan, cfg); errs != "" {
		t.Errorf("the rival made the planned change: %s", errs)
	}

	plan, cfg = d.plan(t, role, nil)
	permit(t, s, name, nil, []string{"/theirs"})
	kept, errs := d.applyPlan(t.Context(), t, role, plan, cfg)
	wantPhrases(t, errs, "Role changed since it was planned", "/theirs", "It was not deleted")
	if _, _, exists := permissionsOf(t, s, name); !exists || !kept.exists() {
		t.Error("a role with a new permission was deleted, or dropped from state")
	}

	plan, cfg = d.plan(t, role, roleOf(name, nil, nil))
	remove(t, s, rolesPath+name)
	_, errs = d.applyPlan(t.Context(), t, role, plan, cfg)
	wantPhrases(t, errs, "Role was deleted since it was planned")
	if gone, errs := d.apply(t, role, nil); errs != "" || gone.exists() {
		t.Errorf("destroying an absent role: %s", errs)
	}
}

func TestRoleResource_lostAnswer(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, endpoint(proxy.URL()))
	lose := func(method string, action etcdtest.Action) {
		proxy.Clear()
		proxy.Inject(etcdtest.Rule{Method: method, Path: "/v2/auth/", Times: 1, Action: action})
	}
	lose(http.MethodPut, etcdtest.DropAnswer())
	role, errs := d.apply(t, d.none("etcd_role"), roleOf(name, []string{"/a"}, nil))
	if errs != "" {
		t.Fatalf("create: %s", errs)
	}
	lose(http.MethodPut, etcdtest.DropAnswer())
	if role, errs = d.apply(t, role, roleOf(name, nil, []string{"/w"})); errs != "" {
		t.Fatalf("update: %s", errs)
	}
	lose(http.MethodPut, etcdtest.CutBefore())
	after, errs := d.apply(t, role, roleOf(name, nil, nil))
	wantPhrases(t, errs, "Outcome of a write is unknown")
	if !after.state.Equal(role.state) {
		t.Errorf("state = %v after an unknown outcome, want the old one, %v", after.state, role.state)
	}
	lose(http.MethodDelete, etcdtest.DropAnswer())
	if gone, errs := d.apply(t, role, nil); errs != "" || gone.exists() {
		t.Errorf("delete: %s", errs)
	}
}

// TestRoleResource_createdAndNotRead keeps a created role in state that no endpoint reports after
// its creation.
func TestRoleResource_createdAndNotRead(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, quickRetry(proxy.URL()))
	proxy.Inject(etcdtest.Rule{Method: http.MethodGet, Path: rolesPath + name, Skip: 1, Action: etcdtest.CutBefore()})
	role, errs := d.apply(t, d.none("etcd_role"), roleOf(name, []string{"/a"}, nil))
	wantPhrases(t, errs, "Unable to create role", "the role was created")
	if _, _, exists := permissionsOf(t, s, name); !exists || !role.exists() {
		t.Fatalf("exists: %t, in state: %t", exists, role.exists())
	}
	proxy.Clear()
	if gone, errs := d.apply(t, role, nil); errs != "" || gone.exists() {
		t.Errorf("delete: %s", errs)
	}
}

// A role whose holder the same run deletes, or whose holder loses the role, is deleted in any order
// in which the CLI handles them.
func TestRoleResource_deletedBeforeItsHolder(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, endpoint(proxy.URL()))
	role := mustApply(t, d, d.none("etcd_role"), roleOf(name, []string{"/a"}, nil))
	makeUser(t, s, name+"-1", name)
	makeUser(t, s, name+"-2", name)
	// The role is found to have a holder before the first, and then the second, of these
	// requests.
	for i, letGo := range []func(etcdtest.Request){
		func(etcdtest.Request) { remove(t, s, usersPath+name+"-1") },
		func(etcdtest.Request) { regrant(t, s, name+"-2", nil, []string{name}) },
	} {
		proxy.Inject(
			etcdtest.Rule{
				Method: http.MethodGet, Path: strings.TrimSuffix(usersPath, "/"), Skip: 2 * i, Times: 1, Action: etcdtest.InterceptAnswer(letGo),
			},
		)
	}
	if gone, errs := d.apply(t, role, nil); errs != "" || gone.exists() {
		t.Errorf("destroy: %s", errs)
	}
	if _, _, exists := permissionsOf(t, s, name); exists {
		t.Error("the role exists after the destroy")
	}
}

// A generated configuration names roles without references, and has no passwords. A user that was
// deleted outside does not make the destroy fail.
func TestAccRoleResource_destroyGenerated(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := etcdtest.Shared(t)
	name := authName(t)
	w := l.workspace(t, "1.5", s.URL(), "")
	roles, users, imports := map[string]any{}, map[string]any{}, []any{}
	for i := range 3 {
		role, user := fmt.Sprintf("%s-r%d", name, i), fmt.Sprintf("%s-u%d", name, i)
		makeRole(t, s, role, nil, nil)
		makeUser(t, s, user, role)
		roles[fmt.Sprintf("a%d", i)] = map[string]any{"name": role}
		users[fmt.Sprintf("z%d", i)] = map[string]any{"name": user, "roles": []string{role}}
		imports = append(
			imports, map[string]any{"to": fmt.Sprintf("etcd_role.a%d", i), "id": role},
			map[string]any{"to": fmt.Sprintf("etcd_user.z%d", i), "id": user},
		)
	}
	writeJSON(t, w, "generated.tf.json", map[string]any{"resource": map[string]any{"etcd_role": roles, "etcd_user": users}})
	writeJSON(t, w, "imports.tf.json", map[string]any{"import": imports})
	mustRun(t, w, 0, "apply", "-auto-approve")
	if err := os.Remove(filepath.Join(w.Dir, "imports.tf.json")); err != nil {
		t.Fatal(err)
	}
	remove(t, s, usersPath+name+"-u0")
	if output := mustRun(t, w, 0, "plan"); !strings.Contains(output, "Warning: Password is missing") {
		t.Errorf("the plan does not warn about the password:\n%s", output)
	}
	mustRun(t, w, 1, "apply", "-auto-approve")
	mustRun(t, w, 0, "destroy", "-auto-approve")
	for i := range 3 {
		if _, exists := rolesOf(t, s, fmt.Sprintf("%s-u%d", name, i)); exists {
			t.Errorf("user %d exists after the destroy", i)
		}
		if _, _, exists := permissionsOf(t, s, fmt.Sprintf("%s-r%d", name, i)); exists {
			t.Errorf("role %d exists after the destroy", i)
		}
	}
}

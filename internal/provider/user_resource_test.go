package provider

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

const (
	usersPath = "/v2/auth/users/"
	rolesPath = "/v2/auth/roles/"
)

// authName returns a name for a user or a role that no other test uses.
func authName(t *testing.T) string {
	t.Helper()
	return strings.TrimPrefix(etcdtest.Prefix(t), "/")
}

// makeUser creates a user without the provider.
func makeUser(t *testing.T, s *etcdtest.Server, name string, roles ...string) {
	t.Helper()
	s.JSON(t, http.MethodPut, usersPath+name, map[string]any{"user": name, "password": "theirs", "roles": roles})
}

// regrant changes the roles of a user without the provider.
func regrant(t *testing.T, s *etcdtest.Server, name string, grant, revoke []string) {
	t.Helper()
	s.JSON(t, http.MethodPut, usersPath+name, map[string]any{"user": name, "grant": grant, "revoke": revoke})
}

// makeRole creates a role without the provider.
func makeRole(t *testing.T, s *etcdtest.Server, name string, read, write []string) {
	t.Helper()
	s.JSON(t, http.MethodPut, rolesPath+name, map[string]any{
		"role": name, "permissions": map[string]any{"kv": map[string]any{"read": read, "write": write}},
	})
}

// permit adds permissions to a role without the provider.
func permit(t *testing.T, s *etcdtest.Server, name string, read, write []string) {
	t.Helper()
	s.JSON(t, http.MethodPut, rolesPath+name, map[string]any{
		"role": name, "grant": map[string]any{"kv": map[string]any{"read": read, "write": write}},
	})
}

// remove deletes a user or a role without the provider.
func remove(t *testing.T, s *etcdtest.Server, path string) {
	t.Helper()
	s.JSON(t, http.MethodDelete, path, nil)
}

// rolesOf returns the roles of a user on the server, and whether the user exists.
func rolesOf(t *testing.T, s *etcdtest.Server, name string) (roles []string, exists bool) {
	t.Helper()
	answer := s.Do(t, etcdtest.Call{Path: usersPath + name})
	if !answer.OK() {
		return nil, false
	}
	var user struct {
		Roles []struct {
			Role string `json:"role"`
		} `json:"roles"`
	}
	answer.Decode(t, &user)
	for _, role := range user.Roles {
		roles = append(roles, role.Role)
	}
	slices.Sort(roles)
	return roles, true
}

// hasRoles checks the roles of a user on the server.
func hasRoles(t *testing.T, s *etcdtest.Server, name string, want ...string) resource.TestCheckFunc {
	t.Helper()
	return onServer(func() error {
		slices.Sort(want)
		if got, exists := rolesOf(t, s, name); !exists || !slices.Equal(got, want) {
			return fmt.Errorf("roles of the user = %q (exists: %t), want %q", got, exists, want)
		}
		return nil
	})
}

// userConfig returns two roles, r1 and r2, and a user with attributes.
func userConfig(endpoint, name string, attributes ...string) string {
	return config(endpoint, `
resource "etcd_role" "r1" {
  name = "%[1]s-1"
}
resource "etcd_role" "r2" {
  name = "%[1]s-2"
}
resource "etcd_user" "test" {
  name = %[1]q
  %[2]s
}
`, name, strings.Join(attributes, "\n  "))
}

const (
	withPassword = `password = "geheim"`
	roleR1       = `roles = [etcd_role.r1.name]`
	rolesR2R1R2  = `roles = [etcd_role.r2.name, etcd_role.r1.name, etcd_role.r2.name]`
	noRoles      = `roles = []`
)

func TestAccUserResource_createUpdateImport(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	r1, r2 := name+"-1", name+"-2"
	update := planned("etcd_user.test", plancheck.ResourceActionUpdate)
	noop := resource.ImportPlanChecks{
		PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction("etcd_user.test", plancheck.ResourceActionNoop)},
	}
	acceptance(t,
		resource.TestStep{
			Config: userConfig(s.URL(), name, withPassword, rolesR2R1R2), Check: hasRoles(t, s, name, r1, r2),
			ConfigStateChecks: []statecheck.StateCheck{
				known("etcd_user.test", "roles", knownvalue.SetSizeExact(2)),
				known("etcd_user.test", "missing_role", knownvalue.Null()),
				statecheck.ExpectSensitiveValue("etcd_user.test", tfjsonpath.New("password")),
			},
		},
		resource.TestStep{Config: userConfig(s.URL(), name, withPassword, noRoles), ConfigPlanChecks: update, Check: hasRoles(t, s, name)},
		resource.TestStep{
			// Without the attribute, the roles are not managed: nothing changes.
			PreConfig: func() { regrant(t, s, name, []string{r1}, nil) },
			Config:    userConfig(s.URL(), name, withPassword), PlanOnly: true,
		},
		resource.TestStep{
			Config: userConfig(s.URL(), name, `password = "other"`, roleR1), ConfigPlanChecks: update, Check: hasRoles(t, s, name, r1),
		},
		resource.TestStep{
			ResourceName: "etcd_user.test", ImportState: true, ImportStateId: name,
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "name", ImportStateVerifyIgnore: []string{"password"},
		},
		// Without a password in the configuration, it is not managed, and an import is complete.
		resource.TestStep{Config: userConfig(s.URL(), name, roleR1), ConfigPlanChecks: update},
		resource.TestStep{
			ResourceName: "etcd_user.test", ImportState: true, ImportStateId: name, ImportStateKind: resource.ImportBlockWithID,
			ImportPlanChecks: noop,
		},
		resource.TestStep{
			ResourceName: "etcd_user.test", ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity, ImportPlanChecks: noop,
		},
	)
	if _, exists := rolesOf(t, s, name); exists {
		t.Error("the user exists after the destroy")
	}
}

func TestAccUserResource_driftIsCorrected(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	r1, r2 := name+"-1", name+"-2"
	cfg := userConfig(s.URL(), name, withPassword, roleR1)
	acceptance(t,
		resource.TestStep{Config: cfg},
		resource.TestStep{
			PreConfig: func() { regrant(t, s, name, []string{r2}, []string{r1}) },
			Config:    cfg, ConfigPlanChecks: planned("etcd_user.test", plancheck.ResourceActionUpdate), Check: hasRoles(t, s, name, r1),
		},
		resource.TestStep{
			PreConfig: func() { remove(t, s, usersPath+name) },
			Config:    cfg, ConfigPlanChecks: planned("etcd_user.test", plancheck.ResourceActionCreate), Check: hasRoles(t, s, name, r1),
		},
	)
}

func TestAccUserResource_danglingRolesAreHealed(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	r1, lost1, lost2 := name+"-1", name+"-x", name+"-y"
	cfg := userConfig(s.URL(), name, withPassword, roleR1)
	update := resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
		plancheck.ExpectResourceAction("etcd_user.test", plancheck.ResourceActionUpdate),
	}}
	acceptance(t,
		resource.TestStep{Config: cfg},
		resource.TestStep{
			// Two roles that are not in the configuration are granted, and deleted.
			PreConfig: func() {
				makeRole(t, s, lost1, nil, nil)
				makeRole(t, s, lost2, nil, nil)
				regrant(t, s, name, []string{lost1, lost2}, nil)
				remove(t, s, rolesPath+lost1)
				remove(t, s, rolesPath+lost2)
			},
			Config: cfg, ConfigPlanChecks: update, Check: hasRoles(t, s, name, r1),
		},
		resource.TestStep{
			// Our own role is deleted: it is created again, and the user gets it.
			PreConfig: func() { remove(t, s, rolesPath+r1) },
			Config:    cfg, ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("etcd_role.r1", plancheck.ResourceActionCreate),
				plancheck.ExpectResourceAction("etcd_user.test", plancheck.ResourceActionUpdate),
			}},
			Check: hasRoles(t, s, name, r1),
		},
		resource.TestStep{
			PreConfig: func() {
				makeRole(t, s, lost1, nil, nil)
				regrant(t, s, name, []string{lost1}, nil)
			},
			Config: userConfig(s.URL(), name, withPassword, fmt.Sprintf("roles = [etcd_role.r1.name, %q]", lost1)),
		},
		resource.TestStep{
			PreConfig: func() { remove(t, s, rolesPath+lost1) },
			Config:    userConfig(s.URL(), name, withPassword, fmt.Sprintf("roles = [etcd_role.r1.name, %q]", lost1)), ConfigPlanChecks: update,
			ExpectError: errorWith("Role does not exist", lost1, "write a reference"),
		},
		resource.TestStep{Config: cfg, ConfigPlanChecks: update, Check: hasRoles(t, s, name, r1)},
	)
}

// A replacement deletes the user first, and without a password it cannot be created again.
func TestUserResource_replacedWithoutPassword(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	makeUser(t, s, name)
	d := newDirect(t, endpoint(s.URL()))
	config := map[string]any{"name": name}
	planned, _ := d.plan(t, d.none("etcd_user"), config)
	if errs := errorText(planned.Diagnostics); errs != "" {
		t.Errorf("the plan of a create fails: %s", errs)
	}
	found, _ := d.readImported(t, "etcd_user", name)
	if planned, _ = d.plan(t, found, config); errorText(planned.Diagnostics) != "" {
		t.Errorf("the plan of a user that stays fails: %s", errorText(planned.Diagnostics))
	}
	planned, _ = d.plan(t, found, map[string]any{"name": name + "-2"})
	wantPhrases(t, errorText(planned.Diagnostics), "Password is missing")
	planned, _ = d.plan(t, d.none("etcd_user"), config)
	wantPhrases(t, errorText(planned.Diagnostics), "Password is missing")
	config["password"] = "new"
	if planned, _ = d.plan(t, d.none("etcd_user"), config); errorText(planned.Diagnostics) != "" {
		t.Errorf("the plan of a replacement with a password fails: %s", errorText(planned.Diagnostics))
	}
}

// A user that a killed create has left is taken over with a warning, and healed if its roles are managed.
func TestUserResource_leftByAKilledCreate(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	const name, mark = "left", "etcdv2/creating/ABC"
	makeUser(t, s, name, mark)
	d := newDirect(t, endpoint(s.URL()))
	left, errs := d.readImported(t, "etcd_user", name)
	if got := d.refreshWarnings(t, left); errs != "" || !strings.Contains(got, mark) || !strings.Contains(got, "user revoke") {
		t.Errorf("a refresh of a user that a create has left warns of %q, want %q and how to revoke it; errors %q", got, mark, errs)
	}
	healed, errs := d.apply(t, left, map[string]any{"name": name, "roles": []string{}})
	if got := d.refreshWarnings(t, healed); errs != "" || got != "" {
		t.Errorf("after an apply with roles a refresh warns of %q, want nothing; errors %q", got, errs)
	}
	if roles, _ := rolesOf(t, s, name); len(roles) != 0 {
		t.Errorf("roles = %q, want none", roles)
	}
}

func TestAccUserResource_createOverExisting(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	r1, r2 := name+"-1", name+"-2"
	makeRole(t, s, name+"-3", nil, nil)
	makeUser(t, s, name, name+"-3")
	acceptance(t,
		resource.TestStep{
			Config: userConfig(s.URL(), name, withPassword, roleR1),
			ExpectError: errorWith(
				"User already exists", "import {", "to = etcd_user.example", fmt.Sprintf("id = %q", name), "adopt_existing = true",
			),
		},
		resource.TestStep{
			PreConfig: func() {
				if got, _ := rolesOf(t, s, name); !slices.Equal(got, []string{name + "-3"}) {
					t.Errorf("roles after the refusal = %q, want the old ones", got)
				}
			},
			Config: userConfig(s.URL(), name, withPassword, rolesR2R1R2, "adopt_existing = true"), Check: hasRoles(t, s, name, r1, r2),
		},
	)
}

func TestAccUserResource_adoptWithoutPassword(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	cfg := userConfig(s.URL(), name, "adopt_existing = true")
	acceptance(t,
		resource.TestStep{Config: cfg, ExpectError: errorWith("Password is missing", "no user", "to adopt")},
		resource.TestStep{PreConfig: func() { makeUser(t, s, name) }, Config: cfg, Check: hasRoles(t, s, name)},
	)
}

func TestAccUserResource_invalidInput(t *testing.T) {
	t.Parallel()
	long := `password = "` + strings.Repeat("ü", 37) + `"`
	for name, test := range map[string]struct {
		attributes []string
		want       string
	}{
		"colon":                        {[]string{`name = "a:b"`, withPassword}, "contains a colon"},
		"slash":                        {[]string{`name = "a/b"`, withPassword}, "contains a slash"},
		"empty name":                   {[]string{`name = ""`, withPassword}, "is empty"},
		"long password":                {[]string{`name = "a"`, long}, "74 bytes, and bcrypt takes 72"},
		"empty password":               {[]string{`name = "a"`, `password = ""`}, "Invalid password"},
		"both passwords":               {[]string{`name = "a"`, withPassword, `password_wo = "x"`}, "Invalid Attribute Combination"},
		"version of nothing":           {[]string{`name = "a"`, withPassword, `password_wo_version = 1`}, "Invalid Attribute Combination"},
		"role name":                    {[]string{`name = "a"`, withPassword, `roles = ["x/y"]`}, "contains a slash"},
		"root without its role":        {[]string{`name = "root"`, withPassword, noRoles}, "always has the role root"},
		"write-only password too long": {[]string{`name = "a"`, strings.Replace(long, "password", "password_wo", 1)}, "bcrypt takes 72"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := config(etcdtest.Shared(t).URL(), "resource \"etcd_user\" \"test\" {\n  %s\n}\n", strings.Join(test.attributes, "\n  "))
			acceptance(t, resource.TestStep{Config: cfg, PlanOnly: true, ExpectError: errorWith(test.want)})
		})
	}
}

// A password is needed to create a user, but not to plan it: a destroy first plans to create what
// is not in state.
func TestAccUserResource_noPassword(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	cfg := userConfig(s.URL(), name)
	acceptance(t,
		resource.TestStep{Config: cfg, PlanOnly: true, ExpectNonEmptyPlan: true},
		resource.TestStep{Config: cfg, ExpectError: errorWith("Password is missing", "Set password or password_wo")},
	)
	if _, exists := rolesOf(t, s, name); exists {
		t.Error("the user was created without a password")
	}
}

// userOf returns a user for a test without a CLI.
func userOf(name, password string, roles ...string) map[string]any {
	return map[string]any{"name": name, "password": password, "roles": append([]string{}, roles...)}
}

func endpoint(url string) map[string]any {
	return map[string]any{
		"endpoints": []string{url},
		"retry":     map[string]any{"max_attempts": 2, "min_delay": "1ms", "max_delay": "2ms"},
	}
}

func TestUserResource_rivalBetweenPlanAndApply(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	d := newDirect(t, endpoint(s.URL()))
	for _, role := range []string{"-1", "-2", "-3"} {
		makeRole(t, s, name+role, nil, nil)
	}
	user, errs := d.apply(t, d.none("etcd_user"), userOf(name, "geheim", name+"-1"))
	if errs != "" {
		t.Fatal(errs)
	}

	plan, cfg := d.plan(t, user, userOf(name, "geheim", name+"-2"))
	regrant(t, s, name, []string{name + "-3"}, nil)
	_, errs = d.applyPlan(t.Context(), t, user, plan, cfg)
	wantPhrases(t, errs, "User changed since it was planned")
	if got, _ := rolesOf(t, s, name); !slices.Equal(got, []string{name + "-1", name + "-3"}) {
		t.Errorf("roles = %q, want the rival's", got)
	}

	// The rival made the planned change, so nothing is left to do.
	regrant(t, s, name, nil, []string{name + "-3"})
	plan, cfg = d.plan(t, user, userOf(name, "geheim", name+"-2"))
	regrant(t, s, name, []string{name + "-2"}, []string{name + "-1"})
	if user, errs = d.applyPlan(t.Context(), t, user, plan, cfg); errs != "" {
		t.Error(errs)
	}

	plan, cfg = d.plan(t, user, nil)
	regrant(t, s, name, []string{name + "-3"}, nil)
	kept, errs := d.applyPlan(t.Context(), t, user, plan, cfg)
	wantPhrases(t, errs, "User changed since it was planned", name+"-3", "It was not deleted")
	if _, exists := rolesOf(t, s, name); !exists || !kept.exists() {
		t.Error("a user with a new role was deleted, or dropped from state")
	}

	plan, cfg = d.plan(t, user, userOf(name, "geheim"))
	remove(t, s, usersPath+name)
	_, errs = d.applyPlan(t.Context(), t, user, plan, cfg)
	wantPhrases(t, errs, "User was deleted since it was planned")
	if gone, errs := d.apply(t, user, nil); errs != "" || gone.exists() {
		t.Errorf("destroying an absent user: %s", errs)
	}
}

// wantPhrases checks that a text contains all of want.
func wantPhrases(t *testing.T, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("text = %q, want %q in it", text, w)
		}
	}
}

func TestUserResource_lostAnswer(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, endpoint(proxy.URL()))
	makeRole(t, s, name+"-1", nil, nil)
	lose := func(method string, action etcdtest.Action) {
		proxy.Clear()
		proxy.Inject(etcdtest.Rule{Method: method, Path: "/v2/auth/", Times: 1, Action: action})
	}
	lose(http.MethodPut, etcdtest.DropAnswer())
	user, errs := d.apply(t, d.none("etcd_user"), userOf(name, "geheim"))
	if errs != "" {
		t.Fatalf("create: %s", errs)
	}
	lose(http.MethodPut, etcdtest.DropAnswer())
	user, errs = d.apply(t, user, userOf(name, "geheim", name+"-1"))
	if errs != "" {
		t.Fatalf("update: %s", errs)
	}
	// A password cannot be read: the outcome is unknown, and the next apply sets it again.
	lose(http.MethodPut, etcdtest.DropAnswer())
	after, errs := d.apply(t, user, userOf(name, "anders", name+"-1"))
	wantPhrases(t, errs, "Outcome of a write is unknown")
	if after.text(t, "password") != "geheim" || strings.Contains(errs, "anders") {
		t.Errorf("state contains a password that may not be set, or the error quotes it: %s", errs)
	}
	if user, errs = d.apply(t, after, userOf(name, "anders", name+"-1")); errs != "" {
		t.Fatalf("second update: %s", errs)
	}
	lose(http.MethodDelete, etcdtest.DropAnswer())
	if gone, errs := d.apply(t, user, nil); errs != "" || gone.exists() {
		t.Errorf("delete: %s", errs)
	}
}

// TestUserResource_halfCreated loses the second request of a create: the user is in state, and the
// next apply completes it.
func TestUserResource_halfCreated(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, endpoint(proxy.URL()))
	proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Path: usersPath, Skip: 1, Action: etcdtest.CutBefore()})
	user, errs := d.apply(t, d.none("etcd_user"), userOf(name, "geheim"))
	wantPhrases(t, errs, "Outcome of a write is unknown", "the user was created")
	if !user.exists() || user.text(t, "missing_role") == "" {
		t.Fatal("the user is not in state with the role that is left")
	}
	proxy.Clear()
	if user, errs = d.refresh(t, user); errs != "" {
		t.Fatal(errs)
	}
	if user, errs = d.apply(t, user, userOf(name, "geheim")); errs != "" || user.text(t, "missing_role") != "" {
		t.Errorf("apply: %s", errs)
	}
	if roles, exists := rolesOf(t, s, name); !exists || len(roles) != 0 {
		t.Errorf("roles = %q, want none", roles)
	}
}

// With ignore_changes the configuration repeats the state: a deleted role causes no plan, and
// another change leaves the roles alone.
func TestAccUserResource_ignoredRolesStay(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	cfg := func(password string) string {
		return config(s.URL(), `
resource "etcd_user" "test" {
  name     = %[1]q
  password = %[2]q
  roles    = ["%[1]s-1", "%[1]s-2"]
  lifecycle {
    ignore_changes = [roles]
  }
}
resource "etcd_role" "test" {
  name     = "%[1]s-r"
  kv_read  = ["/a"]
  lifecycle {
    ignore_changes = [kv_read, kv_write]
  }
}
`, name, password)
	}
	makeRole(t, s, name+"-1", nil, nil)
	makeRole(t, s, name+"-2", nil, nil)
	acceptance(t,
		resource.TestStep{Config: cfg("geheim")},
		resource.TestStep{
			PreConfig: func() {
				remove(t, s, rolesPath+name+"-1")
				permit(t, s, name+"-r", []string{"/more"}, []string{"/more"})
			},
			Config: cfg("geheim"), PlanOnly: true,
		},
		resource.TestStep{
			Config: cfg("anders"), ConfigPlanChecks: planned("etcd_user.test", plancheck.ResourceActionUpdate),
			ConfigStateChecks: []statecheck.StateCheck{known("etcd_user.test", "missing_role", knownvalue.StringExact(name+"-1"))},
			Check:             permits(t, s, name+"-r", []string{"/a", "/more"}, []string{"/more"}),
		},
		resource.TestStep{
			PreConfig: func() { makeRole(t, s, name+"-1", nil, nil) },
			Config:    cfg("anders"), PlanOnly: true,
		},
		resource.TestStep{Config: cfg("anders"), Check: hasRoles(t, s, name, name+"-1", name+"-2")},
	)
}

// Attributes that are not managed stay known in the plan of another change.
func TestAccUserResource_unmanagedStaysKnown(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	cfg := func(password, pattern string) string {
		return config(s.URL(), `
resource "etcd_user" "test" {
  name     = %[1]q
  password = %[2]q
}
resource "etcd_role" "test" {
  name    = %[1]q
  kv_read = [%[3]q]
}
output "all" {
  value = [etcd_user.test.roles, etcd_user.test.missing_role, etcd_role.test.kv_write]
}
`, name, password, pattern)
	}
	names := func(names ...string) knownvalue.Check {
		var all []knownvalue.Check
		for _, name := range names {
			all = append(all, knownvalue.StringExact(name))
		}
		return knownvalue.SetExact(all)
	}
	acceptance(t,
		resource.TestStep{Config: cfg("geheim", "/a")},
		resource.TestStep{
			PreConfig: func() {
				makeRole(t, s, name+"-x", nil, nil)
				regrant(t, s, name, []string{name + "-x"}, nil)
				permit(t, s, name, nil, []string{"/w"})
			},
			Config: cfg("anders", "/b"),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("etcd_user.test", plancheck.ResourceActionUpdate),
				plancheck.ExpectResourceAction("etcd_role.test", plancheck.ResourceActionUpdate),
				plancheck.ExpectKnownValue("etcd_user.test", tfjsonpath.New("roles"), names(name+"-x")),
				plancheck.ExpectKnownValue("etcd_user.test", tfjsonpath.New("missing_role"), knownvalue.Null()),
				plancheck.ExpectKnownValue("etcd_role.test", tfjsonpath.New("kv_write"), names("/w")),
				plancheck.ExpectKnownOutputValue("all", knownvalue.TupleExact([]knownvalue.Check{names(name + "-x"), knownvalue.Null(), names("/w")})),
			}},
			Check: hasRoles(t, s, name, name+"-x"),
		},
	)
}

// A role that another client grants between a plan and its apply is not part of this apply: the next
// plan shows it.
func TestUserResource_unmanagedRolesChangeMeanwhile(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	d := newDirect(t, endpoint(s.URL()))
	makeRole(t, s, name, nil, nil)
	user := mustApply(t, d, d.none("etcd_user"), map[string]any{"name": name, "password": "geheim"})
	plan, cfg := d.plan(t, user, map[string]any{"name": name, "password": "anders"})
	regrant(t, s, name, []string{name}, nil)
	after, errs := d.applyPlan(t.Context(), t, user, plan, cfg)
	if want := undynamic(t, cfg.Type(), plan.PlannedState); errs != "" || !after.state.Equal(want) {
		t.Errorf("state = %v, want the planned one, %v; %s", after.state, want, errs)
	}
}

package provider

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

const rootPassword = "wurzel-geheim"

// authEnabled reports whether the server has authentication enabled.
func authEnabled(t *testing.T, s *etcdtest.Server) bool {
	t.Helper()
	var body struct{ Enabled bool }
	s.Do(t, etcdtest.Call{Path: "/v2/auth/enable"}).Decode(t, &body)
	return body.Enabled
}

// makeRoot creates the user root without the provider.
func makeRoot(t *testing.T, s *etcdtest.Server) {
	t.Helper()
	s.JSON(t, http.MethodPut, usersPath+"root", map[string]any{"user": "root", "password": rootPassword})
}

// switchAuth enables or disables authentication without the provider.
func switchAuth(t *testing.T, s *etcdtest.Server, on bool) {
	t.Helper()
	s.SetCredentials("root", rootPassword)
	method := http.MethodDelete
	if on {
		method = http.MethodPut
	}
	s.JSON(t, method, "/v2/auth/enable", nil)
}

// asRoot returns a provider block with credentials, and a configuration.
func asRoot(endpoint, password, cfg string) string {
	return configWith(endpoint, "username = \"root\"\n  password = \""+password+"\"", "%s", cfg)
}

const authConfig = "resource \"etcd_auth\" \"test\" {}\n"

func TestAccAuthResource_lifecycle(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	makeRoot(t, s)
	makeRole(t, s, "guest", []string{"/public"}, nil)
	cfg := asRoot(s.URL(), rootPassword, authConfig)
	noop := resource.ImportPlanChecks{
		PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction("etcd_auth.test", plancheck.ResourceActionNoop)},
	}
	acceptance(t,
		resource.TestStep{
			Config: cfg,
			ConfigStateChecks: []statecheck.StateCheck{
				known("etcd_auth.test", "id", knownvalue.StringExact("auth")),
				statecheck.ExpectIdentityValueMatchesState("etcd_auth.test", tfjsonpath.New("id")),
			},
		},
		resource.TestStep{ResourceName: "etcd_auth.test", ImportState: true, ImportStateId: "auth", ImportStateVerify: true},
		resource.TestStep{
			ResourceName: "etcd_auth.test", ImportState: true, ImportStateId: "x", ExpectError: errorWith("Invalid import id", `"auth"`),
		},
		resource.TestStep{
			ResourceName: "etcd_auth.test", ImportState: true, ImportStateId: "auth", ImportStateKind: resource.ImportBlockWithID,
			ImportPlanChecks: noop,
		},
		resource.TestStep{
			ResourceName: "etcd_auth.test", ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity, ImportPlanChecks: noop,
		},
		resource.TestStep{
			PreConfig: func() { switchAuth(t, s, false) },
			Config:    cfg, ConfigPlanChecks: planned("etcd_auth.test", plancheck.ResourceActionCreate),
			Check: onServer(func() error { return wantAuth(t, s, true) }),
		},
		resource.TestStep{
			// A wrong password: the error names the cause, and state is kept.
			Config: asRoot(s.URL(), "falsch", authConfig), ExpectError: errorWith("Unable to read role", "refused the credentials"),
		},
		resource.TestStep{Config: cfg, PlanOnly: true},
		resource.TestStep{Config: asRoot(s.URL(), rootPassword, "resource \"etcd_auth\" \"test\" {\n  adopt_existing = true\n}\n")},
	)
	if err := wantAuth(t, s, false); err != nil {
		t.Error(err)
	}
	if users := usersOn(t, s); len(users) != 1 || users[0] != "root" {
		t.Errorf("users = %q, want only root", users)
	}
}

func wantAuth(t *testing.T, s *etcdtest.Server, want bool) error {
	t.Helper()
	if got := authEnabled(t, s); got != want {
		t.Errorf("authentication is enabled: %t, want %t", got, want)
	}
	return nil
}

// usersOn returns the names of the users on the server.
func usersOn(t *testing.T, s *etcdtest.Server) []string {
	t.Helper()
	var body struct {
		Users []struct{ User string }
	}
	s.Do(t, etcdtest.Call{Path: "/v2/auth/users"}).Decode(t, &body)
	names := make([]string, len(body.Users))
	for i, user := range body.Users {
		names[i] = user.User
	}
	return names
}

func TestAccAuthResource_refusals(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	cfg := asRoot(s.URL(), rootPassword, authConfig)
	off := func() {
		if err := wantAuth(t, s, false); err != nil {
			t.Error(err)
		}
	}
	acceptance(t,
		resource.TestStep{Config: config(s.URL(), authConfig), PlanOnly: true, ExpectNonEmptyPlan: true},
		resource.TestStep{Config: config(s.URL(), authConfig), ExpectError: errorWith("The provider has no credentials")},
		resource.TestStep{PreConfig: off, Config: cfg, ExpectError: errorWith("There is no user root", "Nothing was changed")},
		resource.TestStep{
			PreConfig: func() {
				off()
				makeRoot(t, s)
				makeUser(t, s, "ops")
			},
			Config:      configWith(s.URL(), "username = \"ops\"\n  password = \"theirs\"", authConfig),
			ExpectError: errorWith("The provider would lock itself out", `as the user "ops"`),
		},
		resource.TestStep{
			PreConfig: off, Config: asRoot(s.URL(), "falsch", authConfig),
			ExpectError: errorWith("The provider's credentials do not work", "Authentication was disabled again"),
		},
		resource.TestStep{
			PreConfig: func() {
				off()
				if users := usersOn(t, s); len(users) != 2 {
					t.Errorf("users = %q, want ops and root", users)
				}
				switchAuth(t, s, true)
			},
			Config: cfg, ExpectError: errorWith("Authentication already exists", "to = etcd_auth.example", `id = "auth"`),
		},
		resource.TestStep{
			Config:      asRoot(s.URL(), "falsch", "resource \"etcd_auth\" \"test\" {\n  adopt_existing = true\n}\n"),
			ExpectError: errorWith("refused the credentials"),
		},
		resource.TestStep{Config: asRoot(s.URL(), rootPassword, "resource \"etcd_auth\" \"test\" {\n  adopt_existing = true\n}\n")},
	)
	off()
}

// credentials returns a provider block for a test without a CLI.
func credentials(url, user, password string) map[string]any {
	block := endpoint(url)
	block["username"], block["password"] = user, password
	return block
}

func TestAuthResource_warnsWhileGuestMayWrite(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	makeRoot(t, s)
	s.SetCredentials("root", rootPassword)
	d := newDirect(t, credentials(s.URL(), "root", rootPassword))
	want := map[string]any{}
	plan, cfg := d.plan(t, d.none("etcd_auth"), want)
	auth, diags := d.applyDiags(t.Context(), t, d.none("etcd_auth"), plan, cfg)
	if errorText(diags) != "" || warningSummaries(diags) != "Anybody may write everything" {
		t.Fatalf("warnings = %q, errors = %s", warningSummaries(diags), errorText(diags))
	}
	guest, errs := d.apply(t, d.none("etcd_role"), map[string]any{"name": "guest", "kv_write": []string{}})
	if errs != "" {
		t.Fatal(errs)
	}
	if gone, errs := d.apply(t, auth, nil); errs != "" || gone.exists() {
		t.Fatal(errs)
	}
	plan, cfg = d.plan(t, d.none("etcd_auth"), want)
	auth, diags = d.applyDiags(t.Context(), t, d.none("etcd_auth"), plan, cfg)
	if errorText(diags) != "" || warningSummaries(diags) != "" {
		t.Errorf("enabled again: warnings = %q, errors = %s", warningSummaries(diags), errorText(diags))
	}
	// Restrictions of guest survive disabling and enabling. Without the role guest, a caller
	// without credentials has no access.
	if _, write, exists := permissionsOf(t, s, "guest"); !exists || len(write) != 0 {
		t.Errorf("guest may write %q", write)
	}
	if gone, errs := d.apply(t, guest, nil); errs != "" || gone.exists() {
		t.Fatal(errs)
	}
	if _, errs := d.refresh(t, auth); errs != "" {
		t.Errorf("refresh without guest: %s", errs)
	}
}

func TestAuthResource_lostAnswer(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	makeRoot(t, s)
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, credentials(proxy.URL(), "root", rootPassword))
	lose := func(method string, action etcdtest.Action) {
		proxy.Clear()
		proxy.Inject(etcdtest.Rule{Method: method, Path: "/v2/auth/enable", Times: 1, Action: action})
	}
	lose(http.MethodPut, etcdtest.CutBefore())
	none, errs := d.apply(t, d.none("etcd_auth"), map[string]any{})
	wantPhrases(t, errs, "Outcome of a write is unknown")
	if none.exists() || authEnabled(t, s) || len(usersOn(t, s)) != 1 {
		t.Errorf("in state: %t, enabled: %t, users: %q", none.exists(), authEnabled(t, s), usersOn(t, s))
	}
	lose(http.MethodPut, etcdtest.DropAnswer())
	auth, errs := d.apply(t, d.none("etcd_auth"), map[string]any{})
	if errs != "" || !authEnabled(t, s) {
		t.Fatalf("create: %s", errs)
	}
	lose(http.MethodDelete, etcdtest.CutBefore())
	kept, errs := d.apply(t, auth, nil)
	wantPhrases(t, errs, "Outcome of a write is unknown")
	if !kept.exists() {
		t.Error("dropped from state although it is enabled")
	}
	// A rival disables it between plan and apply, which is the planned result.
	proxy.Clear()
	plan, cfg := d.plan(t, auth, nil)
	switchAuth(t, s, false)
	if gone, errs := d.applyPlan(t.Context(), t, auth, plan, cfg); errs != "" || gone.exists() {
		t.Errorf("delete: %s", errs)
	}
	// A rival enables it between plan and apply.
	plan, cfg = d.plan(t, d.none("etcd_auth"), map[string]any{})
	switchAuth(t, s, true)
	_, errs = d.applyPlan(t.Context(), t, d.none("etcd_auth"), plan, cfg)
	wantPhrases(t, errs, "Authentication already exists")
}

// TestAuthResource_rival enables authentication right before the provider does. The
// provider does not disable it again, and leaves nothing behind.
func TestAuthResource_rival(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ password, want string }{
		"credentials that work": {rootPassword, "Authentication already exists"},
		"a wrong password":      {"falsch", "refused the credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := etcdtest.Start(t)
			makeRoot(t, s)
			proxy := etcdtest.NewProxy(t, s.URL())
			proxy.Inject(etcdtest.Rule{
				Method: http.MethodPut, Path: "/v2/auth/enable", Times: 1,
				Action: etcdtest.Intercept(func(etcdtest.Request) { switchAuth(t, s, true) }),
			})
			d := newDirect(t, credentials(proxy.URL(), "root", test.password))
			none, errs := d.apply(t, d.none("etcd_auth"), map[string]any{})
			wantPhrases(t, errs, test.want)
			if none.exists() || !authEnabled(t, s) || len(usersOn(t, s)) != 1 {
				t.Errorf("in state: %t, enabled: %t, users: %q", none.exists(), authEnabled(t, s), usersOn(t, s))
			}
		})
	}
}

// TestAuthResource_rescueStays covers the one case in which something is left behind: the
// check succeeds, and the rescue user cannot be deleted.
func TestAuthResource_rescueStays(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	makeRoot(t, s)
	makeRole(t, s, "guest", nil, nil)
	s.SetCredentials("root", rootPassword)
	proxy := etcdtest.NewProxy(t, s.URL())
	proxy.Inject(etcdtest.Rule{Method: http.MethodDelete, Path: usersPath, Action: etcdtest.CutBefore()})
	d := newDirect(t, credentials(proxy.URL(), "root", rootPassword))
	plan, cfg := d.plan(t, d.none("etcd_auth"), map[string]any{})
	auth, diags := d.applyDiags(t.Context(), t, d.none("etcd_auth"), plan, cfg)
	if errorText(diags) != "" || warningSummaries(diags) != "A user was left behind" || !auth.exists() {
		t.Errorf("in state: %t, warnings = %q, errors = %s", auth.exists(), warningSummaries(diags), errorText(diags))
	}
}

// TestAuth_ownLogin checks that the provider does not lock itself out.
func TestAuth_ownLogin(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t, etcdtest.WithAuth(rootPassword))
	makeUser(t, s, "admin", "root")
	d := newDirect(t, credentials(s.URL(), "admin", "theirs"))
	adopted := map[string]any{"name": "admin", "adopt_existing": true, "roles": []string{"root"}}
	user, errs := d.apply(t, d.none("etcd_user"), adopted)
	if errs != "" {
		t.Fatal(errs)
	}
	for name, test := range map[string]struct {
		from managed
		to   map[string]any
	}{
		"delete":   {user, nil},
		"revoke":   {user, map[string]any{"name": "admin", "roles": []string{}}},
		"password": {user, userOf("admin", "anders", "root")},
		"adopt":    {d.none("etcd_user"), map[string]any{"name": "admin", "password": "anders", "adopt_existing": true}},
	} {
		after, errs := d.apply(t, test.from, test.to)
		wantPhrases(t, errs, "The provider would lock itself out")
		if after.exists() != test.from.exists() || strings.Contains(errs, "anders") {
			t.Errorf("%s: in state: %t, errors: %s", name, after.exists(), errs)
		}
	}
	if _, errs = d.apply(t, user, userOf("admin", "theirs", "root")); errs != "" {
		t.Errorf("the password with which the provider logs in: %s", errs)
	}
	grant, errs := d.apply(t, d.none("etcd_user_role"), map[string]any{"user": "admin", "role": "root", "adopt_existing": true})
	if errs != "" {
		t.Fatal(errs)
	}
	_, errs = d.apply(t, grant, nil)
	wantPhrases(t, errs, "The provider would lock itself out")
	root, errs := d.apply(t, d.none("etcd_user"), map[string]any{"name": "root", "adopt_existing": true})
	if errs != "" {
		t.Fatal(errs)
	}
	_, errs = d.apply(t, root, nil)
	wantPhrases(t, errs, "refuses to change this object", "user root while authentication is enabled")
}

// lockedObjects returns the objects of a store with authentication, by the attributes of their
// configurations. The user and the role exist.
func lockedObjects(t *testing.T) (s *etcdtest.Server, objects map[string]map[string]any) {
	t.Helper()
	s = etcdtest.Start(t, etcdtest.WithAuth(rootPassword))
	makeUser(t, s, "alice")
	makeRole(t, s, "r", nil, nil)
	return s, map[string]map[string]any{
		"etcd_user":            {"name": "alice", "adopt_existing": true},
		"etcd_role":            {"name": "r", "adopt_existing": true},
		"etcd_user_role":       {"user": "alice", "role": "r"},
		"etcd_role_permission": {"role": "r", "access": "read", "pattern": "/x"},
		"etcd_auth":            {"adopt_existing": true},
	}
}

func TestAuth_insufficientCredentials(t *testing.T) {
	t.Parallel()
	s, objects := lockedObjects(t)
	for name, block := range map[string]map[string]any{
		"nobody": endpoint(s.URL()), "not root": credentials(s.URL(), "alice", "theirs"),
		"wrong password": credentials(s.URL(), "root", "falsch"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDirect(t, block)
			for typeName, attributes := range objects {
				if typeName == "etcd_auth" && name == "nobody" {
					continue // refused by the plan
				}
				if _, errs := d.apply(t, d.none(typeName), attributes); errs == "" {
					t.Errorf("%s was created", typeName)
				} else {
					wantPhrases(t, errs, "answered 401")
				}
			}
		})
	}
}

// A list is refused for its own sake, not for the key by which an endpoint catches up before it.
func TestAuth_listsNeedRoot(t *testing.T) {
	t.Parallel()
	s, _ := lockedObjects(t)
	d := newDirect(t, credentials(s.URL(), "alice", "theirs"))
	for _, typeName := range []string{"etcd_users", "etcd_roles"} {
		_, errs := d.read(t, typeName, nil)
		wantPhrases(t, errs, "Only a user with the role root can read users and roles")
	}
}

func TestAuth_stateIsKept(t *testing.T) {
	t.Parallel()
	s, objects := lockedObjects(t)
	root := newDirect(t, credentials(s.URL(), "root", rootPassword))
	d := newDirect(t, credentials(s.URL(), "root", "falsch"))
	for typeName, attributes := range objects {
		mine, errs := root.apply(t, root.none(typeName), attributes)
		if errs != "" {
			t.Fatal(errs)
		}
		kept, errs := d.refresh(t, mine)
		wantPhrases(t, errs, "answered 401")
		if !kept.exists() {
			t.Errorf("%s was dropped from state by a refresh", typeName)
		}
		kept, errs = d.apply(t, mine, nil)
		wantPhrases(t, errs, "answered 401")
		if !kept.exists() {
			t.Errorf("%s was dropped from state by a destroy", typeName)
		}
	}
}

// TestAuth_laggingEndpoint refreshes and changes objects through an endpoint whose first answer
// is out of date.
func TestAuth_laggingEndpoint(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	makeRoot(t, s)
	s.SetCredentials("root", rootPassword)
	makeUser(t, s, "alice")
	makeRole(t, s, "r", nil, nil)
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, credentials(proxy.URL(), "root", rootPassword))
	lag := func(path string) (end func()) {
		old := s.Do(t, etcdtest.Call{Path: path})
		return func() {
			proxy.Clear()
			proxy.Inject(
				etcdtest.Rule{Method: http.MethodGet, Path: path, Times: 1, Action: etcdtest.Respond(old.Status, old.Header, string(old.Body))},
			)
		}
	}
	for _, test := range []struct {
		typeName, path string
		attributes     map[string]any
	}{
		{"etcd_user", usersPath + "new", userOf("new", "geheim", "r")},
		{"etcd_role", rolesPath + "new", roleOf("new", []string{"/a"}, nil)},
		{"etcd_user_role", usersPath + "alice", map[string]any{"user": "alice", "role": "r"}},
		{"etcd_role_permission", rolesPath + "r", map[string]any{"role": "r", "access": "read", "pattern": "/a"}},
		{"etcd_auth", "/v2/auth/enable", map[string]any{}},
	} {
		behind := lag(test.path)
		proxy.Clear()
		mine, errs := d.apply(t, d.none(test.typeName), test.attributes)
		if errs != "" {
			t.Fatal(errs)
		}
		behind()
		if kept, errs := d.refresh(t, mine); errs != "" || !kept.state.Equal(mine.state) {
			t.Errorf("%s: in state: %t, %v, want %v; errors %s", test.typeName, kept.exists(), kept.state, mine.state, errs)
		}
	}
}

// TestAuth_laggingDrift plans a change only because of an outdated answer.
func TestAuth_laggingDrift(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, endpoint(proxy.URL()))
	for _, test := range []struct {
		typeName, path string
		old, changed   map[string]any
	}{
		{"etcd_role", rolesPath + name, roleOf(name, []string{"/a"}, nil), roleOf(name, []string{"/b"}, nil)},
		{"etcd_user", usersPath + name, userOf(name, "geheim"), userOf(name, "geheim", name)},
	} {
		before, errs := d.apply(t, d.none(test.typeName), test.old)
		if errs != "" {
			t.Fatal(errs)
		}
		old := s.Do(t, etcdtest.Call{Path: test.path})
		if _, errs = d.apply(t, before, test.changed); errs != "" {
			t.Fatal(errs)
		}
		proxy.Inject(
			etcdtest.Rule{Method: http.MethodGet, Path: test.path, Times: 1, Action: etcdtest.Respond(old.Status, old.Header, string(old.Body))},
		)
		behind, errs := d.refresh(t, before)
		if errs != "" || !behind.state.Equal(before.state) {
			t.Fatalf("refresh: %v, %s", behind.state, errs)
		}
		if _, errs = d.apply(t, behind, test.changed); errs != "" {
			t.Errorf("%s: a change that was already made: %s", test.typeName, errs)
		}
	}
}

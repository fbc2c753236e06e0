package provider

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// grantConfig returns a grant of a role to a user that are both created elsewhere.
func grantConfig(endpoint, user, role, attribute string) string {
	return config(endpoint, "resource \"etcd_user_role\" \"test\" {\n  user = %q\n  role = %q\n  %s\n}\n", user, role, attribute)
}

func TestAccUserRoleResource_lifecycle(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	cfg := grantConfig(s.URL(), name, name+"-1", "")
	makeRole(t, s, name+"-1", nil, nil)
	makeRole(t, s, name+"-2", nil, nil)
	makeUser(t, s, name, name+"-2")
	noop := resource.ImportPlanChecks{
		PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction("etcd_user_role.test", plancheck.ResourceActionNoop)},
	}
	create := planned("etcd_user_role.test", plancheck.ResourceActionCreate)
	acceptance(t,
		resource.TestStep{Config: cfg, Check: hasRoles(t, s, name, name+"-1", name+"-2")},
		resource.TestStep{
			ResourceName: "etcd_user_role.test", ImportState: true, ImportStateId: name + "/" + name + "-1",
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "user",
		},
		resource.TestStep{
			ResourceName: "etcd_user_role.test", ImportState: true, ImportStateId: name + "/" + name + "-1",
			ImportStateKind: resource.ImportBlockWithID, ImportPlanChecks: noop,
		},
		resource.TestStep{
			ResourceName: "etcd_user_role.test", ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity,
			ImportPlanChecks: noop,
		},
		resource.TestStep{
			ResourceName: "etcd_user_role.test", ImportState: true, ImportStateId: name, ExpectError: errorWith("Invalid import id", "alice/ops"),
		},
		resource.TestStep{
			PreConfig: func() { regrant(t, s, name, nil, []string{name + "-1"}) },
			Config:    cfg, ConfigPlanChecks: create, Check: hasRoles(t, s, name, name+"-1", name+"-2"),
		},
		resource.TestStep{
			PreConfig: func() {
				remove(t, s, usersPath+name)
				makeUser(t, s, name, name+"-2")
			},
			Config: cfg, ConfigPlanChecks: create, Check: hasRoles(t, s, name, name+"-1", name+"-2"),
		},
		resource.TestStep{
			// A grant of a deleted role stays in state, and a plan warns about it.
			PreConfig: func() { remove(t, s, rolesPath+name+"-1") }, Config: cfg, PlanOnly: true,
		},
		resource.TestStep{PreConfig: func() { makeRole(t, s, name+"-1", nil, nil) }, Config: cfg, PlanOnly: true},
		resource.TestStep{
			Config: grantConfig(s.URL(), name, name+"-1", "adopt_existing = true"),
			Check:  hasRoles(t, s, name, name+"-1", name+"-2"),
		},
	)
	if err := hasRoles(t, s, name, name+"-2")(nil); err != nil {
		t.Error(err)
	}
}

func TestAccUserRoleResource_refusals(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	makeRole(t, s, name, nil, nil)
	makeUser(t, s, name, name)
	acceptance(t,
		resource.TestStep{
			Config:      grantConfig(s.URL(), name, name, ""),
			ExpectError: errorWith("Grant already exists", "to = etcd_user_role.example", fmt.Sprintf("id = %q", name+"/"+name)),
		},
		resource.TestStep{
			Config: grantConfig(s.URL(), name, name+"-none", ""), ExpectError: errorWith("Role does not exist", "Nothing was changed"),
		},
		resource.TestStep{Config: grantConfig(s.URL(), name+"-none", name, ""), ExpectError: errorWith("Unable to grant role", "does not exist")},
		resource.TestStep{Config: grantConfig(s.URL(), "a:b", name, ""), ExpectError: errorWith("contains a colon")},
		resource.TestStep{Config: grantConfig(s.URL(), name, "a/b", ""), ExpectError: errorWith("contains a slash")},
		resource.TestStep{Config: grantConfig(s.URL(), name, name, "adopt_existing = true"), Check: hasRoles(t, s, name, name)},
	)
}

// TestAccUserRoleResource_parallel makes concurrent changes that a server alone would lose.
func TestAccUserRoleResource_parallel(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	cfg := config(s.URL(), `
resource "etcd_user" "test" {
  name     = %[1]q
  password = "geheim"
}
resource "etcd_role" "test" {
  name = %[1]q
}
resource "etcd_role" "many" {
  count = 20
  name  = "%[1]s-${count.index + 10}"
}
resource "etcd_user_role" "many" {
  count = 20
  user  = etcd_user.test.name
  role  = etcd_role.many[count.index].name
}
resource "etcd_role_permission" "many" {
  count   = 20
  role    = etcd_role.test.name
  access  = count.index %% 2 == 0 ? "read" : "write"
  pattern = "/${count.index + 10}"
}
`, name)
	var names, read, write []string
	for i := range 20 {
		names = append(names, fmt.Sprintf("%s-%d", name, i+10))
		if i%2 == 0 {
			read = append(read, fmt.Sprintf("/%d", i+10))
		} else {
			write = append(write, fmt.Sprintf("/%d", i+10))
		}
	}
	acceptance(t,
		resource.TestStep{
			Config: cfg, Check: resource.ComposeAggregateTestCheckFunc(hasRoles(t, s, name, names...), permits(t, s, name, read, write)),
			ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectIdentityValueMatchesState("etcd_user_role.many[3]", tfjsonpath.New("role"))},
		},
		resource.TestStep{Config: cfg, PlanOnly: true},
	)
}

func TestUserRoleResource_rivalAndLostAnswer(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, endpoint(proxy.URL()))
	makeRole(t, s, name, nil, nil)
	makeUser(t, s, name)
	want := map[string]any{"user": name, "role": name}
	lose := func(action etcdtest.Action) {
		proxy.Clear()
		proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Path: usersPath, Times: 1, Action: action})
	}
	lose(etcdtest.DropAnswer())
	grant, errs := d.apply(t, d.none("etcd_user_role"), want)
	if errs != "" {
		t.Fatalf("create: %s", errs)
	}
	lose(etcdtest.CutBefore())
	kept, errs := d.apply(t, grant, nil)
	wantPhrases(t, errs, "Outcome of a write is unknown")
	if !kept.exists() {
		t.Error("the grant was dropped from state although it may exist")
	}
	lose(etcdtest.DropAnswer())
	if gone, errs := d.apply(t, grant, nil); errs != "" || gone.exists() {
		t.Errorf("delete: %s", errs)
	}
	proxy.Clear()

	plan, cfg := d.plan(t, d.none("etcd_user_role"), want)
	regrant(t, s, name, []string{name}, nil)
	_, errs = d.applyPlan(t.Context(), t, d.none("etcd_user_role"), plan, cfg)
	wantPhrases(t, errs, "Grant already exists")

	plan, cfg = d.plan(t, grant, nil)
	regrant(t, s, name, nil, []string{name})
	if gone, errs := d.applyPlan(t.Context(), t, grant, plan, cfg); errs != "" || gone.exists() {
		t.Errorf("the rival revoked it first: %s", errs)
	}
}

// TestUserRoleResource_hiddenUser keeps in state a grant that servers do not show: the grant to a
// user that no list contains, and that has a role which does not exist.
func TestUserRoleResource_hiddenUser(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := "_" + authName(t)
	role, gone := authName(t)+"-r", authName(t)+"-gone"
	makeRole(t, s, role, nil, nil)
	makeUser(t, s, name, gone)
	d := newDirect(t, endpoint(s.URL()))
	attributes := map[string]any{"user": name, "role": role}
	grant, errs := d.apply(t, d.none("etcd_user_role"), attributes)
	if errs != "" {
		t.Fatal(errs)
	}
	if grant, errs = d.refresh(t, grant); errs != "" || !grant.exists() {
		t.Fatalf("in state: %t, errors = %s", grant.exists(), errs)
	}
	if left, errs := d.apply(t, grant, nil); errs != "" || left.exists() {
		t.Errorf("delete: %s", errs)
	}
}

func TestRolePermissionResource_rivalAndLostAnswer(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, endpoint(proxy.URL()))
	makeRole(t, s, name, []string{"/theirs"}, nil)
	want := map[string]any{"role": name, "access": "read", "pattern": "/ours"}
	lose := func(action etcdtest.Action) {
		proxy.Clear()
		proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Path: rolesPath, Times: 1, Action: action})
	}
	lose(etcdtest.DropAnswer())
	permission, errs := d.apply(t, d.none("etcd_role_permission"), want)
	if errs != "" {
		t.Fatalf("create: %s", errs)
	}
	lose(etcdtest.CutBefore())
	kept, errs := d.apply(t, permission, nil)
	wantPhrases(t, errs, "Outcome of a write is unknown")
	if !kept.exists() {
		t.Error("the permission was dropped from state although it may exist")
	}
	lose(etcdtest.DropAnswer())
	if gone, errs := d.apply(t, permission, nil); errs != "" || gone.exists() {
		t.Errorf("delete: %s", errs)
	}
	proxy.Clear()

	plan, cfg := d.plan(t, d.none("etcd_role_permission"), want)
	permit(t, s, name, []string{"/ours"}, nil)
	_, errs = d.applyPlan(t.Context(), t, d.none("etcd_role_permission"), plan, cfg)
	wantPhrases(t, errs, "Permission already exists")
	if gone, errs := d.apply(t, permission, nil); errs != "" || gone.exists() {
		t.Error(errs)
	}
	if read, _, _ := permissionsOf(t, s, name); !slices.Equal(read, []string{"/theirs"}) {
		t.Errorf("kv_read = %q, want what others granted", read)
	}
	if gone, errs := d.apply(t, permission, nil); errs != "" || gone.exists() {
		t.Errorf("deleting an absent permission: %s", errs)
	}
}

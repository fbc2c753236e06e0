package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// permissionConfig returns a permission of a role that is created elsewhere.
func permissionConfig(endpoint, role, access, pattern, attribute string) string {
	return config(
		endpoint, "resource \"etcd_role_permission\" \"test\" {\n  role = %q\n  access = %q\n  pattern = %q\n  %s\n}\n", role, access, pattern,
		attribute,
	)
}

func TestAccRolePermissionResource_lifecycle(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	makeRole(t, s, name, []string{"/theirs"}, nil)
	cfg := permissionConfig(s.URL(), name, "write", "/a:b/*", "")
	id := name + "/write:/a:b/*"
	theirs, ours := []string{"/theirs"}, []string{"/a:b/*"}
	noop := resource.ImportPlanChecks{
		PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction("etcd_role_permission.test", plancheck.ResourceActionNoop)},
	}
	acceptance(t,
		resource.TestStep{Config: cfg, Check: permits(t, s, name, theirs, ours)},
		resource.TestStep{
			ResourceName: "etcd_role_permission.test", ImportState: true, ImportStateId: id,
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "role",
		},
		resource.TestStep{
			ResourceName: "etcd_role_permission.test", ImportState: true, ImportStateId: id,
			ImportStateKind: resource.ImportBlockWithID, ImportPlanChecks: noop,
		},
		resource.TestStep{
			ResourceName: "etcd_role_permission.test", ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity,
			ImportPlanChecks: noop,
		},
		resource.TestStep{
			ResourceName: "etcd_role_permission.test", ImportState: true, ImportStateId: name + "/both:/a",
			ExpectError: errorWith("Invalid import id", "ops/read:/app/*"),
		},
		resource.TestStep{
			PreConfig: func() {
				remove(t, s, rolesPath+name)
				makeRole(t, s, name, theirs, nil)
			},
			Config: cfg, ConfigPlanChecks: planned("etcd_role_permission.test", plancheck.ResourceActionCreate),
			Check: permits(t, s, name, theirs, ours),
		},
		resource.TestStep{
			Config:           permissionConfig(s.URL(), name, "read", "/a:b/*", ""),
			ConfigPlanChecks: planned("etcd_role_permission.test", plancheck.ResourceActionDestroyBeforeCreate),
			Check:            permits(t, s, name, []string{"/a:b/*", "/theirs"}, nil),
		},
	)
	if err := permits(t, s, name, theirs, nil)(nil); err != nil {
		t.Error(err)
	}
}

func TestAccRolePermissionResource_refusals(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	name := authName(t)
	makeRole(t, s, name, []string{"/theirs"}, nil)
	acceptance(t,
		resource.TestStep{
			Config:      permissionConfig(s.URL(), name, "read", "/theirs", ""),
			ExpectError: errorWith("Permission already exists", "to = etcd_role_permission.example", name+"/read:/theirs"),
		},
		resource.TestStep{
			Config:      permissionConfig(s.URL(), name+"-none", "read", "/a", ""),
			ExpectError: errorWith("Unable to grant permission", "does not exist"),
		},
		resource.TestStep{Config: permissionConfig(s.URL(), "root", "read", "/a", ""), ExpectError: errorWith("is built in")},
		resource.TestStep{Config: permissionConfig(s.URL(), name, "both", "/a", ""), ExpectError: errorWith("Invalid Attribute Value Match")},
		resource.TestStep{Config: permissionConfig(s.URL(), name, "read", "", ""), ExpectError: errorWith("Invalid pattern")},
		resource.TestStep{
			Config: permissionConfig(s.URL(), name, "read", "/theirs", "adopt_existing = true"),
			Check:  permits(t, s, name, []string{"/theirs"}, nil),
		},
	)
}

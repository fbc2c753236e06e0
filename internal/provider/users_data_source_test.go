package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// The data source returns the roles of its users on every server: etcd 2.1 and 2.2 list only
// names.
func TestAccUsersDataSource_rolesOnEveryServer(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	makeRole(t, s, "app", []string{"/app/*"}, nil)
	makeUser(t, s, "alice", "app")
	makeUser(t, s, "bob")
	acceptance(t, resource.TestStep{
		Config: config(s.URL(), "data \"etcd_users\" \"all\" {}\n"),
		ConfigStateChecks: []statecheck.StateCheck{
			known("data.etcd_users.all", "users", knownvalue.ListExact([]knownvalue.Check{
				knownvalue.ObjectExact(map[string]knownvalue.Check{
					"name": knownvalue.StringExact("alice"), "roles": knownvalue.SetExact([]knownvalue.Check{knownvalue.StringExact("app")}),
				}),
				knownvalue.ObjectExact(map[string]knownvalue.Check{"name": knownvalue.StringExact("bob"), "roles": knownvalue.SetSizeExact(0)}),
			})),
		},
	})
}

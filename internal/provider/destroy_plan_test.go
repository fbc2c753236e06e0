package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// createsThatFail returns resource blocks whose create fails because of the provider's
// configuration, or because of a value that no configuration shows, and the errors.
func createsThatFail(dir, name string) map[string]string {
	return map[string]string{
		"resource \"etcd_auth\" \"test\" {}\n":                                   "The provider has no credentials",
		fmt.Sprintf("resource \"etcd_user\" \"test\" {\n  name = %q\n}\n", name): "Password is missing",
		fmt.Sprintf(
			"resource \"etcd_key\" \"test\" {\n  key             = %q\n  value           = \"v\"\n  ttl_renew_below = 5\n}\n", dir+"/k",
		): "Nothing to renew",
		fmt.Sprintf("resource \"etcd_key_prefix\" \"test\" {\n  prefix          = %q\n  keys            = { a = \"v\" }\n"+
			"  ttl_renew_below = 5\n}\n", dir+"/p"): "Nothing to renew",
		fmt.Sprintf(
			"resource \"etcd_key\" \"secret\" {\n  key              = %q\n  value_wo         = null\n  value_wo_version = 1\n}\n", dir+"/s",
		): "There is no value to write",
	}
}

// A destroy first plans to create what is not in state, and creates nothing. So a plan must
// not fail because of such an object, while an apply must.
func TestAccCreates_failAtApplyOnly(t *testing.T) {
	t.Parallel()

	l := newLab(t)
	dir := etcdtest.Prefix(t)
	proxy := etcdtest.NewProxy(t, l.server.URL())
	w := l.workspace(t, "1.11.0", proxy.URL(), fmt.Sprintf("resource \"etcd_dir\" \"state\" {\n  path = %q\n}\n", dir))
	mustRun(t, w, 0, "apply", "-auto-approve")
	proxy.Reset()
	var blocks, wants []string
	for block, want := range createsThatFail(dir, authName(t)) {
		blocks, wants = append(blocks, block), append(wants, want)
	}
	writeFile(t, w, "creates.tf", strings.Join(blocks, ""))
	planned, applied := mustRun(t, w, 0, "plan"), mustRun(t, w, 1, "apply", "-auto-approve")
	for _, want := range wants {
		if !strings.Contains(planned, "Warning: "+want) {
			t.Errorf("the plan does not warn of %q:\n%s", want, planned)
		}
		if !strings.Contains(applied, "Error: "+want) {
			t.Errorf("the apply does not end with %q:\n%s", want, applied)
		}
	}
	wroteNothing(t, proxy)
	mustRun(t, w, 0, "destroy", "-auto-approve")
}

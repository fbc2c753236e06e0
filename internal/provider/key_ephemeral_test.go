package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/echoprovider"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// echo is the configuration of a provider that puts an ephemeral value into state, so that a
// test can check it.
const echo = `
provider "echo" { data = ephemeral.etcd_key.x }
resource "echo" "x" {}
`

// acceptanceOfEphemeral is acceptance for a CLI with ephemeral resources, with a provider that
// echoes their values.
func acceptanceOfEphemeral(t *testing.T, steps ...resource.TestStep) {
	t.Helper()
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: map[string]func() (tfprotov6.ProviderServer, error){
			"etcd": factories["etcd"],
			"echo": echoprovider.NewProviderServer(),
		},
		TerraformVersionChecks: []tfversion.TerraformVersionCheck{tfversion.SkipBelow(tfversion.Version1_10_0)},
		Steps:                  steps,
	})
}

func TestAccKeyEphemeral(t *testing.T) {
	t.Parallel()
	s, key := etcdtest.Shared(t), etcdtest.Prefix(t)+"/secret"
	node := s.Put(t, key, "first\nline", "ttl=500").Node
	at := tfjsonpath.New("data")
	acceptanceOfEphemeral(t, resource.TestStep{
		Config: config(s.URL(), `ephemeral "etcd_key" "x" { key = %q }`, key) + echo,
		ConfigStateChecks: []statecheck.StateCheck{
			statecheck.ExpectKnownValue("echo.x", at.AtMapKey("value"), knownvalue.StringExact("first\nline")),
			statecheck.ExpectKnownValue("echo.x", at.AtMapKey("created_index"), knownvalue.Int64Exact(int64(node.CreatedIndex))),
			statecheck.ExpectKnownValue("echo.x", at.AtMapKey("modified_index"), knownvalue.Int64Exact(int64(node.ModifiedIndex))),
			statecheck.ExpectKnownValue("echo.x", at.AtMapKey("expiration"), knownvalue.NotNull()),
		},
	})
}

func TestAccKeyEphemeral_refused(t *testing.T) {
	t.Parallel()
	s, prefix := etcdtest.Shared(t), etcdtest.Prefix(t)
	s.Mkdir(t, prefix+"/dir")
	step := func(key, want string) resource.TestStep {
		return resource.TestStep{Config: config(s.URL(), `ephemeral "etcd_key" "x" { key = %q }`, key) + echo, ExpectError: spaced(want)}
	}
	acceptanceOfEphemeral(t,
		step(prefix+"/missing", prefix+"/missing does not exist"),
		step(prefix+"/dir", "There is a directory at "+prefix+"/dir; it has no value."),
		step("relative", "does not start with a slash"),
	)
}

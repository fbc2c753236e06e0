package provider

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"
)

// functionConfig returns a configuration that calls functions. Unlike others it has to declare
// the provider, and needs no provider block.
func functionConfig(format string, args ...any) string {
	namespace := cmp.Or(os.Getenv("TF_ACC_PROVIDER_NAMESPACE"), "hashicorp")
	return fmt.Sprintf("terraform {\n  required_providers {\n    etcd = { source = %q }\n  }\n}\n", namespace+"/etcd") +
		fmt.Sprintf(format, args...)
}

// acceptanceSince runs steps with a CLI of at least a version, and skips the test with an older
// CLI, which lacks the syntax. The test calls t.Parallel itself.
func acceptanceSince(t *testing.T, since *version.Version, steps ...resource.TestStep) {
	t.Helper()
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		TerraformVersionChecks:   []tfversion.TerraformVersionCheck{tfversion.SkipBelow(since)},
		Steps:                    steps,
	})
}

func wantOutput(value knownvalue.Check, format string, args ...any) resource.TestStep {
	return resource.TestStep{
		Config:            functionConfig(format, args...),
		ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownOutputValue("o", value)},
	}
}

func wantFailure(text, format string, args ...any) resource.TestStep {
	return resource.TestStep{Config: functionConfig(format, args...), ExpectError: spaced(text)}
}

// spaced matches a text that the CLI may have wrapped.
func spaced(text string) *regexp.Regexp {
	return regexp.MustCompile(regexp.MustCompile(`(\\?\s)+`).ReplaceAllString(regexp.QuoteMeta(text), `[\s│]+`))
}

func TestAccKeyJoinFunction(t *testing.T) {
	t.Parallel()
	acceptanceSince(t, tfversion.Version1_8_0,
		wantFailure("a part of a path cannot be empty", `output "o" { value = provider::etcd::key_join("app", "") }`),
		wantFailure("must not be null", `output "o" { value = provider::etcd::key_join("app", null) }`),
		wantOutput(knownvalue.StringExact("/app/db/host"), `output "o" { value = provider::etcd::key_join("/app/", "db", "/host") }`),
		wantOutput(knownvalue.StringExact("/app/x"), `
resource "terraform_data" "x" { input = "x" }
output "o" { value = provider::etcd::key_join("app", terraform_data.x.output) }`),
	)
}

func TestAccKeyParentFunction(t *testing.T) {
	t.Parallel()
	acceptanceSince(t, tfversion.Version1_8_0,
		wantOutput(knownvalue.StringExact("/app/db"), `output "o" { value = provider::etcd::key_parent("/app/db/host") }`),
		wantFailure("the root is in no directory", `output "o" { value = provider::etcd::key_parent("/") }`),
	)
}

func TestAccKeyBaseFunction(t *testing.T) {
	t.Parallel()
	acceptanceSince(t, tfversion.Version1_8_0,
		wantOutput(knownvalue.StringExact("host"), `output "o" { value = provider::etcd::key_base("/app/db/host") }`),
		wantFailure("does not start with a slash", `output "o" { value = provider::etcd::key_base("app") }`),
	)
}

func TestAccFlattenFunction(t *testing.T) {
	t.Parallel()
	acceptanceSince(t, tfversion.Version1_8_0,
		wantFailure("a/b is null", `output "o" { value = provider::etcd::flatten({ a = { b = null } }) }`),
		wantFailure("hosts is a list", `output "o" { value = provider::etcd::flatten({ hosts = ["a"] }) }`),
		wantFailure("an object or a map is needed", `output "o" { value = provider::etcd::flatten("x") }`),
		wantOutput(knownvalue.MapExact(map[string]knownvalue.Check{
			"db/host": knownvalue.StringExact("h"), "db/port": knownvalue.StringExact("5432"), "on": knownvalue.StringExact("true"),
		}), `output "o" { value = provider::etcd::flatten({ db = { host = "h", port = 5432 }, on = true, none = {} }) }`),
		// The paths are known before the values are: otherwise count would fail.
		wantOutput(knownvalue.TupleExact([]knownvalue.Check{knownvalue.StringExact("x"), knownvalue.StringExact("1")}), `
resource "terraform_data" "x" { input = "x" }
locals { flat = provider::etcd::flatten({ a = { b = terraform_data.x.output }, c = 1 }) }
resource "terraform_data" "each" {
  count = length(local.flat)
  input = values(local.flat)[count.index]
}
output "o" { value = terraform_data.each[*].output }`),
	)
}

func TestAccUnflattenFunction(t *testing.T) {
	t.Parallel()
	acceptanceSince(t, tfversion.Version1_8_0,
		wantOutput(knownvalue.ObjectExact(map[string]knownvalue.Check{
			"db": knownvalue.ObjectExact(map[string]knownvalue.Check{"host": knownvalue.StringExact("h"), "port": knownvalue.StringExact("1")}),
		}), `output "o" { value = provider::etcd::unflatten({ "db/host" = "h", "/db/port" = 1 }) }`),
		wantOutput(knownvalue.Bool(true), `
locals { config = { a = { b = "1" }, c = "2" } }
output "o" { value = provider::etcd::unflatten(provider::etcd::flatten(local.config)) == local.config }`),
		wantFailure(`"/a/b" is below "a"`, `output "o" { value = provider::etcd::unflatten({ "/a" = "1", "/a/b" = "2" }) }`),
	)
}

func TestAccPermitsFunction(t *testing.T) {
	t.Parallel()
	acceptanceSince(t, tfversion.Version1_8_0,
		wantOutput(knownvalue.TupleExact([]knownvalue.Check{knownvalue.Bool(true), knownvalue.Bool(false), knownvalue.Bool(true)}), `
output "o" {
  value = [
    provider::etcd::permits(["/x", "/app/*"], "/app/db"),
    provider::etcd::permits(["/x", "/app/*"], "/app"),
    provider::etcd::permits(toset(["/app*"]), "/app"),
  ]
}`),
		wantFailure("does not start with a slash", `output "o" { value = provider::etcd::permits(["/*"], "app") }`),
	)
}

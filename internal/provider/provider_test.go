package provider

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// Helpers for all acceptance tests of the package. A test that only needs keys
// of its own uses etcdtest.Shared and etcdtest.Prefix; one that stops, locks or
// configures its server starts one with etcdtest.Start. A test of many writes,
// or of lost answers, drives the provider without a CLI: see direct_test.go.

func TestMain(m *testing.M) { etcdtest.Main(m) }

// factories serve the provider in the process of the test.
var factories = map[string]func() (tfprotov6.ProviderServer, error){
	"etcd": func() (tfprotov6.ProviderServer, error) { return NewServer("test"), nil },
}

// acceptance runs steps against the CLI, in parallel with other tests.
func acceptance(t *testing.T, steps ...resource.TestStep) {
	t.Helper()
	resource.ParallelTest(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: steps})
}

// config puts a provider block for an endpoint before the configuration, which
// is a format for args. Strings of HCL are written by %q or with quote.
func config(endpoint, format string, args ...any) string {
	return configWith(endpoint, "", format, args...)
}

// configWith is config with more attributes in the provider block.
func configWith(endpoint, attributes, format string, args ...any) string {
	return fmt.Sprintf("provider \"etcd\" {\n  endpoints = [%q]\n  %s\n}\n", endpoint, attributes) + fmt.Sprintf(format, args...)
}

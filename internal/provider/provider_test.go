package provider

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/tfserver"
)

// Helpers for all acceptance tests of the package. A test that needs only keys of its own uses
// etcdtest.Shared and etcdtest.Prefix. A test that stops, locks or configures its server starts
// one with etcdtest.Start. A test of many writes, or of lost answers, calls the provider without
// a CLI: see direct_test.go.

func TestMain(m *testing.M) { etcdtest.Main(m) }

// The server checks for these interfaces with type assertions.
var (
	_ tfserver.ProviderWithGeneratedConfig = (*etcdProvider)(nil)
	_ tfserver.ProviderWithShutdown        = (*etcdProvider)(nil)
)

// newServer serves the provider like the program.
func newServer() tfprotov6.ProviderServer {
	return tfserver.New(New("test", tfserver.LogsWanted(os.LookupEnv)))
}

// factories serve the provider in the process of the test.
var factories = map[string]func() (tfprotov6.ProviderServer, error){
	"etcd": func() (tfprotov6.ProviderServer, error) { return newServer(), nil },
}

// acceptance runs steps against the CLI. The test calls t.Parallel first.
func acceptance(t *testing.T, steps ...resource.TestStep) {
	t.Helper()
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: factories, Steps: steps})
}

// config puts a provider block for an endpoint before the configuration, which is a format for
// args. Write HCL strings with %q or with quote.
func config(endpoint, format string, args ...any) string {
	return configWith(endpoint, "", format, args...)
}

// configWith is config with more attributes in the provider block.
func configWith(endpoint, attributes, format string, args ...any) string {
	return fmt.Sprintf("provider \"etcd\" {\n  endpoints = [%q]\n  %s\n}\n", endpoint, attributes) + fmt.Sprintf(format, args...)
}

// quote returns an HCL string literal, in which ${ and %{ are escaped.
func quote(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strconv.Quote(s))
}

// errorWith matches an error that contains all the texts in this order. A CLI wraps the lines of an
// error, so every space matches any white space and the bar that the CLI draws.
func errorWith(texts ...string) *regexp.Regexp {
	for i, text := range texts {
		words := strings.Fields(text)
		for j, word := range words {
			words[j] = regexp.QuoteMeta(word)
		}
		texts[i] = strings.Join(words, `[\s│]+`)
	}
	return regexp.MustCompile("(?s)" + strings.Join(texts, ".*"))
}

// onServer returns a check of a step that inspects the server.
func onServer(check func() error) resource.TestCheckFunc {
	return func(*terraform.State) error { return check() }
}

// serverHas checks that a key has a value on the server.
func serverHas(t *testing.T, s *etcdtest.Server, key, want string) resource.TestCheckFunc {
	t.Helper()
	return onServer(func() error {
		answer := s.Get(t, key)
		if answer.ErrorCode != 0 || answer.Node.Dir || answer.Node.Value != want {
			return fmt.Errorf("%q on the server: code %d, node %+v; want value %q", key, answer.ErrorCode, answer.Node, want)
		}
		return nil
	})
}

// eventually waits until check returns true, for at most 30 s.
func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); !check(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("timed out after 30 s: %s", what)
		}
	}
}

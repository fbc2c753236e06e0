package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/cli/clitest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// use is a configuration that uses a feature that not every CLI has.
type use struct {
	cli.Feature

	config string
	// file and command are set if they are not main.tf and apply.
	file    string
	command []string
	// refusal matches what a CLI without the feature prints.
	refusal string
}

// uses are keyed by the beginning of the feature's row in the documentation.
var uses = map[string]use{
	"import blocks": {Feature: cli.ImportBlocks, config: `
import {
  to = etcd_key.seed
  id = "/seed"
}
resource "etcd_key" "seed" {
  key   = "/seed"
  value = "there"
}
`, refusal: `Blocks of type "import" are not expected here`},
	"removed blocks": {Feature: cli.RemovedBlocks, config: `
removed {
  from = etcd_key.seed
  lifecycle {
    destroy = false
  }
}
`, refusal: "are not expected here"},
	"functions": {Feature: cli.Functions, config: `
output "path" {
  value = provider::etcd::key_join("a", "b")
}
`, refusal: "provider::etcd::key_join"},
	"moved blocks": {Feature: cli.MovesOfTypes, config: `
moved {
  from = etcdv2_keyvalue.seed
  to   = etcd_key.seed
}
resource "etcd_key" "seed" {
  key            = "/seed"
  value          = "there"
  adopt_existing = true
}
`, refusal: `Resource type mismatch|Blocks of type "moved" are not expected here`},
	"ephemeral resources": {Feature: cli.Ephemeral, config: `
ephemeral "etcd_key" "seed" {
  key = "/seed"
}
`, refusal: `Blocks of type "ephemeral" are not expected here`},
	"write-only attributes": {Feature: cli.WriteOnly, config: `
resource "etcd_key" "secret" {
  key              = "/secret"
  value_wo         = "hidden"
  value_wo_version = 1
}
`, refusal: "WriteOnly Attribute Not Allowed"},
	"import by identity": {Feature: cli.ImportByIdentity, config: `
import {
  to       = etcd_key.seed
  identity = { key = "/seed" }
}
resource "etcd_key" "seed" {
  key   = "/seed"
  value = "there"
}
`, refusal: `argument named "identity" is not expected here|Blocks of type "import" are not expected here`},
	"actions": {Feature: cli.Actions, config: `
action "etcd_set" "touch" {
  config {
    key   = "/touched"
    value = "yes"
  }
}
`, refusal: `Blocks of type "action" are not expected here`},
	"list resources": {Feature: cli.Lists, file: "all.tfquery.hcl", config: `
list "etcd_key" "all" {
  provider = etcd
  config {
    prefix = "/"
  }
}
`, command: []string{"query"}, refusal: "no command"},
}

// Each feature works from its version on. Before it, the CLI rejects the configuration as
// a whole.
func features(t *testing.T, l *clitest.Lab) {
	t.Helper()

	for name, u := range uses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := etcdtest.Start(t)
			server.Put(t, "/seed", "there")
			w := open(t, l, server, `provider "etcd" {}`)
			command := u.command
			if command == nil {
				w.configure(t, u.config)
				command = []string{"apply", "-auto-approve"}
			} else {
				w.Write(t, u.file, u.config)
			}
			if l.Release.Knows(u.Feature) {
				w.must(t, 0, command...)
				return
			}
			output, code, err := w.Run(t.Context(), command...)
			if err != nil || code == 0 {
				t.Fatalf("the CLI accepts the configuration: %v\n%s", err, output)
			}
			if !regexp.MustCompile(u.refusal).MatchString(output) {
				t.Errorf("the output does not match %q:\n%s", u.refusal, output)
			}
		})
	}
}

// The documentation names the versions that the tests of features use.
func TestFeatures_documented(t *testing.T) {
	t.Parallel()

	text, err := os.ReadFile(filepath.Join("..", "..", "templates", "index.md.tmpl"))
	if err != nil {
		t.Fatal(err)
	}
	since := func(minor int) string {
		if minor == 0 {
			return "no"
		}
		return fmt.Sprintf("1.%d", minor)
	}
	page := strings.ReplaceAll(string(text), "`", "")
	for name, u := range uses {
		row := regexp.MustCompile(fmt.Sprintf(`(?m)^\| %s.* \| %s \| %s \|$`, name, since(u.Terraform), since(u.OpenTofu)))
		if !row.MatchString(page) {
			t.Errorf("the documentation has no row that matches %s", row)
		}
	}
}

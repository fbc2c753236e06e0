package bench

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// subject is something that the CLI plans and applies.
type subject struct {
	name string
	// provider is its program, empty for the built-in resources of the CLI.
	provider string
	// config returns a configuration of n keys in a directory of a server. The first key
	// has the value of the variable "first".
	config func(endpoint, dir string, n int) string
	// rival reports whether it is another provider, and not a lower bound.
	rival bool
}

// resources returns n instances of a resource whose last attribute has the value.
func resources(required, provider, resource, attributes, value string, n int) string {
	return fmt.Sprintf(`
terraform {
  required_providers {
%s
  }
}

variable "first" {
  default = "some value"
}

%s

resource %q "a" {
  count = %d
%s
  %s = count.index == 0 ? var.first : "some value"
}
`, required, provider, resource, n, attributes, value)
}

// The mirror of each subject contains its provider under the name that cli.Install uses.
const (
	asEtcd   = `    etcd = { source = "etcdv2/etcd" }`
	asEtcdv2 = `    etcdv2 = { source = "etcdv2/etcd" }`
)

func aKey(dir string) string { return fmt.Sprintf("  key = \"%s/key-${count.index}\"", dir) }

func builtIn() subject {
	return subject{name: "terraform_data", config: func(_, _ string, n int) string {
		return resources("", "", "terraform_data", "", "input", n)
	}}
}

// ours returns a subject that serves the schema of etcd_key.
func ours(name, program string) subject {
	return subject{name: name, provider: program, config: func(endpoint, dir string, n int) string {
		return resources(asEtcd, fmt.Sprintf("provider \"etcd\" {\n  endpoints = [%q]\n}", endpoint), "etcd_key", aKey(dir), "value", n)
	}}
}

// released are the rivals that we have configurations for, by the name of the program in
// their archives. They are not part of this repository, see README.md.
var released = []struct {
	program *regexp.Regexp
	name    string
	config  func(endpoint, dir string, n int) string
}{
	{regexp.MustCompile(`^terraform-provider-etcdv2(_v[^_]*)?$`), "retryW/etcdv2", func(endpoint, dir string, n int) string {
		return resources(asEtcdv2, fmt.Sprintf("provider \"etcdv2\" {\n  host = %q\n}", endpoint), "etcdv2_keyvalue", aKey(dir), "value", n)
	}},
	{regexp.MustCompile(`^terraform-provider-etcd(_v[^_]*)?$`), "Ferlab-Ste-Justine/etcd (v3)", func(endpoint, dir string, n int) string {
		u, err := url.Parse(endpoint)
		if err != nil {
			return err.Error()
		}
		return resources(
			asEtcd, fmt.Sprintf("provider \"etcd\" {\n  endpoints = %q\n  skip_tls  = true\n}", u.Host), "etcd_key", aKey(dir), "value", n,
		)
	}},
}

// rivals returns the released rivals whose programs are in a directory.
func rivals(t *testing.T, dir string) []subject {
	t.Helper()
	if dir == "" {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var found []subject
	for _, entry := range entries {
		for _, r := range released {
			if match := r.program.FindStringSubmatch(entry.Name()); match != nil {
				path, err := filepath.Abs(filepath.Join(dir, entry.Name()))
				if err != nil {
					t.Fatal(err)
				}
				version := match[1]
				if version != "" {
					version = " " + version[2:]
				}
				found = append(found, subject{name: r.name + version, provider: path, config: r.config, rival: true})
			}
		}
	}
	if len(found) == 0 {
		t.Fatal(errors.New(dir + " has no program of a known rival, see README.md"))
	}
	return found
}

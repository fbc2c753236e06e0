// Package examples_test runs every configuration of the documentation: it applies each to a
// real server with a real CLI, checks that the next plan is empty, and destroys it.
package examples_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/cli/clitest"
)

func TestAccExamples(t *testing.T) {
	t.Parallel()

	l := clitest.New(t)
	for _, dir := range directories(t) {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			if why := lacks(t, l.Release, dir); why != "" {
				t.Skip(why)
			}
			s := scenes[dir]
			r := start(t, l, dir, s)
			if s.noApply != "" {
				r.Must(t, 0, "validate")
				t.Log("not applied: " + s.noApply)
				return
			}
			before := r.keys(t)
			if strings.HasPrefix(dir, "list-resources/") {
				r.query(t)
				return
			}
			r.apply(t)
			if s.check != nil {
				s.check(t, r)
			}
			r.imports(t)
			for _, key := range s.removes {
				delete(before, key)
			}
			r.destroy(t, before)
		})
	}
}

// query runs the example of a list resource, which must find something.
func (r *run) query(t *testing.T) {
	t.Helper()

	r.Must(t, 0, "validate", "-query")
	if found := r.Must(t, 0, "query"); !strings.Contains(found, "list.etcd_") {
		t.Errorf("query found nothing:\n%s", found)
	}
}

// imports tries each way to import that the page of a resource shows.
func (r *run) imports(t *testing.T) {
	t.Helper()

	if exists(r.source, "import.sh") {
		r.importScript(t)
	}
	if exists(r.source, "import-by-string-id.tf") && r.lab.Release.Knows(cli.ImportBlocks) {
		r.importBlock(t, "import-by-string-id.tf")
	}
	if exists(r.source, "import-by-identity.tf") && r.lab.Release.Knows(cli.ImportByIdentity) {
		r.importBlock(t, "import-by-identity.tf")
	}
}

// needs are features that not every CLI has, by a pattern that matches their use.
var needs = map[*regexp.Regexp]cli.Feature{
	regexp.MustCompile(`(?m)^import \{`):                   cli.ImportBlocks,
	regexp.MustCompile(`(?m)^resource "terraform_data"`):   cli.ImportBlocks, // one release older
	regexp.MustCompile(`(?m)^check "`):                     cli.CheckBlocks,
	regexp.MustCompile(`(?m)^removed \{`):                  cli.RemovedBlocks,
	regexp.MustCompile(`from += etcdv2_`):                  cli.MovesOfTypes,
	regexp.MustCompile(`provider::etcd::`):                 cli.Functions,
	regexp.MustCompile(`(?m)^ephemeral "|^ *ephemeral +=`): cli.Ephemeral,
	regexp.MustCompile(`(?m)^ *(value|password)_wo +=`):    cli.WriteOnly,
	regexp.MustCompile(`(?m)^list "`):                      cli.Lists,
	regexp.MustCompile(`(?m)^action "`):                    cli.Actions,
}

// lacks returns what the CLI does not support in the configuration of an example, or "".
func lacks(t *testing.T, release cli.Release, dir string) string {
	t.Helper()

	files := slices.Concat(glob(t, filepath.Join(dir, "*.tf")), glob(t, filepath.Join(dir, "*", "*.tf")))
	if strings.HasPrefix(dir, "list-resources/") {
		files = glob(t, filepath.Join(dir, "*.tfquery.hcl"))
	}
	for _, file := range files {
		if strings.HasPrefix(filepath.Base(file), "import-by-") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for pattern, feature := range needs {
			if use := pattern.Find(text); use != nil && !release.Knows(feature) {
				return fmt.Sprintf("%s does not support %q", release, use)
			}
		}
	}
	return ""
}

// directories returns the directories that contain a configuration.
func directories(t *testing.T) []string {
	t.Helper()

	var dirs []string
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && isConfiguration(path) && !slices.Contains(dirs, filepath.Dir(path)) {
			dirs = append(dirs, filepath.Dir(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

func isConfiguration(path string) bool {
	return strings.HasSuffix(path, ".tf") || strings.HasSuffix(path, ".tfquery.hcl")
}

// configuration returns the files of a directory that a CLI reads, without the imports,
// which are tried one by one. Only a query reads query files.
func configuration(t *testing.T, dir string, replace *strings.Replacer) fs.FS {
	t.Helper()

	files := fstest.MapFS{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if !isConfiguration(name) && filepath.Ext(name) != ".json" || strings.HasPrefix(name, "import-by-") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: []byte(replace.Replace(string(content))), Mode: 0o600}
	}
	return files
}

func exists(dir, name string) bool {
	_, err := os.Stat(filepath.Join(dir, name))
	return err == nil
}

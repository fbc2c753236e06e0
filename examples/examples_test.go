// Package examples_test runs every configuration of the documentation: it is
// applied to a real server with a real CLI, planned empty and destroyed.
package examples_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
)

func TestAccExamples(t *testing.T) {
	t.Parallel()

	l := newLab(t)
	for _, dir := range directories(t) {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			if why := lacks(l.release, dir); why != "" {
				t.Skip(why)
			}
			s := scenes[dir]
			r := l.start(t, dir, s)
			if s.noApply != "" {
				r.must(t, 0, "validate")
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
			r.imports(t, l)
			for _, key := range s.removes {
				delete(before, key)
			}
			r.destroy(t, before)
		})
	}
}

// query runs the example of a list resource, which has to find something.
func (r *run) query(t *testing.T) {
	t.Helper()

	r.must(t, 0, "validate", "-query")
	if found := r.must(t, 0, "query"); !strings.Contains(found, "list.etcd_") {
		t.Errorf("query found nothing:\n%s", found)
	}
}

// imports tries each way to import that the documentation of a resource shows.
func (r *run) imports(t *testing.T, l *lab) {
	t.Helper()

	if exists(r.source, "import.sh") {
		r.importScript(t)
	}
	if exists(r.source, "import-by-string-id.tf") {
		r.importBlock(t, l, "import-by-string-id.tf")
	}
	if exists(r.source, "import-by-identity.tf") && l.release.AtLeast(1, 12) {
		r.importBlock(t, l, "import-by-identity.tf")
	}
}

// lacks says why a CLI cannot run an example, or nothing.
func lacks(r cli.Release, dir string) string {
	switch kind, _, _ := strings.Cut(dir, "/"); kind {
	case "functions":
		if !r.AtLeast(1, 8) {
			return "provider functions are in version 1.8 and newer"
		}
	case "ephemeral-resources":
		if !r.AtLeast(1, 11) {
			return "ephemeral resources and the write-only attributes that take their values are in version 1.11 and newer"
		}
	case "list-resources", "actions":
		if r.OpenTofu || !r.AtLeast(1, 14) {
			return kind + " are in Terraform 1.14 and newer, and not in OpenTofu"
		}
	case "state-stores":
		return "state stores are in experimental builds of Terraform alone"
	}
	return ""
}

// directories are those that hold a configuration.
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

// configuration is the files of a directory that a CLI reads, without the
// imports, which are tried one by one. Only a query reads query files.
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

package main

import (
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFaults_compile checks that each fault compiles: running all of them takes long, and a
// fault that does not compile proves nothing.
func TestFaults_compile(t *testing.T) {
	t.Parallel()
	checked := &typeChecker{set: token.NewFileSet(), files: map[string]map[string]*ast.File{}}
	checked.importer = importer.ForCompiler(checked.set, "gc", compiled(t))
	for _, f := range slices.Concat(faults, allTortureFaults()) {
		text, err := f.apply(internalDir)
		if err != nil {
			continue // TestFaults reports it.
		}
		if err := checked.check(t, f.file, text); err != nil {
			t.Errorf("%s: %s does not compile: %v", f.row, f, err)
		}
	}
}

// compiled returns a function that opens the compiled form of a package that the packages
// with faults import.
func compiled(tb testing.TB) func(path string) (io.ReadCloser, error) {
	tb.Helper()
	args := []string{
		"list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", "./etcdv2", "./etcdtest", "./keyedlock", "./keyspace", "./provider",
	}
	cmd := exec.CommandContext(tb.Context(), "go", args...)
	cmd.Dir = internalDir
	output, err := cmd.Output()
	if err != nil {
		tb.Fatalf("go list: %v", err)
	}
	files := map[string]string{}
	for line := range strings.Lines(string(output)) {
		pkg, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		files[pkg] = file
	}
	return func(pkg string) (io.ReadCloser, error) { return os.Open(files[pkg]) }
}

// typeChecker checks packages in which one file has been changed.
type typeChecker struct {
	set      *token.FileSet
	importer types.Importer
	// files are the unchanged files of each package.
	files map[string]map[string]*ast.File
}

func (c *typeChecker) check(tb testing.TB, file, text string) error {
	tb.Helper()
	dir := path.Dir(file)
	if c.files[dir] == nil {
		c.files[dir] = c.parse(tb, dir)
	}
	changed, err := parser.ParseFile(c.set, file, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	files := []*ast.File{changed}
	for name, parsed := range c.files[dir] {
		if name != file {
			files = append(files, parsed)
		}
	}
	_, err = (&types.Config{Importer: c.importer}).Check(dir, c.set, files, nil)
	return err
}

// parse returns the files of a package, without its tests.
func (c *typeChecker) parse(tb testing.TB, dir string) map[string]*ast.File {
	tb.Helper()
	pkg, err := build.ImportDir(filepath.Join(internalDir, dir), 0)
	if err != nil {
		tb.Fatal(err)
	}
	files := map[string]*ast.File{}
	for _, name := range pkg.GoFiles {
		parsed, err := parser.ParseFile(c.set, filepath.Join(pkg.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			tb.Fatal(err)
		}
		files[path.Join(dir, name)] = parsed
	}
	return files
}

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// internalDir is the directory of the packages, for the tests of this one.
const internalDir = ".."

// capabilities are how many rows each section of COVERAGE.md has.
var capabilities = map[string]int{"A": 35, "B": 10, "C": 16, "D": 5, "E": 6, "F": 11, "G": 13, "H": 18, "I": 14, "J": 5}

func rowsOf(tb testing.TB) []row {
	tb.Helper()
	rows, err := readCoverage(filepath.Join(internalDir, coverageFile))
	if err != nil {
		tb.Fatal(err)
	}
	return rows
}

// TestCoverage checks that COVERAGE.md has every row, and that everything it names exists.
func TestCoverage(t *testing.T) {
	t.Parallel()
	names, tests := map[string]bool{}, map[test]bool{}
	for i, pkg := range packages {
		prefix := pkg + "."
		if i == 0 {
			prefix = ""
		}
		for name := range declared(t, pkg, false) {
			names[prefix+name] = true
		}
		for name := range declared(t, pkg, true) {
			tests[test{pkg, name}] = true
		}
	}
	var ids []string
	for _, r := range rowsOf(t) {
		ids = append(ids, r.id)
		switch {
		case r.refused && len(r.tests) > 0:
			t.Errorf("%s is marked as refused, but names tests", r.id)
		case r.refused:
			continue
		case len(r.tests) == 0:
			t.Errorf("%s names no test and gives no reason", r.id)
		}
		for _, match := range quoted.FindAllStringSubmatch(r.here, -1) {
			if isName := !strings.ContainsAny(match[1], " ="); isName && !names[match[1]] {
				t.Errorf("%s: there is no %s", r.id, match[1])
			}
		}
		for _, proof := range r.tests {
			if !tests[proof] {
				t.Errorf("%s: there is no test %s in %s", r.id, proof.name, proof.pkg)
			}
		}
	}
	var want []string
	for section, n := range capabilities {
		for i := range n {
			want = append(want, fmt.Sprint(section, i+1))
		}
	}
	slices.Sort(want)
	slices.Sort(ids)
	if !slices.Equal(want, ids) {
		t.Errorf("rows of COVERAGE.md = %v, want %v", ids, want)
	}
}

// TestFaults checks the table of faults against the sources and COVERAGE.md: every feature
// that exists can be removed.
func TestFaults(t *testing.T) {
	t.Parallel()
	has := map[string]bool{}
	for _, f := range slices.Concat(faults, allTortureFaults()) {
		text, err := f.apply(internalDir)
		if err != nil {
			t.Errorf("%s: %v", f.row, err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), f.file, text, parser.SkipObjectResolution); err != nil || f.old == f.new {
			t.Errorf("%s: %s is not a valid fault: %v", f.row, f, err)
		}
	}
	for _, f := range faults {
		has[f.row] = true
	}
	for _, r := range rowsOf(t) {
		if has[r.id] == r.refused {
			t.Errorf("%s: has a fault: %t, marked as refused: %t", r.id, has[r.id], r.refused)
		}
		delete(has, r.id)
	}
	for id := range has {
		t.Errorf("%s: there is a fault for this row, but no such row", id)
	}
}

// services are the fields of the client for its services.
var services = map[string]string{
	"KeysService": "Keys", "MembersService": "Members", "AuthService": "Auth", "UsersService": "Users", "RolesService": "Roles",
	"StatsService": "Stats",
}

// declared returns the names of a package, or of its tests: functions,
// types, methods, fields, constants and variables.
func declared(tb testing.TB, pkg string, tests bool) map[string]bool {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(internalDir, pkg, "*.go"))
	if err != nil {
		tb.Fatal(err)
	}
	names := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") != tests {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			tb.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			for _, name := range namesOf(decl) {
				names[name] = true
			}
		}
	}
	return names
}

func namesOf(decl ast.Decl) []string {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			return []string{d.Name.Name}
		}
		receiver := d.Recv.List[0].Type
		if star, ok := receiver.(*ast.StarExpr); ok {
			receiver = star.X
		}
		owner := fmt.Sprint(receiver)
		if service, ok := services[owner]; ok {
			owner = service
		}
		return []string{owner + "." + d.Name.Name}
	case *ast.GenDecl:
		var names []string
		for _, spec := range d.Specs {
			names = append(names, namesOfSpec(spec)...)
		}
		return names
	default:
		return nil
	}
}

func namesOfSpec(spec ast.Spec) []string {
	var names []string
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range s.Names {
			names = append(names, name.Name)
		}
	case *ast.TypeSpec:
		names = append(names, s.Name.Name)
		if fields, ok := s.Type.(*ast.StructType); ok {
			for _, field := range fields.Fields.List {
				for _, name := range field.Names {
					names = append(names, s.Name.Name+"."+name.Name)
				}
			}
		}
	}
	return names
}

package etcdv2_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// capabilities are how many rows each section of COVERAGE.md has.
var capabilities = map[string]int{"A": 35, "B": 10, "C": 16, "D": 5, "E": 6, "F": 11, "G": 13, "H": 18, "I": 14, "J": 5}

// TestCoverage makes sure that COVERAGE.md has every row, and that all that it
// names exists.
func TestCoverage(t *testing.T) {
	t.Parallel()
	names := declared(t, ".", "", false)
	for name := range declared(t, filepath.Join("..", "etcdtest"), "etcdtest.", false) {
		names[name] = true
	}
	tests := declared(t, ".", "", true)
	quoted := regexp.MustCompile("`([^`]+)`")
	var ids []string
	for line := range strings.SplitSeq(string(must[[]byte](t)(os.ReadFile("COVERAGE.md"))), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || !regexp.MustCompile(`^ [A-J]\d+ $`).MatchString(cells[1]) {
			continue
		}
		id, here, proofs := strings.TrimSpace(cells[1]), cells[3], quoted.FindAllStringSubmatch(cells[4], -1)
		ids = append(ids, id)
		refused := strings.Contains(here, "refused: ") && len(proofs) == 0
		if !refused && len(proofs) == 0 {
			t.Errorf("%s: no test is named, and no reason is given", id)
		}
		for _, match := range quoted.FindAllStringSubmatch(here, -1) {
			if isName := !strings.Contains(match[1], " ") && !strings.Contains(match[1], "="); isName && !refused && !names[match[1]] {
				t.Errorf("%s: there is no %s", id, match[1])
			}
		}
		for _, match := range proofs {
			if !tests[match[1]] {
				t.Errorf("%s: there is no test %s", id, match[1])
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
		t.Errorf("COVERAGE.md has the rows %v, want %v", ids, want)
	}
	for name, test := range provedElsewhere {
		if !tests[test] {
			t.Errorf("%s: there is no test %s", name, test)
		}
	}
}

// services are how a client calls its services.
var services = map[string]string{
	"KeysService": "Keys", "MembersService": "Members", "AuthService": "Auth", "UsersService": "Users", "RolesService": "Roles", "StatsService": "Stats",
}

// declared returns the names of a package in dir, or of its tests: functions,
// types, methods, fields, constants and variables.
func declared(tb testing.TB, dir, prefix string, tests bool) map[string]bool {
	tb.Helper()
	names := map[string]bool{}
	for _, file := range must[[]string](tb)(filepath.Glob(filepath.Join(dir, "*.go"))) {
		if strings.HasSuffix(file, "_test.go") != tests {
			continue
		}
		parsed := must[*ast.File](tb)(parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution))
		for _, decl := range parsed.Decls {
			for _, name := range namesOf(decl) {
				names[prefix+name] = true
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

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// enders are the methods of a test that end its goroutine. They must be called in the
// goroutine that runs the test: elsewhere they end another one, and the test hangs.
var enders = []string{"Fatal", "Fatalf", "FailNow", "Skip", "Skipf", "SkipNow"}

// hooks are the functions that call their argument in a goroutine other than the test's.
var hooks = []string{
	"Go", "AfterFunc", "HandlerFunc", "HandleFunc", "Intercept", "InterceptAnswer",
}

// TestNoTestEndsInAnotherGoroutine searches goroutines and hooks of servers for calls that
// end a test, including calls through helpers: govet finds only the direct ones.
func TestNoTestEndsInAnotherGoroutine(t *testing.T) {
	t.Parallel()
	packages := map[string][]*ast.File{}
	set := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (slices.Contains(
			[]string{"bin", "vendor", "testdata", "dist"}, entry.Name(),
		) || strings.HasPrefix(entry.Name(), ".") && path != "."):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		packages[filepath.Dir(path)] = append(packages[filepath.Dir(path)], file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// A helper of etcdtest has its meaning in every package.
	etcdtest := packages[filepath.Join("internal", "etcdtest")]
	tools := endingHelpers(etcdtest, nil)
	for _, file := range etcdtest {
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && !tools[f.Name.Name] && f.Name.IsExported() {
				tools[f.Name.Name] = false
			}
		}
	}
	for _, files := range packages {
		for _, fault := range endsElsewhere(set, files, endingHelpers(files, tools)) {
			t.Error(fault)
		}
	}
}

// TestEndsElsewhere tries the search on calls that it must find, and on calls that it must
// not report.
func TestEndsElsewhere(t *testing.T) {
	t.Parallel()
	const source = `package p
type writer struct{ tb testing.TB }
func (w writer) ok(err error) { if err != nil { w.tb.Fatal(err) } }
func collect(tb testing.TB) { must(tb) }
func must(tb testing.TB) { tb.FailNow() }
func harmless(tb testing.TB) { tb.Error("x"); go func() { tb.Log("x") }() }
func TestA(t *testing.T) {
	w := writer{t}
	collect(t)
	go func() { harmless(t); t.Error("fine") }()
	go func() { t.Fatal("direct") }() // want
	go func() { collect(t) }() // want
	go collect(t) // want
	wg.Go(func() { w.ok(nil) }) // want
	wg.Go(func() { collectors.collect(nil) })
	proxy.Inject(Rule{Action: etcdtest.Intercept(func(Request) { must(t) })}) // want
	proxy.Inject(Rule{Action: func(x *Exchange) { must(t) }}) // want
	go func() { etcdtest.Apart(t, func(t *testing.T) { must(t) }) }()
	go func() { t.Run("sub", func(t *testing.T) { t.Fatal("its own goroutine") }) }()
}
`
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "p.go", source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i, line := range strings.Split(source, "\n") {
		if strings.HasSuffix(line, "// want") {
			want = append(want, fmt.Sprintf("p.go:%d", i+1))
		}
	}
	files := []*ast.File{file}
	var got []string
	for _, fault := range endsElsewhere(set, files, endingHelpers(files, nil)) {
		place := strings.SplitN(fault, ":", 3)
		got = append(got, place[0]+":"+place[1])
	}
	if !slices.Equal(got, want) {
		t.Errorf("endsElsewhere() = %q, want %q", got, want)
	}
}

// endingHelpers returns the names of the functions and methods that can end a test that they
// get as an argument or have in a field. known are names that are already known.
func endingHelpers(files []*ast.File, known map[string]bool) map[string]bool {
	found := maps.Clone(known)
	if found == nil {
		found = map[string]bool{}
	}
	for grown := true; grown; {
		grown = false
		for _, file := range files {
			for _, decl := range file.Decls {
				f, ok := decl.(*ast.FuncDecl)
				if !ok || f.Body == nil {
					continue
				}
				if _, isKnown := found[f.Name.Name]; !isKnown && len(endingCalls(f.Body, found)) > 0 {
					found[f.Name.Name], grown = true, true
				}
			}
		}
	}
	return found
}

// endingCalls returns the calls in a body that can end the test, except those in functions
// that run elsewhere, or as tests of their own.
func endingCalls(body ast.Node, helpers map[string]bool) []*ast.CallExpr {
	var calls []*ast.CallExpr
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			return false
		case *ast.KeyValueExpr:
			return !isAction(n)
		case *ast.CallExpr:
			if isHook(n) || isSubtest(n) {
				return false
			}
			if ends(n, helpers) {
				calls = append(calls, n)
			}
		}
		return true
	})
	return calls
}

// ends reports whether a call can end the test: it is t.Fatal or similar, or a helper that
// gets the test or has it in a field.
func ends(call *ast.CallExpr, helpers map[string]bool) bool {
	switch f := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		return helpers[f.Name] && passesTest(call)
	case *ast.IndexExpr:
		id, ok := f.X.(*ast.Ident)
		return ok && helpers[id.Name] && passesTest(call)
	case *ast.SelectorExpr:
		if slices.Contains(enders, f.Sel.Name) {
			return isTest(f.X)
		}
		receiver, ok := f.X.(*ast.Ident)
		return helpers[f.Sel.Name] && (passesTest(call) || ok && receiver.Name == "w")
	default:
		return false
	}
}

func passesTest(call *ast.CallExpr) bool { return slices.ContainsFunc(call.Args, isTest) }

// isTest reports whether an expression is a test, judging by its name.
func isTest(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name == "t" || x.Name == "tb" || x.Name == "b"
	case *ast.SelectorExpr:
		return x.Sel.Name == "t" || x.Sel.Name == "tb" || x.Sel.Name == "TB"
	default:
		return false
	}
}

func isHook(call *ast.CallExpr) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	return ok && slices.Contains(hooks, f.Sel.Name) && slices.ContainsFunc(call.Args, isFunction)
}

// isSubtest reports whether a call is t.Run or etcdtest.Apart, whose function gets a
// test of its own.
func isSubtest(call *ast.CallExpr) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	return ok && (f.Sel.Name == "Run" || f.Sel.Name == "Apart") && len(call.Args) == 2 && isFunction(call.Args[1])
}

func isFunction(x ast.Expr) bool { _, ok := x.(*ast.FuncLit); return ok }

// isAction reports whether a field is the action of a rule for a proxy.
func isAction(field *ast.KeyValueExpr) bool {
	name, ok := field.Key.(*ast.Ident)
	return ok && name.Name == "Action" && isFunction(field.Value)
}

// endsElsewhere returns where a test is ended in a goroutine that is not its own.
func endsElsewhere(set *token.FileSet, files []*ast.File, helpers map[string]bool) []string {
	var faults []string
	report := func(node ast.Node) {
		faults = append(faults, fmt.Sprintf("%s: this ends the test, but does not run in its goroutine", set.Position(node.Pos())))
	}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			var body []ast.Node
			switch n := n.(type) {
			case *ast.GoStmt:
				if f, ok := n.Call.Fun.(*ast.FuncLit); ok {
					body = append(body, f.Body)
				} else if ends(n.Call, helpers) {
					report(n)
				}
			case *ast.CallExpr:
				if isHook(n) {
					for _, arg := range n.Args {
						body = append(body, arg)
					}
				}
			case *ast.KeyValueExpr:
				if isAction(n) {
					body = append(body, n.Value)
				}
			}
			for _, node := range body {
				if calls := endingCalls(node, helpers); len(calls) > 0 {
					report(n)
				}
			}
			return true
		})
	}
	return faults
}

package provider

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// troubleshootingPage lists every summary of a diagnostic.
const troubleshootingPage = "../../templates/guides/troubleshooting.md.tmpl"

// TestTroubleshooting_isComplete compares the page with the code: the first columns of its tables
// contain exactly the summaries that a diagnostic can have.
func TestTroubleshooting_isComplete(t *testing.T) {
	t.Parallel()
	code := summariesInCode(t)
	if len(code) < 100 {
		t.Fatalf("found only %d summaries in the code, so the search does not work", len(code))
	}
	page := summariesOnPage(t)
	used := map[string]bool{}
	for _, pattern := range slices.Sorted(maps.Keys(code)) {
		found := false
		for _, summary := range page {
			if regexp.MustCompile(pattern).MatchString(summary) {
				found, used[summary] = true, true
			}
		}
		if !found {
			t.Errorf("%s has a diagnostic %s, which is not in a table of the page", code[pattern], pattern)
		}
	}
	for _, summary := range page {
		if !used[summary] {
			t.Errorf("the page has %q, which is not the summary of any diagnostic", summary)
		}
	}
}

// summariesOnPage returns the texts in backquotes in the first column of the tables.
func summariesOnPage(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile(troubleshootingPage)
	if err != nil {
		t.Fatal(err)
	}
	var summaries []string
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 || cells[0] != "" {
			continue
		}
		for _, match := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[1], -1) {
			summaries = append(summaries, match[1])
		}
	}
	return summaries
}

// summariesInCode returns a regular expression for each summary, with its place.
func summariesInCode(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, dir := range []string{".", "../tfserver"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		c := summaryCollector{set: token.NewFileSet(), consts: map[string]ast.Expr{}, found: found}
		var parsed []*ast.File
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(c.set, file, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			parsed = append(parsed, f)
			ast.Inspect(f, c.constant)
		}
		for _, f := range parsed {
			ast.Inspect(f, c.collect)
		}
	}
	return found
}

// summaryCollector finds summaries in the source of a package.
type summaryCollector struct {
	set    *token.FileSet
	consts map[string]ast.Expr
	found  map[string]string
}

// constant records the string constants of the package.
func (c *summaryCollector) constant(n ast.Node) bool {
	if spec, ok := n.(*ast.ValueSpec); ok {
		for i, name := range spec.Names {
			if i < len(spec.Values) {
				c.consts[name.Name] = spec.Values[i]
			}
		}
	}
	return true
}

// argument maps a function to the argument that is a summary.
var argument = map[string]int{
	"AddError": 0, "AddWarning": 0, "AddAttributeError": 1, "AddAttributeWarning": 1, "NewErrorDiagnostic": 0, "NewWarningDiagnostic": 0,
	"NewAttributeErrorDiagnostic": 1, "NewAttributeWarningDiagnostic": 1, "addFailure": 1, "addRemoval": 1, "wordFailure": 0, "refuse": 1,
	"alreadyExists": 0, "staysInStore": 0, "notAsPlanned": 0, "warn": 0,
}

// completed maps a function to the text that it adds to the argument.
var completed = map[string]string{
	"alreadyExists": " already exists", "staysInStore": " stays in the store", "notAsPlanned": " (changed|was deleted) since it was planned",
}

// collect records the summaries in calls and composite literals.
func (c *summaryCollector) collect(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CallExpr:
		name := ""
		switch fun := n.Fun.(type) {
		case *ast.Ident:
			name = fun.Name
		case *ast.SelectorExpr:
			name = fun.Sel.Name
		}
		if i, ok := argument[name]; ok && i < len(n.Args) {
			c.note(n.Args[i], completed[name])
		}
	case *ast.KeyValueExpr:
		if selector, ok := n.Key.(*ast.SelectorExpr); ok && isNamed(selector.X, "keyspace") && isSentence(n.Value) {
			c.note(n.Value, "") // an entry of summariesOfNew
		}
		if key, ok := n.Key.(*ast.Ident); ok && (key.Name == "summary" || key.Name == "Summary") {
			c.note(n.Value, "")
		}
		_, isWording := n.Key.(*ast.CompositeLit)
		selector, ok := n.Key.(*ast.SelectorExpr)
		if isWording || ok && isNamed(selector.X, "membership") {
			c.first(n.Value) // an entry of wordings, or of memberTable
		}
	case *ast.CompositeLit:
		if typ, ok := n.Type.(*ast.SelectorExpr); ok && isNamed(typ.X, "function") {
			return false // it describes a function
		}
		if typ, ok := n.Type.(*ast.Ident); ok && (typ.Name == "textCheck" || typ.Name == "wording") {
			c.first(n)
		}
	}
	return true
}

// isSentence reports whether a text begins like a summary.
func isSentence(n ast.Expr) bool {
	literal, ok := n.(*ast.BasicLit)
	return ok && len(literal.Value) > 1 && literal.Value[1] >= 'A' && literal.Value[1] <= 'Z'
}

func isNamed(n ast.Expr, name string) bool {
	ident, ok := n.(*ast.Ident)
	return ok && ident.Name == name
}

// first records the first element of a composite literal.
func (c *summaryCollector) first(n ast.Expr) {
	if literal, ok := n.(*ast.CompositeLit); ok && len(literal.Elts) > 0 {
		c.note(literal.Elts[0], "")
	}
}

// note records a summary, if it is a string or a concatenation with one.
func (c *summaryCollector) note(n ast.Expr, end string) {
	pattern := c.pattern(n)
	if strings.Trim(pattern, ".+") == "" {
		return
	}
	c.found["^"+pattern+end+"$"] = c.set.Position(n.Pos()).String()
}

func (c *summaryCollector) pattern(n ast.Expr) string {
	switch n := n.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(n.Value)
		if err != nil {
			return ""
		}
		return regexp.QuoteMeta(text)
	case *ast.BinaryExpr:
		return c.pattern(n.X) + c.pattern(n.Y)
	case *ast.Ident:
		if value, ok := c.consts[n.Name].(*ast.BasicLit); ok {
			return c.pattern(value)
		}
	}
	return ".+"
}

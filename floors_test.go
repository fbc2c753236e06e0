package main

import (
	"maps"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// module is the path of this module.
const module = "github.com/etcdv2/terraform-provider-etcd"

// TestFloors compares the picture in CONTRIBUTING.md with the imports of the program: every
// arrow must be an import, and every import an arrow.
func TestFloors(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(drawn(t), imported(t)); diff != "" {
		t.Errorf("arrows of CONTRIBUTING.md and imports (-drawn +imported):\n%s", diff)
	}
}

// drawn returns the arrows of the picture, as "from --> to".
func drawn(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	picture := regexp.MustCompile("(?s)```mermaid\nflowchart TD\n(.*?)```").FindSubmatch(page)
	if picture == nil {
		t.Fatal("CONTRIBUTING.md has no flowchart")
	}
	arrows := map[string]bool{}
	for line := range strings.Lines(string(picture[1])) {
		froms, tos, ok := strings.Cut(strings.TrimSpace(line), " --> ")
		for from := range strings.SplitSeq(froms, " & ") {
			for to := range strings.SplitSeq(tos, " & ") {
				if ok {
					arrows[from+" --> "+to] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(arrows))
}

// imported returns the imports between the packages of the program, as arrows.
func imported(t *testing.T) []string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", `{{range .Imports}}{{$.ImportPath}} {{.}}{{"\n"}}{{end}}`, module)
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	name := func(pkg string) string {
		if pkg == module {
			return "main"
		}
		return path.Base(pkg)
	}
	arrows := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		from, to, _ := strings.Cut(strings.TrimSpace(line), " ")
		if isOurs(from) && isOurs(to) {
			arrows[name(from)+" --> "+name(to)] = true
		}
	}
	return slices.Sorted(maps.Keys(arrows))
}

func isOurs(pkg string) bool { return pkg == module || strings.HasPrefix(pkg, module+"/") }

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const coverageFile = "etcdv2/COVERAGE.md"

// packages are those with features of the list. The first is the one for names without a
// package.
var packages = []string{"etcdv2", "etcdtest"}

// row is a row of COVERAGE.md.
type row struct {
	id string
	// here is the cell that describes what implements the feature.
	here    string
	refused bool
	tests   []test
}

// test is a test of a package.
type test struct{ pkg, name string }

var (
	rowID  = regexp.MustCompile(`^ [A-J]\d+ $`)
	quoted = regexp.MustCompile("`([^`]+)`")
)

// readCoverage reads the rows of the list.
func readCoverage(file string) ([]row, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var rows []row
	for line := range strings.SplitSeq(string(data), "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || !rowID.MatchString(cells[1]) {
			continue
		}
		r := row{id: strings.TrimSpace(cells[1]), here: strings.TrimSpace(cells[3]), refused: strings.HasPrefix(cells[3], " refused: ")}
		for _, match := range quoted.FindAllStringSubmatch(cells[4], -1) {
			pkg, name, found := strings.Cut(match[1], ".")
			if !found {
				pkg, name = packages[0], match[1]
			}
			r.tests = append(r.tests, test{pkg, name})
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// fault removes one feature.
type fault struct {
	// row is the row of COVERAGE.md that names the tests.
	row string
	// file is the file below internal/, old a text that occurs in it exactly once, and new
	// the text that replaces it.
	file, old, new string
}

// String names the file and the changed line.
func (f fault) String() string {
	line, _, _ := strings.Cut(f.old, "\n")
	return fmt.Sprintf("%s: %s", f.file, strings.TrimSpace(line))
}

// apply returns the file with the fault.
func (f fault) apply(internal string) (string, error) {
	data, err := os.ReadFile(filepath.Join(internal, f.file))
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(data), f.old); n != 1 {
		return "", fmt.Errorf("%q occurs %d times in %s, want once: adapt the table in internal/mutate to the sources", f.old, n, f.file)
	}
	return strings.Replace(string(data), f.old, f.new, 1), nil
}

// overlay writes the file with the fault, and an overlay file that makes the compiler use
// it.
func (m *mutator) overlay(name string, f fault) (string, error) {
	text, err := f.apply(filepath.Join(m.root, "internal"))
	if err != nil {
		return "", err
	}
	changed := filepath.Join(m.dir, name+".go")
	if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
		return "", err
	}
	original := filepath.Join(m.root, "internal", f.file)
	data, err := json.Marshal(map[string]any{"Replace": map[string]string{original: changed}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(m.dir, name+".json")
	return overlay, os.WriteFile(overlay, data, 0o600)
}

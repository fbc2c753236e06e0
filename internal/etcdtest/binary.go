package etcdtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Version is the version of an etcd server, such as 3.5.35.
type Version struct {
	Major, Minor, Patch int
}

// String returns the version as "major.minor.patch".
func (v Version) String() string {
	return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
}

// Compare returns -1, 0 or 1 as v is older than, equal to or newer than w.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch))
}

// AtLeast reports whether v belongs to the line major.minor or to a newer one.
func (v Version) AtLeast(major, minor int) bool {
	return v.Compare(Version{Major: major, Minor: minor}) >= 0
}

// ServerVersion returns the version of the etcd program that this test run starts, for
// expectations that differ by version. It ends the test if there is no program.
func ServerVersion(tb testing.TB) Version {
	tb.Helper()

	return mustProgram(tb).version
}

// program is the etcd executable under test with what is known about it.
type program struct {
	path    string
	version Version
	help    string
}

// supports reports whether the program knows a flag. It searches the program's own help,
// because flags were also added in patch releases, and etcd refuses to start with an
// unknown flag.
func (p program) supports(flag string) bool {
	return regexp.MustCompile(`(?m)^\s*--` + regexp.QuoteMeta(flag) + `\b`).MatchString(p.help)
}

var loadProgram = sync.OnceValues(findProgram)

func mustProgram(tb testing.TB) program {
	tb.Helper()

	prog, err := loadProgram()
	if err != nil {
		tb.Fatal(err)
	}

	return prog
}

func findProgram() (program, error) {
	path, err := Program()
	if err != nil {
		return program{}, err
	}

	return programAt(path)
}

func programAt(path string) (program, error) {
	versionText, err := runProgram(path, "--version")
	if err != nil {
		return program{}, fmt.Errorf("%s --version: %w", path, err)
	}

	version, err := parseVersion(versionText)
	if err != nil {
		return program{}, fmt.Errorf("%s --version: %w", path, err)
	}

	// Some versions exit with a non-zero status after printing their help.
	help, err := runProgram(path, "--help")

	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return program{}, fmt.Errorf("%s --help: %w", path, err)
	}

	return program{path: path, version: version, help: help}, nil
}

// Program returns the path of the etcd program under test: the one that
// ETCD_BIN names, or bin/etcd.
func Program() (string, error) {
	if path := os.Getenv("ETCD_BIN"); path != "" {
		found, err := exec.LookPath(path)
		if err != nil {
			return "", fmt.Errorf("the etcd server named by ETCD_BIN cannot be used: %w", err)
		}

		return found, nil
	}

	path, err := Built("etcd")
	if err != nil {
		err = fmt.Errorf("there is no etcd server: %w, or set ETCD_BIN to a server", err)
	}

	return path, err
}

// Built returns the path of a program that the makefile of this repository
// builds into bin/.
func Built(name string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}

	root := ""

	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			root = dir

			path := filepath.Join(dir, "bin", name)
			if _, err := os.Stat(path); err == nil {
				return path, nil
			}
		}

		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("nothing is at %s: run `make bin/%s`", filepath.Join(root, "bin", name), name)
		}
	}
}

func runProgram(path string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = environment()

	out, err := cmd.CombinedOutput()

	return string(out), err
}

var versionPattern = regexp.MustCompile(`(?m)^etcd [Vv]ersion:? (\d+)\.(\d+)\.(\d+)`)

func parseVersion(text string) (Version, error) {
	match := versionPattern.FindStringSubmatch(text)
	if match == nil {
		return Version{}, fmt.Errorf("no version in %q", strings.TrimSpace(text))
	}

	var parts [3]int

	for i := range parts {
		n, err := strconv.Atoi(match[i+1])
		if err != nil {
			return Version{}, err
		}

		parts[i] = n
	}

	return Version{Major: parts[0], Minor: parts[1], Patch: parts[2]}, nil
}

// Package clitest gives tests a real CLI that uses the built provider.
package clitest

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// Lab is what all workspaces of a CLI share: the CLI and the built provider.
type Lab struct {
	// Release is the release of the CLI.
	Release cli.Release
	// Provider is the program of the built provider.
	Provider string
	// Program is the program of the CLI.
	Program string

	mirror string
}

// New builds the provider and returns a lab with the CLI that all acceptance tests use: the
// one that TF_ACC_TERRAFORM_PATH names, or bin/terraform. It skips the test unless TF_ACC
// is set.
func New(t *testing.T) *Lab {
	t.Helper()

	return labs(t, nil)[0]
}

// NewEach is [New] for each CLI that TF_ACC_CLIS lists, if it lists any.
func NewEach(t *testing.T) []*Lab {
	t.Helper()

	return labs(t, strings.Fields(os.Getenv("TF_ACC_CLIS")))
}

func labs(t *testing.T, programs []string) []*Lab {
	t.Helper()

	if os.Getenv("TF_ACC") == "" {
		t.Skip("acceptance tests need TF_ACC")
	}
	if len(programs) == 0 {
		programs = []string{program(t)}
	}
	dir := t.TempDir()
	provider, mirror := filepath.Join(dir, "terraform-provider-etcd"), filepath.Join(dir, "mirror")
	if err := errors.Join(cli.Build(t.Context(), provider), cli.Install(mirror, provider)); err != nil {
		t.Fatal(err)
	}
	var all []*Lab
	for _, program := range programs {
		l := &Lab{Provider: provider, Program: program, mirror: mirror}
		release, err := l.Open(t, t.TempDir()).Release(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		l.Release = release
		all = append(all, l)
	}
	return all
}

func program(t *testing.T) string {
	t.Helper()

	if path := os.Getenv("TF_ACC_TERRAFORM_PATH"); path != "" {
		return path
	}
	path, err := etcdtest.Built("terraform")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Requires skips a test whose configuration needs a feature that the CLI lacks.
func (l *Lab) Requires(t *testing.T, feature cli.Feature) {
	t.Helper()

	if !l.Release.Knows(feature) {
		t.Skipf("%s lacks a feature that came with %+v", l.Release, feature)
	}
}

// Workspace is a directory with a configuration. Its methods end the test where those of
// [cli.Workspace] return an error.
type Workspace struct {
	*cli.Workspace
}

// Open returns a workspace in a directory, with additional variables, each NAME=value.
func (l *Lab) Open(t *testing.T, dir string, env ...string) *Workspace {
	t.Helper()

	w, err := cli.New(l.Program, dir, l.mirror, env...)
	if err != nil {
		t.Fatal(err)
	}
	return &Workspace{w}
}

// Write writes a file of the configuration.
func (w *Workspace) Write(t *testing.T, name, content string) {
	t.Helper()

	if err := os.WriteFile(filepath.Join(w.Dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// blame matches what a CLI prints about a provider that breaks the protocol.
var blame = regexp.MustCompile(`(?i)bug in the provider|error in the provider|issue tracker|plugin (crashed|did not respond)`)

// Must runs a command that must end with the exit code, and returns what it printed. The
// output must not blame the provider.
func (w *Workspace) Must(t *testing.T, code int, args ...string) string {
	t.Helper()

	output, err := w.Expect(t.Context(), code, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	if blame.MatchString(Flat(output)) {
		t.Fatalf("%s %s blames the provider:\n%s", w.Name(), args[0], output)
	}
	return output
}

// PlanEmpty checks that a plan is empty.
func (w *Workspace) PlanEmpty(t *testing.T) {
	t.Helper()

	w.Must(t, 0, "plan", "-detailed-exitcode")
}

// Flat returns the output of a CLI with each diagnostic on one line.
func Flat(output string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(output, "│", " ")), " ")
}

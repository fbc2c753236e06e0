package provider

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/go-version"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// lab runs CLIs and providers as separate processes, for tests that a provider in the test's
// process does not allow: several runs at once, the end of one, and commands that the testing
// library does not know.
type lab struct {
	cli, provider string
	server        *etcdtest.Server
}

// newLab builds the provider and finds the CLI: the one that
// TF_ACC_TERRAFORM_PATH names, or else bin/terraform.
func newLab(t *testing.T) *lab {
	t.Helper()
	if os.Getenv("TF_ACC") == "" {
		t.Skip("acceptance tests run with TF_ACC set")
	}
	l := &lab{
		cli: os.Getenv("TF_ACC_TERRAFORM_PATH"), provider: filepath.Join(t.TempDir(), "terraform-provider-etcd"), server: etcdtest.Shared(t),
	}
	if l.cli == "" {
		l.cli = filepath.Join("..", "..", "bin", "terraform")
	}
	if err := cli.Build(t.Context(), l.provider); err != nil {
		t.Fatal(err)
	}
	return l
}

// workspace creates a workspace with a configuration for a CLI of at least a version. It adds the
// provider block for the endpoint.
func (l *lab) workspace(t *testing.T, since, endpoint, configuration string, env ...string) *cli.Workspace {
	t.Helper()
	dir := t.TempDir()
	mirror := filepath.Join(dir, "mirror")
	if err := cli.Install(mirror, l.provider); err != nil {
		t.Fatal(err)
	}
	w, err := cli.New(l.cli, filepath.Join(dir, "work"), mirror, env...)
	if err != nil {
		t.Fatal(err)
	}
	skipBelow(t, w, since)
	writeFile(t, w, "main.tf", fmt.Sprintf("terraform {\n  required_providers {\n    etcd = { source = \"etcdv2/etcd\" }\n  }\n}\n"+
		"provider \"etcd\" {\n  endpoints = [%q]\n}\n", endpoint)+configuration)
	mustRun(t, w, 0, "init")
	return w
}

func writeFile(t *testing.T, w *cli.Workspace, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.Dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// mustRun runs a command that must end with the exit code.
func mustRun(t *testing.T, w *cli.Workspace, code int, args ...string) string {
	t.Helper()
	output, err := w.Expect(t.Context(), code, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return output
}

// skipBelow skips the test if the CLI is older than since.
func skipBelow(t *testing.T, w *cli.Workspace, since string) {
	t.Helper()
	output, err := w.Expect(t.Context(), 0, "version", "-json")
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Version string `json:"terraform_version"`
	}
	if err := json.Unmarshal([]byte(output), &answer); err != nil {
		t.Fatal(err)
	}
	if version.Must(version.NewVersion(answer.Version)).Core().LessThan(version.Must(version.NewVersion(since))) {
		t.Skipf("the CLI is %s, and this needs %s", answer.Version, since)
	}
}

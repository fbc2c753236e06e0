package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

//go:embed demo.tf
var configuration []byte

// The address and the version under which the built provider is installed in
// the demo's mirror. The host is spelled out because that of OpenTofu differs.
const (
	providerAddress = "registry.terraform.io/etcdv2/etcd"
	providerVersion = "0.0.1"
)

// workspace is a directory with the demo's configuration and the CLI that works on it.
type workspace struct {
	cli string
	dir string
	env []string
	out io.Writer
}

// newWorkspace makes a workspace below dir and a CLI configuration that
// points at the built provider and at nothing else.
func newWorkspace(cli, provider, dir, endpoint string) (*workspace, error) {
	program, err := filepath.Abs(provider)
	if err != nil {
		return nil, err
	}
	if cli, err = absoluteProgram(cli); err != nil {
		return nil, err
	}
	mirror := filepath.Join(dir, "mirror")
	place := filepath.Join(mirror, filepath.FromSlash(providerAddress), providerVersion, runtime.GOOS+"_"+runtime.GOARCH)
	w := &workspace{cli: cli, dir: filepath.Join(dir, "demo"), out: os.Stdout}
	settings := filepath.Join(dir, "cli.tfrc")
	err = errors.Join(
		os.MkdirAll(place, 0o750),
		os.Symlink(program, filepath.Join(place, "terraform-provider-etcd_v"+providerVersion)),
		os.MkdirAll(w.dir, 0o750),
		os.WriteFile(filepath.Join(w.dir, "demo.tf"), configuration, 0o600),
		os.WriteFile(settings, fmt.Appendf(nil, "provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror), 0o600),
	)
	w.env = append(slices.DeleteFunc(os.Environ(), isSetting),
		"TF_CLI_CONFIG_FILE="+settings, "TF_IN_AUTOMATION=1", "TF_INPUT=0", "CHECKPOINT_DISABLE=1", "ETCDCTL_ENDPOINTS="+endpoint)
	return w, err
}

func absoluteProgram(cli string) (string, error) {
	path, err := exec.LookPath(cli)
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return "", fmt.Errorf("the CLI: %w", err)
	}
	return filepath.Abs(path)
}

// isSetting reports whether a variable would change what the CLI or the provider does.
func isSetting(variable string) bool {
	return strings.HasPrefix(variable, "TF_") || strings.HasPrefix(variable, "ETCDCTL_")
}

// run runs the CLI, shows its command and what it prints, and returns that
// and its exit code.
func (w *workspace) run(ctx context.Context, args ...string) (output string, code int, err error) {
	fmt.Fprintf(w.out, "\n$ %s %s\n", filepath.Base(w.cli), strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, w.cli, append(args, "-no-color")...) //nolint:gosec // the program is the caller's
	cmd.Dir, cmd.Env = w.dir, w.env
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 30 * time.Second
	var captured bytes.Buffer
	cmd.Stdout = io.MultiWriter(&captured, &indenter{out: w.out})
	cmd.Stderr = cmd.Stdout
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return captured.String(), exit.ExitCode(), nil
	}
	return captured.String(), 0, err
}

// indenter sets off what a command prints from what the demo says.
type indenter struct {
	out     io.Writer
	started bool
}

func (i *indenter) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		if !i.started {
			if _, err := io.WriteString(i.out, "    "); err != nil {
				return 0, err
			}
		}
		if _, err := i.out.Write(line); err != nil {
			return 0, err
		}
		i.started = line[len(line)-1] != '\n'
	}
	return len(p), nil
}

// Package cli runs Terraform or OpenTofu with a configuration and a build of the provider,
// for the demo, the tests of the examples and the check of a release.
package cli

import (
	"bytes"
	"context"
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

// Version is the version under which [Install] installs the provider.
const Version = "0.1.0"

// Registries are the hosts that Terraform and OpenTofu add to a source address without a
// host.
var Registries = []string{"registry.terraform.io", "registry.opentofu.org"}

// Workspace is a directory with a configuration and the CLI that runs in it.
type Workspace struct {
	// Dir contains the configuration and the state.
	Dir string
	// Program is the absolute path of the CLI.
	Program string
	// Config is the CLI's own configuration file, which names the mirror of the providers.
	Config string
	// Out also receives everything that a command prints, unless it is nil.
	Out io.Writer
	// Started is called with the process of each command, unless it is nil.
	Started func(*os.Process)
	// Ended is called with the process state of each ended command, unless it is nil.
	Ended func(*os.ProcessState)

	env []string
}

// New creates a workspace in dir whose CLI installs providers only from the mirror
// directory. Of all variables that configure a CLI or the provider, its commands get only
// the CLI's configuration and those in env, a list of NAME=value.
func New(program, dir, mirror string, env ...string) (*Workspace, error) {
	path, err := exec.LookPath(program)
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return nil, fmt.Errorf("the CLI: %w", err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	settings := filepath.Join(dir, ".settings.tfrc")
	err = errors.Join(
		os.MkdirAll(dir, 0o750),
		os.WriteFile(settings, fmt.Appendf(nil, "provider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", mirror), 0o600),
	)
	return &Workspace{
		Dir:     dir,
		Program: path,
		Config:  settings,
		env: append(append(Environment(),
			"TF_CLI_CONFIG_FILE="+settings, "TF_IN_AUTOMATION=1", "TF_INPUT=0", "TF_CLI_ARGS=-no-color", "CHECKPOINT_DISABLE=1"), env...),
	}, err
}

// Install puts a link to a built provider into the mirror directory, where the
// CLIs find it as etcdv2/etcd.
func Install(mirror, provider string) error {
	program, err := filepath.Abs(provider)
	if err != nil {
		return err
	}
	for _, registry := range Registries {
		place := filepath.Join(mirror, registry, "etcdv2", "etcd", Version, runtime.GOOS+"_"+runtime.GOARCH)
		err = errors.Join(err,
			os.MkdirAll(place, 0o750),
			os.Symlink(program, filepath.Join(place, "terraform-provider-etcd_v"+Version)))
	}
	return err
}

// Environment returns the environment of this process without the variables that configure
// a CLI or the provider.
func Environment() []string { return slices.DeleteFunc(os.Environ(), isSetting) }

// isSetting reports whether a variable would change what the CLI or the provider does.
func isSetting(variable string) bool {
	return strings.HasPrefix(variable, "TF_") || strings.HasPrefix(variable, "ETCDCTL_")
}

// Name is the name of the CLI's program.
func (w *Workspace) Name() string { return filepath.Base(w.Program) }

// Run runs the CLI and returns what it printed, without colors, and its exit code. An error
// means that the CLI did not exit by itself.
func (w *Workspace) Run(ctx context.Context, args ...string) (output string, code int, err error) {
	cmd := exec.CommandContext(ctx, w.Program, args...) //nolint:gosec // the program is the caller's
	cmd.Dir, cmd.Env = w.Dir, w.env
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	cmd.WaitDelay = 30 * time.Second
	var captured bytes.Buffer
	cmd.Stdout = &captured
	if w.Out != nil {
		cmd.Stdout = io.MultiWriter(&captured, w.Out)
	}
	cmd.Stderr = cmd.Stdout
	if err = cmd.Start(); err != nil {
		return "", 0, err
	}
	if w.Started != nil {
		w.Started(cmd.Process)
	}
	err = cmd.Wait()
	if w.Ended != nil && cmd.ProcessState != nil {
		w.Ended(cmd.ProcessState)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return captured.String(), exit.ExitCode(), nil
	}
	return captured.String(), 0, err
}

// Expect is [Workspace.Run] with an error if the command ends with another exit code.
func (w *Workspace) Expect(ctx context.Context, want int, args ...string) (string, error) {
	output, code, err := w.Run(ctx, args...)
	if err == nil && code != want {
		err = fmt.Errorf("%s %s ended with exit code %d, want %d", w.Name(), args[0], code, want)
	}
	return output, err
}

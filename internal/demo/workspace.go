package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
)

//go:embed demo.tf
var configuration []byte

// workspace prints the commands that it runs and their output.
type workspace struct {
	*cli.Workspace
}

// newWorkspace creates a workspace below dir with the demo's configuration and the built
// provider.
func newWorkspace(program, provider, dir, endpoint string) (*workspace, error) {
	mirror := filepath.Join(dir, "mirror")
	if err := cli.Install(mirror, provider); err != nil {
		return nil, err
	}
	w, err := cli.New(program, filepath.Join(dir, "demo"), mirror, "ETCDCTL_ENDPOINTS="+endpoint)
	if err != nil {
		return nil, err
	}
	w.Out = &indenter{out: os.Stdout}
	return &workspace{w}, os.WriteFile(filepath.Join(w.Dir, "demo.tf"), configuration, 0o600)
}

// expect runs the CLI and returns an error if it ends with another exit code.
func (w *workspace) expect(ctx context.Context, want int, args ...string) (string, error) {
	fmt.Fprintf(os.Stdout, "\n$ %s %s\n", w.Name(), strings.Join(args, " "))
	return w.Expect(ctx, want, args...)
}

// indenter indents the output of a command, to set it off from the demo's own text.
type indenter struct {
	out     io.Writer
	started bool
}

func (i *indenter) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		if !i.started {
			if _, err := io.WriteString(i.out, "    "); err != nil {
				return 0, err
			}
		}
		if _, err := io.WriteString(i.out, line); err != nil {
			return 0, err
		}
		i.started = line[len(line)-1] != '\n'
	}
	return len(p), nil
}

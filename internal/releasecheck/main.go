// Releasecheck builds the archives of a release as a snapshot, with the configuration of a
// release, and installs the provider from them with real CLIs, through a filesystem mirror
// and a lock file. It fails if a registry or a CLI would reject them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

// programs is a flag that may be given several times.
type programs []string

func (p *programs) String() string { return fmt.Sprint(*p) }

// Set adds a program.
func (p *programs) Set(program string) error {
	*p = append(*p, program)
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release check failed:", err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stdout, "The archives are complete and can be installed.")
}

func run(ctx context.Context) error {
	var clis programs
	goreleaser := flag.String("goreleaser", "bin/goreleaser", "the GoReleaser `program`")
	flag.Var(&clis, "cli", "a Terraform or OpenTofu `program` to install with; may be repeated")
	flag.Parse()
	if len(clis) == 0 {
		return errors.New("name a CLI with -cli")
	}

	dir, err := os.MkdirTemp("", "etcd-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	key, err := newKey(ctx, dir)
	if err != nil {
		return err
	}
	defer key.remove()
	r, err := build(ctx, *goreleaser, key)
	if err != nil {
		return err
	}
	if err := errors.Join(r.checkArchives(), r.checkManifest(), r.checkSums(), key.verify(ctx, r.file("SHA256SUMS"))); err != nil {
		return err
	}
	for _, cli := range clis {
		if err := r.install(ctx, cli, dir); err != nil {
			return err
		}
	}
	return nil
}

// build makes GoReleaser build the snapshot into dist/.
func build(ctx context.Context, goreleaser string, key *key) (*release, error) {
	args := []string{"release", "--snapshot", "--clean"}
	if key == nil {
		fmt.Fprintln(os.Stdout, "NOTE: gpg is not installed, so the signature is NOT checked.")
		args = append(args, "--skip=sign")
	}
	cmd := exec.CommandContext(ctx, goreleaser, args...)
	cmd.Env = append(os.Environ(), key.env()...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("goreleaser: %w", err)
	}
	return readRelease("dist")
}

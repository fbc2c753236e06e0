package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/dirhash"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
)

// here is the platform that this program runs on.
const here = runtime.GOOS + "_" + runtime.GOARCH

// install installs the provider from the archives with a CLI, like an operator without
// access to a registry.
func (r *release) install(ctx context.Context, program, dir string) error {
	dir, err := os.MkdirTemp(dir, filepath.Base(program))
	if err != nil {
		return err
	}
	mirror := filepath.Join(dir, "mirror")
	if err := r.mirror(mirror); err != nil {
		return err
	}
	w, err := cli.New(program, filepath.Join(dir, "work"), mirror)
	if err != nil {
		return err
	}
	w.Out = os.Stdout
	configuration := fmt.Appendf(nil, `terraform {
  required_providers {
    etcd = {
      source  = "etcdv2/etcd"
      version = %q
    }
  }
}
`, r.version)
	if err := os.WriteFile(filepath.Join(w.Dir, "main.tf"), configuration, 0o600); err != nil {
		return err
	}
	for _, check := range []func(context.Context, *cli.Workspace, string) error{r.checkInstall, r.checkTampering, r.checkAllPlatforms} {
		if err := check(ctx, w, mirror); err != nil {
			return err
		}
	}
	return nil
}

// mirror arranges the archives as a packed filesystem mirror.
func (r *release) mirror(dir string) error {
	for _, platform := range platforms {
		if err := r.offer(dir, platform, platform); err != nil {
			return err
		}
	}
	return nil
}

// offer puts the archive of one platform into a mirror as that of another, or of the same.
func (r *release) offer(mirror, archive, as string) error {
	target, err := filepath.Abs(r.archive(archive))
	if err != nil {
		return err
	}
	for _, registry := range cli.Registries {
		link := filepath.Join(mirror, registry, "etcdv2", "etcd", filepath.Base(r.archive(as)))
		if err := os.MkdirAll(filepath.Dir(link), 0o750); err != nil {
			return err
		}
		if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if err := os.Symlink(target, link); err != nil {
			return err
		}
	}
	return nil
}

// checkInstall installs the provider and checks that the lock file contains the hash of its
// archive, and that the installed provider starts.
func (r *release) checkInstall(ctx context.Context, w *cli.Workspace, _ string) error {
	if _, err := w.Expect(ctx, 0, "init"); err != nil {
		return err
	}
	if err := r.checkLock(w, here); err != nil {
		return err
	}
	if _, err := w.Expect(ctx, 0, "validate"); err != nil {
		return err
	}
	quiet := *w
	quiet.Out = nil
	schema, err := quiet.Expect(ctx, 0, "providers", "schema", "-json")
	if err == nil && !strings.Contains(schema, `etcdv2/etcd":{"provider":`) {
		err = fmt.Errorf("%s prints no schema of the installed provider", w.Name())
	}
	return err
}

// checkTampering checks that a CLI refuses an archive whose hash is not in the lock file: here,
// the archive of another platform.
func (r *release) checkTampering(ctx context.Context, w *cli.Workspace, mirror string) error {
	other := platforms[slices.IndexFunc(platforms, func(p string) bool { return p != here })]
	if err := errors.Join(os.RemoveAll(filepath.Join(w.Dir, ".terraform")), r.offer(mirror, other, here)); err != nil {
		return err
	}
	output, err := w.Expect(ctx, 1, "init")
	if err == nil && !strings.Contains(output, "checksums") {
		err = fmt.Errorf("%s init failed for another reason than the checksums", w.Name())
	}
	return errors.Join(err, r.offer(mirror, here, here))
}

// checkAllPlatforms locks the provider for all platforms, for a team with different machines,
// and installs from that lock file unchanged.
func (r *release) checkAllPlatforms(ctx context.Context, w *cli.Workspace, mirror string) error {
	lock := []string{"providers", "lock", "-fs-mirror=" + mirror}
	for _, platform := range platforms {
		lock = append(lock, "-platform="+platform)
	}
	if _, err := w.Expect(ctx, 0, lock...); err != nil {
		return err
	}
	if err := r.checkLock(w, platforms...); err != nil {
		return err
	}
	_, err := w.Expect(ctx, 0, "init", "-lockfile=readonly")
	return err
}

// checkLock checks that the lock file contains the hash of the archive of each platform.
func (r *release) checkLock(w *cli.Workspace, platforms ...string) error {
	lock, err := os.ReadFile(filepath.Join(w.Dir, ".terraform.lock.hcl"))
	if err != nil {
		return err
	}
	for _, platform := range platforms {
		hash, err := dirhash.HashZip(r.archive(platform), dirhash.Hash1)
		if err != nil {
			return err
		}
		if !strings.Contains(string(lock), hash) {
			return fmt.Errorf("the lock file of %s lacks the hash of %s, %s:\n%s", w.Name(), platform, hash, lock)
		}
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// key is a throw-away key that signs the snapshot. It is nil if gpg is not installed; its
// methods then do nothing.
type key struct {
	home        string
	fingerprint string
}

// newKey creates a key in a new key ring below dir.
func newKey(ctx context.Context, dir string) (*key, error) {
	if _, err := exec.LookPath("gpg"); errors.Is(err, exec.ErrNotFound) {
		return nil, nil //nolint:nilnil // no key is a case of its own, see the type
	}
	k := &key{home: filepath.Join(dir, "gpg")}
	if err := os.Mkdir(k.home, 0o700); err != nil {
		return nil, err
	}
	_, err := k.gpg(ctx, "--passphrase", "", "--quick-generate-key", "release check <release@example.com>", "ed25519", "sign", "1d")
	if err != nil {
		return nil, err
	}
	listing, err := k.gpg(ctx, "--with-colons", "--list-secret-keys")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(listing) {
		if fields := strings.Split(line, ":"); fields[0] == "fpr" && len(fields) > 9 {
			k.fingerprint = fields[9]
			return k, nil
		}
	}
	return nil, errors.New("gpg lists no fingerprint")
}

// env returns the variables that the signing step of a release needs.
func (k *key) env() []string {
	if k == nil {
		return nil
	}
	return []string{"GNUPGHOME=" + k.home, "GPG_FINGERPRINT=" + k.fingerprint}
}

// verify checks the detached signature beside a file.
func (k *key) verify(ctx context.Context, path string) error {
	if k == nil {
		return nil
	}
	_, err := k.gpg(ctx, "--verify", path+".sig", path)
	return err
}

func (k *key) gpg(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "gpg", append([]string{"--batch"}, args...)...) //nolint:gosec // arguments of this file
	cmd.Env = append(os.Environ(), k.env()...)
	var problem strings.Builder
	cmd.Stderr = &problem
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("gpg: %w: %s", err, problem.String())
	}
	return string(output), nil
}

// remove ends the agent that gpg started for the key ring.
func (k *key) remove() {
	if k == nil {
		return
	}
	cmd := exec.Command("gpgconf", "--kill", "all") //nolint:noctx // also after an interrupt
	cmd.Env = append(os.Environ(), k.env()...)
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "gpgconf:", err)
	}
}

package etcdtest

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestServer_takenPortIsABindError(t *testing.T) {
	t.Parallel()

	cfg := config{heartbeat: 20 * time.Millisecond, election: 100 * time.Millisecond, token: "t"}

	s, err := newServer(t, mustProgram(t), cfg, "n1")
	if err != nil {
		t.Fatal(err)
	}

	s.http = newHTTPClient(t, nil)
	s.cluster, s.clusterState = initialCluster([]*Server{s}), "new"
	t.Cleanup(s.end)

	thief, err := net.Listen("tcp4", s.client.addr())
	if err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() { thief.Close() })

	if err := s.launch(); err != nil {
		t.Fatal(err)
	}

	if err := s.waitHealthy(t.Context()); !errors.Is(err, errBind) {
		t.Errorf("waitHealthy() = %v, want a bind error", err)
	}
}

func TestClaimPort_isKeptWhileNothingListens(t *testing.T) {
	t.Parallel()

	ports := map[int]bool{}

	for range 100 {
		claim, err := claimPort()
		if err != nil {
			t.Fatal(err)
		}

		t.Cleanup(claim.release)

		if ports[claim.port] || claim.port < firstPort || claim.port >= lastPort {
			t.Fatalf("port %d was claimed twice, or is out of range", claim.port)
		}

		ports[claim.port] = true
	}
}

func TestProgramPath_missing(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "go.mod"), []byte("module m\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	t.Setenv("ETCD_BIN", "")
	t.Chdir(root)

	if _, err := Program(); err == nil || !strings.Contains(err.Error(), "make bin/etcd") {
		t.Errorf("Program() error = %v, want one that names `make bin/etcd`", err)
	}

	t.Setenv("ETCD_BIN", filepath.Join(root, "none"))

	if _, err := Program(); err == nil || !strings.Contains(err.Error(), "ETCD_BIN") {
		t.Errorf("Program() error = %v, want one that names ETCD_BIN", err)
	}
}

func TestProgramPath_built(t *testing.T) {
	root := t.TempDir()
	program := filepath.Join(root, "bin", "etcd")
	inside := filepath.Join(root, "internal", "deep")

	for _, dir := range []string{filepath.Dir(program), inside} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}

	for _, file := range []string{filepath.Join(root, "go.mod"), program} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	t.Setenv("ETCD_BIN", "")
	t.Chdir(inside)

	if got, err := Program(); err != nil || got != program {
		t.Errorf("Program() = %q, %v, want %q", got, err, program)
	}
}

// `make bin/etcd` builds the version that its module requires.
func TestProgramPath_version(t *testing.T) {
	t.Parallel()

	module, err := os.ReadFile(filepath.Join("..", "..", "tools", "etcd", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}

	match := regexp.MustCompile(`(?m)^require go\.etcd\.io/etcd/server/v3 v(\S+)$`).FindSubmatch(module)
	if match == nil {
		t.Fatal("tools/etcd/go.mod names no version of the server")
	}

	output, err := runProgram(filepath.Join("..", "..", "bin", "etcd"), "--version")
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("another server is tested, and bin/etcd is not built")
	}

	if got, parseErr := parseVersion(output); err != nil || parseErr != nil || got.String() != string(match[1]) {
		t.Errorf("bin/etcd has version %s, %v, %v, want %s", got, err, parseErr, match[1])
	}
}

func TestParseVersion(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]Version{
		"etcd Version: 3.5.35\nGit SHA: x": {3, 5, 35},
		"etcd version 2.0.13\n":            {2, 0, 13},
	} {
		if got, err := parseVersion(text); err != nil || got != want {
			t.Errorf("parseVersion(%q) = %v, %v; want %v", text, got, err, want)
		}
	}

	if _, err := parseVersion("etcd"); err == nil {
		t.Error("parseVersion accepts a text without a version")
	}
}

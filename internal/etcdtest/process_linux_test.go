package etcdtest_test

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// helperVariable makes TestServer_endsWithAKilledTestProcess start a server and wait.
const helperVariable = "ETCDTEST_HELPER"

func TestServer_endsWithAKilledTestProcess(t *testing.T) {
	t.Parallel()

	if os.Getenv(helperVariable) != "" {
		s := etcdtest.Start(t)
		_, _ = os.Stdout.WriteString("listening " + s.Addr() + "\n")

		// Until it is killed, or its parent has exited.
		_, _ = io.Copy(io.Discard, os.Stdin)

		return
	}

	test, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}

	// The killed process leaves its directories behind.
	cmd := exec.CommandContext(t.Context(), test, "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), helperVariable+"=1", "TMPDIR="+t.TempDir())

	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}

	if _, err := cmd.StdinPipe(); err != nil { // It stays open.
		t.Fatal(err)
	}

	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}

	addr := strings.TrimSpace(strings.TrimPrefix(line, "listening "))
	if !accepts(t, addr) {
		t.Fatalf("nothing listens on %q", addr)
	}

	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}

	_ = cmd.Wait() // It was killed.

	eventually(t, "the server of a killed test process has ended", func() bool { return !accepts(t, addr) })
}

func accepts(t *testing.T, addr string) bool {
	t.Helper()

	var dialer net.Dialer

	conn, err := dialer.DialContext(t.Context(), "tcp4", addr)
	if err != nil {
		return false
	}

	conn.Close()

	return true
}

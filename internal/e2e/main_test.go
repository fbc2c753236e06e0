package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/cli/clitest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

const configuration = `
terraform {
  required_providers {
    etcd = { source = "registry.terraform.io/etcdv2/etcd" }
  }
}
provider "etcd" {
  endpoints = [%q]
}
resource "etcd_key" "a" {
  key   = "/a"
  value = %q
}
`

// attached creates an initialized workspace whose CLI attaches to a running provider.
func attached(t *testing.T, l *clitest.Lab, reattach, config string) *clitest.Workspace {
	t.Helper()

	w := l.Open(t, t.TempDir(), reattach)
	w.Write(t, "main.tf", config)
	w.Must(t, 0, "init")
	return w
}

// debugged starts the provider with -debug. It returns the value of TF_REATTACH_PROVIDERS
// for a CLI, and a function that stops the provider and returns its log.
func debugged(t *testing.T, l *clitest.Lab, env ...string) (reattach string, stop func() string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, l.Provider, "-debug")
	cmd.Env = append(cli.Environment(), env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var logs bytes.Buffer
	cmd.Stderr = &logs
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if _, value, ok := strings.Cut(lines.Text(), "TF_REATTACH_PROVIDERS="); ok {
			reattach = "TF_REATTACH_PROVIDERS=" + strings.Trim(value, "'")
			break
		}
	}
	if reattach == "" {
		t.Fatalf("the provider did not say how to attach: %v", cmd.Wait())
	}
	return reattach, func() string {
		cancel()
		for lines.Scan() {
			continue
		}
		// It ends because of the signal that it was sent.
		if err := cmd.Wait(); err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
		return logs.String()
	}
}

// The program serves a real CLI. It logs everything on request, and otherwise formats no
// log lines of the SDK.
func TestAccMain_logs(t *testing.T) {
	t.Parallel()

	l := clitest.New(t)
	for name, test := range map[string]struct {
		env  []string
		want bool
	}{
		"unset":     {nil, false},
		"off":       {[]string{"TF_LOG=OFF"}, false},
		"trace":     {[]string{"TF_LOG=TRACE"}, true},
		"the SDK's": {[]string{"TF_LOG_SDK=TRACE"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reattach, stop := debugged(t, l, test.env...)
			s := etcdtest.Start(t)
			w := attached(t, l, reattach, fmt.Sprintf(configuration, s.URL(), "hush"))
			if w.Must(t, 0, "apply", "-auto-approve"); s.Get(t, "/a").Node.Value != "hush" {
				t.Error("the apply has not written the key")
			}
			logs := stop()
			for _, rpc := range []string{"ConfigureProvider", "PlanResourceChange", "ApplyResourceChange"} {
				if got := strings.Contains(logs, `"tf_rpc":"`+rpc+`"`); got != test.want {
					t.Errorf("logs of %s: %t, want %t", rpc, got, test.want)
				}
			}
			for _, line := range []string{`"@module":"sdk.framework"`, "curl -X PUT "} {
				if got := strings.Contains(logs, line); got != test.want {
					t.Errorf("logs with %s: %t, want %t", line, got, test.want)
				}
			}
			if strings.Contains(logs, "hush") {
				t.Errorf("the logs contain a value:\n%s", logs)
			}
		})
	}
}

// A saved plan is applied after another writer has written the key.
func TestAccMain_savedPlanAfterRival(t *testing.T) {
	t.Parallel()

	l := clitest.New(t)
	reattach, stop := debugged(t, l)
	defer stop()
	s := etcdtest.Start(t)
	w := attached(t, l, reattach, fmt.Sprintf(configuration, s.URL(), "one"))
	w.Must(t, 0, "apply", "-auto-approve")
	w.Write(t, "main.tf", fmt.Sprintf(configuration, s.URL(), "two"))
	w.Must(t, 0, "plan", "-out=saved")
	planned := s.Get(t, "/a").Node.ModifiedIndex
	rival := s.Put(t, "/a", "theirs").Node.ModifiedIndex

	wants(t, clitest.Flat(w.Must(t, 1, "apply", "saved")),
		"Key changed since it was planned", fmt.Sprintf("modified index %d ", planned), fmt.Sprintf("at %d now", rival))
	if node := s.Get(t, "/a").Node; node.Value != "theirs" || node.ModifiedIndex != rival {
		t.Errorf("value on the server = %q at %d, want the rival's at %d", node.Value, node.ModifiedIndex, rival)
	}
	wants(t, w.Must(t, 2, "plan", "-detailed-exitcode"), `"theirs" -> "two"`)
}

// The apply of a saved plan computes every planned change again. A TTL that has become due
// in between must not show up then: the CLI would reject the plan.
func TestAccMain_savedPlanRunsDown(t *testing.T) {
	t.Parallel()

	l := clitest.New(t)
	reattach, stop := debugged(t, l)
	defer stop()
	s := etcdtest.Start(t)
	content := func(attribute string) string {
		return fmt.Sprintf(configuration, s.URL(), "one") + `
resource "etcd_key" "leased" {
  key             = "/leased"
  value           = "v"
  ttl             = 60
  ttl_renew_below = 55
  ` + attribute + `
}
`
	}
	w := attached(t, l, reattach, content(""))
	w.Must(t, 0, "apply", "-auto-approve")
	w.Write(t, "main.tf", content("adopt_existing = true"))
	w.Must(t, 0, "plan", "-out=saved")
	planned := s.Get(t, "/leased").Node.ModifiedIndex
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for s.Get(t, "/leased").Node.TTL >= 55 {
		<-tick.C
	}
	if out := w.Must(t, 0, "apply", "saved"); s.Get(t, "/leased").Node.ModifiedIndex != planned {
		t.Errorf("the apply of an empty plan has written:\n%s", out)
	}
	wants(t, w.Must(t, 0, "apply", "-auto-approve"), "1 changed")
	if ttl := s.Get(t, "/leased").Node.TTL; ttl < 55 {
		t.Errorf("TTL = %d after the next apply, want it renewed", ttl)
	}
}

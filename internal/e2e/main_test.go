package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

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

// built builds the program.
func built(t *testing.T) string {
	t.Helper()
	if os.Getenv("TF_ACC") == "" {
		t.Skip("acceptance tests need TF_ACC")
	}
	program := filepath.Join(t.TempDir(), "terraform-provider-etcd")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X main.version=1.2.3", "-o", program, "../..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// attached makes a directory with a configuration and returns a function that
// runs the CLI in it. A first argument that ends in .tf replaces the
// configuration by the second.
func attached(t *testing.T, reattach, content string) (run func(arguments ...string) (string, error)) {
	t.Helper()
	dir := t.TempDir()
	run = func(arguments ...string) (string, error) {
		if strings.HasSuffix(arguments[0], ".tf") {
			return "", os.WriteFile(filepath.Join(dir, arguments[0]), []byte(arguments[1]), 0o600)
		}
		cmd := exec.CommandContext(t.Context(), underTest(t), arguments...)
		cmd.Dir, cmd.Env = dir, environment(reattach, "TF_CLI_ARGS=-no-color")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, step := range [][]string{{"main.tf", content}, {"init"}} {
		if out, err := run(step...); err != nil {
			t.Fatalf("%v: %v\n%s", step, err, out)
		}
	}
	return run
}

// underTest returns the program that the acceptance tests use.
func underTest(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("TF_ACC_TERRAFORM_PATH"); path != "" {
		return path
	}
	path, err := filepath.Abs("../../bin/terraform")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// environment is that of this process without variables that change what the
// test looks at, and with others.
func environment(more ...string) []string {
	env := []string{"CHECKPOINT_DISABLE=1"}
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "TF_") && !strings.HasPrefix(variable, "ETCDCTL_") {
			env = append(env, variable)
		}
	}
	return append(env, more...)
}

// debugged starts the program with -debug. It returns how a CLI finds it, and
// a function that stops it and returns what it has logged.
func debugged(t *testing.T, program string, env ...string) (reattach string, stop func() string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, program, "-debug")
	cmd.Env = environment(env...)
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
		// It ends by the signal that it was sent.
		if err := cmd.Wait(); err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
		return logs.String()
	}
}

// The program serves a real CLI. It logs everything if it is asked to, and
// otherwise formats no line of the SDK's own.
func TestAccMain_logs(t *testing.T) {
	t.Parallel()

	program := built(t)
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
			reattach, stop := debugged(t, program, test.env...)
			s := etcdtest.Start(t)
			terraform := attached(t, reattach, fmt.Sprintf(configuration, s.URL(), "hush"))
			if out, err := terraform("apply", "-auto-approve"); err != nil || s.Get(t, "/a").Node.Value != "hush" {
				t.Errorf("apply: %v\n%s", err, out)
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
				t.Errorf("the logs hold a value:\n%s", logs)
			}
		})
	}
}

// A plan that was saved is applied after somebody else has written the key.
func TestAccMain_savedPlanAfterRival(t *testing.T) {
	t.Parallel()

	reattach, stop := debugged(t, built(t))
	defer stop()
	s := etcdtest.Start(t)
	terraform := attached(t, reattach, fmt.Sprintf(configuration, s.URL(), "one"))
	for _, step := range [][]string{
		{"apply", "-auto-approve"},
		{"main.tf", fmt.Sprintf(configuration, s.URL(), "two")},
		{"plan", "-out=saved"},
	} {
		if out, err := terraform(step...); err != nil {
			t.Fatalf("%v: %v\n%s", step, err, out)
		}
	}
	planned := s.Get(t, "/a").Node.ModifiedIndex
	rival := s.Put(t, "/a", "theirs").Node.ModifiedIndex

	out, err := terraform("apply", "saved")
	if err == nil {
		t.Fatalf("the saved plan was applied:\n%s", out)
	}
	text := strings.Join(strings.Fields(strings.ReplaceAll(out, "│", " ")), " ")
	for _, want := range []string{
		"Key changed since it was planned", fmt.Sprintf("modified index %d ", planned), fmt.Sprintf("at %d now", rival),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the error does not say %q:\n%s", want, out)
		}
	}
	if node := s.Get(t, "/a").Node; node.Value != "theirs" || node.ModifiedIndex != rival {
		t.Errorf("the server holds %q at %d, want what the rival wrote at %d", node.Value, node.ModifiedIndex, rival)
	}
	if out, err := terraform("plan", "-detailed-exitcode"); err == nil || !strings.Contains(out, `"theirs" -> "two"`) {
		t.Errorf("the next plan does not show the rival's value: %v\n%s", err, out)
	}
}

// An apply of a saved plan plans every change anew. A TTL that has become due
// in between must not turn up then: the CLI would refuse the plan.
func TestAccMain_savedPlanRunsDown(t *testing.T) {
	t.Parallel()

	reattach, stop := debugged(t, built(t))
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
	terraform := attached(t, reattach, content(""))
	for _, step := range [][]string{
		{"apply", "-auto-approve"},
		{"main.tf", content("adopt_existing = true")},
		{"plan", "-out=saved"},
	} {
		if out, err := terraform(step...); err != nil {
			t.Fatalf("%v: %v\n%s", step, err, out)
		}
	}
	planned := s.Get(t, "/leased").Node.ModifiedIndex
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for s.Get(t, "/leased").Node.TTL >= 55 {
		<-tick.C
	}
	if out, err := terraform("apply", "saved"); err != nil || s.Get(t, "/leased").Node.ModifiedIndex != planned {
		t.Errorf("apply of a plan that writes nothing: %v\n%s", err, out)
	}
	if out, err := terraform("apply", "-auto-approve"); err != nil || !strings.Contains(out, "1 changed") || s.Get(t, "/leased").Node.TTL < 55 {
		t.Errorf("the next apply does not renew: %v\n%s", err, out)
	}
}

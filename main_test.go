package main

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const configuration = `
terraform {
  required_providers {
    etcd = { source = "etcdv2/etcd" }
  }
}
resource "etcd_key" "a" {
  key   = "/a"
  value = "b"
}
`

// cli returns the program that the acceptance tests use.
func cli(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("TF_ACC_TERRAFORM_PATH"); path != "" {
		return path
	}
	path, err := filepath.Abs("bin/terraform")
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

	if os.Getenv("TF_ACC") == "" {
		t.Skip("acceptance tests need TF_ACC")
	}
	program := filepath.Join(t.TempDir(), "terraform-provider-etcd")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X main.version=1.2.3", "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
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
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(configuration), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, arguments := range [][]string{{"init", "-no-color"}, {"plan", "-no-color"}} {
				cmd := exec.CommandContext(t.Context(), cli(t), arguments...)
				cmd.Dir, cmd.Env = dir, environment(reattach)
				out, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v: %v\n%s", arguments, err, out)
				}
				if arguments[0] == "plan" && !strings.Contains(string(out), "etcd_key.a will be created") {
					t.Errorf("plan:\n%s", out)
				}
			}
			logs := stop()
			for _, rpc := range []string{"ConfigureProvider", "PlanResourceChange"} {
				if got := strings.Contains(logs, `"tf_rpc":"`+rpc+`"`); got != test.want {
					t.Errorf("logs of %s: %t, want %t", rpc, got, test.want)
				}
			}
			if got := strings.Contains(logs, `"@module":"sdk.framework"`); got != test.want {
				t.Errorf("logs of the framework: %t, want %t", got, test.want)
			}
		})
	}
}

//go:build unix

package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/cli/clitest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// What the store of TestAccOffRamp contains. OFF_RAMP is the number of keys.
const (
	offRampDirs  = 20
	offRampUsers = 20 // and as many roles
)

const offRampConfig = `
terraform {
  required_providers {
    etcd = { source = "registry.terraform.io/etcdv2/etcd" }
  }
}
provider "etcd" {
  endpoints = [%q]
}
action "etcd_copy_to_v3" "all" {
  config {
    prefix      = "/"
    on_conflict = "skip_equal"
  }
}
action "etcd_empty" "all" {
  config {
    prefix              = "/"
    users_and_roles     = true
    expected_cluster_id = %q
  }
}
`

const offRampQuery = `
list "etcd_key_prefix" "all" {
  provider = etcd
  config {
    prefix = "/"
    depth  = 1
  }
}
list "etcd_user" "all" {
  provider = etcd
}
list "etcd_role" "all" {
  provider = etcd
}
`

// offRamp is a store on its way out of v2.
type offRamp struct {
	*clitest.Workspace

	server *etcdtest.Server
	// values are those of the keys.
	values map[string]string
	report strings.Builder
}

// TestAccOffRamp takes a whole store from v2 to etcd 3.6: it becomes code, is copied and
// compared, and emptied, and etcd 3.6 serves the copied keys. It prints what that
// costs. It needs programs that no other test does, so only `make off-ramp` runs it.
func TestAccOffRamp(t *testing.T) {
	t.Parallel()

	count, err := strconv.Atoi(os.Getenv("OFF_RAMP"))
	if err != nil {
		t.Skip("make off-ramp runs it, with etcd 3.6 and etcdutl")
	}
	l := clitest.New(t)
	l.Requires(t, cli.Actions)
	o := &offRamp{Workspace: l.Open(t, t.TempDir()), server: etcdtest.Start(t), values: map[string]string{}}
	o.seed(t, count)
	o.note("%d keys, %d users and %d roles", len(o.values), offRampUsers, offRampUsers)
	id := o.server.Do(t, etcdtest.Call{Path: "/v2/keys/"}).Header.Get("X-Etcd-Cluster-Id")
	o.Write(t, "main.tf", fmt.Sprintf(offRampConfig, o.server.URL(), id))
	o.Write(t, "store.tfquery.hcl", offRampQuery)
	o.Must(t, 0, "init")

	o.step(t, "query", "query", "-generate-config-out=generated.tf")
	o.review(t)
	o.step(t, "plan of the imports", "plan", "-out=imports")
	output := o.step(t, "import", "apply", "imports")
	o.note("  %s", regexp.MustCompile(`Apply complete! .*`).FindString(output))
	o.step(t, "empty plan", "plan", "-detailed-exitcode")
	output = o.step(t, "copy and compare", "apply", "-auto-approve", "-invoke=action.etcd_copy_to_v3.all")
	o.note("  %s", regexp.MustCompile(`\d+ keys? equal in v2 and v3[^.\n]*`).FindString(output))
	output = o.step(t, "empty", "apply", "-auto-approve", "-invoke=action.etcd_empty.all")
	o.note("  %s", regexp.MustCompile(`\d+ keys? and \d+ director\w+ were deleted`).FindString(output))
	o.leave(t)
	t.Log("\n" + o.report.String())
}

func (o *offRamp) note(format string, args ...any) { fmt.Fprintf(&o.report, format+"\n", args...) }

// seed writes keys of all kinds, users and roles.
func (o *offRamp) seed(t *testing.T, count int) {
	t.Helper()
	for d := range offRampDirs {
		for i := range count / offRampDirs {
			key := fmt.Sprintf("/app-%02d/%c/key-%03d", d, 'a'+rune(i%5), i)
			value := [...]string{
				fmt.Sprintf("plain text %d", i), fmt.Sprintf("{\"number\": %d,\n \"name\": \"ü\"}\n", i), "", strings.Repeat("long ", i%250),
			}[i%4]
			o.values[key] = value
			if d == 0 {
				o.server.Put(t, key, value, "ttl=86400")
				continue
			}
			o.server.Put(t, key, value)
		}
	}
	for i := range offRampUsers {
		user, role := fmt.Sprintf("user-%02d", i), fmt.Sprintf("role-%02d", i)
		pattern := []string{fmt.Sprintf("/app-%02d/*", i)}
		o.server.JSON(t, http.MethodPut, "/v2/auth/roles/"+role, map[string]any{
			"role": role, "permissions": map[string]any{"kv": map[string]any{"read": pattern, "write": pattern}},
		})
		o.server.JSON(t, http.MethodPut, "/v2/auth/users/"+user, map[string]any{"user": user, "password": "secret", "roles": []string{role}})
	}
}

// step runs the CLI and notes what it cost.
func (o *offRamp) step(t *testing.T, name string, args ...string) string {
	t.Helper()
	var peak int64
	o.Ended = func(state *os.ProcessState) {
		if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
			peak = usage.Maxrss
		}
	}
	begin := time.Now()
	output := o.Must(t, 0, args...)
	o.note("%-20s %7.1f s  %5d MiB", name, time.Since(begin).Seconds(), peak>>10)
	return output
}

// review notes how much a person has to read.
func (o *offRamp) review(t *testing.T) {
	t.Helper()
	generated, err := os.ReadFile(filepath.Join(o.Dir, "generated.tf"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(generated)
	o.note("  to review: %d lines, %d resources, %d KiB", strings.Count(text, "\n"), strings.Count(text, "\nresource \""), len(text)>>10)
}

// leave restarts the server without v2 until its data directory contains nothing of
// v2, and starts etcd 3.6 on it.
func (o *offRamp) leave(t *testing.T) {
	t.Helper()
	begin := time.Now()
	o.server.LeaveV2(t)
	o.note("%-20s %7.1f s", "etcd 3.6", time.Since(begin).Seconds())
	served := servedByV3(t, o.server)
	if diff := cmp.Diff(o.values, served); diff != "" {
		t.Errorf("what etcd 3.6 serves (-want +got):\n%.2000s", diff)
	}
	o.note("  %d keys served by etcd %s", len(served), o.server.Version())
}

func v3(t *testing.T, s *etcdtest.Server) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{s.URL()}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// servedByV3 returns the v3 keys of a server.
func servedByV3(t *testing.T, s *etcdtest.Server) map[string]string {
	t.Helper()
	found, err := v3(t, s).Get(t.Context(), "/", clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	for _, kv := range found.Kvs {
		keys[string(kv.Key)] = string(kv.Value)
	}
	return keys
}

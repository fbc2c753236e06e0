// Package e2e_test drives the built provider by real CLIs, from the oldest
// that the documentation promises to the newest.
package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

func TestMain(m *testing.M) { etcdtest.Main(m) }

// lab is what all workspaces of a CLI share: the CLI, and the built provider.
type lab struct {
	program string
	release cli.Release
	mirror  string
}

// newLabs returns a lab for each CLI under test: those that TF_ACC_CLIS lists,
// or the one of all acceptance tests.
func newLabs(t *testing.T) []*lab {
	t.Helper()

	if os.Getenv("TF_ACC") == "" {
		t.Skip("acceptance tests need TF_ACC")
	}
	dir := t.TempDir()
	program, mirror := filepath.Join(dir, "terraform-provider-etcd"), filepath.Join(dir, "mirror")
	if err := errors.Join(cli.Build(t.Context(), program), cli.Install(mirror, program)); err != nil {
		t.Fatal(err)
	}
	programs := strings.Fields(os.Getenv("TF_ACC_CLIS"))
	if len(programs) == 0 {
		programs = []string{filepath.Join("..", "..", "bin", "terraform")}
		if program := os.Getenv("TF_ACC_TERRAFORM_PATH"); program != "" {
			programs = []string{program}
		}
	}
	var labs []*lab
	for _, program := range programs {
		labs = append(labs, newLab(t, program, mirror))
	}
	return labs
}

func newLab(t *testing.T, program, mirror string) *lab {
	t.Helper()

	w, err := cli.New(program, t.TempDir(), mirror)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{program: program, mirror: mirror}
	if l.release, err = w.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

// workspace is a directory with a configuration, and the server that it is about.
type workspace struct {
	*cli.Workspace

	lab    *lab
	server *etcdtest.Server
}

const required = `
terraform {
  required_providers {
    etcd = {
      source = "etcdv2/etcd"
    }
  }
}
`

// open makes an initialized workspace for a server.
func (l *lab) open(t *testing.T, server *etcdtest.Server, config string) *workspace {
	t.Helper()

	return l.openIn(t, t.TempDir(), server, config)
}

// openIn opens a directory, in which another CLI may have left its state.
func (l *lab) openIn(t *testing.T, dir string, server *etcdtest.Server, config string) *workspace {
	t.Helper()

	program, err := cli.New(l.program, dir, l.mirror, "ETCDCTL_ENDPOINTS="+server.URL())
	if err != nil {
		t.Fatal(err)
	}
	w := &workspace{Workspace: program, lab: l, server: server}
	w.configure(t, config)
	w.must(t, 0, "init")
	return w
}

// configure replaces the configuration.
func (w *workspace) configure(t *testing.T, config string) {
	t.Helper()

	w.write(t, "main.tf", required+config)
}

func (w *workspace) write(t *testing.T, name, content string) {
	t.Helper()

	if err := os.WriteFile(filepath.Join(w.Dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// buggy matches what a CLI says of a provider that broke its contract.
var buggy = regexp.MustCompile(`(?i)bug in the provider|error in the provider|issue tracker|plugin (crashed|did not respond)`)

// must runs a command that ends with an exit code, and returns what it
// printed, each diagnostic on one line. No command may blame the provider.
func (w *workspace) must(t *testing.T, code int, args ...string) string {
	t.Helper()

	output, err := w.Expect(t.Context(), code, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	flat := strings.Join(strings.Fields(strings.ReplaceAll(output, "│", " ")), " ")
	if buggy.MatchString(flat) {
		t.Fatalf("%s %s blames the provider:\n%s", w.Name(), args[0], output)
	}
	return flat
}

// apply applies a configuration, after which nothing is left to do.
func (w *workspace) apply(t *testing.T, config string) {
	t.Helper()

	w.configure(t, config)
	w.must(t, 0, "apply", "-auto-approve")
	w.planEmpty(t)
}

func (w *workspace) planEmpty(t *testing.T) {
	t.Helper()

	if output, code, err := w.Run(t.Context(), "plan", "-detailed-exitcode"); err != nil || code != 0 {
		t.Fatalf("the plan is not empty: %v\n%s", err, output)
	}
}

// destroy destroys everything, after which the server is as empty as a new one.
func (w *workspace) destroy(t *testing.T) {
	t.Helper()

	w.must(t, 0, "destroy", "-auto-approve")
	if left := w.must(t, 0, "state", "list"); left != "" {
		t.Errorf("after destroy the state holds %s", left)
	}
	if diff := cmp.Diff(map[string]string{}, w.store(t)); diff != "" {
		t.Errorf("after destroy (-want +got):\n%s", diff)
	}
}

// wants checks that an output contains texts.
func wants(t *testing.T, output string, texts ...string) {
	t.Helper()

	for _, text := range texts {
		if !strings.Contains(output, text) {
			t.Errorf("the output does not contain %q:\n%s", text, output)
		}
	}
}

// store is what a server holds: the values of keys by their paths, without
// the names that the server gives, and users and roles by the paths of the API.
func (w *workspace) store(t *testing.T) map[string]string {
	t.Helper()

	type node struct {
		Key, Value string
		Dir        bool
		Nodes      []node
	}
	var root struct{ Node node }
	w.server.Get(t, "/", "recursive=true").Decode(t, &root)
	all := map[string]string{}
	for nodes := []node{root.Node}; len(nodes) > 0; nodes = nodes[1:] {
		if n := nodes[0]; !n.Dir {
			all[inOrder.ReplaceAllString(n.Key, "/#")] = n.Value
		}
		nodes = append(nodes, nodes[0].Nodes...)
	}
	w.addRoles(t, all)
	w.addUsers(t, all)
	return all
}

// inOrder matches the name that a server gives a key in order.
var inOrder = regexp.MustCompile(`/\d{20}$`)

func (w *workspace) addRoles(t *testing.T, all map[string]string) {
	t.Helper()

	var list struct{ Roles []named }
	w.auth(t, http.MethodGet, "/roles", nil).Decode(t, &list)
	for _, role := range list.Roles {
		if role == "root" || role == "guest" {
			continue
		}
		var answer struct {
			Permissions struct {
				KV struct{ Read, Write []string }
			}
		}
		w.auth(t, http.MethodGet, "/roles/"+string(role), nil).Decode(t, &answer)
		slices.Sort(answer.Permissions.KV.Read)
		slices.Sort(answer.Permissions.KV.Write)
		all["/v2/auth/roles/"+string(role)] = fmt.Sprintf("read %v, write %v", answer.Permissions.KV.Read, answer.Permissions.KV.Write)
	}
}

func (w *workspace) addUsers(t *testing.T, all map[string]string) {
	t.Helper()

	var list struct{ Users []named }
	w.auth(t, http.MethodGet, "/users", nil).Decode(t, &list)
	for _, user := range list.Users {
		var answer struct{ Roles []named }
		w.auth(t, http.MethodGet, "/users/"+string(user), nil).Decode(t, &answer)
		slices.Sort(answer.Roles)
		all["/v2/auth/users/"+string(user)] = fmt.Sprint(answer.Roles)
	}
}

// named is the name of a user or a role, which servers send alone or, from
// etcd 2.3 on, with all that belongs to it.
type named string

func (n *named) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, (*string)(n)) == nil {
		return nil
	}
	var whole struct{ User, Role string }
	err := json.Unmarshal(data, &whole)
	*n = named(whole.User + whole.Role)
	return err
}

// auth sends a request to the API of users and roles.
func (w *workspace) auth(t *testing.T, method, path string, body any) *etcdtest.Answer {
	t.Helper()

	return w.server.JSON(t, method, "/v2/auth"+path, body)
}

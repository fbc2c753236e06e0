// Package e2e_test runs the built provider with real CLIs, from the oldest that the
// documentation supports to the newest.
package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli/clitest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

func TestMain(m *testing.M) { etcdtest.Main(m) }

// workspace is a directory with a configuration, and the server that it manages.
type workspace struct {
	*clitest.Workspace

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

// open creates an initialized workspace for a server.
func open(t *testing.T, l *clitest.Lab, server *etcdtest.Server, config string) *workspace {
	t.Helper()

	return openIn(t, l, t.TempDir(), server, config)
}

// openIn opens a workspace in a directory in which another CLI may have left its state.
func openIn(t *testing.T, l *clitest.Lab, dir string, server *etcdtest.Server, config string) *workspace {
	t.Helper()

	w := &workspace{Workspace: l.Open(t, dir, "ETCDCTL_ENDPOINTS="+server.URL()), server: server}
	w.configure(t, config)
	w.must(t, 0, "init")
	return w
}

// configure replaces the configuration.
func (w *workspace) configure(t *testing.T, config string) {
	t.Helper()

	w.Write(t, "main.tf", required+config)
}

// must is [clitest.Workspace.Must] with each diagnostic on one line.
func (w *workspace) must(t *testing.T, code int, args ...string) string {
	t.Helper()

	return clitest.Flat(w.Must(t, code, args...))
}

// apply applies a configuration, and checks that nothing is left to do.
func (w *workspace) apply(t *testing.T, config string) {
	t.Helper()

	w.configure(t, config)
	w.must(t, 0, "apply", "-auto-approve")
	w.PlanEmpty(t)
}

// destroy destroys everything, and checks that the server is as empty as a new one.
func (w *workspace) destroy(t *testing.T) {
	t.Helper()

	w.must(t, 0, "destroy", "-auto-approve")
	if left := w.must(t, 0, "state", "list"); left != "" {
		t.Errorf("after destroy the state contains %s", left)
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

// store returns the content of the server: the values of keys by path, without the names
// that the server chose, and users and roles by API path.
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

// named is the name of a user or a role. Servers send the name alone or, from etcd 2.3 on,
// the whole object.
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

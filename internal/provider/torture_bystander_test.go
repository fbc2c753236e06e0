package provider

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/pause"
)

// patience is how long a test waits for a cluster that answers, and bystanderTime how long one node
// may take.
const (
	patience      = 2 * time.Minute
	bystanderTime = 3 * time.Second
)

// content is what the server has at a path: a text, and the index of the last write of a key. As an
// expectation, an empty text or an index of 0 match any.
type content struct {
	text  string
	index uint64
}

func (c content) is(found content) bool {
	return (c.text == "" || c.text == found.text) && (c.index == 0 || c.index == found.index)
}

// contents are the contents of paths.
type contents map[string]content

// bystander reads and writes servers without the provider. It waits until one of them answers.
type bystander struct{ servers []*etcdtest.Server }

// caughtUp returns any server that has applied all that was written before.
func (b bystander) caughtUp(t *testing.T) *etcdtest.Server {
	t.Helper()
	barrier := etcdtest.Call{Path: "/v2/keys/torture-barrier", Query: url.Values{"quorum": {"true"}}}
	first := rand.IntN(len(b.servers))
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		for i := range b.servers {
			server := b.servers[(first+i)%len(b.servers)]
			if answer, ok := try(t, server, barrier); ok && answer.Status < http.StatusInternalServerError {
				return server
			}
		}
		if pause.For(t.Context(), 20*time.Millisecond) != nil {
			break
		}
	}
	t.Fatal("no server answers a read with a quorum")
	return nil
}

// try makes a request, and reports false if there is no answer in time.
func try(t *testing.T, server *etcdtest.Server, call etcdtest.Call) (*etcdtest.Answer, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bystanderTime)
	defer cancel()
	answer, err := server.Try(ctx, call)
	return answer, err == nil
}

// readAny makes a linearizable read: a server that has caught up answers from its own store.
func (b bystander) readAny(t *testing.T, call etcdtest.Call) *etcdtest.Answer {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if answer, ok := try(t, b.caughtUp(t), call); ok && answer.Status < http.StatusInternalServerError {
			return answer
		}
	}
	t.Fatalf("no server answers %s", call.Path)
	return nil
}

// writeAny makes a write. It reports false if the answer was lost.
func (b bystander) writeAny(t *testing.T, call etcdtest.Call) bool {
	t.Helper()
	answer, ok := try(t, b.caughtUp(t), call)
	return ok && answer.Status < http.StatusInternalServerError
}

// putKey writes a key.
func (b bystander) putKey(t *testing.T, key, value string) bool {
	t.Helper()
	return b.writeAny(t, etcdtest.Call{Method: http.MethodPut, Path: "/v2/keys" + key, Form: url.Values{"value": {value}}})
}

// dropNode deletes a key, or a directory with all that is in it.
func (b bystander) dropNode(t *testing.T, path string) bool {
	t.Helper()
	return b.writeAny(t, etcdtest.Call{Method: http.MethodDelete, Path: "/v2/keys" + path, Query: url.Values{"recursive": {"true"}}})
}

// tree returns what is at a path and below it.
func (b bystander) tree(t *testing.T, path string) contents {
	t.Helper()
	answer := b.readAny(t, etcdtest.Call{Path: "/v2/keys" + path, Query: url.Values{"recursive": {"true"}, "quorum": {"true"}}})
	found := contents{}
	if !answer.OK() {
		return found
	}
	for nodes := []etcdtest.Node{answer.Node}; len(nodes) > 0; nodes = nodes[1:] {
		n := nodes[0]
		switch {
		case !n.Dir:
			found[n.Key] = content{keyText(n.Value, n.TTL != 0), n.ModifiedIndex}
		case n.Key == path:
			found[n.Key] = content{text: dirText(strconv.FormatUint(n.CreatedIndex, 10))}
		}
		nodes = append(nodes, n.Nodes...)
	}
	return found
}

// dirText is the content of a directory, apart from what is in it.
func dirText(createdIndex string) string { return "directory, created at " + createdIndex }

// keyText is the content of a key.
func keyText(value string, expires bool) string { return fmt.Sprintf("%s, expires %t", value, expires) }

// user returns a user, and each of its roles.
func (b bystander) user(t *testing.T, name string) contents {
	t.Helper()
	answer := b.readAny(t, etcdtest.Call{Path: usersPath + name})
	found := contents{}
	var user struct{ Roles []json.RawMessage }
	switch {
	case strings.Contains(string(answer.Body), "etcdv2/creating/"):
		// A user with a role that does not exist is shown as an error that names the role.
		found[usersPath+name] = content{text: "not finished"}
	case answer.OK():
		found[usersPath+name] = content{text: "user"}
		answer.Decode(t, &user)
	}
	for _, role := range user.Roles {
		var named struct{ Role string }
		if json.Unmarshal(role, &named) != nil {
			_ = json.Unmarshal(role, &named.Role) // Older servers return names.
		}
		found[grantPath(name, named.Role)] = content{text: "granted"}
	}
	return found
}

// grantPath names a grant in contents.
func grantPath(user, role string) string { return usersPath + user + " has " + role }

// role returns a role, and each of its permissions.
func (b bystander) role(t *testing.T, name string) contents {
	t.Helper()
	answer := b.readAny(t, etcdtest.Call{Path: rolesPath + name})
	found := contents{}
	if !answer.OK() {
		return found
	}
	var role struct {
		Permissions struct {
			KV struct{ Read, Write []string }
		}
	}
	answer.Decode(t, &role)
	found[rolesPath+name] = content{text: "role"}
	for _, pattern := range role.Permissions.KV.Read {
		found[permissionPath(name, accessRead, pattern)] = content{text: "granted"}
	}
	for _, pattern := range role.Permissions.KV.Write {
		found[permissionPath(name, accessWrite, pattern)] = content{text: "granted"}
	}
	return found
}

// permissionPath names a permission in contents.
func permissionPath(role string, to access, pattern string) string {
	return fmt.Sprintf("%s%s may %s %s", rolesPath, role, to, pattern)
}

// changeUser grants roles to a user and revokes others.
func (b bystander) changeUser(t *testing.T, name string, grant, revoke []string) bool {
	t.Helper()
	return b.writeAny(t, etcdtest.Call{
		Method: http.MethodPut, Path: usersPath + name, JSON: map[string]any{"user": name, "grant": grant, "revoke": revoke},
	})
}

// changeRole changes the patterns that a role may read.
func (b bystander) changeRole(t *testing.T, name string, grant, revoke []string) bool {
	t.Helper()
	read := func(patterns []string) any { return map[string]any{"kv": map[string]any{"read": patterns}} }
	return b.writeAny(t, etcdtest.Call{
		Method: http.MethodPut, Path: rolesPath + name, JSON: map[string]any{"role": name, "grant": read(grant), "revoke": read(revoke)},
	})
}

// removeAuth deletes a user or a role.
func (b bystander) removeAuth(t *testing.T, path string) bool {
	t.Helper()
	return b.writeAny(t, etcdtest.Call{Method: http.MethodDelete, Path: path})
}

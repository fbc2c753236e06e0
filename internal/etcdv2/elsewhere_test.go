package etcdv2_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

const page = "<!DOCTYPE html><html><body>Please log in</body></html>"

// html answers everything with a page.
func html(status int) etcdtest.Action {
	return etcdtest.Respond(status, http.Header{"Content-Type": {"text/html; charset=utf-8"}}, page)
}

// calls are all that a client can be asked, apart from what asks every endpoint.
var calls = map[string]call{
	"Keys.Get": getKey,
	"Keys.List": func(ctx context.Context, c *etcdv2.Client) error {
		return errOf(c.Keys.List(ctx, "/k", etcdv2.GetOptions{}))
	},
	"Keys.Exists": func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Keys.Exists(ctx, "/k")) },
	"Keys.Set":    setKey,
	"Keys.Create": func(ctx context.Context, c *etcdv2.Client) error {
		return errOf(c.Keys.Create(ctx, "/k", "v", etcdv2.CreateOptions{}))
	},
	"Keys.Update": func(ctx context.Context, c *etcdv2.Client) error {
		return errOf(c.Keys.Update(ctx, "/k", "v", etcdv2.WriteOptions{}))
	},
	"Keys.Delete": func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Keys.Delete(ctx, "/k")) },
	"Keys.Refresh": func(ctx context.Context, c *etcdv2.Client) error {
		return errOf(c.Keys.Refresh(ctx, "/k", 10, etcdv2.Condition{}))
	},
	"Keys.CompareAndSwap": func(ctx context.Context, c *etcdv2.Client) error {
		return errOf(c.Keys.CompareAndSwap(ctx, "/k", "v", etcdv2.Condition{Index: 7}, etcdv2.WriteOptions{}))
	},
	"Keys.CompareAndDelete": func(ctx context.Context, c *etcdv2.Client) error {
		return errOf(c.Keys.CompareAndDelete(ctx, "/k", etcdv2.Condition{Index: 7}))
	},
	"Keys.CreateDir": func(ctx context.Context, c *etcdv2.Client) error {
		return errOf(c.Keys.CreateDir(ctx, "/k", etcdv2.CreateOptions{AbsentAt: 7}))
	},
	"Keys.UpdateDir": func(ctx context.Context, c *etcdv2.Client) error {
		return errOf(c.Keys.UpdateDir(ctx, "/k", etcdv2.WriteOptions{}))
	},
	"Keys.DeleteDir": func(ctx context.Context, c *etcdv2.Client) error {
		return errOf(c.Keys.DeleteDir(ctx, "/k", etcdv2.DeleteDirOptions{}))
	},
	"Keys.CreateInOrder": func(ctx context.Context, c *etcdv2.Client) error {
		return errOf(c.Keys.CreateInOrder(ctx, "/k", "v", etcdv2.WriteOptions{}))
	},
	"Keys.Watch": func(ctx context.Context, c *etcdv2.Client) error {
		return errOf(c.Keys.Watch(ctx, "/k", etcdv2.WatchOptions{}))
	},
	"Keys.Acquire": func(ctx context.Context, c *etcdv2.Client) error {
		return errOf(c.Keys.Acquire(ctx, etcdv2.LockRequest{Key: "/k", TTL: 10}))
	},
	"Auth.Status":        func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Auth.Status(ctx)) },
	"Auth.CurrentStatus": func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Auth.CurrentStatus(ctx)) },
	"Auth.Enable":        enable,
	"Auth.Disable":       disable,
	"Users.List":         func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Users.List(ctx)) },
	"Users.Get":          getUser,
	"Users.GetCurrent":   func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Users.GetCurrent(ctx, "u")) },
	"Users.Create":       func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Users.Create(ctx, "u", "p", nil)) },
	"Users.Grant":        func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Users.Grant(ctx, "u", "r")) },
	"Users.ChangePassword": func(ctx context.Context, c *etcdv2.Client) error {
		return c.Users.ChangePassword(ctx, "u", "p")
	},
	"Users.Delete": deleteUser,
	"Roles.List":   func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Roles.List(ctx)) },
	"Roles.Get":    getRole,
	"Roles.Create": func(ctx context.Context, c *etcdv2.Client) error {
		return errOf(c.Roles.Create(ctx, "r", etcdv2.Permissions{}))
	},
	"Roles.Grant": func(ctx context.Context, c *etcdv2.Client) error {
		return errOf(c.Roles.Grant(ctx, "r", etcdv2.Permissions{Read: []string{"/x"}}))
	},
	"Roles.Delete":       deleteRole,
	"Members.List":       func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Members.List(ctx)) },
	"Members.ListQuorum": func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Members.ListQuorum(ctx)) },
	"Members.Leader":     leader,
	"Members.Health":     func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Members.Health(ctx)) },
	"Members.Add": func(ctx context.Context, c *etcdv2.Client) error {
		return errOf(c.Members.Add(ctx, []string{"http://10.0.0.1:2380"}))
	},
	"Members.Update": func(ctx context.Context, c *etcdv2.Client) error {
		return c.Members.Update(ctx, "1", []string{"http://10.0.0.1:2380"})
	},
	"Members.Remove": removeMember,
	"Stats.Self":     func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Stats.Self(ctx)) },
	"Stats.Store":    func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Stats.Store(ctx)) },
	"Stats.Leader":   func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Stats.Leader(ctx)) },
	"Client.Cluster": func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Cluster(ctx)) },
	"Client.Machines": func(ctx context.Context, c *etcdv2.Client) error {
		return errOf(c.Machines(ctx))
	},
	"Client.Version": func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Version(ctx)) },
	"Client.Health":  func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Health(ctx)) },
	"Client.Sync":    func(ctx context.Context, c *etcdv2.Client) error { return c.Sync(ctx) },
}

// TestClient_readsEveryAnswer gets an answer from something that is no etcd, with
// the status of success, to whatever it asks.
func TestClient_readsEveryAnswer(t *testing.T) {
	t.Parallel()
	for name, action := range map[string]etcdtest.Action{
		"a page":        html(200),
		"JSON":          etcdtest.Respond(200, http.Header{"Content-Type": {"application/json"}}, `{"status":"ok"}`),
		"another shape": etcdtest.Respond(200, nil, `[]`),
	} {
		for callName, call := range calls {
			t.Run(callName+", "+name, func(t *testing.T) {
				t.Parallel()
				proxy := etcdtest.NewProxy(t, "http://127.0.0.1:1")
				proxy.Inject(etcdtest.Rule{Action: action})
				err := call(t.Context(), newClient(t, etcdv2.Options{Endpoints: []string{proxy.URL()}, Retry: etcdv2.RetryPolicy{MaxAttempts: 1}}))
				isRefresh := callName == "Keys.Refresh" && errors.Is(err, etcdv2.ErrUnsupported)
				if !errors.Is(err, etcdv2.ErrInvalidAnswer) && !isRefresh || errors.Is(err, etcdv2.ErrNotFound) {
					t.Errorf("error = %v, want %v", err, etcdv2.ErrInvalidAnswer)
				}
				if err != nil && strings.Contains(err.Error(), "log in") {
					t.Errorf("error = %v, which quotes the page", err)
				}
			})
		}
	}
}

// noEndpoints are what can stand at an endpoint that is no server of the v2 API.
var noEndpoints = map[string]struct {
	action etcdtest.Action
	// writes is whether it refuses writes alone.
	writes bool
	want   error
}{
	"a plain 404":           {action: etcdtest.Respond(404, nil, "404 page not found\n"), want: etcdv2.ErrV2Disabled},
	"a page":                {action: html(200), want: etcdv2.ErrInvalidAnswer},
	"a page, not found":     {action: html(404), want: etcdv2.ErrV2Disabled},
	"a page, forbidden":     {action: html(403)},
	"a page, unauthorized":  {action: html(401), want: etcdv2.ErrUnauthorized},
	"JSON of a gateway":     {action: etcdtest.Respond(404, nil, `{"message":"no route matched"}`)},
	"a read-only proxy":     {action: etcdtest.Respond(501, nil, ""), writes: true, want: etcdv2.ErrReadOnly},
	"an empty page of 200":  {action: etcdtest.Respond(200, http.Header{"Content-Type": {"text/html"}}, ""), want: etcdv2.ErrInvalidAnswer},
	"a member without --v2": {},
}

// elsewhere makes an endpoint of the kind, in front of a server where it is a proxy.
func elsewhere(t *testing.T, kind string, server *etcdtest.Server) string {
	t.Helper()
	none := noEndpoints[kind]
	if none.action == nil {
		return etcdtest.Start(t, etcdtest.WithoutV2()).URL()
	}
	proxy := etcdtest.NewProxy(t, server.URL())
	proxy.Inject(etcdtest.Rule{Match: func(r etcdtest.Request) bool { return !none.writes || r.Method != http.MethodGet }, Action: none.action})
	return proxy.URL()
}

// TestClient_passesOver makes each request as the first one of a client whose
// first endpoint is no server of the v2 API.
func TestClient_passesOver(t *testing.T) {
	t.Parallel()
	for kind := range noEndpoints {
		for verbName, v := range verbs {
			t.Run(kind+"/"+verbName, func(t *testing.T) {
				t.Parallel()
				if verbName == "Refresh" && !expected(t).refreshes {
					t.Skip("this server is not sent a refresh")
				}
				if v.api == authAPI {
					t.Skip("see TestClient_passesOver_auth")
				}
				server, prefix := etcdtest.Shared(t), etcdtest.Prefix(t)
				index := server.Put(t, prefix+"/k", "1").Node.ModifiedIndex
				server.Put(t, prefix+"/dir/child", "1")
				none := elsewhere(t, kind, server)
				client := newClient(t, etcdv2.Options{Endpoints: []string{none, server.URL()}, KeyPrefix: prefix})
				if err := v.call(t.Context(), client, index); err != nil {
					t.Fatalf("error = %v, want none: the second endpoint takes it", err)
				}
				if got := listing(server.Get(t, prefix, "recursive=true", "sorted=true").Node, prefix); got != v.after {
					t.Errorf("the server holds %q, want %q", got, v.after)
				}
				if got := client.Endpoints(); got[0] == none && !noEndpoints[kind].writes {
					t.Errorf("Endpoints() = %v, want the one that serves v2 first", got)
				}
			})
		}
	}
}

// TestClient_passesOver_auth does the same for what changes the whole server.
func TestClient_passesOver_auth(t *testing.T) {
	t.Parallel()
	for kind := range noEndpoints {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			server := etcdtest.Start(t)
			none := elsewhere(t, kind, server)
			ctx := t.Context()
			fresh := func() *etcdv2.Client {
				return newClient(t, etcdv2.Options{Endpoints: []string{none, server.URL()}, Username: "root", Password: "p"})
			}
			must[*etcdv2.User](t)(fresh().Users.Create(ctx, "root", "p", nil))
			must[*etcdv2.Role](t)(fresh().Roles.Create(ctx, "r", etcdv2.Permissions{Read: []string{"/x"}}))
			must[*etcdv2.User](t)(fresh().Users.Create(ctx, "u", "p", nil))
			must[*etcdv2.User](t)(fresh().Users.Grant(ctx, "u", "r"))
			for name, err := range map[string]error{
				"Enable":         fresh().Auth.Enable(ctx),
				"Disable":        fresh().Auth.Disable(ctx),
				"ChangePassword": fresh().Users.ChangePassword(ctx, "u", "q"),
				"Delete role":    fresh().Roles.Delete(ctx, "r"),
				"Delete user":    fresh().Users.Delete(ctx, "u"),
				"Sync":           fresh().Sync(ctx),
			} {
				if err != nil {
					t.Errorf("%s: error = %v", name, err)
				}
			}
		})
	}
}

// TestClient_nothingServesV2 has no endpoint that does.
func TestClient_nothingServesV2(t *testing.T) {
	t.Parallel()
	dead := etcdtest.NewProxy(t, "http://127.0.0.1:1")
	dead.Refuse()
	for kind, none := range noEndpoints {
		for _, withDead := range []bool{false, true} {
			t.Run(kind, func(t *testing.T) {
				t.Parallel()
				endpoints := []string{elsewhere(t, kind, etcdtest.Shared(t)), elsewhere(t, kind, etcdtest.Shared(t))}
				if withDead {
					endpoints = append(endpoints, dead.URL())
				}
				client := newClient(t, etcdv2.Options{Endpoints: endpoints, Retry: etcdv2.RetryPolicy{MaxAttempts: 2, MinDelay: time.Millisecond}})
				_, err := client.Keys.Set(t.Context(), "/nothing-serves-v2", "s3cr3t", etcdv2.WriteOptions{})
				for _, endpoint := range endpoints {
					if err == nil || strings.Count(err.Error(), endpoint) != 1 {
						t.Errorf("error = %v, want one that names %s once", err, endpoint)
					}
				}
				if none.want != nil && !errors.Is(err, none.want) {
					t.Errorf("error = %v, want %v", err, none.want)
				}
				for _, isNot := range []error{etcdv2.ErrNotFound, etcdv2.ErrOutcomeUnknown} {
					if errors.Is(err, isNot) {
						t.Errorf("error = %v, which is %v", err, isNot)
					}
				}
				if errors.Is(err, etcdv2.ErrUnavailable) != withDead {
					t.Errorf("error = %v, want ErrUnavailable only where an endpoint is down", err)
				}
			})
		}
	}
}

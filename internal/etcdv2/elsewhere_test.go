package etcdv2_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

const page = "<!DOCTYPE html><html><body>Please log in</body></html>"

// html answers every request with a page.
func html(status int) etcdtest.Action {
	return etcdtest.Respond(status, http.Header{"Content-Type": {"text/html; charset=utf-8"}}, page)
}

// calls are all the calls of a client, except those that ask every endpoint.
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
	"Auth.Status":             func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Auth.Status(ctx)) },
	"Auth.StatusLinearizable": func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Auth.StatusLinearizable(ctx)) },
	"Auth.Enable":             enable,
	"Auth.Disable":            disable,
	"Users.List":              func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Users.List(ctx)) },
	"Users.Get":               getUser,
	"Users.GetLinearizable":   func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Users.GetLinearizable(ctx, "u")) },
	"Users.Create":            func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Users.Create(ctx, "u", "p", nil)) },
	"Users.Grant":             func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Users.Grant(ctx, "u", "r")) },
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
	"Roles.Delete":             deleteRole,
	"Members.List":             func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Members.List(ctx)) },
	"Members.ListLinearizable": func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Members.ListLinearizable(ctx)) },
	"Members.Leader":           leader,
	"Members.Health":           func(ctx context.Context, c *etcdv2.Client) error { return errOf(c.Members.Health(ctx)) },
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

// TestClient_readsEveryAnswer makes each call get an answer with a success status from
// something that is not etcd.
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

// noEndpoints are the kinds of endpoints that are not servers of the v2 API.
var noEndpoints = map[string]struct {
	action etcdtest.Action
	// writes reports whether it rejects only writes.
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

// elsewhere returns an endpoint of the kind; a proxy is in front of server.
func elsewhere(t *testing.T, kind string, server *etcdtest.Server) string {
	t.Helper()
	none := noEndpoints[kind]
	if none.action == nil {
		return etcdtest.Start(t, etcdtest.WithoutV2()).URL()
	}
	proxy := etcdtest.NewProxy(t, server.URL())
	proxy.Inject(
		etcdtest.Rule{Match: func(r etcdtest.Request) bool { return !none.writes || r.Method != http.MethodGet }, Action: none.action},
	)
	return proxy.URL()
}

// TestClient_passesOver makes each call the first one of a client whose first endpoint is not a
// server of the v2 API.
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
					t.Fatalf("error = %v, want none: the second endpoint serves it", err)
				}
				if got := listing(server.Get(t, prefix, "recursive=true", "sorted=true").Node, prefix); got != v.after {
					t.Errorf("the server has %q, want %q", got, v.after)
				}
				if got := client.Endpoints(); got[0] == none && !noEndpoints[kind].writes {
					t.Errorf("Endpoints() = %v, want the one that serves v2 first", got)
				}
			})
		}
	}
}

// TestClient_passesOver_auth does the same for calls that change the whole server.
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

// TestClient_servesNoMore has a page at an endpoint that served the v2 API and then failed: a
// write that must not be sent twice is not sent to it.
func TestClient_servesNoMore(t *testing.T) {
	t.Parallel()
	server := etcdtest.Shared(t)
	first, second := etcdtest.NewProxy(t, server.URL()), etcdtest.NewProxy(t, server.URL())
	client := newClient(t, etcdv2.Options{Endpoints: []string{first.URL(), second.URL()}, KeyPrefix: etcdtest.Prefix(t)})
	w := newWriter(t, client.Keys)
	w.set("/k", "1")
	first.Inject(etcdtest.Rule{Times: 1, Action: etcdtest.Respond(503, nil, "")})
	w.ok(get("/k")(w))
	first.Inject(etcdtest.Rule{Action: html(200)})
	second.Refuse()
	_, err := push("/q", "1")(w)
	if err == nil || errors.Is(err, etcdv2.ErrOutcomeUnknown) {
		t.Errorf("CreateInOrder() error = %v, want a definite one", err)
	}
	if n := first.Count(http.MethodPost, ""); n != 0 {
		t.Errorf("%d writes were sent to the page, want none", n)
	}
}

// TestClient_nothingServesV2 has no endpoint that serves the v2 API.
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

// TestClient_paths has endpoints behind one gateway that differ only in their path.
func TestClient_paths(t *testing.T) {
	t.Parallel()
	a, b := etcdtest.Start(t), etcdtest.Start(t)
	mux := http.NewServeMux()
	front := httptest.NewServer(mux)
	t.Cleanup(front.Close)
	gateway := etcdtest.NewProxy(t, front.URL)
	behind := func(path string, s *etcdtest.Server) {
		target := must[*url.URL](t)(url.Parse(s.URL()))
		forward := http.StripPrefix(path, httputil.NewSingleHostReverseProxy(target))
		mux.Handle(path+"/", forward)
	}
	behind("/a", a)
	behind("/b", b)
	endpoints := []string{gateway.URL() + "/a", gateway.URL() + "/b/"}
	client := newClient(t, etcdv2.Options{Endpoints: endpoints})
	if diff := cmp.Diff(endpoints, client.Endpoints()); diff != "" {
		t.Errorf("Endpoints() (-want +got):\n%s", diff)
	}
	w := newWriter(t, client.Keys)
	w.set("/k", "in a")
	// The server behind /a is gone, and the next endpoint answers.
	gateway.Inject(etcdtest.Rule{Path: "/a", Action: etcdtest.Respond(404, nil, "404 page not found")})
	w.set("/k", "in b")
	if got := a.Get(t, "/k").Node.Value; got != "in a" {
		t.Errorf("the server behind /a has %q", got)
	}
	if got := b.Get(t, "/k").Node.Value; got != "in b" {
		t.Errorf("the server behind /b has %q", got)
	}
	// Another path is another endpoint; a trailing slash is not part of the path.
	if err := client.SetEndpoints([]string{gateway.URL() + "/c", gateway.URL() + "/b"}); err != nil {
		t.Fatal(err)
	}
	if got := client.Endpoints(); len(got) != 2 || !slices.Contains(got, gateway.URL()+"/c") {
		t.Errorf("Endpoints() = %v, want /c and /b", got)
	}
}

func TestParseEndpoint_port(t *testing.T) {
	t.Parallel()
	for host, ok := range map[string]bool{
		"h": true, "h:": true, "h:1": true, "h:65535": true, "[::1]:2379": true, "[::1]": true,
		"h:0": false, "h:65536": false, "h:99999999999999999999": false, "[::1]:65536": false,
	} {
		_, err := etcdv2.ParseEndpoint("http://" + host)
		if (err == nil) != ok || (err != nil && !strings.Contains(err.Error(), "between 1 and 65535")) {
			t.Errorf("ParseEndpoint() of %s: error = %v, want one: %v", host, err, !ok)
		}
	}
}

func TestParseEndpoint_path(t *testing.T) {
	t.Parallel()
	for path, ok := range map[string]bool{
		"": true, "/": true, "/etcd": true, "/etcd/": true, "/v3": true, "/v2x": true, "/v2/etcd": true, "/keys": true,
		"/v2": false, "/v2/": false, "/v2/keys": false, "/v2/keys/": false, "//v2//keys//": false, "/gw/v2": false, "/gw/v2/keys": false,
		"/v2/keys/app": false, "/v2/members": false, "/gw/%762/keys": false, "/v2%2Fkeys": false,
	} {
		_, err := etcdv2.ParseEndpoint("http://h:1" + path)
		if (err == nil) != ok || (err != nil && !strings.Contains(err.Error(), "leave out /v2")) {
			t.Errorf("ParseEndpoint() with the path %q: error = %v, want one: %v", path, err, !ok)
		}
	}
	client := newClient(t, etcdv2.Options{})
	if err := client.SetEndpoints([]string{"http://h:1/v2"}); err == nil {
		t.Error("SetEndpoints() accepts the path of the API")
	}
}

// TestClient_nothingSent uses a proxy that refuses connections.
func TestClient_nothingSent(t *testing.T) {
	t.Parallel()
	server := etcdtest.NewProxy(t, etcdtest.Shared(t).URL())
	client := newClient(t, etcdv2.Options{
		Endpoints: []string{server.URL()}, Retry: etcdv2.RetryPolicy{MaxAttempts: 1},
		ProxyURL: "http://127.0.0.1:1",
	})
	err := setKey(t.Context(), client)
	wantErr(t, "Set()", err, etcdv2.ErrUnavailable)
	if errors.Is(err, etcdv2.ErrOutcomeUnknown) || !strings.Contains(err.Error(), "proxyconnect") {
		t.Errorf("Set() error = %v, want a definite one", err)
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// TestKeysService_Watch_neverAnswered watches through an endpoint that hangs.
func TestKeysService_Watch_neverAnswered(t *testing.T) {
	t.Parallel()
	for name, action := range map[string]etcdtest.Action{"hangs": etcdtest.HoldBefore(nil), "cuts": etcdtest.CutBefore()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, _, proxy := newProxied(
				t, etcdv2.Options{Retry: etcdv2.RetryPolicy{MaxAttempts: 1000, MaxDelay: time.Millisecond, MinDelay: time.Millisecond}},
			)
			proxy.Inject(etcdtest.Rule{Action: action})
			_, err := keys.Watch(t.Context(), "/k", etcdv2.WatchOptions{Timeout: 300 * time.Millisecond})
			wantErr(t, "Watch()", err, etcdv2.ErrUnavailable)
			if errors.Is(err, etcdv2.ErrWatchTimeout) {
				t.Errorf("Watch() error = %v, which reports that a server answered", err)
			}
		})
	}
	keys, _ := newKeys(t)
	if _, err := keys.Watch(t.Context(), "/k", etcdv2.WatchOptions{Timeout: -1}); err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("Watch() with a negative timeout: error = %v", err)
	}
}

// TestKeysService_dirsWithoutReading changes directories as a user with write access but
// without read access.
func TestKeysService_dirsWithoutReading(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	server.Put(t, "/d/k", "kept")
	server.Mkdir(t, "/d/empty")
	server.Mkdir(t, "/d/full")
	server.Put(t, "/d/full/k", "v")
	root := newClient(t, etcdv2.Options{Endpoints: []string{server.URL()}, Username: "root", Password: "p"})
	ctx := t.Context()
	must[*etcdv2.User](t)(root.Users.Create(ctx, "root", "p", nil))
	must[*etcdv2.Role](t)(root.Roles.Create(ctx, "w", etcdv2.Permissions{Write: []string{"/d/*"}}))
	must[*etcdv2.User](t)(root.Users.Create(ctx, "writer", "p", []string{"w"}))
	must[*etcdv2.Role](t)(root.Roles.Create(ctx, etcdv2.GuestRole, etcdv2.Permissions{}))
	if err := root.Auth.Enable(ctx); err != nil {
		t.Fatal(err)
	}
	keys := newClient(t, etcdv2.Options{Endpoints: []string{server.URL()}, Username: "writer", Password: "p"}).Keys
	remove := func(path string, recursive bool) error {
		return errOf(keys.DeleteDir(ctx, path, etcdv2.DeleteDirOptions{Recursive: recursive}))
	}
	wantErr(t, "DeleteDir() of a key", remove("/d/k", false), etcdv2.ErrNotDir)
	wantErr(t, "recursive DeleteDir() of a key", remove("/d/k", true), etcdv2.ErrNotDir)
	wantErr(t, "UpdateDir() of a key", errOf(keys.UpdateDir(ctx, "/d/k", etcdv2.WriteOptions{})), etcdv2.ErrNotDir)
	wantErr(t, "DeleteDir() of an absent directory", remove("/d/none", true), etcdv2.ErrNotFound)
	wantErr(t, "DeleteDir() of a full one", remove("/d/full", false), etcdv2.ErrDirNotEmpty)
	wantErr(t, "DeleteDir() elsewhere", remove("/e", true), etcdv2.ErrUnauthorized)
	for path, recursive := range map[string]bool{"/d/empty": false, "/d/full": true} {
		if err := remove(path, recursive); err != nil {
			t.Errorf("DeleteDir(%s) error = %v", path, err)
		}
	}
	resp := must[*etcdv2.Response](t)(root.Keys.List(ctx, "/d", etcdv2.GetOptions{}))
	if got := resp.Node.Nodes; len(got) != 1 || got[0].Value != "kept" {
		t.Errorf("the directory contains %v, want only the key", resp.Node)
	}
}

// TestKeysService_Refresh_dir accepts, for a directory, the answer that only etcd 3.5 gives.
func TestKeysService_Refresh_dir(t *testing.T) {
	t.Parallel()
	if !expected(t).refreshes {
		t.Skip("this server is not sent a refresh")
	}
	keys, _ := newKeys(t)
	w := newWriter(t, keys)
	index := w.ok(createDir("/d")(w)).Node.ModifiedIndex
	_, err := keys.Refresh(t.Context(), "/d", 100, etcdv2.Condition{})
	if expected(t).updatesDirs && err != nil || !expected(t).updatesDirs && !errors.Is(err, etcdv2.ErrDirUpdate) {
		t.Errorf("Refresh() error = %v, want none, or %v from etcd 3.5", err, etcdv2.ErrDirUpdate)
	}
	_, err = keys.Refresh(t.Context(), "/d", 100, etcdv2.Condition{Index: index})
	wantErr(t, "Refresh() on a condition", err, etcdv2.ErrNotFile)
	// An update with an empty value is not an update of a directory either.
	wantErr(t, "Update()", errOf(keys.Update(t.Context(), "/d", "", etcdv2.WriteOptions{})), etcdv2.ErrNotFile)
}

// TestReadBody_length checks that the client does not trust the length that an answer claims.
func TestReadBody_length(t *testing.T) {
	t.Parallel()
	data, err := etcdv2.ReadBody(&http.Response{ContentLength: 1 << 30, Body: io.NopCloser(strings.NewReader("x"))})
	if err != nil || string(data) != "x" || cap(data) > 1<<20 {
		t.Errorf("readBody() = %q of capacity %d, %v, want one byte in a small buffer", data, cap(data), err)
	}
}

// TestClient_tracesAll traces the requests that the client makes on its own, and each redirect.
func TestClient_tracesAll(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	proxy := etcdtest.NewProxy(t, server.URL())
	proxy.Inject(etcdtest.Rule{Path: "/v2/keys", Times: 1, Action: etcdtest.Redirect(307, server.URL()+"/v2/keys/k?quorum=true")})
	id := must[etcdv2.Meta](t)(newClient(t, etcdv2.Options{Endpoints: []string{server.URL()}}).Cluster(t.Context())).ClusterID
	var traced []string
	client := newClient(t, etcdv2.Options{
		Endpoints: []string{proxy.URL()}, ExpectedClusterID: id,
		Trace: func(e etcdv2.Exchange) { traced = append(traced, fmt.Sprintf("%s %s %d", e.Method, e.URL, e.Status)) },
	})
	if _, err := client.Keys.Exists(t.Context(), "/k"); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"GET " + proxy.URL() + "/v2/members 200",
		"GET " + proxy.URL() + "/v2/keys/k?quorum=true 307",
		"GET " + server.URL() + "/v2/keys/k?quorum=true 404",
	}
	if diff := cmp.Diff(want, traced); diff != "" {
		t.Errorf("traced (-want +got):\n%s", diff)
	}
}

// TestClient_Cluster_lean checks that the root is not listed if the headers are enough.
func TestClient_Cluster_lean(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t)
	for i := range 100 {
		server.Put(t, fmt.Sprintf("/key-%d", i), strings.Repeat("v", 1000))
	}
	for name, action := range map[string]etcdtest.Action{"HEAD": nil, "no HEAD": etcdtest.Respond(405, nil, "")} {
		proxy := etcdtest.NewProxy(t, server.URL())
		if action != nil {
			proxy.Inject(etcdtest.Rule{Method: http.MethodHead, Action: action})
		}
		meta, err := newClient(t, etcdv2.Options{Endpoints: []string{proxy.URL()}}).Cluster(t.Context())
		if err != nil || meta.ClusterID == "" || meta.EtcdIndex < 100 || meta.RaftIndex == 0 || meta.RaftTerm == 0 {
			t.Errorf("%s: Cluster() = %+v, %v, want all of it", name, meta, err)
		}
		if n := proxy.Count(http.MethodGet, "/v2/keys"); (n == 0) != (action == nil) {
			t.Errorf("%s: the root was listed %d times", name, n)
		}
	}
}

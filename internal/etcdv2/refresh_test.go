package etcdv2_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// refreshes are a refresh with a condition, and one without.
var refreshes = map[string]func(w writer, index uint64) (*etcdv2.Response, error){
	"guarded": func(w writer, index uint64) (*etcdv2.Response, error) {
		return w.keys.Refresh(w.ctx, "/k", 100, etcdv2.Condition{Index: index})
	},
	"plain": func(w writer, _ uint64) (*etcdv2.Response, error) {
		return w.keys.Refresh(w.ctx, "/k", 100, etcdv2.Condition{})
	},
}

// TestKeysService_oldServers refreshes keys on servers that empty the value on a refresh,
// which the client knows by their version.
func TestKeysService_oldServers(t *testing.T) {
	t.Parallel()
	for version, wants := range map[[2]string]map[string]error{
		{"2.1.3", "2.1.0"}:       {"guarded": etcdv2.ErrUnsupported, "plain": etcdv2.ErrUnsupported},
		{"2.2.5", "2.2.0"}:       {"guarded": etcdv2.ErrUnsupported, "plain": etcdv2.ErrUnsupported},
		{"2.2.5", "3.5.0"}:       {"guarded": etcdv2.ErrUnsupported, "plain": etcdv2.ErrUnsupported},
		{"2.3.8", "2.2.0"}:       {"guarded": etcdv2.ErrUnsupported, "plain": etcdv2.ErrUnsupported},
		{"2.3.0", "2.3.0"}:       {"guarded": etcdv2.ErrUnsupported},
		{"2.3.6", "2.3.0"}:       {"guarded": etcdv2.ErrUnsupported},
		{"2.3.6", "3.5.0"}:       {"guarded": etcdv2.ErrUnsupported},
		{"2.3.6", "not_decided"}: {"guarded": etcdv2.ErrUnsupported},
		{"2.3.7", "2.3.0"}:       {},
		{"2.3.8", "2.3.0"}:       {},
		{"2.3.8", "not_decided"}: {},
		{"2.3.8", ""}:            {},
		{"3.0.0", "2.3.0"}:       {},
		{"3.5.0-rc.0", "3.4.0"}:  {},
		{"10.1.0", "10.1.0"}:     {},
		{"main", ""}:             {"guarded": etcdv2.ErrUnsupported, "plain": etcdv2.ErrUnsupported},
	} {
		for kind, refresh := range refreshes {
			t.Run(strings.Join(version[:], " in ")+" "+kind, func(t *testing.T) {
				t.Parallel()
				if wants[kind] == nil && !expected(t).refreshes {
					t.Skip("the refresh is sent, but this server would empty the value")
				}
				keys, prefix, proxy := newProxied(t, etcdv2.Options{})
				proxy.ActAs(version[0], version[1])
				w := newWriter(t, keys)
				_, err := refresh(w, w.set("/k", "kept").Node.ModifiedIndex)
				wantErr(t, "Refresh()", err, wants[kind])
				node := etcdtest.Shared(t).Get(t, prefix+"/k").Node
				if node.Value != "kept" || (node.TTL > 0) != (wants[kind] == nil) {
					t.Errorf("the key has the value %q and the TTL %d, want %q and a TTL only if the refresh was sent", node.Value, node.TTL, "kept")
				}
			})
		}
	}
}

// TestKeysService_Refresh_unknownVersion has endpoints that do not report their version.
func TestKeysService_Refresh_unknownVersion(t *testing.T) {
	t.Parallel()
	for name, action := range map[string]etcdtest.Action{
		"text of 2.0":         etcdtest.Respond(200, nil, "etcd 2.0.13"),
		"nothing":             etcdtest.Respond(200, nil, "{}"),
		"a page":              etcdtest.Respond(200, nil, "<html>login</html>"),
		"not passed on":       etcdtest.Respond(404, nil, "404 page not found"),
		"forbidden":           etcdtest.Respond(403, nil, "<html>forbidden</html>"),
		"a redirect to login": etcdtest.Redirect(302, "https://login.invalid/"),
		"bad gateway":         etcdtest.Respond(502, nil, "bad gateway"),
		"cut":                 etcdtest.CutBefore(),
	} {
		for kind, refresh := range refreshes {
			t.Run(name+" "+kind, func(t *testing.T) {
				t.Parallel()
				keys, _, proxy := newProxied(t, etcdv2.Options{})
				proxy.Inject(etcdtest.Rule{Path: "/version", Action: action})
				w := newWriter(t, keys)
				before := w.set("/k", "kept").Node
				_, err := refresh(w, before.ModifiedIndex)
				wantErr(t, "Refresh()", err, etcdv2.ErrUnsupported)
				if errors.Is(err, etcdv2.ErrUnavailable) || errors.Is(err, etcdv2.ErrOutcomeUnknown) {
					t.Errorf("Refresh() error = %v, want a definite one", err)
				}
				if after := w.ok(get("/k")(w)).Node; after.ModifiedIndex != before.ModifiedIndex {
					t.Error("a refresh was sent")
				}
			})
		}
	}
}

// TestKeysService_Refresh_failover loses the connection to a new server between the request
// for its version and the refresh; the next endpoint is an old server.
func TestKeysService_Refresh_failover(t *testing.T) {
	t.Parallel()
	server, prefix := etcdtest.Shared(t), etcdtest.Prefix(t)
	newer, older := etcdtest.NewProxy(t, server.URL()), etcdtest.NewProxy(t, server.URL())
	newer.ActAs("2.3.8", "2.3.0")
	older.ActAs("2.3.6", "2.3.0")
	newer.Inject(
		etcdtest.Rule{
			Method: http.MethodPut, Match: func(r etcdtest.Request) bool { return r.Form.Has("refresh") }, Action: etcdtest.CutBefore(),
		},
	)
	keys := newClient(t, etcdv2.Options{Endpoints: []string{newer.URL(), older.URL()}, KeyPrefix: prefix}).Keys
	w := newWriter(t, keys)
	_, err := keys.Refresh(t.Context(), "/k", 100, etcdv2.Condition{Index: w.set("/k", "kept").Node.ModifiedIndex})
	wantErr(t, "Refresh()", err, etcdv2.ErrUnsupported)
	if got := server.Get(t, prefix+"/k").Node.Value; got != "kept" {
		t.Errorf("value = %q, want %q", got, "kept")
	}
	if n := newer.Count(http.MethodPut, ""); n < 2 {
		t.Errorf("the newer server got %d writes, want the refresh too", n)
	}
}

// TestKeysService_Refresh_replaced has an older server at an endpoint that was a newer one. In
// a cluster before 3.0 the client checks for that at each refresh, because the server can be
// replaced without a failed request, and in newer clusters after a failure.
func TestKeysService_Refresh_replaced(t *testing.T) {
	t.Parallel()
	if !expected(t).refreshes {
		t.Skip("the refresh is sent, but this server would empty the value")
	}
	for _, tt := range []struct {
		name, server, cluster string
		fails                 bool
	}{
		{name: "unnoticed", server: "2.3.8", cluster: "2.3.0"},
		{name: "with a failure", server: "3.5.0", cluster: "3.5.0", fails: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			keys, prefix, proxy := newProxied(t, etcdv2.Options{})
			w := newWriter(t, keys)
			w.set("/k", "kept")
			proxy.ActAs(tt.server, tt.cluster)
			index := w.ok(keys.Refresh(t.Context(), "/k", 100, etcdv2.Condition{})).Node.ModifiedIndex
			proxy.Clear()
			proxy.ActAs("2.3.6", "2.3.0")
			if tt.fails {
				proxy.Inject(etcdtest.Rule{Method: http.MethodGet, Path: "/v2/keys", Times: 1, Action: etcdtest.Respond(503, nil, "")})
				w.ok(get("/k")(w))
			}
			_, err := keys.Refresh(t.Context(), "/k", 100, etcdv2.Condition{Index: index})
			wantErr(t, "Refresh()", err, etcdv2.ErrUnsupported)
			if got := etcdtest.Shared(t).Get(t, prefix+"/k").Node.Value; got != "kept" {
				t.Errorf("value = %q, want %q", got, "kept")
			}
		})
	}
}

// TestKeysService_Refresh_mixedCluster asks a newer member of a cluster in which an older
// member would apply the refresh to its own store.
func TestKeysService_Refresh_mixedCluster(t *testing.T) {
	t.Parallel()
	if !expected(t).refreshes {
		t.Skip("the refresh is sent, but this server would empty the value")
	}
	cluster := etcdtest.StartCluster(t, 3)
	var endpoints []string
	var proxies []*etcdtest.Proxy
	for _, server := range cluster.Servers {
		proxy := etcdtest.NewProxy(t, server.URL())
		proxy.ActAs("2.3.8", "2.3.0")
		proxies, endpoints = append(proxies, proxy), append(endpoints, proxy.URL())
	}
	for _, tt := range []struct {
		name   string
		change func()
		want   error
	}{
		{name: "all are new", change: func() {}},
		{name: "one is older", change: func() {
			proxies[2].Clear()
			proxies[2].ActAs("2.3.6", "2.3.0")
		}, want: etcdv2.ErrUnsupported},
		{name: "one is unknown", change: func() {
			proxies[2].Clear()
			proxies[2].Inject(etcdtest.Rule{Path: "/version", Action: etcdtest.Respond(403, nil, "")})
		}, want: etcdv2.ErrUnsupported},
	} {
		tt.change()
		keys := newClient(t, etcdv2.Options{Endpoints: endpoints}).Keys
		w := newWriter(t, keys)
		_, err := keys.Refresh(t.Context(), "/k", 100, etcdv2.Condition{Index: w.set("/k", "kept").Node.ModifiedIndex})
		wantErr(t, tt.name, err, tt.want)
		if _, err := keys.Refresh(t.Context(), "/k", 100, etcdv2.Condition{}); err != nil {
			t.Errorf("%s, without a condition: error = %v", tt.name, err)
		}
	}
}

// TestKeysService_Renew_oldServer renews a lock on a server where a conditional refresh would
// lose it.
func TestKeysService_Renew_oldServer(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*etcdtest.Proxy){
		"2.3.6": func(p *etcdtest.Proxy) { p.ActAs("2.3.6", "2.3.0") },
		"2.2.5": func(p *etcdtest.Proxy) { p.ActAs("2.2.5", "2.2.0") },
		"a gateway for /v2/ alone": func(p *etcdtest.Proxy) {
			p.Inject(
				etcdtest.Rule{
					Match: func(r etcdtest.Request) bool { return !strings.HasPrefix(r.Path, "/v2/") }, Action: etcdtest.Respond(404, nil, "not here"),
				},
			)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, prefix, proxy := newProxied(t, etcdv2.Options{})
			change(proxy)
			lock := must[*etcdv2.Lock](t)(keys.Acquire(t.Context(), etcdv2.LockRequest{Key: lockKey, TTL: 30, Owner: "somebody"}))
			value := etcdtest.Shared(t).Get(t, prefix+lockKey).Node.Value
			proxy.Reset()
			first := lock.ModifiedIndex
			for range 2 {
				if err := keys.Renew(t.Context(), lock); err != nil {
					t.Fatal(err)
				}
			}
			node := etcdtest.Shared(t).Get(t, prefix+lockKey).Node
			if node.Value != value || node.TTL == 0 || node.CreatedIndex != lock.CreatedIndex || node.ModifiedIndex == first {
				t.Errorf("the key is %+v, want the token, a TTL, the created index and a newer one than %d", node, first)
			}
			if slices.ContainsFunc(proxy.Requests(), func(r etcdtest.Request) bool { return r.Param("refresh") != "" }) {
				t.Error("a refresh was sent")
			}
			if err := keys.Release(t.Context(), lock); err != nil {
				t.Errorf("Release() error = %v", err)
			}
		})
	}
}

// TestKeysService_ExtendTTL gives keys a new TTL on a server that can refresh them, and on one
// that cannot. A value that is not text is not written back.
func TestKeysService_ExtendTTL(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]string{"as it is": "", "2.2.5": "2.2.5"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, prefix, proxy := newProxied(t, etcdv2.Options{})
			refreshes := version == "" && expected(t).refreshes
			if version != "" {
				proxy.ActAs(version, "2.2.0")
			}
			w, server := newWriter(t, keys), etcdtest.Shared(t)
			first := w.set("/k", "kept").Node.ModifiedIndex
			second := w.ok(keys.ExtendTTL(t.Context(), "/k", 100, first, nil)).Node
			now := server.Get(t, prefix+"/k").Node
			if now.Value != "kept" || now.TTL == 0 || now.ModifiedIndex != second.ModifiedIndex {
				t.Errorf("the key is %+v after ExtendTTL() = %+v", now, second)
			}
			_, err := keys.ExtendTTL(t.Context(), "/k", 100, first, nil)
			wantErr(t, "ExtendTTL() at an old index", err, etcdv2.ErrCompareFailed)

			put := server.Put(t, prefix+"/k", "caf\xe9").Node.ModifiedIndex
			_, err = keys.ExtendTTL(t.Context(), "/k", 100, put, nil)
			if !refreshes {
				wantErr(t, "ExtendTTL() of bytes that are not text", err, etcdv2.ErrInvalidValue)
			} else if err != nil {
				t.Errorf("ExtendTTL() error = %v: a refresh keeps any value", err)
			}
			_, err = keys.SetTTL(t.Context(), "/k", new(int64(100)))
			wantErr(t, "SetTTL() of bytes that are not text", err, etcdv2.ErrInvalidValue)
			if now := server.Get(t, prefix+"/k").Node; !refreshes && now.ModifiedIndex != put {
				t.Errorf("the key became %+v", now)
			}
		})
	}
}

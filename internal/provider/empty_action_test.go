package provider

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// clusterOf returns the id of a server's cluster.
func clusterOf(t *testing.T, s *etcdtest.Server) string {
	t.Helper()
	return s.Do(t, etcdtest.Call{Path: "/v2/keys/"}).Header.Get("X-Etcd-Cluster-Id")
}

func TestAccEmptyAction(t *testing.T) {
	t.Parallel()
	s, dir := etcdtest.Shared(t), etcdtest.Prefix(t)
	for i := range 40 {
		s.Put(t, fmt.Sprintf("%s/app/%d/%d", dir, i%3, i), "v")
	}
	s.Mkdir(t, dir+"/app/empty/inner")
	s.Put(t, dir+"/app/2/_lock", "v")
	s.Put(t, dir+"/other", "v")
	id := clusterOf(t, s)
	emptying := func(id, more string) string {
		return invoking(s.URL(), "etcd_empty", fmt.Sprintf("prefix = %q\n    expected_cluster_id = %q\n    %s", dir+"/app", id, more))
	}
	acceptanceOfActions(t,
		resource.TestStep{Config: emptying("1234", ""), ExpectError: errorWith("Unexpected etcd cluster", "expected")},
		resource.TestStep{
			Config: emptying(id, ""), ExpectError: errorWith("Store is not empty", "40 keys and", dir+"/app/2 contains hidden keys"),
		},
		resource.TestStep{
			Config: emptying(id, fmt.Sprintf("hidden_paths = [%q]", dir+"/app/2/_lock")),
			PostApplyFunc: func() {
				if s.Get(t, dir+"/app").OK() || !s.Get(t, dir+"/other").OK() {
					t.Error("the directory still exists, or its sibling does not")
				}
			},
		},
		resource.TestStep{Config: emptying(strings.ToUpper(id), "")},
	)
}

// A whole store with authentication: keys, users and roles, in the required order.
func TestEmpty_usersAndRoles(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t, etcdtest.WithAuth("rootpw"))
	s.Put(t, "/app/k", "v")
	s.JSON(t, http.MethodPut, "/v2/auth/roles/app", map[string]any{"role": "app"})
	s.JSON(t, http.MethodPut, "/v2/auth/users/app", map[string]any{"user": "app", "password": "apppw", "roles": []string{"app"}})
	provider := func(user, password string) *direct {
		return newDirect(t, map[string]any{"endpoints": []any{s.URL()}, "username": user, "password": password})
	}
	all := map[string]any{"prefix": "/", "expected_cluster_id": clusterOf(t, s), "users_and_roles": true}
	out := provider("app", "apppw").invoke(t, "etcd_empty", all)
	want(t, "without permission", out.errs, "Unable to list the store", "credentials")
	s.Put(t, "/app/_h", "v")
	want(t, "with a hidden key", provider("root", "rootpw").invoke(t, "etcd_empty", all).errs, "/app contains hidden keys")
	if answer := s.Do(t, etcdtest.Call{Path: "/v2/auth/users/app"}); !answer.OK() {
		t.Errorf("a user was deleted although a key is left: %d", answer.Status)
	}
	s.Delete(t, "/app/_h")
	out = provider("root", "rootpw").invoke(t, "etcd_empty", all)
	want(t, "errors", out.errs)
	want(t, "progress", out.progress, "Authentication was disabled", "All 2 users and all roles were deleted")
	for path, want := range map[string]string{
		"/v2/auth/enable": `{"enabled":false}`, "/v2/auth/users": `{"users":null}`, "/v2/keys/": `"dir":true}}`,
	} {
		if got := strings.TrimSpace(string(s.Do(t, etcdtest.Call{Path: path, Anonymous: true}).Body)); !strings.Contains(got, want) {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	want(t, "the second time", provider("root", "rootpw").invoke(t, "etcd_empty", all).errs)
}

// Keys that change between the listing and the deletion stay. A prefix that does not exist is
// empty, and the key prefix is respected.
func TestEmpty_changed(t *testing.T) {
	t.Parallel()
	s, dir := etcdtest.Shared(t), etcdtest.Prefix(t)
	s.Put(t, dir+"/in/k", "old")
	s.Put(t, dir+"/out", "v")
	proxy := etcdtest.NewProxy(t, s.URL())
	proxy.Inject(etcdtest.Rule{Method: http.MethodDelete, Times: 1, Action: etcdtest.Intercept(func(etcdtest.Request) {
		s.Put(t, dir+"/in/k", "new")
	})})
	d := newDirect(t, map[string]any{"endpoints": []any{proxy.URL()}, "key_prefix": dir + "/in"})
	all := map[string]any{"prefix": "/", "expected_cluster_id": clusterOf(t, s)}
	want(t, "changed", d.invoke(t, "etcd_empty", all).errs, "Store is not empty", "/k was written or refreshed after it was listed")
	if got := s.Get(t, dir+"/in/k").Node.Value; got != "new" {
		t.Errorf("the key is %q, want the later value", got)
	}
	want(t, "again", d.invoke(t, "etcd_empty", all).errs)
	all["prefix"] = "/none/at/all"
	want(t, "no such prefix", d.invoke(t, "etcd_empty", all).errs)
	if !s.Get(t, dir+"/out").OK() || !s.Get(t, dir+"/in").OK() {
		t.Error("a key outside the key prefix was deleted, or its directory")
	}
	all["prefix"], all["hidden_paths"] = "/", []any{"/none/_x"}
	want(t, "no such hidden path", d.invoke(t, "etcd_empty", all).errs, "does not exist")
	delete(all, "hidden_paths")
	d = newDirect(t, map[string]any{"endpoints": []any{s.URL()}, "expected_cluster_id": "123"})
	want(t, "two ids", d.invoke(t, "etcd_empty", all).errs, "The provider expects the cluster 123")
}

// A server that goes away ends the action, and a repetition finishes it.
func TestEmpty_down(t *testing.T) {
	t.Parallel()
	s, dir := etcdtest.Shared(t), etcdtest.Prefix(t)
	for i := range 40 {
		s.Put(t, fmt.Sprintf("%s/app/%d", dir, i), "v")
	}
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, quickRetry(proxy.URL()))
	all := map[string]any{"prefix": dir + "/app", "expected_cluster_id": clusterOf(t, s)}
	goAway := etcdtest.Intercept(func(etcdtest.Request) { proxy.Refuse() })
	proxy.Inject(etcdtest.Rule{Method: http.MethodDelete, Skip: 10, Times: 1, Action: goAway})
	want(t, "in the middle", d.invoke(t, "etcd_empty", all).errs, "Nothing accepts connections", "At least ",
		"Run the action again to continue")
	left := len(s.Get(t, dir+"/app").Node.Nodes)
	if left == 0 || left == 40 {
		t.Errorf("%d keys of 40 are left after an interruption in the middle", left)
	}
	want(t, "from the start", d.invoke(t, "etcd_empty", all).errs, "Unable to list the store", "Nothing accepts connections")
	if got := len(s.Get(t, dir+"/app").Node.Nodes); got != left {
		t.Errorf("%d keys are left, want %d as before", got, left)
	}
	proxy.Accept(t)
	want(t, "again", d.invoke(t, "etcd_empty", all).errs)
	if s.Get(t, dir+"/app").OK() {
		t.Error("the directory still exists after a repetition")
	}
}

func TestEmpty_tls(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t, etcdtest.WithTLS())
	s.Put(t, "/app/k", "v")
	all := map[string]any{"prefix": "/", "expected_cluster_id": clusterOf(t, s)}
	unknown := newDirect(t, map[string]any{"endpoints": []any{s.URL()}})
	want(t, "an unknown authority", unknown.invoke(t, "etcd_empty", all).errs, "tls.ca_file")
	known := newDirect(t, map[string]any{"endpoints": []any{s.URL()}, "tls": map[string]any{"ca_file": s.Certs.CA.CertFile}})
	want(t, "a known authority", known.invoke(t, "etcd_empty", all).errs)
	if s.Get(t, "/app").OK() {
		t.Error("the directory still exists")
	}
}

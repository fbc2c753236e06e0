package provider

import (
	"net/http"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// A node that lags shows users and roles as they were. What a rival has given them since the plan is
// known before they are deleted, whichever node is asked first.
func TestAuthResources_deletionByANodeThatLags(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3, etcdtest.WithPeerProxies())
	leader, follower := cluster.Leader(t), cluster.Followers(t)[0]
	proxy := etcdtest.NewProxy(t, follower.URL())
	proxy.Inject(etcdtest.Rule{Method: http.MethodDelete, Action: etcdtest.Intercept(func(etcdtest.Request) {
		follower.Rejoin()
		etcdtest.Apart(t, func(t *testing.T) { t.Helper(); bystander{[]*etcdtest.Server{follower}}.caughtUp(t) })
	})})
	d := newDirect(t, map[string]any{"endpoints": []string{proxy.URL(), leader.URL()}, "request_timeout": "3s"})
	makeRole(t, leader, "r1", nil, nil)
	makeRole(t, leader, "r2", nil, nil)
	b := bystander{cluster.Servers}
	for name, test := range map[string]struct {
		config map[string]any
		rival  func() bool
		found  func() contents
	}{
		"etcd_user": {
			userOf("alice", "geheim", "r1"), func() bool { return b.changeUser(t, "alice", []string{"r2"}, nil) },
			func() contents { return b.user(t, "alice") },
		},
		"etcd_role": {
			roleOf("ops", []string{"/a"}, nil), func() bool { return b.changeRole(t, "ops", []string{"/b"}, nil) },
			func() contents { return b.role(t, "ops") },
		},
	} {
		o, errs := d.apply(t, d.none(name), test.config)
		if errs != "" {
			t.Fatal(errs)
		}
		planned, config := d.plan(t, o, nil)
		b.servers = []*etcdtest.Server{follower}
		b.caughtUp(t) // It knows the object, and no more.
		follower.Isolate(t)
		b.servers = []*etcdtest.Server{leader}
		if !test.rival() {
			t.Fatalf("%s: the rival got no answer", name)
		}
		want := test.found()
		_, errs = d.applyPlan(t.Context(), t, o, planned, config)
		wantPhrases(t, errs, "changed since it was planned")
		if got := test.found(); len(got) != len(want) {
			t.Errorf("%s: the store has %v, want what the rival made: %v", name, got, want)
		}
		follower.Rejoin()
		b.caughtUp(t)
	}
}

// A node that lags does not know yet that authentication is enabled, and takes every password. It does
// not prove that the provider can log in.
func TestAuthResource_proofByANodeThatLags(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3, etcdtest.WithPeerProxies())
	leader, follower := cluster.Leader(t), cluster.Followers(t)[0]
	makeRoot(t, leader)
	proxy := etcdtest.NewProxy(t, leader.URL())
	proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Path: "/v2/auth/enable", Action: func(x *etcdtest.Exchange) {
		etcdtest.Apart(t, func(t *testing.T) {
			t.Helper()
			bystander{[]*etcdtest.Server{follower}}.caughtUp(t)
			follower.Isolate(t)
		})
		answer := x.Fetch()
		proxy.Inject(etcdtest.Rule{Times: 2, Action: etcdtest.CutBefore()})
		x.Deliver(answer)
	}})
	attributes := credentials(proxy.URL(), "root", "falsch")
	attributes["endpoints"], attributes["request_timeout"] = []string{proxy.URL(), follower.URL()}, "3s"
	auth, errs := newDirect(t, attributes).apply(t, newDirect(t, attributes).none("etcd_auth"), map[string]any{})
	wantPhrases(t, errs, "Unable to enable authentication")
	if auth.exists() || authEnabled(t, leader) {
		t.Errorf("in state: %t, enabled: %t", auth.exists(), authEnabled(t, leader))
	}
}

// A node that lags lists users and roles as they were. It is made to catch up before its lists are
// believed, unless consistent_reads = false.
func TestAuthDataSources_ofANodeThatLags(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3, etcdtest.WithPeerProxies())
	leader, follower := cluster.Leader(t), cluster.Followers(t)[0]
	proxy := etcdtest.NewProxy(t, follower.URL())
	proxy.Inject(etcdtest.Rule{Path: "/v2/keys", Action: etcdtest.Intercept(func(etcdtest.Request) { follower.Rejoin() })})
	d := newDirect(t, map[string]any{"endpoints": []string{proxy.URL()}})
	own := newDirect(t, map[string]any{"endpoints": []string{proxy.URL()}, "consistent_reads": false})
	for typeName, add := range map[string]func(name string){
		"etcd_users": func(name string) { makeUser(t, leader, name) },
		"etcd_roles": func(name string) { makeRole(t, leader, name, nil, nil) },
	} {
		before, errs := d.read(t, typeName, nil)
		if errs != "" {
			t.Fatal(errs)
		}
		follower.Isolate(t)
		add("new")
		if lagging, errs := own.read(t, typeName, nil); errs != "" || lagging.at(t, "names.#") != before.at(t, "names.#") {
			t.Errorf("%s has %s names on the node that lags, errors %q", typeName, lagging.at(t, "names.#"), errs)
		}
		after, errs := d.read(t, typeName, nil)
		if errs != "" || after.at(t, "names.#") == before.at(t, "names.#") {
			t.Errorf("%s has %s names after one more was added, errors %q", typeName, after.at(t, "names.#"), errs)
		}
	}
}

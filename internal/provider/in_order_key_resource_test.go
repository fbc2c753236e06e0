package provider

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// queueConfig returns a key in order with further attributes.
func queueConfig(endpoint, dir, value string, attributes ...string) string {
	return config(endpoint, "resource \"etcd_in_order_key\" \"test\" {\n  dir   = %q\n  value = %q\n  %s\n}\n",
		dir, value, strings.Join(attributes, "\n  "))
}

// children returns the keys in a directory, by name.
func children(t *testing.T, s *etcdtest.Server, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, node := range s.Get(t, dir).Node.Nodes {
		found[strings.TrimPrefix(node.Key, dir+"/")] = node.Value
	}
	return found
}

func TestAccInOrderKeyResource_createUpdateImport(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	dir := etcdtest.Prefix(t)
	const address = "etcd_in_order_key.test"
	var key string
	keyStays := statecheck.CompareValue(compare.ValuesSame())
	indexStays := statecheck.CompareValue(compare.ValuesSame())
	createdStays := statecheck.CompareValue(compare.ValuesSame())
	stays := func() []statecheck.StateCheck {
		return []statecheck.StateCheck{
			keyStays.AddStateValue(address, tfjsonpath.New("key")),
			indexStays.AddStateValue(address, tfjsonpath.New("index")),
			createdStays.AddStateValue(address, tfjsonpath.New("created_index")),
		}
	}
	acceptance(t,
		resource.TestStep{
			Config: queueConfig(s.URL(), dir, "one"),
			ConfigStateChecks: append(stays(),
				known(address, "key", knownvalue.StringRegexp(regexp.MustCompile("^"+dir+"/[0-9]{20}$"))),
				statecheck.CompareValuePairs(address, tfjsonpath.New("index"), address, tfjsonpath.New("created_index"), compare.ValuesSame()),
				statecheck.ExpectIdentityValueMatchesState(address, tfjsonpath.New("key"))),
			Check: func(state *terraform.State) error {
				key = state.RootModule().Resources[address].Primary.Attributes["key"]
				return serverHas(t, s, key, "one")(state)
			},
		},
		resource.TestStep{
			Config:            queueConfig(s.URL(), dir, "two", "ttl = 1000"),
			ConfigPlanChecks:  planned(address, plancheck.ResourceActionUpdate),
			ConfigStateChecks: stays(),
			Check:             func(state *terraform.State) error { return serverHas(t, s, key, "two")(state) },
		},
		resource.TestStep{
			ResourceName: address, ImportState: true, ImportStateIdFunc: func(*terraform.State) (string, error) { return key, nil },
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "key", ImportStateVerifyIgnore: []string{"ttl"},
		},
		resource.TestStep{
			ResourceName: address, ImportState: true, ImportStateIdFunc: func(*terraform.State) (string, error) { return key, nil },
			ImportStateKind: resource.ImportBlockWithID,
			ImportPlanChecks: resource.ImportPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(address, plancheck.ResourceActionNoop),
			}},
		},
		resource.TestStep{
			ResourceName: address, ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity,
			ImportPlanChecks: resource.ImportPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction(address, plancheck.ResourceActionNoop),
			}},
		},
		resource.TestStep{
			Config: queueConfig(s.URL(), dir, "two", "ttl = 1000"), ResourceName: address, ImportState: true, ImportStateId: dir + "/042",
			ExpectError: errorWith("Invalid path", "is not a number of 20 digits"),
		},
	)
	if left := children(t, s, dir); len(left) != 0 {
		t.Errorf("keys after the destroy = %v, want none", left)
	}
}

func TestAccInOrderKeyResource_driftAndRemoval(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	dir := etcdtest.Prefix(t)
	const address = "etcd_in_order_key.test"
	cfg := queueConfig(s.URL(), dir, "ours")
	only := func() string {
		for name := range children(t, s, dir) {
			return dir + "/" + name
		}
		return ""
	}
	hasOneKey := func(state *terraform.State) error {
		if found := children(t, s, dir); len(found) != 1 {
			return fmt.Errorf("keys in the directory = %v, want one", found)
		}
		return serverHas(t, s, only(), "ours")(state)
	}
	acceptance(t,
		resource.TestStep{Config: cfg, Check: hasOneKey},
		resource.TestStep{
			PreConfig: func() { s.Put(t, only(), "theirs") },
			Config:    cfg, ConfigPlanChecks: planned(address, plancheck.ResourceActionUpdate), Check: hasOneKey,
		},
		resource.TestStep{
			PreConfig: func() { s.Delete(t, only()) },
			Config:    cfg, ConfigPlanChecks: planned(address, plancheck.ResourceActionCreate), Check: hasOneKey,
		},
		resource.TestStep{
			Config:           queueConfig(s.URL(), dir+"/other", "ours"),
			ConfigPlanChecks: planned(address, plancheck.ResourceActionDestroyBeforeCreate),
		},
	)
}

// There cannot be a key to overwrite, but a key may be in the place of the directory.
func TestInOrderKeyResource_directoryIsKey(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	d := newDirect(t, quickRetry(s.URL()))
	dir := etcdtest.Prefix(t)
	s.Put(t, dir, "secret")
	_, errs := d.apply(t, d.none("etcd_in_order_key"), map[string]any{"dir": dir, "value": "secret"})
	wantError(t, errs, "Directory is a key now", dir)
	_, errs = d.apply(t, d.none("etcd_in_order_key"), map[string]any{"dir": dir + "/below", "value": "secret"})
	wantError(t, errs, dir+"/below")
	if got := s.Get(t, dir).Node; got.Dir || got.Value != "secret" {
		t.Errorf("the key in the way = %+v, want it unchanged", got)
	}
}

func TestInOrderKeyResource_rivalWrite(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	d := newDirect(t, quickRetry(s.URL()))
	dir := etcdtest.Prefix(t)
	o := mustApply(t, d, d.none("etcd_in_order_key"), map[string]any{"dir": dir, "value": ""})
	key := o.text(t, "key")
	s.Put(t, key, "secret-rival")
	after, errs := d.apply(t, o, map[string]any{"dir": dir, "value": "secret"})
	wantError(t, errs, "Key changed since it was planned", key)
	_, errs = d.apply(t, after, nil)
	wantError(t, errs, "Key changed since it was planned", key)
	if got := s.Get(t, key).Node.Value; got != "secret-rival" {
		t.Errorf("value = %q, want that of the rival", got)
	}
	s.Delete(t, key)
	_, errs = d.apply(t, o, map[string]any{"dir": dir, "value": "secret"})
	wantError(t, errs, "Key was deleted since it was planned", key)
	mustApply(t, d, o, nil)
}

func TestInOrderKeyResource_lostAnswers(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, quickRetry(proxy.URL()))
	dir := etcdtest.Prefix(t)
	for i := range rounds {
		attributes := map[string]any{"dir": dir, "value": "one"}
		if i%2 == 1 {
			attributes["ttl"] = 1000
		}
		proxy.Clear()
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
			proxy.Inject(etcdtest.Rule{Method: method, Times: 1, Action: etcdtest.DropAnswer()})
		}
		o := mustApply(t, d, d.none("etcd_in_order_key"), attributes)
		key := o.text(t, "key")
		agree(t, s, o, key, "one")
		attributes["value"] = "two"
		o = mustApply(t, d, o, attributes)
		agree(t, s, o, key, "two")
		if i%4 == 0 {
			mustApply(t, d, o, nil)
		}
	}
	if got, want := len(children(t, s, dir)), rounds*3/4; got != want {
		t.Errorf("keys in the directory = %d, want %d", got, want)
	}
	if got := proxy.Count(http.MethodPost, ""); got != rounds {
		t.Errorf("%d creations were sent, want %d: a creation was sent twice", got, rounds)
	}
}

// Several resources create keys with the same value in one directory concurrently.
func TestInOrderKeyResource_lostAnswersAtOnce(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	proxy.Inject(etcdtest.Rule{Method: http.MethodPost, Every: 2, Action: etcdtest.DropAnswer()})
	d := newDirect(t, quickRetry(proxy.URL()))
	dir := etcdtest.Prefix(t)
	const n = 30
	keys := make([]string, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			etcdtest.Apart(t, func(t *testing.T) {
				o, errs := d.apply(t, d.none("etcd_in_order_key"), map[string]any{"dir": dir, "value": "same"})
				if errs != "" {
					t.Fatal(errs)
				}
				keys[i] = o.text(t, "key")
			})
		})
	}
	wg.Wait()
	distinct := map[string]bool{}
	for _, key := range keys {
		distinct[key] = true
	}
	if got := len(children(t, s, dir)); len(distinct) != n || got != n {
		t.Errorf("%d resources have %d keys, but the directory has %d", n, len(distinct), got)
	}
}

func TestInOrderKeyResource_outcomeUnknown(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, quickRetry(proxy.URL()))
	dir := etcdtest.Prefix(t)
	s.Put(t, dir+"/00000000000000000001", "secret") // It existed before.
	attributes := map[string]any{"dir": dir, "value": "secret"}
	const unknown = "Outcome of a write is unknown"

	proxy.Inject(etcdtest.Rule{Method: http.MethodPost, Action: etcdtest.CutBefore()})
	o, errs := d.apply(t, d.none("etcd_in_order_key"), attributes)
	wantError(t, errs, unknown, "No new key there has the value", "import {")
	if o.exists() {
		t.Error("a key that was not created is in state")
	}

	proxy.Clear()
	post := func(value string) string {
		return s.Do(t, etcdtest.Call{Method: http.MethodPost, Path: "/v2/keys" + dir, Form: map[string][]string{"value": {value}}}).Node.Key
	}
	var rival string
	proxy.Inject(etcdtest.Rule{Method: http.MethodPost, Action: etcdtest.Intercept(func(etcdtest.Request) { rival = post("secret") })})
	proxy.Inject(etcdtest.Rule{Method: http.MethodPost, Action: etcdtest.DropAnswer()})
	_, errs = d.apply(t, d.none("etcd_in_order_key"), attributes)
	wantError(t, errs, unknown, "More than one new key has the value", rival)

	// A rival's key with another value is not mistaken for ours.
	proxy.Clear()
	proxy.Inject(etcdtest.Rule{Method: http.MethodPost, Action: etcdtest.Intercept(func(etcdtest.Request) { rival = post("other") })})
	proxy.Inject(etcdtest.Rule{Method: http.MethodPost, Action: etcdtest.DropAnswer()})
	o = mustApply(t, d, d.none("etcd_in_order_key"), attributes)
	if key := o.text(t, "key"); key == rival || s.Get(t, key).Node.Value != "secret" {
		t.Errorf("key in state = %s, the rival's is %s", key, rival)
	}

	// Now the last read fails too.
	proxy.Clear()
	posted := func(etcdtest.Request) bool { return proxy.Count(http.MethodPost, "") > 0 }
	proxy.Reset()
	proxy.Inject(etcdtest.Rule{Method: http.MethodGet, Match: posted, Action: etcdtest.CutBefore()})
	proxy.Inject(etcdtest.Rule{Method: http.MethodPost, Action: etcdtest.DropAnswer()})
	_, errs = d.apply(t, d.none("etcd_in_order_key"), attributes)
	wantError(t, errs, unknown, "The directory could not be read to find out")
}

func TestInOrderKeyResource_serverDown(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, quickRetry(proxy.URL()))
	attributes := map[string]any{"dir": etcdtest.Prefix(t), "value": "1"}
	o := mustApply(t, d, d.none("etcd_in_order_key"), attributes)
	proxy.Refuse()
	after, errs := d.refresh(t, o)
	if wantError(t, errs, "Unable to read key"); !after.exists() {
		t.Error("the key was dropped from state because the server was down")
	}
	_, errs = d.apply(t, d.none("etcd_in_order_key"), attributes)
	wantError(t, errs, "no endpoint answered")
}

// A user without the right to list a directory can still create a key in it.
func TestInOrderKeyResource_permissions(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t, etcdtest.WithAuth("root"))
	s.JSON(t, http.MethodPut, "/v2/auth/roles/queue", map[string]any{"role": "queue", "permissions": map[string]any{
		"kv": map[string]any{"read": []string{"/queue/*"}, "write": []string{"/queue", "/queue/*"}},
	}})
	s.JSON(t, http.MethodPut, "/v2/auth/users/queue", map[string]any{"user": "queue", "password": "pw", "roles": []string{"queue"}})
	proxy := etcdtest.NewProxy(t, s.URL())
	attributes := quickRetry(proxy.URL())
	attributes["username"], attributes["password"] = "queue", "pw"
	d := newDirect(t, attributes)
	key := map[string]any{"dir": "/queue", "value": "1"}
	if o := mustApply(t, d, d.none("etcd_in_order_key"), key); s.Get(t, o.text(t, "key")).Node.Value != "1" {
		t.Error("the key was not created")
	}
	_, errs := d.apply(t, d.none("etcd_in_order_key"), map[string]any{"dir": "/other", "value": "secret"})
	wantError(t, errs, "Unable to create key", "/other", "no role of the user permits")
	proxy.Inject(etcdtest.Rule{Method: http.MethodPost, Action: etcdtest.DropAnswer()})
	_, errs = d.apply(t, d.none("etcd_in_order_key"), key)
	wantError(t, errs, "Outcome of a write is unknown", "could not be read to find out")
}

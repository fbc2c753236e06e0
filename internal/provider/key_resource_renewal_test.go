package provider

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// ttlLeft checks that a key has about this many seconds left.
func ttlLeft(t *testing.T, s *etcdtest.Server, key string, seconds int64) resource.TestCheckFunc {
	t.Helper()
	return onServer(func() error {
		if got := s.Get(t, key).Node.TTL; got > seconds || got < seconds-60 {
			return fmt.Errorf("TTL of %s = %d, want nearly %d", key, got, seconds)
		}
		return nil
	})
}

// nextEvent returns the first event below a directory after an index.
func nextEvent(t *testing.T, s *etcdtest.Server, dir string, after uint64) etcdtest.Node {
	t.Helper()
	return s.Do(t, etcdtest.Call{Path: "/v2/keys" + dir, Query: url.Values{
		"recursive": {"true"}, "wait": {"true"}, "waitIndex": {fmt.Sprint(after + 1)},
	}}).Node
}

func TestAccKeyResource_renewal(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t)
	cfg := func(attributes ...string) string {
		return keyConfig(s.URL(), "/app/k", "v", append(attributes, "ttl_renew_below = 100")...)
	}
	moved := statecheck.CompareValue(compare.ValuesDiffer())
	at := tfjsonpath.New("modified_index")
	var before uint64
	acceptance(t,
		resource.TestStep{
			Config: cfg("ttl = 1000"), ConfigStateChecks: []statecheck.StateCheck{moved.AddStateValue("etcd_key.test", at)},
		},
		// Enough time is left.
		resource.TestStep{PreConfig: func() { s.Put(t, "/app/k", "v", "ttl=150") }, Config: cfg("ttl = 1000"), PlanOnly: true},
		resource.TestStep{
			PreConfig: func() { before = s.Put(t, "/app/k", "v", "ttl=50").Node.ModifiedIndex },
			Config:    cfg("ttl = 1000"),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("etcd_key.test", plancheck.ResourceActionUpdate),
				plancheck.ExpectKnownValue("etcd_key.test", tfjsonpath.New("value"), knownvalue.StringExact("v")),
				plancheck.ExpectUnknownValue("etcd_key.test", at),
				plancheck.ExpectUnknownValue("etcd_key.test", tfjsonpath.New("expiration")),
			}},
			ConfigStateChecks: []statecheck.StateCheck{moved.AddStateValue("etcd_key.test", at)},
			Check: resource.ComposeAggregateTestCheckFunc(ttlLeft(t, s, "/app/k", 1000), serverHas(t, s, "/app/k", "v"), onServer(func() error {
				marker := s.Put(t, "/app/marker", "m").Node.ModifiedIndex
				if next := nextEvent(t, s, "/app", before); next.ModifiedIndex != marker {
					return fmt.Errorf("next event = %+v, want none before index %d: a renewal is silent", next, marker)
				}
				if got := s.Get(t, "/app/k").Node.ModifiedIndex; got <= before {
					return fmt.Errorf("modified index = %d, want more than %d", got, before)
				}
				return nil
			})),
		},
		resource.TestStep{Config: cfg("ttl = 1000"), PlanOnly: true},
		// A change of only the TTL is silent too.
		resource.TestStep{
			PreConfig: func() { before = s.Put(t, "/app/marker", "before").Node.ModifiedIndex },
			Config:    cfg("ttl = 2000"), ConfigPlanChecks: planned("etcd_key.test", plancheck.ResourceActionUpdate),
			Check: resource.ComposeAggregateTestCheckFunc(ttlLeft(t, s, "/app/k", 2000), onServer(func() error {
				marker := s.Put(t, "/app/marker", "m").Node.ModifiedIndex
				if next := nextEvent(t, s, "/app", before); next.ModifiedIndex != marker {
					return fmt.Errorf("next event = %+v, want none before index %d", next, marker)
				}
				return nil
			})),
		},
		// A change of the limit renews the TTL, and so does a new value.
		resource.TestStep{
			PreConfig: func() { s.Put(t, "/app/k", "v", "ttl=500") },
			Config:    keyConfig(s.URL(), "/app/k", "v", "ttl = 2000", "ttl_renew_below = 200"), Check: ttlLeft(t, s, "/app/k", 2000),
		},
		resource.TestStep{
			PreConfig: func() { s.Put(t, "/app/k", "v", "ttl=50") },
			Config:    keyConfig(s.URL(), "/app/k", "new", "ttl = 2000", "ttl_renew_below = 200"),
			Check:     resource.ComposeAggregateTestCheckFunc(ttlLeft(t, s, "/app/k", 2000), serverHas(t, s, "/app/k", "new")),
		},
	)
}

func TestAccKeyResource_renewalOfDefaultTTL(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	key := etcdtest.Prefix(t) + "/k"
	cfg := func(provider string) string {
		return configWith(s.URL(), provider, "resource \"etcd_key\" \"test\" {\n  key = %q\n  value = \"v\"\n  ttl_renew_below = 100\n}\n", key)
	}
	acceptance(t,
		resource.TestStep{Config: cfg(""), ExpectError: errorWith("Nothing to renew", "default_ttl")},
		resource.TestStep{Config: cfg("default_ttl = 100"), ExpectError: errorWith("Renewal without end", "100 seconds")},
		resource.TestStep{Config: cfg("default_ttl = 1000"), Check: ttlLeft(t, s, key, 1000)},
		resource.TestStep{
			PreConfig: func() { s.Put(t, key, "v", "ttl=50") },
			Config:    cfg("default_ttl = 1000"), ConfigPlanChecks: planned("etcd_key.test", plancheck.ResourceActionUpdate),
			Check: ttlLeft(t, s, key, 1000),
		},
	)
}

// Objects that refer to a key have no changes while there is nothing to renew.
func TestAccKeyResource_renewalAndDependents(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	cfg := keyConfig(s.URL(), prefix+"/k", "v", "ttl = 1000", "ttl_renew_below = 100") + fmt.Sprintf(
		"resource \"etcd_key\" \"by_value\" {\n  key = %q\n  value = etcd_key.test.value\n}\n"+
			"resource \"etcd_key\" \"by_index\" {\n  key = %q\n  value = etcd_key.test.modified_index\n}\n", prefix+"/v", prefix+"/i")
	acceptance(t,
		resource.TestStep{Config: cfg},
		resource.TestStep{Config: cfg, PlanOnly: true},
		resource.TestStep{
			PreConfig: func() { s.Put(t, prefix+"/k", "v", "ttl=50") },
			Config:    cfg,
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("etcd_key.test", plancheck.ResourceActionUpdate),
				plancheck.ExpectResourceAction("etcd_key.by_value", plancheck.ResourceActionNoop),
				plancheck.ExpectResourceAction("etcd_key.by_index", plancheck.ResourceActionUpdate),
			}},
		},
	)
}

// An import accepts the remaining TTL for any longer configured TTL.
func TestAccKeyResource_importOfTTL(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	key := etcdtest.Prefix(t) + "/k"
	s.Put(t, key, "v", "ttl=900")
	cfg := func(value string, attributes ...string) string {
		return keyConfig(s.URL(), key, value, attributes...) + fmt.Sprintf("import {\n  to = etcd_key.test\n  id = %q\n}\n", key)
	}
	acceptance(t,
		resource.TestStep{Config: cfg("v", "ttl = 1000"), ConfigPlanChecks: planned("etcd_key.test", plancheck.ResourceActionNoop)},
		resource.TestStep{Config: cfg("v", "ttl = 1000"), PlanOnly: true},
		// Writing the value sets the whole TTL, and the next refresh shows it.
		resource.TestStep{
			Config: cfg("w", "ttl = 1000"), ConfigPlanChecks: planned("etcd_key.test", plancheck.ResourceActionUpdate),
			Check: ttlLeft(t, s, key, 1000),
		},
		resource.TestStep{
			Config: cfg("w", "ttl = 1000"), ConfigPlanChecks: planned("etcd_key.test", plancheck.ResourceActionNoop),
			ConfigStateChecks: []statecheck.StateCheck{known("etcd_key.test", "ttl", knownvalue.Int64Exact(1000))},
		},
		resource.TestStep{Config: cfg("w", "ttl = 1500"), Check: ttlLeft(t, s, key, 1500)},
	)
}

func TestAccKeyResource_importOfLongerTTL(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	key := etcdtest.Prefix(t) + "/k"
	s.Put(t, key, "v", "ttl=900")
	block := fmt.Sprintf("import {\n  to = etcd_key.test\n  id = %q\n}\n", key)
	acceptance(t,
		resource.TestStep{
			Config:           keyConfig(s.URL(), key, "v", "ttl = 300") + block,
			ConfigPlanChecks: planned("etcd_key.test", plancheck.ResourceActionUpdate), Check: ttlLeft(t, s, key, 300),
		},
	)
}

// shorten leaves a key with less time than the limit for renewal. Another writer does it, except
// for a write-only value, which must not be written: there the TTL counts down.
func shorten(t *testing.T, s *etcdtest.Server, form keyForm, key string) {
	t.Helper()
	if form.inState != "" {
		s.Put(t, key, form.text("one"), "ttl=20")
		return
	}
	eventually(t, "less than 58 s are left", func() bool { return s.Get(t, key).Node.TTL < 58 })
}

func TestKeyResource_renewal(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, quickRetry(proxy.URL()))
	for _, form := range keyForms() {
		t.Run(form.name, func(t *testing.T) {
			t.Parallel()
			key := etcdtest.Prefix(t) + "/k"
			attributes := form.attributes(key, "one", 1)
			attributes["ttl"], attributes["ttl_renew_below"] = 60, 58
			o := mustApply(t, d, d.none("etcd_key"), attributes)
			early, config := d.plan(t, o, attributes)
			shorten(t, s, form, key)
			// A plan that is computed again from the same state is the same.
			again, _ := d.plan(t, o, attributes)
			typ := config.Type()
			if !undynamic(t, typ, early.PlannedState).Equal(undynamic(t, typ, again.PlannedState)) {
				t.Error("the plan has changed without a refresh")
			}
			o, errs := d.refresh(t, o)
			if errs != "" {
				t.Fatal(errs)
			}
			before := s.Get(t, key).Node
			o = mustApply(t, d, o, attributes)
			form.agrees(t, s, o, key, "one")
			if now := s.Get(t, key).Node; now.TTL < 58 || now.ModifiedIndex <= before.ModifiedIndex || now.CreatedIndex != before.CreatedIndex {
				t.Errorf("key after the renewal = %+v, before it %+v", now, before)
			}
			if !d.isEmpty(t, o, attributes) {
				t.Error("the plan after the renewal is not empty")
			}
			last := ""
			for _, r := range proxy.Forwarded() {
				if r.Method == http.MethodPut && strings.HasSuffix(r.Path, key) {
					last = fmt.Sprint("refresh=", r.Param("refresh"), " value=", r.Param("value"))
				}
			}
			if last != "refresh=true value=" {
				t.Errorf("the renewal sent %q, want a refresh without a value", last)
			}
		})
	}
}

// An etcd before 2.3 would empty the value on a refresh: there the value is sent with the TTL, on
// the same condition.
func TestKeyResource_renewalWithoutRefresh(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	// We cannot run such a server; only the answers to these requests are made up.
	proxy.Inject(etcdtest.Rule{
		Path: "/version",
		Action: etcdtest.Respond(
			http.StatusOK, http.Header{"Content-Type": {"application/json"}}, `{"etcdserver":"2.2.5","etcdcluster":"2.2.0"}`,
		),
	})
	d := newDirect(t, quickRetry(proxy.URL()))
	for _, form := range keyForms() {
		t.Run(form.name, func(t *testing.T) {
			t.Parallel()
			key := etcdtest.Prefix(t) + "/k"
			attributes := form.attributes(key, "one", 1)
			attributes["ttl"] = 500
			o := mustApply(t, d, d.none("etcd_key"), attributes)
			index := o.text(t, "modified_index")
			attributes["ttl"] = 1000
			o = mustApply(t, d, o, attributes)
			form.agrees(t, s, o, key, "one")
			if got := s.Get(t, key).Node.TTL; got < 940 {
				t.Errorf("TTL = %d, want nearly 1000", got)
			}
			for _, r := range proxy.Forwarded() {
				if r.Param("refresh") != "" {
					t.Errorf("%s %s requests a refresh", r.Method, r.Path)
				}
			}
			last := proxy.Forwarded()
			var put etcdtest.Request
			for _, r := range last {
				if r.Method == http.MethodPut && strings.HasSuffix(r.Path, key) {
					put = r
				}
			}
			if put.Param("prevIndex") != index || put.Param("value") != form.text("one") {
				t.Errorf("prevIndex = %q, value = %q, want %q and the value", put.Param("prevIndex"), put.Param("value"), index)
			}
			if !d.isEmpty(t, o, attributes) {
				t.Error("the next plan is not empty")
			}
		})
	}
}

// Answers to renewals are lost. If the value is in state, a read can settle that nobody else
// wrote the key; if it is not, the outcome is unknown, and the next plan writes the value again.
func TestKeyResource_renewalLostAnswers(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	for _, form := range keyForms() {
		t.Run(form.name, func(t *testing.T) {
			t.Parallel()
			proxy := etcdtest.NewProxy(t, s.URL())
			d := newDirect(t, quickRetry(proxy.URL()))
			prefix := etcdtest.Prefix(t)
			for i := range rounds / 2 {
				key := fmt.Sprintf("%s/k%d", prefix, i)
				attributes := form.attributes(key, "one", 1)
				attributes["ttl"] = 500
				o := mustApply(t, d, d.none("etcd_key"), attributes)
				attributes["ttl"] = 1000
				proxy.Clear()
				proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Times: 1, Action: etcdtest.DropAnswer()})
				after, errs := d.apply(t, o, attributes)
				if form.inState != "" {
					if errs != "" {
						t.Fatal(errs)
					}
					form.agrees(t, s, after, key, "one")
					continue
				}
				if !strings.Contains(errs, "Outcome of a write is unknown") || after.text(t, "modified_index") != o.text(t, "modified_index") {
					t.Fatalf("round %d: errors = %q, state = %s; want an unknown outcome", i, errs, after.state)
				}
				after, errs = d.refresh(t, after)
				if errs != "" {
					t.Fatal(errs)
				}
				after = mustApply(t, d, after, attributes)
				form.agrees(t, s, after, key, "one")
				if !d.isEmpty(t, after, attributes) {
					t.Fatalf("round %d: the plan after the rewrite is not empty", i)
				}
			}
		})
	}
}

// A renewal is conditional too: it continues if only the index has moved, and does not overwrite
// what another writer has written since the plan.
func TestKeyResource_renewalAfterRival(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	d := newDirect(t, map[string]any{"endpoints": []string{s.URL()}})
	prefix := etcdtest.Prefix(t)
	const conflict, deleted = "Key changed since it was planned", "Key was deleted since it was planned"
	for _, form := range keyForms() {
		for name, test := range map[string]struct {
			rival func(key string)
			want  string
		}{
			"same":    {func(key string) { s.Put(t, key, form.text("one"), "ttl=300") }, ""},
			"other":   {func(key string) { s.Put(t, key, form.text("two"), "ttl=300") }, conflict},
			"dropped": {func(key string) { s.Put(t, key, form.text("one")) }, conflict},
			"deleted": {func(key string) { s.Delete(t, key) }, deleted},
		} {
			if name == "same" && form.inState == "" {
				test.want = conflict // state cannot know that the value is the same
			}
			key := prefix + "/" + form.name + "/" + name
			attributes := form.attributes(key, "one", 1)
			attributes["ttl"] = 500
			o := mustApply(t, d, d.none("etcd_key"), attributes)
			attributes["ttl"] = 1000
			plan, config := d.plan(t, o, attributes)
			test.rival(key)
			before := s.Get(t, key).Node
			_, errs := d.applyPlan(t.Context(), t, o, plan, config)
			if (errs != "") != (test.want != "") || !strings.Contains(errs, test.want) {
				t.Errorf("%s, %s: errors = %q, want %q", form.name, name, errs, test.want)
			}
			if after := s.Get(t, key).Node; test.want != "" && (after.ModifiedIndex != before.ModifiedIndex || after.Value != before.Value) {
				t.Errorf("%s, %s: node on the server = %+v, want the rival's: %+v", form.name, name, after, before)
			}
		}
	}
}

// A key becomes permanent only by a write of the value.
func TestKeyResource_ttlIsRemoved(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	d := newDirect(t, map[string]any{"endpoints": []string{s.URL()}})
	prefix := etcdtest.Prefix(t)
	for _, form := range keyForms() {
		key := prefix + "/" + form.name
		attributes := form.attributes(key, "one", 1)
		attributes["ttl"] = 500
		o := mustApply(t, d, d.none("etcd_key"), attributes)
		delete(attributes, "ttl")
		o = mustApply(t, d, o, attributes)
		form.agrees(t, s, o, key, "one")
		if node := s.Get(t, key).Node; node.Expiration != "" || !d.isEmpty(t, o, attributes) {
			t.Errorf("%s: node on the server = %+v, empty plan: %t; want a permanent key", form.name, node, d.isEmpty(t, o, attributes))
		}
	}
}

// TestAcc_ttlOnOldServers changes only the TTL on servers where a conditional refresh would empty
// the value.
func TestAcc_ttlOnOldServers(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*etcdtest.Proxy){
		"2.2.5": func(p *etcdtest.Proxy) { p.ActAs("2.2.5", "2.2.0") },
		"2.3.6": func(p *etcdtest.Proxy) { p.ActAs("2.3.6", "2.3.0") },
		"2.3.8": func(p *etcdtest.Proxy) { p.ActAs("2.3.8", "2.3.0") },
		"a gateway for /v2/ alone": func(p *etcdtest.Proxy) {
			p.Inject(etcdtest.Rule{Path: "/version", Action: etcdtest.Respond(http.StatusNotFound, nil, "not here")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, prefix := etcdtest.Shared(t), etcdtest.Prefix(t)
			proxy := etcdtest.NewProxy(t, s.URL())
			change(proxy)
			cfg := func(ttl int, secret string) string {
				return config(proxy.URL(), `
resource "etcd_key" "text" {
  key   = "%[1]s/text"
  value = "kept"
  ttl   = %[2]d
}
resource "etcd_key" "secret" {
  key              = "%[1]s/secret"
  value_wo         = %[3]q
  value_wo_version = 1
  ttl              = %[2]d
}
resource "etcd_key_prefix" "all" {
  prefix = "%[1]s/tree"
  keys   = { a = "kept", "b/c" = "kept" }
  ttl    = %[2]d
}
`, prefix, ttl, secret)
			}
			kept := func(ttl int64) resource.TestCheckFunc {
				var checks []resource.TestCheckFunc
				for _, key := range []string{"text", "secret", "tree/a", "tree/b/c"} {
					checks = append(checks, serverHas(t, s, prefix+"/"+key, "kept"), ttlLeft(t, s, prefix+"/"+key, ttl))
				}
				return resource.ComposeAggregateTestCheckFunc(checks...)
			}
			acceptanceSince(t, tfversion.Version1_11_0,
				resource.TestStep{Config: cfg(600, "kept"), Check: kept(600)},
				// A secret without a new version is not written again, not even with a TTL.
				resource.TestStep{Config: cfg(900, "another"), Check: kept(900)},
			)
		})
	}
}

// TestAccRefreshAction_oldServers refreshes keys on servers that would empty the value.
func TestAccRefreshAction_oldServers(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2.2.5", "2.3.6", "2.3.8"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s, key := etcdtest.Shared(t), etcdtest.Prefix(t)+"/key"
			s.Put(t, key, "kept", "ttl=100")
			proxy := etcdtest.NewProxy(t, s.URL())
			proxy.ActAs(version, version[:3]+".0")
			acceptanceOfActions(t, resource.TestStep{
				Config: invoking(proxy.URL(), "etcd_refresh", fmt.Sprintf("key = %q\n    ttl = 600", key)),
				PostApplyFunc: func() {
					if node := s.Get(t, key).Node; node.Value != "kept" || node.TTL < 500 {
						t.Errorf("key = %+v, want its value and a TTL of 600", node)
					}
				},
			})
		})
	}
}

package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// ttls returns the TTLs of keys on the server, in hundreds of seconds rounded up, 0 for none.
func (f *prefixFixture) ttls(t *testing.T, keys map[string]string) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	for relative := range keys {
		out[relative] = (f.server.Get(t, f.prefix+"/"+relative).Node.TTL + 99) / 100
	}
	return out
}

// quiet reports whether a plan has no changes and no warnings.
func (f *prefixFixture) quiet(t *testing.T, o managed, attributes map[string]any) bool {
	t.Helper()
	resp, config := f.d.plan(t, o, attributes)
	return len(resp.Diagnostics) == 0 && undynamic(t, config.Type(), resp.PlannedState).Equal(o.state)
}

// Only some of the imported keys have a TTL. Each keeps its own until a TTL is configured, and
// then the plan names the keys whose TTL changes.
func TestKeyPrefixResource_mixedLifetimes(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	keys := map[string]string{"a": "1", "b": "2", "c": "3"}
	f.put(t, "a", "1")
	f.put(t, "b", "2", "ttl=300")
	f.put(t, "c", "3", "ttl=9000")
	a, b, c := f.prefix+"/a", f.prefix+"/b", f.prefix+"/c"
	o := f.d.imported(t, "etcd_key_prefix", f.prefix)
	if got := o.text(t, "ttl"); got != "" {
		t.Errorf("ttl of the import = %q, want none: not every key has one", got)
	}
	if !f.quiet(t, o, f.attributes(keys)) {
		t.Error("the plan after the import is not quiet")
	}
	resp, _ := f.d.plan(t, o, f.attributes(keys, "ttl", 300))
	if got := warnings(resp.Diagnostics); !strings.Contains(got, a+": 300 seconds") ||
		!strings.Contains(got, c+": 300 seconds, until now 9000") || strings.Contains(got, b) {
		t.Errorf("warnings = %q, want a new TTL of a, a changed one of c, and nothing about b", got)
	}

	// A change of a value leaves the TTL alone, even one that was set or removed outside.
	keys["b"] = "22"
	o = f.apply(t, o, keys)
	want := map[string]int64{"a": 0, "b": 3, "c": 90}
	if got := f.ttls(t, keys); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("TTLs in hundreds of seconds = %v, want %v", got, want)
	}
	f.wantNoChange(t, o, f.attributes(keys))
	f.put(t, "a", "1", "ttl=300")
	f.put(t, "c", "3")
	o = f.refresh(t, o)
	if !f.quiet(t, o, f.attributes(keys)) {
		t.Error("the plan is not quiet after TTLs came and went outside")
	}

	// From the first apply with a TTL on, all keys have one, and drift is reported.
	o = f.apply(t, o, keys, "ttl", 800)
	want = map[string]int64{"a": 3, "b": 3, "c": 8}
	if got := f.ttls(t, keys); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("TTLs in hundreds of seconds = %v, want %v: a and b may have the rest of 800", got, want)
	}
	f.wantNoChange(t, o, f.attributes(keys, "ttl", 800))
	f.put(t, "a", "1")
	o = f.refresh(t, o)
	f.wantWarning(t, o, f.attributes(keys, "ttl", 800), "gain a TTL", a+": 800 seconds")
	f.wantWarning(t, o, f.attributes(keys), "lose their TTL", b+": ", c+": ")
	o = f.apply(t, o, keys)
	want = map[string]int64{"a": 0, "b": 0, "c": 0}
	if got := f.ttls(t, keys); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("TTLs in hundreds of seconds = %v, want none", got)
	}
	f.wantNoChange(t, o, f.attributes(keys))
}

// The TTLs that an import finds, and the effect of a configuration without a TTL, or with
// another one, on them.
func TestKeyPrefixResource_importedLifetimes(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		held map[string]int // TTLs on the server by key
		// ttl is the TTL of the import, and quiet whether the plan without a TTL is quiet.
		ttl   string
		quiet bool
	}{
		"none":  {map[string]int{"a": 0, "b": 0}, "", true},
		"all":   {map[string]int{"a": 300, "b": 9000}, "9000", false},
		"mixed": {map[string]int{"a": 300, "b": 0}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newPrefixFixture(t)
			keys := map[string]string{}
			for relative, ttl := range test.held {
				keys[relative] = "v"
				f.put(t, relative, "v", ttlParams(ttl)...)
			}
			o := f.d.imported(t, "etcd_key_prefix", f.prefix)
			if got := o.text(t, "ttl"); !about(got, test.ttl) {
				t.Errorf("ttl = %q, want %q", got, test.ttl)
			}
			if got := f.quiet(t, o, f.attributes(keys)); got != test.quiet {
				t.Errorf("the plan without a TTL is quiet: %t, want %t", got, test.quiet)
			}
			resp, _ := f.d.plan(t, o, f.attributes(keys, "ttl", 9000))
			for relative, ttl := range test.held {
				if got := warnings(resp.Diagnostics); strings.Contains(got, f.prefix+"/"+relative) != (ttl == 0) {
					t.Errorf("the plan with a TTL warns %q, want every key without one", got)
				}
			}
		})
	}
}

// about reports whether two TTLs, empty for none, are nearly equal.
func about(got, want string) bool {
	var a, b int64
	_, errA := fmt.Sscan(got, &a)
	_, errB := fmt.Sscan(want, &b)
	return (errA == nil) == (errB == nil) && !differs(a, b)
}

// The provider's default_ttl sets the TTLs of a whole store, and removes them again.
func TestKeyPrefixResource_defaultTTLComesAndGoes(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	with := newDirect(t, map[string]any{"endpoints": []string{f.server.URL()}, "default_ttl": 700})
	keys := manyKeys(30)
	o := f.apply(t, f.none(), keys)
	for _, step := range []struct {
		d    *direct
		want string
	}{{with, "gain a TTL"}, {f.d, "lose their TTL"}} {
		change := step.d.change(t, o, f.attributes(keys), f.attributes(keys), nil)
		if change.errs != "" {
			t.Fatal(change.errs)
		}
		if !strings.Contains(change.warnings, step.want) || strings.Count(change.warnings, f.prefix+"/") != namedAtMost ||
			!strings.Contains(change.warnings, "and 10 more") {
			t.Errorf("warnings = %q, want that 30 keys %s, %d of them by name", change.warnings, step.want, namedAtMost)
		}
		if attributeText(t, change.early, "ttl") == o.text(t, "ttl") {
			t.Error("the plan does not show another ttl")
		}
		o = change.after
	}
}

// With ignore_changes = [ttl] the configuration repeats the TTL in state. One key that loses its
// TTL must not make the others lose theirs.
func TestKeyPrefixResource_ignoredTTL(t *testing.T) {
	t.Parallel()

	f := newPrefixFixture(t)
	keys := map[string]string{"a": "1", "b": "2"}
	o := f.apply(t, f.none(), keys, "ttl", 1000, "ttl_renew_below", 100)
	f.put(t, "a", "1")
	o = f.refresh(t, o)
	resp, config := f.d.plan(t, o, f.attributes(keys, "ttl", 1000, "ttl_renew_below", 100))
	if got := attributeText(t, undynamic(t, config.Type(), resp.PlannedState), "ttl"); got != "1000" ||
		strings.Contains(warnings(resp.Diagnostics), f.prefix+"/b") {
		t.Errorf("ttl = %q, warnings = %q, want 1000 and nothing of b", got, warnings(resp.Diagnostics))
	}
	f.put(t, "b", "2")
	o = f.refresh(t, o)
	if got := o.text(t, "ttl"); got != "" {
		t.Errorf("ttl = %q, want none: no key has one", got)
	}
	change := f.d.change(t, o, f.attributes(keys, "ttl_renew_below", 100), f.attributes(keys, "ttl_renew_below", 100), nil)
	if change.errs != "" || !change.late.Equal(o.state) || !strings.Contains(change.warnings, "Nothing to renew") {
		t.Errorf("errors = %q, warnings = %q, want an empty plan that warns", change.errs, change.warnings)
	}
}

// Renewal depends on the remaining TTL that the server reports, and not on the clock of this
// machine: here the clocks are hours apart.
func TestKeyedResources_renewalByTheServersClock(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	for _, shift := range []string{"20", "39"} { // centuries
		proxy := etcdtest.NewProxy(t, s.URL())
		proxy.Inject(etcdtest.Rule{Action: func(x *etcdtest.Exchange) {
			answer := x.Fetch()
			body := answer.Body.String()
			answer.Body.Reset()
			answer.Body.WriteString(strings.ReplaceAll(body, `"expiration":"20`, `"expiration":"`+shift))
			answer.Header().Del("Content-Length")
			x.Deliver(answer)
		}})
		d := newDirect(t, quickRetry(proxy.URL()))
		for _, kind := range keyedResources() {
			if kind.typeName == "etcd_in_order_key" || kind.hidden {
				continue // not renewed, or not shortened by another writer
			}
			key := etcdtest.Prefix(t) + "/k"
			attributes := kind.attributes(key, "one", 1)
			attributes["ttl"], attributes["ttl_renew_below"] = 1000, 500
			o := mustApply(t, d, d.none(kind.typeName), attributes)
			if !d.isEmpty(t, o, attributes) {
				t.Errorf("%s: the plan is not empty with 1000 seconds left", kind.name)
			}
			s.Put(t, key, kind.text("one"), "ttl=400")
			o, errs := d.refresh(t, o)
			if errs != "" {
				t.Fatal(errs)
			}
			o = mustApply(t, d, o, attributes)
			if got := s.Get(t, key).Node.TTL; differs(got, 1000) {
				t.Errorf("%s: %d seconds are left after the renewal, want 1000", kind.name, got)
			}
			if !d.isEmpty(t, o, attributes) {
				t.Errorf("%s: the plan after the renewal is not empty", kind.name)
			}
		}
	}
}

func TestAccKeyPrefixResource_mixedLifetimes(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	s.Put(t, prefix+"/a", "1")
	s.Put(t, prefix+"/b", "2", "ttl=300")
	keys := map[string]string{"a": "1", "b": "2"}
	imported := fmt.Sprintf("import {\n  to = %s\n  id = %q\n}\n", prefixAddress, prefix)
	acceptance(t,
		resource.TestStep{
			Config: prefixConfig(s.URL(), prefix, keys) + imported, ConfigPlanChecks: planned(prefixAddress, plancheck.ResourceActionNoop),
			ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectKnownValue(prefixAddress, tfjsonpath.New("ttl"), knownvalue.Null())},
		},
		resource.TestStep{
			Config: prefixConfig(s.URL(), prefix, map[string]string{"a": "1", "b": "3"}),
			Check: resource.ComposeAggregateTestCheckFunc(ttlLeft(t, s, prefix+"/b", 300), onServer(func() error {
				if node := s.Get(t, prefix+"/a").Node; node.TTL != 0 {
					return fmt.Errorf("a has a TTL of %d", node.TTL)
				}
				return nil
			})),
		},
		resource.TestStep{
			Config: prefixConfig(s.URL(), prefix, map[string]string{"a": "1", "b": "3"}, "ttl = 300"),
			Check:  resource.ComposeAggregateTestCheckFunc(ttlLeft(t, s, prefix+"/b", 300), ttlLeft(t, s, prefix+"/a", 300)),
		},
	)
}

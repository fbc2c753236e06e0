package provider

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/compare"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// asJSON returns the attribute value_json with a text.
func asJSON(text string) string { return "value_json = " + quote(text) }

// noop checks that an import plans no change.
var noop = resource.ImportPlanChecks{PreApply: []plancheck.PlanCheck{
	plancheck.ExpectResourceAction("etcd_key.test", plancheck.ResourceActionNoop),
}}

func TestAccKeyResource_json(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	key := etcdtest.Prefix(t) + "/k"
	const ours = `{"a":2,"b":[true,null]}`
	cfg := keyWith(s.URL(), key, asJSON(ours))
	corrected := resource.TestStep{
		Config: cfg, ConfigPlanChecks: planned("etcd_key.test", plancheck.ResourceActionUpdate), Check: serverHas(t, s, key, ours),
	}
	changed := func(text string) resource.TestStep {
		step := corrected
		step.PreConfig = func() { s.Put(t, key, text) }
		return step
	}
	acceptance(t,
		resource.TestStep{
			Config: keyWith(s.URL(), key, asJSON(`{"a":1,"b":[true,null]}`)), Check: serverHas(t, s, key, `{"a":1,"b":[true,null]}`),
			ConfigStateChecks: []statecheck.StateCheck{known("etcd_key.test", "value", knownvalue.Null())},
		},
		// The same JSON in another form, in the configuration and on the server.
		resource.TestStep{Config: keyWith(s.URL(), key, asJSON("{ \"b\": [true, null],\n \"a\": 1 }\n")), PlanOnly: true},
		resource.TestStep{
			PreConfig: func() { s.Put(t, key, `{"b" : [ true, null ], "a" : 1}`) },
			Config:    keyWith(s.URL(), key, asJSON(`{"a":1,"b":[true,null]}`)), PlanOnly: true,
		},
		corrected,
		changed(`{"a":3,"b":[true,null]}`),
		changed(`{"a":2.5,"b":[true,null]}`),
		resource.TestStep{PreConfig: func() { s.Put(t, key, `{"a":2.0,"b":[true,null]}`) }, Config: cfg, PlanOnly: true},
		changed("no JSON"),
		changed(""),
		resource.TestStep{
			PreConfig: func() { s.Delete(t, key) },
			Config:    cfg, ConfigPlanChecks: planned("etcd_key.test", plancheck.ResourceActionCreate), Check: serverHas(t, s, key, ours),
		},
		resource.TestStep{
			ResourceName: "etcd_key.test", ImportState: true, ImportStateId: importJSON + key,
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "key",
		},
		resource.TestStep{
			ResourceName: "etcd_key.test", ImportState: true, ImportStateId: importJSON + key, ImportStateKind: resource.ImportBlockWithID,
			ImportPlanChecks: noop,
		},
		resource.TestStep{
			ResourceName: "etcd_key.test", ImportState: true, ImportStateId: importJSON + "no/slash",
			ExpectError: errorWith("Invalid path"),
		},
	)
}

// JSON may be known only after apply: the plan shows that, and a value that turns out to be the
// same is not written.
func TestAccKeyResource_jsonUnknownAtPlan(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	cfg := func(value, expression string) string {
		return keyWith(s.URL(), prefix+"/k", "value_json = jsonencode({n = "+expression+"})") +
			fmt.Sprintf("resource \"etcd_key\" \"other\" {\n  key = %q\n  value = %q\n}\n", prefix+"/other", value)
	}
	unknown := resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
		plancheck.ExpectResourceAction("etcd_key.test", plancheck.ResourceActionUpdate),
		plancheck.ExpectUnknownValue("etcd_key.test", tfjsonpath.New("value_json")),
	}}
	moves, stays := statecheck.CompareValue(compare.ValuesDiffer()), statecheck.CompareValue(compare.ValuesSame())
	at := tfjsonpath.New("modified_index")
	acceptance(t,
		resource.TestStep{
			Config:            cfg("one", "etcd_key.other.modified_index"),
			ConfigStateChecks: []statecheck.StateCheck{moves.AddStateValue("etcd_key.test", at)},
		},
		resource.TestStep{
			Config: cfg("two", "etcd_key.other.modified_index"), ConfigPlanChecks: unknown,
			ConfigStateChecks: []statecheck.StateCheck{moves.AddStateValue("etcd_key.test", at)},
		},
		resource.TestStep{
			Config:            cfg("two", "etcd_key.other.modified_index > 0"),
			ConfigStateChecks: []statecheck.StateCheck{stays.AddStateValue("etcd_key.test", at)},
		},
		resource.TestStep{
			Config: cfg("three", "etcd_key.other.modified_index > 0"), ConfigPlanChecks: unknown,
			ConfigStateChecks: []statecheck.StateCheck{stays.AddStateValue("etcd_key.test", at)},
		},
	)
}

// Moving the value from one attribute to another writes only if the value on the server differs,
// or may differ, from the new attribute.
func TestAccKeyResource_movesBetweenForms(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	key := etcdtest.Prefix(t) + "/k"
	const tight, wide = `{"a":1}`, `{ "a": 1 }`
	move := func(writes int, want string, attributes ...string) resource.TestStep {
		return resource.TestStep{
			PreConfig: proxy.Reset,
			Config:    keyWith(proxy.URL(), key, attributes...),
			Check: resource.ComposeAggregateTestCheckFunc(serverHas(t, s, key, want), onServer(func() error {
				if got := proxy.Count(http.MethodPut, ""); got != writes {
					return fmt.Errorf("%d writes to move to %v, want %d", got, attributes, writes)
				}
				return nil
			})),
		}
	}
	text := func(v string) string { return "value = " + quote(v) }
	writeOnly := []string{"value_wo = " + quote(tight), "value_wo_version = 1"}
	acceptanceSince(t, tfversion.Version1_11_0,
		move(1, tight, text(tight)),
		move(0, tight, asJSON(wide)),
		move(1, wide, text(wide)),
		move(0, wide, asJSON(wide)),
		move(0, wide, text(wide)),
		move(0, wide, asJSON(tight)),
		move(1, tight, text(tight)),
		move(1, tight, writeOnly...),
		move(1, tight, asJSON(tight)),
		move(1, tight, writeOnly...),
		move(1, tight, text(tight)),
	)
}

func TestAccKeyResource_jsonCreateOverExisting(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	key := etcdtest.Prefix(t) + "/k"
	s.Put(t, key, "theirs")
	acceptance(t,
		resource.TestStep{
			Config: keyWith(s.URL(), key, asJSON("1")), ExpectError: errorWith("Key already exists", fmt.Sprintf("id = %q", importJSON+key)),
		},
		resource.TestStep{
			PreConfig: func() {
				if got := s.Get(t, key).Node.Value; got != "theirs" {
					t.Errorf("value after the refusal = %q, want %q", got, "theirs")
				}
			},
			Config: keyWith(s.URL(), key, asJSON("1"), "adopt_existing = true"), Check: serverHas(t, s, key, "1"),
		},
	)
}

// Adopting a key that already has the wanted value does not write it.
func TestKeyResource_adoptsWithoutNeed(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	d := newDirect(t, map[string]any{"endpoints": []string{s.URL()}})
	for _, form := range keyForms() {
		key := etcdtest.Prefix(t) + "/" + form.name
		before := s.Put(t, key, form.text("one")).Node
		attributes := form.attributes(key, "one", 1)
		attributes["adopt_existing"] = true
		o := mustApply(t, d, d.none("etcd_key"), attributes)
		form.agrees(t, s, o, key, "one")
		if got := o.text(t, "modified_index"); got != fmt.Sprint(before.ModifiedIndex) {
			t.Errorf("%s: modified index = %s, want the old %d", form.name, got, before.ModifiedIndex)
		}
		if !d.isEmpty(t, o, attributes) {
			t.Errorf("%s: the plan after the adoption is not empty", form.name)
		}
		attributes["key"], attributes["ttl"] = key+"-with-ttl", 500
		s.Put(t, key+"-with-ttl", form.text("one"), "ttl=20")
		mustApply(t, d, d.none("etcd_key"), attributes)
		if got := s.Get(t, key+"-with-ttl").Node.TTL; got < 440 {
			t.Errorf("%s: TTL = %d after the adoption, want nearly 500", form.name, got)
		}
	}
}

func TestAccKeyResource_invalidForms(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	key := etcdtest.Prefix(t) + "/k"
	for name, test := range map[string]struct {
		attributes []string
		wants      []string
	}{
		"no value":               {nil, []string{"value_json,value_wo,value_wo_version,value"}},
		"null JSON":              {[]string{"value_json = null"}, []string{"value_json,value_wo,value_wo_version,value"}},
		"two values":             {[]string{`value = "1"`, asJSON("1")}, []string{`"value_json" cannot be specified`}},
		"no JSON":                {[]string{asJSON(`{"a":`)}, []string{"Invalid JSON", "jsonencode"}},
		"empty JSON":             {[]string{asJSON("")}, []string{"Invalid JSON"}},
		"more than JSON":         {[]string{asJSON("{} {}")}, []string{"Invalid JSON"}},
		"version of no value":    {[]string{`value = "1"`, "value_wo_version = 1"}, []string{"value_wo"}},
		"write-only, no version": {[]string{`value_wo = "1"`}, []string{"value_wo_version"}},
		"renewal without end": {
			[]string{`value = "1"`, "ttl = 10", "ttl_renew_below = 10"}, []string{"Renewal without end", "less than the TTL"},
		},
		"renewal below zero": {[]string{`value = "1"`, "ttl = 10", "ttl_renew_below = 0"}, []string{"ttl_renew_below", "between 1 and"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			acceptanceSince(t, tfversion.Version1_11_0, resource.TestStep{
				Config: keyWith(s.URL(), key, test.attributes...), PlanOnly: true, ExpectError: errorWith(test.wants...),
			})
		})
	}
	if code := s.Get(t, key).ErrorCode; code != 100 {
		t.Errorf("the server answers code %d, want 100", code)
	}
}

// A text that is not JSON may be a secret meant for another attribute.
func TestKeyResource_invalidJSONIsNotQuoted(t *testing.T) {
	t.Parallel()

	d := newDirect(t, nil)
	typ := d.schemas.ResourceSchemas["etcd_key"].ValueType()
	resp, err := d.server.ValidateResourceConfig(t.Context(), &tfprotov6.ValidateResourceConfigRequest{
		TypeName: "etcd_key", Config: dynamic(t, typ, value(t, typ, map[string]any{"key": "/k", "value_json": "hush-hush"})),
		ClientCapabilities: &tfprotov6.ValidateResourceConfigClientCapabilities{WriteOnlyAttributesAllowed: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	if errs := errorText(resp.Diagnostics); !strings.Contains(errs, "Invalid JSON") || strings.Contains(errs, "hush") {
		t.Errorf("errors = %q, want one about invalid JSON, without the text", errs)
	}
}

// The same JSON in another form must not cause a refusal.
func TestKeyResource_jsonAfterRival(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	d := newDirect(t, map[string]any{"endpoints": []string{s.URL()}})
	prefix := etcdtest.Prefix(t)
	const conflict = "Key changed since it was planned"
	for name, test := range map[string]struct{ rival, update, remove string }{
		"other-words":    {`{ "a" : 1 }`, "", ""},
		"as-planned":     {`{ "a" : 2 }`, "", conflict},
		"another-value":  {`{"a":3}`, conflict, conflict},
		"same-number":    {`{"a":1.0}`, "", ""},
		"another-number": {`{"a":1.5}`, conflict, conflict},
		"no-json":        {`{"a":1`, conflict, conflict},
	} {
		for verb, want := range map[string]string{"update": test.update, "remove": test.remove} {
			key := prefix + "/" + name + "/" + verb
			o := mustApply(t, d, d.none("etcd_key"), map[string]any{"key": key, "value_json": `{"a":1}`})
			var attributes map[string]any
			if verb == "update" {
				attributes = map[string]any{"key": key, "value_json": `{"a":2}`}
			}
			plan, config := d.plan(t, o, attributes)
			s.Put(t, key, test.rival)
			_, errs := d.applyPlan(t.Context(), t, o, plan, config)
			if (errs != "") != (want != "") || !strings.Contains(errs, want) {
				t.Errorf("%s, %s: errors = %q, want %q", name, verb, errs, want)
			}
			if got := s.Get(t, key).Node.Value; want != "" && got != test.rival {
				t.Errorf("%s, %s: value on the server = %q, want the rival's", name, verb, got)
			}
		}
	}
}

// keyForm is one of the attributes that can contain the value of a key.
type keyForm struct {
	name string
	// text returns the text that the server must have for a value.
	text func(value string) string
	// attributes returns the attributes of a key with its nth value.
	attributes func(key, value string, nth int) map[string]any
	// inState is the attribute with the value in state, empty if state has none.
	inState string
}

func keyForms() []keyForm {
	verbatim := func(value string) string { return value }
	quoted := func(value string) string { return fmt.Sprintf(`{"v":%q}`, value) }
	return []keyForm{
		{"value", verbatim, func(key, value string, _ int) map[string]any {
			return map[string]any{"key": key, "value": value}
		}, "value"},
		{"value_json", quoted, func(key, value string, _ int) map[string]any {
			return map[string]any{"key": key, "value_json": quoted(value)}
		}, "value_json"},
		{"value_wo", verbatim, func(key, value string, nth int) map[string]any {
			return map[string]any{"key": key, "value_wo": value, "value_wo_version": nth}
		}, ""},
	}
}

// agrees checks that state agrees with the server, and contains nothing it must not contain.
func (f keyForm) agrees(t *testing.T, s *etcdtest.Server, o managed, key, value string) {
	t.Helper()
	node := s.Get(t, key).Node
	if node.Value != f.text(value) {
		t.Fatalf("value on the server = %q at %s, want %q", node.Value, key, f.text(value))
	}
	for _, attribute := range []string{"value", "value_json", "value_wo"} {
		want := ""
		if attribute == f.inState {
			want = f.text(value)
		}
		if got := o.text(t, attribute); got != want {
			t.Fatalf("%s of %s = %q, want %q", attribute, key, got, want)
		}
	}
	if got, want := o.text(t, "modified_index"), fmt.Sprint(node.ModifiedIndex); got != want {
		t.Fatalf("modified_index of %s = %s in state, %s on the server", key, got, want)
	}
	if got, want := o.text(t, "expiration") != "", node.Expiration != ""; got != want {
		t.Fatalf("expiration of %s in state: %t, on the server: %t", key, got, want)
	}
}

// isEmpty reports whether the plan for a configuration is empty after a refresh.
func (d *direct) isEmpty(t *testing.T, o managed, attributes map[string]any) bool {
	t.Helper()
	o, errs := d.refresh(t, o)
	if errs != "" {
		t.Fatal(errs)
	}
	plan, config := d.plan(t, o, attributes)
	if errs := errorText(plan.Diagnostics); errs != "" {
		t.Fatal(errs)
	}
	return undynamic(t, config.Type(), plan.PlannedState).Equal(o.state)
}

package provider

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// keyed is a kind of resource with one key, for the tables about TTLs and plans.
type keyed struct {
	name, typeName string
	// attributes returns the attributes of a key with a value, which may be unknown.
	attributes func(key string, value any, nth int) map[string]any
	// importID returns the id for importing a key.
	importID func(key string) string
	// hidden reports whether the value is not in state.
	hidden bool
}

func (k keyed) text(value string) string {
	if k.name == "value_json" {
		return fmt.Sprintf("%q", value)
	}
	return value
}

// keyedResources returns all resources with keys, once for each form.
func keyedResources() []keyed {
	same := func(key string) string { return key }
	dir := func(key string) string { return key[:strings.LastIndexByte(key, '/')] }
	base := func(key string) string { return key[strings.LastIndexByte(key, '/')+1:] }
	return []keyed{
		{"value", "etcd_key", func(key string, value any, _ int) map[string]any {
			return map[string]any{"key": key, "value": value}
		}, same, false},
		{"value_json", "etcd_key", func(key string, value any, _ int) map[string]any {
			if text, ok := value.(string); ok {
				value = fmt.Sprintf("%q", text)
			}
			return map[string]any{"key": key, "value_json": value}
		}, func(key string) string { return importJSON + key }, false},
		{"value_wo", "etcd_key", func(key string, value any, nth int) map[string]any {
			return map[string]any{"key": key, "value_wo": value, "value_wo_version": nth}
		}, func(key string) string { return importWriteOnly + key }, true},
		{"prefix", "etcd_key_prefix", func(key string, value any, _ int) map[string]any {
			return map[string]any{"prefix": dir(key), "keys": map[string]any{base(key): value}}
		}, dir, false},
		{"in_order", "etcd_in_order_key", func(key string, value any, _ int) map[string]any {
			return map[string]any{"dir": dir(key), "value": value}
		}, same, false},
	}
}

// plannedChange is one change as a CLI makes it: it plans, plans again at apply when everything
// is known, and applies. Each step must keep the promises of the one before.
type plannedChange struct {
	early, late tftypes.Value
	warnings    string
	after       managed
	errs        string
}

// change plans with early and applies with late. between runs after the first plan.
func (d *direct) change(t *testing.T, o managed, early, late map[string]any, between func()) plannedChange {
	t.Helper()
	first, config := d.plan(t, o, early)
	typ := config.Type()
	c := plannedChange{early: undynamic(t, typ, first.PlannedState), warnings: warnings(first.Diagnostics), after: o}
	if c.errs = errorText(first.Diagnostics); c.errs != "" {
		return c
	}
	if between != nil {
		between()
	}
	second, config := d.plan(t, o, late)
	if c.errs = errorText(second.Diagnostics); c.errs != "" {
		return c
	}
	c.late = undynamic(t, typ, second.PlannedState)
	keeps(t, "the plan at apply", c.early, c.late)
	if c.late.Equal(o.state) {
		return c // a CLI does not apply an empty plan
	}
	var diags []*tfprotov6.Diagnostic
	c.after, diags = d.applyDiags(t.Context(), t, o, second, config)
	if c.errs = errorText(diags); c.errs == "" {
		keeps(t, "the new state", c.late, c.after.state)
	}
	return c
}

// keeps checks, like a CLI, that a known value does not become another one.
func keeps(t *testing.T, what string, promised, got tftypes.Value) {
	t.Helper()
	var before, after map[string]tftypes.Value
	if promised.As(&before) != nil || got.As(&after) != nil {
		t.Fatalf("%s is not an object", what)
	}
	for name, value := range before {
		if value.IsFullyKnown() && !value.Equal(after[name]) {
			t.Errorf("%s changes %s from %s to %s", what, name, value, after[name])
		}
	}
}

// lifetimeCase describes a key and the change that is planned.
type lifetimeCase struct {
	imported       bool
	held           int    // TTL on the server at the read, 0 for none
	ttl, byDefault int    // TTL of the configuration and of the provider, 0 for none
	value          string // "same", "other", "unknown same" or "unknown other"
}

func (c lifetimeCase) String() string {
	return fmt.Sprintf("imported=%t held=%d ttl=%d default=%d value=%s", c.imported, c.held, c.ttl, c.byDefault, c.value)
}

func lifetimeCases() []lifetimeCase {
	var cases []lifetimeCase
	for _, imported := range []bool{false, true} {
		for _, held := range []int{0, 300} {
			for _, ttl := range []int{0, 200, 300, 900} {
				for _, byDefault := range []int{0, 700} {
					for _, value := range []string{"same", "other", "unknown same", "unknown other"} {
						if ttl == 0 || byDefault == 0 {
							cases = append(cases, lifetimeCase{imported, held, ttl, byDefault, value})
						}
					}
				}
			}
		}
	}
	return cases
}

// A plan shows every TTL that its apply changes: as a new value of ttl, or in a warning that
// names the key. The apply does what the plan says, even if a value is known only at apply, and
// the next plan is empty.
func TestLifetimes_planShowsThem(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	providers := map[int]*direct{
		0:   newDirect(t, map[string]any{"endpoints": []string{s.URL()}}),
		700: newDirect(t, map[string]any{"endpoints": []string{s.URL()}, "default_ttl": 700}),
	}
	for _, kind := range keyedResources() {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range lifetimeCases() {
				t.Run(c.String(), func(t *testing.T) {
					t.Parallel()
					c.check(t, s, providers[0], providers[c.byDefault], kind)
				})
			}
		})
	}
}

func (c lifetimeCase) check(t *testing.T, s *etcdtest.Server, plainProvider, d *direct, kind keyed) {
	t.Helper()
	key := etcdtest.Prefix(t) + "/00000000000000000007"
	o := c.prepare(t, s, plainProvider, d, kind, key)
	if kind.typeName == "etcd_in_order_key" {
		key = o.text(t, "key")
	}
	early, late := c.configurations(kind, key)
	before := s.Get(t, key).Node
	change := d.change(t, o, early, late, nil)
	if change.errs != "" {
		t.Fatal(change.errs)
	}
	node := s.Get(t, key).Node
	was, is := o.text(t, "ttl"), attributeText(t, change.early, "ttl")
	if moved := differs(before.TTL, node.TTL); moved && was == is && !strings.Contains(change.warnings, key) {
		t.Errorf("the TTL went from %d to %d, and the plan says %q and %q", before.TTL, node.TTL, is, change.warnings)
	}
	if node.ModifiedIndex == before.ModifiedIndex && node.TTL != 0 && differs(int64(c.held), node.TTL) {
		t.Errorf("nothing was written, but the TTL is %d", node.TTL)
	}
	want := int64(c.ttl + c.byDefault)
	if written := node.ModifiedIndex != before.ModifiedIndex; written && differs(want, node.TTL) {
		t.Errorf("the TTL that was written is %d, want %d", node.TTL, want)
	}
	if (node.TTL != 0) != (want != 0) {
		t.Errorf("the key has a TTL of %d, want %d", node.TTL, want)
	}
	if !d.isEmpty(t, change.after, late) {
		t.Error("the next plan is not empty")
	}
	if unread, _ := d.plan(t, change.after, late); !undynamic(t, change.after.state.Type(), unread.PlannedState).Equal(change.after.state) {
		t.Error("the next plan without a refresh is not empty")
	}
}

// prepare creates the key with which the case begins.
func (c lifetimeCase) prepare(t *testing.T, s *etcdtest.Server, plainProvider, d *direct, kind keyed, key string) managed {
	t.Helper()
	if c.imported {
		s.Put(t, key, kind.text("one"), ttlParams(c.held)...)
		return d.imported(t, kind.typeName, kind.importID(key))
	}
	attributes := kind.attributes(key, "one", c.version(kind))
	if c.held != 0 {
		attributes["ttl"] = c.held
	}
	return mustApply(t, plainProvider, plainProvider.none(kind.typeName), attributes)
}

// version returns the version of a write-only value before the change.
func (c lifetimeCase) version(kind keyed) int {
	if kind.hidden && c.imported {
		return 0
	}
	return 1
}

// configurations returns the configuration of the first plan and the one at apply.
func (c lifetimeCase) configurations(kind keyed, key string) (early, late map[string]any) {
	with := func(value any, version int) map[string]any {
		attributes := kind.attributes(key, value, version)
		if c.ttl != 0 {
			attributes["ttl"] = c.ttl
		}
		return attributes
	}
	value, version := "one", c.version(kind)
	if strings.HasSuffix(c.value, "other") {
		value, version = "two", version+1
	}
	late = with(value, version)
	if strings.HasPrefix(c.value, "unknown") {
		return with(unknownValue{}, version), late
	}
	return late, late
}

func ttlParams(ttl int) []string {
	if ttl == 0 {
		return nil
	}
	return []string{fmt.Sprint("ttl=", ttl)}
}

// differs reports whether two TTLs differ by more than a slow test takes.
func differs(a, b int64) bool { return (a == 0) != (b == 0) || a-b > 60 || b-a > 60 }

func attributeText(t *testing.T, object tftypes.Value, name string) string {
	t.Helper()
	var attributes map[string]tftypes.Value
	if err := object.As(&attributes); err != nil {
		t.Fatal(err)
	}
	return plain(t, attributes[name])
}

// A rival writes the same value again between plan and apply, with a plain set that creates the
// key again or only moves the index. The write succeeds, and every attribute that the rival
// changed was unknown in the plan.
func TestKeyedResources_rivalSetsTheSame(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	d := newDirect(t, map[string]any{"endpoints": []string{s.URL()}})
	for _, kind := range keyedResources() {
		for _, held := range []int{0, 500} {
			for _, what := range []string{"value", "ttl", "both", "no ttl"} {
				t.Run(fmt.Sprintf("%s/held=%d/%s", kind.name, held, what), func(t *testing.T) {
					t.Parallel()
					key := etcdtest.Prefix(t) + "/k"
					attributes := kind.attributes(key, "one", 1)
					if held != 0 {
						attributes["ttl"] = held
					}
					o := mustApply(t, d, d.none(kind.typeName), attributes)
					if kind.typeName == "etcd_in_order_key" {
						key = o.text(t, "key")
					}
					next := maps.Clone(attributes)
					if what == "value" || what == "both" {
						maps.Copy(next, kind.attributes(key, "two", 2))
					}
					switch what {
					case "ttl", "both":
						next["ttl"] = 900
					case "no ttl":
						delete(next, "ttl")
					}
					change := d.change(t, o, next, next, func() { s.Put(t, key, kind.text("one"), ttlParams(held)...) })
					if kind.hidden && change.late.Type() != nil && !change.late.Equal(o.state) {
						if !strings.Contains(change.errs, "Key changed since it was planned") {
							t.Errorf("errors = %q, want a conflict: the old value is not in state", change.errs)
						}
						return
					}
					if change.errs != "" {
						t.Fatal(change.errs)
					}
					// A write-only value that another program wrote is written again.
					if !d.isEmpty(t, change.after, next) && !kind.hidden {
						t.Error("the next plan is not empty")
					}
				})
			}
		}
	}
}

// Another program has set a longer TTL than this provider. The TTL is left alone as long as
// nothing is written, and named by a plan that writes the key.
func TestLifetimes_longerOutside(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	d := newDirect(t, map[string]any{"endpoints": []string{s.URL()}})
	for _, kind := range keyedResources() {
		key := etcdtest.Prefix(t) + "/k"
		attributes := kind.attributes(key, "one", 1)
		attributes["ttl"] = 300
		o := mustApply(t, d, d.none(kind.typeName), attributes)
		if kind.typeName == "etcd_in_order_key" {
			key = o.text(t, "key")
		}
		s.Put(t, key, kind.text("one"), "ttl=5000")
		o, errs := d.refresh(t, o)
		if errs != "" {
			t.Fatal(errs)
		}
		if change := d.change(t, o, attributes, attributes, func() {}); !kind.hidden && (!change.late.Equal(o.state) || change.warnings != "") {
			t.Errorf("%s: the plan changes something, or warns %q", kind.name, change.warnings)
		}
		next := kind.attributes(key, "two", 2)
		if kind.typeName == "etcd_in_order_key" {
			next["dir"] = attributes["dir"]
		}
		next["ttl"] = 300
		change := d.change(t, o, next, next, nil)
		if change.errs != "" && !kind.hidden {
			t.Fatal(change.errs)
		}
		if !strings.Contains(change.warnings, key) || !strings.Contains(change.warnings, "300 seconds") {
			t.Errorf("%s: warnings = %q, want the key and its new TTL", kind.name, change.warnings)
		}
		if resp, _ := d.plan(t, change.after, next); warnings(resp.Diagnostics) != "" && !kind.hidden {
			t.Errorf("%s: the next plan warns %q", kind.name, warnings(resp.Diagnostics))
		}
	}
}

// An object that is adopted with another TTL is named in a warning, because no plan has shown the
// TTL that it had.
func TestLifetimes_adoption(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	d := newDirect(t, map[string]any{"endpoints": []string{s.URL()}})
	for _, kind := range keyedResources() {
		if kind.typeName == "etcd_in_order_key" {
			continue // never adopted
		}
		for _, test := range []struct {
			held, ttl int
			want      string
		}{
			{0, 0, ""}, {300, 0, "lose their TTL"}, {0, 300, "gain a TTL"}, {300, 900, "TTL of these keys changes"},
		} {
			key := etcdtest.Prefix(t) + "/k"
			s.Put(t, key, kind.text("one"), ttlParams(test.held)...)
			attributes := kind.attributes(key, "one", 1)
			attributes["adopt_existing"] = true
			if test.ttl != 0 {
				attributes["ttl"] = test.ttl
			}
			plan, config := d.plan(t, d.none(kind.typeName), attributes)
			_, diags := d.applyDiags(t.Context(), t, d.none(kind.typeName), plan, config)
			if errs := errorText(diags); errs != "" {
				t.Fatal(errs)
			}
			got := warnings(diags)
			if test.want == "" && got != "" || !strings.Contains(got, test.want) || (test.want != "" && !strings.Contains(got, key)) {
				t.Errorf("%s, held=%d, ttl=%d: warnings = %q, want %q and the key", kind.name, test.held, test.ttl, got, test.want)
			}
			if node := s.Get(t, key).Node; differs(int64(test.ttl), node.TTL) || node.Value != kind.text("one") {
				t.Errorf("%s, held=%d, ttl=%d: node on the server = %+v", kind.name, test.held, test.ttl, node)
			}
		}
	}
}

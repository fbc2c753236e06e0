package provider

import (
	"strconv"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// ignoredRenewal describes a key that is renewed below 500 seconds, and whose TTL somebody else has
// changed.
type ignoredRenewal struct {
	imported bool
	held     int // TTL on the server, 0 for none
	// byDefault is the default_ttl of the provider, 0 for none.
	byDefault int
	// takesOut takes ttl out of the configuration; otherwise it is in ignore_changes.
	takesOut bool
	warning  string
	err      string
	// writes reports whether the apply writes the key, and ttl is the TTL that it leaves.
	writes bool
	ttl    int64
}

func ignoredRenewals() map[string]ignoredRenewal {
	const short, none, endless = "TTL is not renewed", "Nothing to renew", "Renewal without end"
	return map[string]ignoredRenewal{
		"shorter than the limit":            {held: 400, warning: short, ttl: 400},
		"shorter, found by an import":       {imported: true, held: 400, warning: short, ttl: 400},
		"shorter than it, with a default":   {held: 400, byDefault: 1000, warning: short, ttl: 400},
		"as long as the limit":              {held: 500, warning: short, ttl: 500},
		"gone":                              {warning: none},
		"not there for an import":           {imported: true, warning: none},
		"gone, with a default":              {byDefault: 1000, writes: true, ttl: 1000},
		"gone, with a short default":        {byDefault: 400, warning: short, writes: true, ttl: 400},
		"longer than the limit":             {held: 900, ttl: 900},
		"longer, found by an import":        {imported: true, held: 900, writes: true, ttl: 900},
		"taken out of the configuration":    {held: 900, takesOut: true, err: none, ttl: 900},
		"taken out, with a short default":   {held: 900, byDefault: 400, takesOut: true, err: endless, ttl: 900},
		"taken out, with a longer default":  {held: 900, byDefault: 1000, takesOut: true, ttl: 900},
		"taken out before it was ever read": {imported: true, held: 400, takesOut: true, err: none, ttl: 400},
	}
}

// What somebody else does to a TTL in ignore_changes is not an error of the configuration: a plan
// warns of it, renews nothing, and is empty after the apply. A configuration that is wrong without
// the store is refused.
func TestKeyedResources_renewalOfIgnoredTTL(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	for _, kind := range keyedResources() {
		if kind.typeName == "etcd_in_order_key" || kind.hidden {
			continue // not renewed, or written again after another writer
		}
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			for name, c := range ignoredRenewals() {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					c.check(t, s, kind)
				})
			}
		})
	}
}

func (c ignoredRenewal) check(t *testing.T, s *etcdtest.Server, kind keyed) {
	t.Helper()
	provider := endpoint(s.URL())
	if c.byDefault != 0 {
		provider["default_ttl"] = c.byDefault
	}
	d, key := newDirect(t, provider), etcdtest.Prefix(t)+"/k"
	o := c.prepare(t, s, d, kind, key)
	before := s.Get(t, key).Node
	change := d.change(t, o, c.attributes(t, kind, key, o), c.attributes(t, kind, key, o), nil)
	if !strings.Contains(change.errs, c.err) || (c.err == "") != (change.errs == "") {
		t.Fatalf("errors = %q, want %q", change.errs, c.err)
	}
	if !strings.Contains(change.warnings, c.warning) || c.warning == "" && strings.Contains(change.warnings, "renewed") {
		t.Errorf("warnings = %q, want %q", change.warnings, c.warning)
	}
	node := s.Get(t, key).Node
	if written := node.ModifiedIndex != before.ModifiedIndex; written != c.writes || differs(node.TTL, c.ttl) {
		t.Errorf("written: %t, TTL = %d, want %t and %d", written, node.TTL, c.writes, c.ttl)
	}
	if c.err == "" && !d.isEmpty(t, change.after, c.attributes(t, kind, key, change.after)) {
		t.Error("the next plan is not empty")
	}
	if _, errs := d.apply(t, o, nil); !c.writes && errs != "" {
		t.Errorf("errors of the destroy = %q", errs)
	}
}

// prepare returns the object as a refresh finds it. The provider has written another TTL than the
// key has now, and has seen it without one in between.
func (c ignoredRenewal) prepare(t *testing.T, s *etcdtest.Server, d *direct, kind keyed, key string) managed {
	t.Helper()
	if c.imported {
		s.Put(t, key, kind.text("v"), ttlParams(c.held)...)
		return d.imported(t, kind.typeName, kind.importID(key))
	}
	attributes := kind.attributes(key, "v", 1)
	attributes["ttl"], attributes["ttl_renew_below"] = 1000, 500
	o := mustApply(t, d, d.none(kind.typeName), attributes)
	for _, ttl := range []int{0, c.held} {
		s.Put(t, key, kind.text("v"), ttlParams(ttl)...)
		var errs string
		if o, errs = d.refresh(t, o); errs != "" {
			t.Fatal(errs)
		}
	}
	return o
}

// attributes are the configuration as a CLI passes it: with the TTL of state, if that is ignored.
func (c ignoredRenewal) attributes(t *testing.T, kind keyed, key string, o managed) map[string]any {
	t.Helper()
	attributes := kind.attributes(key, "v", 1)
	attributes["ttl_renew_below"] = 500
	if ttl, err := strconv.Atoi(o.text(t, "ttl")); err == nil && !c.takesOut {
		attributes["ttl"] = ttl
	}
	return attributes
}

// Another program may have set a TTL that is longer than any that the provider writes. With ttl in
// ignore_changes, the longest one that can be written counts.
func TestKeyedResources_veryLongTTL(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	d := newDirect(t, endpoint(s.URL()))
	for _, kind := range keyedResources() {
		key := etcdtest.Prefix(t) + "/00000000000000000007"
		s.Put(t, key, kind.text("v"), "ttl=5000000000")
		o := d.imported(t, kind.typeName, kind.importID(key))
		attributes := func(value string, nth int) map[string]any {
			attributes := kind.attributes(key, value, nth)
			attributes["ttl"] = etcdv2.MaxTTL
			return attributes
		}
		if !d.isEmpty(t, o, attributes("v", 0)) {
			t.Errorf("%s: the plan after the import is not empty", kind.name)
		}
		o = mustApply(t, d, o, attributes("w", 1))
		if node := s.Get(t, key).Node; node.Value != kind.text("w") || differs(node.TTL, etcdv2.MaxTTL) {
			t.Errorf("%s: the key has %q and a TTL of %d", kind.name, node.Value, node.TTL)
		}
		if !d.isEmpty(t, o, attributes("w", 1)) {
			t.Errorf("%s: the plan after the write is not empty", kind.name)
		}
	}
}

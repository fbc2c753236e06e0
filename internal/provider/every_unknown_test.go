package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// lateValue is a value for an attribute that the base of its resource does not set, and the
// other attributes that it needs. An attribute with nil is removed.
type lateValue struct {
	value any
	with  map[string]any
	// stays reports whether it cannot become null.
	stays bool
}

// lateValues has an entry for each optional attribute of each resource except booleans, which
// are set to true.
func lateValues() map[string]map[string]lateValue {
	renewal := map[string]lateValue{"ttl": {value: 1000}, "ttl_renew_below": {value: 10, with: map[string]any{"ttl": 1000}}}
	return map[string]map[string]lateValue{
		"etcd_dir":          {"ttl": {value: 1000, stays: true}}, // etcd 3.5 cannot change it
		"etcd_in_order_key": {"ttl": {value: 1000}},
		"etcd_key_prefix":   renewal,
		"etcd_key": {
			"ttl": renewal["ttl"], "ttl_renew_below": renewal["ttl_renew_below"],
			"value_json":       {`{"a":1}`, map[string]any{"value": nil}, true},
			"value_wo":         {"w", map[string]any{"value": nil, "value_wo_version": 1}, true},
			"value_wo_version": {1, map[string]any{"value": nil, "value_wo": "w"}, true},
		},
		"etcd_role": {"kv_read": {value: []string{"/r"}}, "kv_write": {value: []string{"/w"}}},
		"etcd_user": {
			"roles":               {value: []string{"held"}},
			"password_wo":         {"geheim", map[string]any{"password": nil, "password_wo_version": 1}, true},
			"password_wo_version": {1, map[string]any{"password": nil, "password_wo": "geheim"}, true},
		},
	}
}

// late returns an expression for a value that no plan knows. first and second select whether the
// first and the second apply make it v or null.
func late(t *testing.T, v any, first, second bool) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case first && second:
		return fmt.Sprintf(`${terraform_data.late.output == "" ? null : %s}`, text)
	case first:
		return fmt.Sprintf(`${terraform_data.late.output == "1" ? %s : null}`, text)
	default:
		return fmt.Sprintf(`${terraform_data.late.output == "2" ? %s : null}`, text)
	}
}

// lateResources returns resources of a type. In each, one attribute is late.
func lateResources(t *testing.T, name string, base map[string]any, attributes []*tfprotov6.SchemaAttribute) map[string]any {
	t.Helper()
	resources := map[string]any{}
	for _, a := range attributes {
		if !a.Required && !a.Optional {
			continue
		}
		set, found := lateValues()[name][a.Name]
		if given, ok := base[a.Name]; ok && !found {
			set, found = lateValue{value: given, stays: true}, true
		}
		if a.Type.Is(tftypes.Bool) && !found {
			set, found = lateValue{value: true}, true
		}
		if !found {
			t.Errorf("%s.%s: the test has no value for it", name, a.Name)
			continue
		}
		for _, known := range [][2]bool{{true, true}, {true, false}, {false, true}} {
			if set.stays && known != [2]bool{true, true} {
				continue
			}
			id := fmt.Sprintf("u%d", len(resources))
			own := merged(base, set.with, map[string]any{a.Name: late(t, set.value, known[0], known[1])})
			for attribute, v := range own {
				if text, ok := v.(string); ok {
					own[attribute] = strings.ReplaceAll(text, "@", id)
				}
			}
			maps.DeleteFunc(own, func(_ string, v any) bool { return v == nil })
			resources[id] = own
		}
	}
	return resources
}

// No attribute that is known only at apply makes a CLI blame the provider, whatever its value
// turns out to be, and the next plan is empty.
func TestAccEveryResource_unknownAtPlan(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := etcdtest.Start(t)
	makeUser(t, s, "holder")
	makeRole(t, s, "held", nil, nil)
	for i := range 5 {
		makeRole(t, s, fmt.Sprintf("heldu%d", i), nil, nil)
	}
	d := newDirect(t, nil)
	resources := map[string]any{"etcd_member": map[string]any{"u0": map[string]any{
		"peer_urls": late(t, []string{s.PeerURL()}, true, true), "name": late(t, s.Name, true, false),
		"wait_for_start":    late(t, true, true, false),
		"allow_quorum_loss": late(t, true, false, true), "timeouts": late(t, map[string]any{"update": "1m"}, false, true),
	}}}
	bases := map[string]map[string]any{
		"etcd_dir":             {"path": "/dir/@"},
		"etcd_in_order_key":    {"dir": "/queue/@", "value": "v"},
		"etcd_key":             {"key": "/key/@", "value": "v"},
		"etcd_key_prefix":      {"prefix": "/tree/@", "keys": map[string]any{"a": "1"}},
		"etcd_role":            {"name": "role@"},
		"etcd_role_permission": {"role": "held", "access": "read", "pattern": "/p/@"},
		"etcd_user":            {"name": "user@", "password": "geheim"},
		"etcd_user_role":       {"user": "holder", "role": "held@"},
	}
	for name, base := range bases {
		resources[name] = lateResources(t, name, base, d.schemas.ResourceSchemas[name].Block.Attributes)
	}
	// etcd_auth has only the attribute adopt_existing, which all have.
	if got, want := len(resources), len(d.schemas.ResourceSchemas)-1; got != want {
		t.Errorf("%d types of resources, want %d", got, want)
	}
	w := l.workspace(t, "1.11", s.URL(), "")
	for _, input := range []string{"1", "2"} {
		resources["terraform_data"] = map[string]any{"late": map[string]any{"input": input}}
		writeJSON(t, w, "late.tf.json", map[string]any{"resource": resources})
		if input == "1" {
			mustRun(t, w, 0, "import", "etcd_member.u0", s.Name)
		}
		output, code, err := w.Run(t.Context(), "apply", "-auto-approve")
		wantNoBlame(t, "apply "+input, output)
		if err != nil || code != 0 {
			t.Errorf("apply %s: %v\n%s", input, err, output)
		}
		if output, code, err := w.Run(t.Context(), "plan", "-detailed-exitcode"); err != nil || code != 0 {
			t.Errorf("plan after apply %s: exit code %d, %v\n%s", input, code, err, output)
		}
	}
}

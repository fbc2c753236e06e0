package provider

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// placedObjects returns objects of the key space, with a change to each, and the attribute by which
// each is imported.
func placedObjects() map[string]struct {
	attributes, change map[string]any
	identity           string
} {
	return map[string]struct {
		attributes, change map[string]any
		identity           string
	}{
		"etcd_key": {map[string]any{"key": "/k", "value": "v"}, map[string]any{"value": "w"}, "key"},
		"etcd_dir": {map[string]any{"path": "/d"}, map[string]any{"force_destroy": true}, "path"},
		"etcd_key_prefix": {
			map[string]any{"prefix": "/p", "keys": map[string]string{"a": "v"}}, map[string]any{"keys": map[string]string{"a": "w"}}, "prefix",
		},
		"etcd_in_order_key": {map[string]any{"dir": "/q", "value": "v"}, map[string]any{"value": "w"}, "key"},
	}
}

// With another key_prefix, the paths in state belong to other objects: neither object is changed,
// and nothing leaves state, for any command.
func TestPlacedResources_keyPrefixChanges(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	for name, test := range placedObjects() {
		for from, to := range map[string]string{"/a": "/b", "": "/b", "/c": ""} {
			t.Run(fmt.Sprintf("%s from %q to %q", name, from, to), func(t *testing.T) {
				t.Parallel()
				own := etcdtest.Prefix(t)
				provider := func(prefix string) *direct {
					attributes := map[string]any{"endpoints": []string{s.URL()}}
					if prefix != "" {
						attributes["key_prefix"] = own + prefix
					}
					return newDirect(t, attributes)
				}
				attributes := maps.Clone(test.attributes)
				if from == "" || to == "" {
					// Without a key_prefix, the path includes the prefix of the test.
					for _, attribute := range []string{"key", "path", "prefix", "dir"} {
						if path, ok := attributes[attribute].(string); ok {
							attributes[attribute] = own + path
						}
					}
				}
				changed := maps.Clone(attributes)
				maps.Copy(changed, test.change)
				before, after := provider(from), provider(to)
				o := mustApply(t, before, before.none(name), attributes)
				refuseOtherPlace(t, s, after, o, own, changed)
				// An import records the key_prefix too, and an old state gets it.
				refuseOtherPlace(t, s, after, before.imported(t, name, o.text(t, test.identity)), own, changed)
				o.private = nil
				o, errs := before.refresh(t, o)
				if errs != "" {
					t.Fatal(errs)
				}
				refuseOtherPlace(t, s, after, o, own, changed)
				// With the old key_prefix everything works.
				if o = mustApply(t, before, mustApply(t, before, o, changed), nil); o.exists() {
					t.Error("the object is still in state")
				}
			})
		}
	}
}

// refuseOtherPlace tries every command with another key_prefix.
func refuseOtherPlace(t *testing.T, s *etcdtest.Server, d *direct, o managed, own string, changed map[string]any) {
	t.Helper()
	const refusal = "The provider's key_prefix has changed"
	held := keysBelow(t, s, own)
	after, errs := d.refresh(t, o)
	if wantError(t, errs, refusal, "Neither the server nor the state was changed"); !after.state.Equal(o.state) {
		t.Errorf("state after the refresh = %s, want %s", after.state, o.state)
	}
	wantError(t, errs, "The provider is now configured with", ", where the same path is ", ", another ")
	for what, attributes := range map[string]map[string]any{"update": changed, "destroy": nil} {
		resp, config := d.plan(t, o, attributes)
		wantError(t, errorText(resp.Diagnostics), refusal)
		// A plan saved before the change of the key_prefix is applied after it.
		saved := &tfprotov6.PlanResourceChangeResponse{
			PlannedState: dynamic(t, o.state.Type(), d.proposed(t, o, config)), PlannedPrivate: o.private,
		}
		after, errs := d.applyPlan(t.Context(), t, o, saved, config)
		if !strings.Contains(errs, refusal) || !after.state.Equal(o.state) {
			t.Errorf("%s: errors = %q, state = %s", what, errs, after.state)
		}
	}
	if now := keysBelow(t, s, own); !maps.Equal(now, held) {
		t.Errorf("keys on the server = %v, want %v", now, held)
	}
}

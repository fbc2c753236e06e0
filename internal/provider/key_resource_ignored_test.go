package provider

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// ignoring returns a key whose value is in ignore_changes.
func ignoring(endpoint, key, value, ignored string, attributes ...string) string {
	return keyWith(endpoint, key, slices.Concat([]string{value, "lifecycle {\n    ignore_changes = [" + ignored + "]\n  }"}, attributes)...)
}

// A value in ignore_changes stays unchanged, in whichever attribute it is in state and in the
// configuration. A CLI can then pass a configuration with no value at all. If the TTL changes,
// only the TTL is written.
func TestAccKeyResource_ignoredValue(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	for name, id := range map[string]string{"value": "", "value_json": importJSON, "value_wo": importWriteOnly} {
		for _, form := range []struct{ ignored, value string }{
			{"value", `value = "other"`},
			{"value_json", `value_json = jsonencode({ other = true })`},
			{"value_wo_version", "value_wo = \"other\"\n  value_wo_version = 3"},
			{"value_wo, value_wo_version", "value_wo = \"other\"\n  value_wo_version = 3"},
		} {
			t.Run(name+" in state, ignored "+form.ignored, func(t *testing.T) {
				t.Parallel()
				const held = `{"a": 2}`
				key := etcdtest.Prefix(t) + "/k"
				s.Put(t, key, held)
				block := fmt.Sprintf("import {\n  to = etcd_key.test\n  id = %q\n}\n", id+key)
				hasValue := serverHas(t, s, key, held)
				acceptanceSince(t, tfversion.Version1_11_0,
					resource.TestStep{
						Config:           ignoring(s.URL(), key, form.value, form.ignored) + block,
						ConfigPlanChecks: planned("etcd_key.test", plancheck.ResourceActionNoop), Check: hasValue,
					},
					resource.TestStep{
						Config: ignoring(s.URL(), key, form.value, form.ignored, "ttl = 600"),
						Check:  resource.ComposeAggregateTestCheckFunc(hasValue, ttlLeft(t, s, key, 600)),
					},
					resource.TestStep{
						Config: ignoring(s.URL(), key, form.value, form.ignored),
						Check:  hasValue,
					},
					resource.TestStep{Config: ignoring(s.URL(), key, form.value, form.ignored), PlanOnly: true},
				)
			})
		}
	}
}

// A value that another program writes into such a key stays too, even if it is not JSON while
// the attribute is value_json.
func TestAccKeyResource_ignoredDrift(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	for _, form := range []struct{ ignored, value string }{
		{"value", `value = "ours"`},
		{"value_json", `value_json = jsonencode({ ours = true })`},
	} {
		t.Run(form.ignored, func(t *testing.T) {
			t.Parallel()
			key := etcdtest.Prefix(t) + "/k"
			for _, theirs := range []string{"not JSON", "", "[1, 2]"} {
				acceptance(t,
					resource.TestStep{Config: ignoring(s.URL(), key, form.value, form.ignored)},
					resource.TestStep{
						PreConfig: func() { s.Put(t, key, theirs) },
						Config:    ignoring(s.URL(), key, form.value, form.ignored), PlanOnly: true,
					},
					resource.TestStep{
						Config: ignoring(s.URL(), key, form.value, form.ignored, "ttl = 600"),
						Check:  resource.ComposeAggregateTestCheckFunc(serverHas(t, s, key, theirs), ttlLeft(t, s, key, 600)),
					},
				)
			}
		})
	}
}

// An ignored TTL that was removed outside is not set again, and renewal waits until there is
// one that is long enough.
func TestAccKeyResource_ignoredTTL(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	lifetime := []string{"ttl = 1000", "ttl_renew_below = 100", "lifecycle {\n    ignore_changes = [ttl]\n  }"}
	cfg := func(value string) string {
		return keyConfig(s.URL(), prefix+"/k", value, lifetime...) + fmt.Sprintf(
			"resource \"etcd_key_prefix\" \"test\" {\n  prefix = %q\n  keys = { a = %q, b = \"v\" }\n  %s\n}\n", prefix+"/p", value,
			strings.Join(lifetime, "\n  "))
	}
	put := func(value string, params ...string) {
		for _, key := range []string{"/k", "/p/a"} {
			s.Put(t, prefix+key, value, params...)
		}
		s.Put(t, prefix+"/p/b", "v", params...)
	}
	permanent := func(keys ...string) resource.TestCheckFunc {
		return onServer(func() error {
			for _, key := range keys {
				if node := s.Get(t, prefix+key).Node; node.TTL != 0 {
					return fmt.Errorf("%s has a TTL of %d", key, node.TTL)
				}
			}
			return nil
		})
	}
	acceptance(t,
		resource.TestStep{Config: cfg("v")},
		resource.TestStep{
			PreConfig: func() { put("v") }, Config: cfg("v"), PlanOnly: true,
		},
		resource.TestStep{Config: cfg("w"), Check: permanent("/k", "/p/a", "/p/b")},
		// One that is not above the limit is not renewed, and fails neither a plan nor the destroy.
		resource.TestStep{PreConfig: func() { put("w", "ttl=90") }, Config: cfg("w"), PlanOnly: true},
		resource.TestStep{
			Config: cfg("w"), Check: resource.ComposeAggregateTestCheckFunc(ttlLeft(t, s, prefix+"/k", 90), ttlLeft(t, s, prefix+"/p/a", 90)),
		},
	)
}

// The value of a sensitive value_json is never shown: not if another program writes text that is
// not JSON, and not in a full log.
func TestAccKeyResource_sensitiveJSON(t *testing.T) {
	t.Parallel()

	l := newLab(t)
	key := etcdtest.Prefix(t) + "/k"
	const ours, theirs = "hush-ours", "hush-theirs"
	w := l.workspace(t, "1.0.0", l.server.URL(), fmt.Sprintf(
		"variable \"secret\" {\n  sensitive = true\n  default = %q\n}\nresource \"etcd_key\" \"test\" {\n  key = %q\n"+
			"  value_json = jsonencode({ secret = var.secret })\n}\n", ours, key), "TF_LOG_PROVIDER=TRACE")
	outputs := []string{mustRun(t, w, 0, "apply", "-auto-approve"), mustRun(t, w, 0, "plan", "-detailed-exitcode")}
	l.server.Put(t, key, theirs)
	outputs = append(outputs, mustRun(t, w, 2, "plan", "-detailed-exitcode"), mustRun(t, w, 0, "apply", "-auto-approve"))
	for i, output := range outputs {
		if strings.Contains(output, ours) || strings.Contains(output, theirs) {
			t.Errorf("command %d prints the value", i)
		}
		// The first plan compares nothing, because nothing has changed.
		if !strings.Contains(output, "SemanticEquals") && i > 1 {
			t.Errorf("command %d has no log of the comparison: this test proves nothing", i)
		}
	}
	if got := l.server.Get(t, key).Node.Value; got != `{"secret":"`+ours+`"}` {
		t.Errorf("value on the server = %q, want the configured value", got)
	}
}

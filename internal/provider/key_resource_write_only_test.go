package provider

import (
	"fmt"
	"strings"
	"testing"

	tfconfig "github.com/hashicorp/terraform-plugin-testing/config"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// writeOnlyConfig returns a key whose write-only value comes from an ephemeral variable.
func writeOnlyConfig(endpoint, key string, version int, attributes ...string) string {
	return keyWith(endpoint, key, append(attributes, "value_wo = var.secret", fmt.Sprintf("value_wo_version = %d", version))...) +
		"variable \"secret\" {\n  type = string\n  ephemeral = true\n}\n"
}

func secret(value string) tfconfig.Variables {
	return tfconfig.Variables{"secret": tfconfig.StringVariable(value)}
}

// rewrites checks that a step plans an update that writes.
var rewrites = resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
	plancheck.ExpectResourceAction("etcd_key.test", plancheck.ResourceActionUpdate),
	plancheck.ExpectUnknownValue("etcd_key.test", tfjsonpath.New("modified_index")),
}}

func TestAccKeyResource_writeOnly(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	key := etcdtest.Prefix(t) + "/k"
	second := writeOnlyConfig(s.URL(), key, 2)
	rewritten := resource.TestStep{
		Config: second, ConfigVariables: secret("three"), ConfigPlanChecks: rewrites, Check: serverHas(t, s, key, "three"),
	}
	after := func(outside func()) resource.TestStep {
		step := rewritten
		step.PreConfig = outside
		return step
	}
	created := after(func() { s.Delete(t, key) })
	created.ConfigPlanChecks = planned("etcd_key.test", plancheck.ResourceActionCreate)
	unchanged := resource.TestStep{Config: second, ConfigVariables: secret("three"), PlanOnly: true}
	acceptanceSince(t, tfversion.Version1_11_0,
		resource.TestStep{
			Config: writeOnlyConfig(s.URL(), key, 1), ConfigVariables: secret("one"), Check: serverHas(t, s, key, "one"),
			ConfigStateChecks: []statecheck.StateCheck{
				known("etcd_key.test", "value", knownvalue.Null()),
				known("etcd_key.test", "value_json", knownvalue.Null()),
				known("etcd_key.test", "value_wo", knownvalue.Null()),
			},
		},
		// Without a new version, another value is not written.
		resource.TestStep{Config: writeOnlyConfig(s.URL(), key, 1), ConfigVariables: secret("two"), PlanOnly: true},
		resource.TestStep{
			Config: second, ConfigVariables: secret("two"), ConfigPlanChecks: rewrites, Check: serverHas(t, s, key, "two"),
		},
		after(func() { s.Put(t, key, "theirs") }),
		unchanged,
		after(func() { s.Put(t, key, "three") }),
		after(func() { s.Put(t, key, "three", "ttl=500") }),
		created,
		unchanged,
	)
}

func TestAccKeyResource_writeOnlyImport(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	key := etcdtest.Prefix(t) + "/k"
	s.Put(t, key, "found")
	index := s.Get(t, key).Node.ModifiedIndex
	cfg := func(version int) string {
		return writeOnlyConfig(s.URL(), key, version) + fmt.Sprintf("import {\n  to = etcd_key.test\n  id = %q\n}\n", importWriteOnly+key)
	}
	acceptanceSince(t, tfversion.Version1_11_0,
		resource.TestStep{
			// Version 0 leaves the existing value alone.
			Config: cfg(0), ConfigVariables: secret("ours"), ConfigPlanChecks: planned("etcd_key.test", plancheck.ResourceActionNoop),
			ConfigStateChecks: []statecheck.StateCheck{
				known("etcd_key.test", "value", knownvalue.Null()),
				known("etcd_key.test", "modified_index", knownvalue.Int64Exact(int64(index))),
			},
			Check: serverHas(t, s, key, "found"),
		},
		resource.TestStep{Config: cfg(0), ConfigVariables: secret("ours"), PlanOnly: true},
		resource.TestStep{
			PreConfig: func() { s.Put(t, key, "theirs") },
			Config:    cfg(0), ConfigVariables: secret("ours"), ConfigPlanChecks: rewrites, Check: serverHas(t, s, key, "ours"),
		},
		resource.TestStep{
			Config: cfg(1), ConfigVariables: secret("new"), ConfigPlanChecks: rewrites, Check: serverHas(t, s, key, "new"),
		},
	)
}

// The value may come from an ephemeral resource, or be unknown before apply.
func TestAccKeyResource_writeOnlySources(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	s.Put(t, prefix+"/source", "from the source")
	cfg := func(expression string, version int) string {
		return keyWith(s.URL(), prefix+"/k", "value_wo = "+expression, fmt.Sprintf("value_wo_version = %d", version)) + fmt.Sprintf(
			"ephemeral \"etcd_key\" \"source\" {\n  key = %q\n}\nresource \"etcd_key\" \"other\" {\n  key = %q\n  value = \"%d\"\n}\n",
			prefix+"/source", prefix+"/other", version)
	}
	acceptanceSince(t, tfversion.Version1_11_0,
		resource.TestStep{Config: cfg("ephemeral.etcd_key.source.value", 1), Check: serverHas(t, s, prefix+"/k", "from the source")},
		resource.TestStep{
			PreConfig: func() { s.Put(t, prefix+"/source", "another") },
			Config:    cfg("ephemeral.etcd_key.source.value", 2), ConfigPlanChecks: rewrites,
			Check: serverHas(t, s, prefix+"/k", "another"),
		},
		resource.TestStep{
			Config: cfg("\"index ${etcd_key.other.modified_index}\"", 3), ConfigPlanChecks: rewrites,
			Check: onServer(func() error {
				want := fmt.Sprintf("index %d", s.Get(t, prefix+"/other").Node.ModifiedIndex)
				if got := s.Get(t, prefix+"/k").Node.Value; got != want {
					return fmt.Errorf("value = %q, want %q", got, want)
				}
				return nil
			}),
		},
	)
}

func TestAccKeyResource_writeOnlyCreateOverExisting(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	key := etcdtest.Prefix(t) + "/k"
	s.Put(t, key, "theirs")
	acceptanceSince(t, tfversion.Version1_11_0,
		resource.TestStep{
			Config: writeOnlyConfig(s.URL(), key, 1), ConfigVariables: secret("ours"),
			ExpectError: errorWith("Key already exists", fmt.Sprintf("id = %q", importWriteOnly+key)),
		},
		resource.TestStep{
			PreConfig: func() {
				if got := s.Get(t, key).Node.Value; got != "theirs" {
					t.Errorf("value after the refusal = %q, want %q", got, "theirs")
				}
			},
			Config: writeOnlyConfig(s.URL(), key, 1, "adopt_existing = true"), ConfigVariables: secret("ours"),
			Check: serverHas(t, s, key, "ours"),
		},
	)
}

// State does not contain a write-only value, so any change of the index since the plan is a
// conflict, unless the key already has the value to write.
func TestKeyResource_writeOnlyAfterRival(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	d := newDirect(t, map[string]any{"endpoints": []string{s.URL()}})
	prefix := etcdtest.Prefix(t)
	for name, rival := range map[string]func(key string){
		"another value":  func(key string) { s.Put(t, key, "theirs") },
		"the same value": func(key string) { s.Put(t, key, "ours-1") },
		"another TTL":    func(key string) { s.Put(t, key, "", "refresh=true", "prevExist=true", "ttl=500") },
	} {
		attributes := func(key string, version int) map[string]any {
			return map[string]any{"key": key, "value_wo": fmt.Sprintf("ours-%d", version), "value_wo_version": version}
		}
		for _, verb := range []string{"update", "remove"} {
			key := prefix + "/" + strings.ReplaceAll(name, " ", "-") + "/" + verb
			o := mustApply(t, d, d.none("etcd_key"), attributes(key, 1))
			var wanted map[string]any
			if verb == "update" {
				wanted = attributes(key, 2)
			}
			plan, config := d.plan(t, o, wanted)
			rival(key)
			theirs := s.Get(t, key).Node
			after, errs := d.applyPlan(t.Context(), t, o, plan, config)
			if !strings.Contains(errs, "Key changed since it was planned") || strings.Contains(errs, "ours-") || strings.Contains(errs, "theirs") {
				t.Errorf("%s, %s: errors = %q, want a conflict without a value", name, verb, errs)
			}
			if !after.exists() || after.text(t, "modified_index") != o.text(t, "modified_index") {
				t.Errorf("%s, %s: state after the refusal = %s, want it unchanged", name, verb, after.state)
			}
			if now := s.Get(t, key).Node; now.Value != theirs.Value || now.ModifiedIndex != theirs.ModifiedIndex {
				t.Errorf("%s, %s: value on the server = %q at %d, want the rival's", name, verb, now.Value, now.ModifiedIndex)
			}
			if d.isEmpty(t, o, attributes(key, 1)) {
				t.Errorf("%s, %s: the next plan is empty, want a rewrite", name, verb)
			}
		}
	}
}

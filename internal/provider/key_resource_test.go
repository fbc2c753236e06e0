package provider

import (
	"fmt"
	"regexp"
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

// keyConfig returns a key with a value and further attributes.
func keyConfig(endpoint, key, value string, attributes ...string) string {
	return keyWith(endpoint, key, append(attributes, "value = "+quote(value))...)
}

// keyWith returns a key with attributes.
func keyWith(endpoint, key string, attributes ...string) string {
	return config(endpoint, "resource \"etcd_key\" \"test\" {\n  key = %s\n  %s\n}\n", quote(key), strings.Join(attributes, "\n  "))
}

// planned returns checks that a step plans an action for the resource.
func planned(address string, action plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, action)}}
}

// known returns a check of an attribute in state.
func known(address, attribute string, want knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(attribute), want)
}

func TestAccKeyResource_createUpdateImport(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	key := etcdtest.Prefix(t) + "/k"
	created := statecheck.CompareValue(compare.ValuesSame())
	modified := statecheck.CompareValue(compare.ValuesDiffer())
	acceptance(t,
		resource.TestStep{
			Config: keyConfig(s.URL(), key, "one"),
			ConfigStateChecks: []statecheck.StateCheck{
				created.AddStateValue("etcd_key.test", tfjsonpath.New("created_index")),
				modified.AddStateValue("etcd_key.test", tfjsonpath.New("modified_index")),
				known("etcd_key.test", "value", knownvalue.StringExact("one")),
				known("etcd_key.test", "ttl", knownvalue.Null()),
				known("etcd_key.test", "expiration", knownvalue.Null()),
			},
		},
		resource.TestStep{
			Config: keyConfig(s.URL(), key, "two"),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("etcd_key.test", plancheck.ResourceActionUpdate),
				plancheck.ExpectUnknownValue("etcd_key.test", tfjsonpath.New("modified_index")),
				plancheck.ExpectKnownValue("etcd_key.test", tfjsonpath.New("expiration"), knownvalue.Null()),
			}},
			ConfigStateChecks: []statecheck.StateCheck{
				created.AddStateValue("etcd_key.test", tfjsonpath.New("created_index")),
				modified.AddStateValue("etcd_key.test", tfjsonpath.New("modified_index")),
			},
		},
		resource.TestStep{
			ResourceName: "etcd_key.test", ImportState: true, ImportStateId: key,
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "key",
		},
		resource.TestStep{
			ResourceName: "etcd_key.test", ImportState: true, ImportStateId: key, ImportStateKind: resource.ImportBlockWithID,
			ImportPlanChecks: noop,
		},
	)
	if code := s.Get(t, key).ErrorCode; code != 100 {
		t.Errorf("after the destroy the server answers code %d, want 100", code)
	}
}

func TestAccKeyResource_identity(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	key := etcdtest.Prefix(t) + "/k"
	acceptanceSince(t, tfversion.Version1_12_0,
		resource.TestStep{
			Config:            keyConfig(s.URL(), key, "one"),
			ConfigStateChecks: []statecheck.StateCheck{statecheck.ExpectIdentityValueMatchesState("etcd_key.test", tfjsonpath.New("key"))},
		},
		resource.TestStep{
			ResourceName: "etcd_key.test", ImportState: true, ImportStateKind: resource.ImportBlockWithResourceIdentity,
			ImportPlanChecks: noop,
		},
	)
}

// An identity does not say which attribute the value belongs in: a JSON object goes into
// value_json.
func TestAccKeyResource_identityOfJSON(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	key := etcdtest.Prefix(t) + "/k"
	index := s.Put(t, key, `{ "a": 1 }`).Node.ModifiedIndex
	cfg := keyWith(s.URL(), key, asJSON(`{"a":1}`)) + fmt.Sprintf("import {\n  to = etcd_key.test\n  identity = { key = %q }\n}\n", key)
	acceptanceSince(t, tfversion.Version1_12_0,
		resource.TestStep{
			Config: cfg, ConfigPlanChecks: planned("etcd_key.test", plancheck.ResourceActionNoop),
			ConfigStateChecks: []statecheck.StateCheck{known("etcd_key.test", "modified_index", knownvalue.Int64Exact(int64(index)))},
			Check:             serverHas(t, s, key, `{ "a": 1 }`),
		},
	)
}

func TestAccKeyResource_importIsChecked(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	missing := etcdtest.Prefix(t) + "/none"
	cfg := keyConfig(s.URL(), missing, "one")
	acceptance(t,
		resource.TestStep{
			Config: cfg, ResourceName: "etcd_key.test", ImportState: true, ImportStateId: "no/slash",
			ExpectError: regexp.MustCompile("Invalid path"),
		},
		resource.TestStep{
			Config: cfg, ResourceName: "etcd_key.test", ImportState: true, ImportStateId: missing,
			ExpectError: regexp.MustCompile("(?i)cannot import non-existent"),
		},
	)
}

func TestAccKeyResource_replacedByAnotherPath(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	acceptance(t,
		resource.TestStep{Config: keyConfig(s.URL(), prefix+"/a", "one")},
		resource.TestStep{
			Config:           keyConfig(s.URL(), prefix+"/b", "one"),
			ConfigPlanChecks: planned("etcd_key.test", plancheck.ResourceActionDestroyBeforeCreate),
			Check:            serverHas(t, s, prefix+"/b", "one"),
		},
	)
}

func TestAccKeyResource_driftIsCorrected(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	key := etcdtest.Prefix(t) + "/k"
	cfg := keyConfig(s.URL(), key, "ours")
	acceptance(t,
		resource.TestStep{Config: cfg},
		resource.TestStep{
			PreConfig:        func() { s.Put(t, key, "theirs") },
			Config:           cfg,
			ConfigPlanChecks: planned("etcd_key.test", plancheck.ResourceActionUpdate),
			Check:            serverHas(t, s, key, "ours"),
		},
		resource.TestStep{
			PreConfig:        func() { s.Delete(t, key) },
			Config:           cfg,
			ConfigPlanChecks: planned("etcd_key.test", plancheck.ResourceActionCreate),
			Check:            serverHas(t, s, key, "ours"),
		},
		resource.TestStep{
			// The index has moved and the value has not: there is nothing to do.
			PreConfig: func() { s.Put(t, key, "ours") },
			Config:    cfg, PlanOnly: true,
		},
	)
}

func TestAccKeyResource_dependentsStayQuiet(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	cfg := func(value, adopt string) string {
		return keyConfig(s.URL(), prefix+"/k", value, adopt) + fmt.Sprintf(
			"resource \"etcd_key\" \"dependent\" {\n  key   = %q\n  value = etcd_key.test.modified_index\n}\n", prefix+"/dependent")
	}
	acceptance(t,
		resource.TestStep{Config: cfg("one", "")},
		resource.TestStep{
			Config: cfg("one", "adopt_existing = true"),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("etcd_key.test", plancheck.ResourceActionUpdate),
				plancheck.ExpectResourceAction("etcd_key.dependent", plancheck.ResourceActionNoop),
			}},
		},
		resource.TestStep{
			Config:           cfg("two", "adopt_existing = true"),
			ConfigPlanChecks: planned("etcd_key.dependent", plancheck.ResourceActionUpdate),
		},
	)
}

func TestAccKeyResource_createOverExisting(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	key := prefix + "/k"
	s.Put(t, key, "theirs")
	s.Mkdir(t, prefix+"/dir")
	acceptance(t,
		resource.TestStep{
			Config:      keyConfig(s.URL(), key, "ours"),
			ExpectError: regexp.MustCompile(`(?s)Key already exists.*import \{.*to = etcd_key.*id = "` + key + `"`),
		},
		resource.TestStep{
			Config:      keyConfig(s.URL(), prefix+"/dir", "ours", "adopt_existing = true"),
			ExpectError: errorWith("An empty directory is in the way", "etcdctl rmdir '"+prefix+"/dir'"),
		},
		resource.TestStep{
			PreConfig: func() {
				if got := s.Get(t, key).Node.Value; got != "theirs" {
					t.Errorf("value after the refusal = %q, want %q", got, "theirs")
				}
			},
			Config: keyConfig(s.URL(), key, "ours", "adopt_existing = true"),
			Check:  serverHas(t, s, key, "ours"),
		},
	)
}

func TestAccKeyResource_oddValuesAndKeys(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	names := []string{"a b", "100%", "what?", "#1", "a+b", "x;y", "p&q", "k=v", "ключ", "日本", "a%2Fb", "~tilde", "quote\"d", "back\\slash"}
	values := []string{"", " ", "line\nbreak", "100%", "${not} a %{template}", "ünïcode ☃", "a=b&c=d;e+f", `{"json": "<&>"}`}
	var keys, wants []string
	for i, name := range names {
		keys, wants = append(keys, prefix+"/"+name), append(wants, values[i%len(values)])
	}
	var b strings.Builder
	for i := range keys {
		fmt.Fprintf(&b, "resource \"etcd_key\" \"k%d\" {\n  key   = %s\n  value = %s\n}\n", i, quote(keys[i]), quote(wants[i]))
	}
	check := func(i int) resource.TestCheckFunc { return serverHas(t, s, keys[i], wants[i]) }
	checks := make([]resource.TestCheckFunc, len(keys))
	steps := []resource.TestStep{{Config: config(s.URL(), "%s", b.String())}}
	for i := range keys {
		checks[i] = check(i)
	}
	steps[0].Check = resource.ComposeAggregateTestCheckFunc(checks...)
	for i := range keys[:6] {
		steps = append(steps, resource.TestStep{
			ResourceName: fmt.Sprintf("etcd_key.k%d", i), ImportState: true, ImportStateId: keys[i],
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "key",
		})
	}
	acceptance(t, steps...)
}

func TestAccKeyResource_invalidInput(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	for name, test := range map[string]struct{ config, want string }{
		"no slash":         {keyConfig(s.URL(), "app", "v"), "does not start with a slash"},
		"trailing slash":   {keyConfig(s.URL(), "/app/", "v"), "ends with a slash"},
		"parent segment":   {keyConfig(s.URL(), "/app/../x", "v"), `has the segment`},
		"empty segment":    {keyConfig(s.URL(), "/app//x", "v"), "empty segment"},
		"the root":         {keyConfig(s.URL(), "/", "v"), "is the root"},
		"ttl is zero":      {keyConfig(s.URL(), "/app", "v", "ttl = 0"), "between 1 and 3153600000"},
		"ttl is too large": {keyConfig(s.URL(), "/app", "v", "ttl = 3153600001"), "between 1 and 3153600000"},
		"ttl is negative":  {keyConfig(s.URL(), "/app", "v", "ttl = -1"), "between 1 and 3153600000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			acceptance(t, resource.TestStep{Config: test.config, PlanOnly: true, ExpectError: errorWith(test.want)})
		})
	}
}

func TestAccKeyResource_ttl(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	key := etcdtest.Prefix(t) + "/k"
	ttl := func(seconds string) string { return keyConfig(s.URL(), key, "v", seconds) }
	permanent := func(want bool) resource.TestCheckFunc {
		return onServer(func() error {
			if node := s.Get(t, key).Node; (node.Expiration == "") != want {
				return fmt.Errorf("expiration = %q, want none: %t", node.Expiration, want)
			}
			return nil
		})
	}
	acceptance(t,
		resource.TestStep{
			Config: ttl("ttl = 500"), Check: permanent(false),
			ConfigStateChecks: []statecheck.StateCheck{known("etcd_key.test", "expiration", knownvalue.NotNull())},
		},
		// A TTL that counts down is not drift.
		resource.TestStep{PreConfig: func() { s.Put(t, key, "v", "ttl=400") }, Config: ttl("ttl = 500"), PlanOnly: true},
		resource.TestStep{
			Config: ttl("ttl = 1000"), ConfigPlanChecks: planned("etcd_key.test", plancheck.ResourceActionUpdate),
			Check: onServer(func() error {
				if got := s.Get(t, key).Node.TTL; got < 900 {
					return fmt.Errorf("ttl = %d, want nearly 1000", got)
				}
				return nil
			}),
		},
		resource.TestStep{
			PreConfig: func() { s.Put(t, key, "v") }, // removed outside
			Config:    ttl("ttl = 1000"), ConfigPlanChecks: planned("etcd_key.test", plancheck.ResourceActionUpdate),
			Check: permanent(false),
		},
		resource.TestStep{Config: ttl(""), ConfigPlanChecks: planned("etcd_key.test", plancheck.ResourceActionUpdate), Check: permanent(true)},
		resource.TestStep{
			PreConfig: func() { s.Put(t, key, "v", "ttl=300") }, // set outside
			Config:    ttl(""), ConfigPlanChecks: planned("etcd_key.test", plancheck.ResourceActionUpdate),
			Check: permanent(true),
		},
		resource.TestStep{
			PreConfig: func() {
				s.Put(t, key, "v", "ttl=1")
				eventually(t, "the key expires", func() bool { return s.Get(t, key).ErrorCode == 100 })
			},
			Config: ttl("ttl = 500"), ConfigPlanChecks: planned("etcd_key.test", plancheck.ResourceActionCreate),
			Check: permanent(false),
		},
	)
}

func TestAccKeyResource_providerDefaults(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	cfg := func(provider, ttl string) string {
		return configWith(s.URL(), provider+"\n  key_prefix = \""+prefix+"\"", "resource \"etcd_key\" \"test\" {\n  key = \"/k\"\n"+
			"  value = \"v\"\n  %s\n}\n", ttl)
	}
	expires := func(want bool) resource.TestCheckFunc {
		return onServer(func() error {
			if node := s.Get(t, prefix+"/k").Node; node.Value != "v" || (node.Expiration != "") != want {
				return fmt.Errorf("node = %+v, want an expiration: %t", node, want)
			}
			return nil
		})
	}
	acceptance(t,
		resource.TestStep{
			Config: cfg("default_ttl = 600", ""), Check: expires(true),
			ConfigStateChecks: []statecheck.StateCheck{
				known("etcd_key.test", "ttl", knownvalue.Int64Exact(600)),
				known("etcd_key.test", "key", knownvalue.StringExact("/k")),
			},
		},
		resource.TestStep{
			Config: cfg("default_ttl = 600", "ttl = 700"), Check: expires(true),
			ConfigStateChecks: []statecheck.StateCheck{known("etcd_key.test", "ttl", knownvalue.Int64Exact(700))},
		},
		resource.TestStep{
			ResourceName: "etcd_key.test", ImportState: true, ImportStateId: "/k",
			ImportStateVerify: true, ImportStateVerifyIdentifierAttribute: "key", ImportStateVerifyIgnore: []string{"ttl"},
		},
		resource.TestStep{
			Config: cfg("", ""), Check: expires(false), ConfigPlanChecks: planned("etcd_key.test", plancheck.ResourceActionUpdate),
		},
	)
}

func TestAccKeyResource_becameDirectory(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	key := etcdtest.Prefix(t) + "/k"
	cfg := keyConfig(s.URL(), key, "v")
	acceptance(t,
		resource.TestStep{Config: cfg},
		resource.TestStep{
			PreConfig: func() {
				s.Delete(t, key)
				s.Put(t, key+"/child", "theirs")
			},
			Config: cfg, ExpectError: regexp.MustCompile("There is a directory"),
		},
		resource.TestStep{
			PreConfig: func() {
				if got := s.Get(t, key+"/child").Node.Value; got != "theirs" {
					t.Errorf("child = %q, want %q", got, "theirs")
				}
				s.Delete(t, key, "recursive=true")
			},
			Config: cfg, ConfigPlanChecks: planned("etcd_key.test", plancheck.ResourceActionCreate),
		},
	)
}

func TestAccKeyResource_ancestorBecameKey(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	dir := etcdtest.Prefix(t) + "/dir"
	cfg := keyConfig(s.URL(), dir+"/k", "v")
	acceptance(t,
		resource.TestStep{Config: cfg},
		resource.TestStep{
			PreConfig: func() {
				s.Delete(t, dir, "recursive=true")
				s.Put(t, dir, "a file")
			},
			Config: cfg, ExpectError: errorWith("Unable to create key", "a key cannot contain anything"),
		},
		resource.TestStep{
			PreConfig: func() {
				if got := s.Get(t, dir).Node.Value; got != "a file" {
					t.Errorf("ancestor = %q, want %q", got, "a file")
				}
				s.Delete(t, dir)
			},
			Config: cfg, Check: serverHas(t, s, dir+"/k", "v"),
		},
	)
}

func TestAccKeyResource_serverDown(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t)
	cfg := configWith(s.URL(), "retry = { max_attempts = 2, min_delay = \"1ms\", max_delay = \"2ms\" }",
		"resource \"etcd_key\" \"test\" {\n  key = \"/k\"\n  value = \"v\"\n}\n")
	acceptance(t,
		resource.TestStep{Config: cfg},
		resource.TestStep{
			PreConfig: func() { s.Stop(t) }, Config: cfg,
			ExpectError: errorWith("Unable to read key", "state was not changed"),
		},
		resource.TestStep{PreConfig: func() { s.Restart(t) }, Config: cfg, PlanOnly: true},
	)
}

func TestAccKeyResource_serverWithoutV2(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t, etcdtest.WithoutV2())
	acceptance(t, resource.TestStep{
		Config: keyConfig(s.URL(), "/k", "v"), ExpectError: errorWith("does not serve the etcd v2 API", "--enable-v2"),
	})
}

func TestAccKeyResource_wrongCredentials(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t, etcdtest.WithAuth("right"))
	cfg := func(password string) string {
		return configWith(s.URL(), "username = \"root\"\n  password = \""+password+"\"",
			"resource \"etcd_key\" \"test\" {\n  key = \"/k\"\n  value = \"v\"\n}\n")
	}
	acceptance(t,
		resource.TestStep{Config: cfg("wrong-secret"), ExpectError: errorWith("Unable to create key", "refused the credentials")},
		resource.TestStep{Config: cfg("right")},
		resource.TestStep{Config: cfg("wrong-secret"), ExpectError: errorWith("Unable to read key", "refused the credentials")},
		resource.TestStep{Config: cfg("right"), PlanOnly: true},
	)
}

func TestAccKeyResource_wrongAuthority(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t, etcdtest.WithClientCerts("tester"))
	cfg := func(ca, client string) string {
		return configWith(s.URL(), "tls = {\n"+ca+client+"\n}", "resource \"etcd_key\" \"test\" {\n  key = \"/k\"\n  value = \"v\"\n}\n")
	}
	other := etcdtest.NewCerts(t, "other")
	right := fmt.Sprintf("ca_file = %q\n", s.Certs.CA.CertFile)
	client := fmt.Sprintf("cert_file = %q\n key_file = %q\n", s.Certs.Client.CertFile, s.Certs.Client.KeyFile)
	acceptance(t,
		resource.TestStep{
			Config:      cfg(fmt.Sprintf("ca_file = %q\n", other.CA.CertFile), client),
			ExpectError: errorWith("Unable to create key", "unknown authority"),
		},
		resource.TestStep{
			Config:      cfg(right, ""),
			ExpectError: errorWith("The server requires a client certificate", "Unable to create key", "no endpoint answered"),
		},
		resource.TestStep{Config: cfg(right, client), Check: serverHas(t, s, "/k", "v")},
	)
}

package provider

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

func wantText(text string) knownvalue.Check { return knownvalue.StringExact(text) }

func wantTexts(texts ...string) knownvalue.Check {
	checks := make([]knownvalue.Check, len(texts))
	for i, text := range texts {
		checks[i] = wantText(text)
	}
	return knownvalue.ListExact(checks)
}

func wantData(source, attribute string, value knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(source, tfjsonpath.New(attribute), value)
}

func TestAccKeysDataSource(t *testing.T) {
	t.Parallel()
	s, prefix := etcdtest.Shared(t), etcdtest.Prefix(t)
	for _, kv := range [][2]string{
		{"/z", "last in order, first in time"},
		{"/db/host", "h"},
		{"/db/empty", ""},
		{"/a b/ключ#?%", "x"},
		{"/_hidden/secret", "s"},
		{"/db/_hidden", "s"},
	} {
		s.Put(t, prefix+kv[0], kv[1])
	}
	s.Mkdir(t, prefix+"/nothing")
	const keys = "data.etcd_keys.x"
	all := map[string]knownvalue.Check{
		"z": wantText("last in order, first in time"), "db/host": wantText("h"), "db/empty": wantText(""), "a b/ключ#?%": wantText("x"),
	}
	acceptance(t,
		resource.TestStep{
			Config: config(s.URL(), `data "etcd_keys" "x" { prefix = %q }`, prefix),
			ConfigStateChecks: []statecheck.StateCheck{
				wantData(keys, "keys", knownvalue.MapExact(all)),
				wantData(keys, "paths", wantTexts("a b/ключ#?%", "db/empty", "db/host", "z")),
				wantData(keys, "exists", knownvalue.Bool(true)),
			},
		},
		resource.TestStep{
			Config: configWith(s.URL(), "key_prefix = \""+prefix+"\"", "data \"etcd_keys\" \"x\" {\n  prefix = \"/\"\n  sorted = false\n}"),
			ConfigStateChecks: []statecheck.StateCheck{
				wantData(keys, "keys", knownvalue.MapExact(all)),
				wantData(keys, "paths", wantTexts("z", "db/host", "db/empty", "a b/ключ#?%")),
			},
		},
		resource.TestStep{
			Config: config(s.URL(), `data "etcd_keys" "x" { prefix = "%s/_hidden" }`, prefix),
			ConfigStateChecks: []statecheck.StateCheck{
				wantData(keys, "keys", knownvalue.MapExact(map[string]knownvalue.Check{"secret": wantText("s")})),
			},
		},
		resource.TestStep{
			Config: config(s.URL(), `data "etcd_keys" "x" { prefix = "%s/nothing" }`, prefix),
			ConfigStateChecks: []statecheck.StateCheck{
				wantData(keys, "keys", knownvalue.MapSizeExact(0)), wantData(keys, "paths", knownvalue.ListSizeExact(0)),
				wantData(keys, "exists", knownvalue.Bool(true)),
			},
		},
		resource.TestStep{
			Config: config(s.URL(), "data \"etcd_keys\" \"x\" {\n  prefix  = \"%s/missing\"\n  default = { b = 1, a = 2 }\n}", prefix),
			ConfigStateChecks: []statecheck.StateCheck{
				wantData(keys, "keys", knownvalue.MapExact(map[string]knownvalue.Check{"a": wantText("2"), "b": wantText("1")})),
				wantData(keys, "paths", wantTexts("a", "b")), wantData(keys, "exists", knownvalue.Bool(false)),
				wantData(keys, "details", knownvalue.MapSizeExact(0)),
			},
		},
	)
}

func TestAccKeysDataSource_details(t *testing.T) {
	t.Parallel()
	s, prefix := etcdtest.Shared(t), etcdtest.Prefix(t)
	leased := s.Put(t, prefix+"/db/leased", "x", "ttl=5000").Node
	created := s.Put(t, prefix+"/plain", "x").Node
	plain := s.Put(t, prefix+"/plain", "y", "prevExist=true").Node
	detail := func(ttl knownvalue.Check, created, modified uint64) knownvalue.Check {
		return knownvalue.ObjectExact(map[string]knownvalue.Check{
			"ttl": ttl, "created_index": knownvalue.Int64Exact(int64(created)), "modified_index": knownvalue.Int64Exact(int64(modified)),
		})
	}
	remaining := knownvalue.Int64Func(func(ttl int64) error {
		if differs(ttl, 5000) {
			return fmt.Errorf("a TTL of %d seconds, want about 5000", ttl)
		}
		return nil
	})
	acceptance(t, resource.TestStep{
		Config: config(s.URL(), `data "etcd_keys" "x" { prefix = %q }`, prefix),
		ConfigStateChecks: []statecheck.StateCheck{wantData("data.etcd_keys.x", "details", knownvalue.MapExact(map[string]knownvalue.Check{
			"db/leased": detail(remaining, leased.CreatedIndex, leased.ModifiedIndex),
			"plain":     detail(knownvalue.Null(), created.CreatedIndex, plain.ModifiedIndex),
		}))},
	})
}

func TestAccKeysDataSource_refused(t *testing.T) {
	t.Parallel()
	s, prefix := etcdtest.Shared(t), etcdtest.Prefix(t)
	s.Put(t, prefix+"/key", "secret")
	step := func(prefix, want string) resource.TestStep {
		return resource.TestStep{Config: config(s.URL(), `data "etcd_keys" "x" { prefix = %q }`, prefix), ExpectError: spaced(want)}
	}
	acceptance(t,
		step(prefix+"/missing", prefix+"/missing does not exist. Set default to continue without it."),
		step(prefix+"/key", "There is a key at "+prefix+"/key, or above it. Read a key with the data source etcd_key."),
		step(prefix+"/", "ends with a slash"),
		step("app", "does not start with a slash"),
	)
}

func TestAccKeysDataSource_permission(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t, etcdtest.WithAuth("rootpw"))
	s.Put(t, "/app/db/host", "h")
	for name, pattern := range map[string]string{"exact": "/app", "below": "/app/*"} {
		s.JSON(t, http.MethodPut, "/v2/auth/roles/"+name, map[string]any{
			"role": name, "permissions": map[string]any{"kv": map[string]any{"read": []string{pattern}, "write": []string{}}},
		})
		s.JSON(t, http.MethodPut, "/v2/auth/users/"+name, map[string]any{"user": name, "password": "pw", "roles": []string{name}})
	}
	as := func(user string) string {
		return configWith(s.URL(), "username = \""+user+"\"\n  password = \"pw\"", `data "etcd_keys" "x" { prefix = "/app" }`)
	}
	acceptance(t,
		resource.TestStep{Config: as("exact"), ExpectError: spaced("The server refused the credentials of the user")},
		resource.TestStep{
			Config: as("below"),
			ConfigStateChecks: []statecheck.StateCheck{
				wantData("data.etcd_keys.x", "keys", knownvalue.MapExact(map[string]knownvalue.Check{"db/host": wantText("h")})),
			},
		},
	)
}

// A server that is down causes an error, never an empty directory.
func TestAccKeysDataSource_down(t *testing.T) {
	t.Parallel()
	proxy := etcdtest.NewProxy(t, etcdtest.Shared(t).URL())
	proxy.Refuse()
	acceptance(t, resource.TestStep{
		Config:      config(proxy.URL(), "data \"etcd_keys\" \"x\" {\n  prefix  = \"/app\"\n  default = {}\n}"),
		ExpectError: spaced("no endpoint answered"),
	})
}

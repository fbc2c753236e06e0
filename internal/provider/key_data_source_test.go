package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

func TestAccKeyDataSource(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	s.Put(t, prefix+"/a b", "found", "ttl=500")
	s.Put(t, prefix+"/empty", "")
	s.Mkdir(t, prefix+"/dir")
	cfg := func(key, attributes string) string {
		return config(s.URL(), "data \"etcd_key\" \"test\" {\n  key = %q\n  %s\n}\n", key, attributes)
	}
	const address = "data.etcd_key.test"
	acceptance(t,
		resource.TestStep{Config: cfg("none", ""), ExpectError: errorWith("Invalid path")},
		resource.TestStep{Config: cfg(prefix+"/a b", ""), ConfigStateChecks: []statecheck.StateCheck{
			known(address, "value", knownvalue.StringExact("found")), known(address, "exists", knownvalue.Bool(true)),
			known(address, "ttl", knownvalue.NotNull()), known(address, "expiration", knownvalue.NotNull()),
			known(address, "modified_index", knownvalue.NotNull()), known(address, "created_index", knownvalue.NotNull()),
		}},
		resource.TestStep{Config: cfg(prefix+"/empty", `default = "other"`), ConfigStateChecks: []statecheck.StateCheck{
			known(address, "value", knownvalue.StringExact("")), known(address, "exists", knownvalue.Bool(true)),
			known(address, "ttl", knownvalue.Null()),
		}},
		resource.TestStep{Config: cfg(prefix+"/none", `default = "other"`), ConfigStateChecks: []statecheck.StateCheck{
			known(address, "value", knownvalue.StringExact("other")), known(address, "exists", knownvalue.Bool(false)),
			known(address, "modified_index", knownvalue.Null()),
		}},
		resource.TestStep{Config: cfg(prefix+"/none", ""), ExpectError: errorWith("Key not found", prefix+"/none does not exist")},
		resource.TestStep{Config: cfg(prefix+"/dir", `default = "other"`), ExpectError: errorWith("Key is a directory")},
	)
}

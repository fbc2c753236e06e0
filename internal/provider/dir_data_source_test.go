package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

func TestAccDirDataSource(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	s.Put(t, prefix+"/dir/b", "v")
	s.Put(t, prefix+"/dir/a/deep", "v")
	s.Put(t, prefix+"/dir/_hidden", "v")
	cfg := func(path string) string {
		return config(s.URL(), "data \"etcd_dir\" \"test\" {\n  path = %q\n}\n", path)
	}
	child := func(name, kind string) knownvalue.Check {
		return knownvalue.ObjectExact(map[string]knownvalue.Check{
			"name": knownvalue.StringExact(name), "path": knownvalue.StringExact(prefix + "/dir/" + name), "kind": knownvalue.StringExact(kind),
		})
	}
	const address = "data.etcd_dir.test"
	acceptance(t,
		resource.TestStep{Config: cfg(prefix + "/dir"), ConfigStateChecks: []statecheck.StateCheck{
			known(address, "children", knownvalue.ListExact([]knownvalue.Check{child("a", "dir"), child("b", "key")})),
			known(address, "ttl", knownvalue.Null()), known(address, "created_index", knownvalue.NotNull()),
		}},
		resource.TestStep{Config: cfg("/"), ConfigStateChecks: []statecheck.StateCheck{
			known(address, "created_index", knownvalue.Int64Exact(0)),
		}},
		resource.TestStep{Config: cfg(prefix + "/none"), ExpectError: errorWith("Directory not found")},
		resource.TestStep{Config: cfg(prefix + "/dir/b"), ExpectError: errorWith("Directory is a key", "data source etcd_key")},
	)
}

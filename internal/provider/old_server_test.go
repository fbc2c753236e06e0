package provider

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// newOldServer returns a proxy that treats a refresh like etcd 2.3.6, which is not available as a
// module. reported is the version that it reports.
func newOldServer(t *testing.T, s *etcdtest.Server, reported string) *etcdtest.Proxy {
	t.Helper()
	proxy := etcdtest.NewProxy(t, s.URL())
	proxy.Inject(etcdtest.Rule{
		Path: "/version", Action: etcdtest.Respond(http.StatusOK, nil, fmt.Sprintf(`{"etcdserver":%[1]q,"etcdcluster":%[1]q}`, reported)),
	})
	proxy.ActAs("2.3.6", "2.3.0")
	return proxy
}

// A server that empties a value on a refresh is not sent one: the value is written with the TTL.
// On a server that hides its version, the value is restored.
func TestKeyedResources_oldServerKeepsValues(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	for _, reported := range []string{"2.3.0", "2.3.6", "3.5.0"} {
		proxy := newOldServer(t, s, reported)
		d := newDirect(t, quickRetry(proxy.URL()))
		for _, kind := range keyedResources() {
			t.Run(reported+"/"+kind.name, func(t *testing.T) {
				t.Parallel()
				key := etcdtest.Prefix(t) + "/k"
				attributes := kind.attributes(key, "held", 1)
				attributes["ttl"] = 600
				o := mustApply(t, d, d.none(kind.typeName), attributes)
				if kind.typeName == "etcd_in_order_key" {
					key = o.text(t, "key")
				}
				check := func(what string, ttl int64) {
					t.Helper()
					if node := s.Get(t, key).Node; node.Value != kind.text("held") || differs(node.TTL, ttl) {
						t.Errorf("%s: server has %q with a TTL of %d, want the value with %d", what, node.Value, node.TTL, ttl)
					}
					if !d.isEmpty(t, o, attributes) {
						t.Errorf("%s: the next plan is not empty", what)
					}
				}
				attributes["ttl"] = 900
				o = mustApply(t, d, o, attributes)
				check("another TTL", 900)
				delete(attributes, "ttl")
				o = mustApply(t, d, o, attributes)
				check("no TTL", 0)
				attributes["ttl"] = 300
				o = mustApply(t, d, o, attributes)
				check("a TTL again", 300)
			})
		}
	}
}

// A change of only the TTL writes the secret that exists, and not the one that the configuration
// has without a new version: no plan has shown that.
func TestKeyResource_oldServerKeepsTheSecret(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	proxy := newOldServer(t, s, "2.3.6")
	d := newDirect(t, quickRetry(proxy.URL()))
	key := etcdtest.Prefix(t) + "/k"
	s.Put(t, key, "found")
	o := d.imported(t, "etcd_key", importWriteOnly+key)
	for _, ttl := range []int64{600, 900, 0} {
		attributes := map[string]any{"key": key, "value_wo": "other", "value_wo_version": 0}
		if ttl != 0 {
			attributes["ttl"] = ttl
		}
		o = mustApply(t, d, o, attributes)
		if node := s.Get(t, key).Node; node.Value != "found" || differs(node.TTL, ttl) {
			t.Errorf("server has %q with a TTL of %d, want the old value with %d", node.Value, node.TTL, ttl)
		}
		if !d.isEmpty(t, o, attributes) {
			t.Error("the next plan is not empty")
		}
	}
	for _, r := range proxy.Forwarded() {
		if strings.Contains(r.Path, key) && r.Param("refresh") != "" {
			t.Errorf("a refresh was sent: %v", r.Form)
		}
	}
}

package provider

import (
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

func TestKeyResource_lifecycle(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	key := etcdtest.Prefix(t) + "/k"
	d := newDirect(t, map[string]any{"endpoints": []string{s.URL()}})
	created, errs := d.apply(t, d.none("etcd_key"), map[string]any{"key": key, "value": "1"})
	if errs != "" {
		t.Fatal(errs)
	}
	if got := s.Get(t, key).Node.Value; got != "1" {
		t.Errorf("value after create = %q, want %q", got, "1")
	}
	updated, errs := d.apply(t, created, map[string]any{"key": key, "value": "2", "ttl": 100})
	if errs != "" {
		t.Fatal(errs)
	}
	if got := s.Get(t, key).Node; got.Value != "2" || got.TTL == 0 {
		t.Errorf("value and TTL after update = %q, %d, want %q and one", got.Value, got.TTL, "2")
	}
	if got, want := updated.text(t, "created_index"), created.text(t, "created_index"); got != want {
		t.Errorf("created_index after update = %s, want %s", got, want)
	}
	gone, errs := d.apply(t, updated, nil)
	if errs != "" {
		t.Fatal(errs)
	}
	if gone.exists() || s.Get(t, key).ErrorCode != 100 {
		t.Error("the key exists after the destroy")
	}
}

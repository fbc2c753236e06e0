package provider

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// Ten concurrent calls, like those of a CLI, reuse their connections. A transport that kept
// only two would dial for most requests. A few more than ten connections come from requests
// that find a free one while they dial.
func TestSession_keepsConnections(t *testing.T) {
	t.Parallel()

	const parallelism, keys = 10, 200
	s := etcdtest.Shared(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, map[string]any{"endpoints": []string{proxy.URL()}, "read_ahead": false})
	prefix := etcdtest.Prefix(t)
	slots := make(chan struct{}, parallelism)
	var calls sync.WaitGroup
	for i := range keys {
		slots <- struct{}{}
		calls.Go(func() {
			defer func() { <-slots }()
			etcdtest.Apart(t, func(t *testing.T) {
				o, errs := d.apply(t, d.none("etcd_key"), map[string]any{"key": fmt.Sprintf("%s/k%d", prefix, i), "value": "v"})
				if errs == "" {
					_, errs = d.refresh(t, o)
				}
				if errs != "" {
					t.Error(errs)
				}
			})
		})
	}
	calls.Wait()
	if got, want := len(proxy.Requests()), 2*keys; got < want {
		t.Errorf("requests = %d, want at least %d", got, want)
	}
	if _, total := proxy.Connections(); total > 3*parallelism {
		t.Errorf("connections = %d for %d requests, %d at once", total, len(proxy.Requests()), parallelism)
	}
}

// A cluster that does not exist yet when the provider is configured can be used once it does:
// the provider keeps no failure.
func TestSession_failuresAreNotKept(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	proxy.Refuse()
	d := newDirect(t, quickRetry(proxy.URL()))
	attributes := map[string]any{"key": etcdtest.Prefix(t) + "/k", "value": "v"}
	o, errs := d.apply(t, d.none("etcd_key"), attributes)
	if o.exists() || !strings.Contains(errs, "no endpoint answered") {
		t.Fatalf("in state: %t, errors = %q", o.exists(), errs)
	}
	proxy.Accept(t)
	mustApply(t, d, o, attributes)
}

func TestSession_wrongCluster(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	key := etcdtest.Prefix(t) + "/k"
	attributes := map[string]any{"key": key, "value": "v"}
	wrong := newDirect(t, map[string]any{"endpoints": []string{s.URL()}, "expected_cluster_id": "1234"})
	if _, errs := wrong.apply(t, wrong.none("etcd_key"), attributes); !strings.Contains(errs, "Unexpected etcd cluster") {
		t.Errorf("errors = %q", errs)
	}
	if code := s.Get(t, key).ErrorCode; code != 100 {
		t.Errorf("the server answers code %d after the refusal, want 100", code)
	}
	id := s.Get(t, "/").Header.Get("X-Etcd-Cluster-Id")
	right := newDirect(t, map[string]any{"endpoints": []string{s.URL()}, "expected_cluster_id": strings.ToUpper(id)})
	mustApply(t, right, right.none("etcd_key"), attributes)
}

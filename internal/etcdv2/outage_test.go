package etcdv2_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

func TestClient_outage(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	var waits atomic.Int64
	client := must[*etcdv2.Client](t)(etcdv2.New(etcdv2.Options{
		Endpoints: []string{proxy.URL()},
		Retry:     etcdv2.RetryPolicy{MaxDelay: time.Hour},
		Wait: func(context.Context, time.Duration) error {
			waits.Add(1)
			return nil
		},
	}))
	get := func() (int64, error) {
		before := waits.Load()
		_, err := client.Keys.Get(t.Context(), "/", etcdv2.GetOptions{})
		return waits.Load() - before, err
	}
	wantWaits := func(what string, want int64) {
		t.Helper()
		if got, err := get(); got != want || !errors.Is(err, etcdv2.ErrUnavailable) {
			t.Errorf("%s: %d waits and error %v, want %d and %v", what, got, err, want, etcdv2.ErrUnavailable)
		}
	}
	proxy.Refuse()
	wantWaits("the first request of an outage", etcdv2.DefaultMaxAttempts-1)
	wantWaits("the second one", 0)
	proxy.Accept(t)
	if got, err := get(); got != 0 || err != nil {
		t.Errorf("after the outage: %d waits and error %v, want none", got, err)
	}
	proxy.Refuse()
	wantWaits("the first request of the next outage", etcdv2.DefaultMaxAttempts-1)
}

// An endpoint that answers that there is no leader stays the first one for other requests, and
// its answer is not hidden by an endpoint that hangs.
func TestClient_noLeader(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	electing, hung := etcdtest.NewProxy(t, s.URL()), etcdtest.NewTCPProxy(t, s.URL())
	electing.Inject(etcdtest.Rule{Path: "/v2/members/leader", Action: etcdtest.Respond(
		http.StatusServiceUnavailable, http.Header{"Content-Type": {"application/json"}}, `{"message":"During election"}`)})
	hung.Stall()
	client := newClient(t, etcdv2.Options{
		Endpoints: []string{electing.URL(), hung.URL()}, RequestTimeout: time.Second, Retry: etcdv2.RetryPolicy{MaxAttempts: 2},
	})
	_, err := client.Members.Leader(t.Context())
	if !errors.Is(err, etcdv2.ErrNoLeader) || !errors.Is(err, etcdv2.ErrUnavailable) {
		t.Errorf("Leader() = %v, want ErrNoLeader and ErrUnavailable", err)
	}
	_, before := hung.Connections()
	if before == 0 {
		t.Error("the other endpoint was not asked for the leader")
	}
	if _, err := client.Members.List(t.Context()); err != nil {
		t.Errorf("List() = %v", err)
	}
	if _, after := hung.Connections(); after != before {
		t.Errorf("the endpoint that hangs got %d more connections, want none", after-before)
	}
}

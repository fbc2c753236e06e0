package keyspace

import (
	"context"
	"errors"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

func TestMain(m *testing.M) { etcdtest.Main(m) }

// space is the key space of one test on a real server, behind a proxy.
type space struct {
	server *etcdtest.Server
	proxy  *etcdtest.Proxy
	// prefix is the directory of the space on the server.
	prefix string
	client *etcdv2.Client
}

// newSpace returns a space whose client tries each request up to attempts times.
func newSpace(t *testing.T, attempts int) *space {
	t.Helper()
	s := &space{server: etcdtest.Shared(t), prefix: etcdtest.Prefix(t)}
	s.proxy = etcdtest.NewProxy(t, s.server.URL())
	client, err := etcdv2.New(etcdv2.Options{
		Endpoints: []string{s.proxy.URL()}, KeyPrefix: s.prefix, SettleTime: etcdv2.SettleTime,
		Retry: etcdv2.RetryPolicy{MaxAttempts: attempts, MinDelay: 1, MaxDelay: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.client = client
	return s
}

// store returns a store for another object of a run.
func (s *space) store(run *Run) *Store { return NewStore(s.client.Keys, nil, run) }

func (s *space) put(t *testing.T, key, value string, params ...string) uint64 {
	t.Helper()
	return s.server.Put(t, s.prefix+key, value, params...).Node.ModifiedIndex
}

func (s *space) remove(t *testing.T, key string, params ...string) {
	t.Helper()
	s.server.Delete(t, s.prefix+key, params...)
}

// wantValue checks the value on the server, "" for no key.
func (s *space) wantValue(t *testing.T, key, want string) {
	t.Helper()
	answer := s.server.Get(t, s.prefix+key)
	if got := answer.Node.Value; got != want || (want == "") != (answer.ErrorCode == 100) {
		t.Errorf("value on the server = %q at %s (code %d), want %q", got, key, answer.ErrorCode, want)
	}
}

// lose drops the answers to writes, or cuts the connection before them.
func (s *space) lose(times int, before bool) {
	action := etcdtest.DropAnswer()
	if before {
		action = etcdtest.CutBefore()
	}
	for _, method := range []string{"PUT", "POST", "DELETE"} {
		s.proxy.Inject(etcdtest.Rule{Method: method, Times: times, Action: action})
	}
}

// wantRefusal checks that an error is a refusal of a kind, or nil for kind 0.
func wantRefusal(t *testing.T, what string, err error, kind Kind) {
	t.Helper()
	_ = asRefusal(t, what, err, kind)
}

// asRefusal is wantRefusal, and returns the refusal.
func asRefusal(t *testing.T, what string, err error, kind Kind) *Refusal {
	t.Helper()
	r, ok := errors.AsType[*Refusal](err)
	switch {
	case kind == 0 && err != nil:
		t.Errorf("%s: error = %v, want none", what, err)
	case kind != 0 && (!ok || r.Kind != kind):
		t.Errorf("%s: error = %v, want a refusal: %s", what, err, kind)
	}
	if !ok {
		return &Refusal{}
	}
	return r
}

func seen(value string, index uint64) Seen { return Seen{Index: index, Value: &value} }

func mustCreate(ctx context.Context, t *testing.T, s *Store, key, value string) Seen {
	t.Helper()
	node, err := s.Create(ctx, key, Wanted{Value: value}, false)
	if err != nil {
		t.Fatal(err)
	}
	return SeenIn(node)
}

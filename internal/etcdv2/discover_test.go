package etcdv2

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// records is a resolver that knows these records. A service that is not in the map has none; a
// nil list makes the lookup fail.
type records map[string][]*net.SRV

func (r records) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	list, ok := r[service]
	switch {
	case proto != "tcp" || name != "example.com" || !ok:
		return "", nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	case list == nil:
		return "", nil, &net.DNSError{Err: "server misbehaving", Name: name, IsTemporary: true}
	}
	return "", list, nil
}

func TestDiscoverSRV(t *testing.T) {
	t.Parallel()
	plain := []*net.SRV{
		{Target: "c.example.com.", Port: 2379, Priority: 2, Weight: 1},
		{Target: "b.example.com", Port: 2379, Priority: 1, Weight: 1},
		{Target: "a.example.com.", Port: 4001, Priority: 1, Weight: 5},
	}
	tests := map[string]struct {
		records    records
		serverName string
		want       []string
		wantErr    string
	}{
		"by priority and weight": {
			records: records{"etcd-client": plain},
			want:    []string{"http://a.example.com:4001", "http://b.example.com:2379", "http://c.example.com:2379"},
		},
		"TLS wins": {
			records: records{"etcd-client": plain, "etcd-client-ssl": {{Target: "s.example.com.", Port: 2379}}},
			want:    []string{"https://s.example.com:2379"},
		},
		"no fall-back to http after a failed lookup": {
			records: records{"etcd-client": plain, "etcd-client-ssl": nil}, wantErr: "_etcd-client-ssl._tcp.example.com",
		},
		"a failing lookup":       {records: records{"etcd-client": nil}, wantErr: "_etcd-client._tcp.example.com"},
		"no records":             {records: records{}, wantErr: "neither"},
		"service not available":  {records: records{"etcd-client": {{Target: "."}}}, wantErr: "neither"},
		"TLS outside the domain": {records: records{"etcd-client-ssl": {{Target: "evil.com.", Port: 1}}}, wantErr: "outside of the domain"},
		"a domain that only has the same ending": {
			records: records{"etcd-client-ssl": {{Target: "badexample.com.", Port: 1}}}, wantErr: "outside of the domain",
		},
		"TLS outside the domain with a server name": {
			records: records{"etcd-client-ssl": {{Target: "cloud.net.", Port: 1}}}, serverName: "example.com",
			want: []string{"https://cloud.net:1"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := DiscoverSRV(t.Context(), "example.com.", SRVOptions{Resolver: test.records, ServerName: test.serverName})
			if test.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), test.wantErr) {
					t.Errorf("DiscoverSRV() = %v, %v, want an error with %q", found, err, test.wantErr)
				}
				return
			}
			var got []string
			for _, record := range found {
				got = append(got, record.Endpoint())
			}
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("DiscoverSRV() = %v (-want +got)\n%s", err, diff)
			}
		})
	}
	if _, err := DiscoverSRV(t.Context(), "", SRVOptions{}); err == nil {
		t.Error("DiscoverSRV() of no domain = nil, want an error")
	}
}

// switched is a resolver that can be replaced.
type switched struct {
	mu  sync.Mutex
	now Resolver
}

func (s *switched) LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.LookupSRV(ctx, service, proto, name)
}

func TestClient_discoverySRV(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	host, portText, err := net.SplitHostPort(s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	resolver := &switched{now: records{"etcd-client": nil}}
	c := clusterClient(t, Options{DiscoverySRV: "example.com", Resolver: resolver, DiscoverMembers: true})
	if _, err := c.Keys.Set(t.Context(), "/a", "1", WriteOptions{}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Set() without records = %v, want ErrUnavailable", err)
	}
	if got := c.Endpoints(); len(got) != 0 {
		t.Errorf("Endpoints() without records = %q, want none, not even a default", got)
	}

	resolver.mu.Lock()
	resolver.now = records{"etcd-client": {{Target: host + "."}}}
	resolver.mu.Unlock()
	if _, err := c.Keys.Set(t.Context(), "/a", "1", WriteOptions{}); !errors.Is(err, ErrUnavailable) ||
		!strings.Contains(err.Error(), "has the port 0") {
		t.Errorf("Set() with a record of port 0 = %v, want an error about the port", err)
	}

	resolver.mu.Lock()
	resolver.now = records{"etcd-client": {{Target: host + "."}, {Target: host + ".", Port: uint16(port)}}}
	resolver.mu.Unlock()
	if _, err := c.Keys.Set(t.Context(), "/a", "1", WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{s.URL()}, c.Endpoints()); diff != "" {
		t.Errorf("Endpoints() (-want +got)\n%s", diff)
	}
	if _, err := New(Options{DiscoverySRV: "example.com", Endpoints: []string{s.URL()}}); err == nil {
		t.Error("New() with a domain and endpoints = nil, want an error")
	}
}

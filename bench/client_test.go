// Package bench compares the client and the provider with others of their kind. It is a
// separate module, so that those do not become dependencies of the provider.
package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	jsonv2 "github.com/go-json-experiment/json"
	peer "go.etcd.io/etcd/client/v2"
)

func TestMain(m *testing.M) { etcdtest.Main(m) }

// treeKeys is the size of the tree that the benchmarks read.
const treeKeys = 100_000

// tree returns the answer to a recursive read of directories of 100 keys. Every tenth key
// has a TTL.
func tree() string {
	var b strings.Builder
	b.WriteString(`{"action":"get","node":{"key":"/tree","dir":true,"nodes":[`)
	for i := range treeKeys / 100 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"key":"/tree/dir-%04d","dir":true,"nodes":[`, i)
		for j := range 100 {
			if j > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"key":"/tree/dir-%04d/key-%02d","value":"some value of %d \u0026 %d",`, i, j, i, j)
			if j%10 == 0 {
				b.WriteString(`"expiration":"2126-11-21T00:07:16.670028175Z","ttl":1000,`)
			}
			fmt.Fprintf(&b, `"modifiedIndex":%d,"createdIndex":%d}`, 100*i+j, 100*i+j)
		}
		fmt.Fprintf(&b, `],"modifiedIndex":%d,"createdIndex":%d}`, i, i)
	}
	b.WriteString(`],"modifiedIndex":4,"createdIndex":4}}` + "\n")
	return b.String()
}

func newClient(b *testing.B, url string) *etcdv2.Client {
	b.Helper()
	client, err := etcdv2.New(etcdv2.Options{Endpoints: []string{url}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.CloseIdleConnections)
	return client
}

func newPeer(b *testing.B, url string) peer.KeysAPI {
	b.Helper()
	client, err := peer.New(peer.Config{Endpoints: []string{url}, HeaderTimeoutPerRequest: 20 * time.Second})
	if err != nil {
		b.Fatal(err)
	}
	return peer.NewKeysAPI(client)
}

// BenchmarkTree reads a tree of 100,000 keys from a server that answers immediately.
func BenchmarkTree(b *testing.B) {
	body := tree()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Etcd-Index", "7")
		// Without a Content-Length, as a server answers.
		if err := http.NewResponseController(w).Flush(); err != nil {
			b.Error(err)
		}
		_, _ = io.WriteString(w, body)
	}))
	b.Cleanup(server.Close)
	ours, theirs := newClient(b, server.URL), newPeer(b, server.URL)
	for name, read := range map[string]func(ctx context.Context) (any, int, error){
		"client=etcdv2": func(ctx context.Context) (any, int, error) {
			resp, err := ours.Keys.Get(ctx, "/tree", etcdv2.GetOptions{Recursive: true})
			if err != nil {
				return nil, 0, err
			}
			return resp, len(resp.Node.Nodes), nil
		},
		"client=clientv2": func(ctx context.Context) (any, int, error) {
			resp, err := theirs.Get(ctx, "/tree", &peer.GetOptions{Recursive: true})
			if err != nil {
				return nil, 0, err
			}
			return resp, len(resp.Node.Nodes), nil
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			var kept any
			for b.Loop() {
				var n int
				var err error
				if kept, n, err = read(b.Context()); err != nil || n != treeKeys/100 {
					b.Fatal(n, err)
				}
			}
			b.StopTimer()
			reportKept(b, &kept)
		})
	}
}

// reportKept reports how much memory an answer retains.
func reportKept(b *testing.B, kept *any) {
	b.Helper()
	var with, without runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&with)
	runtime.KeepAlive(*kept)
	*kept = nil
	runtime.GC()
	runtime.ReadMemStats(&without)
	b.ReportMetric(float64(with.HeapAlloc)-float64(without.HeapAlloc), "kept-B")
}

// BenchmarkDecoders decodes the same answer with decoders that the client could use.
func BenchmarkDecoders(b *testing.B) {
	body := []byte(tree())
	type response struct {
		Action   etcdv2.Action `json:"action"`
		Node     *etcdv2.Node  `json:"node"`
		PrevNode *etcdv2.Node  `json:"prevNode"`
	}
	for name, decode := range map[string]func(*response) error{
		"encoding-json":   func(r *response) error { return json.Unmarshal(body, r) },
		"json-experiment": func(r *response) error { return jsonv2.Unmarshal(body, r) },
	} {
		b.Run("decoder="+name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				var r response
				if err := decode(&r); err != nil || len(r.Node.Nodes) != treeKeys/100 {
					b.Fatal(err)
				}
			}
		})
	}
}

// parallelism is how many requests are in flight, the default of Terraform.
const parallelism = 10

// atOnce makes b.N requests from that many goroutines.
func atOnce(b *testing.B, request func(ctx context.Context, i int64) error) {
	b.Helper()
	b.ReportAllocs()
	b.SetParallelism((parallelism + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
	var i atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := request(b.Context(), i.Add(1)); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkGet reads keys from a real server with a quorum, ten at once.
func BenchmarkGet(b *testing.B) {
	server := etcdtest.Shared(b)
	for i := range 100 {
		server.Put(b, fmt.Sprintf("/get/%d", i), "some value")
	}
	ours, theirs := newClient(b, server.URL()), newPeer(b, server.URL())
	b.Run("client=etcdv2", func(b *testing.B) {
		atOnce(b, func(ctx context.Context, i int64) error {
			_, err := ours.Keys.Get(ctx, fmt.Sprintf("/get/%d", i%100), etcdv2.GetOptions{})
			return err
		})
	})
	b.Run("client=clientv2", func(b *testing.B) {
		atOnce(b, func(ctx context.Context, i int64) error {
			_, err := theirs.Get(ctx, fmt.Sprintf("/get/%d", i%100), &peer.GetOptions{Quorum: true})
			return err
		})
	})
}

// BenchmarkPut writes keys to a real server, ten at once.
func BenchmarkPut(b *testing.B) {
	server := etcdtest.Shared(b)
	ours, theirs := newClient(b, server.URL()), newPeer(b, server.URL())
	b.Run("client=etcdv2", func(b *testing.B) {
		atOnce(b, func(ctx context.Context, i int64) error {
			_, err := ours.Keys.Set(ctx, fmt.Sprintf("/put/%d", i%100), "some value", etcdv2.WriteOptions{})
			return err
		})
	})
	b.Run("client=clientv2", func(b *testing.B) {
		atOnce(b, func(ctx context.Context, i int64) error {
			_, err := theirs.Set(ctx, fmt.Sprintf("/put/%d", i%100), "some value", nil)
			return err
		})
	})
}

package etcdv2_test

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

func TestMain(m *testing.M) { etcdtest.Main(m) }

// newClient returns a client that does not wait between attempts, unless o says otherwise.
func newClient(tb testing.TB, o etcdv2.Options) *etcdv2.Client {
	tb.Helper()
	if o.Wait == nil {
		o.Wait = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	}
	if o.Jitter == nil {
		o.Jitter = func() float64 { return 0 }
	}
	client, err := etcdv2.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(client.CloseIdleConnections)
	return client
}

// newKeys returns the Keys of a client of the shared server with a key prefix of the test's
// own, and that prefix.
func newKeys(tb testing.TB) (*etcdv2.KeysService, string) {
	tb.Helper()
	prefix := etcdtest.Prefix(tb)
	server := etcdtest.Shared(tb)
	return newClient(tb, etcdv2.Options{Endpoints: []string{server.URL()}, KeyPrefix: prefix}).Keys, prefix
}

// newProxied is newKeys through a proxy for faults.
func newProxied(tb testing.TB, o etcdv2.Options) (*etcdv2.KeysService, string, *etcdtest.Proxy) {
	tb.Helper()
	prefix := etcdtest.Prefix(tb)
	proxy := etcdtest.NewProxy(tb, etcdtest.Shared(tb).URL())
	o.Endpoints, o.KeyPrefix = []string{proxy.URL()}, prefix
	return newClient(tb, o).Keys, prefix, proxy
}

// patience is how long a test waits for an event, on a machine that is busy with other work
// too.
const patience = time.Minute

// bounded returns the context of the test with a deadline, for calls that would wait forever
// if something is wrong.
func bounded(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	tb.Cleanup(cancel)
	return ctx
}

// receive waits for a value from a goroutine.
func receive[T any](tb testing.TB, what string, from <-chan T) T {
	tb.Helper()
	deadline := time.NewTimer(2 * patience)
	defer deadline.Stop()
	select {
	case v := <-from:
		return v
	case <-deadline.C:
		tb.Fatalf("%s did not arrive", what)
		panic("unreachable")
	}
}

func wantErr(tb testing.TB, what string, got, want error) {
	tb.Helper()
	if !errors.Is(got, want) {
		tb.Errorf("%s error = %v, want %v", what, got, want)
	}
}

// must ends the test if err is not nil.
func must[T any](tb testing.TB) func(T, error) T {
	tb.Helper()
	return func(v T, err error) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}

// eventually polls until check returns true, for as long as patience.
func eventually(tb testing.TB, what string, check func() bool) {
	tb.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for !check() {
		select {
		case <-deadline.C:
			tb.Fatalf("timed out before %s", what)
		case <-ticker.C:
		}
	}
}

// wantNoLeak fails the test if goroutines of the client are left after run.
func wantNoLeak(tb testing.TB, run func()) {
	tb.Helper()
	run()
	eventually(tb, "no goroutine of the client remains", func() bool { return clientGoroutines() == "" })
}

// clientGoroutines returns the stacks of the goroutines that run code of the client, except
// those of tests.
func clientGoroutines() string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var found []string
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		if strings.Contains(stack, "internal/etcdv2.(") && !strings.Contains(stack, "testing.tRunner") {
			found = append(found, stack)
		}
	}
	return strings.Join(found, "\n\n")
}

// jsonText returns a value as JSON.
func jsonText(v any) ([]byte, error) { return json.Marshal(v) }

// oddKeys are keys that a server accepts and must return unchanged.
var oddKeys = []string{
	"/plain", "/with space", "/per%cent", "/%41", "/%2e%2e", "/%2F", "/question?mark", "/ha#sh", "/semi;colon", "/plus+plus", "/amp&ersand",
	"/equals=", "/colon:", "/at@", "/comma,", "/tilde~", "/star*", "/quote\"", "/quote'", "/back\\slash", "/brackets[]{}()<>", "/pipe|",
	"/new\nline", "/tab\t", "/bell\a", "/del\x7f", "/ünïcödé", "/日本/語", "/😀", "/e\u0301", "/\u2028", "/...", "/..a", "/a..", "/.hidden", "/-",
	"/ ", "/a/ /b",
	"/$HOME", "/`cmd`", "/{json:1}", "/v2/keys/x", "/" + strings.Repeat("long", 200), "/é/%C3%A9",
}

// badKeys are keys that are rejected before any request.
var badKeys = []string{
	"", "/", "relative", "/trailing/", "//double", "/double//in", "/.", "/..", "/a/.", "/a/..", "/a/./b", "/a/../b", "/../auth/enable",
	"/nul\x00", "/\xff", "/a/\xc3\x28", "*",
}

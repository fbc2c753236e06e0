package etcdv3

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// asCopier makes this program a copy that can be killed. Its value is the endpoint, the
// prefix, and the time at which the TTLs were read, in nanoseconds.
const asCopier = "ETCDV3_TEST_COPY"

// batches is in how many transactions a copy writes its 700 keys. The copy prints a line before the first one, and one
// after each.
const batches = 6

func TestMain(m *testing.M) {
	if args := strings.Fields(os.Getenv(asCopier)); len(args) == 3 {
		at, err := strconv.ParseInt(args[2], 10, 64)
		if err == nil {
			err = copyAll(context.Background(), args[0], wantedBelow(args[1], 700, time.Unix(0, at)), os.Stdout)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	etcdtest.Main(m)
}

// copyAll copies what is wanted, and skips what is equal.
func copyAll(ctx context.Context, endpoint string, w Wanted, out io.Writer) error {
	c, err := Open(ctx, Options{Endpoints: []string{endpoint}})
	if err != nil {
		return err
	}
	plan, err := c.Plan(ctx, w, true)
	if err != nil {
		return err
	}
	if len(plan.Conflicts) > 0 {
		return fmt.Errorf("conflicts: %v", plan.Conflicts)
	}
	_, _ = fmt.Fprintln(out, "planned")
	written, err := c.Write(ctx, w, plan.Missing, true, func(settled int) { _, _ = fmt.Fprintln(out, settled) })
	if err == nil && len(written.Conflicts) > 0 {
		err = fmt.Errorf("conflicts: %v", written.Conflicts)
	}
	if err != nil {
		return err
	}
	return c.Close()
}

// wantedBelow returns items as read at a time. Every third expires.
func wantedBelow(below string, n int, at time.Time) Wanted {
	w := Wanted{Below: below, Begin: at, End: at}
	for i := range n {
		item := Item{Key: below + strconv.Itoa(i), Value: strings.Repeat("ü", i%50)}
		if i%3 == 0 {
			item.TTL = int64(1000 + i%30)
		}
		w.Items = append(w.Items, item)
	}
	return w
}

// open connects to a cluster.
func open(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// raw returns etcd's own client, to read from a server and to change it.
func raw(t *testing.T, config clientv3.Config) *clientv3.Client {
	t.Helper()
	config.Logger = zap.NewNop()
	c, err := clientv3.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// rawAt is raw for an endpoint.
func rawAt(t *testing.T, endpoint string) *clientv3.Client {
	t.Helper()
	return raw(t, clientv3.Config{Endpoints: []string{endpoint}})
}

func put(t *testing.T, c *clientv3.Client, key, value string, opts ...clientv3.OpOption) {
	t.Helper()
	if _, err := c.Put(t.Context(), key, value, opts...); err != nil {
		t.Fatal(err)
	}
}

// grant returns a new lease.
func grant(t *testing.T, c *clientv3.Client, ttl int64) clientv3.LeaseID {
	t.Helper()
	lease, err := c.Grant(t.Context(), ttl)
	if err != nil {
		t.Fatal(err)
	}
	return lease.ID
}

// mustWrite plans and writes, and expects no conflicts.
func mustWrite(t *testing.T, c *Client, w Wanted, skipEqual bool) Written {
	t.Helper()
	plan, err := c.Plan(t.Context(), w, skipEqual)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Conflicts) > 0 {
		t.Fatalf("the plan has conflicts: %v", plan.Conflicts)
	}
	written, err := c.Write(t.Context(), w, plan.Missing, skipEqual, func(int) {})
	if err != nil || len(written.Conflicts) > 0 {
		t.Fatalf("Write() = %+v, %v, want no conflict", written, err)
	}
	return written
}

// wantEqual compares, and expects no differences.
func wantEqual(t *testing.T, c *Client, w Wanted) *Comparison {
	t.Helper()
	result, err := c.Compare(t.Context(), w, w)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Different) > 0 || result.Equal != len(w.Items) {
		t.Errorf("%d of %d are equal, different are %v", result.Equal, len(w.Items), result.Different)
	}
	return result
}

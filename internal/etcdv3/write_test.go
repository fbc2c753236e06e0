package etcdv3

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

func TestClient_Write(t *testing.T) {
	t.Parallel()

	s, below := etcdtest.Shared(t), etcdtest.Prefix(t)+"/"
	c := open(t, Options{Endpoints: []string{s.URL()}})
	w := wantedBelow(below, 3000, time.Now())
	w.Items = append(w.Items, Item{Key: below + "large", Value: strings.Repeat("x", 1_400_000)}, Item{Key: below + "nul", Value: "a\x00b"})
	written := mustWrite(t, c, w, false)
	if diff := cmp.Diff(Written{Copied: 3002, Leases: 10}, written); diff != "" {
		t.Errorf("Write() (-want +got):\n%s", diff)
	}
	if others := wantEqual(t, c, w).Others; len(others) != 0 {
		t.Errorf("others = %q, want none", others)
	}
	if written := mustWrite(t, c, w, true); written.Copied != 0 {
		t.Errorf("a repeated Write() = %+v, want nothing", written)
	}
	plan, err := c.Plan(t.Context(), w, false)
	if err != nil || len(plan.Conflicts) != 3002 || plan.Conflicts[0].Reason != Exists {
		t.Errorf("Plan() without skipping = %d conflicts, %v; want all", len(plan.Conflicts), err)
	}
}

// An item that is in v3 already is either equal, or a conflict and left unchanged.
func TestClient_Plan_conflicts(t *testing.T) {
	t.Parallel()

	s, below := etcdtest.Shared(t), etcdtest.Prefix(t)+"/"
	c, r := open(t, Options{Endpoints: []string{s.URL()}}), rawAt(t, s.URL())
	w := Wanted{Below: below, Begin: time.Now(), End: time.Now()}
	for _, name := range []string{"equal", "free", "long", "other", "permanent", "short"} {
		w.Items = append(w.Items, Item{Key: below + name, Value: "v"})
	}
	w.Items[2].TTL, w.Items[4].TTL, w.Items[5].TTL = 500, 500, 500
	put(t, r, below+"long", "v", clientv3.WithLease(grant(t, r, 800)))
	put(t, r, below+"equal", "v")
	put(t, r, below+"other", "theirs")
	put(t, r, below+"permanent", "v")
	put(t, r, below+"short", "v", clientv3.WithLease(grant(t, r, 300)))
	plan, err := c.Plan(t.Context(), w, true)
	if err != nil {
		t.Fatal(err)
	}
	want := &Plan{Missing: w.Items[1:2], Equal: 1, Conflicts: []Conflict{
		{below + "long", OtherLifetime}, {below + "other", OtherValue}, {below + "permanent", OtherLifetime}, {below + "short", OtherLifetime},
	}}
	if diff := cmp.Diff(want, plan); diff != "" {
		t.Errorf("Plan() (-want +got):\n%s", diff)
	}
}

// A key that appears between the plan and the write is not overwritten.
func TestClient_Write_rival(t *testing.T) {
	t.Parallel()

	s, below := etcdtest.Shared(t), etcdtest.Prefix(t)+"/"
	c, r := open(t, Options{Endpoints: []string{s.URL()}}), rawAt(t, s.URL())
	w := wantedBelow(below, 300, time.Now())
	put(t, r, below+"7", "theirs")
	put(t, r, below+"8", w.Items[8].Value)
	written, err := c.Write(t.Context(), w, w.Items, true, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Conflict{{below + "7", OtherValue}}, written.Conflicts); diff != "" {
		t.Errorf("conflicts (-want +got):\n%s", diff)
	}
	got, err := r.Get(t.Context(), below+"7")
	if err != nil || string(got.Kvs[0].Value) != "theirs" || got.Kvs[0].Version != 1 {
		t.Errorf("the key is %v (%v), want it unchanged", got, err)
	}
	if _, err := c.Write(t.Context(), w, w.Items[8:9], false, func(int) {}); err != nil {
		t.Fatal(err)
	}
}

// Lost answers are settled: each key is known to be written, and is written once.
func TestClient_Write_lostAnswers(t *testing.T) {
	t.Parallel()

	s, below := etcdtest.Shared(t), etcdtest.Prefix(t)+"/"
	proxy := etcdtest.NewTCPProxy(t, s.URL())
	c, r := open(t, Options{Endpoints: []string{proxy.URL()}}), rawAt(t, s.URL())
	proxy.SetLatency(10 * time.Millisecond)
	w := wantedBelow(below, 1500, time.Now())
	cuts := 0
	written, err := c.Write(t.Context(), w, w.Items, false, func(settled int) {
		if settled > 200 && cuts < 3 {
			cuts++
			// The request takes 10 ms to arrive, and so does its answer.
			time.AfterFunc(time.Duration(cuts)*8*time.Millisecond, proxy.CutAll)
		}
	})
	if err != nil || written.Copied != 1500 || len(written.Conflicts) > 0 {
		t.Fatalf("Write() = %+v, %v, want all copied", written, err)
	}
	wantEqual(t, open(t, Options{Endpoints: []string{s.URL()}}), w)
	got, err := r.Get(t.Context(), below, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range got.Kvs {
		if kv.Version != 1 {
			t.Errorf("%s was written %d times", kv.Key, kv.Version)
		}
	}
}

// A copy that is killed at any point is completed by another: every key is there once, and
// keys that were there before are unchanged.
func TestClient_Write_killed(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	proxy, r := etcdtest.NewTCPProxy(t, s.URL()), rawAt(t, s.URL())
	proxy.SetLatency(15 * time.Millisecond)
	partly := 0
	for run := range 20 {
		below, at := etcdtest.Prefix(t)+"/", time.Now()
		put(t, r, below+"theirs", "theirs")
		put(t, r, below+"1", "ü") // equal to what is wanted
		// A transaction takes 30 ms and a little.
		killCopier(t, proxy.URL(), below, at, run%batches, rand.N(40*time.Millisecond))
		left, err := r.Get(t.Context(), below, clientv3.WithPrefix(), clientv3.WithCountOnly())
		if err != nil {
			t.Fatal(err)
		}
		if left.Count > 2 && left.Count < 701 {
			partly++
		}
		if err := copyAll(t.Context(), s.URL(), wantedBelow(below, 700, at), io.Discard); err != nil {
			t.Fatalf("the copy that completes: %v", err)
		}
		c := open(t, Options{Endpoints: []string{s.URL()}})
		if others := wantEqual(t, c, wantedBelow(below, 700, at)).Others; !slices.Equal(others, []string{below + "theirs"}) {
			t.Errorf("others = %q", others)
		}
		wantWrittenOnce(t, r, below)
	}
	t.Logf("%d of 20 copies were killed when they had written a part", partly)
	if partly < 5 {
		t.Error("want at least 5 of them")
	}
}

func wantWrittenOnce(t *testing.T, r *clientv3.Client, below string) {
	t.Helper()
	got, err := r.Get(t.Context(), below, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Kvs) != 701 {
		t.Errorf("keys = %d, want 701", len(got.Kvs))
	}
	for _, kv := range got.Kvs {
		if kv.Version != 1 {
			t.Errorf("%s was written %d times", kv.Key, kv.Version)
		}
	}
}

// killCopier runs a copy in a process of its own, and kills it some time after it has written a number of batches.
func killCopier(t *testing.T, endpoint, below string, at time.Time, written int, after time.Duration) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", asCopier, endpoint, below, at.UnixNano()))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for range 1 + written {
		lines.Scan()
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	for lines.Scan() {
	}
	_ = cmd.Wait() // It was killed, or has ended just before.
}

// Items that expire while they are copied are left out, and leases without keys are revoked.
func TestClient_Write_expiry(t *testing.T) {
	t.Parallel()

	s, below := etcdtest.Shared(t), etcdtest.Prefix(t)+"/"
	c, r := open(t, Options{Endpoints: []string{s.URL()}}), rawAt(t, s.URL())
	earlier := time.Now().Add(-time.Minute)
	w := Wanted{Below: below, Begin: earlier, End: earlier, Items: []Item{
		{Key: below + "over", Value: "v", TTL: 30}, {Key: below + "valid", Value: "v", TTL: 700},
	}}
	if written := mustWrite(t, c, w, false); written.Expired != 1 || written.Copied != 1 {
		t.Errorf("Write() = %+v, want one expired and one copied", written)
	}
	got, err := r.Get(t.Context(), below+"valid")
	if err != nil {
		t.Fatal(err)
	}
	left, err := r.TimeToLive(t.Context(), clientv3.LeaseID(got.Kvs[0].Lease))
	if err != nil || left.GrantedTTL < 638 || left.GrantedTTL > 640 {
		t.Errorf("the lease has %d s (%v), want the time left", left.GrantedTTL, err)
	}
	result, err := c.Compare(t.Context(), w, w)
	if err != nil || len(result.Different) != 0 {
		t.Errorf("Compare() = %+v, %v, want no difference", result, err)
	}
	before, err := r.Leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	put(t, r, below+"taken", "theirs")
	w.Items = []Item{{Key: below + "taken", Value: "v", TTL: 123}}
	if _, err := c.Write(t.Context(), w, w.Items, true, func(int) {}); err != nil {
		t.Fatal(err)
	}
	for _, lease := range mustLeases(t, r) {
		if left, err := r.TimeToLive(t.Context(), lease.ID); err == nil && left.GrantedTTL == 63 {
			t.Errorf("a lease without keys is left; there were %d before", len(before.Leases))
		}
	}
}

func mustLeases(t *testing.T, r *clientv3.Client) []clientv3.LeaseStatus {
	t.Helper()
	leases, err := r.Leases(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return leases.Leases
}

// A server with a lower limit gets smaller transactions. A value that it rejects is named
// before anything is written.
func TestClient_Write_limits(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t, etcdtest.WithArgs("--max-txn-ops=10", "--max-request-bytes=20000"))
	c, r := open(t, Options{Endpoints: []string{s.URL()}}), rawAt(t, s.URL())
	w := wantedBelow("/few/", 300, time.Now())
	for i := range w.Items[:20] {
		w.Items[i].Value = strings.Repeat("v", 3000)
	}
	mustWrite(t, c, w, false)
	wantEqual(t, c, w)
	w = wantedBelow("/large/", 300, time.Now())
	w.Items[299].Value = strings.Repeat("v", 30_000)
	_, err := c.Write(t.Context(), w, w.Items, false, func(int) {})
	if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "/large/299") {
		t.Errorf("Write() error = %v, want ErrTooLarge that names the key", err)
	}
	if got, err := r.Get(t.Context(), "/large/", clientv3.WithPrefix()); err != nil || got.Count != 0 {
		t.Errorf("%d keys were written before (%v), want none", got.Count, err)
	}
}

func TestClient_Write_noSpace(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t, etcdtest.WithArgs("--quota-backend-bytes=100000"))
	c := open(t, Options{Endpoints: []string{s.URL()}})
	w := Wanted{Below: "/a/", Begin: time.Now(), End: time.Now()}
	for _, name := range []string{"1", "2", "3", "4"} {
		w.Items = append(w.Items, Item{Key: "/a/" + name, Value: strings.Repeat("v", 1_000_000)})
	}
	if _, err := c.Write(t.Context(), w, w.Items, false, func(int) {}); !errors.Is(err, ErrNoSpace) {
		t.Errorf("Write() error = %v, want ErrNoSpace", err)
	}
}

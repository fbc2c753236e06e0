package etcdv3

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

func TestOpen_cluster(t *testing.T) {
	t.Parallel()

	s, other := etcdtest.Shared(t), etcdtest.Start(t)
	down := etcdtest.NewTCPProxy(t, s.URL())
	down.Refuse()
	id := open(t, Options{Endpoints: []string{s.URL()}}).ClusterID
	for name, test := range map[string]struct {
		options Options
		want    error
	}{
		"the expected one":             {Options{Endpoints: []string{s.URL()}, ExpectedClusterID: "0" + strings.ToUpper(id)}, nil},
		"another one":                  {Options{Endpoints: []string{other.URL()}, ExpectedClusterID: id + "0"}, ErrClusterMismatch},
		"two at once":                  {Options{Endpoints: []string{s.URL(), other.URL()}}, ErrClusterMismatch},
		"down":                         {Options{Endpoints: []string{down.URL()}, ConnectTimeout: time.Second}, ErrUnavailable},
		"an endpoint of it is down":    {Options{Endpoints: []string{down.URL(), s.URL()}}, nil},
		"credentials that it does not": {Options{Endpoints: []string{s.URL()}, Username: "u", Password: "p"}, nil},
	} {
		c, err := Open(t.Context(), test.options)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: error = %v, want %v", name, err, test.want)
		}
		if err != nil {
			continue
		}
		if plan, err := c.Plan(t.Context(), Wanted{Below: "/none/"}, false); err != nil {
			t.Errorf("%s: Plan() = %v, %v", name, plan, err)
		}
		if err := c.Close(); err != nil {
			t.Errorf("%s: Close() = %v", name, err)
		}
	}
}

// withAuth enables authentication of v3 with the user root and a user for one prefix.
func withAuth(t *testing.T, s *etcdtest.Server) {
	t.Helper()
	r := rawAt(t, s.URL())
	end := clientv3.GetPrefixRangeEnd("/app/")
	for _, call := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := r.UserAdd(ctx, "root", "rootpw"); return err },
		func(ctx context.Context) error { _, err := r.UserGrantRole(ctx, "root", "root"); return err },
		func(ctx context.Context) error { _, err := r.UserAdd(ctx, "app", "apppw"); return err },
		func(ctx context.Context) error { _, err := r.RoleAdd(ctx, "app"); return err },
		func(ctx context.Context) error {
			_, err := r.RoleGrantPermission(ctx, "app", "/app/", end, clientv3.PermissionType(clientv3.PermReadWrite))
			return err
		},
		func(ctx context.Context) error { _, err := r.UserGrantRole(ctx, "app", "app"); return err },
		func(ctx context.Context) error { _, err := r.AuthEnable(ctx); return err },
	} {
		if err := call(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpen_auth(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t)
	withAuth(t, s)
	options := Options{Endpoints: []string{s.URL()}, Username: "app", Password: "wrong", ConnectTimeout: 30 * time.Second}
	if _, err := Open(t.Context(), options); !errors.Is(err, ErrCredentials) || strings.Contains(err.Error(), "wrong") {
		t.Errorf("Open() with a wrong password: %v, want ErrCredentials", err)
	}
	if _, err := Open(t.Context(), Options{Endpoints: []string{s.URL()}}); !errors.Is(err, ErrCredentials) {
		t.Errorf("Open() without credentials: %v, want ErrCredentials", err)
	}
	options.Password = "apppw"
	c := open(t, options)
	w := wantedBelow("/app/", 30, time.Now())
	mustWrite(t, c, w, false)
	wantEqual(t, c, w)
	w = wantedBelow("/other/", 3, time.Now())
	if _, err := c.Plan(t.Context(), w, false); !errors.Is(err, ErrPermission) {
		t.Errorf("Plan() elsewhere: %v, want ErrPermission", err)
	}
	if _, err := c.Write(t.Context(), w, w.Items, false, func(int) {}); !errors.Is(err, ErrPermission) {
		t.Errorf("Write() elsewhere: %v, want ErrPermission", err)
	}
}

func TestOpen_tls(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t, etcdtest.WithClientCerts("client"))
	c := open(t, Options{Endpoints: []string{s.URL()}, TLS: s.Certs.ClientConfig(t)})
	w := wantedBelow("/app/", 3, time.Now())
	mustWrite(t, c, w, false)
	wantEqual(t, c, w)
	if _, err := Open(t.Context(), Options{Endpoints: []string{s.URL()}, ConnectTimeout: time.Second}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Open() without a certificate: %v, want ErrUnavailable", err)
	}
}

// Close ends the goroutines of a client.
func TestClient_Close(t *testing.T) { //nolint:paralleltest // it counts goroutines
	s := etcdtest.Start(t)
	before := runtime.NumGoroutine()
	for range 5 {
		c, err := Open(t.Context(), Options{Endpoints: []string{s.URL()}})
		if err != nil {
			t.Fatal(err)
		}
		mustWrite(t, c, wantedBelow(etcdtest.Prefix(t)+"/", 3, time.Now()), false)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before+2; {
		if time.Now().After(deadline) {
			t.Fatalf("goroutines = %d, want at most %d", runtime.NumGoroutine(), before)
		}
		time.Sleep(10 * time.Millisecond) //nolint:forbidigo // nothing reports the end of a goroutine
	}
}

// Compare names each way in which the two sides can differ.
func TestClient_Compare(t *testing.T) {
	t.Parallel()

	s, below := etcdtest.Shared(t), etcdtest.Prefix(t)+"/"
	c, r := open(t, Options{Endpoints: []string{s.URL()}}), rawAt(t, s.URL())
	item := func(name, value string, ttl int64) Item { return Item{below + name, value, ttl} }
	at := time.Now()
	before := Wanted{Below: below, Begin: at, End: at, Items: []Item{
		item("changed", "old", 0), item("deleted", "v", 0), item("equal", "v", 500), item("expiring", "v", 1), item("lost", "v", 0),
		item("other", "v", 0), item("renewed", "v", 100),
	}}
	now := Wanted{Below: below, Begin: at, End: at, Items: []Item{
		item("changed", "new", 0), item("created", "v", 0), item("equal", "v", 500), item("lost", "v", 0), item("other", "v", 0),
		item("renewed", "v", 600),
	}}
	mustWrite(t, c, before, false)
	if _, err := r.Delete(t.Context(), below+"lost"); err != nil {
		t.Fatal(err)
	}
	put(t, r, below+"other", "theirs")
	put(t, r, below+"stray", "theirs")
	got, err := c.Compare(t.Context(), now, before)
	if err != nil {
		t.Fatal(err)
	}
	want := &Comparison{Equal: 1, Others: []string{below + "stray"}, Different: []Different{
		{below + "changed", ChangedSince},
		{below + "created", CreatedSince},
		{below + "deleted", DeletedSince},
		{below + "lost", Missing},
		{below + "other", DifferentValue},
		{below + "renewed", DifferentLifetime},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Compare() (-want +got):\n%s", diff)
	}
}

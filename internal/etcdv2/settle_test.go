package etcdv2_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// TestKeysService_settleTime loses the answer to the last attempt of a write, for a caller that
// waits and for one whose context ends meanwhile. With a SettleTime the client determines the
// outcome; without one the outcome is unknown.
func TestKeysService_settleTime(t *testing.T) {
	t.Parallel()
	server := etcdtest.Shared(t)
	type call func(ctx context.Context, keys *etcdv2.KeysService, index uint64) (*etcdv2.Response, error)
	swapIt := call(func(ctx context.Context, keys *etcdv2.KeysService, index uint64) (*etcdv2.Response, error) {
		return keys.CompareAndSwap(ctx, "/k", "ours", etcdv2.Condition{Index: index}, etcdv2.WriteOptions{})
	})
	deleteIt := call(func(ctx context.Context, keys *etcdv2.KeysService, index uint64) (*etcdv2.Response, error) {
		return keys.CompareAndDelete(ctx, "/k", etcdv2.Condition{Index: index})
	})
	createIt := call(func(ctx context.Context, keys *etcdv2.KeysService, index uint64) (*etcdv2.Response, error) {
		return keys.Create(ctx, "/new", "ours", etcdv2.CreateOptions{AbsentAt: index})
	})
	deleteDir := call(func(ctx context.Context, keys *etcdv2.KeysService, _ uint64) (*etcdv2.Response, error) {
		return keys.DeleteDir(ctx, "/d", etcdv2.DeleteDirOptions{Recursive: true})
	})
	extendIt := func(value string) call {
		return func(ctx context.Context, keys *etcdv2.KeysService, index uint64) (*etcdv2.Response, error) {
			return keys.ExtendTTL(ctx, "/k", 100, index, func(n *etcdv2.Node) bool { return n.Value == value && n.TTL > 50 })
		}
	}
	put := func(key, value string) func(string) {
		return func(prefix string) { server.Put(t, prefix+key, value) }
	}
	gone := func(prefix string) { server.Delete(t, prefix+"/k") }
	for name, tt := range map[string]struct {
		do      call
		applied bool
		rival   func(prefix string)
		want    error
	}{
		"a swap, applied":                 {do: swapIt, applied: true},
		"a swap, not applied":             {do: swapIt, want: etcdv2.ErrOutcomeUnknown},
		"a swap, applied, then another":   {do: swapIt, applied: true, rival: put("/k", "theirs"), want: etcdv2.ErrCompareFailed},
		"a swap, then a delete":           {do: swapIt, rival: gone, want: etcdv2.ErrNotFound},
		"a delete, applied":               {do: deleteIt, applied: true},
		"a delete, not applied":           {do: deleteIt, want: etcdv2.ErrOutcomeUnknown},
		"a delete, then another value":    {do: deleteIt, rival: put("/k", "theirs"), want: etcdv2.ErrCompareFailed},
		"a create, applied":               {do: createIt, applied: true},
		"a create, not applied":           {do: createIt, want: etcdv2.ErrOutcomeUnknown},
		"a create, then another":          {do: createIt, rival: put("/new", "theirs"), want: etcdv2.ErrExists},
		"a directory, deleted":            {do: deleteDir, applied: true},
		"a directory, not deleted":        {do: deleteDir, want: etcdv2.ErrOutcomeUnknown},
		"a TTL, set":                      {do: extendIt("before"), applied: true},
		"a TTL, not set":                  {do: extendIt("before"), want: etcdv2.ErrOutcomeUnknown},
		"a TTL, set, on another value":    {do: extendIt("other"), applied: true, want: etcdv2.ErrCompareFailed},
		"a TTL, not set, another written": {do: extendIt("before"), rival: put("/k", "theirs"), want: etcdv2.ErrCompareFailed},
	} {
		for _, settles := range []bool{true, false} {
			for _, interrupted := range []bool{true, false} {
				t.Run(name+choice(settles, ", settled", ", not settled")+choice(interrupted, ", interrupted", ""), func(t *testing.T) {
					t.Parallel()
					opts := etcdv2.Options{Retry: etcdv2.RetryPolicy{MaxAttempts: 1}}
					want := etcdv2.ErrOutcomeUnknown
					if settles {
						opts.SettleTime, want = etcdv2.SettleTime, tt.want
					}
					keys, prefix, proxy := newProxied(t, opts)
					server.Put(t, prefix+"/d/k", "v")
					index := server.Put(t, prefix+"/k", "before").Node.ModifiedIndex
					ctx, interrupt := context.WithCancel(t.Context())
					defer interrupt()
					isWrite := func(r etcdtest.Request) bool { return r.Method != http.MethodGet }
					proxy.Inject(etcdtest.Rule{Match: isWrite, Action: func(x *etcdtest.Exchange) {
						if tt.applied {
							x.Fetch()
						}
						if tt.rival != nil {
							tt.rival(prefix)
						}
						if interrupted {
							interrupt()
						}
						x.Cut()
					}})
					resp, err := tt.do(ctx, keys, index)
					wantErr(t, "the call's", err, want)
					wantUnknown := want == etcdv2.ErrOutcomeUnknown //nolint:errorlint // the value of the table
					if errors.Is(err, etcdv2.ErrOutcomeUnknown) != wantUnknown {
						t.Errorf("error = %v, want ErrOutcomeUnknown: %t", err, wantUnknown)
					}
					if err == nil && !resp.Settled {
						t.Errorf("the call = %+v, want it settled", resp)
					}
				})
			}
		}
	}
}

func choice(which bool, yes, no string) string {
	if which {
		return yes
	}
	return no
}

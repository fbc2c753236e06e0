package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli/clitest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// killedKeys is how many keys an apply has that is ended in the middle.
const killedKeys = 8

// TestAccCLI_endedInTheMiddle ends an apply while it writes. After an interrupt the state
// contains every key that was written; a provider that was killed leaves what the next
// apply takes over. In both cases that one leaves nothing to do.
func TestAccCLI_endedInTheMiddle(t *testing.T) {
	t.Parallel()

	l := clitest.New(t)
	for name, isKill := range map[string]bool{"CLI interrupted": false, "provider killed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if isKill && runtime.GOOS != "linux" {
				t.Skip("the process of the provider is found by /proc")
			}
			server := etcdtest.Start(t)
			proxy := etcdtest.NewProxy(t, server.URL())
			ctx, interrupt := context.WithCancel(t.Context())
			var writes atomic.Int64
			proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Action: func(x *etcdtest.Exchange) {
				answer := x.Fetch()
				if writes.Add(1) == 3 {
					if isKill {
						killProvider(t, l.Provider, server)
					} else {
						interrupt()
						x.Wait(200 * time.Millisecond) // The CLI passes the interrupt on to the provider.
					}
				}
				x.Deliver(answer)
			}})
			w := openIn(t, l, t.TempDir(), server, killedConfig("one", proxy.URL()))
			output, _, _ := w.Run(ctx, "apply", "-auto-approve", "-parallelism=1") // It fails, one way or another.
			if n := writes.Load(); n < 3 || n == killedKeys {
				t.Fatalf("the apply was not ended in the middle: it made %d writes\n%s", n, output)
			}
			managed := w.must(t, 0, "state", "list")
			if listed := strings.Count(managed, "etcd_key.k"); !isKill && listed != len(w.store(t)) {
				t.Errorf("the state lists %d keys, and the store has %v:\n%s", listed, w.store(t), output)
			}
			for _, value := range []string{"one", "two"} {
				w.apply(t, killedConfig(value, server.URL()))
				if diff := cmp.Diff(killedStore(value), w.store(t)); diff != "" {
					t.Errorf("store after the next apply (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func killedConfig(value, url string) string {
	return fmt.Sprintf(`
provider "etcd" {
  endpoints = [%q]
}

resource "etcd_key" "k" {
  count          = %d
  key            = "/killed/${count.index}"
  value          = %q
  adopt_existing = true
}
`, url, killedKeys, value)
}

func killedStore(value string) map[string]string {
	store := map[string]string{}
	for i := range killedKeys {
		store[fmt.Sprintf("/killed/%d", i)] = value
	}
	return store
}

// killProvider kills the processes of the provider that this test has started for a server.
func killProvider(t *testing.T, program string, server *etcdtest.Server) {
	t.Helper()

	program, err := filepath.EvalSymlinks(program)
	if err != nil {
		t.Error(err)
	}
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Error(err)
	}
	killed := 0
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || target != program {
			continue
		}
		environment, err := os.ReadFile(filepath.Join(filepath.Dir(link), "environ"))
		if err != nil || !strings.Contains(string(environment), server.URL()) {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(link, "/")[2])
		if err == nil {
			err = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err != nil {
			t.Error(err)
		}
		killed++
	}
	if killed == 0 {
		t.Error("no process of the provider was found")
	}
}

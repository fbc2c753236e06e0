package examples_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli/clitest"
)

// locked makes another run hold the lock of the example.
func locked(t *testing.T, r *run) {
	t.Helper()

	r.server.Put(t, "/locks/release", "another run", "ttl=600")
	output := r.Must(t, 1, "apply", "-auto-approve", "-var=lock_timeout=0s")
	if !strings.Contains(output, "Lock is held by another run") {
		t.Errorf("the apply failed for another reason than the lock:\n%s", output)
	}
	r.server.Delete(t, "/locks/release")
}

// watched makes a wait time out, and checks that the next plan waits again.
func watched(t *testing.T, r *run) {
	t.Helper()

	const change, timeout = "-var=release=v2", "-var=wait_timeout=1s"
	for _, command := range [][]string{{"apply", "-auto-approve"}, {"plan"}} {
		output := r.Must(t, 1, append(command, change, timeout)...)
		if !strings.Contains(clitest.Flat(output), "Waited 1s for /app/applied") {
			t.Errorf("%s failed for another reason than the wait:\n%s", command[0], output)
		}
		want := map[string]string{"/app/desired": "v2", "/app/applied": "v1", "/app/announced": "v1"}
		if diff := cmp.Diff(want, r.keys(t)); diff != "" {
			t.Errorf("keys after %s (-want +got):\n%s", command[0], diff)
		}
	}
	r.server.Put(t, "/app/applied", "v2")
	r.Must(t, 0, "apply", "-auto-approve", change)
	if got := r.keys(t)["/app/announced"]; got != "v2" {
		t.Errorf("after the wait /app/announced = %q, want v2", got)
	}
	r.server.Put(t, "/app/applied", "v1")
}

// notRepeated makes an action fail: the next plan does not repeat it, and it can be invoked
// by its address.
func notRepeated(t *testing.T, r *run) {
	t.Helper()

	const change, timeout, invoke = "-var=release=v2", "-var=wait_timeout=1s", "-invoke=action.etcd_wait.applied"
	output := r.Must(t, 1, "apply", "-auto-approve", change, timeout)
	if !strings.Contains(clitest.Flat(output), "Waited 1s for /app/applied") {
		t.Errorf("the apply failed for another reason than the action:\n%s", output)
	}
	if got := r.keys(t)["/app/desired"]; got != "v2" {
		t.Errorf("after the action has failed /app/desired = %q, want v2", got)
	}
	r.Must(t, 0, "plan", "-detailed-exitcode", change)
	r.Must(t, 1, "apply", "-auto-approve", change, timeout, invoke)
	r.server.Put(t, "/app/applied", "v2")
	r.Must(t, 0, "apply", "-auto-approve", change, invoke)
	r.server.Put(t, "/app/applied", "v1")
}

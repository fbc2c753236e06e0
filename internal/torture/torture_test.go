package torture

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// TestTorture makes the run that SEED, FAULTS, MINUTES and NODES describe, or a short one.
// With NODES=0 it does not touch the nodes. The report and the failures go to REPORT.
func TestTorture(t *testing.T) {
	t.Parallel()
	s := settings{seed: 1, faults: 400, limit: 10 * time.Minute, heavy: heavyFaults[:2], dir: filepath.Join("..", "..", "dist", "torture")}
	if n := etcdtest.Setting(t, "FAULTS", 0); n != 0 {
		s.faults, s.heavy = n, heavyFaults
	}
	s.seed, s.limit = uint64(etcdtest.Setting(t, "SEED", 1)), time.Duration(etcdtest.Setting(t, "MINUTES", 60))*time.Minute
	if etcdtest.Setting(t, "NODES", 1) == 0 {
		s.heavy = nil
	}
	if dir := os.Getenv("REPORT"); dir != "" {
		s.dir = dir
	}
	// This runs after everything else, so that it is not lost among the logs of the nodes.
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("SEED=%d failed; repeat it: make torture %s; histories and report: %s", s.seed, s, s.dir)
		}
	})
	r := torture(t, s)
	report := r.report()
	t.Logf("\n%s", report)
	if os.Getenv("REPORT") != "" {
		s.write(t, "report.txt", report)
	}
	for _, violation := range r.violations {
		t.Errorf("SEED=%d: %s", s.seed, violation)
	}
	if r.checked.Load() == 0 {
		t.Error("no history was checked")
	}
	if len(r.violations) > 0 && etcdtest.Setting(t, "SHRINK", 0) != 0 {
		s = shrink(t, s, r)
	}
}

// String returns the variables that repeat the run.
func (s settings) String() string {
	nodes := 1
	if s.heavy == nil {
		nodes = 0
	}
	return fmt.Sprintf("SEED=%d FAULTS=%d NODES=%d", s.seed, s.faults, nodes)
}

// write writes a file of the report.
func (s settings) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(s.dir, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

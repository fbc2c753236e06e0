package torture

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const (
	// smallerRuns is how many smaller runs are tried, and triesOfSize how many of one size.
	smallerRuns = 10
	triesOfSize = 2
	// shrinkTime bounds all of them together.
	shrinkTime = 15 * time.Minute
)

// shrink repeats a run that failed with the same seed: first without faults of nodes, then with
// half of the faults each time. It returns the smallest run that still fails, and keeps its
// histories and its report. The timing of requests differs from run to run, so a smaller run
// can pass although the defect exists.
func shrink(t *testing.T, failed settings, r *run) settings {
	t.Helper()
	smallest, until := failed, time.Now().Add(shrinkTime)
	smallest.faults = max(1, r.faultsMet())
	keepsNodes := failed.heavy == nil
	for n, passed := 1, 0; n <= smallerRuns && smallest.faults > 1 && time.Now().Before(until); n++ {
		next := smallest
		if keepsNodes {
			next.faults = (smallest.faults + 1) / 2
		} else {
			next.heavy = nil
		}
		next.dir, next.limit = filepath.Join(failed.dir, fmt.Sprintf("smaller-%d", n)), time.Until(until)
		switch {
		case repeatRun(t, &next):
			if smallest.dir != failed.dir {
				_ = os.RemoveAll(smallest.dir) // It only takes up space.
			}
			smallest, keepsNodes, passed = next, true, 0
		case passed+1 < triesOfSize:
			passed++
		case keepsNodes:
			return smallest
		default:
			keepsNodes, passed = true, 0
		}
	}
	return smallest
}

// repeatRun makes a smaller run, whose nodes end with it. It reports whether that fails too,
// and sets the number of faults to those that were met by then.
func repeatRun(t *testing.T, s *settings) (failed bool) {
	t.Helper()
	t.Run(filepath.Base(s.dir), func(t *testing.T) {
		r := torture(t, *s)
		t.Logf("%s: %d violations after %d faults", s, len(r.violations), r.faultsMet())
		if failed = len(r.violations) > 0; failed {
			s.faults = max(1, r.faultsMet())
			s.write(t, "report.txt", r.report())
		}
	})
	return failed
}

package e2e_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli/clitest"
)

// apply is one apply with its outcome.
type apply struct {
	*tortured

	// saved and before are the state and the server before the apply, state and now after it.
	saved, before, state, now facts
	// meddled are the facts that a rival has changed since the plan.
	meddled []string
	// end is how the apply was ended, and losesAll reports that the state then lacks whatever the
	// apply did, not only what it had not finished.
	end         endKind
	losesAll    bool
	output      string
	diagnostics []string
	code        int
}

// run applies the saved plan under faults, and may end it in the middle.
func (a *apply) run(t *testing.T, end *ending) {
	t.Helper()
	parallelism := 1
	if end.kind != cliKilled && end.kind != interruptedTwice { // a CLI that exits at once must not be writing the state
		parallelism += a.rng.IntN(5)
	}
	a.isFaulty.Store(true)
	a.output, a.code = a.tortured.run(t, end, "apply", "-parallelism="+strconv.Itoa(parallelism), "next.plan")
	a.isFaulty.Store(false)
	a.tally.applies++
	isCutOff := end.kind.isHard() && a.restoreState(t)
	if end.isDone.Load() {
		// OpenTofu writes the state file only from time to time.
		a.end, a.losesAll = end.kind, isCutOff || a.lab.Release.OpenTofu && (end.kind == cliKilled || end.kind == interruptedTwice)
		a.tally.ended[end.kind]++
	}
	a.now, a.state, a.diagnostics = onServer(t, a.server, a.objects), a.readState(t), diagnosticsIn(a.output)
}

// check checks that state and server agree, or that the output names what is unknown, and that
// nothing was overwritten that no plan has shown.
func (a *apply) check(t *testing.T) {
	t.Helper()
	if strings.Contains(a.output, "Outcome of a write is unknown") {
		a.tally.unknown++
	}
	if len(a.meddled) > 0 && a.code != 0 {
		a.tally.refused++
	}
	for _, fact := range a.meddled {
		now, exists := a.now[fact]
		theirs, existed := a.before[fact]
		if now != theirs || exists != existed {
			t.Errorf("a rival had changed %s to %q (%t) after the plan, and the apply made %q of it (%t):\n%s",
				fact, theirs, existed, now, exists, a.output)
		}
	}
	lost := map[string]bool{}
	for _, fact := range differing(a.state, a.now) {
		if !a.isExcused(fact) {
			o := ownerOf(a.objects, fact)
			switch {
			case o == nil:
				t.Errorf("%s: the server has %q, and before the apply it had %q", fact, a.now[fact], a.before[fact])
			case a.end.isHard():
				lost[o.address()] = true
			default:
				t.Errorf("%s: the server has %q, the state %q, and before the apply they had %q and %q; ended: %s\n%s",
					fact, a.now[fact], a.state[fact], a.before[fact], a.saved[fact], a.end, a.output)
			}
		}
	}
	a.tally.left += len(lost)
	finished := finishedIn(a.output)
	for address := range lost {
		if isFinished, isBegun := finished[address]; (isFinished || !isBegun) && !a.losesAll {
			t.Errorf("%s: the state lacks what became of %s, which was not under way:\n%s", a.end, address, a.output)
		}
	}
}

var (
	begun    = regexp.MustCompile(`(?m)^(\S+?)(?: \(deposed object \w+\))?: (?:Creating|Modifying|Destroying)\.\.\.`)
	complete = regexp.MustCompile(`(?m)^(\S+?)(?: \(deposed object \w+\))?: (?:Creation|Modifications|Destruction) complete after`)
)

// finishedIn reports of each object that the CLI has begun to change whether it succeeded. Errors
// are printed at the end, which a kill prevents.
func finishedIn(output string) map[string]bool {
	left := map[string]int{}
	for _, match := range begun.FindAllStringSubmatch(output, -1) {
		left[match[1]]++
	}
	for _, match := range complete.FindAllStringSubmatch(output, -1) {
		left[match[1]]--
	}
	finished := map[string]bool{}
	for address, n := range left {
		finished[address] = n == 0
	}
	return finished
}

// isExcused reports whether state and server may differ in a fact: the apply left both alone, or
// it says that the outcome is unknown.
func (a *apply) isExcused(fact string) bool {
	if content, isForeign := a.foreign[fact]; isForeign && a.now[fact] == content {
		return true
	}
	same := func(before, after facts) bool {
		one, had := before[fact]
		other, has := after[fact]
		return had == has && one == other
	}
	if same(a.before, a.now) && (same(a.saved, a.state) || slices.Contains(a.meddled, fact)) {
		return true
	}
	// An import of a prefix takes keys into the state that the configuration may not list.
	return a.isNamed(fact, "unknown") || a.isNamed(fact, "leave state and stay")
}

// isNamed reports whether a message with a word names a fact.
func (a *apply) isNamed(fact, word string) bool {
	o := ownerOf(a.objects, fact)
	return o != nil && slices.ContainsFunc(a.diagnostics, func(d string) bool {
		return strings.Contains(strings.ToLower(d), word) && o.named(d, fact)
	})
}

// untracked returns the facts about objects of the configuration that are not in state.
func (a *apply) untracked() []string {
	var found []string
	for _, fact := range differing(a.state, a.now) {
		_, exists := a.now[fact]
		if _, isForeign := a.foreign[fact]; exists && !isForeign && a.state[fact] == "" {
			found = append(found, fact)
		}
	}
	return found
}

// heading begins a diagnostic. A detail may have a line that begins with "Error: " and a small
// letter.
var heading = regexp.MustCompile(`(?m)^[\s│╷]*(Error|Warning): [A-Z]`)

// diagnosticsIn returns the errors and warnings in an output, each on one line.
func diagnosticsIn(output string) (all []string) {
	starts := heading.FindAllStringIndex(output, -1)
	for i, at := range starts {
		end := len(output)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		all = append(all, clitest.Flat(output[at[0]:end]))
	}
	return all
}

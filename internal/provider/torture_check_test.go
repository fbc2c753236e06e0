package provider

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

const tortureSecret = "tOp-sEcReT"

// applied is one apply with its outcome.
type applied struct {
	before, after managed
	// shown is the content of the server at plan time, and theirs its content at apply time.
	shown, theirs contents
	errs, warned  string
}

// violate reports a broken promise.
func (w *tortured) violate(t *testing.T, o *torturedObject, format string, args ...any) {
	t.Helper()
	w.violations.Add(1)
	t.Errorf("SEED=%d, after %d applies: %s: %s", w.seed, w.applies.Load(), o.id, fmt.Sprintf(format, args...))
}

// check checks that state and store agree after an apply, or that the error names what is unknown,
// and that nothing was overwritten that no plan has shown.
func (w *tortured) check(t *testing.T, o *torturedObject, a applied) {
	t.Helper()
	now := o.onServer(t)
	for _, path := range meddledPaths(a) {
		if now[path].text != a.theirs[path].text && !o.sweeps(t, a, path) {
			w.violate(t, o, "a rival had made %v of %v at %s after the plan, and the apply made %v of it: %s%s",
				a.theirs[path], a.shown[path], path, now[path], a.errs, w.requests())
		}
	}
	if strings.Contains(strings.ToLower(a.errs), "unknown") {
		w.unknown.Add(1)
		o.lost = append(o.lost, fmt.Sprint(o.want["value"]))
		return
	}
	recorded := w.recorded(t, o, a)
	for path, has := range recorded {
		isUntouched := now[path] == a.theirs[path] && (a.errs+a.warned != "" || isOther(t, o, a, path, has))
		if !has.is(now[path]) && !isUntouched {
			w.violate(t, o, "the server has %v at %s, the state %v, and before the apply it had %v, at the plan %v: %s%s",
				now[path], path, has, a.theirs, a.shown, a.errs, w.requests())
		}
	}
	for path, found := range now {
		if _, known := recorded[path]; !known && a.theirs[path] != found && !o.isLost(found) {
			w.violate(t, o, "the apply has left %v at %s, which is in no state: %s%s", found, path, a.errs, w.requests())
		}
	}
}

// meddledPaths returns the paths at which a rival made a change after the plan.
func meddledPaths(a applied) (paths []string) {
	for path, theirs := range a.theirs {
		if a.shown[path].text != theirs.text {
			paths = append(paths, path)
		}
	}
	for path := range a.shown {
		// What a rival has removed is no longer in the way of a create.
		if _, found := a.theirs[path]; !found && a.before.exists() {
			paths = append(paths, path)
		}
	}
	return paths
}

// isOther reports whether the state says the same of a path before and after an apply. Such an apply
// changes other paths. It does not look for a rival's change at this one, which the next plan shows.
func isOther(t *testing.T, o *torturedObject, a applied, path string, has content) bool {
	t.Helper()
	return o.recorded != nil && a.before.exists() && o.recorded(t, a.before)[path] == has
}

// requests describes the requests of a step, without their content.
func (w *tortured) requests() string {
	var text strings.Builder
	for i, proxy := range w.proxies {
		for _, r := range proxy.Requests() {
			fmt.Fprintf(&text, "\nn%d %s %s: forwarded %t, status %d", i+1, r.Method, r.Path, r.Forwarded, r.Status)
		}
	}
	return text.String()
}

// recorded returns the content of the server according to the state. If only a refresh can compare
// them, it returns the content of the server unless a refresh finds a difference.
func (w *tortured) recorded(t *testing.T, o *torturedObject, a applied) contents {
	t.Helper()
	after := a.after
	switch {
	case !after.exists():
		return nil
	case o.recorded != nil:
		return o.recorded(t, after)
	}
	for deadline := time.Now().Add(patience); ; {
		fresh, errs := w.clean(t).refresh(t, after)
		switch {
		case errs == "" && (fresh.state.Equal(after.state) || o.isOther != nil && fresh.exists() && o.isOther(t, a)):
			return o.onServer(t)
		case errs == "":
			return contents{"state": {text: "a refresh changes it: " + diffText(after.state, fresh.state)}}
		case time.Now().After(deadline):
			t.Fatalf("%s: no node can be read: %s", o.id, errs)
		}
	}
}

// clean returns a provider that reaches a node without faults, one that has caught up with what was
// written before.
func (w *tortured) clean(t *testing.T) *direct {
	t.Helper()
	d := &direct{schemas: w.faulty.schemas, attributes: endpoint(w.caughtUp(t).URL())}
	return d.restarted(t)
}

// converge applies the last configuration of an object once more, without faults. An object that
// exists without being in state is imported, as the error advises.
func (w *tortured) converge(t *testing.T, o *torturedObject) {
	t.Helper()
	changed, applies := "", 0
	for deadline := time.Now().Add(patience); applies < 4 && time.Now().Before(deadline); {
		d := w.clean(t)
		planned, config, errs := w.planAgain(t, d, o)
		if planned == nil && errs == "" {
			return
		}
		if errs == "" {
			changed = diffText(o.managed.state, undynamic(t, config.Type(), planned.PlannedState))
			o.managed, errs = d.applyPlan(t.Context(), t, o.managed, planned, config)
			applies++
		}
		switch {
		case errs == "":
		case strings.Contains(errs, "is not empty"):
			o.clear(t)
		case w.isTransient(errs):
			applies = max(0, applies-1)
		default:
			w.violate(t, o, "without faults: %s", errs)
			return
		}
		changed += " " + errs
	}
	w.violate(t, o, "the plan is not empty after %d applies without faults: %s; the server has %v", applies, changed, o.onServer(t))
}

// isTransient reports whether an error can be the end of a fault: an earlier request can still
// arrive, and a cluster can elect another leader.
func (w *tortured) isTransient(errs string) bool {
	parts := []string{"already exists", "since it was planned"}
	if len(w.servers) > 1 {
		parts = append(parts, "Outcome of a write is unknown", "The cluster has no leader", "No endpoint answered", "did not answer in time")
	}
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(errs, part) })
}

// planAgain refreshes an object, or imports it, and plans its last configuration. It returns no
// plan if nothing is to be done.
func (w *tortured) planAgain(
	t *testing.T, d *direct, o *torturedObject,
) (planned *tfprotov6.PlanResourceChangeResponse, config tftypes.Value, errs string) {
	t.Helper()
	var fresh managed
	switch {
	case o.managed.exists():
		fresh, errs = d.refresh(t, o.managed)
	case o.want != nil && o.isThere(o.onServer(t)):
		fresh, errs = d.readImported(t, o.typeName, o.id)
	default:
		fresh = o.managed
	}
	if errs != "" {
		return nil, config, errs
	}
	o.managed = fresh
	if !fresh.exists() && o.want == nil {
		return nil, config, ""
	}
	planned, config = d.plan(t, fresh, o.want)
	if errs = errorText(planned.Diagnostics); errs == "" && undynamic(t, config.Type(), planned.PlannedState).Equal(fresh.state) {
		return nil, config, ""
	}
	return planned, config, errs
}

// wantNoSecret checks that no text contains a secret.
func (w *tortured) wantNoSecret(t *testing.T, o *torturedObject, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(text, tortureSecret) {
			w.violate(t, o, "%q contains a secret", text)
		}
	}
}

// diffText describes how two values differ.
func diffText(from, to tftypes.Value) string {
	diffs, err := from.Diff(to)
	return fmt.Sprint(diffs, err)
}

func allText(diags []*tfprotov6.Diagnostic) (lines []string) {
	for _, d := range diags {
		lines = append(lines, d.Summary, d.Detail)
	}
	return lines
}

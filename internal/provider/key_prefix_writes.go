package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// prefixWriter makes the writes of one apply and says what became of them.
type prefixWriter struct {
	*batch

	about subject
	// existsAdvice says what to do about keys that exist already.
	existsAdvice string
}

// recall reads again what private state should say of the keys in state. It
// reports whether all can be written.
func (w *prefixWriter) recall(ctx context.Context, diags *diag.Diagnostics) bool {
	if err := w.restore(ctx); err != nil {
		addFailure(diags, "Unable to read keys", w.dir, err)
		return false
	}
	w.report(diags)
	return len(w.failures) == 0
}

// apply makes the store what is planned. Where keys are to be created, or
// takeStock is true, it looks at what there is before the first write.
func (w *prefixWriter) apply(ctx context.Context, intent prefixIntent, takeStock bool, diags *diag.Diagnostics) {
	known := w.known
	writes, found, err := w.plan(ctx, intent, takeStock)
	if err != nil {
		addFailure(diags, "Unable to read keys", w.dir, err)
		return
	}
	if takeStock && found != nil {
		w.warnOfUnlisted(found, known, intent.values, diags)
	}
	w.run(ctx, writes)
	w.report(diags)
	var changes lifetimeChanges
	changes.add(w.adopted...)
	changes.warn(adoptedLifetime, "", diags)
}

// warnOfUnlisted tells of keys that the next plan will show as removed.
func (w *prefixWriter) warnOfUnlisted(found *tree, known map[string]knownKey, wanted map[string]string, diags *diag.Diagnostics) {
	var unlisted []string
	for _, relative := range slices.Sorted(maps.Keys(found.keys)) {
		_, isWanted := wanted[relative]
		if _, isKnown := known[relative]; !isWanted && !isKnown {
			unlisted = append(unlisted, below(w.dir, relative))
		}
	}
	if len(unlisted) > 0 {
		diags.AddWarning("Keys are not listed",
			"These keys stand below an exclusive prefix, and no plan has shown that they are to be removed, so they were left alone:\n\n"+enumerate(unlisted)+
				"\n\nThe next plan shows their removal. List those that are to stay.")
	}
}

// report says what failed: one error for each kind of failure, with the keys
// that it met, and how far the whole has come.
func (w *prefixWriter) report(diags *diag.Diagnostics) {
	w.warnOfStayed(diags)
	progress := w.progress()
	if len(w.failures) == 0 {
		if w.skipped > 0 {
			diags.AddError("Unable to write every key", "The run was interrupted. "+progress)
		}
		return
	}
	groups := map[string][]keyFailure{}
	slices.SortFunc(w.failures, func(a, b keyFailure) int { return strings.Compare(a.key, b.key) })
	for _, failure := range w.failures {
		summary := w.summary(failure)
		groups[summary] = append(groups[summary], failure)
	}
	for _, summary := range slices.Sorted(maps.Keys(groups)) {
		diags.AddError(summary, w.wordFailures(groups[summary])+"\n\n"+progress)
	}
}

// warnOfStayed warns of the keys that were to be deleted and stay: one warning
// for each reason.
func (w *prefixWriter) warnOfStayed(diags *diag.Diagnostics) {
	slices.SortFunc(w.stayed, func(a, b keyFailure) int { return strings.Compare(a.key, b.key) })
	groups := map[string][]keyFailure{}
	for _, s := range w.stayed {
		summary := w.summary(s)
		groups[summary] = append(groups[summary], s)
	}
	for _, summary := range slices.Sorted(maps.Keys(groups)) {
		diags.AddWarning(summary, w.wordFailures(groups[summary]))
	}
}

func (w *prefixWriter) progress() string {
	text := "No key was written."
	if w.written > 0 {
		text = fmt.Sprintf("%d of %d writes were made; state says which.", w.written, w.written+len(w.failures)+w.skipped)
	}
	if w.skipped > 0 {
		text += fmt.Sprintf(" %d were not tried any more.", w.skipped)
	}
	return text
}

// summary tells the kinds of failures apart.
func (w *prefixWriter) summary(f keyFailure) string {
	if c, ok := errors.AsType[*conflict](w.about.worded(f.err)); ok {
		return c.summary
	}
	verb := "Unable to update key"
	switch {
	case f.want == nil:
		verb = "Unable to delete key"
	case f.before == nil:
		verb = "Unable to create key"
	}
	summary, _ := wordFailure(verb, "", f.err)
	return summary
}

// wordFailures words failures of one kind.
func (w *prefixWriter) wordFailures(failures []keyFailure) string {
	var lines []string
	var told *conflict
	for _, f := range failures {
		line := f.key
		if c, ok := errors.AsType[*conflict](w.about.worded(f.err)); ok {
			line, told = c.what, c
		}
		lines = append(lines, line)
	}
	switch {
	case told == nil:
		_, detail := wordFailure("", "", failures[0].err)
		return enumerate(lines) + "\n\n" + detail
	case errors.Is(told, etcdv2.ErrExists):
		return enumerate(lines) + "\n\n" + w.existsAdvice
	case errors.Is(told, etcdv2.ErrNotFile) && !told.letsGo:
		return enumerate(lines) + "\n\nTake the key out of keys, or remove the directory first."
	default:
		return enumerate(lines) + "\n\n" + told.advice
	}
}

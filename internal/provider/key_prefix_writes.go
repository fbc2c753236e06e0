package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// prefixWriter makes the writes of one apply and reports their outcome.
type prefixWriter struct {
	*keyspace.Batch

	about subject
}

// restorePrivateState reads again what private state should contain about the keys in state. It
// reports whether all can be written.
func (w *prefixWriter) restorePrivateState(ctx context.Context, diags *diag.Diagnostics) bool {
	if err := w.Restore(ctx); err != nil {
		addFailure(diags, "Unable to read keys", w.Dir, err)
		return false
	}
	w.report(diags)
	return len(w.Failures) == 0
}

// apply makes the store match the plan. If keys are to be created, or takeStock is true, it reads
// what exists before the first write.
func (w *prefixWriter) apply(ctx context.Context, intent keyspace.TreeIntent, takeStock bool, diags *diag.Diagnostics) {
	known := w.Known
	writes, found, err := w.Plan(ctx, intent, takeStock)
	if err != nil {
		addFailure(diags, "Unable to read keys", w.Dir, err)
		return
	}
	if takeStock && found != nil {
		w.warnOfUnlisted(found, known, intent.Values, diags)
	}
	w.Run(ctx, writes)
	w.report(diags)
	var changes lifetimeChanges
	changes.add(w.Adopted...)
	changes.warn(adoptedLifetime, "", diags)
}

// warnOfUnlisted warns of keys that the next plan will show as removed.
func (w *prefixWriter) warnOfUnlisted(
	found *keyspace.Tree, known map[string]keyspace.Known, wanted map[string]string, diags *diag.Diagnostics,
) {
	var unlisted []string
	for _, relative := range slices.Sorted(maps.Keys(found.Keys)) {
		_, isWanted := wanted[relative]
		if _, isKnown := known[relative]; !isWanted && !isKnown {
			unlisted = append(unlisted, keyspace.Below(w.Dir, relative))
		}
	}
	if len(unlisted) > 0 {
		diags.AddWarning("Keys are not listed",
			"These keys are below an exclusive prefix, and no plan has shown that they are to be removed, so they were left alone:\n\n"+
				enumerate(unlisted)+
				"\n\nThe next plan shows their removal. List in keys the ones to keep.")
	}
}

// report reports the failures: one error for each kind of failure, with its keys, and how much of the
// apply was done.
func (w *prefixWriter) report(diags *diag.Diagnostics) {
	w.warnOfStayed(diags)
	progress := w.progress()
	if len(w.Failures) == 0 {
		if w.Skipped > 0 {
			diags.AddError("Unable to write every key", "The run was interrupted. "+progress)
		}
		return
	}
	groups := map[string][]keyspace.Failure{}
	slices.SortFunc(w.Failures, func(a, b keyspace.Failure) int { return strings.Compare(a.Key, b.Key) })
	for _, failure := range w.Failures {
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
	slices.SortFunc(w.Stayed, func(a, b keyspace.Failure) int { return strings.Compare(a.Key, b.Key) })
	groups := map[string][]keyspace.Failure{}
	for _, s := range w.Stayed {
		summary := w.summary(s)
		groups[summary] = append(groups[summary], s)
	}
	for _, summary := range slices.Sorted(maps.Keys(groups)) {
		diags.AddWarning(summary, w.wordFailures(groups[summary]))
	}
}

func (w *prefixWriter) progress() string {
	text := "No key was written."
	if w.Written > 0 {
		text = fmt.Sprintf("%d of %d writes were made; the state shows which.", w.Written, w.Written+len(w.Failures)+w.Skipped)
	}
	if w.Skipped > 0 {
		text += fmt.Sprintf(" %d were not tried any more.", w.Skipped)
	}
	return text
}

// summary returns the summary of a failure. Failures are grouped by it.
func (w *prefixWriter) summary(f keyspace.Failure) string {
	if c, ok := errors.AsType[*refusal](w.about.worded(f.Err)); ok {
		return c.summary
	}
	verb := "Unable to update key"
	switch {
	case f.Want == nil:
		verb = "Unable to delete key"
	case f.Before == nil:
		verb = "Unable to create key"
	}
	summary, _ := wordFailure(verb, "", f.Err)
	return summary
}

// wordFailures words failures of one kind.
func (w *prefixWriter) wordFailures(failures []keyspace.Failure) string {
	var lines []string
	var last *refusal
	for _, f := range failures {
		line := f.Key
		if c, ok := errors.AsType[*refusal](w.about.worded(f.Err)); ok {
			line, last = c.what, c
		}
		lines = append(lines, line)
	}
	if last == nil {
		_, detail := wordFailure("", "", failures[0].Err)
		return enumerate(lines) + "\n\n" + detail
	}
	return enumerate(lines) + "\n\n" + last.advice
}

package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"golang.org/x/sync/errgroup"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// keysAtOnce is how many keys of one resource are read or written at a time.
const keysAtOnce = 16

// keyFailure is a write that failed.
type keyFailure struct {
	keyWrite
	err error
}

// prefixWriter makes the writes of one apply and keeps account of what the
// store holds.
type prefixWriter struct {
	store  *store
	about  subject
	prefix string
	adopt  bool
	// existsAdvice says what to do about keys that exist already.
	existsAdvice string
	// absentAt is an etcd index at which the keys to be created did not exist.
	absentAt uint64

	mu    sync.Mutex
	known map[string]knownKey
	// unsettled are keys whose creation may yet turn out to have been applied.
	unsettled map[string]unsettledKey
	written   int
	failures  []keyFailure
	// stayed are keys whose deletion was left out, with the reason.
	stayed []keyFailure
	// fatal is set once something failed that would fail for every key, and
	// skipped counts the writes that were not begun after it.
	fatal   bool
	skipped int
	// adopted are the keys that are taken over with another lifetime.
	adopted lifetimeChanges
}

// recall reads again what private state should say of the keys in state. A CLI
// hands over none of it when it deletes an object whose creation has failed. A
// key that holds what state says is taken as it is; one that does not was
// changed since. It reports whether all can be written.
func (w *prefixWriter) recall(ctx context.Context, diags *diag.Diagnostics) bool {
	forgotten := slices.DeleteFunc(slices.Collect(maps.Keys(w.known)), func(relative string) bool { return w.known[relative].Index != 0 })
	if len(forgotten) == 0 {
		return true
	}
	found, err := w.store.readTree(ctx, w.prefix, forgotten)
	if err != nil {
		addFailure(diags, "Unable to read keys", w.prefix, err)
		return false
	}
	for _, relative := range forgotten {
		node, k := found.keys[relative], w.known[relative]
		switch {
		case node == nil:
			delete(w.known, relative)
		case !node.NotText && sameValue(k.value, node.Value, false):
			w.known[relative] = knownKey{k.refreshed(node), k.value}
		default:
			key := below(w.prefix, relative)
			w.failures = append(w.failures, keyFailure{keyWrite{path: relative, key: key}, hasChanged(key, 0, node.ModifiedIndex)})
		}
	}
	w.report(diags)
	return len(w.failures) == 0
}

// apply makes the store what is planned. Where keys are to be created, or
// takeStock is true, it looks at what there is before the first write.
func (w *prefixWriter) apply(ctx context.Context, intent prefixIntent, takeStock bool, diags *diag.Diagnostics) {
	w.store.onAdopt = func(key string, before, now int64) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.adopted.add(key, before, now)
	}
	writes, kept := intent.changes(w.prefix, w.known)
	created := creations(writes)
	if takeStock || len(created) > 0 {
		found, err := w.store.readTree(ctx, w.prefix, created)
		if err == nil {
			err = found.blocked
		}
		if err != nil {
			addFailure(diags, "Unable to read keys", w.prefix, err)
			return
		}
		w.absentAt = found.index
		if writes = w.check(writes, found); len(w.failures) > 0 {
			w.skipped = len(writes)
			w.report(diags)
			return
		}
		if takeStock {
			w.warnOfUnlisted(found, intent.values, diags)
		}
	}
	w.known = kept
	writes, err := w.keep(ctx, writes, intent.values, intent.ttl)
	if err != nil {
		addFailure(diags, "Unable to write keys", w.prefix, err)
		return
	}
	w.run(ctx, writes)
	w.report(diags)
	w.adopted.warn(adoptedLifetime, "", diags)
}

// keep notes that the keys without a write are to stay. One that another object
// of this run has deleted meanwhile is created again.
func (w *prefixWriter) keep(ctx context.Context, writes []keyWrite, wanted map[string]string, ttl *int64) ([]keyWrite, error) {
	written := map[string]bool{}
	for _, write := range writes {
		written[write.path] = true
	}
	for _, relative := range slices.Sorted(maps.Keys(wanted)) {
		if written[relative] {
			continue
		}
		key := below(w.prefix, relative)
		isThere, err := w.store.keep(ctx, key)
		if err != nil {
			return nil, err
		}
		if !isThere {
			delete(w.known, relative)
			writes = append(writes, keyWrite{path: relative, key: key, want: &wantedKey{value: wanted[relative], ttl: ttl}})
		}
	}
	return writes, nil
}

// hasDoneNothing reports whether an apply failed before it wrote, or may have
// written, anything: state is then as it was.
func (w *prefixWriter) hasDoneNothing(diags diag.Diagnostics) bool {
	return diags.HasError() && w.written == 0 && len(w.unsettled) == 0
}

// warnOfUnlisted tells of keys that the next plan will show as removed.
func (w *prefixWriter) warnOfUnlisted(found *tree, wanted map[string]string, diags *diag.Diagnostics) {
	var unlisted []string
	for _, relative := range slices.Sorted(maps.Keys(found.keys)) {
		_, isWanted := wanted[relative]
		if _, isKnown := w.known[relative]; !isWanted && !isKnown {
			unlisted = append(unlisted, below(w.prefix, relative))
		}
	}
	if len(unlisted) > 0 {
		diags.AddWarning("Keys are not listed",
			"These keys stand below an exclusive prefix, and no plan has shown that they are to be removed, so they were left alone:\n\n"+enumerate(unlisted)+
				"\n\nThe next plan shows their removal. List those that are to stay.")
	}
}

// run makes writes, several at once, in three steps that each need the one
// before: what is new or changed, then deletions, then keys that are to stand
// below one that was deleted. A step that fails is the last.
func (w *prefixWriter) run(ctx context.Context, writes []keyWrite) {
	deleted := map[string]bool{}
	for _, write := range writes {
		deleted[write.path] = write.want == nil
	}
	var steps [3][]keyWrite
	for _, write := range writes {
		step := 0
		switch {
		case write.want == nil:
			step = 1
		case hasAncestorIn(deleted, write.path):
			step = 2
		}
		steps[step] = append(steps[step], write)
	}
	for _, step := range steps {
		if len(w.failures) > 0 {
			w.skipped += len(step)
			continue
		}
		w.step(ctx, step)
	}
}

func hasAncestorIn(paths map[string]bool, path string) bool {
	for above := range ancestors(path) {
		if paths[above] {
			return true
		}
	}
	return false
}

func (w *prefixWriter) step(ctx context.Context, writes []keyWrite) {
	var group errgroup.Group
	group.SetLimit(keysAtOnce)
	for _, write := range writes {
		group.Go(func() error {
			if w.begin(ctx) {
				node, err := w.do(ctx, write)
				w.end(write, node, err)
			}
			return nil
		})
	}
	_ = group.Wait()
}

func (w *prefixWriter) begin(ctx context.Context) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fatal || ctx.Err() != nil {
		w.skipped++
		return false
	}
	return true
}

func (w *prefixWriter) do(ctx context.Context, write keyWrite) (*etcdv2.Node, error) {
	switch {
	case write.want == nil:
		return nil, w.store.remove(ctx, write.key, *write.before)
	case write.found != nil:
		return w.store.adopt(ctx, write.found, *write.want)
	case write.before == nil:
		return w.store.createAbsent(ctx, write.key, *write.want, w.absentAt, w.adopt)
	}
	node, err := w.doInPart(ctx, write)
	if errors.Is(err, etcdv2.ErrUnsupported) {
		return w.store.update(ctx, write.key, *write.before, *write.want)
	}
	return node, err
}

// doInPart changes the value or the TTL of a key alone, if the other stays. It
// returns ErrUnsupported if both are to be written.
func (w *prefixWriter) doInPart(ctx context.Context, write keyWrite) (*etcdv2.Node, error) {
	switch {
	case write.keepsTTL:
		return w.store.setValue(ctx, write.key, *write.before, write.want.value)
	case *write.before.value == write.want.value:
		return w.store.setTTL(ctx, write.key, *write.before, write.want.ttl)
	default:
		return nil, etcdv2.ErrUnsupported
	}
}

// end books the outcome of a write.
func (w *prefixWriter) end(write keyWrite, node *etcdv2.Node, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	refusal, _ := errors.AsType[*keyspace.Refusal](err)
	switch {
	case refusal != nil && refusal.Stays():
		w.stayed = append(w.stayed, keyFailure{write, err})
		delete(w.known, write.path)
	case err != nil:
		w.failures = append(w.failures, keyFailure{write, err})
		w.fatal = w.fatal || !concernsOneKey(err)
		if write.before == nil && errors.Is(err, etcdv2.ErrOutcomeUnknown) {
			w.unsettled[write.path] = newUnsettledKey(w.absentAt, *write.want)
		}
	case write.want == nil:
		w.written++
		delete(w.known, write.path)
	default:
		if node != write.found {
			w.written++
		}
		note := keyNote{Index: node.ModifiedIndex, TTL: seconds(write.want.ttl), Expiration: node.Expiration, NotText: node.NotText}
		if write.keepsTTL {
			note = keyNote{}.refreshed(node)
		}
		w.known[write.path] = knownKey{note, write.want.value}
	}
}

// concernsOneKey reports whether a failure says nothing of other keys.
func concernsOneKey(err error) bool {
	if errors.Is(err, etcdv2.ErrOutcomeUnknown) {
		return false
	}
	for _, kind := range []error{
		etcdv2.ErrExists, etcdv2.ErrCompareFailed, etcdv2.ErrNotFound, etcdv2.ErrNotFile, etcdv2.ErrNotDir, etcdv2.ErrTooLarge,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// check books the creations that cannot work by what was read before the
// first write: keys that exist, unless they are to be adopted, directories in
// their place, and keys in the place of their directories.
func (w *prefixWriter) check(writes []keyWrite, found *tree) []keyWrite {
	going := map[string]bool{}
	for _, write := range writes {
		going[write.path] = write.want == nil
	}
	var checked []keyWrite
	for _, write := range writes {
		if write.before == nil {
			node := found.keys[write.path]
			if err := w.refuse(write, found, going); err != nil {
				w.failures = append(w.failures, keyFailure{write, err})
				continue
			}
			write.found = node
		}
		checked = append(checked, write)
	}
	return checked
}

// refuse says why a key cannot be created. Keys in going are deleted before.
func (w *prefixWriter) refuse(write keyWrite, found *tree, going map[string]bool) error {
	if found.dirs[write.path] {
		if empty := found.emptyDirs(w.prefix, write.path); empty != nil {
			return emptyInTheWay(write.key, empty)
		}
		return isDirectory(write.key)
	}
	if above, ok := found.keyAbove(write.path); ok && !going[above] {
		return isBelowKey(write.key, below(w.prefix, above))
	}
	if node := found.keys[write.path]; node != nil && !w.adopt {
		return exists(write.key, node.ModifiedIndex)
	}
	return nil
}

// isBelowKey is the refusal to create a key below another.
func isBelowKey(key, above string) error {
	return &keyspace.Refusal{Kind: keyspace.BelowKey, Path: key, Other: above, Err: etcdv2.ErrNotDir}
}

// report says what failed: one error for each kind of failure, with the keys
// that it met, and how far the whole has come.
func (w *prefixWriter) report(diags *diag.Diagnostics) {
	w.reportStayed(diags)
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

// reportStayed warns of the keys that were to be deleted and stay: one warning
// for each reason.
func (w *prefixWriter) reportStayed(diags *diag.Diagnostics) {
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

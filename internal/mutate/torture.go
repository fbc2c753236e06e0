package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// torturedPart is a part of the project with the run that puts it under faults, and the faults
// of its sources that the run must find. The row of a fault names the promise that it breaks.
type torturedPart struct {
	pkg, test string
	// env bounds the run, and most is that bound in words.
	env  []string
	most string
	// violation is what the run prints of a broken promise, and length after how much.
	violation, length *regexp.Regexp
	faults            []fault
}

var torturedParts = []torturedPart{
	{
		pkg: "torture", test: "TestTorture", env: []string{"FAULTS=10000", "MINUTES=5"}, most: "10000 faults",
		violation: regexp.MustCompile(`SEED=\d+: `), length: regexp.MustCompile(`(?m)^ *(?:calls|faults) +\d+`), faults: tortureFaults,
	},
	{
		pkg: "provider", test: "TestTorture", env: []string{"COUNT=20", "STEPS=60"}, most: "20 configurations on one node and on three",
		violation: regexp.MustCompile(`SEED=\d+, after `), length: regexp.MustCompile(`\d+ applies`), faults: providerTortureFaults,
	},
	{
		pkg: "e2e", test: "TestAccCLI_torture", env: []string{"COUNT=6", "STEPS=10", "TF_ACC=1"}, most: "6 configurations",
		violation: regexp.MustCompile(`violations: [1-9]`), length: regexp.MustCompile(`\d+ (?:applies|faults)`), faults: cliTortureFaults,
	},
}

// allTortureFaults returns the faults of all parts.
func allTortureFaults() []fault {
	var all []fault
	for _, p := range torturedParts {
		all = append(all, p.faults...)
	}
	return all
}

// tortureFaults are those that the run of the client must find.
var tortureFaults = []fault{
	{"a write without its condition", "etcdv2/keys_write.go", `cond.addTo(w.form)`, ``},
	{"a create that overwrites", "etcdv2/keys_write.go", `w.form.Set("prevExist", "false")`, ``},
	{"a delete without its condition", "etcdv2/keys_write.go", `cond.addTo(r.query)`, ``},
	{"a replay after an ambiguous answer", "etcdv2/replay.go", `return r == replayRead || r == replayGuarded`, `return true`},
	{"settling by the value only", "etcdv2/settle.go", `if w.deletes || !w.unguarded && !w.isNewer(n) {`, `if w.deletes {`},
	{"a lost answer that counts as a failure", "etcdv2/attempts.go", `return err
	}
	return asUnknown(err)`, `return err
	}
	return err`},
	{
		"a failed read that counts as gone", "etcdv2/settle.go", `case errors.Is(readErr, ErrNotFound) && w.deletes:`,
		`case readErr != nil && w.deletes:`,
	},
	{"absence inferred from a listing", "keyspace/read_ahead.go", `resp, listing, list := r.ask(path, key)`, `
		resp, listing, list := r.ask(path, key)
		if d := r.dirs[path]; resp == nil && !list && listing == nil && d.nodes != nil {
			return nil, etcdv2.ErrNotFound
		}`},
	{"a deposed instance that deletes", "keyspace/store.go", `if s.run.HasMade(NodeAt(key)) {`, `if false {`},
	{
		"a rival's change that is overwritten", "keyspace/swap.go",
		`if !before.matches(found.Node) && (want == nil || !want.matches(found.Node)) {`, `if false {`,
	},
	{
		"a create in order that is sent again", "keyspace/inorder.go",
		`node, err = s.settleInOrder(ctx, dir, want, before, index, err)`,
		`if resp, err = s.keys.CreateInOrder(ctx, dir, want.Value, want.options()); err == nil {
			node = resp.Node
		}
		_, _ = before, index`,
	},
	{
		"a lock taken while another owner has it", "etcdv2/keylock.go", `case found.Node.Value == a.wanted.value():`,
		`case found.Node.TTL < a.req.TTL:`,
	},
	{
		"a directory that is deleted without a look at its contents", "keyspace/dir.go",
		`err = s.removeEmpty(ctx, found)`, `err = s.deleteDir(ctx, path, true)`,
	},
	{
		"a deletion of an empty directory that deletes everything in it", "etcdv2/keys_dir.go",
		`setTrue(r.query, "recursive", opts.Recursive)`, `setTrue(r.query, "recursive", true)`,
	},
	{
		"a lost deletion of a directory that counts as done", "etcdv2/settle.go", `case errors.Is(readErr, ErrNotFound) && w.deletes:`,
		`case w.deletes && (w.unguarded || errors.Is(readErr, ErrNotFound)):`,
	},
	{
		"another directory that is deleted in place of the one that was seen", "keyspace/dir.go",
		`case resp.Node.CreatedIndex != createdIndex:`, `case false:`,
	},
	{
		"a key that has changed since it was listed and is deleted", "keyspace/empty.go",
		`e.store.keys.CompareAndDelete(ctx, node.Key, etcdv2.Condition{Index: node.ModifiedIndex})`, `e.store.keys.Delete(ctx, node.Key)`,
	},
	{"a watch that does not continue after its last event", "etcdv2/watch.go", `w.index = resp.Node.ModifiedIndex + 1`, `w.index = 0`},
}

// providerTortureFaults are those that the run of the provider in process must find.
var providerTortureFaults = []fault{
	{
		"a failed refresh that takes the object for gone", "provider/key_resource.go", `case errors.Is(err, etcdv2.ErrNotFound):`,
		`case err != nil:`,
	},
	{
		"a rival's change of a key that an update overwrites", "keyspace/swap.go",
		`if !before.matches(found.Node) && (want == nil || !want.matches(found.Node)) {`, `if false {`,
	},
	{
		"a rival's grant that a deletion takes with it", "provider/user_resource.go",
		`if more := without(inForm(user.Held()), had); len(more) > 0 {`, `if more := without(inForm(user.Held()), had); len(more) < 0 {`,
	},
	{
		"an error with a secret", "provider/user_resource.go", `addFailure(&resp.Diagnostics, "Unable to change user", name, notAsPlanned(`,
		`addFailure(&resp.Diagnostics, "Unable to change user", name+password, notAsPlanned(`,
	},
	{"a directory that is deleted with its contents", "provider/dir_resource.go", `seen, state.ForceDestroy.ValueBool())`, `seen, true)`},
	{
		"a create in order that is sent again", "keyspace/inorder.go",
		`node, err = s.settleInOrder(ctx, dir, want, before, index, err)`,
		`if resp, err = s.keys.CreateInOrder(ctx, dir, want.Value, want.options()); err == nil {
			node = resp.Node
		}
		_, _ = before, index`,
	},
}

// cliTortureFaults are those that the run of a CLI must find.
var cliTortureFaults = []fault{
	{
		"a failed update that drops state", "provider/key_resource.go", `node, err := plan.send(ctx, store, state, config, private)
	if err != nil {`, `node, err := plan.send(ctx, store, state, config, private)
	if err != nil {
		resp.State.RemoveResource(ctx)`,
	},
	{"a lost answer that counts as a failure", "etcdv2/attempts.go", `return err
	}
	return asUnknown(err)`, `return err
	}
	return err`},
	{
		"a rival's change of a key that an update overwrites", "keyspace/swap.go",
		`if !before.matches(found.Node) && (want == nil || !want.matches(found.Node)) {`, `if false {`,
	},
	{"a rival's roles that an update does not look at", "provider/user_resource_change.go", `append([]string{}, had...)`, `[]string(nil)`},
	{"a log with a password", "etcdv2/trace.go", `e.Body = maskPasswords(r.json)`, `e.Body = string(r.json)`},
}

// torture runs each part with each of its faults that is wanted.
func (m *mutator) torture(ctx context.Context, wanted *regexp.Regexp, seed uint64) error {
	var verdicts []verdict
	for _, p := range torturedParts {
		for _, f := range p.faults {
			if !wanted.MatchString(f.row) {
				continue
			}
			verdicts = append(verdicts, m.tortureOne(ctx, fmt.Sprintf("%03d", len(verdicts)), &p, f, seed))
			fmt.Fprintln(os.Stdout, verdicts[len(verdicts)-1])
		}
	}
	return report(verdicts)
}

func (m *mutator) tortureOne(ctx context.Context, name string, p *torturedPart, f fault, seed uint64) verdict {
	start := time.Now()
	v := verdict{fault: f}
	overlay, err := m.overlay(name, f)
	binary := filepath.Join(m.dir, name)
	if err == nil {
		err = m.build(ctx, binary, overlay, p.pkg)
	}
	if err == nil {
		v.noticed, err = m.runTorture(ctx, binary, overlay, p, seed)
	}
	switch {
	case err != nil:
		v.how = err.Error()
	case v.noticed == "":
		v.how = "no violation within " + p.most
	}
	v.took = time.Since(start).Round(100 * time.Millisecond)
	return v
}

// runTorture returns the length of a run that found a violation, or "" if it found none.
func (m *mutator) runTorture(ctx context.Context, binary, overlay string, p *torturedPart, seed uint64) (found string, err error) {
	//nolint:gosec // it is the test program that was built for this
	cmd := exec.CommandContext(ctx, binary, "-test.run=^"+p.test+"$", "-test.v", "-test.failfast", "-test.timeout="+m.deadline.String())
	cmd.Dir = filepath.Join(m.root, "internal", p.pkg)
	// A CLI starts a provider that the test builds.
	cmd.Env = slices.Concat(os.Environ(), p.env, []string{
		fmt.Sprintf("SEED=%d", seed), "REPORT=" + filepath.Join(m.dir, "report"), "GOFLAGS=" + os.Getenv("GOFLAGS") + " -overlay=" + overlay,
	})
	output, err := cmd.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil:
		return "", nil
	case !p.violation.Match(output):
		return "", fmt.Errorf("the run failed without a violation: %w\n%s", err, output)
	}
	return fmt.Sprintf("%s, seed %d, %s:", p.pkg, seed, strings.Join(p.lengths(string(output)), ", ")), nil
}

var (
	number = regexp.MustCompile(`\d+`)
	unit   = regexp.MustCompile(`[a-z]+`)
)

// lengths returns the first number of each unit in what a run has printed: that of the first
// violation.
func (p *torturedPart) lengths(output string) []string {
	var lengths []string
	seen := map[string]bool{}
	for _, match := range p.length.FindAllString(output, -1) {
		if of := unit.FindString(match); !seen[of] {
			seen[of] = true
			lengths = append(lengths, number.FindString(match)+" "+of)
		}
	}
	return lengths
}

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Bounds of the run that must find a fault: the number of cluster faults, and the time.
const (
	tortureFaultsMost  = 10000
	tortureMinutesMost = 5
)

// tortureFaults break one promise each, which the row names. The run of internal/torture
// must find them.
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

// torture runs internal/torture with each fault.
func (m *mutator) torture(ctx context.Context, chosen []fault, seed uint64) error {
	verdicts := make([]verdict, len(chosen))
	for i, f := range chosen {
		verdicts[i] = m.tortureOne(ctx, fmt.Sprintf("%03d", i), f, seed)
		fmt.Fprintln(os.Stdout, verdicts[i])
	}
	return report(verdicts)
}

func (m *mutator) tortureOne(ctx context.Context, name string, f fault, seed uint64) verdict {
	start := time.Now()
	v := verdict{fault: f}
	overlay, err := m.overlay(name, f)
	binary := filepath.Join(m.dir, name)
	if err == nil {
		err = m.build(ctx, binary, overlay, "torture")
	}
	if err == nil {
		v.noticed, err = m.runTorture(ctx, binary, seed)
	}
	switch {
	case err != nil:
		v.how = err.Error()
	case v.noticed == "":
		v.how = fmt.Sprintf("no violation within %d faults", tortureFaultsMost)
	}
	v.took = time.Since(start).Round(100 * time.Millisecond)
	return v
}

var reportLine = regexp.MustCompile(`(?m)^ *(calls|faults) +(\d+)`)

// runTorture returns the length of a run that found a violation, or "" if it found none.
func (m *mutator) runTorture(ctx context.Context, binary string, seed uint64) (found string, err error) {
	//nolint:gosec // it is the test program that was built for this
	cmd := exec.CommandContext(ctx, binary, "-test.run=^TestTorture$", "-test.v", "-test.timeout="+m.deadline.String())
	cmd.Dir = filepath.Join(m.root, "internal", "torture")
	cmd.Env = append(os.Environ(), fmt.Sprintf("SEED=%d", seed), fmt.Sprintf("FAULTS=%d", tortureFaultsMost),
		fmt.Sprintf("MINUTES=%d", tortureMinutesMost), "REPORT="+filepath.Join(m.dir, "report"))
	output, err := cmd.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil:
		return "", nil
	case !strings.Contains(string(output), fmt.Sprintf("SEED=%d: ", seed)):
		return "", fmt.Errorf("the run failed without a violation: %w\n%s", err, output)
	}
	lengths := map[string]string{}
	for _, match := range reportLine.FindAllStringSubmatch(string(output), -1) {
		lengths[match[1]] = match[2]
	}
	return fmt.Sprintf("seed %d, %s calls and %s faults:", seed, lengths["calls"], lengths["faults"]), nil
}

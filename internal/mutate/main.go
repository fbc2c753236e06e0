// Mutate removes the features that internal/etcdv2/COVERAGE.md lists from the client, one at
// a time, and runs the tests that the row names. It fails if they all pass. The sources are
// not changed: the compiler gets another text for one file.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	rows := flag.String("rows", "", "a regular expression for the rows to try, such as ^A; empty for all")
	workers := flag.Int("workers", runtime.NumCPU(), "how many faults are tried at a time")
	deadline := flag.Duration("deadline", 15*time.Minute, "how long the tests of one fault may take")
	torture := flag.Bool("torture", false, "try the faults that the runs of make torture must find")
	seed := flag.Uint64("seed", 1, "the seed of those runs")
	flag.Parse()
	wanted, err := regexp.Compile(*rows)
	if err != nil {
		return err
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	coverage, err := readCoverage(filepath.Join(root, "internal", coverageFile))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m := &mutator{root: root, dir: dir, tests: map[string][]test{}, deadline: *deadline}
	for _, row := range coverage {
		m.tests[row.id] = row.tests
	}
	if *torture {
		return m.torture(ctx, wanted, *seed)
	}
	chosen := slices.DeleteFunc(slices.Clone(faults), func(f fault) bool { return !wanted.MatchString(f.row) })
	if err := m.checkUnchanged(ctx, chosen); err != nil {
		return err
	}
	return report(m.tryAll(ctx, chosen, *workers))
}

// mutator puts faults into the packages below root/internal.
type mutator struct {
	root, dir string
	// tests are the tests that each row names.
	tests    map[string][]test
	deadline time.Duration
}

// verdict is the outcome for one fault.
type verdict struct {
	fault fault
	// noticed is the test that failed. If no test failed, how says why the fault counts as
	// unnoticed.
	noticed, how string
	took         time.Duration
}

// checkUnchanged runs all tests that the faults need on the unchanged sources: a test that
// fails without a fault proves nothing.
func (m *mutator) checkUnchanged(ctx context.Context, chosen []fault) error {
	var all []test
	for _, f := range chosen {
		all = append(all, m.tests[f.row]...)
	}
	failed, err := m.test(ctx, filepath.Join(m.dir, "unchanged"), "", all, true)
	switch {
	case err != nil:
		return fmt.Errorf("without a fault: %w", err)
	case failed != "":
		return fmt.Errorf("%s fails without a fault", failed)
	default:
		return nil
	}
}

// tryAll tries the faults, several at a time, and reports each when it is done.
func (m *mutator) tryAll(ctx context.Context, chosen []fault, workers int) []verdict {
	verdicts := make([]verdict, len(chosen))
	turns := make(chan struct{}, max(1, workers))
	var wg sync.WaitGroup
	for i, f := range chosen {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			verdicts[i] = m.try(ctx, fmt.Sprintf("%03d", i), f)
			fmt.Fprintln(os.Stdout, verdicts[i])
		})
	}
	wg.Wait()
	return verdicts
}

// try puts in one fault.
func (m *mutator) try(ctx context.Context, name string, f fault) verdict {
	start := time.Now()
	v := verdict{fault: f}
	overlay, err := m.overlay(name, f)
	if err == nil {
		v.noticed, err = m.test(ctx, filepath.Join(m.dir, name), overlay, m.tests[f.row], false)
	}
	switch {
	case err != nil:
		v.how = err.Error()
	case v.noticed == "":
		v.how = "every test passes"
	}
	v.took = time.Since(start).Round(100 * time.Millisecond)
	return v
}

// String describes the outcome for one fault in a line.
func (v verdict) String() string {
	if v.how != "" {
		return fmt.Sprintf("%-4s UNNOTICED %s: %s", v.fault.row, v.fault, v.how)
	}
	return fmt.Sprintf("%-4s %s noticed it in %s", v.fault.row, v.noticed, v.took)
}

// report prints a summary. It returns an error if a fault was not noticed.
func report(verdicts []verdict) error {
	var unnoticed []string
	for _, v := range verdicts {
		if v.how != "" {
			unnoticed = append(unnoticed, v.String())
		}
	}
	fmt.Fprintf(os.Stdout, "\n%d faults tried, %d noticed, %d unnoticed\n", len(verdicts), len(verdicts)-len(unnoticed), len(unnoticed))
	if len(unnoticed) == 0 {
		return nil
	}
	return errors.New("unnoticed faults:\n" + strings.Join(unnoticed, "\n"))
}

// test builds the tests with an overlay, runs them, all at once or one after the other, and
// returns the first that failed, or "". It returns an error if they do not compile, or
// hang.
func (m *mutator) test(ctx context.Context, name, overlay string, tests []test, atOnce bool) (failed string, err error) {
	names := map[string][]string{}
	for _, t := range tests {
		if !slices.Contains(names[t.pkg], t.name) {
			names[t.pkg] = append(names[t.pkg], t.name)
		}
	}
	for _, pkg := range packages {
		if len(names[pkg]) == 0 {
			continue
		}
		binary := name + "-" + pkg
		if err := m.build(ctx, binary, overlay, pkg); err != nil {
			return "", err
		}
		runs := [][]string{names[pkg]}
		if !atOnce {
			runs = slices.Collect(slices.Chunk(names[pkg], 1))
		}
		for _, run := range runs {
			if failed, err = m.runTests(ctx, binary, pkg, run); failed != "" || err != nil {
				break
			}
		}
		if err := os.Remove(binary); err != nil {
			return "", err
		}
		if failed != "" || err != nil {
			return failed, err
		}
	}
	return "", nil
}

func (m *mutator) build(ctx context.Context, binary, overlay, pkg string) error {
	args := []string{"test", "-c", "-vet=off", "-ldflags=-s -w", "-gcflags=-N -l", "-overlay=" + overlay, "-o", binary, "./internal/" + pkg}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = m.root
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the fault does not compile: %w\n%s", err, output)
	}
	return nil
}

var failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

// runTests runs tests of a package.
func (m *mutator) runTests(ctx context.Context, binary, pkg string, names []string) (failed string, err error) {
	args := []string{
		"-test.failfast", "-test.parallel=4", "-test.timeout=" + m.deadline.String(), "-test.run=^(" + strings.Join(names, "|") + ")$",
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = filepath.Join(m.root, "internal", pkg)
	output, err := cmd.CombinedOutput()
	match := failedTest.FindSubmatch(output)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil:
		return "", nil
	case strings.Contains(string(output), "panic: test timed out"):
		return "", fmt.Errorf("a test hangs: %s", strings.Join(names, ", "))
	case match != nil:
		return string(match[1]), nil
	default:
		// A panic outside of a test does not name one.
		return strings.Join(names, "|"), nil
	}
}

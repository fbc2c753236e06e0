package bench

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

var (
	sizes      = flag.String("sizes", "", "comma-separated numbers of objects, such as 100,1000; without it, nothing is compared")
	delays     = flag.String("delays", "0,10ms", "comma-separated delays of the link, each way")
	runs       = flag.Int("runs", 3, "number of runs; the table shows the medians")
	rivalsDir  = flag.String("rivals", "", "`directory` with programs of other providers, see README.md")
	cliProgram = flag.String("cli", "../bin/terraform", "the CLI `program`")
	plotFile   = flag.String("plot", "", "SVG `file` to draw the comparison into")
)

// link is a way from the provider to the server.
type link struct {
	name     string
	endpoint string
}

// TestCompare measures the provider, the least that a provider can cost, and its rivals.
// Each run measures every subject once, one after the other, so that a slow phase of the
// machine affects all of them.
func TestCompare(t *testing.T) { //nolint:paralleltest // it measures
	if *sizes == "" {
		t.Skip("compares only with -sizes, which `make bench` sets")
	}
	dir := t.TempDir()
	subjects := []subject{
		builtIn(), ours("floor", build(t, dir, "floor", "./floor")),
		ours("this provider", build(t, dir, "terraform-provider-etcd", "github.com/etcdv2/terraform-provider-etcd")),
	}
	subjects = append(subjects, rivals(t, *rivalsDir)...)
	meter := build(t, dir, "meter", "./meter")
	server := etcdtest.Start(t)
	results := newResults(subjects)
	for run := range *runs {
		for _, l := range links(t, server) {
			for _, n := range numbers(t, *sizes) {
				fmt.Fprintf(os.Stderr, "run %d of %d: %d objects, %s\n", run+1, *runs, n, l.name)
				// Each run starts with another subject.
				first := run % len(subjects)
				compare(t, results, slices.Concat(subjects[first:], subjects[:first]), meter, server, l, n)
			}
		}
	}
	results.print(os.Stdout)
	if *plotFile != "" {
		if err := results.plot(*plotFile); err != nil {
			t.Fatal(err)
		}
	}
}

// compare measures each operation of each subject once.
func compare(t *testing.T, results *results, subjects []subject, meter string, server *etcdtest.Server, l link, n int) {
	t.Helper()
	var benches []*bench
	for _, s := range subjects {
		benches = append(benches, newBench(t, s, meter, server.URL(), l.endpoint, n))
	}
	for _, op := range operations {
		for _, b := range benches {
			used := b.run(t, op)
			// A run that is ended early has shown what it measured.
			fmt.Fprintf(os.Stderr, "  %s, %s: %.2f s, CPU %.2f s, of the provider %.2f s, %.0f MiB, %.0f requests\n",
				op.name, b.name, used.wall, used.cpu, used.provider, used.rss/(1<<20), used.requests)
			results.add(l.name, n, op.name, b.name, used)
		}
	}
}

// links returns a link to the server for each delay.
func links(t *testing.T, server *etcdtest.Server) []link {
	t.Helper()
	var all []link
	for field := range strings.SplitSeq(*delays, ",") {
		delay, err := time.ParseDuration(field)
		if err != nil {
			t.Fatal(err)
		}
		if delay == 0 {
			all = append(all, link{"loopback", server.URL()})
			continue
		}
		proxy := etcdtest.NewTCPProxy(t, server.URL())
		proxy.SetLatency(delay)
		all = append(all, link{delay.String() + " each way", proxy.URL()})
	}
	return all
}

func numbers(t *testing.T, list string) []int {
	t.Helper()
	var all []int
	for field := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

// build builds a program with the flags of a release.
func build(t *testing.T, dir, name, pkg string) string {
	t.Helper()
	program := filepath.Join(dir, name)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, pkg)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, output)
	}
	return program
}

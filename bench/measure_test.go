package bench

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// operation is a command of the CLI.
type operation struct {
	name string
	args []string
	// says is what its output must contain: a plan with other changes would measure
	// something else.
	says func(n int) string
}

// destroy is the last operation.
const destroy = "destroy"

var operations = []operation{
	{"apply of creates", []string{"apply", "-auto-approve"}, func(n int) string { return fmt.Sprintf("%d added, 0 changed, 0 destroyed", n) }},
	{"plan, unchanged", []string{"plan"}, func(int) string { return "No changes." }},
	{"plan, one change", []string{"plan", "-var=first=another"}, func(int) string { return "0 to add, 1 to change, 0 to destroy" }},
	{destroy, []string{"destroy", "-auto-approve"}, func(n int) string { return fmt.Sprintf("%d destroyed", n) }},
}

// usage is what an operation used, in seconds and bytes.
type usage struct {
	wall float64
	// cpu is the time of the CLI and the provider, and provider that of the provider alone.
	cpu, provider float64
	// rss is the largest resident memory of a process of the provider.
	rss float64
	// requests are the requests that the server counted.
	requests float64
	// state is the size of the state file per object after the operation.
	state float64
}

// bench is a subject with its configuration for one server and one number of objects.
type bench struct {
	subject

	n         int
	workspace *cli.Workspace
	meter     string
	server    string
	used      usage
}

// newBench creates the workspace of a subject.
func newBench(t *testing.T, s subject, meter, server, endpoint string, n int) *bench {
	t.Helper()
	dir := t.TempDir()
	b := &bench{subject: s, n: n, meter: filepath.Join(dir, "meter.json"), server: server}
	mirror := filepath.Join(dir, "mirror")
	if err := os.Mkdir(mirror, 0o750); err != nil {
		t.Fatal(err)
	}
	if s.provider != "" {
		if err := cli.Install(mirror, meter); err != nil {
			t.Fatal(err)
		}
	}
	w, err := cli.New(*cliProgram, filepath.Join(dir, "work"), mirror, "METER_FILE="+b.meter, "METER_PROGRAM="+s.provider)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.Dir, "main.tf"), []byte(s.config(endpoint, etcdtest.Prefix(t), n)), 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := w.Expect(t.Context(), 0, "init"); err != nil {
		t.Fatalf("%s: %v\n%s", s.name, err, output)
	}
	w.Ended = func(state *os.ProcessState) { b.used.cpu = (state.UserTime() + state.SystemTime()).Seconds() }
	b.workspace = w
	return b
}

// run runs an operation and returns what it used.
func (b *bench) run(t *testing.T, op operation) usage {
	t.Helper()
	if err := os.RemoveAll(b.meter); err != nil {
		t.Fatal(err)
	}
	b.used = usage{requests: -requests(t, b.server)}
	begin := time.Now()
	output, err := b.workspace.Expect(t.Context(), 0, op.args...)
	b.used.wall = time.Since(begin).Seconds()
	b.used.requests += requests(t, b.server)
	if err != nil || !strings.Contains(output, op.says(b.n)) {
		t.Fatalf("%s, %s of %d: %v\n%.4000s", b.name, op.name, b.n, err, output)
	}
	b.addProvider(t)
	if info, err := os.Stat(filepath.Join(b.workspace.Dir, "terraform.tfstate")); err == nil {
		b.used.state = float64(info.Size()) / float64(b.n)
	}
	return b.used
}

// addProvider adds what the meter has recorded for each process of the provider.
func (b *bench) addProvider(t *testing.T) {
	t.Helper()
	if b.subject.provider == "" {
		return
	}
	file, err := os.Open(b.meter)
	if err != nil {
		t.Fatalf("%s: the provider has not been measured: %v", b.name, err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var process struct{ CPU, RSS float64 }
		if err := json.Unmarshal(lines.Bytes(), &process); err != nil {
			t.Fatal(err)
		}
		b.used.provider += process.CPU
		b.used.rss = max(b.used.rss, process.RSS)
	}
}

// requests returns how many requests for keys a server has counted: those of the v2 API,
// and those of the v3 API for the rival that uses it.
func requests(t *testing.T, server string) float64 {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var all float64
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "etcd_http_received_total{") &&
			(!strings.HasPrefix(line, "grpc_server_started_total{") || !strings.Contains(line, `grpc_service="etcdserverpb.KV"`)) {
			continue
		}
		var count float64
		if _, err := fmt.Sscan(line[strings.LastIndexByte(line, ' '):], &count); err != nil {
			t.Fatal(err)
		}
		all += count
	}
	return all
}

package examples_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

func TestMain(m *testing.M) { etcdtest.Main(m) }

// lab is what all examples of a test run share: a CLI, and the built provider.
type lab struct {
	program string
	release cli.Release
	mirror  string
}

// newLab builds the provider and finds the CLI: the one that
// TF_ACC_TERRAFORM_PATH names, or else bin/terraform.
func newLab(t *testing.T) *lab {
	t.Helper()

	if os.Getenv("TF_ACC") == "" {
		t.Skip("acceptance tests run with TF_ACC set")
	}
	dir := t.TempDir()
	provider := filepath.Join(dir, "terraform-provider-etcd")
	if err := cli.Build(t.Context(), provider); err != nil {
		t.Fatal(err)
	}
	l := &lab{program: os.Getenv("TF_ACC_TERRAFORM_PATH"), mirror: filepath.Join(dir, "mirror")}
	if l.program == "" {
		l.program = filepath.Join("..", "bin", "terraform")
	}
	if err := cli.Install(l.mirror, provider); err != nil {
		t.Fatal(err)
	}
	w, err := cli.New(l.program, dir, l.mirror)
	if err != nil {
		t.Fatal(err)
	}
	if l.release, err = w.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

// run is an example at work: its files in a workspace, on a server of its own.
type run struct {
	*cli.Workspace

	release cli.Release
	server  *etcdtest.Server
	// reserved are servers that are not started; replace puts their peer URLs,
	// and other names that only a server gives, in the place of those that the
	// example shows.
	reserved []*etcdtest.Server
	replace  *strings.Replacer
	source   string
	env      []string
}

// start gives an example a server and a workspace, with what its scene says.
func (l *lab) start(t *testing.T, source string, s scene) *run {
	t.Helper()

	r := &run{release: l.release, source: source, env: s.env}
	r.servers(t, s)
	if s.seed != nil {
		s.seed(t, r.server)
	}
	r = l.workspace(t, r)
	if s.files != nil {
		s.files(t, r)
	}
	r.must(t, 0, "init")
	return r
}

// servers starts what the example works on.
func (r *run) servers(t *testing.T, s scene) {
	t.Helper()

	if len(s.cluster) == 0 {
		r.server, r.replace = etcdtest.Start(t, s.options...), strings.NewReplacer()
		return
	}
	cluster := etcdtest.StartCluster(t, 3, s.options...)
	r.server = cluster.Servers[0]
	var pairs []string
	for i, url := range s.cluster {
		reserved := cluster.Reserve(t, fmt.Sprintf("n%d", len(cluster.Servers)+1+i))
		r.reserved = append(r.reserved, reserved)
		pairs = append(pairs, url, reserved.PeerURL())
	}
	r.replace = strings.NewReplacer(pairs...)
}

// workspace copies an example into a workspace of its own that works on the
// servers of a run.
func (l *lab) workspace(t *testing.T, on *run) *run {
	t.Helper()

	w, err := cli.New(l.program, t.TempDir(), l.mirror, append(slices.Clone(on.env), "ETCDCTL_ENDPOINTS="+on.server.URL())...)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(w.Dir, configuration(t, on.source, on.replace)); err != nil {
		t.Fatal(err)
	}
	r := *on
	r.Workspace = w
	r.complete(t)
	return &r
}

// complete adds what an example leaves out because every configuration has it:
// where the provider comes from. The endpoints of an example give way to the
// server under test.
func (r *run) complete(t *testing.T) {
	t.Helper()

	text := r.text(t)
	if !strings.Contains(text, "required_providers") {
		r.write(t, "zz_terraform.tf", "terraform {\n  required_providers {\n    etcd = {\n      source = \"etcdv2/etcd\"\n    }\n  }\n}\n")
	}
	switch {
	case !regexp.MustCompile(`(?m)^provider "etcd" {`).MatchString(text):
		r.write(t, "zz_provider.tf", "provider \"etcd\" {}\n")
	case strings.Contains(text, "endpoints"):
		r.write(t, "zz_override.tf", fmt.Sprintf("provider \"etcd\" {\n  endpoints = [%q]\n}\n", r.server.URL()))
	}
}

// text is the whole configuration.
func (r *run) text(t *testing.T) string {
	t.Helper()

	var text strings.Builder
	for _, name := range glob(t, filepath.Join(r.Dir, "*.tf")) {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(content)
	}
	return text.String()
}

func (r *run) write(t *testing.T, name, content string) {
	t.Helper()

	if err := os.WriteFile(filepath.Join(r.Dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// must runs a command, which has to end with an exit code, and returns what it printed.
func (r *run) must(t *testing.T, code int, args ...string) string {
	t.Helper()

	output, err := r.Expect(t.Context(), code, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return output
}

// apply applies the example, after which nothing is left to do.
func (r *run) apply(t *testing.T, args ...string) {
	t.Helper()

	r.must(t, 0, append([]string{"apply", "-auto-approve"}, args...)...)
	r.planEmpty(t)
}

func (r *run) planEmpty(t *testing.T) {
	t.Helper()
	r.must(t, 0, "plan", "-detailed-exitcode")
}

// keys are the values on the server by key. Directories are left out: those
// that a key brings with it stay when it goes.
func (r *run) keys(t *testing.T) map[string]string {
	t.Helper()

	type node struct {
		Key, Value string
		Dir        bool
		Nodes      []json.RawMessage
	}
	answer := r.server.Get(t, "/", "recursive=true")
	var root struct{ Node json.RawMessage }
	answer.Decode(t, &root)
	keys := map[string]string{}
	for nodes := []json.RawMessage{root.Node}; len(nodes) > 0; nodes = nodes[1:] {
		var n node
		if err := json.Unmarshal(nodes[0], &n); err != nil {
			t.Fatal(err)
		}
		if nodes = append(nodes, n.Nodes...); !n.Dir {
			keys[n.Key] = n.Value
		}
	}
	return keys
}

// destroy destroys what the example has made, and nothing else.
func (r *run) destroy(t *testing.T, before map[string]string) {
	t.Helper()

	r.must(t, 0, "destroy", "-auto-approve")
	if diff := cmp.Diff(before, r.keys(t)); diff != "" {
		t.Errorf("keys before and after (-want +got):\n%s", diff)
	}
}

// importScript runs the commands of import.sh, each for what it has first
// removed from the state.
func (r *run) importScript(t *testing.T) {
	t.Helper()

	script, err := os.ReadFile(filepath.Join(r.source, "import.sh"))
	if err != nil {
		t.Fatal(err)
	}
	imported := 0
	for line := range strings.Lines(r.replace.Replace(string(script))) {
		fields := strings.Fields(line)
		if len(fields) != 4 || fields[0] != "terraform" || fields[1] != "import" {
			continue
		}
		address, id := strings.Trim(fields[2], "'"), strings.Trim(fields[3], `'"`)
		r.must(t, 0, "state", "rm", address)
		r.must(t, 0, "import", address, id)
		imported++
	}
	if imported == 0 {
		t.Error("import.sh has no line: terraform import ADDRESS ID")
	}
	if !r.release.Knows(cli.ImportBlocks) {
		// The command of such a CLI takes outputs out of the state.
		r.must(t, 0, "apply", "-refresh-only", "-auto-approve")
	}
	r.planEmpty(t)
}

// importBlock applies a file with import blocks and their resources in a
// workspace of its own, where it must import and do nothing else.
func (r *run) importBlock(t *testing.T, l *lab, name string) {
	t.Helper()

	block, err := os.ReadFile(filepath.Join(r.source, name))
	if err != nil {
		t.Fatal(err)
	}
	other := l.workspace(t, r)
	other.write(t, name, r.replace.Replace(string(block)))
	if strings.Contains(string(block), "\nresource \"") {
		if err := os.Remove(filepath.Join(other.Dir, "resource.tf")); err != nil {
			t.Fatal(err)
		}
	}
	other.must(t, 0, "init")
	output := other.must(t, 0, "plan")
	if !regexp.MustCompile(`Plan: [1-9]\d* to import, 0 to add, 0 to change, 0 to destroy`).MatchString(output) {
		t.Errorf("%s: the plan is not to import and nothing else:\n%s", name, output)
	}
	other.apply(t)
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()

	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return names
}

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
	"github.com/etcdv2/terraform-provider-etcd/internal/cli/clitest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

func TestMain(m *testing.M) { etcdtest.Main(m) }

// run is an example at work: its files in a workspace, on a server of its own.
type run struct {
	*clitest.Workspace

	lab    *clitest.Lab
	server *etcdtest.Server
	// reserved are servers that are not started; replace puts their peer URLs,
	// and other names that only a server gives, in the place of those that the
	// example shows.
	reserved []*etcdtest.Server
	replace  *strings.Replacer
	source   string
	env      []string
}

// start gives an example a server and a workspace, with what its scene says.
func start(t *testing.T, l *clitest.Lab, source string, s scene) *run {
	t.Helper()

	r := &run{lab: l, source: source, env: s.env}
	r.servers(t, s)
	if s.seed != nil {
		s.seed(t, r.server)
	}
	r = r.workspace(t)
	if s.files != nil {
		s.files(t, r)
	}
	r.Must(t, 0, "init")
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

// workspace copies the example into another workspace that works on the same
// servers.
func (r *run) workspace(t *testing.T) *run {
	t.Helper()

	other := *r
	other.Workspace = r.lab.Open(t, t.TempDir(), append(slices.Clone(r.env), "ETCDCTL_ENDPOINTS="+r.server.URL())...)
	if err := os.CopyFS(other.Dir, configuration(t, r.source, r.replace)); err != nil {
		t.Fatal(err)
	}
	other.complete(t)
	return &other
}

// complete adds what an example leaves out because every configuration has it:
// where the provider comes from. The endpoints of an example give way to the
// server under test.
func (r *run) complete(t *testing.T) {
	t.Helper()

	text := r.text(t)
	if !strings.Contains(text, "required_providers") {
		r.Write(t, "zz_terraform.tf", "terraform {\n  required_providers {\n    etcd = {\n      source = \"etcdv2/etcd\"\n    }\n  }\n}\n")
	}
	switch {
	case !regexp.MustCompile(`(?m)^provider "etcd" {`).MatchString(text):
		r.Write(t, "zz_provider.tf", "provider \"etcd\" {}\n")
	case strings.Contains(text, "endpoints"):
		r.Write(t, "zz_override.tf", fmt.Sprintf("provider \"etcd\" {\n  endpoints = [%q]\n}\n", r.server.URL()))
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

// apply applies the example, after which nothing is left to do.
func (r *run) apply(t *testing.T, args ...string) {
	t.Helper()

	r.Must(t, 0, append([]string{"apply", "-auto-approve"}, args...)...)
	r.PlanEmpty(t)
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
	// A member that was removed can have been the leader.
	r.server.WaitHealthy(t)
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

	r.Must(t, 0, "destroy", "-auto-approve")
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
		r.Must(t, 0, "state", "rm", address)
		r.Must(t, 0, "import", address, id)
		imported++
	}
	if imported == 0 {
		t.Error("import.sh has no line: terraform import ADDRESS ID")
	}
	if !r.lab.Release.Knows(cli.ImportBlocks) {
		// The command of such a CLI takes outputs out of the state.
		r.Must(t, 0, "apply", "-refresh-only", "-auto-approve")
	}
	r.PlanEmpty(t)
}

// importBlock applies a file with import blocks and their resources in a
// workspace of its own, where it must import and do nothing else.
func (r *run) importBlock(t *testing.T, name string) {
	t.Helper()

	block, err := os.ReadFile(filepath.Join(r.source, name))
	if err != nil {
		t.Fatal(err)
	}
	other := r.workspace(t)
	other.Write(t, name, r.replace.Replace(string(block)))
	if strings.Contains(string(block), "\nresource \"") {
		if err := os.Remove(filepath.Join(other.Dir, "resource.tf")); err != nil {
			t.Fatal(err)
		}
	}
	other.Must(t, 0, "init")
	output := other.Must(t, 0, "plan")
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

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

// run is a running example: its files in a workspace, with a server of its own.
type run struct {
	*clitest.Workspace

	lab    *clitest.Lab
	server *etcdtest.Server
	// reserved are servers that are not started. replace replaces the peer URLs in the
	// example by theirs, and other names by those that the server chose.
	reserved []*etcdtest.Server
	replace  *strings.Replacer
	source   string
	env      []string
}

// start gives an example a server and a workspace, set up by its scene.
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

// servers starts the servers of the example.
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

// workspace copies the example into another workspace with the same servers.
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

// complete adds the part that examples leave out because it is always the same: the source
// of the provider. It replaces the endpoints of the example by the server under test.
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

// text returns the whole configuration.
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

// apply applies the example, and checks that nothing is left to do.
func (r *run) apply(t *testing.T, args ...string) {
	t.Helper()

	r.Must(t, 0, append([]string{"apply", "-auto-approve"}, args...)...)
	r.PlanEmpty(t)
}

// keys returns the values on the server by key. It leaves out directories: a directory that
// was created along with a key stays when the key is deleted.
func (r *run) keys(t *testing.T) map[string]string {
	t.Helper()

	type node struct {
		Key, Value string
		Dir        bool
		Nodes      []json.RawMessage
	}
	// A removed member may have been the leader.
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

// destroy destroys what the example has created, and checks that nothing else changed.
func (r *run) destroy(t *testing.T, before map[string]string) {
	t.Helper()

	r.Must(t, 0, "destroy", "-auto-approve")
	if diff := cmp.Diff(before, r.keys(t)); diff != "" {
		t.Errorf("keys before and after (-want +got):\n%s", diff)
	}
}

// importScript runs the commands of import.sh. Before each it removes the object from the
// state.
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
		// The state command of this CLI removes outputs from the state.
		r.Must(t, 0, "apply", "-refresh-only", "-auto-approve")
	}
	r.PlanEmpty(t)
}

// importBlock applies a file with import blocks and their resources in a workspace of its
// own, and checks that it only imports.
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
		t.Errorf("%s: the plan does something other than import:\n%s", name, output)
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

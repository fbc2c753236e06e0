package provider

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// notInTofu skips a test of a feature that OpenTofu does not have.
func notInTofu(t *testing.T, l *lab, what string) {
	t.Helper()
	if strings.Contains(l.cli, "tofu") {
		t.Skip(what + " are not in OpenTofu")
	}
}

// query runs `terraform query` on a list block and returns the paths in its output.
func query(t *testing.T, w *cli.Workspace, typeName, attributes string) []string {
	t.Helper()
	writeFile(t, w, "x.tfquery.hcl", "list \""+typeName+"\" \"x\" {\n  provider = etcd\n  "+attributes+"\n}\n")
	paths := []string{}
	for line := range strings.Lines(mustRun(t, w, 0, "query")) {
		if rest, ok := strings.CutPrefix(line, "list."+typeName+".x"); ok {
			fields := strings.Fields(rest)
			paths = append(paths, fields[len(fields)-1])
		}
	}
	return paths
}

// wroteNothing checks that only reads went through a proxy.
func wroteNothing(t *testing.T, proxy *etcdtest.Proxy) {
	t.Helper()
	for _, method := range []string{http.MethodPut, http.MethodPost, http.MethodDelete} {
		if n := proxy.Count(method, "/"); n != 0 {
			t.Errorf("%d requests with %s were sent", n, method)
		}
	}
}

func TestAccKeyList(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	notInTofu(t, l, "list resources")
	s, prefix := l.server, etcdtest.Prefix(t)
	for key, value := range map[string]string{
		"/a": "1", "/b/c": "line\n\"two\" ${not} %{a} template\t\\", "/b/empty": "", "/b/_hidden": "s", "/json": `{"a": [1, null]}`,
	} {
		s.Put(t, prefix+key, value)
	}
	s.Put(t, prefix+"/leased", "x", "ttl=5000")
	s.Mkdir(t, prefix+"/dir")
	w := l.workspace(t, "1.14.0", s.URL(), "")
	config := func(more string) string { return "config {\n    prefix = \"" + prefix + "\"\n    " + more + "\n  }" }

	for attributes, want := range map[string][]string{
		config(``):                   {"/a", "/b/c", "/b/empty", "/json", "/leased"},
		config(`recursive = false`):  {"/a", "/json", "/leased"},
		"limit = 2\n  " + config(``): {"/a", "/b/c"},
	} {
		for i := range want {
			want[i] = prefix + want[i]
		}
		if diff := cmp.Diff(want, query(t, w, "etcd_key", attributes)); diff != "" {
			t.Errorf("query with %s (-want +got):\n%s", attributes, diff)
		}
	}
}

// nfd is a name that no CLI can write: an e and an accent, which it combines into one letter.
const nfd = "cafe\u0301"

// A list that is cut off, or leaves something out, reports it.
func TestAccList_missing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	notInTofu(t, l, "list resources")
	s := etcdtest.Start(t)
	for i := range 101 {
		s.Put(t, fmt.Sprintf("/k/%03d", i), "x")
	}
	s.Put(t, "/k/"+nfd+"/x", "x")
	s.Mkdir(t, "/k/dir")
	makeUser(t, s, "alice")
	makeUser(t, s, "bob")
	makeUser(t, s, nfd)
	makeRole(t, s, "ops", nil, nil)
	makeRole(t, s, nfd, nil, nil)
	w := l.workspace(t, "1.14.0", s.URL(), "")
	for _, c := range []struct {
		typeName, attributes string
		listed               int
		want, not            string
	}{
		{"etcd_key", "", 100, "There are 101 keys, and only the first 100 are listed", ""},
		{"etcd_key", "limit = 3", 3, "There are 101 keys, and only the first 3 are listed", ""},
		{
			"etcd_key", "limit = 101", 101, `etcd_key cannot manage them: "/k/` + nfd + `/x": Its name is not in Unicode normalization form C`,
			"only the first",
		},
		{"etcd_dir", "limit = 1", 1, "There are 2 directories, and only the first 1 are listed", ""},
		{"etcd_dir", "", 2, `etcd_dir cannot manage them: "/k/` + nfd + `":`, "only the first"},
		{"etcd_user", "limit = 1", 1, "There are 2 users, and only the first 1 are listed", ""},
		{"etcd_user", "", 2, `etcd_user cannot manage them: "` + nfd + `":`, "only the first"},
		{"etcd_role", "", 1, `etcd_role cannot manage them: "` + nfd + `":`, "only the first"},
		{"etcd_member", "limit = 1", 1, "list.etcd_member.x", "only the first"},
	} {
		if got := len(query(t, w, c.typeName, c.attributes)); got != c.listed {
			t.Errorf("%s with %q lists %d, want %d", c.typeName, c.attributes, got, c.listed)
		}
		output := mustRun(t, w, 0, "query")
		if !spaced(keyspace.Normalized(c.want)).MatchString(keyspace.Normalized(output)) || c.not != "" && spaced(c.not).MatchString(output) {
			t.Errorf("%s with %q, want %q and not %q:\n%s", c.typeName, c.attributes, c.want, c.not, output)
		}
	}
}

func TestAccKeyList_refused(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	notInTofu(t, l, "list resources")
	prefix := etcdtest.Prefix(t)
	l.server.Put(t, prefix+"/key", "x")
	w := l.workspace(t, "1.14.0", l.server.URL(), "")
	for path, want := range map[string]string{
		prefix + "/none": prefix + "/none does not exist",
		prefix + "/key":  "There is a key at " + prefix + "/key",
		"relative":       "does not start with a slash",
	} {
		writeFile(t, w, "x.tfquery.hcl", "list \"etcd_key\" \"x\" {\n  provider = etcd\n  config {\n    prefix = \""+path+"\"\n  }\n}\n")
		if output := mustRun(t, w, 1, "query"); !spaced(want).MatchString(output) {
			t.Errorf("query of %s, want %q:\n%s", path, want, output)
		}
	}
}

// A generated configuration is imported unchanged, and the plan after that is empty.
func TestAccKeyList_generatedConfiguration(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	notInTofu(t, l, "list resources")
	s, prefix := l.server, etcdtest.Prefix(t)
	before := map[string]uint64{}
	for key, value := range map[string]string{
		"/a": "1", "/b/c": "line\n\"two\" ${not} %{a} template\t\\", "/b/empty": "", "/json": `{"a": [1, null]}`, "/strict": `{"a":[1,null]}`,
		"/a b/ключ#?%": "x", "/number": "1.0",
	} {
		before[prefix+key] = s.Put(t, prefix+key, value).Node.ModifiedIndex
	}
	before[prefix+"/leased"] = s.Put(t, prefix+"/leased", "x", "ttl=5000").Node.ModifiedIndex
	s.Mkdir(t, prefix+"/dir")
	proxy := etcdtest.NewProxy(t, s.URL())
	w := l.workspace(t, "1.14.0", proxy.URL(), "")
	writeFile(t, w, "x.tfquery.hcl", `
list "etcd_key" "keys" {
  provider         = etcd
  include_resource = true
  config {
    prefix = "`+prefix+`"
  }
}
list "etcd_dir" "dirs" {
  provider         = etcd
  include_resource = true
  config {
    prefix   = "`+prefix+`"
    implicit = false
  }
}
`)
	mustRun(t, w, 0, "query", "-generate-config-out=generated.tf")
	output := mustRun(t, w, 0, "apply", "-auto-approve")
	if !strings.Contains(output, "9 imported, 0 added, 0 changed, 0 destroyed") {
		t.Errorf("apply of the generated configuration:\n%s", output)
	}
	mustRun(t, w, 0, "plan", "-detailed-exitcode")
	for key, index := range before {
		if node := s.Get(t, key).Node; node.ModifiedIndex != index {
			t.Errorf("%s has index %d after the import, want %d", key, node.ModifiedIndex, index)
		}
	}
	wroteNothing(t, proxy)
}

func TestAccDirList(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	notInTofu(t, l, "list resources")
	s, prefix := l.server, etcdtest.Prefix(t)
	s.Put(t, prefix+"/a/b/key", "x")
	s.Mkdir(t, prefix+"/a/empty")
	s.Mkdir(t, prefix+"/leased", "ttl=5000")
	s.Put(t, prefix+"/leased/key", "x")
	w := l.workspace(t, "1.14.0", s.URL(), "")
	config := func(more string) string { return "config {\n    prefix = \"" + prefix + "\"\n    " + more + "\n  }" }
	for attributes, want := range map[string][]string{
		config(``):                   {"/a", "/a/b", "/a/empty", "/leased"},
		config(`implicit = false`):   {"/a/empty", "/leased"},
		config(`recursive = false`):  {"/a", "/leased"},
		"limit = 1\n  " + config(``): {"/a"},
	} {
		for i := range want {
			want[i] = prefix + want[i]
		}
		if diff := cmp.Diff(want, query(t, w, "etcd_dir", attributes)); diff != "" {
			t.Errorf("query with %s (-want +got):\n%s", attributes, diff)
		}
	}
}

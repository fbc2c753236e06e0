package provider

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// storedValues returns typical values of stores, by key name.
func storedValues() map[string]string {
	values := map[string]string{
		"text": "plain", "empty": "", "space": " ", "padded": "  two  ", "tab": "\t", "newline": "\n", "lines": "one\ntwo\n",
		"crlf":    "one\r\ntwo\r\n",
		"heredoc": "<<EOT\nx\nEOT\n", "templates": "${not} %{if x}$${y}%%{z}", "quotes": `"a" \ 'b' \n`, "nul": "a\x00b",
		"control": "\x01\x1b[0m\x7f",
		"bom":     "\uFEFFtext", "separators": "a\u2028b\u2029c", "replacement": "a\uFFFDb", "emoji": "👩‍👩‍👧 ключ", "nfd": nfd, "latin1": latin1,
		"bytes": "\xff\x00\xfe",
		"long":  strings.Repeat("0123456789", 20000), "long_line": strings.Repeat("x y", 3000) + "\n",
		"integer": "1", "float": "1.0", "exponent": "1e2", "big": "123456789012345678901234567890", "huge": "1e400", "negative_zero": "-0",
		"octal": "0755",
		"true":  "true", "null": "null", "json_string": `"text"`, "json_spaces": ` 1 `, "not_json": `{"a":`, "two_json": `{} {}`,
		"yaml":     "a: 1\nb:\n  - 2\n",
		"duration": "10m", "hcl": "a = 1\nb {}\n", "pem": "-----BEGIN X-----\nAAAA\n-----END X-----\n",
	}
	for name, text := range map[string]string{
		"object": `{"a":1,"b":"x"}`, "array": `[1,2,3]`, "empty_object": `{}`, "empty_array": `[]`, "loose": `{"b": [1, null],   "a": true}`,
		"pretty": "{\n  \"b\": 1,\n  \"a\": 2\n}\n", "order": `{"z":1,"a":2}`, "nested": `{"a":{"b":[{"c":[]}]}}`,
		"numbers": `[1.0,1e2,1E-3,-0,0.1,1.10]`,
		"big":     `{"n":123456789012345678901234567890,"e":1e300}`, "huge": `[1e400]`, "html": `["<a>&\u003cb\u003e"]`,
		"escapes":   `["\u00e9\/\b\f\u2028"]`,
		"surrogate": `["\ud83d\ude00"]`, "lone": `["\ud800"]`, "templates": `["${x}","%{y}","$${z}"]`,
		"keywords":  `{"null":2,"true":3,"if":4,"in":5}`,
		"odd_names": `{"":1,"a b":2,"a.b":3,"1":4,"é":5,"${x}":6,"a\"b":7}`, "nul": `["a\u0000b"]`, "mixed": `[1,"a",null,true,{},[]]`,
		"padded": "  [1]\r\n",
		"deep":   strings.Repeat("[", 50) + strings.Repeat("]", 50), "nfd": `{"` + nfd + `":"` + nfd + `"}`, "nfd_escaped": `["e\u0301"]`,
		"duplicate": `{"a":1,"a":2}`,
		"patroni":   `{"conn_url":"postgres://10.0.0.1:5432/postgres","api_url":"http://10.0.0.1:8008/patroni","state":"running","xlog_location":67108960,"timeline":1}`,
		"flannel":   `{"Network":"10.244.0.0/16","SubnetLen":24,"Backend":{"Type":"vxlan","VNI":1}}`, "dates": `["2026-11-28T00:00:00Z"]`,
		"empty_strings": `{"a":"","b":[""]}`,
	} {
		values["json_"+name] = text
	}
	return values
}

// storeValues writes the values below a directory and returns the modified index of each
// key.
func storeValues(t *testing.T, s *etcdtest.Server, dir string, values map[string]string) map[string]uint64 {
	t.Helper()
	indexes := map[string]uint64{}
	for name, value := range values {
		indexes[dir+"/"+name] = s.Put(t, dir+"/"+name, value).Node.ModifiedIndex
	}
	return indexes
}

// wantUntouched checks that keys have not been written.
func wantUntouched(t *testing.T, s *etcdtest.Server, indexes map[string]uint64) {
	t.Helper()
	for key, index := range indexes {
		if node := s.Get(t, key).Node; node.ModifiedIndex != index {
			t.Errorf("%s has index %d after the import, want %d", key, node.ModifiedIndex, index)
		}
	}
}

// wantQuietImport applies a generated configuration with that many objects, and checks that
// neither the apply nor the next plan changes anything.
func wantQuietImport(t *testing.T, w *cli.Workspace, objects int) {
	t.Helper()
	output := mustRun(t, w, 0, "apply", "-auto-approve")
	if want := fmt.Sprintf("%d imported, 0 added, 0 changed, 0 destroyed", objects); !strings.Contains(output, want) {
		t.Errorf("the apply of the generated configuration does not report %q:\n%s", want, output)
	}
	if output, code, err := w.Run(t.Context(), "plan", "-detailed-exitcode"); err != nil || code != 0 {
		t.Errorf("the plan after the import ends with %d (%v):\n%s", code, err, output)
	}
}

// A generated configuration imports every kind of value and changes nothing.
func TestAccGenerated_values(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s, dir := l.server, etcdtest.Prefix(t)
	values := storedValues()
	indexes := storeValues(t, s, dir, values)
	proxy := etcdtest.NewProxy(t, s.URL())

	t.Run("by id", func(t *testing.T) {
		t.Parallel()
		w := l.workspace(t, "1.5.0", proxy.URL(), "")
		var imports strings.Builder
		for _, name := range slices.Sorted(maps.Keys(values)) {
			fmt.Fprintf(&imports, "import {\n  to = etcd_key.%s\n  id = %q\n}\n", name, dir+"/"+name)
		}
		writeFile(t, w, "imports.tf", imports.String())
		mustRun(t, w, 0, "plan", "-generate-config-out=generated.tf")
		wantQuietImport(t, w, len(values))
	})
	t.Run("by identity", func(t *testing.T) {
		t.Parallel()
		w := l.workspace(t, "1.12.0", proxy.URL(), "")
		var imports strings.Builder
		for _, name := range slices.Sorted(maps.Keys(values)) {
			fmt.Fprintf(&imports, "import {\n  to = etcd_key.%s\n  identity = {\n    key = %q\n  }\n}\n", name, dir+"/"+name)
		}
		writeFile(t, w, "imports.tf", imports.String())
		mustRun(t, w, 0, "plan", "-generate-config-out=generated.tf")
		wantQuietImport(t, w, len(values))
	})
	t.Run("by query", func(t *testing.T) {
		t.Parallel()
		notInTofu(t, l, "list resources")
		w := l.workspace(t, "1.14.0", proxy.URL(), "")
		writeFile(t, w, "x.tfquery.hcl", fmt.Sprintf("list \"etcd_key\" \"all\" {\n  provider = etcd\n  include_resource = true\n"+
			"  limit = 1000\n  config {\n    prefix = %q\n  }\n}\n", dir))
		mustRun(t, w, 0, "query", "-generate-config-out=generated.tf")
		wantQuietImport(t, w, len(values))
	})
	t.Cleanup(func() {
		wroteNothing(t, proxy)
		wantUntouched(t, s, indexes)
	})
}

// The form of an id chooses the attribute for the value. The configuration that a CLI generates
// for each form is accepted, even if the value is not in state.
func TestAccGenerated_forms(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s, dir := l.server, etcdtest.Prefix(t)
	indexes := storeValues(t, s, dir, map[string]string{"secret": "x", "json": `{"b": 1}`, "text": "plain"})
	proxy := etcdtest.NewProxy(t, s.URL())
	w := l.workspace(t, "1.11.0", proxy.URL(), "")
	imports := ""
	for name, id := range map[string]string{"secret": "value_wo:", "json": "value_json:", "text": "value:"} {
		imports += fmt.Sprintf("import {\n  to = etcd_key.%s\n  id = %q\n}\n", name, id+dir+"/"+name)
	}
	writeFile(t, w, "imports.tf", imports)
	mustRun(t, w, 0, "plan", "-generate-config-out=generated.tf")
	wantQuietImport(t, w, 3)
	wroteNothing(t, proxy)
	wantUntouched(t, s, indexes)
}

// The same for a key in order, whose value has one attribute for text and JSON. A value that is
// not the same JSON is written in the configured form.
func TestAccGenerated_inOrder(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s, dir := l.server, etcdtest.Prefix(t)
	texts, values := storedValues(), map[string]string{}
	imports := ""
	for i, name := range slices.Sorted(maps.Keys(texts)) {
		number := fmt.Sprintf("%020d", i+1)
		values[number] = texts[name]
		imports += fmt.Sprintf("import {\n  to = etcd_in_order_key.%s\n  id = %q\n}\n", name, dir+"/"+number)
	}
	const loose = `{"b": [1, null],   "a": true}`
	changed := fmt.Sprintf("%020d", len(values)+1)
	indexes := storeValues(t, s, dir, values)
	s.Put(t, dir+"/"+changed, loose)
	proxy := etcdtest.NewProxy(t, s.URL())
	w := l.workspace(t, "1.5.0", proxy.URL(), "")
	writeFile(t, w, "imports.tf", imports)
	mustRun(t, w, 0, "plan", "-generate-config-out=generated.tf")
	wantQuietImport(t, w, len(values))
	wroteNothing(t, proxy)
	wantUntouched(t, s, indexes)

	block := func(value string) {
		writeFile(t, w, "changed.tf", fmt.Sprintf("resource \"etcd_in_order_key\" \"changed\" {\n  dir   = %q\n  value = %q\n}\n", dir, value))
	}
	block(`{"a":true,"b":[1,null]}`)
	writeFile(t, w, "import.tf", fmt.Sprintf("import {\n  to = etcd_in_order_key.changed\n  id = %q\n}\n", dir+"/"+changed))
	wantQuietImport(t, w, 1)
	for _, value := range []string{`{"a": false}`, `{"a":false}`} {
		block(value)
		mustRun(t, w, 0, "apply", "-auto-approve")
		if got := s.Get(t, dir+"/"+changed).Node.Value; got != value {
			t.Errorf("the server has %q, want %q: the provider wrote it", got, value)
		}
	}
	mustRun(t, w, 0, "plan", "-detailed-exitcode")
}

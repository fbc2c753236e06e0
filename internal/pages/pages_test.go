package main

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/etcdv2/terraform-provider-etcd/internal/provider"
	"github.com/etcdv2/terraform-provider-etcd/internal/tfserver"
)

// TestTable checks that the table has a row for each object of the provider, links only to
// existing pages, and has no other rows except for guides.
func TestTable(t *testing.T) {
	t.Parallel()

	want := objectPages(t)
	var got []string
	for _, r := range table() {
		if path.Dir(r.page) != guides {
			got = append(got, r.page)
			if !slices.Contains(subcategories(), r.subcategory) {
				t.Errorf("%s is in no subcategory of the index", r.page)
			}
		}
		if len(r.see) == 0 || slices.Contains(r.see, r.page) {
			t.Errorf("%s links to %q, want other pages", r.page, r.see)
		}
		for _, other := range r.see {
			if _, err := os.Stat("../../templates/" + other + ".md.tmpl"); err != nil && !slices.Contains(want, other) {
				t.Errorf("%s links to %s, which does not exist", r.page, other)
			}
		}
		for _, callout := range r.callouts {
			if !strings.HasPrefix(callout, "~> ") && !strings.HasPrefix(callout, "-> ") || !strings.HasSuffix(callout, ".") {
				t.Errorf("%s: %q is not a callout", r.page, callout)
			}
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("objects of the provider and rows of table.go (-objects +rows):\n%s", diff)
	}
}

// objectPages returns the pages of the objects that the provider reports.
func objectPages(t *testing.T) []string {
	t.Helper()

	server := tfserver.New(provider.New("test", false))
	metadata, err := server.GetMetadata(t.Context(), &tfprotov6.GetMetadataRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var pages []string
	add := func(dir, name string) { pages = append(pages, path.Join(dir, strings.TrimPrefix(name, "etcd_"))) }
	for _, object := range metadata.Resources {
		add("resources", object.TypeName)
	}
	for _, object := range metadata.DataSources {
		add("data-sources", object.TypeName)
	}
	for _, object := range metadata.EphemeralResources {
		add("ephemeral-resources", object.TypeName)
	}
	for _, object := range metadata.ListResources {
		add("list-resources", object.TypeName)
	}
	for _, object := range metadata.Actions {
		add("actions", object.TypeName)
	}
	for _, object := range metadata.Functions {
		add("functions", object.Name)
	}
	slices.Sort(pages)
	return pages
}

const (
	keyPage = `---
page_title: "etcd_key Resource - etcd"
subcategory: ""
description: |-
  A key of etcd 2.3. It has a value.
---

# etcd_key (Resource)

A key of etcd 2.3. It has a value.

## Example Usage

## Schema

- value
`
	rolePage = `---
page_title: "etcd_role List Resource - etcd"
subcategory: ""
description: |-
  Lists the roles
---

## Example Usage

## Schema
`
	ttlPage = `---
page_title: "TTLs"
subcategory: ""
description: |-
  Keys that expire: all of them.
---
`
)

// TestCompleteAll completes a small set of pages.
func TestCompleteAll(t *testing.T) {
	t.Parallel()

	dir := t.TempDir()
	put(t, dir, map[string]string{
		"index.md":         "# etcd\n\n<!-- objects -->\n\n## More\n",
		"resources/key.md": keyPage, "list-resources/role.md": rolePage, "guides/ttl.md": ttlPage,
	})
	rows := []row{
		{"resources/key", keys, []string{"~> Careful.", "-> A note."}, []string{"guides/ttl", "list-resources/role"}},
		{"list-resources/role", users, nil, []string{"resources/key"}},
	}
	if err := completeAll(dir, rows); err != nil {
		t.Fatal(err)
	}
	key := strings.Replace(keyPage, `subcategory: ""`, `subcategory: "Keys"`, 1)
	key = strings.Replace(key, "\n## Example", "\n~> Careful.\n\n-> A note.\n\n## Example", 1)
	role := strings.Replace(rolePage, `subcategory: ""`, `subcategory: "Users and roles"`, 1)
	want := map[string]string{
		"resources/key.md": key + "\n## See also\n\n* [TTLs](" + registry + "guides/ttl) (guide): Keys that expire: all of them.\n" +
			"* [etcd_role](" + registry + "list-resources/role) (list resource): Lists the roles.\n",
		"list-resources/role.md": role + "\nThis list resource has no arguments. Leave out its `config` block.\n" +
			"\n## See also\n\n* [etcd_key](" + registry + "resources/key) (resource): A key of etcd 2.3.\n",
		"guides/ttl.md": ttlPage,
	}
	for name, text := range want {
		if diff := cmp.Diff(text, get(t, dir, name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	index := get(t, dir, "index.md")
	for _, line := range []string{
		"### Keys\n\n| name | kind | description |\n|---|---|---|\n" +
			"| [etcd_key](" + registry + "resources/key) | resource | A key of etcd 2.3. |\n",
		"| [etcd_role](" + registry + "list-resources/role) | list resource | Lists the roles. |\n",
		"| [TTLs](" + registry + "guides/ttl) | Keys that expire: all of them. |\n\n## More\n",
	} {
		if !strings.Contains(index, line) {
			t.Errorf("the index has no %q:\n%s", line, index)
		}
	}
	if err := completeAll(dir, rows); err == nil {
		t.Error("completing pages twice returned no error")
	}
}

// TestCompleteAll_refuses checks that pages missing in the table, and rows and links without
// a page, are errors.
func TestCompleteAll_refuses(t *testing.T) {
	t.Parallel()

	key := row{"resources/key", keys, nil, []string{"guides/ttl"}}
	for name, test := range map[string]struct {
		index string
		rows  []row
		want  string
	}{
		"page without a row":      {objectsHere, nil, "no row for resources/key"},
		"link to no page":         {objectsHere, []row{{"resources/key", keys, nil, []string{"guides/none"}}}, "which does not exist"},
		"index without its table": {"# etcd\n", []row{key}, "has no line"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			dir := t.TempDir()
			put(t, dir, map[string]string{"index.md": test.index, "resources/key.md": keyPage, "guides/ttl.md": ttlPage})
			if err := completeAll(dir, test.rows); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want one with %q", err, test.want)
			}
		})
	}
}

func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()

	for name, text := range files {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func get(t *testing.T, dir, name string) string {
	t.Helper()

	text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

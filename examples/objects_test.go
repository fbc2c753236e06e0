package examples_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/etcdv2/terraform-provider-etcd/internal/provider"
	"github.com/etcdv2/terraform-provider-etcd/internal/tfserver"
)

// TestExamples_ofEveryObject checks that each object of the provider has the files from
// which its registry page is generated, and that there are no files for anything else.
func TestExamples_ofEveryObject(t *testing.T) {
	t.Parallel()

	want := wantedFiles(t)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		for _, file := range want[name] {
			if !exists(name, file) {
				t.Errorf("there is no %s", filepath.Join(name, file))
			}
		}
	}
	for _, kind := range []string{
		"resources", "data-sources", "ephemeral-resources", "functions", "list-resources", "actions", "state-stores",
	} {
		entries, err := os.ReadDir(kind)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if name := filepath.Join(kind, entry.Name()); want[name] == nil {
				t.Errorf("%s belongs to no object", name)
			}
		}
	}
}

// TestChangelog checks that each object of the provider has an entry.
func TestChangelog(t *testing.T) {
	t.Parallel()

	changelog, err := os.ReadFile("../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(wantedFiles(t))) {
		// The directory of each kind has its name in the plural.
		kind, object, found := strings.Cut(filepath.ToSlash(name), "/")
		if entry := "* " + strings.TrimSuffix(kind, "s") + "/" + object + ": "; found && !strings.Contains(string(changelog), entry) {
			t.Errorf("CHANGELOG.md has no entry %q", entry)
		}
	}
}

// TestExamples_scenes checks that each scene has an example: otherwise it tests nothing.
func TestExamples_scenes(t *testing.T) {
	t.Parallel()

	for _, dir := range slices.Sorted(maps.Keys(scenes)) {
		if !slices.Contains(directories(t), dir) {
			t.Errorf("there is a scene for %s, which has no configuration", dir)
		}
	}
}

// wantedFiles returns the files of each example's directory, by the objects that the
// provider reports.
func wantedFiles(t *testing.T) map[string][]string {
	t.Helper()

	server := tfserver.New(provider.New("test", false))
	metadata, err := server.GetMetadata(t.Context(), &tfprotov6.GetMetadataRequest{})
	if err != nil {
		t.Fatal(err)
	}
	identities, err := server.GetResourceIdentitySchemas(t.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]*tfprotov6.Diagnostic(nil), slices.Concat(metadata.Diagnostics, identities.Diagnostics)); diff != "" {
		t.Fatalf("diagnostics (-want +got):\n%s", diff)
	}
	want := map[string][]string{"provider": {"provider.tf"}}
	for _, object := range metadata.Resources {
		files := []string{"resource.tf"}
		if identities.IdentitySchemas[object.TypeName] != nil {
			files = append(files, "import.sh", "import-by-identity.tf")
		}
		want[filepath.Join("resources", object.TypeName)] = files
	}
	for _, object := range metadata.DataSources {
		want[filepath.Join("data-sources", object.TypeName)] = []string{"data-source.tf"}
	}
	for _, object := range metadata.EphemeralResources {
		want[filepath.Join("ephemeral-resources", object.TypeName)] = []string{"ephemeral-resource.tf"}
	}
	for _, object := range metadata.Functions {
		want[filepath.Join("functions", object.Name)] = []string{"function.tf"}
	}
	for _, object := range metadata.ListResources {
		want[filepath.Join("list-resources", object.TypeName)] = []string{"list-resource.tfquery.hcl"}
	}
	for _, object := range metadata.Actions {
		want[filepath.Join("actions", object.TypeName)] = []string{"action.tf"}
	}
	for _, object := range metadata.StateStores {
		want[filepath.Join("state-stores", object.TypeName)] = []string{"state-store.tf"}
	}
	return want
}

package provider

import (
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// The errors about an object that cannot be created, imported or read.

// TestMessages_wrongKind has a directory in the place of each key, and a key in the place of each
// directory.
func TestMessages_wrongKind(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	own := etcdtest.Prefix(t)
	s.Put(t, own+"/dir/k", "v")
	s.Put(t, own+"/key", "v")
	d := newDirect(t, endpoint(s.URL()))
	_, errs := d.apply(t, d.none("etcd_key"), map[string]any{"key": own + "/dir", "value": "x"})
	wantPhrases(t, errs, "There is a directory: ", own+"/dir", "take this object out of the configuration")
	_, errs = d.apply(t, d.none("etcd_dir"), map[string]any{"path": own + "/key"})
	wantPhrases(t, errs, "There is a key: ", own+"/key", "take this object out of the configuration")
	_, errs = d.readImported(t, "etcd_key", own+"/dir")
	wantPhrases(t, errs, "There is a directory: ", own+"/dir")
	_, errs = d.readImported(t, "etcd_dir", own+"/key")
	wantPhrases(t, errs, "There is a key: ", own+"/key")
	_, errs = d.read(t, "etcd_dir", map[string]any{"path": own + "/key"})
	wantPhrases(t, errs, "Directory is a key: ", own+"/key", "data source etcd_key")
	_, errs = d.read(t, "etcd_keys", map[string]any{"prefix": own + "/key"})
	wantPhrases(t, errs, "Directory is a key: ", own+"/key", "data source etcd_key")
}

// A user and a role do not expire.
func TestMessages_missingUser(t *testing.T) {
	t.Parallel()
	d := newDirect(t, endpoint(etcdtest.Shared(t).URL()))
	for _, typeName := range []string{"etcd_user", "etcd_role"} {
		_, errs := d.read(t, typeName, map[string]any{"name": "absent"})
		wantPhrases(t, errs, "absent", "It does not exist. It was removed, or never created.")
	}
}

// A value that no server accepts is rejected when a configuration is validated, with one error.
func TestMessages_invalid(t *testing.T) {
	t.Parallel()
	d := newDirect(t, map[string]any{"key_prefix": ""})
	big := strings.Repeat("ä", 2<<20) // six bytes each in a request
	for name, tt := range map[string]struct {
		typeName   string
		attributes map[string]any
		want       string
	}{
		"broken JSON":        {"etcd_key", map[string]any{"key": "/k", "value_json": "{"}, "Invalid JSON"},
		"large value":        {"etcd_key", map[string]any{"key": "/k", "value": big}, "Too large: the value takes 12582918 bytes in a request"},
		"large JSON":         {"etcd_key", map[string]any{"key": "/k", "value_json": `"` + big + `"`}, "Too large"},
		"large value of one": {"etcd_key_prefix", map[string]any{"prefix": "/p", "keys": map[string]any{"a": big}}, "Too large"},
		"large in order":     {"etcd_in_order_key", map[string]any{"dir": "/p", "value": big}, "Too large"},
		"slash at the end":   {"etcd_role", map[string]any{"name": "r", "kv_read": []string{"/a/"}}, "Pattern covers no key"},
		"two slashes":        {"etcd_role", map[string]any{"name": "r", "kv_read": []string{"/a//b"}}, "Pattern covers no key"},
		"two slashes and *":  {"etcd_role", map[string]any{"name": "r", "kv_read": []string{"/a//*"}}, "Pattern covers no key"},
		"parent directory":   {"etcd_role", map[string]any{"name": "r", "kv_read": []string{"/a/../b*"}}, "Pattern covers no key"},
		"value that fits":    {"etcd_key", map[string]any{"key": "/k", "value": strings.Repeat("a", 10<<20-6)}, ""},
		"the root":           {"etcd_role", map[string]any{"name": "r", "kv_read": []string{"/", "/*", "*", "/a", "/a*", "/.*"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			typ := d.schemas.ResourceSchemas[tt.typeName].ValueType()
			resp, err := d.server.ValidateResourceConfig(t.Context(), &tfprotov6.ValidateResourceConfigRequest{
				TypeName: tt.typeName, Config: dynamic(t, typ, value(t, typ, tt.attributes)),
			})
			if err != nil {
				t.Fatal(err)
			}
			texts := make([]string, len(resp.Diagnostics))
			for i, diagnostic := range resp.Diagnostics {
				texts[i] = diagnostic.Summary + ": " + diagnostic.Detail
			}
			if (tt.want == "") != (len(texts) == 0) || len(texts) > 1 || !strings.Contains(strings.Join(texts, "\n"), tt.want) {
				t.Errorf("diagnostics = %.500q, want one with %q", texts, tt.want)
			}
		})
	}
}

// A secret whose key is created by the same run is read after the key exists, with the
// configuration that the error advises.
func TestAccKeyEphemeral_createdInTheRun(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	own := etcdtest.Prefix(t)
	cfg := func(key string) string {
		return config(s.URL(), `
resource "etcd_key" "secret" {
  key   = %q
  value = "v"
}
ephemeral "etcd_key" "secret" {
  key = %s
}
resource "etcd_key" "copy" {
  key              = %q
  value_wo         = ephemeral.etcd_key.secret.value
  value_wo_version = 1
}
`, own+"/secret", key, own+"/copy")
	}
	known := resource.TestStep{
		Config: cfg("etcd_key.secret.key"),
		ExpectError: errorWith("Key not found", own+"/secret does not exist", "If this configuration creates the key",
			"created_index > 0 ? etcd_key.example.key : null"),
	}
	// OpenTofu reads it after the key exists in any case.
	if strings.Contains(os.Getenv("TF_ACC_TERRAFORM_PATH"), "tofu") {
		known.ExpectError, known.Check = nil, serverHas(t, s, own+"/copy", "v")
	}
	acceptanceOfEphemeral(t, known, resource.TestStep{
		Config: cfg("etcd_key.secret.created_index > 0 ? etcd_key.secret.key : null"),
		Check:  serverHas(t, s, own+"/copy", "v"),
	})
}

// CheckValue counts the bytes of the form encoding.
func TestMessages_valueThatFits(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	d := newDirect(t, endpoint(s.URL()))
	fits := strings.Repeat("a", 10<<20-100)
	mustApply(t, d, d.none("etcd_key"), map[string]any{"key": "/k", "value": fits})
	if err := etcdv2.CheckValue(fits + strings.Repeat("/", 100)); err == nil {
		t.Error("CheckValue() accepts a value that is too large")
	}
}

package e2e_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/cli/clitest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

const secretConfiguration = `
terraform {
  required_version = ">= 1.11"
  required_providers {
    etcd = { source = "registry.terraform.io/etcdv2/etcd" }
  }
}
variable "secret" {
  type      = string
  ephemeral = true
}
variable "password" {
  type      = string
  ephemeral = true
}
provider "etcd" {
  endpoints = [%[1]q]
  username  = "root"
  password  = var.password
}
resource "etcd_key" "variable" {
  key              = "/secrets/variable"
  value_wo         = var.secret
  value_wo_version = %[2]d
  ttl              = 1000
}
ephemeral "etcd_key" "source" {
  key = "/secrets/source"
}
resource "etcd_key" "copy" {
  key              = "/secrets/copy"
  value_wo         = ephemeral.etcd_key.source.value
  value_wo_version = %[2]d
}
`

// Secrets that only the server may know: no plan, state, log or output may contain them.
const (
	firstSecret  = "hush7first"
	secondSecret = "hush7second"
	sourceSecret = "hush7source"
	rivalSecret  = "hush7rival"
	rootPassword = "hush7password"
)

// secretive is a CLI that works with secrets in a directory, and everything that it prints.
type secretive struct {
	lab     *clitest.Lab
	env     []string
	dir     string
	printed bytes.Buffer
}

// run runs a command with a secret as the value of the variable.
func (c *secretive) run(t *testing.T, secret string, code int, arguments ...string) string {
	t.Helper()
	w := c.lab.Open(t, c.dir, append([]string{"TF_VAR_password=" + rootPassword, "TF_VAR_secret=" + secret}, c.env...)...)
	w.Out = &c.printed
	return w.Must(t, code, arguments...)
}

// write writes a file of the configuration.
func (c *secretive) write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// configure writes the configuration with a version of the secrets.
func (c *secretive) configure(t *testing.T, endpoint string, version int) {
	t.Helper()
	c.write(t, "main.tf", fmt.Appendf(nil, secretConfiguration, endpoint, version))
}

// filesIn returns the files that a CLI has written into a directory, with plans unpacked.
func filesIn(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = data
		if strings.HasSuffix(entry.Name(), ".plan") {
			unpack(t, files, entry.Name(), data)
		}
	}
	return files
}

func unpack(t *testing.T, files map[string][]byte, name string, data []byte) {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, packed := range archive.File {
		r, err := packed.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[name+"/"+packed.Name] = content
	}
}

// private returns the private state of the resources in a state.
func private(t *testing.T, state []byte) []byte {
	t.Helper()
	var decoded struct {
		Resources []struct {
			Instances []struct {
				Private []byte `json:"private"`
			} `json:"instances"`
		} `json:"resources"`
	}
	if err := json.Unmarshal(state, &decoded); err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, resource := range decoded.Resources {
		for _, instance := range resource.Instances {
			var private map[string][]byte
			if err := json.Unmarshal(instance.Private, &private); err != nil {
				t.Fatal(err)
			}
			for _, note := range private {
				all = append(all, note...)
			}
		}
	}
	return all
}

// Secrets go through every kind of run: they are planned, applied, shown, refused because
// of a rival's write, planned and applied again, and destroyed.
func TestAccMain_secretsStayOut(t *testing.T) {
	t.Parallel()

	l := clitest.New(t)
	l.Requires(t, cli.WriteOnly)
	s := etcdtest.Start(t, etcdtest.WithAuth(rootPassword))
	s.Put(t, "/secrets/source", sourceSecret)
	reattach, stop := debugged(t, l, "TF_LOG=TRACE")
	c := &secretive{lab: l, dir: t.TempDir()}
	c.env = []string{reattach, "TF_LOG=TRACE", "TF_LOG_PATH=" + filepath.Join(c.dir, "trace.log")}
	wantValue := func(key, want string) {
		t.Helper()
		if got := s.Get(t, key).Node.Value; got != want {
			t.Errorf("%s = %q, want %q", key, got, want)
		}
	}

	c.configure(t, s.URL(), 1)
	c.run(t, firstSecret, 0, "init")
	c.run(t, firstSecret, 0, "plan", "-out=create.plan")
	c.run(t, firstSecret, 0, "apply", "create.plan")
	wantValue("/secrets/variable", firstSecret)
	wantValue("/secrets/copy", sourceSecret)

	c.configure(t, s.URL(), 2)
	c.run(t, secondSecret, 0, "plan", "-out=conflict.plan")
	s.Put(t, "/secrets/variable", rivalSecret)
	c.run(t, secondSecret, 1, "apply", "conflict.plan")
	wantValue("/secrets/variable", rivalSecret)
	if out := c.printed.String(); !strings.Contains(out, "Key changed since it was planned") {
		t.Errorf("the apply of the earlier plan does not report the conflict:\n%s", out)
	}

	c.run(t, secondSecret, 0, "plan", "-out=update.plan")
	c.run(t, secondSecret, 0, "show", "-json", "update.plan")
	c.run(t, secondSecret, 0, "apply", "update.plan")
	wantValue("/secrets/variable", secondSecret)
	c.run(t, secondSecret, 0, "plan", "-detailed-exitcode")
	c.run(t, secondSecret, 0, "show", "-json")
	files := filesIn(t, c.dir)
	c.run(t, secondSecret, 0, "destroy", "-auto-approve")

	files["trace.log"] = filesIn(t, c.dir)["trace.log"]
	files["what was printed"] = c.printed.Bytes()
	files["the provider's log"] = []byte(stop())
	files["private state"] = private(t, files["terraform.tfstate"])
	for name, text := range map[string]string{
		"terraform.tfstate": "/secrets/variable", "update.plan/tfplan": "/secrets/variable", "update.plan/tfstate": "/secrets/variable",
		"what was printed": "/secrets/variable", "the provider's log": "/secrets/variable",
		"trace.log": "etcd_key.variable", "private state": `"written":`,
	} {
		if !bytes.Contains(files[name], []byte(text)) {
			t.Errorf("%s (%d bytes) lacks %s, which the check relies on", name, len(files[name]), text)
		}
	}
	authorization := base64.StdEncoding.EncodeToString([]byte("root:" + rootPassword))
	for name, data := range files {
		for _, secret := range []string{firstSecret, secondSecret, sourceSecret, rivalSecret, rootPassword, authorization} {
			if at := bytes.Index(data, []byte(secret)); at >= 0 {
				t.Errorf("%s contains %s: %q", name, secret, data[max(0, at-200):min(len(data), at+100)])
			}
		}
	}
}

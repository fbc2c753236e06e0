package e2e_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/cli/clitest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// One password is write-only, the other is in state. Both users have full access, so that
// the tests can log in with each password.
const passwordConfiguration = `
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
variable "stored" {
  type      = string
  sensitive = true
}
provider "etcd" {
  endpoints = [%[1]q]
  username  = "root"
  password  = var.password
  retry     = { max_attempts = 2, min_delay = "1ms", max_delay = "2ms" }
}
resource "etcd_user" "unseen" {
  name                = "unseen"
  password_wo         = var.secret
  password_wo_version = %[2]d
  roles               = ["root"]
}
resource "etcd_user" "stored" {
  name     = "stored"
  password = var.stored
  roles    = ["root"]
}
`

const (
	storedPassword  = "hush7stored"
	changedPassword = "hush7changed"
	wrongPassword   = "hush7wrong"
)

// Passwords are set, changed with a lost answer, and rejected. The write-only one is in no
// file, and neither is in an output, a log or an error.
func TestAccMain_passwordsStayOut(t *testing.T) {
	t.Parallel()

	l := clitest.New(t)
	l.Requires(t, cli.WriteOnly)
	s := etcdtest.Start(t, etcdtest.WithAuth(rootPassword))
	proxy := etcdtest.NewProxy(t, s.URL())
	reattach, stop := debugged(t, l, "TF_LOG=TRACE")
	c := &secretive{lab: l, dir: t.TempDir()}
	env := []string{reattach, "TF_LOG=TRACE", "TF_LOG_PATH=" + filepath.Join(c.dir, "trace.log")}
	configure := func(version int, stored string) {
		t.Helper()
		c.env = slices.Concat(env, []string{"TF_VAR_stored=" + stored})
		c.write(t, "main.tf", fmt.Appendf(nil, passwordConfiguration, proxy.URL(), version))
	}
	logsIn := func(user, password string) {
		t.Helper()
		if answer := s.Do(t, etcdtest.Call{Path: "/v2/auth/users", User: user, Password: password}); !answer.OK() {
			t.Errorf("%s cannot log in with its password: status %d", user, answer.Status)
		}
	}

	configure(1, storedPassword)
	c.run(t, firstSecret, 0, "init")
	c.run(t, firstSecret, 0, "plan", "-out=create.plan")
	c.run(t, firstSecret, 0, "apply", "create.plan")
	logsIn("unseen", firstSecret)
	logsIn("stored", storedPassword)

	configure(2, changedPassword)
	proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Path: "/v2/auth/users/", Times: 2, Action: etcdtest.DropAnswer()})
	if out := c.run(t, secondSecret, 1, "apply", "-auto-approve"); strings.Count(out, "Error: Outcome of a write is unknown") != 2 {
		t.Errorf("the apply does not report two unknown outcomes:\n%s", out)
	}
	c.run(t, secondSecret, 0, "plan", "-out=change.plan")
	c.run(t, secondSecret, 0, "apply", "change.plan")
	logsIn("unseen", secondSecret)
	logsIn("stored", changedPassword)
	c.run(t, secondSecret, 0, "plan", "-detailed-exitcode")

	c.env = append(c.env, "TF_VAR_password="+wrongPassword)
	if out := c.run(t, secondSecret, 1, "plan"); !strings.Contains(out, "refused the credentials") {
		t.Errorf("the plan with a wrong password does not report it:\n%s", out)
	}
	c.env = c.env[:len(c.env)-1]
	files := filesIn(t, c.dir)
	c.run(t, secondSecret, 0, "destroy", "-auto-approve")

	files["trace.log"] = filesIn(t, c.dir)["trace.log"]
	files["what was printed"], files["the provider's log"] = c.printed.Bytes(), []byte(stop())
	unseen := []string{
		firstSecret, secondSecret, rootPassword, wrongPassword, base64.StdEncoding.EncodeToString([]byte("root:" + rootPassword)),
		base64.StdEncoding.EncodeToString([]byte("root:" + wrongPassword)),
	}
	for name, data := range files {
		secrets := unseen
		if name == "trace.log" || strings.Contains(name, " ") { // not a state or a plan
			secrets = slices.Concat(unseen, []string{storedPassword, changedPassword})
		}
		for _, secret := range secrets {
			if at := bytes.Index(data, []byte(secret)); at >= 0 {
				t.Errorf("%s contains %s: %q", name, secret, data[max(0, at-200):min(len(data), at+100)])
			}
		}
	}
	for name, text := range map[string]string{
		"terraform.tfstate": changedPassword, "change.plan/tfplan": changedPassword, "the provider's log": "/v2/auth/users/unseen",
		"trace.log": "etcd_user.unseen",
	} {
		if !bytes.Contains(files[name], []byte(text)) {
			t.Errorf("%s (%d bytes) lacks %s, which the check relies on", name, len(files[name]), text)
		}
	}
}

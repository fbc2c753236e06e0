package examples_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli/clitest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// scene is what an example needs to be in place before it is applied.
type scene struct {
	// options are the options of the server.
	options []etcdtest.Option
	// seed writes the initial content of the server.
	seed func(t *testing.T, s *etcdtest.Server)
	// env is set for the CLI, in the form NAME=value.
	env []string
	// files adds files that the example refers to.
	files func(t *testing.T, r *run)
	// removes are the seeded keys that the example adopts, so that its destroy deletes
	// them.
	removes []string
	// check checks what the example has done, or takes further steps.
	check func(t *testing.T, r *run)
	// cluster starts three servers for the example instead of one, and reserves others.
	// Their peer URLs replace the ones in the example, which are listed here.
	cluster []string
	// noApply is why a test can only validate the example and cannot apply it.
	noApply string
}

// scenes are the scenes of the examples that need more than an empty server.
var scenes = map[string]scene{
	"provider": {
		options: []etcdtest.Option{etcdtest.WithTLS(), etcdtest.WithAuth("secret")},
		env:     []string{"ETCDCTL_PASSWORD=secret"},
		files: func(t *testing.T, r *run) {
			t.Helper()
			r.Write(t, "ca.pem", string(r.server.Certs.CA.CertPEM))
		},
	},
	"provider/client-certificate": {options: []etcdtest.Option{etcdtest.WithClientCerts("terraform")}, files: func(t *testing.T, r *run) {
		t.Helper()
		r.Write(t, "ca.pem", string(r.server.Certs.CA.CertPEM))
		r.Write(t, "client.pem", string(r.server.Certs.Client.CertPEM))
		r.Write(t, "client-key.pem", string(r.server.Certs.Client.KeyPEM))
	}},
	"provider/pem-from-variables": {options: []etcdtest.Option{etcdtest.WithClientCerts("terraform")}, files: certificates},
	"resources/etcd_key":          {env: []string{"TF_VAR_token=tokenthatissecret"}},
	"resources/etcd_in_order_key": {check: nameJob},
	"resources/etcd_member":       {cluster: []string{"http://10.0.0.4:2380"}, check: startMember},
	"resources/etcd_user": {
		env:  []string{"TF_VAR_alice_password=hunter2"},
		seed: users("backup"),
	},
	"resources/etcd_user_role":       {seed: users("alice")},
	"resources/etcd_role_permission": {seed: role("developers", "/docs/*")},
	"resources/etcd_auth": {
		env: []string{"TF_VAR_root_password=secret", "ETCDCTL_USERNAME=root:secret"},
	},
	"data-sources/etcd_user": {seed: users("alice")},
	"data-sources/etcd_role": {seed: role("deploy", "/releases/*")},
	"data-sources/etcd_srv_endpoints": {
		noApply: "the test cannot create DNS records",
	},
	"data-sources/etcd_key": {seed: keys("/app/config", "on", "/app/limit", "10")},
	"data-sources/etcd_keys": {
		seed: keys("/app/db/host", "db.example.com", "/app/db/port", "5432", "/queue/2", "first", "/queue/1", "second"),
	},
	"data-sources/etcd_inventory": {seed: keys("/app/db/host", "db.example.com", "/app/_lock", "web-1", "/top", "x")},
	"data-sources/etcd_watch":     {seed: keys("/jobs/migration/status", "done: 42 tables", "/app/config", "on")},
	"data-sources/etcd_dir":       {seed: keys("/services/web/10.0.0.1:80", "up", "/services/web/10.0.0.2:80", "up")},
	"list-resources/etcd_key":     {seed: keys("/app/config", "on", "/app/empty", "")},
	"list-resources/etcd_key_prefix": {
		seed: keys("/app/db/host", "db.example.com", "/teams/eu/web/workers", "4", "/teams/us/ops/on_call", "bob"),
	},
	"list-resources/etcd_dir": {seed: func(t *testing.T, s *etcdtest.Server) {
		t.Helper()
		s.Mkdir(t, "/spool")
	}},
	"list-resources/etcd_user": {seed: func(t *testing.T, s *etcdtest.Server) {
		t.Helper()
		s.JSON(t, http.MethodPut, "/v2/auth/users/alice", map[string]any{"user": "alice", "password": "hers"})
	}},
	"list-resources/etcd_role": {seed: func(t *testing.T, s *etcdtest.Server) {
		t.Helper()
		s.JSON(t, http.MethodPut, "/v2/auth/roles/app", map[string]any{"role": "app"})
	}},
	"ephemeral-resources/etcd_key": {seed: keys("/secrets/db", "hunter2")},
	"guides/adopting": {
		seed: func(t *testing.T, s *etcdtest.Server) {
			t.Helper()
			keys("/app/color", "blue", "/app/limits", `{"memory": "1G", "cpu": 2}`, "/app/limit", "10")(t, s)
			s.Mkdir(t, "/services")
		},
		removes: []string{"/app/color", "/app/limits"},
		check:   release,
	},
	"guides/adopting/prefix": {
		seed:    keys("/app/db/host", "db.example.com", "/app/db/port", "5432", "/app/debug", ""),
		removes: []string{"/app/db/host", "/app/db/port", "/app/debug"},
		files:   generatePrefix,
	},
	"guides/from-retryw": {
		env:  []string{"TF_VAR_app_password=hunter2"},
		seed: keys("/app/color", "blue"),
	},
	"guides/conflicts": {check: conflict},
	"guides/lock-down": {
		env:   []string{`TF_VAR_passwords={"root":"rootthatissecret","web":"webthatissecret","alice":"alicethatissecret"}`},
		check: lockDown,
	},
	"guides/secrets": {
		seed:  keys("/shared/token", "tokenthatissecret"),
		env:   []string{"TF_VAR_db_password=passwordthatissecret", "TF_LOG_PROVIDER=TRACE", "TF_LOG_PATH=trace.log"},
		check: secrets,
	},
	"guides/pipelines/lock":   {check: locked},
	"guides/pipelines/watch":  {seed: keys("/app/applied", "v1"), check: watched},
	"guides/pipelines/action": {seed: keys("/app/applied", "v1"), check: notRepeated},
	"guides/trees": {
		seed:  keys("/shared/mail/host", "mail.example.com", "/shared/mail/port", "25"),
		check: trees,
	},
	"guides/leaving-v2/stock": {seed: seedLeaving},
	"guides/leaving-v2/empty": {files: clusterID},
	"patroni": {
		seed: keys("/service/main/config", `{"ttl":30,"loop_wait":10}`, "/service/main/leader", "pg-1",
			"/service/main/initialize", "7301"),
		removes: []string{"/service/main/config"},
	},
	"flannel": {
		seed: func(t *testing.T, s *etcdtest.Server) {
			t.Helper()
			s.Put(t, "/coreos.com/network/subnets/10.244.17.0-24", `{"PublicIP":"192.0.2.17"}`, "ttl=86400")
		},
		check: func(t *testing.T, r *run) {
			t.Helper()
			want := `["10.244.10.0/24","10.244.17.0/24"]`
			if got := strings.TrimSpace(r.Must(t, 0, "output", "-json", "leases")); got != want {
				t.Errorf("leases = %s, want %s", got, want)
			}
		},
	},
	"teams":                lockedDown,
	"confd":                {check: confd},
	"guides/ttl":           {check: ttl},
	"actions/etcd_set":     {check: hasLeft("/signals/reload", "config")},
	"actions/etcd_push":    {check: hasLeft("/queue", "")},
	"actions/etcd_refresh": {seed: keys("/services/web/10.0.0.1:80", "up")},
	"actions/etcd_wait":    {seed: keys("/app/applied", "v2")},
	"actions/etcd_delete": {
		seed:  keys("/cache/page", "html"),
		check: hasRemoved("/cache/page", "html"),
	},
	"actions/etcd_copy_to_v3": {
		seed:  keys("/app/color", "blue", "/app/locks/1", "theirs"),
		check: invokes("action.etcd_copy_to_v3.app", "1 key equal in v2 and v3"),
	},
	"actions/etcd_empty": {
		seed:  keys("/app/color", "blue"),
		files: clusterID,
		check: func(t *testing.T, r *run) {
			t.Helper()
			invokes("action.etcd_empty.all", "1 key and 1 directory were deleted")(t, r)
			hasRemoved("/app/color", "blue")(t, r)
		},
	},
	"actions/etcd_change_password": {
		options: []etcdtest.Option{etcdtest.WithAuth("secret")},
		env:     []string{"ETCDCTL_USERNAME=root:secret"},
		seed: func(t *testing.T, s *etcdtest.Server) {
			t.Helper()
			users("alice")(t, s)
			s.Put(t, "/handover/alice", "new")
		},
		check: hasRemoved("/handover/alice", "new"),
	},
}

// certificates gives an example the certificates of the test in variables, and the server
// name that is in the server's certificate.
func certificates(t *testing.T, r *run) {
	t.Helper()

	certs := r.server.Certs
	r.Write(t, "terraform.tfvars", fmt.Sprintf("etcd_ca = %q\netcd_cert = %q\netcd_key = %q\n",
		certs.CA.CertPEM, certs.Client.CertPEM, certs.Client.KeyPEM))
	config, err := os.ReadFile(filepath.Join(r.source, "main.tf"))
	if err != nil {
		t.Fatal(err)
	}
	r.Write(t, "main.tf", strings.Replace(string(config), "etcd-1.example.com", "localhost", 1))
}

// invokes makes the CLI invoke an action, whose output must contain a text.
func invokes(action, says string) func(*testing.T, *run) {
	return func(t *testing.T, r *run) {
		t.Helper()
		output := r.Must(t, 0, "apply", "-auto-approve", "-invoke="+action)
		if !strings.Contains(clitest.Flat(output), says) {
			t.Errorf("output of %s does not contain %q:\n%s", action, says, output)
		}
	}
}

// hasLeft checks that an action has left a key or a directory, and deletes it before the
// end of the test.
func hasLeft(key, value string) func(*testing.T, *run) {
	return func(t *testing.T, r *run) {
		t.Helper()
		if node := r.server.Get(t, key).Node; node.Value != value || node.Key == "" {
			t.Errorf("node at %s = %+v, want value %q", key, node, value)
		}
		r.server.Delete(t, key, "recursive=true")
	}
}

// hasRemoved checks that an action has removed a key, and creates it again.
func hasRemoved(key, value string) func(*testing.T, *run) {
	return func(t *testing.T, r *run) {
		t.Helper()
		if r.server.Get(t, key).OK() {
			t.Errorf("%s still exists", key)
		}
		r.server.Put(t, key, value)
	}
}

// keys seeds keys, given alternately with their values.
func keys(pairs ...string) func(*testing.T, *etcdtest.Server) {
	return func(t *testing.T, s *etcdtest.Server) {
		t.Helper()
		for i := 0; i < len(pairs); i += 2 {
			s.Put(t, pairs[i], pairs[i+1])
		}
	}
}

// users seeds users without roles.
func users(names ...string) func(*testing.T, *etcdtest.Server) {
	return func(t *testing.T, s *etcdtest.Server) {
		t.Helper()
		for _, name := range names {
			s.JSON(t, http.MethodPut, "/v2/auth/users/"+name, map[string]any{"user": name, "password": "theirs"})
		}
	}
}

// role seeds a role with write access to a pattern.
func role(name, pattern string) func(*testing.T, *etcdtest.Server) {
	return func(t *testing.T, s *etcdtest.Server) {
		t.Helper()
		s.JSON(t, http.MethodPut, "/v2/auth/roles/"+name, map[string]any{
			"role": name, "permissions": map[string]any{"kv": map[string]any{"write": []string{pattern}}},
		})
	}
}

// startMember starts the process of the member that the example has added, with the flags
// from its output.
func startMember(t *testing.T, r *run) {
	t.Helper()

	flags := strings.Fields(strings.Trim(strings.TrimSpace(r.Must(t, 0, "output", "-raw", "n4_flags")), `"`))
	if len(flags) != 4 || flags[0] != "--name=n4" || flags[2] != "--initial-cluster-state=existing" || flags[3] != "--enable-v2" {
		t.Fatalf("the flags are %q", flags)
	}
	r.reserved[0].Join(t, strings.TrimPrefix(flags[1], "--initial-cluster="))
	r.Must(t, 0, "apply", "-auto-approve", "-refresh-only")
	// The imports show a placeholder for the id that the server chose.
	var list struct {
		Members []struct{ ID, Name string }
	}
	r.server.Do(t, etcdtest.Call{Path: "/v2/members"}).Decode(t, &list)
	for _, member := range list.Members {
		if member.Name == "n4" {
			r.replace = strings.NewReplacer("8211f1d0f64f3269", member.ID, "http://10.0.0.4:2380", r.reserved[0].PeerURL())
		}
	}
}

// nameJob replaces the key name in the imports of the example by the one that the server
// chose.
func nameJob(t *testing.T, r *run) {
	t.Helper()
	r.replace = strings.NewReplacer("/queue/00000000000000000042", r.Must(t, 0, "output", "-raw", "job"))
}

package provider

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// invoked is the output of an action.
type invoked struct{ progress, errs, warnings string }

// invoke invokes an action.
func (d *direct) invoke(t *testing.T, action string, attributes map[string]any) invoked {
	t.Helper()
	typ := d.schemas.ActionSchemas[action].Schema.ValueType()
	config := dynamic(t, typ, value(t, typ, attributes))
	server, ok := d.server.(tfprotov6.ActionServer)
	if !ok {
		t.Fatal("the provider has no actions")
	}
	validated, err := server.ValidateActionConfig(t.Context(), &tfprotov6.ValidateActionConfigRequest{ActionType: action, Config: config})
	if err != nil {
		t.Fatal(err)
	}
	if text := errorText(validated.Diagnostics); text != "" {
		return invoked{errs: text}
	}
	stream, err := server.InvokeAction(t.Context(), &tfprotov6.InvokeActionRequest{ActionType: action, Config: config})
	if err != nil {
		t.Fatal(err)
	}
	var out invoked
	for event := range stream.Events {
		switch e := event.Type.(type) {
		case tfprotov6.ProgressInvokeActionEventType:
			out.progress += e.Message + "\n"
		case tfprotov6.CompletedInvokeActionEventType:
			out.errs = errorText(e.Diagnostics)
			for _, diagnostic := range e.Diagnostics {
				if diagnostic.Severity == tfprotov6.DiagnosticSeverityWarning {
					out.warnings += diagnostic.Summary + ": " + diagnostic.Detail + "\n"
				}
			}
		}
	}
	return out
}

// want checks that a text contains the parts, or is empty if there are none.
func want(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	if len(parts) == 0 && text != "" {
		t.Errorf("%s: %s, want nothing", what, text)
	}
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s: %q, want it to contain %q", what, text, part)
		}
	}
}

// v3Client returns etcd's own client of the v3 API.
func v3Client(t *testing.T, config clientv3.Config) *clientv3.Client {
	t.Helper()
	config.Logger = zap.NewNop()
	c, err := clientv3.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// v3Keys returns what v3 contains below a prefix, with the remaining TTLs in hundreds of
// seconds.
func v3Keys(t *testing.T, c *clientv3.Client, below string) map[string]string {
	t.Helper()
	found, err := c.Get(t.Context(), below, clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{}
	for _, kv := range found.Kvs {
		text := string(kv.Value)
		if kv.Lease != 0 {
			life, err := c.TimeToLive(t.Context(), clientv3.LeaseID(kv.Lease))
			if err != nil {
				t.Fatal(err)
			}
			text += fmt.Sprintf(" for %d00 s", (life.TTL+50)/100)
		}
		keys[string(kv.Key)] = text
	}
	return keys
}

func TestAccCopyToV3Action(t *testing.T) {
	t.Parallel()
	s, dir := etcdtest.Shared(t), etcdtest.Prefix(t)
	s.Put(t, dir+"/a", "ä\n")
	s.Put(t, dir+"/b/ttl", "v", "ttl=900")
	s.Mkdir(t, dir+"/c", "ttl=600")
	s.Put(t, dir+"/c/in", "")
	s.Put(t, dir+"/c/long", "v", "ttl=5000")
	s.Put(t, dir+"/_hidden/x", "h")
	s.Mkdir(t, dir+"/empty")
	copying := func(more string) string {
		return invoking(s.URL(), "etcd_copy_to_v3", fmt.Sprintf("prefix = %q\n    %s", dir, more))
	}
	v3 := v3Client(t, clientv3.Config{Endpoints: []string{s.URL()}})
	all := func(to string) map[string]string {
		return map[string]string{to + "/a": "ä\n", to + "/b/ttl": "v for 900 s", to + "/c/in": " for 600 s", to + "/c/long": "v for 600 s"}
	}
	copied := func(to string, want map[string]string) func() {
		return func() {
			if diff := cmp.Diff(want, v3Keys(t, v3, to+"/")); diff != "" {
				t.Errorf("keys in v3 (-want +got):\n%s", diff)
			}
		}
	}
	hidden := all(dir + "-new")
	hidden[dir+"-new/_hidden/x"] = "h"
	delete(hidden, dir+"-new/c/in")
	delete(hidden, dir+"-new/c/long")
	acceptanceOfActions(t,
		resource.TestStep{Config: copying(""), PostApplyFunc: copied(dir, all(dir))},
		resource.TestStep{Config: copying(`on_conflict = "skip_equal"`), PostApplyFunc: copied(dir, all(dir))},
		resource.TestStep{
			Config: copying(fmt.Sprintf(
				"replace_prefix = %q\n    hidden_paths = [%q]\n    exclude = [%q]", dir+"-new", dir+"/_hidden", dir+"/c",
			)),
			PostApplyFunc: copied(dir+"-new", hidden),
		},
		resource.TestStep{
			Config: copying(`on_conflict = "fail"`), ExpectError: errorWith("Keys already exist in v3", dir+"/a exists", "skip_equal"),
		},
	)
}

// Keys that cannot be copied correctly are named, and nothing is written.
func TestCopyToV3_refused(t *testing.T) {
	t.Parallel()
	s, dir := etcdtest.Shared(t), etcdtest.Prefix(t)
	v3 := v3Client(t, clientv3.Config{Endpoints: []string{s.URL()}})
	s.Put(t, dir+"/good", "v")
	s.Put(t, dir+"/bytes", "\xff\xfe")
	d := newDirect(t, map[string]any{"endpoints": []any{s.URL()}})
	attributes := func(more ...string) map[string]any {
		all := map[string]any{"prefix": dir}
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = more[i+1]
		}
		return all
	}
	want(t, "not text", d.invoke(t, "etcd_copy_to_v3", attributes()).errs, "Keys cannot be copied", dir+"/bytes", "exclude")
	with := attributes("replace_prefix", dir+"/")
	want(t, "a slash", d.invoke(t, "etcd_copy_to_v3", with).errs, "ends with a slash")
	want(t, "an id", d.invoke(t, "etcd_copy_to_v3", attributes("expected_cluster_id", "123")).errs, "Unexpected v3 cluster", "expected 123")
	want(t, "no directory", d.invoke(t, "etcd_copy_to_v3", attributes("prefix", dir+"/none")).errs, "does not exist")
	want(t, "a key", d.invoke(t, "etcd_copy_to_v3", attributes("prefix", dir+"/good")).errs, "There is a key at")
	with = attributes("username", "u")
	want(t, "no password", d.invoke(t, "etcd_copy_to_v3", with).errs, "Username without a password")
	with = attributes("username", "u", "password_env", "ETCD_TEST_NO_SUCH_VARIABLE")
	want(t, "no variable", d.invoke(t, "etcd_copy_to_v3", with).errs, "ETCD_TEST_NO_SUCH_VARIABLE is empty or not set")
	with = attributes()
	with["hidden_paths"] = []any{dir + "/good", "/elsewhere/_x"}
	want(t, "not hidden", d.invoke(t, "etcd_copy_to_v3", with).errs, "is not hidden", "is not below")
	down := etcdtest.NewTCPProxy(t, s.URL())
	down.Refuse()
	with = attributes()
	with["endpoints"] = []any{down.URL()}
	want(t, "down", d.invoke(t, "etcd_copy_to_v3", with).errs, "Unable to reach the v3 cluster", "No v3 endpoint answered")
	if got := v3Keys(t, v3, dir+"/"); len(got) != 0 {
		t.Errorf("v3 contains %v, want nothing", got)
	}
	with = attributes()
	with["exclude"] = []any{dir + "/bytes"}
	want(t, "the rest", d.invoke(t, "etcd_copy_to_v3", with).errs)
}

// Both sides have TLS and authentication, and users with limited access.
func TestCopyToV3_secured(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t, etcdtest.WithClientCerts("client"), etcdtest.WithAuth("rootpw"))
	s.Put(t, "/app/k", "v", "ttl=900")
	s.Put(t, "/denied/k", "v")
	v3 := v3Client(t, clientv3.Config{Endpoints: []string{s.URL()}, TLS: s.Certs.ClientConfig(t)})
	lockV3(t, v3, "/app/")
	tls := map[string]any{"ca_file": s.Certs.CA.CertFile, "cert_file": s.Certs.Client.CertFile, "key_file": s.Certs.Client.KeyFile}
	// A password takes the server a while, and an endpoint that refuses the certificate as long as the timeout.
	provider := func(user, password, timeout string) *direct {
		return newDirect(t, map[string]any{
			"endpoints": []any{s.URL()}, "tls": tls, "username": user, "password": password, "connect_timeout": timeout,
		})
	}
	root := provider("root", "rootpw", "30s")
	attributes := map[string]any{"prefix": "/app", "username": "app", "password": "apppw"}
	out := root.invoke(t, "etcd_copy_to_v3", attributes)
	want(t, "errors", out.errs)
	want(t, "progress", out.progress, "1 key copied with 1 lease", "1 key equal in v2 and v3")
	attributes = map[string]any{"prefix": "/app", "username": "app", "password": "wrongpw", "tls": tls, "endpoints": []any{s.URL()}}
	out = root.invoke(t, "etcd_copy_to_v3", attributes)
	want(t, "a wrong password", out.errs, "credentials", "Check username")
	if strings.Contains(out.errs, "wrongpw") {
		t.Errorf("the error contains the password: %s", out.errs)
	}
	attributes = map[string]any{"prefix": "/app"}
	// The user is now the common name of the certificate.
	want(t, "no credentials", root.invoke(t, "etcd_copy_to_v3", attributes).errs, "denied permission")
	attributes = map[string]any{"prefix": "/denied", "username": "app", "password": "apppw"}
	want(t, "permission in v3", root.invoke(t, "etcd_copy_to_v3", attributes).errs, "denied permission", "needs a role in v3")
	attributes = map[string]any{"prefix": "/app", "username": "app", "password": "apppw"}
	want(t, "permission in v2", provider("root", "other", "30s").invoke(t, "etcd_copy_to_v3", attributes).errs, "Unable to read the v2 store",
		"credentials")
	attributes["endpoints"] = []any{s.URL()}
	want(t, "no certificate", provider("root", "rootpw", "1s").invoke(t, "etcd_copy_to_v3", attributes).errs, "No v3 endpoint answered")
}

// lockV3 enables authentication of v3, with the user app for a prefix.
func lockV3(t *testing.T, c *clientv3.Client, below string) {
	t.Helper()
	ctx := t.Context()
	var errs []error
	note := func(_ any, err error) { errs = append(errs, err) }
	note(c.UserAdd(ctx, "root", "rootpw"))
	note(c.UserGrantRole(ctx, "root", "root"))
	note(c.UserAdd(ctx, "app", "apppw"))
	note(c.RoleAdd(ctx, "app"))
	note(c.RoleGrantPermission(ctx, "app", below, clientv3.GetPrefixRangeEnd(below), clientv3.PermissionType(clientv3.PermReadWrite)))
	note(c.UserGrantRole(ctx, "app", "app"))
	note(c.AuthEnable(ctx))
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A key that changes in v2 during the copy is reported as a difference, and other keys in v3
// cause a warning.
func TestCopyToV3_changed(t *testing.T) {
	t.Parallel()
	s, dir := etcdtest.Shared(t), etcdtest.Prefix(t)
	v3 := v3Client(t, clientv3.Config{Endpoints: []string{s.URL()}})
	if _, err := v3.Put(t.Context(), dir+"/stray", "theirs"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kept", "changed", "deleted"} {
		s.Put(t, dir+"/"+name, "old")
	}
	proxy := etcdtest.NewProxy(t, s.URL())
	isListing := func(r etcdtest.Request) bool {
		return r.Method == http.MethodGet && strings.HasPrefix(r.Path, "/v2/keys"+dir) && r.Param("recursive") == "true"
	}
	first := true
	proxy.Inject(etcdtest.Rule{Match: isListing, Action: etcdtest.Intercept(func(etcdtest.Request) {
		if first {
			first = false
			return
		}
		s.Put(t, dir+"/changed", "new")
		s.Put(t, dir+"/created", "new")
		s.Delete(t, dir+"/deleted")
	})})
	d := newDirect(t, map[string]any{"endpoints": []any{proxy.URL()}})
	out := d.invoke(t, "etcd_copy_to_v3", map[string]any{"prefix": dir, "endpoints": []any{s.URL()}})
	want(t, "errors", out.errs, "v3 differs from v2", "3 keys differ", dir+"/changed was changed in v2", dir+"/created was created in v2",
		dir+"/deleted was deleted in v2", "Stop them")
	want(t, "warnings", out.warnings, "v3 has other keys", dir+"/stray")
	if diff := cmp.Diff(map[string]string{dir + "/kept": "old", dir + "/changed": "old", dir + "/deleted": "old", dir + "/stray": "theirs"},
		v3Keys(t, v3, dir+"/")); diff != "" {
		t.Errorf("keys in v3 (-want +got):\n%s", diff)
	}
}

// Keys with different TTLs, and a provider with a key prefix.
func TestCopyToV3_keyPrefix(t *testing.T) {
	t.Parallel()
	s, dir := etcdtest.Shared(t), etcdtest.Prefix(t)
	for i := range 300 {
		s.Put(t, fmt.Sprintf("%s/app/%d/%d", dir, i%7, i), strings.Repeat("v", i), fmt.Sprintf("ttl=%d", 1000+i%5))
	}
	d := newDirect(t, map[string]any{"endpoints": []any{s.URL()}, "key_prefix": dir})
	begin := time.Now()
	out := d.invoke(t, "etcd_copy_to_v3", map[string]any{"prefix": "/"})
	want(t, "errors", out.errs)
	want(t, "progress", out.progress, "300 keys equal in v2 and v3")
	t.Logf("%s\n%s", time.Since(begin), out.progress)
	if got := v3Keys(t, v3Client(t, clientv3.Config{Endpoints: []string{s.URL()}}), dir+"/app/"); len(got) != 300 {
		t.Errorf("v3 contains %d keys, want 300", len(got))
	}
}

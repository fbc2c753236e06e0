package provider

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// planWarnings plans a create and returns its warnings.
func (d *direct) planWarnings(t *testing.T, typeName string, attributes map[string]any) string {
	t.Helper()
	planned, _ := d.plan(t, d.none(typeName), attributes)
	if errs := errorText(planned.Diagnostics); errs != "" {
		t.Fatalf("%s: %s", typeName, errs)
	}
	return warnings(planned.Diagnostics)
}

// A plan warns of every create that would fail, and with adopt_existing reports what the create
// changes.
func TestExisting_warnings(t *testing.T) {
	t.Parallel()
	s, locked := etcdtest.Start(t), etcdtest.Start(t, etcdtest.WithAuth("rootpw"))
	s.Put(t, "/k/plain", "x")
	s.Put(t, "/k/_hidden", "x")
	s.Put(t, "/k/json", `{"a": 1}`)
	s.Put(t, "/k/leased", "x", "ttl=600")
	s.Mkdir(t, "/k/dir")
	makeRole(t, s, "ops", []string{"/a"}, nil)
	makeUser(t, s, "alice", "ops")
	member := membersOf(t, s)[0].PeerURLs[0]
	object := func(pairs ...any) map[string]any {
		out := map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			out[fmt.Sprint(pairs[i])] = pairs[i+1]
		}
		return out
	}
	adopt := []any{"adopt_existing", true}
	for _, c := range []struct {
		name, typeName string
		attributes     map[string]any
		want           []string // nil: no warning
	}{
		{
			"key", "etcd_key", object("key", "/k/plain", "value", "x"),
			[]string{"Key already exists", "the apply will fail", `id = "/k/plain"`, "adopt_existing = true"},
		},
		{"hidden key", "etcd_key", object("key", "/k/_hidden", "value", "x"), []string{"Key already exists"}},
		{"key that is free", "etcd_key", object("key", "/k/free", "value", "x"), nil},
		{"key where a directory is", "etcd_key", object("key", "/k/dir", "value", "x"), []string{"directory", "/k/dir"}},
		{"key below a key", "etcd_key", object("key", "/k/plain/x", "value", "x"), nil},
		{"key unknown", "etcd_key", object("key", unknownValue{}, "value", "x"), nil},
		{"adopt as it is", "etcd_key", object(append(adopt, "key", "/k/plain", "value", "x")...), nil},
		{"adopt JSON in other words", "etcd_key", object(append(adopt, "key", "/k/json", "value_json", `{"a":1}`)...), nil},
		{
			"adopt another value", "etcd_key", object(append(adopt, "key", "/k/plain", "value", "secret")...),
			[]string{"will be taken over", "/k/plain already exists", "The apply writes another value."},
		},
		{
			"adopt an unknown value", "etcd_key", object(append(adopt, "key", "/k/plain", "value", unknownValue{})...),
			[]string{"may write another value"},
		},
		{"adopt, losing a TTL", "etcd_key", object(append(adopt, "key", "/k/leased", "value", "x")...), []string{"removes its TTL"}},
		{
			"adopt, changing a TTL", "etcd_key", object(append(adopt, "key", "/k/leased", "value", "y", "ttl", 900)...),
			[]string{"writes another value and sets its TTL", "to 900 seconds"},
		},
		{
			"adopt, gaining a TTL", "etcd_key", object(append(adopt, "key", "/k/plain", "value", "x", "ttl", 900)...),
			[]string{"sets a TTL of 900 seconds"},
		},
		{"directory", "etcd_dir", object("path", "/k/dir"), []string{"Directory already exists", `id = "/k/dir"`}},
		{"directory where a key is", "etcd_dir", object("path", "/k/plain"), []string{"There is a key"}},
		{"directory adopted as it is", "etcd_dir", object(append(adopt, "path", "/k/dir")...), nil},
		{
			"directory adopted with a TTL", "etcd_dir", object(append(adopt, "path", "/k/dir", "ttl", 60)...),
			[]string{"sets a TTL of 60 seconds"},
		},
		{
			"prefix", "etcd_key_prefix", object("prefix", "/k", "keys", object("plain", "x", "free", "x")),
			[]string{"Key already exists", "  /k/plain\n\n", `id = "/k"`},
		},
		{"prefix of free keys", "etcd_key_prefix", object("prefix", "/k", "keys", object("free", "x")), nil},
		{"prefix that is free", "etcd_key_prefix", object("prefix", "/none", "keys", object("plain", "x")), nil},
		{
			"prefix adopted", "etcd_key_prefix", object(append(adopt, "prefix", "/k", "keys", object("plain", "secret", "leased", "x"))...),
			[]string{"will be taken over", "/k/leased: removes its TTL", "/k/plain: writes another value"},
		},
		{"user", "etcd_user", object("name", "alice", "password", "p"), []string{"User already exists", `id = "alice"`}},
		{"user that is free", "etcd_user", object("name", "bob", "password", "p"), nil},
		{
			"user adopted", "etcd_user", object(append(adopt, "name", "alice", "password", "p", "roles", []any{"root"})...),
			[]string{`grants the roles "root", revokes the roles "ops" and sets its password`},
		},
		{"role", "etcd_role", object("name", "ops"), []string{"Role already exists", `id = "ops"`}},
		{
			"role adopted", "etcd_role", object(append(adopt, "name", "ops", "kv_read", []any{"/b"})...),
			[]string{`grants read of "/b" and revokes read of "/a"`},
		},
		{"role adopted as it is", "etcd_role", object(append(adopt, "name", "ops")...), nil},
		{"grant", "etcd_user_role", object("user", "alice", "role", "ops"), []string{"Grant already exists", `id = "alice/ops"`}},
		{"grant that is free", "etcd_user_role", object("user", "alice", "role", "root"), nil},
		{"permission", "etcd_role_permission", object("role", "ops", "access", "read", "pattern", "/a"), []string{"Permission already exists"}},
		{"permission that is free", "etcd_role_permission", object("role", "ops", "access", "write", "pattern", "/a"), nil},
		{"authentication", "etcd_auth", object(), []string{"Authentication already exists"}},
		{"member", "etcd_member", object("peer_urls", []any{member}), []string{member}},
		{"member that is free", "etcd_member", object("peer_urls", []any{"http://127.0.0.1:1"}), nil},
	} {
		url := s.URL()
		if c.typeName == "etcd_auth" {
			url = locked.URL()
		}
		d := newDirect(t, credentials(url, "root", "rootpw"))
		got := d.planWarnings(t, c.typeName, c.attributes)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: the plan warns %q, want %q", c.name, got, want)
			}
		}
		if c.want == nil && got != "" || strings.Contains(got, "secret") {
			t.Errorf("%s: the plan warns %q, want nothing, and no value", c.name, got)
		}
	}
}

// An object in state does not conflict with its own replacement.
func TestExisting_ownReplacement(t *testing.T) {
	t.Parallel()
	s, prefix := etcdtest.Shared(t), etcdtest.Prefix(t)
	d := newDirect(t, map[string]any{"endpoints": []string{s.URL()}})
	config := map[string]any{"key": prefix + "/k", "value": "x"}
	o := mustApply(t, d, d.none("etcd_key"), config)
	tree := map[string]any{"prefix": prefix, "keys": map[string]any{"k": "x"}}
	fresh := newDirect(t, map[string]any{"endpoints": []string{s.URL()}})
	if _, errs := fresh.refresh(t, o); errs != "" {
		t.Fatal(errs)
	}
	if got := fresh.planWarnings(t, "etcd_key", config); got != "" {
		t.Errorf("the replacement warns %q", got)
	}
	if got := fresh.planWarnings(t, "etcd_key_prefix", tree); strings.Contains(got, "already exists") {
		t.Errorf("the prefix that takes the key over warns %q", got)
	}
}

// A thousand creates cost a few requests, and an unreachable server costs little time.
func TestExisting_requests(t *testing.T) {
	t.Parallel()
	s, prefix := etcdtest.Shared(t), etcdtest.Prefix(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	s.Put(t, prefix+"/flat/999", "x")
	for name, c := range map[string]struct {
		key  func(i int) string
		most int
	}{
		"one directory":       {func(i int) string { return fmt.Sprintf("%s/flat/%d", prefix, i) }, 5},
		"a directory each":    {func(i int) string { return fmt.Sprintf("%s/new/%d/k", prefix, i) }, 10},
		"hidden":              {func(i int) string { return fmt.Sprintf("%s/flat/_%d", prefix, i) }, looksAtMost},
		"a hidden dir. above": {func(i int) string { return fmt.Sprintf("%s/_h/%d", prefix, i) }, 5},
	} {
		before := proxy.Count(http.MethodGet, "/")
		d := newDirect(t, map[string]any{"endpoints": []string{proxy.URL()}})
		found := ""
		for i := range 1000 {
			found += d.planWarnings(t, "etcd_key", map[string]any{"key": c.key(i), "value": "x"})
		}
		if n := proxy.Count(http.MethodGet, "/") - before; n > c.most {
			t.Errorf("%s: 1000 creates sent %d requests, want at most %d", name, n, c.most)
		}
		if want := name == "one directory"; strings.Contains(found, prefix+"/flat/999 already exists") != want {
			t.Errorf("%s: the plans warn %q", name, found)
		}
	}
	proxy.Inject(etcdtest.Rule{Path: "/", Action: func(x *etcdtest.Exchange) { <-t.Context().Done(); x.Cut() }})
	d := newDirect(t, map[string]any{"endpoints": []string{proxy.URL()}})
	start := time.Now()
	for i := range 100 {
		if got := d.planWarnings(t, "etcd_key", map[string]any{"key": fmt.Sprintf("/k/%d", i), "value": "x"}); got != "" {
			t.Errorf("a server that does not answer makes the plan warn %q", got)
		}
	}
	if took := time.Since(start); took > 10*lookTime {
		t.Errorf("100 creates took %s with a server that does not answer", took)
	}
}

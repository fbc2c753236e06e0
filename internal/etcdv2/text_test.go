package etcdv2_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// TestKeysService_notText reads bytes that are not UTF-8 from a real server, besides text that
// looks like them.
func TestKeysService_notText(t *testing.T) {
	t.Parallel()
	server := etcdtest.Shared(t)
	keys, prefix := newKeys(t)
	type node struct {
		Value               string
		NotText, KeyNotText bool
	}
	want := map[string]node{}
	for name, stored := range map[string]struct {
		value string
		node
	}{
		"/latin1":      {"caf\xe9", node{Value: "caf\uFFFD", NotText: true}},
		"/replacement": {"caf\uFFFD", node{Value: "caf\uFFFD"}},
		"/both":        {"\uFFFD\xff\uFFFD", node{Value: "\uFFFD\uFFFD\uFFFD", NotText: true}},
		"/cut":         {"\xe2\x82", node{Value: "\uFFFD\uFFFD", NotText: true}},
		"/escape":      {`caf\ufffd`, node{Value: `caf\ufffd`}},
		"/escaped":     {`\\ufffd "quoted" <&>`, node{Value: `\\ufffd "quoted" <&>`}},
		"/plain":       {"café", node{Value: "café"}},
		"/empty":       {"", node{}},
		"/k\xff":       {"v", node{Value: "v", KeyNotText: true}},
		"/k\uFFFD!":    {"v", node{Value: "v"}},
	} {
		server.Put(t, prefix+name, stored.value)
		want[strings.ToValidUTF8(name, "\uFFFD")] = stored.node
	}

	got := map[string]node{}
	for leaf := range must[*etcdv2.Response](t)(keys.Get(t.Context(), "/", etcdv2.GetOptions{Recursive: true})).Node.Leaves() {
		got[leaf.Key] = node{Value: leaf.Value, NotText: leaf.NotText, KeyNotText: leaf.KeyNotText}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("List() (-want +got):\n%s", diff)
	}
	resp := must[*etcdv2.Response](t)(keys.Get(t.Context(), "/latin1", etcdv2.GetOptions{}))
	if !resp.Node.NotText {
		t.Error("Get() of a value in Latin-1 does not set NotText")
	}
	resp = must[*etcdv2.Response](t)(keys.Set(t.Context(), "/latin1", "café", etcdv2.WriteOptions{}))
	if resp.Node.NotText || !resp.PrevNode.NotText {
		t.Errorf("Set() = %v of not text over %v, want text over not text", resp.Node.NotText, resp.PrevNode.NotText)
	}
}

// TestParseResponse_notText has the forms of answers that no server here sends.
func TestParseResponse_notText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`caf\ufffd`:           true,
		`caf\uFFFD`:           true,
		`\\\ufffd`:            true,
		`\ud83d`:              true,
		"\xff":                true,
		"\uFFFD\\ufffd":       true,
		`\\ufffd`:             false,
		`\\\\ufffd`:           false,
		`\"ufffd`:             false,
		"\uFFFD":              false,
		`\\` + "\uFFFD":       false,
		`\ud83d\ude00 \u00e9`: false,
	} {
		body := `{"action":"get","node":{"key":"/k","value":"` + text + `","nodes":[{"key":"/` + text + `","value":"v"}]}}`
		node := must[*etcdv2.Response](t)(etcdv2.ParseResponse([]byte(body))).Node
		if child := node.Nodes[0]; node.NotText != want || node.KeyNotText || child.KeyNotText != want || child.NotText {
			t.Errorf("%s: value %v, key %v, want %v", text, node.NotText, child.KeyNotText, want)
		}
	}
}

// TestClient_refusesWhatIsNotText makes every call that sends text with bytes that JSON or a
// form would change.
func TestClient_refusesWhatIsNotText(t *testing.T) {
	t.Parallel()
	client := scripted(t, nil)
	const bad = "a\xff"
	cond, badCond := etcdv2.Condition{Index: 7}, etcdv2.Condition{Index: 7, Value: bad}
	patterns := etcdv2.Permissions{Read: []string{"/" + bad}}
	for name, tt := range map[string]struct {
		do   func(ctx context.Context) error
		want error
	}{
		"set": {func(ctx context.Context) error { return errOf(client.Keys.Set(ctx, "/k", bad, etcdv2.WriteOptions{})) }, etcdv2.ErrInvalidValue},
		"create": {func(ctx context.Context) error {
			return errOf(client.Keys.Create(ctx, "/k", bad, etcdv2.CreateOptions{}))
		}, etcdv2.ErrInvalidValue},
		"update": {func(ctx context.Context) error {
			return errOf(client.Keys.Update(ctx, "/k", bad, etcdv2.WriteOptions{}))
		}, etcdv2.ErrInvalidValue},
		"swap": {func(ctx context.Context) error {
			return errOf(client.Keys.CompareAndSwap(ctx, "/k", bad, cond, etcdv2.WriteOptions{}))
		}, etcdv2.ErrInvalidValue},
		"swap on a value": {func(ctx context.Context) error {
			return errOf(client.Keys.CompareAndSwap(ctx, "/k", "v", badCond, etcdv2.WriteOptions{}))
		}, etcdv2.ErrInvalidValue},
		"delete on a value": {
			func(ctx context.Context) error { return errOf(client.Keys.CompareAndDelete(ctx, "/k", badCond)) }, etcdv2.ErrInvalidValue,
		},
		"refresh on a value": {func(ctx context.Context) error {
			return errOf(client.Keys.Refresh(ctx, "/k", 10, badCond))
		}, etcdv2.ErrInvalidValue},
		"create in order": {func(ctx context.Context) error {
			return errOf(client.Keys.CreateInOrder(ctx, "/d", bad, etcdv2.WriteOptions{}))
		}, etcdv2.ErrInvalidValue},
		"lock": {func(ctx context.Context) error {
			return errOf(client.Keys.Acquire(ctx, etcdv2.LockRequest{Key: "/k", Token: bad, TTL: 10}))
		}, etcdv2.ErrInvalidValue},
		"key": {func(ctx context.Context) error {
			return errOf(client.Keys.Set(ctx, "/"+bad, "v", etcdv2.WriteOptions{}))
		}, etcdv2.ErrInvalidKey},
		"user": {func(ctx context.Context) error { return errOf(client.Users.Create(ctx, bad, "p", nil)) }, etcdv2.ErrInvalidName},
		"password": {
			func(ctx context.Context) error { return errOf(client.Users.Create(ctx, "u", bad, nil)) }, etcdv2.ErrInvalidPassword,
		},
		"change a password": {func(ctx context.Context) error { return client.Users.ChangePassword(ctx, "u", bad) }, etcdv2.ErrInvalidPassword},
		"create with roles": {
			func(ctx context.Context) error { return errOf(client.Users.Create(ctx, "u", "p", []string{bad})) }, etcdv2.ErrInvalidName,
		},
		"grant a role":  {func(ctx context.Context) error { return errOf(client.Users.Grant(ctx, "u", bad)) }, etcdv2.ErrInvalidName},
		"revoke a role": {func(ctx context.Context) error { return errOf(client.Users.Revoke(ctx, "u", bad)) }, etcdv2.ErrInvalidName},
		"delete a user": {func(ctx context.Context) error { return client.Users.Delete(ctx, bad) }, etcdv2.ErrInvalidName},
		"role": {
			func(ctx context.Context) error { return errOf(client.Roles.Create(ctx, bad, etcdv2.Permissions{})) }, etcdv2.ErrInvalidName,
		},
		"patterns":         {func(ctx context.Context) error { return errOf(client.Roles.Create(ctx, "r", patterns)) }, etcdv2.ErrInvalidPattern},
		"grant a pattern":  {func(ctx context.Context) error { return errOf(client.Roles.Grant(ctx, "r", patterns)) }, etcdv2.ErrInvalidPattern},
		"revoke a pattern": {func(ctx context.Context) error { return errOf(client.Roles.Revoke(ctx, "r", patterns)) }, etcdv2.ErrInvalidPattern},
		"peer URL": {func(ctx context.Context) error {
			return errOf(client.Members.Add(ctx, []string{"http://" + bad + ":2380"}))
		}, etcdv2.ErrInvalidMember},
	} {
		err := tt.do(t.Context())
		wantErr(t, name, err, tt.want)
		if err != nil && strings.Contains(err.Error(), bad) {
			t.Errorf("%s: the error quotes the bytes: %v", name, err)
		}
	}
	for _, o := range []etcdv2.Options{{Username: bad}, {Username: "u", Password: bad}} {
		if _, err := etcdv2.New(o); err == nil || strings.Contains(err.Error(), bad) {
			t.Errorf("New() error = %v, want one that quotes nothing", err)
		}
	}
}

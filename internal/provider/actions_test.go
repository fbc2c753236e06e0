package provider

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/tfversion"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// invoking returns a configuration whose apply invokes an action once.
func invoking(endpoint, action, attributes string) string {
	return invokingAs(endpoint, "", action, attributes)
}

func invokingAs(endpoint, provider, action, attributes string) string {
	return configWith(endpoint, provider, `
action %[1]q "x" {
  config {
    %[2]s
  }
}
resource "terraform_data" "x" {
  input = %[3]q
  lifecycle {
    action_trigger {
      events  = [after_create, after_update]
      actions = [action.%[1]s.x]
    }
  }
}
`, action, attributes, action+attributes)
}

// acceptanceOfActions is acceptance for a CLI with actions.
func acceptanceOfActions(t *testing.T, steps ...resource.TestStep) {
	t.Helper()
	acceptanceSince(t, tfversion.Version1_14_0, steps...)
}

func TestAccSetAction(t *testing.T) {
	t.Parallel()
	s, key := etcdtest.Shared(t), etcdtest.Prefix(t)+"/key"
	s.Mkdir(t, key+"-dir")
	want := func(value string, ttl bool) func() {
		return func() {
			if node := s.Get(t, key).Node; node.Value != value || (node.TTL > 0) != ttl {
				t.Errorf("key = %+v, want value %q and a TTL: %t", node, value, ttl)
			}
		}
	}
	attributes := func(value, more string) string {
		return fmt.Sprintf("key = %q\n    value = %q\n    %s", key, value, more)
	}
	acceptanceOfActions(t,
		resource.TestStep{Config: invoking(s.URL(), "etcd_set", attributes("first", "ttl = 500")), PostApplyFunc: want("first", true)},
		resource.TestStep{
			PreConfig:     func() { s.Put(t, key, "of another", "ttl=500") },
			Config:        invoking(s.URL(), "etcd_set", attributes("", "")),
			PostApplyFunc: want("", false),
		},
	)
}

func TestAccSetAction_refused(t *testing.T) {
	t.Parallel()
	s, key := etcdtest.Shared(t), etcdtest.Prefix(t)+"/key"
	s.Mkdir(t, key+"-dir")
	proxy := etcdtest.NewProxy(t, s.URL())
	proxy.Inject(etcdtest.Rule{Method: http.MethodPut, Action: etcdtest.DropAnswer()})
	step := func(endpoint, key, more, want string) resource.TestStep {
		return resource.TestStep{
			Config:      invoking(endpoint, "etcd_set", fmt.Sprintf("key = %q\n    value = \"a secret\"\n    %s", key, more)),
			ExpectError: spaced(want),
		}
	}
	acceptanceOfActions(t,
		step(s.URL(), key+"-dir", "", "There is a directory where a key was expected"),
		step(s.URL(), "key", "", "does not start with a slash"),
		step(s.URL(), key, "ttl = 0", "must be between 1 and"),
		step(proxy.URL(), key, "", "Outcome of a write is unknown"),
	)
	if n := proxy.Count(http.MethodPut, "/"); n != 1 {
		t.Errorf("the write with the lost answer was sent %d times, want once", n)
	}
}

func TestAccDeleteAction(t *testing.T) {
	t.Parallel()
	s, prefix := etcdtest.Shared(t), etcdtest.Prefix(t)
	s.Put(t, prefix+"/key", "of another")
	s.Put(t, prefix+"/dir/a/b", "x")
	s.Put(t, prefix+"/dir/_hidden", "x")
	gone := func(key string) func() {
		return func() {
			if s.Get(t, key).OK() {
				t.Errorf("%s still exists", key)
			}
		}
	}
	remove := func(path, more string) string {
		return invoking(s.URL(), "etcd_delete", fmt.Sprintf("key = %q\n    %s", prefix+path, more))
	}
	acceptanceOfActions(t,
		resource.TestStep{Config: remove("/dir", ""), ExpectError: spaced("Set recursive to delete it")},
		resource.TestStep{Config: remove("/key", ""), PostApplyFunc: gone(prefix + "/key")},
		resource.TestStep{Config: remove("/key", "recursive = true")},
		resource.TestStep{Config: remove("/dir", "recursive = true"), PostApplyFunc: gone(prefix + "/dir")},
	)
}

func TestAccPushAction(t *testing.T) {
	t.Parallel()
	s, dir := etcdtest.Shared(t), etcdtest.Prefix(t)+"/queue"
	push := func(value string) string {
		return invoking(s.URL(), "etcd_push", fmt.Sprintf("dir = %q\n    value = %q\n    ttl = 500", dir, value))
	}
	acceptanceOfActions(t,
		resource.TestStep{Config: push("first")},
		resource.TestStep{Config: push("second"), PostApplyFunc: func() {
			nodes := s.Get(t, dir, "sorted=true").Node.Nodes
			if len(nodes) != 2 || nodes[0].Value != "first" || nodes[1].Value != "second" || nodes[1].TTL == 0 {
				t.Errorf("queue = %+v, want first and second", nodes)
			}
		}},
	)
}

func TestAccPushAction_lostAnswer(t *testing.T) {
	t.Parallel()
	s, dir := etcdtest.Shared(t), etcdtest.Prefix(t)+"/queue"
	proxy := etcdtest.NewProxy(t, s.URL())
	proxy.Inject(etcdtest.Rule{Method: http.MethodPost, Action: etcdtest.DropAnswer()})
	acceptanceOfActions(t, resource.TestStep{
		Config:      invoking(proxy.URL(), "etcd_push", fmt.Sprintf("dir = %q\n    value = \"x\"", dir)),
		ExpectError: spaced("Outcome of a write is unknown"),
	})
	if nodes := s.Get(t, dir).Node.Nodes; len(nodes) != 1 {
		t.Errorf("%d keys were created, want one", len(nodes))
	}
}

func TestAccRefreshAction(t *testing.T) {
	t.Parallel()
	s, key := etcdtest.Shared(t), etcdtest.Prefix(t)+"/key"
	before := s.Put(t, key, "kept", "ttl=50").Node
	refresh := func(key string) string {
		return invoking(s.URL(), "etcd_refresh", fmt.Sprintf("key = %q\n    ttl = 5000", key))
	}
	acceptanceOfActions(t,
		resource.TestStep{Config: refresh(key + "-none"), ExpectError: spaced("It does not exist")},
		resource.TestStep{
			PreConfig: func() { s.Mkdir(t, key+"-dir") }, Config: refresh(key + "-dir"),
			ExpectError: spaced("There is a directory where a key was expected"),
		},
		resource.TestStep{Config: refresh(key), PostApplyFunc: func() {
			if node := s.Get(t, key).Node; node.Value != "kept" || node.TTL < 4900 || node.CreatedIndex != before.CreatedIndex {
				t.Errorf("key = %+v, want its value and a TTL of 5000", node)
			}
			if node := s.Get(t, key+"-dir").Node; node.TTL != 0 {
				t.Errorf("the directory has a TTL of %d seconds, want none", node.TTL)
			}
		}},
	)
}

func TestAccWaitAction(t *testing.T) {
	t.Parallel()
	s, key := etcdtest.Shared(t), etcdtest.Prefix(t)+"/key"
	proxy := etcdtest.NewProxy(t, s.URL())
	proxy.Inject(etcdtest.Rule{Match: isWatch, Times: 1, Action: etcdtest.Intercept(func(etcdtest.Request) { s.Put(t, key, "done: 3") })})
	wait := func(condition string) string {
		return invoking(proxy.URL(), "etcd_wait", fmt.Sprintf("key = %q\n    timeout = \"2s\"\n    %s", key, condition))
	}
	acceptanceOfActions(t,
		resource.TestStep{Config: wait(""), ExpectError: spaced("Exactly one of these attributes")},
		resource.TestStep{Config: wait(`matches = "^done"`)},
		resource.TestStep{Config: wait(`exists = false`), ExpectError: spaced("Waited 2s for " + key + " not to exist")},
	)
	if n := watches(proxy); n == 0 {
		t.Error("no watch was sent")
	}
}

func TestAccChangePasswordAction(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t, etcdtest.WithAuth("rootpw"))
	s.JSON(t, http.MethodPut, "/v2/auth/users/alice", map[string]any{"user": "alice", "password": "old"})
	s.Put(t, "/handover/alice", "new password")
	s.Put(t, "/handover/empty", "")
	change := func(name, key string) string {
		return invokingAs(
			s.URL(), "username = \"root\"\n  password = \"rootpw\"", "etcd_change_password",
			fmt.Sprintf("name = %q\n    password_key = %q", name, key),
		)
	}
	acceptanceOfActions(t,
		resource.TestStep{Config: change("nobody", "/handover/alice"), ExpectError: spaced("There is no user nobody")},
		resource.TestStep{
			Config: change("alice", "/handover/empty"), ExpectError: spaced("is empty or a directory. The password was not changed."),
		},
		resource.TestStep{Config: change("alice", "/handover/none"), ExpectError: spaced("It does not exist")},
		resource.TestStep{Config: change("alice", "/handover/alice"), PostApplyFunc: func() {
			if s.Get(t, "/handover/alice").OK() {
				t.Error("the key with the new password still exists")
			}
			// Log in as a user with a role, because a user without roles has no access.
			s.JSON(t, http.MethodPut, "/v2/auth/users/alice", map[string]any{"user": "alice", "grant": []string{"root"}})
			s.SetCredentials("alice", "new password")
			if answer := s.Get(t, "/handover/empty"); !answer.OK() {
				t.Errorf("alice cannot log in with the new password: %d", answer.Status)
			}
			s.SetCredentials("root", "rootpw")
		}},
	)
}

// The action changes the provider's own password. The provider continues with the new one,
// in everything that is applied at the same time or later.
func TestAccChangePasswordAction_ownUser(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t, etcdtest.WithAuth("rootpw"))
	s.Put(t, "/handover/root", "new password")
	cfg := invokingAs(
		s.URL(), "username = \"root\"\n  password = \"rootpw\"", "etcd_change_password", "name = \"root\"\n    password_key = \"/handover/root\"",
	)
	cfg += "resource \"etcd_key\" \"after\" {\n  key        = \"/after\"\n  value      = \"v\"\n  depends_on = [terraform_data.x]\n}\n"
	acceptanceOfActions(t,
		resource.TestStep{Config: cfg, Check: onServer(func() error {
			s.SetCredentials("root", "new password")
			if s.Get(t, "/handover/root").OK() {
				t.Error("the key with the new password still exists")
			}
			if got := s.Get(t, "/after").Node.Value; got != "v" {
				t.Errorf("the key written after the action = %q", got)
			}
			// For the next plan, which uses the old password.
			s.JSON(t, http.MethodPut, "/v2/auth/users/root", map[string]any{"user": "root", "password": "rootpw"})
			s.SetCredentials("root", "rootpw")
			return nil
		})},
	)
}

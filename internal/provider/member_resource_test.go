package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// membersOf returns the members of a server, by its own answer.
func membersOf(t *testing.T, s *etcdtest.Server) []etcdv2.Member {
	t.Helper()
	var body struct{ Members []etcdv2.Member }
	s.Do(t, etcdtest.Call{Path: "/v2/members"}).Decode(t, &body)
	return body.Members
}

// memberNamed returns the member with the name.
func memberNamed(t *testing.T, s *etcdtest.Server, name string) etcdv2.Member {
	t.Helper()
	members := membersOf(t, s)
	i := slices.IndexFunc(members, func(m etcdv2.Member) bool { return m.Name == name })
	if i < 0 {
		t.Fatalf("no member is named %s", name)
	}
	return members[i]
}

// hasMember reports whether a member with the peer URL is there.
func hasMember(t *testing.T, s *etcdtest.Server, peerURL string) bool {
	t.Helper()
	return slices.ContainsFunc(membersOf(t, s), func(m etcdv2.Member) bool { return slices.Contains(m.PeerURLs, peerURL) })
}

// waitUntil calls check until it is true, for a minute and a half at the most.
func waitUntil(ctx context.Context, what string, check func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	for !check() {
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}

// addMember adds a reserved server to the cluster of s and starts it.
func addMember(t *testing.T, s *etcdtest.Server, added *etcdtest.Server) {
	t.Helper()
	s.JSON(t, http.MethodPost, "/v2/members", map[string]any{"peerURLs": []string{added.PeerURL()}})
	added.Join(t, joinArgs(t, s, added))
}

// joinArgs is what to start an added server with as --initial-cluster.
func joinArgs(t *testing.T, s, added *etcdtest.Server) string {
	t.Helper()
	var parts []string
	for _, m := range membersOf(t, s) {
		name := m.Name
		if slices.Contains(m.PeerURLs, added.PeerURL()) {
			name = added.Name
		}
		parts = append(parts, name+"="+m.PeerURLs[0])
	}
	return strings.Join(parts, ",")
}

// output returns an attribute of a resource in state.
func output(state *terraform.State, address, attribute string) string {
	return state.RootModule().Resources[address].Primary.Attributes[attribute]
}

func TestAccMemberResource_lifecycle(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	n2 := s.Reserve(t, "n2")
	other := s.Reserve(t, "other").PeerURL()
	urls := func(urls ...string) string {
		return config(s.URL(), `
resource "etcd_member" "n2" {
  name              = "n2"
  peer_urls         = [%s]
  allow_quorum_loss = true
}`, quoted(urls...))
	}
	acceptance(t,
		resource.TestStep{
			Config: urls(n2.PeerURL(), other),
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue("etcd_member.n2", tfjsonpath.New("started"), knownvalue.Bool(false)),
				statecheck.ExpectKnownValue("etcd_member.n2", tfjsonpath.New("client_urls"), knownvalue.ListExact(nil)),
				statecheck.ExpectKnownValue("etcd_member.n2", tfjsonpath.New("name"), knownvalue.StringExact("n2")),
				statecheck.ExpectIdentityValueMatchesState("etcd_member.n2", tfjsonpath.New("id")),
			},
			Check: func(state *terraform.State) error {
				n2.Join(t, output(state, "etcd_member.n2", "initial_cluster"))
				return nil
			},
		},
		resource.TestStep{
			// It was started; nothing is to be done.
			Config:           urls(n2.PeerURL(), other),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}},
		},
		resource.TestStep{
			Config: urls(n2.PeerURL()),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("etcd_member.n2", plancheck.ResourceActionUpdate),
			}},
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue("etcd_member.n2", tfjsonpath.New("started"), knownvalue.Bool(true)),
				statecheck.ExpectKnownValue("etcd_member.n2", tfjsonpath.New("client_urls"), knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact(n2.URL())})),
			},
			Check: func(*terraform.State) error {
				if hasMember(t, s, other) {
					return errors.New("the second peer URL is still there")
				}
				return nil
			},
		},
		resource.TestStep{
			ResourceName: "etcd_member.n2", ImportState: true, ImportStateId: "n2",
			ImportStateVerify: true, ImportStateVerifyIgnore: []string{"allow_quorum_loss", "initial_cluster"},
		},
		resource.TestStep{
			ResourceName: "etcd_member.n2", ImportState: true,
			ImportStateVerify: true, ImportStateVerifyIgnore: []string{"allow_quorum_loss", "initial_cluster"},
		},
		resource.TestStep{
			ResourceName: "etcd_member.n2", ImportState: true, ImportStateId: "no-such-member",
			ExpectError: regexp.MustCompile(`Member not found`),
		},
		resource.TestStep{
			Config: config(s.URL(), ""),
			Check: func(*terraform.State) error {
				if hasMember(t, s, n2.PeerURL()) {
					return errors.New("the member is still there")
				}
				if code := n2.WaitExit(t); code != 0 {
					return fmt.Errorf("the process of the removed member ended with %d", code)
				}
				return nil
			},
		},
	)
}

func quoted(texts ...string) string {
	parts := make([]string, len(texts))
	for i, text := range texts {
		parts[i] = fmt.Sprintf("%q", text)
	}
	return strings.Join(parts, ", ")
}

func TestAccMemberResource_badInput(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	for name, test := range map[string]struct{ attributes, want string }{
		"no URL":         {`peer_urls = []`, `at\s+least 1`},
		"trailing slash": {`peer_urls = ["http://10.0.0.2:2380/"]`, `trailing\s+slash`},
		"no port":        {`peer_urls = ["http://10.0.0.2"]`, `host:port`},
		"no scheme":      {`peer_urls = ["10.0.0.2:2380"]`, `Invalid peer URL`},
		"name":           {`name = "a=b"` + "\n" + `peer_urls = ["http://10.0.0.2:2380"]`, `Invalid name`},
		"timeout": {
			`peer_urls = ["http://10.0.0.2:2380"]` + "\n" + `timeouts = { create = "soon" }`, `(?i)invalid|duration`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			acceptance(t, resource.TestStep{
				Config:      config(s.URL(), "resource \"etcd_member\" \"a\" {\n%s\n}", test.attributes),
				PlanOnly:    true,
				ExpectError: regexp.MustCompile(test.want),
			})
		})
	}
}

// A cluster of one stops when a member is added: refused, unless one insists.
func TestAccMemberResource_quorumOfOne(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	n2 := s.Reserve(t, "n2")
	acceptance(t, resource.TestStep{
		Config:      config(s.URL(), "resource \"etcd_member\" \"n2\" {\n  peer_urls = [%q]\n}", n2.PeerURL()),
		ExpectError: regexp.MustCompile(`(?s)would stop the cluster.*needs 2.*allow_quorum_loss = true`),
	})
	if n := len(membersOf(t, s)); n != 1 {
		t.Errorf("the cluster has %d members after the refusal, want 1", n)
	}
	s.Put(t, "/still", "works")
}

// With a node down, an add that would lose the quorum is refused, and so is
// the removal of a member that is up; that of the one that is down is not.
func TestAccMemberResource_quorumWithANodeDown(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	n1, n2, n3 := cluster.Servers[0], cluster.Servers[1], cluster.Servers[2]
	n4 := cluster.Reserve(t, "n4")
	provider := fmt.Sprintf("provider \"etcd\" {\n  endpoints = [%s]\n}\n", quoted(cluster.URLs()...))
	members := provider + fmt.Sprintf(`
resource "etcd_member" "n2" {
  peer_urls = [%q]
}
resource "etcd_member" "n3" {
  peer_urls = [%q]
}
`, n2.PeerURL(), n3.PeerURL())
	imports := fmt.Sprintf("import {\n  to = etcd_member.n2\n  id = %q\n}\nimport {\n  to = etcd_member.n3\n  id = %q\n}\n", n2.Name, n3.Name)
	acceptance(t,
		resource.TestStep{Config: members + imports},
		resource.TestStep{
			PreConfig:   func() { n3.Kill(t) },
			Config:      members + fmt.Sprintf("resource \"etcd_member\" \"n4\" {\n  peer_urls = [%q]\n}", n4.PeerURL()),
			ExpectError: regexp.MustCompile(`(?s)would stop the cluster.*needs 3.*n3`),
		},
		resource.TestStep{
			Config:      provider + fmt.Sprintf("resource \"etcd_member\" \"n3\" {\n  peer_urls = [%q]\n}", n3.PeerURL()),
			ExpectError: regexp.MustCompile(`(?s)would stop the cluster.*allow_quorum_loss`),
		},
		resource.TestStep{
			PreConfig: func() {
				if n := len(membersOf(t, n1)); n != 3 {
					t.Errorf("the cluster has %d members after two refusals, want 3", n)
				}
			},
			Config: provider + fmt.Sprintf("resource \"etcd_member\" \"n2\" {\n  peer_urls = [%q]\n}", n2.PeerURL()),
			Check: func(*terraform.State) error {
				if hasMember(t, n1, n3.PeerURL()) {
					return errors.New("the member that was down is still there")
				}
				return nil
			},
		},
		resource.TestStep{Config: provider, Check: func(*terraform.State) error {
			n1.Put(t, "/still", "works")
			return nil
		}},
	)
}

// The last member is never removed.
func TestAccMemberResource_theOnlyMember(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	block := config(s.URL(), "resource \"etcd_member\" \"n1\" {\n  peer_urls = [%q]\n  allow_quorum_loss = true\n}\n", s.PeerURL())
	acceptance(t,
		resource.TestStep{Config: block + "import {\n  to = etcd_member.n1\n  id = \"n1\"\n}\n"},
		resource.TestStep{Config: config(s.URL(), ""), ExpectError: regexp.MustCompile(`only member cannot be removed`)},
		resource.TestStep{Config: config(s.URL(), "removed {\n  from = etcd_member.n1\n  lifecycle {\n    destroy = false\n  }\n}\n")},
	)
	s.Put(t, "/still", "works")
}

// Three members in one apply are made one after the other. Something else
// starts each process when the member is added.
func TestAccMemberResource_threeAtOnce(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	reserved := map[string]*etcdtest.Server{}
	var blocks strings.Builder
	for _, name := range []string{"n2", "n3", "n4"} {
		reserved[name] = s.Reserve(t, name)
		fmt.Fprintf(&blocks, `
resource "etcd_member" %[1]q {
  name              = %[1]q
  peer_urls         = [%[2]q]
  wait_for_start    = true
  allow_quorum_loss = true
}
`, name, reserved[name].PeerURL())
	}
	p := etcdtest.NewProxy(t, s.URL())
	var mu sync.Mutex
	var faults []string
	p.Inject(etcdtest.Rule{Method: http.MethodPost, Path: "/v2/members", Action: etcdtest.Intercept(func(etcdtest.Request) {
		for _, m := range membersOf(t, s) {
			if !m.Started() {
				mu.Lock()
				faults = append(faults, "a member was added while "+m.ID+" was not started")
				mu.Unlock()
			}
		}
	})})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		startAdded(ctx, t, s, reserved)
	}()
	acceptance(t,
		resource.TestStep{
			Config: config(p.URL(), "%s", blocks.String()),
			Check: func(*terraform.State) error {
				members := membersOf(t, s)
				if len(members) != 4 || slices.ContainsFunc(members, func(m etcdv2.Member) bool { return !m.Started() }) {
					return fmt.Errorf("the members are %+v, want four that are started", members)
				}
				return nil
			},
		},
	)
	cancel()
	<-done
	if len(faults) > 0 {
		t.Error(faults)
	}
}

// startAdded starts each reserved server when it has become a member.
func startAdded(ctx context.Context, t *testing.T, s *etcdtest.Server, reserved map[string]*etcdtest.Server) {
	t.Helper()
	for pause(ctx, 100*time.Millisecond) == nil {
		for _, added := range reserved {
			if !added.Running() && hasMember(t, s, added.PeerURL()) {
				added.PrepareJoin(joinArgs(t, s, added))
				added.Launch(t)
			}
		}
	}
}

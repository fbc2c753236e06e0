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
	"sync/atomic"
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
	"github.com/etcdv2/terraform-provider-etcd/internal/pause"
)

// membersOf returns the members that a server lists.
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

// hasMember reports whether a member has the peer URL.
func hasMember(t *testing.T, s *etcdtest.Server, peerURL string) bool {
	t.Helper()
	return slices.ContainsFunc(membersOf(t, s), func(m etcdv2.Member) bool { return slices.Contains(m.PeerURLs, peerURL) })
}

// joinArgs returns the value of --initial-cluster for starting an added server.
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

// join starts the process of an added member, and starts it again if it ends, like a service
// manager: a process that cannot reach the others in time gives up.
func join(t *testing.T, added *etcdtest.Server, initialCluster string) {
	t.Helper()
	added.PrepareJoin(initialCluster)
	for range 300 {
		if !added.Running() {
			added.Launch(t)
		}
		answer, err := added.Try(t.Context(), etcdtest.Call{Path: "/health"})
		if err == nil && answer.OK() {
			added.WaitHealthy(t)
			return
		}
		if err := pause.For(t.Context(), 200*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("%s does not become healthy with %s", added.Name, initialCluster)
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
				join(t, n2, output(state, "etcd_member.n2", "initial_cluster"))
				return nil
			},
		},
		resource.TestStep{
			// The member is started, so nothing is left to do.
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
				statecheck.ExpectKnownValue(
					"etcd_member.n2", tfjsonpath.New("client_urls"), knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact(n2.URL())}),
				),
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

// A cluster of one stops when a member is added: this is refused unless it is forced.
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

// With a node down, an add that would lose the quorum is refused. So is the removal of a member
// that is up, but not the removal of the one that is down.
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
			// The removed member may have been the leader.
			n1.WaitHealthy(t)
			n1.Put(t, "/still", "works")
			return nil
		}},
	)
}

// TestAccMemberResource_withoutV2 removes members that do not serve the v2 API. The endpoints
// include them, even as the first one.
func TestAccMemberResource_withoutV2(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	n1, n2, n3 := cluster.Servers[0], cluster.Servers[1], cluster.Servers[2]
	n2.RestartWithoutV2(t)
	n3.RestartWithoutV2(t)
	provider := fmt.Sprintf("provider \"etcd\" {\n  endpoints = [%s]\n}\n", quoted(n2.URL(), n1.URL(), n3.URL()))
	health := provider + "data \"etcd_health\" \"a\" {}\n"
	member := fmt.Sprintf("resource \"etcd_member\" \"n3\" {\n  peer_urls = [%q]\n}\n", n3.PeerURL())
	row := func(i int, attribute string, want bool) statecheck.StateCheck {
		return statecheck.ExpectKnownValue(
			"data.etcd_health.a", tfjsonpath.New("endpoints").AtSliceIndex(i).AtMapKey(attribute), knownvalue.Bool(want),
		)
	}
	acceptance(t,
		resource.TestStep{
			Config: health + member + fmt.Sprintf("import {\n  to = etcd_member.n3\n  id = %q\n}\n", n3.Name),
			ConfigStateChecks: []statecheck.StateCheck{
				row(0, "healthy", true), row(0, "v2", false), row(1, "healthy", true), row(1, "v2", true), row(2, "v2", false),
			},
		},
		resource.TestStep{Config: provider, Check: func(*terraform.State) error {
			if hasMember(t, n1, n3.PeerURL()) {
				return errors.New("the member is still there")
			}
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

// Three members in one apply are added one after the other. The test starts each process when its
// member has been added.
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
		etcdtest.Apart(t, func(t *testing.T) { startAdded(ctx, t, s, reserved) })
	}()
	defer func() { <-done }()
	defer cancel()
	acceptance(t,
		resource.TestStep{
			Config: config(p.URL(), "%s", blocks.String()),
			Check: func(*terraform.State) error {
				members := membersOf(t, s)
				if len(members) != 4 || slices.ContainsFunc(members, func(m etcdv2.Member) bool { return !m.Started() }) {
					return fmt.Errorf("members = %+v, want four started ones", members)
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

// startAdded starts each reserved server after it has become a member.
func startAdded(ctx context.Context, t *testing.T, s *etcdtest.Server, reserved map[string]*etcdtest.Server) {
	t.Helper()
	for pause.For(ctx, 100*time.Millisecond) == nil {
		for _, added := range reserved {
			if !added.Running() && hasMember(t, s, added.PeerURL()) { //nolint:contextcheck // it uses a context of its own
				added.PrepareJoin(joinArgs(t, s, added)) //nolint:contextcheck // as above
				added.Launch(t)
			}
		}
	}
}

// dropAccepted loses the first answer that confirms a change.
func dropAccepted() etcdtest.Action {
	var dropped atomic.Bool
	return func(x *etcdtest.Exchange) {
		answer := x.Fetch()
		if answer != nil && answer.Code < 300 && dropped.CompareAndSwap(false, true) {
			x.Cut()
			return
		}
		x.Deliver(answer)
	}
}

// A lost answer to each kind of change is settled by the list of members.
func TestAccMemberResource_lostAnswers(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	s := cluster.Servers[0]
	p := etcdtest.NewProxy(t, s.URL())
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		p.Inject(etcdtest.Rule{Method: method, Path: "/v2/members", Action: dropAccepted()})
	}
	n4 := cluster.Reserve(t, "n4")
	other := cluster.Reserve(t, "other").PeerURL()
	block := func(urls ...string) string {
		return config(p.URL(), "resource \"etcd_member\" \"n4\" {\n  name      = \"n4\"\n  peer_urls = [%s]\n}\n", quoted(urls...))
	}
	accepted := func(method string) int {
		n := 0
		for _, r := range p.Requests() {
			if r.Method == method && r.Status < 300 {
				n++
			}
		}
		return n
	}
	acceptance(t,
		resource.TestStep{
			Config: block(n4.PeerURL()),
			Check: func(state *terraform.State) error {
				if n := accepted(http.MethodPost); n != 1 || len(membersOf(t, s)) != 4 {
					return fmt.Errorf("%d adds were accepted, members = %d, want 1 and 4", n, len(membersOf(t, s)))
				}
				join(t, n4, output(state, "etcd_member.n4", "initial_cluster"))
				return nil
			},
		},
		resource.TestStep{
			Config: block(n4.PeerURL(), other),
			Check: func(*terraform.State) error {
				if !hasMember(t, s, other) {
					return errors.New("the new peer URL is not there")
				}
				return nil
			},
		},
		resource.TestStep{
			Config: config(p.URL(), ""),
			Check: func(*terraform.State) error {
				if n := len(membersOf(t, s)); n != 3 {
					return fmt.Errorf("members = %d, want 3", n)
				}
				return nil
			},
		},
	)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		if accepted(method) == 0 {
			t.Errorf("no answer to %s was lost", method)
		}
	}
}

// The node that gets the add dies before it answers; the others know the member.
func TestAccMemberResource_nodeKilledDuringAdd(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	n1, n2, n3 := cluster.Servers[0], cluster.Servers[1], cluster.Servers[2]
	p := etcdtest.NewProxy(t, n1.URL())
	p.Inject(etcdtest.Rule{Method: http.MethodPost, Path: "/v2/members", Action: func(x *etcdtest.Exchange) {
		answer := x.Fetch()
		if answer != nil && answer.Code < 300 {
			etcdtest.Apart(t, func(t *testing.T) { n1.Kill(t) })
			x.Cut()
			return
		}
		x.Deliver(answer)
	}})
	n4 := cluster.Reserve(t, "n4")
	acceptance(t, resource.TestStep{
		Config: endpointsConfig([]string{p.URL(), n2.URL(), n3.URL()}, "",
			fmt.Sprintf("resource \"etcd_member\" \"n4\" {\n  name      = \"n4\"\n  peer_urls = [%q]\n}\n", n4.PeerURL())),
		Check: func(state *terraform.State) error {
			added := 0
			for _, m := range membersOf(t, n2) {
				if slices.Equal(m.PeerURLs, []string{n4.PeerURL()}) && m.ID == output(state, "etcd_member.n4", "id") {
					added++
				}
			}
			if added != 1 {
				return fmt.Errorf("members = %+v, want one that is in state", membersOf(t, n2))
			}
			// The node comes back and the new member starts, so that it can be removed.
			n1.Restart(t)
			join(t, n4, output(state, "etcd_member.n4", "initial_cluster"))
			return nil
		},
	})
}

// The node that gets the add dies before the request reaches it, or while it has the request. The
// others know the outcome. A member that was not added would stop the cluster while a node is
// down, and is planned again when the node is back.
func TestMemberResource_nodeKilledBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	for name, kill := range map[string]func(*testing.T, *etcdtest.Cluster, *etcdtest.Exchange){
		"before it gets the request": func(t *testing.T, cluster *etcdtest.Cluster, x *etcdtest.Exchange) {
			t.Helper()
			cluster.Servers[0].Kill(t)
			x.Fetch()
		},
		"while it has the request": func(t *testing.T, cluster *etcdtest.Cluster, x *etcdtest.Exchange) {
			t.Helper()
			killWithRequest(t, cluster.Servers[0], cluster.Servers[1:], x)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := etcdtest.StartCluster(t, 3)
			n1, n2, n3 := cluster.Servers[0], cluster.Servers[1], cluster.Servers[2]
			// Servers that have been running for less time refuse the change.
			if err := pause.For(t.Context(), 7*time.Second); err != nil {
				t.Fatal(err)
			}
			p := etcdtest.NewProxy(t, n1.URL())
			p.Inject(etcdtest.Rule{Method: http.MethodPost, Path: "/v2/members", Times: 1, Action: func(x *etcdtest.Exchange) {
				etcdtest.Apart(t, func(t *testing.T) { kill(t, cluster, x) })
				x.Cut()
			}})
			d := newDirect(t, map[string]any{"endpoints": []string{p.URL(), n2.URL(), n3.URL()}})
			added := applyAdd(t, d, n2, cluster.Reserve(t, "n4").PeerURL(), func() { n1.Restart(t) })
			if n := p.Count(http.MethodPost, "/v2/members"); n == 0 {
				t.Error("the node did not get the request")
			}
			after, errs := d.refresh(t, added)
			if errs != "" || !after.exists() || !after.state.Equal(added.state) {
				t.Errorf("state after a refresh: %v, errors %q, want %v", after.state, errs, added.state)
			}
		})
	}
}

// The only endpoint of the provider dies after it has added the member. The outcome is unknown
// until the node is back, and then the member can be imported.
func TestMemberResource_onlyEndpointKilledDuringAdd(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	n1, n2 := cluster.Servers[0], cluster.Servers[1]
	p := etcdtest.NewProxy(t, n1.URL())
	p.Inject(etcdtest.Rule{Method: http.MethodPost, Path: "/v2/members", Action: func(x *etcdtest.Exchange) {
		answer := x.Fetch()
		if answer != nil && answer.Code >= 300 {
			x.Deliver(answer)
			return
		}
		etcdtest.Apart(t, func(t *testing.T) { n1.Kill(t) })
		x.Cut()
	}})
	d := newDirect(t, map[string]any{"endpoints": []string{p.URL()}})
	peerURL := cluster.Reserve(t, "n4").PeerURL()
	attributes := map[string]any{"name": "n4", "peer_urls": []string{peerURL}, "timeouts": map[string]any{"create": "1m"}}
	after, errs := d.apply(t, d.none("etcd_member"), attributes)
	if !strings.Contains(errs, "Outcome of a write is unknown") || after.exists() {
		t.Fatalf("the error is %q, in state: %t, want an unknown outcome and nothing in state", errs, after.exists())
	}
	n1.Restart(t)
	members := membersOf(t, n2)
	i := slices.IndexFunc(members, func(m etcdv2.Member) bool { return slices.Contains(m.PeerURLs, peerURL) })
	if i < 0 {
		t.Fatalf("members = %+v, want one at %s", members, peerURL)
	}
	if _, errs := d.apply(t, d.none("etcd_member"), attributes); !strings.Contains(errs, "Member already exists") ||
		!strings.Contains(errs, members[i].ID) {
		t.Errorf("the error of the next apply is %q, want how to import %s", errs, members[i].ID)
	}
	imported := d.imported(t, "etcd_member", members[i].ID)
	planned, _ := d.plan(t, imported, attributes)
	if text := errorText(planned.Diagnostics); text != "" || len(planned.RequiresReplace) > 0 {
		t.Errorf("the plan after the import: %q, replaced for %v", text, planned.RequiresReplace)
	}
	if n := len(membersOf(t, n2)); n != 4 {
		t.Errorf("members = %d, want 4", n)
	}
}

// killWithRequest kills a server while it has a request that it cannot answer, because the others
// are paused.
func killWithRequest(t *testing.T, s *etcdtest.Server, others []*etcdtest.Server, x *etcdtest.Exchange) {
	t.Helper()
	for _, other := range others {
		other.Pause(t)
		awaitSilence(t, other)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if answer := x.Fetch(); answer != nil {
			t.Errorf("the server answered with %d", answer.Code)
		}
	}()
	// It would answer after 5 s, with a refusal.
	if err := pause.For(t.Context(), time.Second); err != nil {
		t.Error(err)
	}
	s.Kill(t)
	<-ended
	for _, other := range others {
		other.Resume(t)
	}
}

// applyAdd applies an etcd_member with the peer URL while a node is dying. If that fails, the
// member must not exist, and applyAdd applies it again after the node was restored.
func applyAdd(t *testing.T, d *direct, s *etcdtest.Server, peerURL string, restore func()) managed {
	t.Helper()
	attributes := map[string]any{"name": "n4", "peer_urls": []string{peerURL}, "timeouts": map[string]any{"create": "1m"}}
	added, errs := d.apply(t, d.none("etcd_member"), attributes)
	restore()
	if errs != "" {
		if !strings.Contains(errs, "Nothing was changed") || added.exists() || hasMember(t, s, peerURL) {
			t.Fatalf("the error is %q, in state: %t, among the members: %t", errs, added.exists(), hasMember(t, s, peerURL))
		}
		if added, errs = d.apply(t, d.none("etcd_member"), attributes); errs != "" {
			t.Fatal(errs)
		}
	}
	members := membersOf(t, s)
	if len(members) != 4 || !slices.ContainsFunc(members, func(m etcdv2.Member) bool { return m.ID == added.text(t, "id") }) {
		t.Fatalf("members = %+v, want four with %s", members, added.text(t, "id"))
	}
	return added
}

// The quorum is lost while the add is in flight: its outcome is unknown, and the next run reports
// it.
func TestAccMemberResource_quorumLostDuringAdd(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	n1, n2, n3 := cluster.Servers[0], cluster.Servers[1], cluster.Servers[2]
	p := etcdtest.NewProxy(t, n1.URL())
	var paused atomic.Bool
	p.Inject(etcdtest.Rule{Method: http.MethodPost, Path: "/v2/members", Action: func(x *etcdtest.Exchange) {
		if paused.CompareAndSwap(false, true) {
			etcdtest.Apart(t, func(t *testing.T) {
				for _, s := range []*etcdtest.Server{n2, n3} {
					s.Pause(t)
					awaitSilence(t, s)
				}
			})
		}
		x.Forward()
	}})
	n4 := cluster.Reserve(t, "n4")
	block := func(timeout string) string {
		return config(
			p.URL(), "resource \"etcd_member\" \"n4\" {\n  name      = \"n4\"\n  peer_urls = [%q]\n  timeouts  = { create = %q }\n}\n",
			n4.PeerURL(), timeout,
		)
	}
	applied := func() bool { return hasMember(t, n1, n4.PeerURL()) }
	// Servers that have been running for less time refuse the change, and then nothing is unknown.
	if err := pause.For(t.Context(), 7*time.Second); err != nil {
		t.Fatal(err)
	}
	acceptance(t,
		resource.TestStep{Config: block("20s"), ExpectError: regexp.MustCompile(`Outcome of a write is unknown`)},
		resource.TestStep{
			// The add that nobody waits for any longer is usually applied.
			PreConfig: func() {
				n2.Resume(t)
				n3.Resume(t)
				for _, s := range cluster.Servers {
					s.WaitHealthy(t)
				}
				n1.Get(t, "/")
			},
			Config: config(p.URL(), ""),
		},
		resource.TestStep{
			SkipFunc:    func() (bool, error) { return !applied(), nil },
			Config:      block("1m"),
			ExpectError: regexp.MustCompile(`(?s)Member already exists.*import \{`),
		},
		resource.TestStep{
			SkipFunc: func() (bool, error) { return !applied(), nil },
			Config: block("1m") + fmt.Sprintf("import {\n  to = etcd_member.n4\n"+
				"  id = one([for m in data.etcd_members.all.members : m.id if contains(m.peer_urls, %q)])\n}\ndata \"etcd_members\" \"all\" {}\n",
				n4.PeerURL()),
		},
		resource.TestStep{
			Config: block("1m"),
			Check: func(state *terraform.State) error {
				if n := len(membersOf(t, n1)); n != 4 {
					return fmt.Errorf("members = %d, want 4", n)
				}
				join(t, n4, output(state, "etcd_member.n4", "initial_cluster"))
				return nil
			},
		},
	)
	if n := len(membersOf(t, n1)); n != 3 {
		t.Errorf("members at the end = %d, want 3", n)
	}
}

// awaitSilence waits until a paused server does not answer: a signal takes a moment to reach all
// threads of a process.
func awaitSilence(t *testing.T, s *etcdtest.Server) {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := s.Try(ctx, etcdtest.Call{Path: "/version"})
		cancel()
		if err != nil {
			return
		}
	}
}

// A process that does not start in time causes a warning and a plan that waits again.
func TestAccMemberResource_waitForStart(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	n2 := s.Reserve(t, "n2")
	block := config(s.URL(), `
resource "etcd_member" "n2" {
  name              = "n2"
  peer_urls         = [%q]
  wait_for_start    = true
  allow_quorum_loss = true
  timeouts          = { create = "2s", update = "2s" }
}`, n2.PeerURL())
	var initialCluster string
	acceptance(t,
		resource.TestStep{
			Config:             block,
			ExpectNonEmptyPlan: true,
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue("etcd_member.n2", tfjsonpath.New("started"), knownvalue.Bool(false)),
			},
			Check: func(state *terraform.State) error {
				initialCluster = output(state, "etcd_member.n2", "initial_cluster")
				return nil
			},
		},
		resource.TestStep{
			Config:      block,
			ExpectError: regexp.MustCompile(`(?s)Unable to change member.*never\s+started`),
		},
		resource.TestStep{
			PreConfig: func() { join(t, n2, initialCluster) },
			Config:    block,
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue("etcd_member.n2", tfjsonpath.New("started"), knownvalue.Bool(true)),
			},
		},
		resource.TestStep{
			Config:           strings.Replace(block, `"n2"`+"\n  peer", `"other"`+"\n  peer", 1),
			ConfigPlanChecks: planned("etcd_member.n2", plancheck.ResourceActionNoop),
		},
	)
}

// Changes outside Terraform are detected and corrected.
func TestAccMemberResource_drift(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	s, n2 := cluster.Servers[0], cluster.Servers[1]
	other := cluster.Reserve(t, "other").PeerURL()
	body := fmt.Sprintf("resource \"etcd_member\" \"n2\" {\n  peer_urls = [%q]\n}\n", n2.PeerURL())
	id := memberNamed(t, s, "n2").ID
	acceptance(t,
		resource.TestStep{Config: config(s.URL(), "%s", body), ExpectError: regexp.MustCompile(`(?s)Member already exists.*import \{.*` + id)},
		resource.TestStep{Config: config(s.URL(), "%s", body+fmt.Sprintf("import {\n  to = etcd_member.n2\n  identity = {\n    id = %q\n"+
			"  }\n}\n", id))},
		resource.TestStep{
			PreConfig: func() {
				s.JSON(t, http.MethodPut, "/v2/members/"+id, map[string]any{"peerURLs": []string{n2.PeerURL(), other}})
			},
			Config: config(s.URL(), "%s", body),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("etcd_member.n2", plancheck.ResourceActionUpdate),
			}},
			Check: func(*terraform.State) error {
				if hasMember(t, s, other) {
					return errors.New("the peer URL that was added outside is still there")
				}
				return nil
			},
		},
		resource.TestStep{
			Config:      config(s.URL(), "resource \"etcd_member\" \"n2\" {\n  peer_urls = [%q]\n}\n", s.PeerURL()),
			ExpectError: regexp.MustCompile(`Peer URL belongs to another member`),
		},
		resource.TestStep{
			PreConfig: func() {
				removeMember(t, s, id)
				n2.WaitExit(t)
			},
			RefreshState: true, ExpectNonEmptyPlan: true,
			RefreshPlanChecks: resource.RefreshPlanChecks{PostRefresh: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("etcd_member.n2", plancheck.ResourceActionCreate),
			}},
		},
	)
}

// removeMember removes a member as soon as the servers allow it.
func removeMember(t *testing.T, s *etcdtest.Server, id string) {
	t.Helper()
	for range 100 {
		if s.Do(t, etcdtest.Call{Method: http.MethodDelete, Path: "/v2/members/" + id}).OK() {
			return
		}
		if err := pause.For(t.Context(), 200*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("member %s cannot be removed", id)
}

func TestAccMemberResource_needsRoot(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t, etcdtest.WithAuth("root-password"))
	acceptance(t, resource.TestStep{
		Config: config(s.URL(), "resource \"etcd_member\" \"a\" {\n  peer_urls         = [\"http://127.0.0.1:1\"]\n"+
			"  allow_quorum_loss = true\n}\n"),
		ExpectError: regexp.MustCompile(`the[\s│]+provider[\s│]+has[\s│]+no[\s│]+credentials`),
	})
	if n := len(membersOf(t, s)); n != 1 {
		t.Errorf("members = %d, want 1", n)
	}
}

// Members are changed and read with TLS and as root.
func TestAccMemberResource_tlsAndAuth(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3, etcdtest.WithTLS(), etcdtest.WithAuth("root-password"))
	n1 := cluster.Servers[0]
	n4 := cluster.Reserve(t, "n4")
	block := func(password string) string {
		return endpointsConfig(cluster.URLs(), fmt.Sprintf(
			"username = \"root\"\n  password = %q\n  tls = { ca_file = %q }", password, n1.Certs.CA.CertFile,
		), fmt.Sprintf(`
data "etcd_leader" "a" {}
data "etcd_leader_stats" "a" {}
data "etcd_health" "a" {}
resource "etcd_member" "n4" {
  name      = "n4"
  peer_urls = [%q]
}
data "etcd_members" "a" {
  depends_on = [etcd_member.n4]
}
`, n4.PeerURL()))
	}
	acceptance(t,
		resource.TestStep{Config: block("wrong"), ExpectError: regexp.MustCompile(`refused the credentials`)},
		resource.TestStep{
			PreConfig: func() {
				if hasMember(t, n1, n4.PeerURL()) {
					t.Error("the member was added with a wrong password")
				}
			},
			Config: block("root-password"),
			ConfigStateChecks: []statecheck.StateCheck{
				knownText("data.etcd_leader.a", "id", memberNamed(t, n1, cluster.Leader(t).Name).ID),
				statecheck.ExpectKnownValue("data.etcd_health.a", tfjsonpath.New("healthy"), knownvalue.Bool(true)),
				knownSize("data.etcd_leader_stats.a", "followers", 2),
				knownSize("data.etcd_members.a", "members", 4),
			},
			Check: func(state *terraform.State) error {
				join(t, n4, output(state, "etcd_member.n4", "initial_cluster"))
				return nil
			},
		},
		resource.TestStep{
			Config: block("root-password"),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("etcd_member.n4", plancheck.ResourceActionNoop),
			}},
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue(
					"etcd_member.n4", tfjsonpath.New("client_urls"), knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact(n4.URL())}),
				),
			},
		},
	)
	if n := len(membersOf(t, n1)); n != 3 {
		t.Errorf("members after the destroy = %d, want 3", n)
	}
}

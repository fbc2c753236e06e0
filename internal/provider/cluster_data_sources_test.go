package provider

import (
	"context"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/tfserver"
)

// quietClusterSources need neither a leader nor access rights.
const quietClusterSources = `
data "etcd_members" "a" {}
data "etcd_member" "a" {
  name = "n1"
}
data "etcd_member" "by_id" {
  id = data.etcd_member.a.id
}
data "etcd_cluster" "a" {}
data "etcd_version" "a" {}
data "etcd_health" "a" {}
data "etcd_machines" "a" {}
data "etcd_self_stats" "a" {}
data "etcd_store_stats" "a" {}
`

const leaderSources = `
data "etcd_leader" "a" {}
data "etcd_leader_stats" "a" {}
`

// endpointsConfig is config for several endpoints, with more attributes in the provider
// block.
func endpointsConfig(endpoints []string, attributes, body string) string {
	return fmt.Sprintf("provider \"etcd\" {\n  endpoints = [%s]\n  %s\n}\n", quoted(endpoints...), attributes) + body
}

// knownText checks an attribute of a data source.
func knownText(address, attribute string, want string) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(attribute), knownvalue.StringExact(want))
}

func knownSize(address, attribute string, want int) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(address, tfjsonpath.New(attribute), knownvalue.ListSizeExact(want))
}

func TestAccClusterDataSources_oneNode(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]etcdtest.Option{
		"without auth": nil,
		"with auth":    {etcdtest.WithAuth("root-password")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := etcdtest.Start(t, options...)
			id := membersOf(t, s)[0].ID
			acceptance(t, resource.TestStep{
				Config: config(s.URL(), "%s", quietClusterSources+leaderSources),
				ConfigStateChecks: []statecheck.StateCheck{
					knownSize("data.etcd_members.a", "members", 1),
					knownText("data.etcd_member.a", "id", id),
					knownText("data.etcd_member.by_id", "name", "n1"),
					knownText("data.etcd_leader.a", "id", id),
					knownText("data.etcd_leader_stats.a", "leader_id", id),
					knownSize("data.etcd_leader_stats.a", "followers", 0),
					knownText("data.etcd_cluster.a", "id", s.Get(t, "/").Header.Get("X-Etcd-Cluster-Id")),
					statecheck.ExpectKnownValue("data.etcd_cluster.a", tfjsonpath.New("raft_term"), knownvalue.NotNull()),
					statecheck.ExpectKnownValue(
						"data.etcd_cluster.a", tfjsonpath.New("endpoints"), knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact(s.URL())}),
					),
					knownText("data.etcd_version.a", "server", s.Version().String()),
					statecheck.ExpectKnownValue("data.etcd_health.a", tfjsonpath.New("healthy"), knownvalue.Bool(true)),
					statecheck.ExpectKnownValue(
						"data.etcd_machines.a", tfjsonpath.New("machines"), knownvalue.ListExact([]knownvalue.Check{knownvalue.StringExact(s.URL())}),
					),
					knownText("data.etcd_self_stats.a", "state", "StateLeader"),
					knownText("data.etcd_self_stats.a", "endpoint", s.URL()),
					statecheck.ExpectKnownValue("data.etcd_store_stats.a", tfjsonpath.New("watchers"), knownvalue.Int64Exact(0)),
				},
			})
		})
	}
}

// With credentials that a server rejects, everything public is still read.
func TestAccClusterDataSources_withoutRights(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t, etcdtest.WithAuth("root-password"))
	acceptance(t, resource.TestStep{
		Config: configWith(s.URL(), "username = \"root\"\n  password = \"wrong\"", "%s", quietClusterSources+leaderSources),
		ConfigStateChecks: []statecheck.StateCheck{
			knownText("data.etcd_cluster.a", "id", s.Get(t, "/").Header.Get("X-Etcd-Cluster-Id")),
			statecheck.ExpectKnownValue("data.etcd_cluster.a", tfjsonpath.New("etcd_index"), knownvalue.Null()),
		},
	})
}

func TestAccClusterDataSources_threeNodes(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	n1 := cluster.Servers[0]
	follower := cluster.Followers(t)[0]
	dead := cluster.Reserve(t, "dead").URL()
	endpoints := append([]string{dead}, cluster.URLs()...)
	body := quietClusterSources + leaderSources + fmt.Sprintf(`
data "etcd_self_stats" "follower" {
  endpoint = %q
}
data "etcd_store_stats" "follower" {
  endpoint = %q
}
`, follower.URL(), follower.URL())
	leader := cluster.Leader(t)
	leaderID := memberNamed(t, n1, leader.Name).ID
	acceptance(t,
		// With a dead node in the list.
		resource.TestStep{
			Config: endpointsConfig(endpoints, "", body),
			ConfigStateChecks: []statecheck.StateCheck{
				knownSize("data.etcd_members.a", "members", 3),
				knownText("data.etcd_leader.a", "name", leader.Name),
				knownSize("data.etcd_leader_stats.a", "followers", 2),
				knownSize("data.etcd_machines.a", "machines", 3),
				knownSize("data.etcd_version.a", "endpoints", 4),
				knownText("data.etcd_version.a", "server", n1.Version().String()),
				statecheck.ExpectKnownValue("data.etcd_version.a", tfjsonpath.New("endpoints").AtSliceIndex(0).AtMapKey("server"), knownvalue.Null()),
				statecheck.ExpectKnownValue("data.etcd_health.a", tfjsonpath.New("healthy"), knownvalue.Bool(false)),
				statecheck.ExpectKnownValue(
					"data.etcd_health.a", tfjsonpath.New("endpoints").AtSliceIndex(0).AtMapKey("healthy"), knownvalue.Bool(false),
				),
				statecheck.ExpectKnownValue(
					"data.etcd_health.a", tfjsonpath.New("endpoints").AtSliceIndex(0).AtMapKey("error"),
					knownvalue.StringRegexp(regexp.MustCompile("refused")),
				),
				statecheck.ExpectKnownValue(
					"data.etcd_health.a", tfjsonpath.New("endpoints").AtSliceIndex(3).AtMapKey("healthy"), knownvalue.Bool(true),
				),
				knownText("data.etcd_self_stats.a", "endpoint", n1.URL()),
				knownText("data.etcd_self_stats.follower", "name", follower.Name),
				knownText("data.etcd_self_stats.follower", "state", "StateFollower"),
				knownText("data.etcd_store_stats.follower", "endpoint", follower.URL()),
			},
		},
		resource.TestStep{
			Config: endpointsConfig(endpoints, "", fmt.Sprintf("data \"etcd_self_stats\" \"a\" {\n  endpoint = %q\n}", dead)),
			// The configuration names this endpoint, so the error is reported.
			ExpectError: regexp.MustCompile(`Unable to read statistics`),
		},
		resource.TestStep{
			Config:      endpointsConfig(endpoints, "", "data \"etcd_store_stats\" \"a\" {\n  endpoint = \"http://other:2379\"\n}"),
			ExpectError: regexp.MustCompile(`Unknown endpoint`),
		},
		resource.TestStep{
			Config:      endpointsConfig(endpoints, "", "data \"etcd_member\" \"a\" {\n  name = \"nobody\"\n}"),
			ExpectError: regexp.MustCompile(`(?s)Member not found.*n1`),
		},
		// During an election there is no leader. Servers may still name the previous one, which
		// cannot be asked for statistics.
		resource.TestStep{
			PreConfig: func() { leader.Kill(t) },
			Config:    endpointsConfig(endpoints, "retry = { max_attempts = 20 }", body),
			Check: func(state *terraform.State) error {
				if id := output(state, "data.etcd_leader_stats.a", "leader_id"); id == leaderID || id == "" {
					return fmt.Errorf("leader of the statistics = %q, want another one than %q", id, leaderID)
				}
				return nil
			},
		},
		// Without a quorum, everything that needs no leader is still read.
		resource.TestStep{
			PreConfig: func() {
				for _, s := range cluster.Servers {
					if s.Running() && s != follower {
						s.Kill(t)
					}
				}
			},
			Config: endpointsConfig(endpoints, "", quietClusterSources),
			ConfigStateChecks: []statecheck.StateCheck{
				knownSize("data.etcd_members.a", "members", 3),
				knownText("data.etcd_self_stats.a", "name", follower.Name),
				statecheck.ExpectKnownValue("data.etcd_health.a", tfjsonpath.New("healthy"), knownvalue.Bool(false)),
			},
		},
		// A leader of etcd 2 does not step down after it has lost its quorum.
		resource.TestStep{
			SkipFunc:    func() (bool, error) { return !n1.Version().AtLeast(3, 0), nil },
			Config:      endpointsConfig(endpoints, "", `data "etcd_leader" "a" {}`),
			ExpectError: regexp.MustCompile(`The cluster has no leader`),
		},
	)
}

// The options for finding endpoints, with three nodes.
func TestAccProvider_endpointOptions(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	first := cluster.URLs()[:1]
	id := cluster.Servers[0].Get(t, "/").Header.Get("X-Etcd-Cluster-Id")
	all := make([]knownvalue.Check, 0, 3)
	for _, u := range slices.Sorted(slices.Values(cluster.URLs())) {
		all = append(all, knownvalue.StringExact(u))
	}
	key := func(value string) string {
		return fmt.Sprintf("resource \"etcd_key\" \"a\" {\n  key   = \"/a\"\n  value = %q\n}\n", value)
	}
	leader := cluster.Leader(t)
	acceptance(t,
		resource.TestStep{
			Config: endpointsConfig(first, "discover_members = true", `data "etcd_cluster" "a" {}`+"\n"+key("1")),
			ConfigStateChecks: []statecheck.StateCheck{
				statecheck.ExpectKnownValue("data.etcd_cluster.a", tfjsonpath.New("endpoints"), knownvalue.ListExact(all)),
			},
		},
		// One of three nodes is down: the one that is configured last.
		resource.TestStep{
			PreConfig: func() { leader.Kill(t) },
			Config: endpointsConfig(cluster.URLs(), "discover_members = true\n  endpoint_selection = \"leader\"\n"+
				"  retry = { max_attempts = 20 }", key("2")),
		},
		resource.TestStep{
			PreConfig: func() { leader.Restart(t) },
			Config: endpointsConfig(
				cluster.URLs(), "endpoint_selection = \"random\"\n  expected_cluster_id = \""+strings.ToUpper(id)+"\"", key("3"),
			),
		},
		resource.TestStep{
			Config:      endpointsConfig(cluster.URLs(), "expected_cluster_id = \"abc\"", key("4")),
			ExpectError: regexp.MustCompile(`Unexpected etcd cluster`),
		},
		resource.TestStep{
			Config: endpointsConfig(cluster.URLs(), "expected_cluster_id = \""+id+"\"", key("3")),
			Check: func(*terraform.State) error {
				if got := cluster.Servers[1].Get(t, "/a").Node.Value; got != "3" {
					return fmt.Errorf("value = %q, want 3", got)
				}
				return nil
			},
		},
	)
}

// srvRecords is a resolver that knows one service of example.com.
type srvRecords struct {
	service string
	addrs   []*net.SRV
}

func (r srvRecords) LookupSRV(_ context.Context, service, _, name string) (string, []*net.SRV, error) {
	if service != r.service || name != "example.com" {
		return "", nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return "", r.addrs, nil
}

func TestAccProvider_discoverySRV(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.StartCluster(t, 3)
	records := srvRecords{service: "etcd-client"}
	for i, s := range cluster.Servers {
		host, portText, err := net.SplitHostPort(s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		port, err := strconv.ParseUint(portText, 10, 16)
		if err != nil {
			t.Fatal(err)
		}
		records.addrs = append(records.addrs, &net.SRV{Target: host + ".", Port: uint16(port), Priority: uint16(i), Weight: 1})
	}
	step := func(body, domain string, check ...statecheck.StateCheck) resource.TestStep {
		return resource.TestStep{
			Config:            fmt.Sprintf("provider \"etcd\" {\n  discovery_srv = %q\n}\n%s", domain, body),
			ConfigStateChecks: check,
		}
	}
	missing := step("data \"etcd_members\" \"a\" {}\n", "example.org")
	missing.ExpectError = regexp.MustCompile(`neither`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: map[string]func() (tfprotov6.ProviderServer, error){
			"etcd": func() (tfprotov6.ProviderServer, error) {
				p := newProvider("test", false)
				p.resolver = records
				return tfserver.New(p), nil
			},
		},
		Steps: []resource.TestStep{
			step("data \"etcd_srv_endpoints\" \"a\" {\n  domain = \"example.com\"\n}\nresource \"etcd_key\" \"a\" {\n  key   = \"/a\"\n"+
				"  value = \"1\"\n}\n", "example.com",
				knownText("data.etcd_srv_endpoints.a", "domain", "example.com"),
				knownSize("data.etcd_srv_endpoints.a", "endpoints", 3),
				statecheck.ExpectKnownValue(
					"data.etcd_srv_endpoints.a", tfjsonpath.New("records").AtSliceIndex(1).AtMapKey("endpoint"), knownvalue.StringExact(cluster.URLs()[1]),
				),
				statecheck.ExpectKnownValue(
					"data.etcd_srv_endpoints.a", tfjsonpath.New("records").AtSliceIndex(1).AtMapKey("priority"), knownvalue.Int64Exact(1),
				),
			),
			missing,
			step("", "example.com"),
		},
	})
	if got := cluster.Servers[0].Get(t, "/a").ErrorCode; got != 100 {
		t.Errorf("reading the key after the destroy gives %d, want 100", got)
	}
}

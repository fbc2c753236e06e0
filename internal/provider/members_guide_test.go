package provider

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// guideWalk follows the guide on members with real processes.
type guideWalk struct {
	n1      *etcdtest.Server
	members map[string]*etcdtest.Server
	written []string
}

// configurations returns the configurations of the guide, with the URLs of the servers in place
// of the URLs in the guide.
func (w *guideWalk) configurations(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../templates/guides/members.md.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	var urls []string
	for name, s := range w.members {
		urls = append(urls, "http://10.0.0."+strings.TrimPrefix(name, "n")+":2380", s.PeerURL())
	}
	endpoints := []string{w.n1.URL(), w.members["n2"].URL()}
	var configurations []string
	for _, block := range regexp.MustCompile("(?s)```terraform\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		configurations = append(configurations, endpointsConfig(endpoints, "", strings.NewReplacer(urls...).Replace(block[1])))
	}
	return configurations
}

// start starts the process of an added member like the guide: with the flags in the output of the
// same name.
func (w *guideWalk) start(t *testing.T, state *terraform.State, name string) {
	t.Helper()
	text, ok := state.RootModule().Outputs[name].Value.(string)
	if !ok {
		t.Fatalf("the output %s is not a string", name)
	}
	join(t, w.members[name], text)
}

// intact checks the names of the members, and that each running one has every key written so far.
// Then it writes one more key.
func (w *guideWalk) intact(t *testing.T, names ...string) error {
	t.Helper()
	var found []string
	for _, m := range membersOf(t, w.n1) {
		found = append(found, m.Name)
	}
	if slices.Sort(found); !slices.Equal(found, names) {
		return fmt.Errorf("members = %q, want %q", found, names)
	}
	// The removed member may have been the leader.
	w.n1.WaitHealthy(t)
	key := fmt.Sprintf("/step/%d", len(w.written)+1)
	w.n1.Put(t, key, key)
	w.written = append(w.written, key)
	servers := map[string]*etcdtest.Server{"n1": w.n1, "n2": w.members["n2"], "n3": w.members["n3"], "n4": w.members["n4"]}
	for _, name := range names {
		for _, key := range w.written {
			if got := servers[name].Get(t, key).Node.Value; got != key {
				return fmt.Errorf("%s at %s = %q", key, name, got)
			}
		}
	}
	return nil
}

// TestAccGuide_members follows the guide, from one member to three, through a replacement, and
// back to one.
func TestAccGuide_members(t *testing.T) {
	t.Parallel()
	w := &guideWalk{n1: etcdtest.Start(t), members: map[string]*etcdtest.Server{}}
	for _, name := range []string{"n2", "n3", "n4"} {
		w.members[name] = w.n1.Reserve(t, name)
	}
	steps := w.configurations(t)
	if len(steps) != 6 {
		t.Fatalf("the guide has %d configurations, want 6", len(steps))
	}
	if err := w.intact(t, "n1"); err != nil {
		t.Fatal(err)
	}
	var secondID string
	acceptance(t,
		w.step(t, steps[0], "n2", "n1", "n2"),
		w.step(t, steps[1], "n3", "n1", "n2", "n3"),
		resource.TestStep{
			PreConfig: func() { w.members["n3"].Kill(t) },
			Config:    steps[2],
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("etcd_member.n3", plancheck.ResourceActionDestroy),
				plancheck.ExpectResourceAction("etcd_member.n4", plancheck.ResourceActionCreate),
			}},
			Check: func(state *terraform.State) error {
				w.start(t, state, "n4")
				secondID = memberNamed(t, w.n1, "n2").ID
				return w.intact(t, "n1", "n2", "n4")
			},
		},
		w.step(t, steps[3], "", "n1", "n2"),
		// The member is released and adopted again, as in the guide.
		resource.TestStep{
			Config: endpointsConfig([]string{w.n1.URL()}, "", "removed {\n  from = etcd_member.n2\n  lifecycle {\n    destroy = false\n  }\n}\n"),
			Check:  func(*terraform.State) error { return w.intact(t, "n1", "n2") },
		},
		resource.TestStep{
			Config: steps[5],
			Check: func(state *terraform.State) error {
				if id := output(state, "etcd_member.n2", "id"); id != secondID {
					return fmt.Errorf("member %s was imported, want %s", id, secondID)
				}
				return w.intact(t, "n1", "n2")
			},
		},
		w.step(t, steps[4], "", "n1"),
	)
	if slices.ContainsFunc(membersOf(t, w.n1), func(m etcdv2.Member) bool { return !m.Started() }) {
		t.Errorf("members = %+v, want one started one", membersOf(t, w.n1))
	}
}

// step applies a configuration of the guide, starts the process of the member that it has added,
// if any, and checks the cluster.
func (w *guideWalk) step(t *testing.T, config, added string, names ...string) resource.TestStep {
	t.Helper()
	return resource.TestStep{
		Config: config,
		Check: func(state *terraform.State) error {
			if added != "" {
				w.start(t, state, added)
			}
			return w.intact(t, names...)
		},
	}
}

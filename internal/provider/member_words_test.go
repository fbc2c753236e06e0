package provider

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/membership"
)

// waits reports whether a kind makes a change wait instead of ending it.
func waits(k membership.Kind) bool { return k >= membership.NotStarted }

// sampleRefusal returns a refusal with all the fields that a kind can have.
func sampleRefusal(k membership.Kind) *membership.Refusal {
	n1 := etcdv2.Member{ID: "8e9e05c52164694d", Name: "n1", PeerURLs: []string{"http://n1:2380"}}
	return &membership.Refusal{
		Kind: k, Member: n1, Total: 3, Needed: 2, Healthy: 1, Err: errors.New("server's words"),
		Members: []etcdv2.MemberHealth{{Member: n1, Err: errors.New("it is down")}},
	}
}

func TestWordMembership_everyKind(t *testing.T) {
	t.Parallel()
	if want := len(membership.Kinds()); len(memberTable) != want {
		t.Errorf("wordings = %d, want %d", len(memberTable), want)
	}
	for _, k := range membership.Kinds() {
		t.Run(k.String(), func(t *testing.T) {
			t.Parallel()
			words := memberTable[k]
			if words.what == nil || words.what(sampleRefusal(k)) == "" {
				t.Fatal("the wording does not say what happened")
			}
			overdue := wordMembership(&membership.Overdue{Refusal: sampleRefusal(k), Err: context.DeadlineExceeded})
			if !strings.Contains(overdue.Error(), words.what(sampleRefusal(k))) || !errors.Is(overdue, context.DeadlineExceeded) {
				t.Errorf("error after a wait = %q, want it to name what was waited for", overdue)
			}
			if waits(k) {
				return
			}
			c, ok := errors.AsType[*refusal](wordMembership(fmt.Errorf("adding: %w", sampleRefusal(k))))
			if !ok || c.summary == "" || c.advice == "" || !strings.Contains(c.what, "Nothing was changed.") {
				t.Errorf("refusal = %+v, want a summary, advice and a statement that nothing was changed", c)
			}
		})
	}
}

// While the outcome of an attempt is unknown, the error must not claim that nothing was changed.
func TestWordMembership_unsettled(t *testing.T) {
	t.Parallel()
	for name, ended := range map[string]error{
		"a refusal": sampleRefusal(membership.NoQuorum),
		"overdue":   &membership.Overdue{Refusal: sampleRefusal(membership.NoQuorum), Err: context.Canceled},
		"an error":  errors.New("1 of its 3 members answers"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lost := fmt.Errorf("%w: the connection was cut", etcdv2.ErrOutcomeUnknown)
			var diags diag.Diagnostics
			addFailure(&diags, "Unable to remove member", "n1", wordMembership(&membership.Unsettled{Err: ended, Lost: lost}))
			d := diags[0]
			if d.Summary() != "Outcome of a write is unknown" || strings.Contains(d.Detail(), "Nothing was changed") {
				t.Errorf("%s: %s\nwant an unknown outcome", d.Summary(), d.Detail())
			}
			for _, want := range []string{"1 of its 3 members answers", "the connection was cut"} {
				if !strings.Contains(d.Detail(), want) {
					t.Errorf("detail = %q, want %q in it", d.Detail(), want)
				}
			}
		})
	}
}

// A process with another name than the configuration fails neither a plan nor a destroy, and is not
// changed.
func TestMemberResource_otherName(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	d := newDirect(t, endpoint(s.URL()))
	self := membersOf(t, s)[0]
	o := d.imported(t, "etcd_member", self.ID)
	attributes := map[string]any{"peer_urls": self.PeerURLs, "name": "other"}
	plan, config := d.plan(t, o, attributes)
	if errs := errorText(plan.Diagnostics); errs != "" || !undynamic(t, config.Type(), plan.PlannedState).Equal(o.state) {
		t.Errorf("errors of the plan = %q, want an empty plan", errs)
	}
	wantPhrases(t, warnings(plan.Diagnostics), "Member has another name", self.ID, self.Name, `"other"`)
}

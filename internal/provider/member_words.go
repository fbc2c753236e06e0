package provider

import (
	"errors"
	"fmt"
	"strings"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/membership"
)

// memberWords are the parts of the diagnostic for one kind of refusal.
type memberWords struct {
	// summary and advice are empty for what a change only waits for.
	summary string
	// what happened, or is waited for.
	what   func(r *membership.Refusal) string
	advice func(r *membership.Refusal) string
}

// memberTable has an entry for every kind of refusal.
var memberTable = map[membership.Kind]memberWords{
	membership.Exists: {
		"Member already exists",
		func(r *membership.Refusal) string { return describeMember(r.Member) + " has these peer URLs." },
		func(r *membership.Refusal) string {
			return fmt.Sprintf("If it is being replaced here with create_before_destroy, which is also inherited from objects that depend on it, "+
				"its old instance still has them: remove create_before_destroy. Otherwise, to manage it with this configuration, import it:\n\n"+
				"import {\n  to = etcd_member.example # the address of this resource\n  id = %q\n}", r.Member.ID)
		},
	},
	membership.URLTaken: {
		"Peer URL belongs to another member",
		func(r *membership.Refusal) string { return describeMember(r.Member) + " has one of these peer URLs." },
		advise("Choose another URL, or change or remove that member first."),
	},
	membership.Changed: {
		"Member changed since it was planned",
		func(r *membership.Refusal) string {
			return describeMember(r.Member) + " has other peer URLs than when this was planned."
		},
		advise("Plan again and review what it shows."),
	},
	membership.Gone: {
		"Member was removed since it was planned",
		func(r *membership.Refusal) string {
			return fmt.Sprintf("Member %s is no longer in the cluster, and its id never returns.", r.Member.ID)
		},
		advise("Plan again: it will be added as a new member."),
	},
	membership.OnlyMember: {
		"The only member cannot be removed",
		func(r *membership.Refusal) string {
			return describeMember(r.Member) + " is the only member of the cluster, and the cluster would end with it."
		},
		advise("To end the cluster, stop the process; to stop managing the member, take it out of state."),
	},
	membership.AddLosesQuorum: {
		"Adding this member would stop the cluster",
		func(r *membership.Refusal) string { return "With it the cluster has " + countMembers(r) },
		adviseOnAdd,
	},
	membership.RemoveLosesQuorum: {
		"Removing this member would stop the cluster",
		func(r *membership.Refusal) string {
			return "Without " + describeMember(r.Member) + " the cluster has " + countMembers(r)
		},
		advise("Start the members that are down, or remove those first, and try again. To remove it all the same, set allow_quorum_loss = true " +
			"and apply that first."),
	},
	membership.NoQuorum: {
		"The cluster has no quorum",
		func(r *membership.Refusal) string {
			return fmt.Sprintf("%d of its %d members %s now%s, and %d are needed to change anything.",
				r.Healthy, r.Total, answers(r.Healthy), unhealthyNames(r.Members), r.Needed)
		},
		advise("Start the members that are down."),
	},
	membership.Disconnected: {
		"The cluster refuses to change its members",
		func(r *membership.Refusal) string {
			return fmt.Sprintf("The servers refuse the change while not all members are connected%s. Error: %s.", unhealthyNames(r.Members), r.Err)
		},
		advise("Start the members that are down, or remove those first, and try again."),
	},
	membership.NotStarted: {what: func(r *membership.Refusal) string {
		return "member " + describeMember(r.Member) + " was added before and has not been started; start its process, or remove it"
	}},
	membership.NotReady:   {what: func(r *membership.Refusal) string { return r.Err.Error() }},
	membership.URLInUse:   {what: func(r *membership.Refusal) string { return "another member has one of the peer URLs: " + r.Err.Error() }},
	membership.AnswerLost: {what: func(r *membership.Refusal) string { return "the outcome of the change is unknown: " + r.Err.Error() }},
	membership.NotApplied: {what: func(*membership.Refusal) string { return "the answer to the change was lost; it was not made" }},
	membership.NotListed: {what: func(r *membership.Refusal) string {
		return "an endpoint does not list member " + describeMember(r.Member) + " yet"
	}},
	membership.Outdated:    {what: func(*membership.Refusal) string { return "an endpoint still lists the members of before" }},
	membership.NotHealthy:  {what: func(r *membership.Refusal) string { return r.Err.Error() }},
	membership.Unreachable: {what: func(r *membership.Refusal) string { return r.Err.Error() }},
}

func advise(text string) func(*membership.Refusal) string {
	return func(*membership.Refusal) string { return text }
}

func adviseOnAdd(r *membership.Refusal) string {
	if r.Healthy < len(r.Members) {
		return "Start the members that are down, or remove them, and try again. To add it all the same, set allow_quorum_loss = true."
	}
	return "A cluster of one cannot grow without a pause: every write fails until the new member's process is started. To accept it, have " +
		"the new member's process ready to be started, and set allow_quorum_loss = true."
}

// wordMembership words what membership returns. Any other error is returned as
// it is.
func wordMembership(err error) error {
	if unsettled, ok := errors.AsType[*membership.Unsettled](err); ok {
		return fmt.Errorf("%w; before that: %w", wordWait(unsettled.Err), unsettled.Lost)
	}
	refused, ok := errors.AsType[*membership.Refusal](err)
	if !ok {
		return wordWait(err)
	}
	words := memberTable[refused.Kind]
	return &refusal{
		summary: words.summary,
		what:    words.what(refused) + " Nothing was changed.",
		advice:  words.advice(refused),
		cause:   refused,
	}
}

// wordWait words the error that ended a change, without saying that nothing
// was changed.
func wordWait(err error) error {
	if overdue, ok := errors.AsType[*membership.Overdue](err); ok {
		return fmt.Errorf("%w; it waited for this: %s", overdue.Err, memberTable[overdue.Refusal.Kind].what(overdue.Refusal))
	}
	if refused, ok := errors.AsType[*membership.Refusal](err); ok {
		words := memberTable[refused.Kind]
		return errors.New(words.summary + ": " + words.what(refused))
	}
	return err
}

// countMembers is the end of a sentence on how many members there would be.
func countMembers(r *membership.Refusal) string {
	return fmt.Sprintf("%d members and needs %d of them to work, but %d of them %s now%s.",
		r.Total, r.Needed, r.Healthy, answers(r.Healthy), unhealthyNames(r.Members))
}

func answers(n int) string {
	if n == 1 {
		return "answers"
	}
	return "answer"
}

// unhealthyNames names the members that are not healthy and says why.
func unhealthyNames(found []etcdv2.MemberHealth) string {
	var parts []string
	for _, m := range found {
		if !m.Healthy {
			parts = append(parts, fmt.Sprintf("%s does not: %s", describeMember(m.Member), m.Err))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, "; ") + ")"
}

// describeMember names a member by everything it has.
func describeMember(m etcdv2.Member) string {
	if m.Name == "" {
		return fmt.Sprintf("%s (%s)", m.ID, strings.Join(m.PeerURLs, ", "))
	}
	return fmt.Sprintf("%s (%s, %s)", m.Name, m.ID, strings.Join(m.PeerURLs, ", "))
}

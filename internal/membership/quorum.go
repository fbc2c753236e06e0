package membership

import (
	"slices"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// computeQuorum returns how many of the members have to answer.
func computeQuorum(members int) int { return members/2 + 1 }

func countHealthy(found []etcdv2.MemberHealth) int {
	n := 0
	for _, m := range found {
		if m.Healthy {
			n++
		}
	}
	return n
}

// quorumRefusal is the refusal of a change that would leave the cluster with total
// members. found are the members whose health was read.
func quorumRefusal(kind Kind, found []etcdv2.MemberHealth, total int) *Refusal {
	return &Refusal{Kind: kind, Members: found, Total: total, Needed: computeQuorum(total), Healthy: countHealthy(found)}
}

// mayAdd checks, by the members that answer, that a cluster with one more has a quorum.
func (c *Change) mayAdd(found []etcdv2.MemberHealth) error {
	for _, m := range found {
		if !m.Started() {
			return &notYet{refusal: &Refusal{Kind: NotStarted, Member: m.Member}}
		}
	}
	r := quorumRefusal(AddLosesQuorum, found, len(found)+1)
	switch {
	case c.Force || r.Healthy >= r.Needed:
		return nil
	case r.Healthy < len(found):
		return &notYet{r, true}
	default:
		return r
	}
}

// mayRemove checks, by the members that answer, that the cluster without target has one.
func (c *Change) mayRemove(found []etcdv2.MemberHealth, target int) error {
	rest := slices.Delete(slices.Clone(found), target, target+1)
	if len(rest) == 0 {
		return &Refusal{Kind: OnlyMember, Member: found[target].Member}
	}
	if c.Force {
		return nil
	}
	now, after := quorumRefusal(NoQuorum, found, len(found)), quorumRefusal(RemoveLosesQuorum, rest, len(rest))
	after.Member = found[target].Member
	switch {
	case now.Healthy < now.Needed:
		return &notYet{now, true}
	case after.Healthy < after.Needed:
		return &notYet{after, true}
	default:
		return nil
	}
}

// notReady is a refusal by the server. It requires that all members have been connected
// for 5 s. Waiting is enough for that unless one of them is down.
func notReady(found []etcdv2.MemberHealth, err error) error {
	if countHealthy(found) == len(found) {
		return &notYet{refusal: &Refusal{Kind: NotReady, Err: err}}
	}
	return &notYet{&Refusal{Kind: Disconnected, Members: found, Err: err}, true}
}

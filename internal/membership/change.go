package provider

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

const (
	// memberPoll is how often a change that has to wait is looked at again.
	memberPoll = 500 * time.Millisecond
	// downTime is how long a member that was started before may be down until
	// a change that cannot do without it is refused. A restart takes less.
	downTime = 10 * time.Second
)

// memberChange changes the members of one cluster without stopping it. In this
// process, one change of a cluster is made at a time, and before each the
// quorum after it is reckoned from the members that answer:
//
//	a member was never started     wait for it
//	the quorum would be lost       refused, after a while if a member is down, or else at once
//	the server refuses (unhealthy) wait, and ask again
//	the answer is lost             look at the list: done, or send again
//
// A change that waits gives way to others.
type memberChange struct {
	members *etcdv2.MembersService
	// insist leaves out the reckoning: allow_quorum_loss.
	insist bool

	// unknown is the first lost answer, if there was one.
	unknown error
	// unsettled is whether it is not known what became of it.
	unsettled bool
}

// notYet is why a change has to wait.
type notYet struct {
	reason string
	// refusal is the error if a member that was started before stays down.
	refusal error
}

func (n *notYet) Error() string { return n.reason }

// patiently makes attempts until one gives something else than notYet, each
// while no other change of the cluster is made.
func (c *memberChange) patiently(ctx context.Context, attempt func(context.Context) error) error {
	var down time.Time
	for {
		err := c.alone(ctx, attempt)
		waiting, ok := errors.AsType[*notYet](err)
		if !ok {
			return c.withUnknown(err)
		}
		switch {
		case waiting.refusal == nil:
			down = time.Time{}
		case down.IsZero():
			down = time.Now()
		case time.Since(down) > downTime:
			return c.withUnknown(waiting.refusal)
		}
		if pause(ctx, memberPoll) != nil {
			return c.withUnknown(fmt.Errorf("%w; it waited for this: %s", ctx.Err(), waiting.reason))
		}
	}
}

func (c *memberChange) alone(ctx context.Context, attempt func(context.Context) error) error {
	unlock, err := c.members.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return attempt(ctx)
}

// withUnknown adds to the error of a change that one of its attempts may have
// been applied all the same.
func (c *memberChange) withUnknown(err error) error {
	if err == nil || !c.unsettled || errors.Is(err, etcdv2.ErrOutcomeUnknown) {
		return err
	}
	return fmt.Errorf("%w; before that: %w", err, c.unknown)
}

// lost notes that the answer to an attempt was lost.
func (c *memberChange) lost(err error) {
	if c.unknown == nil {
		c.unknown = err
	}
	c.unsettled = true
}

// pause waits, and ends with its context.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// add adds a member with these peer URLs.
func (c *memberChange) add(ctx context.Context, peerURLs []string) (*etcdv2.Member, error) {
	var added *etcdv2.Member
	err := c.patiently(ctx, func(ctx context.Context) error {
		var err error
		added, err = c.tryAdd(ctx, peerURLs)
		return err
	})
	return added, err
}

func (c *memberChange) tryAdd(ctx context.Context, peerURLs []string) (*etcdv2.Member, error) {
	if c.unsettled {
		if found, err := c.settleAdd(ctx, peerURLs); found != nil || err != nil {
			return found, err
		}
	}
	found, err := c.members.Health(ctx)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(found, func(m etcdv2.MemberHealth) bool { return sharesURL(m.PeerURLs, peerURLs) }); i >= 0 {
		if c.unknown != nil && sameURLs(found[i].PeerURLs, peerURLs) {
			return &found[i].Member, nil
		}
		return nil, alreadyMember(found[i].Member, peerURLs)
	}
	if err := c.mayAdd(found); err != nil {
		return nil, err
	}
	added, err := c.members.Add(ctx, peerURLs)
	switch {
	case errors.Is(err, etcdv2.ErrUnhealthy):
		return nil, unhealthy(found, err)
	case errors.Is(err, etcdv2.ErrExists):
		return nil, &notYet{reason: "another member has one of the peer URLs: " + err.Error()}
	case errors.Is(err, etcdv2.ErrOutcomeUnknown):
		c.lost(err)
		return c.settleAdd(ctx, peerURLs)
	}
	return added, err
}

// settleAdd finds out what became of an add whose answer was lost: the new
// member, nil if it was not added, or an error. It outlives the run's own
// context: an interrupted run must know what it did.
func (c *memberChange) settleAdd(ctx context.Context, peerURLs []string) (*etcdv2.Member, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	ours := func(m etcdv2.Member) bool { return sameURLs(m.PeerURLs, peerURLs) }
	// Any list that has the member proves that it was added. A cluster of one
	// has no quorum to ask until the new member is started.
	if members, err := c.members.List(ctx); err == nil {
		if i := slices.IndexFunc(members, ours); i >= 0 {
			c.unsettled = false
			return &members[i], nil
		}
	}
	members, err := c.members.ListQuorum(ctx)
	if err != nil {
		return nil, &notYet{reason: "the answer to adding the member was lost, and the cluster cannot tell yet: " + err.Error()}
	}
	c.unsettled = false
	if i := slices.IndexFunc(members, ours); i >= 0 {
		return &members[i], nil
	}
	return nil, &notYet{reason: "the answer to adding the member was lost; it was not added"}
}

// update replaces the peer URLs of a member that has the planned ones.
func (c *memberChange) update(ctx context.Context, id string, planned, peerURLs []string) (*etcdv2.Member, error) {
	var updated *etcdv2.Member
	err := c.patiently(ctx, func(ctx context.Context) error {
		var err error
		updated, err = c.tryUpdate(ctx, id, planned, peerURLs)
		return err
	})
	return updated, err
}

func (c *memberChange) tryUpdate(ctx context.Context, id string, planned, peerURLs []string) (*etcdv2.Member, error) {
	members, err := c.members.ListQuorum(ctx)
	if err != nil {
		return nil, err
	}
	var member *etcdv2.Member
	for i := range members {
		switch {
		case members[i].ID == id:
			member = &members[i]
		case sharesURL(members[i].PeerURLs, peerURLs):
			return nil, takenURLs(members[i])
		}
	}
	switch {
	case member == nil:
		return nil, memberGone(id)
	case sameURLs(member.PeerURLs, peerURLs):
		c.unsettled = false
		return member, nil
	case !sameURLs(member.PeerURLs, planned):
		return nil, memberChanged(*member)
	}
	// The request is the same however often it is sent, so a lost answer is
	// settled by the next look at the list.
	err = c.members.Update(ctx, id, peerURLs)
	switch {
	case errors.Is(err, etcdv2.ErrOutcomeUnknown):
		c.lost(err)
		return nil, &notYet{reason: "the answer to changing the member was lost"}
	case errors.Is(err, etcdv2.ErrMemberRemoved), errors.Is(err, etcdv2.ErrNotFound):
		return nil, memberGone(id)
	case errors.Is(err, etcdv2.ErrUnhealthy):
		return nil, &notYet{reason: err.Error()}
	case err != nil:
		return nil, err
	}
	member.PeerURLs = slices.Sorted(slices.Values(peerURLs))
	return member, nil
}

// remove removes a member. One that is gone already is no error.
func (c *memberChange) remove(ctx context.Context, id string) error {
	return c.patiently(ctx, func(ctx context.Context) error { return c.tryRemove(ctx, id) })
}

func (c *memberChange) tryRemove(ctx context.Context, id string) error {
	found, err := c.members.Health(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(found, func(m etcdv2.MemberHealth) bool { return m.ID == id })
	if i < 0 {
		return c.confirmGone(ctx, id)
	}
	if err := c.mayRemove(found, i); err != nil {
		return err
	}
	// An id never returns, so a request can be sent again.
	err = c.members.Remove(ctx, id)
	switch {
	case errors.Is(err, etcdv2.ErrMemberRemoved), errors.Is(err, etcdv2.ErrNotFound):
		return nil
	case errors.Is(err, etcdv2.ErrOutcomeUnknown):
		c.lost(err)
		return &notYet{reason: "the answer to removing the member was lost"}
	case errors.Is(err, etcdv2.ErrUnhealthy):
		return unhealthy(slices.Delete(slices.Clone(found), i, i+1), err)
	}
	return err
}

// confirmGone makes sure that a member which is not in the list of an endpoint
// is not in that of the cluster either.
func (c *memberChange) confirmGone(ctx context.Context, id string) error {
	member, err := findMember(ctx, c.members, id)
	switch {
	case errors.Is(err, etcdv2.ErrNotFound):
		c.unsettled = false
		return nil
	case err != nil:
		return err
	}
	return &notYet{reason: "an endpoint does not know member " + describeMember(*member) + " yet"}
}

// findMember returns the member with the id. The error is ErrNotFound only if
// a quorum says so: an endpoint that lags behind does not know a new member.
func findMember(ctx context.Context, members *etcdv2.MembersService, id string) (*etcdv2.Member, error) {
	member, err := members.Get(ctx, id)
	if !errors.Is(err, etcdv2.ErrNotFound) {
		return member, err
	}
	all, err := members.ListQuorum(ctx)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(all, func(m etcdv2.Member) bool { return m.ID == id }); i >= 0 {
		return &all[i], nil
	}
	return nil, fmt.Errorf("member %s: %w", id, etcdv2.ErrNotFound)
}

// waitStarted waits until a member is started and healthy.
func waitStarted(ctx context.Context, members *etcdv2.MembersService, id string) (*etcdv2.Member, error) {
	for {
		reason := "the member is not in the list of the endpoint yet"
		found, err := members.Health(ctx)
		if err != nil {
			reason = err.Error()
		}
		for _, m := range found {
			switch {
			case m.ID != id:
			case m.Healthy:
				return &m.Member, nil
			default:
				reason = m.Err.Error()
			}
		}
		if err := pause(ctx, memberPoll); err != nil {
			return nil, fmt.Errorf("%w; the last look at it says: %s", err, reason)
		}
	}
}

// mayAdd reckons the quorum after an add from the members that answer.
func (c *memberChange) mayAdd(found []etcdv2.MemberHealth) error {
	for _, m := range found {
		if !m.Started() {
			return &notYet{reason: "member " + describeMember(m.Member) + " was added before and has not been started; " +
				"start its process, or remove it"}
		}
	}
	healthy, total := countHealthy(found), len(found)+1
	if c.insist || healthy >= quorum(total) {
		return nil
	}
	refusal := &conflict{
		summary: "Adding this member would stop the cluster",
		what: fmt.Sprintf("With it the cluster has %d members and needs %d of them to work, but %d of them %s now%s. Nothing was changed.",
			total, quorum(total), healthy, answers(healthy), unhealthyNames(found)),
		advice: insistToAdd(found),
		cause:  etcdv2.ErrUnhealthy,
	}
	if healthy < len(found) {
		return &notYet{reason: refusal.what, refusal: refusal}
	}
	return refusal
}

func insistToAdd(found []etcdv2.MemberHealth) string {
	if countHealthy(found) < len(found) {
		return "Start the members that are down, or remove them, and try again. To add it all the same, set allow_quorum_loss = true."
	}
	return "A cluster of one cannot grow without a pause: every write fails until the new member's process is started. To accept it, have the new member's process ready to be started, " +
		"and set allow_quorum_loss = true."
}

// mayRemove reckons the quorum after the removal of one of the members.
func (c *memberChange) mayRemove(found []etcdv2.MemberHealth, target int) error {
	rest := slices.Delete(slices.Clone(found), target, target+1)
	name := describeMember(found[target].Member)
	if len(rest) == 0 {
		return &conflict{
			summary: "The only member cannot be removed",
			what:    fmt.Sprintf("%s is the only member of the cluster, and the cluster would end with it. Nothing was changed.", name),
			advice:  "To end the cluster, stop the process; to stop managing the member, take it out of state.",
			cause:   etcdv2.ErrUnhealthy,
		}
	}
	if c.insist {
		return nil
	}
	var refusal *conflict
	switch healthy := countHealthy(rest); {
	case countHealthy(found) < quorum(len(found)):
		refusal = &conflict{
			summary: "The cluster has no quorum",
			what: fmt.Sprintf("%d of its %d members %s now%s, and %d are needed to change anything. Nothing was changed.",
				countHealthy(found), len(found), answers(countHealthy(found)), unhealthyNames(found), quorum(len(found))),
			advice: "Start the members that are down.",
			cause:  etcdv2.ErrUnhealthy,
		}
	case healthy < quorum(len(rest)):
		refusal = &conflict{
			summary: "Removing this member would stop the cluster",
			what: fmt.Sprintf("Without %s the cluster has %d members and needs %d of them to work, but %d of them %s now%s. Nothing was changed.",
				name, len(rest), quorum(len(rest)), healthy, answers(healthy), unhealthyNames(rest)),
			advice: "Start the members that are down, or remove those first, and try again. To remove it all the same, set allow_quorum_loss = true and apply that first.",
			cause:  etcdv2.ErrUnhealthy,
		}
	default:
		return nil
	}
	return &notYet{reason: refusal.what, refusal: refusal}
}

// unhealthy is a refusal of the server. All members have to have been
// connected for 5 s, which waiting brings about unless one of them is down.
func unhealthy(found []etcdv2.MemberHealth, err error) error {
	if countHealthy(found) == len(found) {
		return &notYet{reason: err.Error()}
	}
	return &notYet{reason: err.Error(), refusal: &conflict{
		summary: "The cluster refuses to change its members",
		what:    fmt.Sprintf("The servers do so while not all members are connected%s. Nothing was changed. Error: %s", unhealthyNames(found), err),
		advice:  "Start the members that are down, or remove those first, and try again.",
		cause:   err,
	}}
}

func quorum(members int) int { return members/2 + 1 }

func countHealthy(found []etcdv2.MemberHealth) int {
	n := 0
	for _, m := range found {
		if m.Healthy {
			n++
		}
	}
	return n
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

// describeMember names a member by all that it has.
func describeMember(m etcdv2.Member) string {
	if m.Name == "" {
		return fmt.Sprintf("%s (%s)", m.ID, strings.Join(m.PeerURLs, ", "))
	}
	return fmt.Sprintf("%s (%s, %s)", m.Name, m.ID, strings.Join(m.PeerURLs, ", "))
}

func sharesURL(a, b []string) bool {
	return slices.ContainsFunc(a, func(url string) bool { return slices.Contains(b, url) })
}

func sameURLs(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func alreadyMember(m etcdv2.Member, peerURLs []string) error {
	if !sameURLs(m.PeerURLs, peerURLs) {
		return takenURLs(m)
	}
	return &conflict{
		summary: "Member already exists",
		what:    fmt.Sprintf("%s has these peer URLs, and was not changed.", describeMember(m)),
		advice: fmt.Sprintf("If it is being replaced here with create_before_destroy, which is also inherited from objects that depend on it, its old instance still has them: "+
			"remove create_before_destroy. Otherwise, to manage it from here, import it:\n\n"+
			"import {\n  to = etcd_member.example # the address of this resource\n  id = %q\n}", m.ID),
		cause: etcdv2.ErrExists,
	}
}

func takenURLs(m etcdv2.Member) error {
	return &conflict{
		summary: "Peer URL belongs to another member",
		what:    fmt.Sprintf("%s has one of these peer URLs. Nothing was changed.", describeMember(m)),
		advice:  "Choose another URL, or change or remove that member first.",
		cause:   etcdv2.ErrExists,
	}
}

func memberChanged(m etcdv2.Member) error {
	return &conflict{
		summary: "Member changed since it was planned",
		what:    fmt.Sprintf("%s has other peer URLs than when this was planned. Nothing was changed.", describeMember(m)),
		advice:  "Plan again and review what it shows.",
		cause:   etcdv2.ErrCompareFailed,
	}
}

func memberGone(id string) error {
	return &conflict{
		summary: "Member was removed since it was planned",
		what:    fmt.Sprintf("Member %s is no longer in the cluster, and its id never returns.", id),
		advice:  "Plan again: it will be added as a new member.",
		cause:   etcdv2.ErrNotFound,
	}
}

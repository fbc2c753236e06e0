// Package membership decides which changes to a cluster's members are safe, given which
// members answer, and retries a change until the cluster is ready for it.
package membership

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/pause"
)

const (
	// poll is the time between two attempts of a change that has to wait.
	poll = 500 * time.Millisecond
	// downTime is how long a member that was started before may be down before a change
	// that needs it is refused. A restart takes less.
	downTime = 10 * time.Second
)

// Change changes the members of one cluster without stopping it. This process makes one
// change to a cluster at a time, and before each it computes, from the members that
// answer, whether the cluster would still have a quorum:
//
//	a member was never started     wait for it
//	the quorum would be lost       refused, after a while if a member is down, else at once
//	the server refuses (unhealthy) wait, and ask again
//	the answer is lost             read the list: done, or send again
//
// Other changes can go ahead while one waits. A change ends with an error of the client, a
// *Refusal, or an *Overdue when the context ends; each is wrapped in an *Unsettled if the
// outcome of an attempt is unknown. A Change is for one call.
type Change struct {
	Members *etcdv2.MembersService
	// Force also makes changes that lose the quorum.
	Force bool

	// unknown is the first lost answer, if there was one.
	unknown error
	// unsettled reports whether that outcome is still unknown.
	unsettled bool
}

// notYet says why a change has to wait.
type notYet struct {
	refusal *Refusal
	// down reports whether a member that was started before is down. If it stays down, the
	// refusal ends the change.
	down bool
}

func (n *notYet) Error() string { return n.refusal.Error() }

// retryUntilReady makes attempts until one returns something other than notYet. No other
// change to the cluster is made during an attempt.
func (c *Change) retryUntilReady(ctx context.Context, attempt func(context.Context) error) error {
	var down time.Time
	for {
		err := c.locked(ctx, attempt)
		waiting, ok := errors.AsType[*notYet](err)
		if !ok {
			return c.withUnknown(err)
		}
		switch {
		case !waiting.down:
			down = time.Time{}
		case down.IsZero():
			down = time.Now()
		case time.Since(down) > downTime:
			return c.withUnknown(waiting.refusal)
		}
		if err := pause.For(ctx, poll); err != nil {
			return c.withUnknown(&Overdue{waiting.refusal, err})
		}
	}
}

// locked makes an attempt while no other change to the cluster is made.
func (c *Change) locked(ctx context.Context, attempt func(context.Context) error) error {
	unlock, err := c.Members.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return attempt(ctx)
}

// withUnknown adds to the error of a change that one of its attempts may have been applied
// anyway.
func (c *Change) withUnknown(err error) error {
	if err == nil || !c.unsettled || errors.Is(err, etcdv2.ErrOutcomeUnknown) {
		return err
	}
	return &Unsettled{err, c.unknown}
}

// lost records that the answer to an attempt was lost.
func (c *Change) lost(err error) {
	if c.unknown == nil {
		c.unknown = err
	}
	c.unsettled = true
}

// Add adds a member with these peer URLs.
func (c *Change) Add(ctx context.Context, peerURLs []string) (*etcdv2.Member, error) {
	var added *etcdv2.Member
	err := c.retryUntilReady(ctx, func(ctx context.Context) error {
		var err error
		added, err = c.tryAdd(ctx, peerURLs)
		return err
	})
	return added, err
}

func (c *Change) tryAdd(ctx context.Context, peerURLs []string) (*etcdv2.Member, error) {
	if c.unsettled {
		if found, err := c.settleAdd(ctx, peerURLs); found != nil || err != nil {
			return found, err
		}
	}
	found, err := c.Members.Health(ctx)
	if err != nil {
		return nil, err
	}
	refusal := c.mayAdd(found)
	if i := slices.IndexFunc(found, func(m etcdv2.MemberHealth) bool { return sharesURL(m.PeerURLs, peerURLs) }); i >= 0 {
		if c.unknown != nil && sameURLs(found[i].PeerURLs, peerURLs) {
			return &found[i].Member, nil
		}
		refusal = Taken(found[i].Member, peerURLs)
	}
	if err := c.decide(ctx, found, refusal); err != nil {
		return nil, err
	}
	added, err := c.Members.Add(ctx, peerURLs)
	switch {
	case errors.Is(err, etcdv2.ErrUnhealthy):
		return nil, notReady(found, err)
	case errors.Is(err, etcdv2.ErrExists):
		return nil, &notYet{refusal: &Refusal{Kind: URLInUse, Err: err}}
	case errors.Is(err, etcdv2.ErrOutcomeUnknown):
		c.lost(err)
		return c.settleAdd(ctx, peerURLs)
	}
	return added, err
}

// settleAdd determines the outcome of an add whose answer was lost: the new member, nil if
// it was not added, or an error. It continues after the run is interrupted, because an
// interrupted run must know what it did.
func (c *Change) settleAdd(ctx context.Context, peerURLs []string) (*etcdv2.Member, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), etcdv2.SettleTime)
	defer cancel()
	ours := func(m etcdv2.Member) bool { return sameURLs(m.PeerURLs, peerURLs) }
	// Any list that contains the member proves that it was added. A cluster of one has no
	// quorum to read from until the new member is started.
	if members, err := c.Members.List(ctx); err == nil {
		if i := slices.IndexFunc(members, ours); i >= 0 {
			c.unsettled = false
			return &members[i], nil
		}
	}
	members, err := c.Members.ListLinearizable(ctx)
	if err != nil {
		return nil, &notYet{refusal: &Refusal{Kind: AnswerLost, Err: err}}
	}
	c.unsettled = false
	if i := slices.IndexFunc(members, ours); i >= 0 {
		return &members[i], nil
	}
	return nil, &notYet{refusal: &Refusal{Kind: NotApplied}}
}

// Update replaces the peer URLs of a member, which must still be the planned ones.
func (c *Change) Update(ctx context.Context, id string, planned, peerURLs []string) (*etcdv2.Member, error) {
	var updated *etcdv2.Member
	err := c.retryUntilReady(ctx, func(ctx context.Context) error {
		var err error
		updated, err = c.tryUpdate(ctx, id, planned, peerURLs)
		return err
	})
	return updated, err
}

func (c *Change) tryUpdate(ctx context.Context, id string, planned, peerURLs []string) (*etcdv2.Member, error) {
	members, err := c.Members.ListLinearizable(ctx)
	if err != nil {
		return nil, err
	}
	var member *etcdv2.Member
	for i := range members {
		switch {
		case members[i].ID == id:
			member = &members[i]
		case sharesURL(members[i].PeerURLs, peerURLs):
			return nil, &Refusal{Kind: URLTaken, Member: members[i]}
		}
	}
	switch {
	case member == nil:
		return nil, gone(id)
	case sameURLs(member.PeerURLs, peerURLs):
		c.unsettled = false
		return member, nil
	case !sameURLs(member.PeerURLs, planned):
		return nil, &Refusal{Kind: Changed, Member: *member}
	}
	// The request can be sent any number of times with the same result, so a lost answer is
	// settled by the next read of the list.
	err = c.Members.Update(ctx, id, peerURLs)
	switch {
	case errors.Is(err, etcdv2.ErrOutcomeUnknown):
		c.lost(err)
		return nil, &notYet{refusal: &Refusal{Kind: AnswerLost, Err: err}}
	case errors.Is(err, etcdv2.ErrMemberRemoved), errors.Is(err, etcdv2.ErrNotFound):
		return nil, gone(id)
	case errors.Is(err, etcdv2.ErrUnhealthy):
		return nil, &notYet{refusal: &Refusal{Kind: NotReady, Err: err}}
	case err != nil:
		return nil, err
	}
	member.PeerURLs = slices.Sorted(slices.Values(peerURLs))
	return member, nil
}

// Remove removes a member. A member that is already gone is not an error.
func (c *Change) Remove(ctx context.Context, id string) error {
	return c.retryUntilReady(ctx, func(ctx context.Context) error { return c.tryRemove(ctx, id) })
}

func (c *Change) tryRemove(ctx context.Context, id string) error {
	found, err := c.Members.Health(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(found, func(m etcdv2.MemberHealth) bool { return m.ID == id })
	if i < 0 {
		return c.confirmGone(ctx, id)
	}
	if err := c.decide(ctx, found, c.mayRemove(found, i)); err != nil {
		return err
	}
	// An id is never reused, so the request can be sent again.
	err = c.Members.Remove(ctx, id)
	switch {
	case errors.Is(err, etcdv2.ErrMemberRemoved), errors.Is(err, etcdv2.ErrNotFound):
		return nil
	case errors.Is(err, etcdv2.ErrOutcomeUnknown):
		c.lost(err)
		return &notYet{refusal: &Refusal{Kind: AnswerLost, Err: err}}
	case errors.Is(err, etcdv2.ErrUnhealthy):
		return notReady(slices.Delete(slices.Clone(found), i, i+1), err)
	}
	return err
}

// decide returns the refusal of a change, or nil if there is none, once the members it was
// found by are those that the cluster has agreed on: an etcd 2 that has just been started
// lists what it knew some time ago. Without a quorum that cannot be asked, and the servers
// make no change.
func (c *Change) decide(ctx context.Context, found []etcdv2.MemberHealth, refusal error) error {
	if _, waits := errors.AsType[*notYet](refusal); waits {
		return refusal
	}
	ctx, cancel := context.WithTimeout(ctx, etcdv2.SettleTime)
	defer cancel()
	agreed, err := c.Members.ListLinearizable(ctx)
	if err != nil {
		return refusal
	}
	isListed := func(m etcdv2.Member) bool {
		return slices.ContainsFunc(found, func(f etcdv2.MemberHealth) bool { return f.ID == m.ID })
	}
	if len(agreed) != len(found) || slices.ContainsFunc(agreed, func(m etcdv2.Member) bool { return !isListed(m) }) {
		return &notYet{refusal: &Refusal{Kind: Outdated}}
	}
	return refusal
}

// confirmGone checks with a quorum read that a member that one endpoint does not list is
// not in the cluster.
func (c *Change) confirmGone(ctx context.Context, id string) error {
	member, err := Find(ctx, c.Members, id)
	switch {
	case errors.Is(err, etcdv2.ErrNotFound):
		c.unsettled = false
		return nil
	case err != nil:
		return err
	}
	return &notYet{refusal: &Refusal{Kind: NotListed, Member: *member}}
}

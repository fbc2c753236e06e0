package membership

import (
	"fmt"
	"slices"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// Kind is why a change of the members is not made, or not yet.
type Kind int

// The kinds that end a change.
const (
	// Exists: a member has exactly the peer URLs that were to be added.
	Exists Kind = iota + 1
	// URLTaken: another member has one of the peer URLs.
	URLTaken
	// Changed: the member has other peer URLs than when the change was planned.
	Changed
	// Gone: the member was removed. Its id never returns.
	Gone
	// OnlyMember: the cluster would end with its only member.
	OnlyMember
	// AddLosesQuorum: with the new member, too few would answer.
	AddLosesQuorum
	// RemoveLosesQuorum: without the member, too few would answer.
	RemoveLosesQuorum
	// NoQuorum: too few members answer for any change.
	NoQuorum
	// Disconnected: the servers refuse while not all members are connected.
	Disconnected
)

// The kinds that a change waits for, and that only end it when its time is over.
const (
	// NotStarted: a member that was added before has never been started.
	NotStarted Kind = iota + Disconnected + 1
	// NotReady: the servers refuse, although all members answer.
	NotReady
	// URLInUse: the servers say that a member has one of the peer URLs.
	URLInUse
	// AnswerLost: the outcome of a request is unknown, and the cluster cannot
	// say yet.
	AnswerLost
	// NotApplied: the answer to a request was lost, and the request was not applied.
	NotApplied
	// NotListed: an endpoint does not know the member yet.
	NotListed
	// NotHealthy: the member does not answer, or is not healthy.
	NotHealthy
	// Unreachable: the members cannot be listed.
	Unreachable
)

// kindNames are the names of the kinds, for logs and tests.
var kindNames = [...]string{
	Exists: "Exists", URLTaken: "URLTaken", Changed: "Changed", Gone: "Gone", OnlyMember: "OnlyMember",
	AddLosesQuorum: "AddLosesQuorum", RemoveLosesQuorum: "RemoveLosesQuorum", NoQuorum: "NoQuorum", Disconnected: "Disconnected",
	NotStarted: "NotStarted", NotReady: "NotReady", URLInUse: "URLInUse", AnswerLost: "AnswerLost", NotApplied: "NotApplied",
	NotListed: "NotListed", NotHealthy: "NotHealthy", Unreachable: "Unreachable",
}

// Kinds returns every kind of a refusal.
func Kinds() []Kind {
	kinds := make([]Kind, 0, len(kindNames)-1)
	for k := range kindNames[1:] {
		kinds = append(kinds, Kind(k+1))
	}
	return kinds
}

// String returns the name of the kind.
func (k Kind) String() string {
	if k < 1 || int(k) >= len(kindNames) {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return kindNames[k]
}

// Refusal is a change that was not made because the cluster is not as the
// change needs it.
type Refusal struct {
	Kind Kind
	// Member is the member that the refusal is about: the one to be changed, or
	// the one that is in the way. It is empty for the kinds about no single one.
	Member etcdv2.Member
	// Members are the members that were asked for their health, without the one
	// that was to be removed.
	Members []etcdv2.MemberHealth
	// Total is how many members the cluster would have, Needed how many of them
	// have to answer, and Healthy how many do.
	Total, Needed, Healthy int
	// Err is what the server or the client said, nil if nothing was asked for.
	Err error
}

// Error returns the kind and the member for logs; people are told by whoever
// words a refusal.
func (r *Refusal) Error() string {
	text := r.Kind.String()
	if r.Member.ID != "" {
		text += " " + r.Member.ID
	}
	if r.Err != nil {
		text += ": " + r.Err.Error()
	}
	return text
}

// Unwrap returns the error of the client that the refusal amounts to, such as
// ErrExists, so that callers can ask for it with errors.Is.
func (r *Refusal) Unwrap() error {
	if r.Err != nil {
		return r.Err
	}
	switch r.Kind {
	case Exists, URLTaken:
		return etcdv2.ErrExists
	case Changed:
		return etcdv2.ErrCompareFailed
	case Gone:
		return etcdv2.ErrNotFound
	default:
		return etcdv2.ErrUnhealthy
	}
}

// Overdue is a change, or a wait for a member, whose time was over while it
// waited for what Refusal says.
type Overdue struct {
	Refusal *Refusal
	// Err is that of the context.
	Err error
}

// Error returns what the context says and what was waited for.
func (o *Overdue) Error() string { return o.Err.Error() + "; waited for: " + o.Refusal.Error() }

// Unwrap returns the error of the context.
func (o *Overdue) Unwrap() error { return o.Err }

// Unsettled is a change that ended with Err while the outcome of an earlier
// attempt was unknown: it may have been applied, or be applied later.
type Unsettled struct {
	Err, Lost error
}

// Error returns both errors.
func (u *Unsettled) Error() string { return u.Err.Error() + "; before that: " + u.Lost.Error() }

// Unwrap returns both errors, of which Lost is ErrOutcomeUnknown.
func (u *Unsettled) Unwrap() []error { return []error{u.Err, u.Lost} }

// Taken returns why a member is in the way of adding one with these peer URLs:
// it has all of them or one of them. It returns nil if it has none.
func Taken(m etcdv2.Member, peerURLs []string) *Refusal {
	switch {
	case sameURLs(m.PeerURLs, peerURLs):
		return &Refusal{Kind: Exists, Member: m}
	case sharesURL(m.PeerURLs, peerURLs):
		return &Refusal{Kind: URLTaken, Member: m}
	default:
		return nil
	}
}

func gone(id string) *Refusal { return &Refusal{Kind: Gone, Member: etcdv2.Member{ID: id}} }

func sharesURL(a, b []string) bool {
	return slices.ContainsFunc(a, func(url string) bool { return slices.Contains(b, url) })
}

func sameURLs(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

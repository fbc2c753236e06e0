package membership

import (
	"fmt"
	"slices"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// Kind says why a change to the members is not made, or not yet.
type Kind int

// The kinds that end a change.
const (
	// Exists: a member already has exactly the peer URLs to add.
	Exists Kind = iota + 1
	// URLTaken: another member has one of the peer URLs.
	URLTaken
	// Changed: the member no longer has the peer URLs that it had at plan time.
	Changed
	// Gone: the member was removed. Its id is never reused.
	Gone
	// OnlyMember: removing its only member would end the cluster.
	OnlyMember
	// AddLosesQuorum: with the new member, too few members would answer.
	AddLosesQuorum
	// RemoveLosesQuorum: without the member, too few members would answer.
	RemoveLosesQuorum
	// NoQuorum: too few members answer for any change.
	NoQuorum
	// Disconnected: the servers refuse changes while a member is not connected.
	Disconnected
)

// The kinds that a change waits for. They end it only at its deadline.
const (
	// NotStarted: a member that was added before has never been started.
	NotStarted Kind = iota + Disconnected + 1
	// NotReady: the servers refuse the change, although all members answer.
	NotReady
	// URLInUse: the servers report that a member has one of the peer URLs.
	URLInUse
	// AnswerLost: the outcome of a request is unknown, and cannot be read from the cluster
	// yet.
	AnswerLost
	// NotApplied: the answer to a request was lost, and the request was not applied.
	NotApplied
	// NotListed: an endpoint does not know the member yet.
	NotListed
	// Outdated: an endpoint lists other members than the cluster has agreed on.
	Outdated
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
	NotListed: "NotListed", Outdated: "Outdated", NotHealthy: "NotHealthy", Unreachable: "Unreachable",
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

// Refusal is a change that was not made because of the state of the cluster.
type Refusal struct {
	Kind Kind
	// Member is the member that the refusal is about: the one to change, or the one in the
	// way. It is empty for kinds that are not about a single member.
	Member etcdv2.Member
	// Members are the members whose health was read, without the one to remove.
	Members []etcdv2.MemberHealth
	// Total is how many members the cluster would have, Needed how many of them have to
	// answer, and Healthy how many do.
	Total, Needed, Healthy int
	// Err is the error of the server or the client, nil if no request was sent.
	Err error
}

// Error returns the kind and the member for logs. The caller words it for people.
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

// Unwrap returns the error of the client that the refusal corresponds to, such as
// ErrExists, for errors.Is.
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

// Overdue is a change, or a wait for a member, that reached its deadline while it waited
// for what Refusal describes.
type Overdue struct {
	Refusal *Refusal
	// Err is the error of the context.
	Err error
}

// Error returns the error of the context and what was waited for.
func (o *Overdue) Error() string { return o.Err.Error() + "; waited for: " + o.Refusal.Error() }

// Unwrap returns the error of the context.
func (o *Overdue) Unwrap() error { return o.Err }

// Unsettled is a change that ended with Err after an attempt whose outcome is unknown:
// that attempt may have been applied, or may be applied later.
type Unsettled struct {
	Err, Lost error
}

// Error returns both errors.
func (u *Unsettled) Error() string { return u.Err.Error() + "; before that: " + u.Lost.Error() }

// Unwrap returns both errors; Lost is an ErrOutcomeUnknown.
func (u *Unsettled) Unwrap() []error { return []error{u.Err, u.Lost} }

// Taken returns why a member prevents adding one with these peer URLs: it has all of them
// or some of them. It returns nil if it has none.
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

package etcdv2

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// MembersService reads and changes the members of the cluster, /v2/members,
// see https://etcd.io/docs/v2.3/members_api/.
//
// A change that is refused because the cluster is not healthy enough for it is
// ErrUnhealthy; it changed nothing and can be tried again. A change whose
// answer was lost is ErrOutcomeUnknown; ListLinearizable shows what became of it.
type MembersService struct {
	client *Client
}

// Member is one member of the cluster.
type Member struct {
	// ID is the member's id in lower-case hexadecimal, without padding.
	ID string `json:"id"`
	// Name is the name that the member reports, empty until it has started once.
	Name string `json:"name"`
	// PeerURLs are the URLs for the other members, sorted.
	PeerURLs []string `json:"peerURLs"`
	// ClientURLs are the URLs for clients that the member advertises, empty
	// until it has started once.
	ClientURLs []string `json:"clientURLs"`
}

// Started reports whether the member's process has ever joined the cluster.
// It does not report whether it runs now.
func (m Member) Started() bool { return m.Name != "" || len(m.ClientURLs) > 0 }

// normalizeID returns a member id in the form in which servers give it.
func normalizeID(id string) (string, error) {
	n, err := strconv.ParseUint(id, 16, 64)
	if err != nil {
		return "", fmt.Errorf("%w: id %q is not a hexadecimal number of at most 64 bits", ErrInvalidMember, id)
	}
	return strconv.FormatUint(n, 16), nil
}

// List returns the members in the order of their ids. The endpoint answers
// from what it knows, with or without a quorum, and may lag behind.
func (s *MembersService) List(ctx context.Context) ([]Member, error) {
	var members []Member
	_, err := s.client.do(ctx, listMembersInto(&members))
	return members, err
}

// ListLinearizable returns the members as List does, from an endpoint that had
// applied all changes of the cluster when it was asked. It needs a quorum, and
// while authentication is enabled the rights of root: it reads a key to know.
func (s *MembersService) ListLinearizable(ctx context.Context) ([]Member, error) {
	var members []Member
	err := s.client.readLinearizable(ctx, listMembersInto(&members))
	return members, err
}

// listMembers asks an endpoint for the members, or any if it is nil.
func listMembers(endpoint *url.URL) *request {
	return &request{
		method: http.MethodGet, path: "/v2/members", replay: replayRead, endpoint: endpoint, read: readMembers(new([]Member)),
	}
}

func listMembersInto(members *[]Member) *request {
	r := listMembers(nil)
	r.read = readMembers(members)
	return r
}

func readMembers(members *[]Member) func(*answer) error {
	return func(ans *answer) error {
		if err := readList("members", members, func(m Member) string { return m.ID })(ans); err != nil {
			return err
		}
		if len(*members) == 0 {
			return errNoMember
		}
		return nil
	}
}

// Get returns the member with the id, which is ErrNotFound if there is none.
// It is found in the list: the API has no request for one member.
func (s *MembersService) Get(ctx context.Context, id string) (*Member, error) {
	id, err := normalizeID(id)
	if err != nil {
		return nil, err
	}
	members, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(members, func(m Member) bool { return m.ID == id })
	if i < 0 {
		return nil, fmt.Errorf("member %s: %w", id, ErrNotFound)
	}
	return &members[i], nil
}

// Leader returns the leader. Without one, as during an election that lasts
// longer than the attempts, the error is ErrNoLeader.
func (s *MembersService) Leader(ctx context.Context) (*Member, error) {
	leader := new(Member)
	if _, err := s.client.do(ctx, leaderRequest(leader)); err != nil {
		return nil, err
	}
	return leader, nil
}

func leaderRequest(leader *Member) *request {
	return &request{method: http.MethodGet, path: "/v2/members/leader", replay: replayRead, read: readJSON(leader, checkMember)}
}

func checkMember(m *Member) string {
	if m.ID == "" {
		return "it is not about a member"
	}
	return ""
}

package etcdv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/etcdv2/terraform-provider-etcd/internal/keyedlock"
)

// memberLocks lock the clusters whose members are being changed, by id.
var memberLocks keyedlock.Locks[string]

// Lock waits until no other caller in this process has locked the members of the
// cluster, through whichever client. The caller must call unlock. It is for
// those who change the members by what they have read of them; no request
// takes it by itself.
func (s *MembersService) Lock(ctx context.Context) (unlock func(), err error) {
	ans, err := s.client.do(ctx, listMembers(nil))
	if err != nil {
		return nil, err
	}
	return memberLocks.Lock(ctx, ans.ClusterID)
}

// Add adds a member with these peer URLs and returns it with its new id. From
// then on it counts for the quorum, though its process has yet to be started:
// a cluster of one stops until that is done. The error is ErrInvalidMember,
// before any request, for URLs that no server takes, and ErrExists if another
// member has one of them.
func (s *MembersService) Add(ctx context.Context, peerURLs []string) (*Member, error) {
	r, err := memberChange(http.MethodPost, "", peerURLs)
	if err != nil {
		return nil, err
	}
	member := new(Member)
	r.read = readJSON(member, checkMember)
	if err := s.change(ctx, r); err != nil {
		return nil, err
	}
	return member, nil
}

// Update replaces the peer URLs of a member. The error is ErrNotFound if there
// is no such member, ErrMemberRemoved if there was one, and ErrExists if
// another member has one of the URLs.
func (s *MembersService) Update(ctx context.Context, id string, peerURLs []string) error {
	id, err := normalizeID(id)
	if err != nil {
		return err
	}
	r, err := memberChange(http.MethodPut, "/"+id, peerURLs)
	if err != nil {
		return err
	}
	r.read = readNothing(http.StatusNoContent)
	err = s.change(ctx, r)
	if errors.Is(err, ErrUnhealthy) {
		// Servers answer so for a removed member too.
		if _, getErr := s.Get(ctx, id); errors.Is(getErr, ErrNotFound) {
			return fmt.Errorf("%w: %w", ErrMemberRemoved, err)
		}
	}
	return err
}

// Remove removes a member; its process ends by itself. The error is
// ErrMemberRemoved if it was removed before, and ErrNotFound if there never
// was such a member.
func (s *MembersService) Remove(ctx context.Context, id string) error {
	id, err := normalizeID(id)
	if err != nil {
		return err
	}
	return s.change(ctx, &request{method: http.MethodDelete, path: "/v2/members/" + id, read: readNothing(http.StatusNoContent)})
}

// memberChange returns the request that sends peer URLs.
func memberChange(method, path string, peerURLs []string) (*request, error) {
	if err := CheckPeerURLs(peerURLs); err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string][]string{"peerURLs": peerURLs})
	if err != nil {
		return nil, err
	}
	return &request{method: method, path: "/v2/members" + path, json: body}, nil
}

// change sends a change of the members. Servers refuse one that endangers the
// quorum with a prompt 500 without a reason.
func (s *MembersService) change(ctx context.Context, r *request) error {
	_, err := s.client.do(ctx, r)
	var apiErr *Error
	if errors.As(err, &apiErr) && apiErr.Status == http.StatusInternalServerError && !errors.Is(err, ErrOutcomeUnknown) {
		return fmt.Errorf("%w: %w", ErrUnhealthy, err)
	}
	return err
}

// CheckPeerURLs checks the peer URLs of a member by the server's rules: at
// least one, none twice, each of the form scheme://host:port with no path (a
// trailing slash is one), the scheme http, https, unix or unixs. The error is
// ErrInvalidMember and names the URL and the rule.
func CheckPeerURLs(peerURLs []string) error {
	if len(peerURLs) == 0 {
		return fmt.Errorf("%w: it needs at least one peer URL", ErrInvalidMember)
	}
	for i, text := range peerURLs {
		if reason := peerURLFault(text); reason != "" {
			return fmt.Errorf("%w: peer URL %q %s", ErrInvalidMember, text, reason)
		}
		if slices.Contains(peerURLs[:i], text) {
			return fmt.Errorf("%w: peer URL %q is given twice", ErrInvalidMember, text)
		}
	}
	return nil
}

// peerURLFault says what is wrong with a peer URL, "" if nothing is.
func peerURLFault(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || strings.TrimSpace(text) != text || !utf8.ValidString(text):
		return "is not a URL"
	case u.Scheme == "unix" || u.Scheme == "unixs":
		return ""
	case !slices.Contains(urlSchemes, u.Scheme):
		return "needs the scheme http or https"
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "has more than a scheme, a host and a port"
	case u.Path != "":
		return "has a path; a trailing slash is one"
	}
	host, port, err := net.SplitHostPort(u.Host)
	if err != nil || host == "" || port == "" {
		return `does not have the form "scheme://host:port"`
	}
	if !isPort(port) {
		return "has a port that is not between 1 and 65535"
	}
	return ""
}

// urlSchemes are those of the URLs that a member can have.
var urlSchemes = []string{"http", "https", "unix", "unixs"}

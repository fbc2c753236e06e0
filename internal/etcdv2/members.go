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
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/etcdv2/terraform-provider-etcd/internal/keyedlock"
)

// MembersService reads and changes the members of the cluster, /v2/members,
// see https://etcd.io/docs/v2.3/members_api/.
//
// A change that is refused because the cluster is not healthy enough for it is
// ErrUnhealthy; it changed nothing and can be tried again. A change whose
// answer was lost is ErrOutcomeUnknown; ListQuorum tells what became of it.
type MembersService struct {
	client *Client
}

// Member is one member of the cluster.
type Member struct {
	// ID is the member's id in lower-case hexadecimal, without padding.
	ID string `json:"id"`
	// Name is what the member calls itself, empty until it has started once.
	Name string `json:"name"`
	// PeerURLs are the URLs for the other members, sorted.
	PeerURLs []string `json:"peerURLs"`
	// ClientURLs are the URLs for clients that the member advertises, empty
	// until it has started once.
	ClientURLs []string `json:"clientURLs"`
}

// Started reports whether the member's process has ever joined the cluster.
// It says nothing of whether it runs now.
func (m Member) Started() bool { return m.Name != "" || len(m.ClientURLs) > 0 }

// CheckPeerURLs checks the peer URLs of a member by the server's rules: at
// least one, none twice, each of the form scheme://host:port with no path (a
// trailing slash is one), the scheme http, https, unix or unixs. The error is
// ErrInvalidMember and says which URL breaks which rule.
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
		return "holds more than a scheme, a host and a port"
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
	return s.list(ctx, listMembers(nil))
}

func (s *MembersService) list(ctx context.Context, r *request) ([]Member, error) {
	var members []Member
	r.read = readMembers(&members)
	_, err := s.client.do(ctx, r)
	return members, err
}

// ListQuorum returns the members as List does, from an endpoint that had
// applied all changes of the cluster when it was asked. It needs a quorum, and
// while authentication is enabled the rights of root: it reads a key to know.
func (s *MembersService) ListQuorum(ctx context.Context) ([]Member, error) {
	if err := s.client.prepare(ctx); err != nil {
		return nil, err
	}
	// It is one read, made by two requests of one endpoint each.
	read := &request{replay: replayRead, started: time.Now()}
	for {
		read.attempts++
		members, err := s.listCurrentAnywhere(ctx)
		if err == nil || errors.Is(err, ErrUnauthorized) || !errors.Is(err, ErrUnavailable) || !s.client.attemptsLeft(read) || ctx.Err() != nil {
			return members, err
		}
		if waitErr := s.client.backoff(ctx, read.attempts); waitErr != nil {
			return nil, fmt.Errorf("%w while waiting to try again after: %w", waitErr, err)
		}
	}
}

// listCurrentAnywhere asks the endpoints in turn.
func (s *MembersService) listCurrentAnywhere(ctx context.Context) ([]Member, error) {
	failed := new(EndpointsError)
	for _, endpoint := range s.client.endpoints.order() {
		members, err := s.listCurrent(ctx, endpoint)
		if err == nil {
			return members, nil
		}
		failed = failed.add(endpoint, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, failed
}

// listCurrent lists the members by one endpoint once it has caught up. Members
// are changed through the same log as keys are, and a quorum read waits until
// the endpoint has applied its log up to the read.
func (s *MembersService) listCurrent(ctx context.Context, endpoint *url.URL) ([]Member, error) {
	barrier, list := barrierRequest(), listMembers(endpoint)
	barrier.endpoint, barrier.single, list.single = endpoint, true, true
	if _, err := s.client.do(ctx, barrier); err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	return s.list(ctx, list)
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
		if err := readList("members", members)(ans); err != nil {
			return err
		}
		if len(*members) == 0 || slices.ContainsFunc(*members, func(m Member) bool { return m.ID == "" }) {
			return fmt.Errorf("%w: it lists no member, and the server itself is one", ErrInvalidAnswer)
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
// quorum with a prompt 500 that tells no reason.
func (s *MembersService) change(ctx context.Context, r *request) error {
	_, err := s.client.do(ctx, r)
	var apiErr *Error
	if errors.As(err, &apiErr) && apiErr.Status == http.StatusInternalServerError && !errors.Is(err, ErrOutcomeUnknown) {
		return fmt.Errorf("%w: %w", ErrUnhealthy, err)
	}
	return err
}

// MemberHealth is one member and what it says of its health.
type MemberHealth struct {
	Member
	// Healthy is whether the member's process answers and takes part in the
	// cluster.
	Healthy bool
	// Up is since when the process runs, zero if it does not answer.
	Up time.Time
	// Err is why the member did not answer, nil if it did.
	Err error
}

// Health asks each member for its health, at an endpoint that is known to be
// the member, for no longer than Options.ConnectTimeout. A member that does not
// answer is a row, not an error. The error is that of listing the members.
func (s *MembersService) Health(ctx context.Context) ([]MemberHealth, error) {
	members, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, s.client.options.ConnectTimeout)
	defer cancel()
	known, err := s.client.Stats.SelfAll(limited)
	if err != nil {
		return nil, err
	}
	out := make([]MemberHealth, len(members))
	var wg sync.WaitGroup
	for i, member := range members {
		out[i] = MemberHealth{Member: member}
		wg.Go(func() { out[i].Up, out[i].Err = s.health(ctx, member, known) })
	}
	wg.Wait()
	for i := range out {
		out[i].Healthy = out[i].Err == nil
	}
	return out, nil
}

// health finds an endpoint that is the member, asks it for its health, and
// returns since when its process runs.
func (s *MembersService) health(ctx context.Context, member Member, known []EndpointResult[*SelfStats]) (time.Time, error) {
	if !member.Started() {
		return time.Time{}, errors.New("it was never started")
	}
	ctx, cancel := context.WithTimeout(ctx, s.client.options.ConnectTimeout)
	defer cancel()
	endpoint, self, err := s.find(ctx, member, known)
	if err != nil {
		return time.Time{}, err
	}
	r := healthRequest()
	r.endpoint, r.single, r.unclaimed = endpoint, true, true
	health, err := s.client.health(ctx, r)
	if err == nil && !health.Healthy {
		err = errors.New(strings.TrimSpace("it says that it is not healthy " + health.Reason))
	}
	return self.StartTime, err
}

// find returns an endpoint that is the member: one of ours, or a client URL
// that the member advertises. Of one that does not serve the v2 API it returns
// no statistics.
func (s *MembersService) find(ctx context.Context, member Member, known []EndpointResult[*SelfStats]) (*url.URL, *SelfStats, error) {
	for _, result := range known {
		if result.Err == nil && result.Value.ID == member.ID {
			u, err := ParseEndpoint(result.Endpoint)
			return u, result.Value, err
		}
	}
	failed := new(EndpointsError)
	for _, text := range member.ClientURLs {
		u, err := ParseEndpoint(text)
		if err != nil {
			continue
		}
		stats, state, err := s.client.probeOne(ctx, u, member.ID)
		if state == probeProven {
			return u, stats, nil
		}
		if errors.Is(err, ErrV2Disabled) && s.client.isMemberOfV3(ctx, u, member.ID) {
			return u, &SelfStats{ID: member.ID}, nil
		}
		failed = failed.add(u, err)
	}
	return nil, nil, fmt.Errorf("none of its client URLs (%s) leads to it: %w", strings.Join(member.ClientURLs, ", "), failed)
}

// isMemberOfV3 reports whether an endpoint that does not serve the v2 API is the
// member, by the status of the v3 API.
func (c *Client) isMemberOfV3(ctx context.Context, endpoint *url.URL, member string) bool {
	var status struct {
		Header struct {
			MemberID uint64 `json:"member_id,string"`
		} `json:"header"`
	}
	_, _, err := c.send(ctx, endpoint, &request{
		method: http.MethodPost, path: "/v3/maintenance/status", json: []byte("{}"), replay: replayRead, unclaimed: true,
		read: func(ans *answer) error { return json.Unmarshal(ans.data, &status) },
	})
	return err == nil && strconv.FormatUint(status.Header.MemberID, 16) == member
}

// memberLocks hold the clusters whose members are being changed, by id.
var memberLocks keyedlock.Locks[string]

// Lock waits until no other caller in this process holds the members of the
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

// Cluster returns the id of the cluster and, where the credentials permit to
// read keys, the indexes and the term of an endpoint.
func (c *Client) Cluster(ctx context.Context) (Meta, error) {
	// Only the answer of a key that is there tells all of it; the root is. HEAD
	// leaves out what it contains.
	root := &request{method: http.MethodHead, path: "/v2/keys/", replay: replayRead, read: checkMeta}
	ans, err := c.do(ctx, root)
	if err == nil {
		return ans.Meta, nil
	}
	if apiErr, ok := errors.AsType[*Error](err); ok && apiErr.Status == http.StatusMethodNotAllowed {
		// A gateway may pass fewer methods.
		root.method, root.attempts = http.MethodGet, 0
		ans, err = c.do(ctx, root)
		if err == nil {
			return ans.Meta, nil
		}
	}
	if !errors.Is(err, ErrUnauthorized) {
		return Meta{}, err
	}
	list := listMembers(nil)
	list.read = checkMeta
	if ans, err = c.do(ctx, list); err != nil {
		return Meta{}, err
	}
	return Meta{ClusterID: ans.ClusterID}, nil
}

// checkMeta refuses an answer that does not name the cluster.
func checkMeta(ans *answer) error {
	if ans.ClusterID == "" {
		return fmt.Errorf("%w: it does not name the cluster", ErrInvalidAnswer)
	}
	return nil
}

// Machines returns the client URLs of all members, as the old /v2/machines
// lists them.
func (c *Client) Machines(ctx context.Context) ([]string, error) {
	var machines []string
	_, err := c.do(ctx, &request{method: http.MethodGet, path: "/v2/machines", replay: replayRead, read: func(ans *answer) error {
		machines = nil
		for machine := range strings.SplitSeq(string(ans.data), ",") {
			if machine = strings.TrimSpace(machine); machine == "" {
				continue
			}
			if u, err := url.Parse(machine); err != nil || u.Host == "" && u.Path == "" || !slices.Contains(urlSchemes, u.Scheme) {
				return fmt.Errorf("%w: it contains more than URLs", ErrInvalidAnswer)
			}
			machines = append(machines, machine)
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	return machines, nil
}

// urlSchemes are those of the URLs that a member can have.
var urlSchemes = []string{"http", "https", "unix", "unixs"}

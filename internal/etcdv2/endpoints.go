package etcdv2

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// leaderRetry is how long a client that prefers the leader waits before it
// asks for the leader again, after it did not find out.
const leaderRetry = time.Second

// endpointSet is the ordered endpoints of a client. The first is the one that
// answered last.
type endpointSet struct {
	selection EndpointSelection

	mu sync.RWMutex
	// urls are in the order in which they are asked, given in the order in
	// which they were given or found.
	urls  []*url.URL
	given []*url.URL
	// configured are the endpoints given by the caller, and spare those that a Sync
	// took out of urls. They are still asked when all others fail. None of the
	// slices is changed in place.
	configured []*url.URL
	spare      []*url.URL
	// served are the endpoints that answered as servers of the v2 API and have not
	// failed since.
	served map[*url.URL]bool
	// proven are the origins at which a Sync found the member that advertises
	// them. Like the configured ones they are sent credentials.
	proven map[string]bool
	// claims are the ids of the members whose URLs did not answer the Sync, by
	// location. They have to prove themselves before the first request.
	claims map[string]string
	// known are the locations that belong to the expected cluster.
	known map[string]bool
	// refreshes are what was found out of refreshes at each endpoint since it
	// last failed: another server can answer there after that.
	refreshes map[string]refreshVerdict
	// leader is what is known of the leader, for SelectLeader.
	leader leaderState
}

// leaderState says when the leader has to be asked for.
type leaderState struct {
	// stale is whether the first endpoint may not be the leader.
	stale bool
	// term is the raft term of the answers since the leader was asked for; a
	// newer one means that there was an election. 0 until the first answer.
	term uint64
	// after is the time before which the leader is not asked for again.
	after time.Time
}

// ParseEndpoint checks a client URL of a member: http or https with a host,
// with no port or one between 1 and 65535, without credentials, query or fragment.
func ParseEndpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil {
		// The error of url.Parse quotes the URL, which can hold a password.
		if parseErr, ok := errors.AsType[*url.Error](err); ok {
			err = parseErr.Err
		}
		return nil, fmt.Errorf("endpoint is not a URL: %w", err)
	}
	if u.User == nil && strings.Contains(text, "@") {
		// Without its slashes "user:password@host" is a URL with a scheme of its own.
		return nil, fmt.Errorf("endpoint holds an @, as credentials have; write it as in %q, and give those as username and password", DefaultEndpoint)
	}
	switch {
	case u.User != nil:
		return nil, fmt.Errorf("endpoint %s holds credentials; give them as username and password", u.Redacted())
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("endpoint %q has no scheme http or https, as in %q", text, DefaultEndpoint)
	case u.Hostname() == "":
		return nil, fmt.Errorf("endpoint %q has no host", text)
	case u.Port() != "" && !isPort(u.Port()):
		return nil, fmt.Errorf("endpoint %q has a port that is not between 1 and 65535", text)
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return nil, fmt.Errorf("endpoint %q has a query or a fragment", text)
	case holdsAPIPath(u.Path):
		return nil, fmt.Errorf("endpoint %q ends in the path of the v2 API, which is added to every endpoint: leave out /v2 and what follows it", text)
	}
	return u, nil
}

// isPort reports whether a text is the number of a port that can be dialed.
func isPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port != 0
}

// holdsAPIPath reports whether the path of an endpoint has in it where a server
// has its API: a key would be stored below "/v2/keys" in the key space itself.
func holdsAPIPath(path string) bool {
	segments := slices.DeleteFunc(strings.Split(path, "/"), func(segment string) bool { return segment == "" })
	for i, segment := range segments {
		if segment == "v2" && (i == len(segments)-1 || slices.Contains([]string{"keys", "members", "auth", "stats", "machines"}, segments[i+1])) {
			return true
		}
	}
	return false
}

func newEndpointSet(endpoints []string, selection EndpointSelection) (*endpointSet, error) {
	if !slices.Contains(EndpointSelections(), selection) {
		return nil, fmt.Errorf("endpoint selection is %q, want one of %q", selection, EndpointSelections())
	}
	s := &endpointSet{selection: selection, known: map[string]bool{}, served: map[*url.URL]bool{}, refreshes: map[string]refreshVerdict{}}
	return s, s.configure(endpoints)
}

// configure replaces all endpoints by those that the caller gives.
func (s *endpointSet) configure(endpoints []string) error {
	var urls []*url.URL
	for _, text := range endpoints {
		u, err := ParseEndpoint(text)
		if err != nil {
			return err
		}
		if !containsLocation(urls, u) {
			urls = append(urls, u)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.configured, s.proven, s.claims = urls, nil, nil
	s.replace(urls)
	return nil
}

// replace puts other endpoints in the place of those there are, and keeps the
// order of asking as far as they are the same. The caller holds the lock.
func (s *endpointSet) replace(urls []*url.URL) {
	var next []*url.URL
	for _, u := range s.urls {
		if containsLocation(urls, u) {
			next = append(next, u)
		}
	}
	kept := len(next)
	for _, u := range urls {
		if !containsLocation(next, u) {
			next = append(next, u)
		}
	}
	if s.selection == SelectRandom {
		added := next[kept:]
		//nolint:gosec // the order of the endpoints is no secret
		rand.Shuffle(len(added), func(i, j int) { added[i], added[j] = added[j], added[i] })
	}
	s.urls, s.given = next, slices.Clone(urls)
	s.spare = nil
	for _, u := range s.configured {
		if !containsLocation(next, u) {
			s.spare = append(s.spare, u)
		}
	}
	s.leader.stale = true
}

// order returns the endpoints in the order in which they are to be asked. The
// caller must not change the slice.
func (s *endpointSet) order() []*url.URL {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.spare) == 0 {
		return s.urls
	}
	return slices.Concat(s.urls, s.spare)
}

// inGivenOrder returns the endpoints in an order that does not move.
func (s *endpointSet) inGivenOrder() []*url.URL {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.given)
}

func (s *endpointSet) strings() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []string
	for _, u := range s.urls {
		out = append(out, u.String())
	}
	return out
}

// pin puts the endpoint first that gave the answer, which is nil if it was an
// error.
func (s *endpointSet) pin(endpoint *url.URL, ans *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.move(endpoint, true)
	s.served[endpoint] = true
	if s.selection != SelectLeader || ans == nil || ans.RaftTerm == 0 {
		return
	}
	if s.leader.term != 0 && ans.RaftTerm > s.leader.term {
		s.leader.stale = true
	}
	s.leader.term = max(s.leader.term, ans.RaftTerm)
}

// unpin puts an endpoint that failed last.
func (s *endpointSet) unpin(endpoint *url.URL) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.move(endpoint, false)
	s.leader.stale = true
	delete(s.served, endpoint)
	delete(s.refreshes, location(endpoint))
}

// move puts an endpoint first or last. The caller holds the lock.
func (s *endpointSet) move(endpoint *url.URL, first bool) {
	i := slices.Index(s.urls, endpoint)
	if i < 0 || (first && i == 0) {
		return
	}
	// Others may hold the slice that is in use.
	urls := slices.Delete(slices.Clone(s.urls), i, i+1)
	at := len(urls)
	if first {
		at = 0
	}
	s.urls = slices.Insert(urls, at, endpoint)
}

// leaderWanted reports whether the leader has to be asked for, and if so keeps
// others from asking at the same time.
func (s *endpointSet) leaderWanted(now time.Time) bool {
	if s.selection != SelectLeader {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.leader.stale || len(s.urls) < 2 || now.Before(s.leader.after) {
		return false
	}
	s.leader.after = now.Add(leaderRetry)
	return true
}

// pinLeader puts the endpoint first that is one of the leader's client URLs.
func (s *endpointSet) pinLeader(clientURLs []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leader = leaderState{}
	if i := slices.IndexFunc(s.urls, func(u *url.URL) bool { return isAmong(clientURLs, u) }); i >= 0 {
		s.move(s.urls[i], true)
	}
}

// trusts reports whether a URL is of a configured or synced host, to which
// credentials may be sent.
func (s *endpointSet) trusts(u *url.URL) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.proven[origin(u)] || containsOrigin(s.configured, u)
}

// claim returns the id of the member that has yet to be found at an endpoint.
func (s *endpointSet) claim(u *url.URL) (member string, claimed bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.claims) == 0 {
		return "", false
	}
	member, claimed = s.claims[location(u)]
	return member, claimed
}

// prove notes that the member was found that an endpoint is said to be.
func (s *endpointSet) prove(u *url.URL) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, claimed := s.claims[location(u)]; claimed {
		delete(s.claims, location(u))
		s.proven[origin(u)] = true
	}
}

func (s *endpointSet) verified(u *url.URL) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.known[location(u)]
}

func (s *endpointSet) verify(u *url.URL) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[location(u)] = true
}

// isServed reports whether an endpoint is known to serve the v2 API, or is the only one.
func (s *endpointSet) isServed(u *url.URL) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.urls) < 2 || s.served[u]
}

func (s *endpointSet) refreshVerdict(u *url.URL) (verdict refreshVerdict, known bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	verdict, known = s.refreshes[location(u)]
	return verdict, known
}

func (s *endpointSet) setRefreshVerdict(u *url.URL, verdict refreshVerdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refreshes[location(u)] = verdict
}

// origin is the scheme, host and port of a URL.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

func containsOrigin(urls []*url.URL, u *url.URL) bool {
	return slices.ContainsFunc(urls, func(v *url.URL) bool { return origin(v) == origin(u) })
}

// location is the origin and the path of an endpoint: behind one gateway, each
// path can lead to another server.
func location(u *url.URL) string { return origin(u) + strings.TrimRight(u.EscapedPath(), "/") }

func containsLocation(urls []*url.URL, u *url.URL) bool {
	return slices.ContainsFunc(urls, func(v *url.URL) bool { return location(v) == location(u) })
}

// isAmong reports whether one of the texts is the URL of an endpoint.
func isAmong(texts []string, u *url.URL) bool {
	return slices.ContainsFunc(texts, func(text string) bool {
		v, err := ParseEndpoint(text)
		return err == nil && location(v) == location(u)
	})
}

// isLoopback reports whether a URL leads to the machine that uses it.
func isLoopback(u *url.URL) bool {
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || (ip != nil && ip.IsLoopback())
}

// isUnspecified reports whether a URL's host is an address to listen on, such
// as 0.0.0.0, which leads a client to its own machine.
func isUnspecified(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsUnspecified()
}

// Endpoints returns the endpoints in the order in which they are asked.
func (c *Client) Endpoints() []string { return c.endpoints.strings() }

// SetEndpoints replaces the endpoints, and with them what Sync and SRV
// discovery have found. An endpoint that is among the new ones and answered
// last stays first. Nothing changes if one of them is not valid, or there is
// none.
func (c *Client) SetEndpoints(endpoints []string) error {
	if len(endpoints) == 0 {
		return errors.New("a client needs at least one endpoint")
	}
	if err := c.endpoints.configure(endpoints); err != nil {
		return err
	}
	c.prepared.done.Store(true)
	return nil
}

// findLeader puts the leader's endpoint first if the client prefers it and
// does not know it. It changes the order of asking and nothing else, so a
// failure is no error: the endpoints are asked in the order they have.
func (c *Client) findLeader(ctx context.Context) {
	if !c.endpoints.leaderWanted(time.Now()) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.ConnectTimeout)
	defer cancel()
	for _, endpoint := range c.endpoints.order() {
		var leader Member
		r := leaderRequest(&leader)
		r.definite = true
		_, outcome, err := c.send(ctx, endpoint, r)
		if outcome == outcomeAmbiguous {
			c.endpoints.unpin(endpoint)
		}
		if err == nil {
			c.endpoints.pinLeader(leader.ClientURLs)
			return
		}
	}
}

// EndpointResult is what one endpoint answered, or why it did not.
type EndpointResult[T any] struct {
	// Endpoint is the endpoint's URL.
	Endpoint string
	// Value is the answer. If Err is not nil, it is what is known all the same.
	Value T
	// Err is why there is no answer.
	Err error
}

// askAll asks all endpoints at once, each one time, and returns a result for
// each in the order in which they were given. An endpoint that does not answer
// is a result, not an error.
func askAll[T any](
	ctx context.Context, c *Client, r *request, ask func(context.Context, *request) (T, error),
) ([]EndpointResult[T], error) {
	if err := c.prepare(ctx); err != nil {
		return nil, err
	}
	endpoints := c.endpoints.inGivenOrder()
	results := make([]EndpointResult[T], len(endpoints))
	var wg sync.WaitGroup
	for i, endpoint := range endpoints {
		wg.Go(func() {
			one := *r
			one.endpoint, one.single = endpoint, true
			value, err := ask(ctx, &one)
			results[i] = EndpointResult[T]{Endpoint: endpoint.String(), Value: value, Err: err}
		})
	}
	wg.Wait()
	return results, nil
}

package etcdv2

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
)

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
	// advertised are the ids of the members whose URLs did not answer the Sync, by
	// location. They have to prove themselves before the first request.
	advertised map[string]string
	// known are the locations that belong to the expected cluster.
	known map[string]bool
	// refreshes are what was found out of refreshes at each endpoint since it
	// last failed: another server can answer there after that.
	refreshes map[string]refreshVerdict
	// leader is the last known leader, for SelectLeader.
	leader leaderState
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
	s.configured, s.proven, s.advertised = urls, nil, nil
	s.replace(urls)
	return nil
}

// replace puts other endpoints in the place of those there are, and keeps the
// order of asking as far as they are the same. The caller has locked it.
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
		//nolint:gosec // the order of the endpoints is not a secret
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

// move puts an endpoint first or last. The caller has locked it.
func (s *endpointSet) move(endpoint *url.URL, first bool) {
	i := slices.Index(s.urls, endpoint)
	if i < 0 || (first && i == 0) {
		return
	}
	// Others may still use the slice.
	urls := slices.Delete(slices.Clone(s.urls), i, i+1)
	at := len(urls)
	if first {
		at = 0
	}
	s.urls = slices.Insert(urls, at, endpoint)
}

// trusts reports whether a URL is of a configured or synced host, to which
// credentials may be sent.
func (s *endpointSet) trusts(u *url.URL) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.proven[origin(u)] || containsOrigin(s.configured, u)
}

// advertisedBy returns the id of the member that has yet to be found at an endpoint.
func (s *endpointSet) advertisedBy(u *url.URL) (member string, found bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.advertised) == 0 {
		return "", false
	}
	member, found = s.advertised[location(u)]
	return member, found
}

// prove notes that an endpoint is the member that it is said to be.
func (s *endpointSet) prove(u *url.URL) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, found := s.advertised[location(u)]; found {
		delete(s.advertised, location(u))
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

// EndpointResult is the answer of one endpoint, or why it gave none.
type EndpointResult[T any] struct {
	// Endpoint is the endpoint's URL.
	Endpoint string
	// Value is the answer. If Err is not nil, it contains the part that is known anyway.
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

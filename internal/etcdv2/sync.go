package etcdv2

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Sync replaces the endpoints by the client URLs that the members of the
// cluster advertise. An endpoint among them that answered last stays first.
//
// Advertised URLs can be wrong, so each is asked which member it is. One that
// is another member's, that leads from https to http, or that leads to this
// machine though the cluster is on another, is left out. One that does not
// answer now is kept, and asked that before it is used. If none answers, the
// endpoints stay as they are. Configured endpoints are still asked when all
// those that were found fail.
func (c *Client) Sync(ctx context.Context) error {
	if err := c.prepare(ctx); err != nil {
		return err
	}
	return c.sync(ctx)
}

func (c *Client) sync(ctx context.Context) error {
	var members []Member
	list := listMembersInto(&members)
	list.discovers = true
	ans, err := c.do(ctx, list)
	if err != nil {
		return err
	}
	self, err := c.selfOf(ctx, ans.endpoint)
	if err != nil {
		return err
	}
	found := candidates(ans.endpoint, members)
	c.probe(ctx, found, self)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.endpoints.adopt(found)
	return nil
}

// AutoSync calls Sync now and then every interval until ctx ends, and returns
// the context's error. While no endpoint answers, or one answers with what is not an
// answer of etcd, it keeps trying; any other error of Sync ends it.
func (c *Client) AutoSync(ctx context.Context, interval time.Duration) error {
	if interval <= 0 {
		return fmt.Errorf("the interval between two syncs is %s, want more than 0", interval)
	}
	for {
		err := c.Sync(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !passes(err) {
			return err
		}
		if err := c.options.Wait(ctx, interval); err != nil {
			return err
		}
	}
}

// passes reports whether an error of Sync may be gone the next time.
func passes(err error) bool {
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrInvalidAnswer) || errors.Is(err, context.DeadlineExceeded)
}

// candidate is a client URL that a member advertises.
type candidate struct {
	url    *url.URL
	member string
	state  probeState
}

// probeState is the result of a probe of a candidate.
type probeState int

const (
	// probeSilent: it did not answer.
	probeSilent probeState = iota
	// probeProven: it is the member that advertises it.
	probeProven
	// probeRefuted: it is something else, or cannot be used.
	probeRefuted
)

// candidates returns the client URLs of the members that may be used by a
// client that got the list from source.
func candidates(source *url.URL, members []Member) []*candidate {
	var found []*candidate
	for _, member := range members {
		for _, text := range member.ClientURLs {
			u, err := ParseEndpoint(text)
			switch {
			case err != nil, isUnspecified(u):
			case isLoopback(u) && !isLoopback(source):
				// Another machine's localhost. The id of a cluster that was
				// started with defaults does not distinguish it from one here.
			case source.Scheme == "https" && u.Scheme == "http":
			case slices.ContainsFunc(found, func(c *candidate) bool { return location(c.url) == location(u) }):
			default:
				found = append(found, &candidate{url: u, member: member.ID})
			}
		}
	}
	return found
}

// probe asks all candidates at once which member they are. self is what the
// member said that gave the list: it is recognized by its start time too.
func (c *Client) probe(ctx context.Context, found []*candidate, self *SelfStats) {
	var wg sync.WaitGroup
	for _, cand := range found {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, c.options.ConnectTimeout)
			defer cancel()
			stats, state, _ := c.probeOne(ctx, cand.url, cand.member)
			if state == probeProven && stats.ID == self.ID && !stats.StartTime.Equal(self.StartTime) {
				state = probeRefuted
			}
			cand.state = state
		})
	}
	wg.Wait()
}

// probeOne asks an endpoint whether it is the member, and says why it is not known
// to be. It sends no credentials unless the endpoint is trusted already.
func (c *Client) probeOne(ctx context.Context, endpoint *url.URL, member string) (*SelfStats, probeState, error) {
	stats := new(SelfStats)
	r := selfRequest(stats)
	r.needs = proofOfCluster
	_, outcome, err := c.send(ctx, endpoint, r)
	switch {
	case err != nil && (outcome == outcomeNotSent || outcome == outcomeAmbiguous || outcome == outcomeRefused),
		errors.Is(err, errEmptyStats):
		return nil, probeSilent, err
	case err != nil:
		return nil, probeRefuted, err
	case stats.ID != member:
		return nil, probeRefuted, fmt.Errorf("it is member %s", stats.ID)
	}
	return stats, probeProven, nil
}

// selfOf asks the endpoint that gave the list of members what it is.
func (c *Client) selfOf(ctx context.Context, endpoint *url.URL) (*SelfStats, error) {
	stats := new(SelfStats)
	r := selfRequest(stats)
	r.endpoint, r.discovers = endpoint, true
	_, err := c.do(ctx, r)
	return stats, err
}

// adopt makes the candidates the endpoints, unless none is proven.
func (s *endpointSet) adopt(found []*candidate) {
	found = slices.DeleteFunc(found, func(c *candidate) bool { return c.state == probeRefuted })
	if !slices.ContainsFunc(found, func(c *candidate) bool { return c.state == probeProven }) {
		return
	}
	proven, advertised := map[string]bool{}, map[string]string{}
	var urls []*url.URL
	for _, state := range []probeState{probeProven, probeSilent} {
		for _, cand := range found {
			if cand.state != state {
				continue
			}
			urls = append(urls, cand.url)
			if state == probeProven {
				proven[origin(cand.url)] = true
			} else {
				advertised[location(cand.url)] = cand.member
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.configured {
		delete(advertised, location(u))
	}
	s.proven, s.advertised = proven, advertised
	s.replace(urls)
}

// proveMember asks an endpoint that did not answer the Sync whether it is the
// member that advertises it, before the first request to it.
func (c *Client) proveMember(ctx context.Context, endpoint *url.URL) (outcome, error) {
	member, found := c.endpoints.advertisedBy(endpoint)
	if !found {
		return outcomeAnswered, nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.ConnectTimeout)
	defer cancel()
	_, state, err := c.probeOne(ctx, endpoint, member)
	switch {
	case state == probeProven:
		c.endpoints.prove(endpoint)
		return outcomeAnswered, nil
	case state == probeSilent:
		return outcomeNotSent, fmt.Errorf("%s does not say whether it is member %s, which advertises it: %w", endpoint, member, err)
	case isAnswer(err):
		return outcomeElsewhere, fmt.Errorf("%s does not report that it is member %s, which advertises it: %w", endpoint, member, err)
	default:
		return outcomeHopeless, fmt.Errorf("%w: %s is not member %s, which advertises it: %w", ErrClusterMismatch, endpoint, member, err)
	}
}

// preparation is the discovery that a client makes before its first request.
type preparation struct {
	done atomic.Bool
	// turn is taken while finding out, so that all first requests wait for one
	// discovery, each no longer than its context allows.
	turn     chan struct{}
	resolved bool
}

// prepare finds the endpoints before the first request, by SRV records and by
// the list of members, as far as the options want it. A client that does not
// find them tries again with the next request.
func (c *Client) prepare(ctx context.Context) error {
	if c.prepared.done.Load() {
		return nil
	}
	select {
	case c.prepared.turn <- struct{}{}:
		defer func() { <-c.prepared.turn }()
	case <-ctx.Done():
		return fmt.Errorf("%w while waiting for the endpoints to be discovered", ctx.Err())
	}
	if c.prepared.done.Load() {
		return nil
	}
	if err := c.discover(ctx); err != nil {
		return err
	}
	c.prepared.done.Store(true)
	return nil
}

// discover does the work of prepare. The caller has the turn.
func (c *Client) discover(ctx context.Context) error {
	if c.options.DiscoverySRV != "" && !c.prepared.resolved {
		records, err := DiscoverSRV(ctx, c.options.DiscoverySRV, c.srvOptions())
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		var endpoints []string
		for _, record := range records {
			// A record of port 0 cannot be dialed; the others are asked all the same.
			if record.Port != 0 {
				endpoints = append(endpoints, record.Endpoint())
			}
		}
		if len(endpoints) == 0 {
			return fmt.Errorf("%w: every SRV record of %s has the port 0", ErrUnavailable, c.options.DiscoverySRV)
		}
		if err := c.endpoints.configure(endpoints); err != nil {
			return err
		}
		c.prepared.resolved = true
	}
	if !c.options.DiscoverMembers {
		return nil
	}
	if err := c.sync(ctx); err != nil {
		return fmt.Errorf("discovering the members: %w", err)
	}
	return nil
}

func (c *Client) srvOptions() SRVOptions {
	o := SRVOptions{Resolver: c.options.Resolver}
	if c.options.TLS != nil {
		o.ServerName = c.options.TLS.ServerName
	}
	return o
}

package etcdv2

import (
	"context"
	"net/url"
	"slices"
	"time"
)

// leaderRetry is how long a client that prefers the leader waits before it
// asks for the leader again, after it did not find out.
const leaderRetry = time.Second

// leaderState says when the leader has to be asked for.
type leaderState struct {
	// stale reports whether the first endpoint may not be the leader.
	stale bool
	// term is the raft term of the answers since the leader was asked for; a
	// newer one means that there was an election. 0 until the first answer.
	term uint64
	// after is the time before which the leader is not asked for again.
	after time.Time
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

// findLeader puts the leader's endpoint first if the client prefers it and
// does not know it. It changes the order of asking and nothing else, so a
// failure is not an error: the endpoints are asked in the order they have.
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

package etcdv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// MemberHealth is one member and the health that it reports.
type MemberHealth struct {
	Member
	// Healthy reports whether the member's process answers and takes part in the
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
	out := make([]MemberHealth, len(members))
	err = s.askEach(ctx, members, func(ctx context.Context, i int, endpoint *url.URL, self *SelfStats, err error) {
		out[i] = MemberHealth{Member: members[i], Err: err}
		if err == nil {
			out[i].Up, out[i].Err = self.StartTime, s.health(ctx, endpoint)
		}
		out[i].Healthy = out[i].Err == nil
	})
	return out, err
}

// askEach calls ask for all members at once, each with an endpoint that is known
// to be the member, or why none is, and its own statistics: nil if it does
// not serve the v2 API. The context of each lasts for Options.ConnectTimeout.
func (s *MembersService) askEach(
	ctx context.Context, members []Member, ask func(ctx context.Context, i int, endpoint *url.URL, self *SelfStats, err error),
) error {
	limited, cancel := context.WithTimeout(ctx, s.client.options.ConnectTimeout)
	defer cancel()
	known, err := s.client.Stats.SelfAll(limited)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	for i, member := range members {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, s.client.options.ConnectTimeout)
			defer cancel()
			endpoint, self, err := s.find(ctx, member, known)
			ask(ctx, i, endpoint, self, err)
		})
	}
	wg.Wait()
	return nil
}

// health asks the endpoint of a member for its health, and returns why it is not
// healthy.
func (s *MembersService) health(ctx context.Context, endpoint *url.URL) error {
	r := healthRequest()
	r.endpoint, r.single, r.needs = endpoint, true, proofOfCluster
	health, err := s.client.health(ctx, r)
	if err == nil && !health.Healthy {
		return errors.New(strings.TrimSpace("it reports that it is not healthy " + health.Reason))
	}
	return err
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
	if !member.Started() {
		return nil, nil, errors.New("it was never started")
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
	// etcd 3.3 has only the second of these paths.
	for _, version := range []string{"/v3", "/v3beta"} {
		_, _, err := c.send(ctx, endpoint, &request{
			method: http.MethodPost, path: version + "/maintenance/status", json: []byte("{}"), replay: replayRead, needs: proofOfCluster,
			read: func(ans *answer) error { return json.Unmarshal(ans.data, &status) },
		})
		if err == nil {
			return strconv.FormatUint(status.Header.MemberID, 16) == member
		}
	}
	return false
}

package etcdv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// StatsService reads the statistics of servers, /v2/stats, see
// https://etcd.io/docs/v2.3/api/#statistics. Each server counts for itself, from
// its own start.
type StatsService struct {
	client *Client
}

// SelfStats are the statistics of a server about itself.
type SelfStats struct {
	// Name and ID are those of the member.
	Name string `json:"name"`
	ID   string `json:"id"`
	// State is "StateLeader" or "StateFollower". A leader that has lost its
	// quorum still calls itself one.
	State string `json:"state"`
	// StartTime is when the process was started.
	StartTime time.Time `json:"startTime"`
	// Leader is the leader that the server has last heard of. During an election
	// it is the one that is gone.
	Leader LeaderInfo `json:"leaderInfo"`
	// RecvAppendRequests and SendAppendRequests count the append requests of
	// the raft protocol, received and sent.
	RecvAppendRequests uint64 `json:"recvAppendRequestCnt"`
	SendAppendRequests uint64 `json:"sendAppendRequestCnt"`
	// RecvPackageRate and SendPackageRate are append requests per second,
	// RecvBandwidthRate and SendBandwidthRate bytes per second. They are 0
	// where the server gives none: a leader receives nothing.
	RecvPackageRate   float64 `json:"recvPkgRate"`
	RecvBandwidthRate float64 `json:"recvBandwidthRate"`
	SendPackageRate   float64 `json:"sendPkgRate"`
	SendBandwidthRate float64 `json:"sendBandwidthRate"`
}

// LeaderInfo describes the last leader that a server has heard from.
type LeaderInfo struct {
	// ID is the leader's member id.
	ID string
	// Uptime is how long it has been the leader, in the eyes of this server.
	Uptime time.Duration
	// StartTime is since when.
	StartTime time.Time
}

// UnmarshalJSON reads the form in which servers send it.
func (i *LeaderInfo) UnmarshalJSON(data []byte) error {
	var body struct {
		Leader    string
		Uptime    string
		StartTime time.Time
	}
	if err := json.Unmarshal(data, &body); err != nil {
		return err
	}
	*i = LeaderInfo{ID: body.Leader, StartTime: body.StartTime}
	if body.Uptime == "" {
		return nil
	}
	uptime, err := time.ParseDuration(body.Uptime)
	if err != nil {
		return fmt.Errorf("uptime of the leader: %w", err)
	}
	i.Uptime = uptime
	return nil
}

// StoreStats counts the operations on the store of one server.
type StoreStats struct {
	GetsSuccess             uint64 `json:"getsSuccess"`
	GetsFail                uint64 `json:"getsFail"`
	SetsSuccess             uint64 `json:"setsSuccess"`
	SetsFail                uint64 `json:"setsFail"`
	DeleteSuccess           uint64 `json:"deleteSuccess"`
	DeleteFail              uint64 `json:"deleteFail"`
	UpdateSuccess           uint64 `json:"updateSuccess"`
	UpdateFail              uint64 `json:"updateFail"`
	CreateSuccess           uint64 `json:"createSuccess"`
	CreateFail              uint64 `json:"createFail"`
	CompareAndSwapSuccess   uint64 `json:"compareAndSwapSuccess"`
	CompareAndSwapFail      uint64 `json:"compareAndSwapFail"`
	CompareAndDeleteSuccess uint64 `json:"compareAndDeleteSuccess"`
	CompareAndDeleteFail    uint64 `json:"compareAndDeleteFail"`
	// ExpireCount is how many nodes have expired.
	ExpireCount uint64 `json:"expireCount"`
	// Watchers is how many watches are open now.
	Watchers uint64 `json:"watchers"`
}

// LeaderStats are the leader's statistics of its followers.
type LeaderStats struct {
	// Leader is the leader's member id.
	Leader string `json:"leader"`
	// Followers are the followers by member id.
	Followers map[string]FollowerStats `json:"followers"`
}

// FollowerStats is how the leader's append requests to one follower went.
type FollowerStats struct {
	Latency LatencyStats `json:"latency"`
	Counts  CountStats   `json:"counts"`
}

// LatencyStats are round trips in milliseconds. Minimum is larger than an
// int64 where there was none yet.
type LatencyStats struct {
	Current           float64 `json:"current"`
	Average           float64 `json:"average"`
	StandardDeviation float64 `json:"standardDeviation"`
	Minimum           float64 `json:"minimum"`
	Maximum           float64 `json:"maximum"`
}

// CountStats counts requests.
type CountStats struct {
	Fail    uint64 `json:"fail"`
	Success uint64 `json:"success"`
}

// Self returns the statistics of the first endpoint that answers about itself.
func (s *StatsService) Self(ctx context.Context) (*SelfStats, error) {
	return s.self(ctx, statsRequest("self"))
}

// Store returns the counters of the first endpoint that answers.
func (s *StatsService) Store(ctx context.Context) (*StoreStats, error) {
	return s.store(ctx, statsRequest("store"))
}

// SelfAll returns the statistics of each endpoint about itself.
func (s *StatsService) SelfAll(ctx context.Context) ([]EndpointResult[*SelfStats], error) {
	return askAll(ctx, s.client, statsRequest("self"), s.self)
}

// StoreAll returns the counters of each endpoint.
func (s *StatsService) StoreAll(ctx context.Context) ([]EndpointResult[*StoreStats], error) {
	return askAll(ctx, s.client, statsRequest("store"), s.store)
}

func (s *StatsService) self(ctx context.Context, r *request) (*SelfStats, error) {
	return getStats(ctx, s.client, r, checkSelfStats)
}

func (s *StatsService) store(ctx context.Context, r *request) (*StoreStats, error) {
	counters, err := getStats(ctx, s.client, r, checkStoreStats)
	if err != nil {
		return nil, err
	}
	return &counters.StoreStats, nil
}

const (
	// electionTime is how long followers may still name a leader that is gone, with
	// the default timers of etcd: an election begins after one to two seconds, and
	// again after that if it elects nobody. electionDelay is the time between two
	// questions for the leader that are due to that alone, and electionTries how many
	// there are at most.
	electionTime  = 5 * time.Second
	electionDelay = 250 * time.Millisecond
	electionTries = 20
)

// errLeaderGone is that the member which is named as the leader does not answer.
var errLeaderGone = fmt.Errorf("%w that can be reached", ErrNoLeader)

// Leader returns the statistics of the leader, from whichever endpoint is it.
// If none is, the leader is asked at the client URLs it advertises, without
// credentials. An election is waited for, as the retry policy says, and for some
// seconds where a leader is named that does not answer; the error is ErrNoLeader if
// there is still no leader then.
func (s *StatsService) Leader(ctx context.Context) (*LeaderStats, error) {
	var a attempts
	for {
		a.begin()
		stats, err := s.leader(ctx)
		// That there is no leader at all has been waited for already.
		switch {
		case !errors.Is(err, errLeaderGone):
			return stats, err
		case !s.client.mayRepeat(&a) && a.made < electionTries && time.Since(a.started) < electionTime:
			if s.client.options.Wait(ctx, electionDelay) != nil {
				return nil, err
			}
			continue
		}
		if err = s.client.pause(ctx, &a, err); err != nil {
			return nil, err
		}
	}
}

func (s *StatsService) leader(ctx context.Context) (*LeaderStats, error) {
	stats, err := getStats(ctx, s.client, statsRequest("leader"), checkLeaderStats)
	if !errors.Is(err, ErrForbidden) {
		return stats, err
	}
	leader, err := s.client.Members.Leader(ctx)
	if err != nil {
		return nil, err
	}
	failed := new(EndpointsError)
	for _, endpoint := range s.client.leaderCandidates(leader) {
		r := statsRequest("leader")
		r.endpoint, r.single = endpoint, true
		stats, err = getStats(ctx, s.client, r, checkLeaderStats)
		if err == nil && stats.Leader == leader.ID {
			return stats, nil
		}
		if err == nil {
			err = fmt.Errorf("%w: it is not the leader %s", ErrInvalidAnswer, leader.ID)
		}
		failed = failed.add(endpoint, err)
	}
	// The followers name a leader that is gone until they elect another one.
	return nil, fmt.Errorf("%w: %w", errLeaderGone, failed)
}

// leaderCandidates returns where the leader may be asked: the endpoints that
// are its client URLs, the other client URLs, and then the other endpoints,
// as one may lead to it by a name that it does not advertise.
func (c *Client) leaderCandidates(leader *Member) []*url.URL {
	ours := c.endpoints.order()
	var first, second, last []*url.URL
	for _, endpoint := range ours {
		if isAmong(leader.ClientURLs, endpoint) {
			first = append(first, endpoint)
		} else {
			last = append(last, endpoint)
		}
	}
	for _, text := range leader.ClientURLs {
		if u, err := ParseEndpoint(text); err == nil && !containsLocation(ours, u) {
			second = append(second, u)
		}
	}
	return append(append(first, second...), last...)
}

func statsRequest(kind string) *request {
	return &request{method: http.MethodGet, path: "/v2/stats/" + kind, replay: replayRead}
}

// selfRequest asks a server for the statistics about itself, and reads them into stats.
func selfRequest(stats *SelfStats) *request {
	r := statsRequest("self")
	r.read = readJSON(stats, checkSelfStats)
	return r
}

func getStats[T any](ctx context.Context, c *Client, r *request, check func(*T) string) (*T, error) {
	stats := new(T)
	r.read = readJSON(stats, check)
	if _, err := c.do(ctx, r); err != nil {
		return nil, err
	}
	return stats, nil
}

const noStats = "it does not have the statistics"

func checkSelfStats(s *SelfStats) string {
	if s.ID == "" {
		return noStats
	}
	return ""
}

func checkLeaderStats(s *LeaderStats) string {
	if s.Leader == "" {
		return noStats
	}
	return ""
}

// storeAnswer distinguishes counters from JSON without any.
type storeAnswer struct {
	StoreStats

	Known *uint64 `json:"watchers"`
}

func checkStoreStats(s *storeAnswer) string {
	if s.Known == nil {
		return noStats
	}
	s.Watchers = *s.Known
	return ""
}

package etcdv3

import (
	"context"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"
)

// shortestSlack is how far apart the ends of two equal lifetimes may be, beyond the rounding
// of both sides: a lease has whole seconds, and at least two.
const shortestSlack = 2 * time.Second

// leasesAtOnce is how many leases are requested at a time.
const leasesAtOnce = 16

// span is the time in which a lifetime ends, which is known only to a second or so.
type span struct{ from, to time.Time }

// end returns when the lifetime of an item ends. A TTL is rounded up.
func (w *Wanted) end(item Item) span {
	ttl := time.Duration(item.TTL) * time.Second
	return span{w.Begin.Add(ttl - time.Second), w.End.Add(ttl)}
}

// left returns how long the lease of an item has to be, in seconds. It is less than 1 if the
// item has expired.
func (w *Wanted) left(item Item) int64 {
	return int64(time.Until(w.End.Add(time.Duration(item.TTL)*time.Second)).Round(time.Second) / time.Second)
}

// within reports whether two lifetimes can end at the same time, allowing for slack.
func (s span) within(other span, slack time.Duration) bool {
	return !s.from.After(other.to.Add(slack)) && !other.from.After(s.to.Add(slack))
}

// lengthened records that the server granted a longer lease than it was asked for, or was slow
// to grant it.
func (c *Client) lengthened(asked, granted int64, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if granted > asked {
		c.slack = max(c.slack, time.Duration(granted)*time.Second)
	}
	if took > soonEnough {
		c.slack = max(c.slack, shortestSlack+took)
	}
}

func (c *Client) slackNow() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.slack
}

// ends reads when leases end. Expired leases are not in the result.
func (c *Client) ends(ctx context.Context, leases map[clientv3.LeaseID]bool) (map[clientv3.LeaseID]span, error) {
	var mu sync.Mutex
	ends := map[clientv3.LeaseID]span{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(leasesAtOnce)
	for id := range leases {
		group.Go(func() error {
			end, err := c.endOf(ctx, id)
			if err != nil || end == nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			ends[id] = *end
			return nil
		})
	}
	return ends, group.Wait()
}

// endOf reads when a lease ends. It returns nil if the lease has expired.
func (c *Client) endOf(ctx context.Context, id clientv3.LeaseID) (*span, error) { //nolint:nilnil // none is an answer
	request, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	begin := time.Now()
	answer, err := c.etcd.TimeToLive(request, id)
	if err != nil {
		return nil, classified(ctx, err)
	}
	if answer.TTL < 0 {
		return nil, nil
	}
	ttl := time.Duration(answer.TTL) * time.Second
	return &span{begin.Add(ttl), time.Now().Add(ttl + time.Second)}, nil
}

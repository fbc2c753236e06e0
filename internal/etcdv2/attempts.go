package etcdv2

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// do sends r until it is answered, as far as its replay rule allows, and
// returns the answer, an *Error for an answer outside 2xx, or an error that
// wraps ErrUnavailable or ErrOutcomeUnknown.
func (c *Client) do(ctx context.Context, r *request) (*answer, error) {
	if err := c.prepare(ctx); err != nil {
		return nil, err
	}
	return c.perform(ctx, r)
}

// perform is do for a client that knows its endpoints.
func (c *Client) perform(ctx context.Context, r *request) (*answer, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if r.attempts == 0 {
		r.started = time.Now()
	}
	for {
		r.attempts++
		password := c.password.Load()
		ans, outcome, err := c.attempt(ctx, r)
		if err == nil {
			c.outage.Store(0)
			return ans, nil
		}
		if errors.Is(err, ErrUnauthorized) && c.password.Load() != password {
			// The client has changed it meanwhile. A refusal applies nothing.
			continue
		}
		r.ambiguous = r.ambiguous || outcome == outcomeAmbiguous || outcome == outcomeUnreadable
		if ctxErr := ctx.Err(); ctxErr != nil && !errors.Is(err, ctxErr) && outcome != outcomeAnswered {
			err = fmt.Errorf("%w: %w", ctxErr, err)
		}
		if c.givesUp(ctx, r, outcome) {
			return nil, r.fail(outcome, err)
		}
		if waitErr := c.backoff(ctx, r.attempts); waitErr != nil {
			return nil, r.fail(outcome, fmt.Errorf("%w while waiting to try again after: %w", waitErr, err))
		}
	}
}

// givesUp reports whether r is not sent again after an attempt. Where nothing
// can be connected to, one request spends its attempts on that and the others of
// the next moments do not: a thousand objects of a store that is down would
// each wait for it.
func (c *Client) givesUp(ctx context.Context, r *request, last outcome) bool {
	unreached := last == outcomeNotSent && r.endpoint == nil
	switch {
	case !mayReplay(r.replay, last), ctx.Err() != nil:
		return true
	case unreached && r.attempts == 1 && time.Now().UnixNano() < c.outage.Load():
		return true
	case c.attemptsLeft(r):
		return false
	}
	if unreached {
		c.outage.Store(time.Now().Add(c.options.Retry.MaxDelay).UnixNano())
	}
	return true
}

// attemptsLeft reports whether r may be sent once more. Besides the count, no
// attempt starts later than two request time-outs after the first: a server
// that hangs costs one, and a cluster that hangs must not hold a call for minutes.
func (c *Client) attemptsLeft(r *request) bool {
	return !r.single && r.attempts < c.options.Retry.MaxAttempts && time.Since(r.started) < 2*c.options.RequestTimeout
}

// fail gives the error of a request that is not sent again: a definite one, or
// ErrOutcomeUnknown for a write of which an attempt may have been applied. A
// conflict is passed on as it is, for the caller to settle.
func (r *request) fail(last outcome, err error) error {
	if r.noLeader != nil && last != outcomeAnswered && !errors.Is(err, ErrNoLeader) {
		// It tells more than that another endpoint did not answer.
		err = fmt.Errorf("%w; before that: %w", err, r.noLeader)
	}
	if r.replay == replayRead || !r.ambiguous || (last == outcomeAnswered && isSettled(err)) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
}

// backoff waits before attempt number n+1: an exponential delay with jitter,
// between a half and the whole of it.
func (c *Client) backoff(ctx context.Context, n int) error {
	p := c.options.Retry
	d := p.MaxDelay
	if n < 32 && p.MinDelay<<(n-1) < p.MaxDelay {
		d = p.MinDelay << (n - 1)
	}
	half := float64(d) / 2
	return c.options.Wait(ctx, time.Duration(half+half*c.options.Jitter()))
}

// attempt sends r to the endpoints in turn until one takes it.
func (c *Client) attempt(ctx context.Context, r *request) (*answer, outcome, error) {
	var targets []*url.URL
	if r.endpoint != nil {
		targets = []*url.URL{r.endpoint}
	} else {
		c.findLeader(ctx)
		targets = r.leastFailed(c.endpoints.order())
	}
	failed := (*EndpointsError)(nil)
	var last outcome
	permanent := true
	for _, endpoint := range targets {
		var ans *answer
		var err error
		ans, last, err = c.send(ctx, endpoint, r)
		switch last {
		case outcomeAnswered:
			c.noteAnswer(r, endpoint, ans)
			return ans, last, err
		case outcomeNotSent, outcomeHopeless, outcomeElsewhere:
			permanent = permanent && last != outcomeNotSent
			failed = failed.add(endpoint, err)
			if ctx.Err() != nil {
				return nil, last, failed
			}
			if last == outcomeElsewhere && r.endpoint == nil {
				c.endpoints.unpin(endpoint)
			}
		default:
			c.noteFailure(r, endpoint, err)
			return nil, last, failed.unanswered(endpoint, r, err)
		}
	}
	switch {
	case last == outcomeElsewhere && len(targets) == 1:
		return nil, last, failed.Errors[0].Err
	case permanent:
		return nil, outcomeHopeless, failed
	default:
		return nil, outcomeNotSent, failed
	}
}

// noteAnswer keeps an endpoint first that answered as a server of the v2 API.
func (c *Client) noteAnswer(r *request, endpoint *url.URL, ans *answer) {
	if r.endpoint == nil && strings.HasPrefix(r.path, "/v2/") {
		c.endpoints.pin(endpoint, ans)
	}
}

// leastFailed puts the endpoints at which r has failed more often behind the
// others. Other requests move endpoints meanwhile, and could send r to one that
// hangs each time.
func (r *request) leastFailed(endpoints []*url.URL) []*url.URL {
	if len(r.failedAt) == 0 {
		return endpoints
	}
	failures := map[*url.URL]int{}
	for _, endpoint := range r.failedAt {
		failures[endpoint]++
	}
	return slices.SortedStableFunc(slices.Values(endpoints), func(a, b *url.URL) int { return failures[a] - failures[b] })
}

// noteFailure notes that an endpoint was asked and did not do it.
func (c *Client) noteFailure(r *request, endpoint *url.URL, err error) {
	r.failedAt = append(r.failedAt, endpoint)
	if errors.Is(err, ErrNoLeader) {
		// It answers, and is as good as any for whatever needs no leader.
		r.noLeader = err
		return
	}
	c.endpoints.unpin(endpoint)
}

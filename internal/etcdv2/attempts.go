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

// attempts is what has happened so far to a request, or to a question that takes
// several. One attempt asks the endpoints in turn until one takes the request.
type attempts struct {
	// made counts the attempts, the one under way included; started is the time of
	// the first.
	made    int
	started time.Time
	// ambiguous reports whether any of them may have been applied.
	ambiguous bool
	// failedAt are the endpoints that took the request and did not do it, once for
	// each time, and noLeader is the last of their answers that there is no leader.
	failedAt []*url.URL
	noLeader error

	// targets are the endpoints that the attempt under way has yet to ask, and
	// passed are those that did not take the request, with their reasons.
	targets []*url.URL
	passed  *EndpointsError
	// hopeless reports that no endpoint among passed will ever take it.
	hopeless bool
}

// begin counts one more attempt.
func (a *attempts) begin() {
	if a.made == 0 {
		a.started = time.Now()
	}
	a.made++
	a.passed, a.hopeless = nil, true
}

// errSendAgain means that a request is sent once more.
var errSendAgain = errors.New("send again")

// do sends r until it is answered, as far as its replay rule allows, and
// returns the answer, an *Error for an answer outside 2xx, or an error that
// wraps ErrUnavailable or ErrOutcomeUnknown.
func (c *Client) do(ctx context.Context, r *request) (*answer, error) {
	if !r.discovers {
		if err := c.prepare(ctx); err != nil {
			return nil, err
		}
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	var a attempts
	for {
		endpoint := c.next(ctx, r, &a)
		password := c.password.Load()
		ans, outcome, err := c.send(ctx, endpoint, r)
		switch {
		case err == nil:
			c.outage.Store(0)
			c.noteAccepted(r)
			c.keepFirst(r, endpoint, ans)
			return ans, nil
		case errors.Is(err, ErrUnauthorized) && c.password.Load() != password:
			// The client has changed it meanwhile. A refusal applies nothing.
			a.targets = nil
			continue
		}
		ans, err = c.afterFailure(ctx, r, &a, endpoint, outcome, err)
		if err == nil {
			return ans, nil
		}
		if apiErr, ok := errors.AsType[*Error](err); ok && apiErr.Code != 0 && apiErr.Code != CodeUnauthorized {
			c.noteAccepted(r)
		}
		if !errors.Is(err, errSendAgain) {
			return ans, c.explain(ctx, r, endpoint, err)
		}
	}
}

// next returns the endpoint that is asked now.
func (c *Client) next(ctx context.Context, r *request, a *attempts) *url.URL {
	if len(a.targets) == 0 {
		a.begin()
		if r.endpoint != nil {
			return r.endpoint
		}
		c.findLeader(ctx)
		a.targets = a.leastFailed(c.endpoints.order())
	}
	endpoint := a.targets[0]
	a.targets = a.targets[1:]
	return endpoint
}

// leastFailed puts the endpoints at which the request has failed more often
// behind the others. Other requests move endpoints meanwhile, and could send it
// to one that hangs each time.
func (a *attempts) leastFailed(endpoints []*url.URL) []*url.URL {
	if len(a.failedAt) == 0 {
		return endpoints
	}
	failures := map[*url.URL]int{}
	for _, endpoint := range a.failedAt {
		failures[endpoint]++
	}
	return slices.SortedStableFunc(slices.Values(endpoints), func(a, b *url.URL) int { return failures[a] - failures[b] })
}

// afterFailure decides what follows an exchange that failed: errSendAgain, after the
// delay that is due, or how the request ends.
func (c *Client) afterFailure(ctx context.Context, r *request, a *attempts, endpoint *url.URL, last outcome, err error) (*answer, error) {
	last, err = c.note(ctx, r, a, endpoint, last, err)
	if err == nil {
		return nil, errSendAgain
	}
	if ctxErr := ctx.Err(); ctxErr != nil && !errors.Is(err, ctxErr) && last != outcomeAnswered {
		err = fmt.Errorf("%w: %w", ctxErr, err)
	}
	if !c.givesUp(ctx, r, a, last) {
		if err = c.backoff(ctx, a.made, err); err == nil {
			return nil, errSendAgain
		}
	}
	err = a.fail(r, last, err)
	if !a.ambiguous || r.settle == nil {
		return nil, err
	}
	ans, untouched, err := r.settle(ctx, err)
	switch {
	case !untouched:
		return ans, err
	case c.attemptsLeft(r, a):
		return nil, errSendAgain
	default:
		return nil, asUnknown(err)
	}
}

// note notes what came of one exchange. It returns no error where the attempt
// continues with the next endpoint, and else the result of the whole attempt.
func (c *Client) note(ctx context.Context, r *request, a *attempts, endpoint *url.URL, last outcome, err error) (outcome, error) {
	a.ambiguous = a.ambiguous || last.mayBeApplied()
	switch last {
	case outcomeNotSent, outcomeHopeless, outcomeElsewhere, outcomePassedOn:
		return c.passOver(ctx, r, a, endpoint, last, err)
	case outcomeAnswered:
		a.targets = nil
		c.keepFirst(r, endpoint, nil)
		return last, err
	default:
		a.failedAt, a.targets = append(a.failedAt, endpoint), nil
		if errors.Is(err, ErrNoLeader) {
			// It answers, and is as good as any for whatever needs no leader.
			a.noLeader = err
		} else {
			c.endpoints.unpin(endpoint)
		}
		return last, a.passed.unanswered(endpoint, r, err)
	}
}

// passOver is note for an endpoint that did not take the request.
func (c *Client) passOver(ctx context.Context, r *request, a *attempts, endpoint *url.URL, last outcome, err error) (outcome, error) {
	a.hopeless = a.hopeless && last != outcomeNotSent
	a.passed = a.passed.add(endpoint, err)
	if ctx.Err() != nil {
		return last, a.passed
	}
	isElsewhere := last == outcomeElsewhere || last == outcomePassedOn
	if isElsewhere && r.endpoint == nil {
		c.endpoints.unpin(endpoint)
	}
	switch {
	case len(a.targets) > 0:
		return last, nil
	case isElsewhere && len(a.passed.Errors) == 1:
		return last, a.passed.Errors[0].Err
	case a.hopeless:
		return outcomeHopeless, a.passed
	default:
		return outcomeNotSent, a.passed
	}
}

// keepFirst keeps an endpoint first that answered as a server of the v2 API.
func (c *Client) keepFirst(r *request, endpoint *url.URL, ans *answer) {
	if r.endpoint == nil && strings.HasPrefix(r.path, "/v2/") {
		c.endpoints.pin(endpoint, ans)
	}
}

// givesUp reports whether r is not sent again after an attempt. Where nothing
// can be connected to, one request spends its attempts on that and the others of
// the next moments do not: a thousand objects of a store that is down would
// each wait for it.
func (c *Client) givesUp(ctx context.Context, r *request, a *attempts, last outcome) bool {
	unreached := last == outcomeNotSent && r.endpoint == nil
	switch {
	case !mayReplay(r.replay, last), ctx.Err() != nil:
		return true
	case unreached && a.made == 1 && time.Now().UnixNano() < c.outage.Load():
		return true
	case c.attemptsLeft(r, a):
		return false
	}
	if unreached {
		c.outage.Store(time.Now().Add(c.options.Retry.MaxDelay).UnixNano())
	}
	return true
}

// attemptsLeft reports whether r may be sent once more.
func (c *Client) attemptsLeft(r *request, a *attempts) bool { return !r.single && c.mayRepeat(a) }

// mayRepeat reports whether there may be one more attempt. Besides the count, none
// starts later than two request time-outs after the first: a server that hangs
// costs one, and a cluster that hangs must not block a call for minutes.
func (c *Client) mayRepeat(a *attempts) bool {
	return a.made < c.options.Retry.MaxAttempts && time.Since(a.started) < 2*c.options.RequestTimeout
}

// fail gives the error of a request that is not sent again: a definite one, or
// ErrOutcomeUnknown for a write that may have been applied by one of its
// attempts. A conflict is passed on as it is, to be settled.
func (a *attempts) fail(r *request, last outcome, err error) error {
	if a.noLeader != nil && last != outcomeAnswered && !errors.Is(err, ErrNoLeader) {
		// It says more than that another endpoint did not answer.
		err = fmt.Errorf("%w; before that: %w", err, a.noLeader)
	}
	if r.replay == replayRead || !a.ambiguous || (last == outcomeAnswered && isConflict(err)) {
		return err
	}
	return asUnknown(err)
}

// pause waits before one more attempt at a question that failed with err. It
// returns the error to end with if there is no other attempt.
func (c *Client) pause(ctx context.Context, a *attempts, err error) error {
	if !c.mayRepeat(a) {
		return err
	}
	return c.backoff(ctx, a.made, err)
}

// backoff waits before attempt number n+1, which follows one that failed with
// err: an exponential delay with jitter, between a half and the whole of it.
func (c *Client) backoff(ctx context.Context, n int, err error) error {
	p := c.options.Retry
	d := p.MaxDelay
	if n < 32 && p.MinDelay<<(n-1) < p.MaxDelay {
		d = p.MinDelay << (n - 1)
	}
	half := float64(d) / 2
	if waitErr := c.options.Wait(ctx, time.Duration(half+half*c.options.Jitter())); waitErr != nil {
		return fmt.Errorf("%w while waiting to try again after: %w", waitErr, err)
	}
	return nil
}

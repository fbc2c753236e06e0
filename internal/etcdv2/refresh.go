package etcdv2

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"golang.org/x/mod/semver"
)

// Refresh gives a key a new TTL and keeps its value, without an event for
// watchers. A condition is optional here: an empty one compares nothing. Errors
// are those of CompareAndSwap, and ErrOutcomeUnknown if the answer was lost and
// the key has changed since.
//
// It returns ErrUnsupported, and sends nothing, where a server would empty the
// value: with a condition that is every etcd before 2.3.7, without one every
// etcd before 2.3. The endpoint that is about to get the refresh is asked for
// its version, and so are the other members unless all are known to run 3.0 or
// newer; a version that cannot be read counts as too old. ExtendTTL does the
// same on every server.
//
// A directory that is refreshed keeps its children; see UpdateDir for what
// servers can do.
func (s *KeysService) Refresh(ctx context.Context, key string, ttl int64, cond Condition) (*Response, error) {
	resp, err := s.refresh(ctx, key, ttl, cond, refreshGuarded, nil)
	if cond == (Condition{}) && errors.Is(err, ErrUnsupported) && !errors.Is(err, ErrOutcomeUnknown) {
		return s.refresh(ctx, key, ttl, cond, refreshPlain, nil)
	}
	return resp, err
}

// refresh sends a refresh to servers with at least the given support. A plain one
// has no prevExist; the key still has to exist, but its CreatedIndex moves.
func (s *KeysService) refresh(
	ctx context.Context, key string, ttl int64, cond Condition, support refreshSupport, isOurs func(found *Node) bool,
) (*Response, error) {
	if err := CheckValue(cond.Value); err != nil {
		return nil, err
	}
	w, err := s.write(key, nil, WriteOptions{TTL: &ttl, IsOurs: isOurs})
	if err != nil {
		return nil, err
	}
	w.form.Del("dir")
	w.form.Set("refresh", "true")
	if support == refreshGuarded {
		w.form.Set("prevExist", "true")
	}
	cond.addTo(w.form)
	w.request.refresh = support
	w.replay = cond.replay()
	w.since = cond.Index
	w.unreadable = true
	return s.response(s.client.do(ctx, s.settled(w)))
}

// ExtendTTL gives a key that is at an index a new TTL, and keeps its value: by a
// Refresh where every member can, or else by writing the value once more, which
// watchers see as an event. Errors are those of CompareAndSwap, ErrInvalidValue for a
// value that is not text and has to be written, and ErrUnsupported for one that
// has to be written and may not be read. isOurs is WriteOptions.IsOurs; with nil, a
// lost answer is ErrOutcomeUnknown if the key has changed since.
func (s *KeysService) ExtendTTL(
	ctx context.Context, key string, ttl int64, index uint64, isOurs func(found *Node) bool,
) (*Response, error) {
	cond := Condition{Index: index}
	resp, err := s.refresh(ctx, key, ttl, cond, refreshGuarded, isOurs)
	if !errors.Is(err, ErrUnsupported) {
		return resp, err
	}
	current, readErr := s.Get(ctx, key, GetOptions{})
	switch {
	case errors.Is(readErr, ErrUnauthorized):
		return nil, fmt.Errorf("%w; reading the value: %w", err, readErr)
	case readErr != nil:
		return nil, readErr
	case current.Node.ModifiedIndex != index:
		return nil, fmt.Errorf("%w: %s is at index %d, want %d", ErrCompareFailed, key, current.Node.ModifiedIndex, index)
	}
	return s.rewrite(ctx, current.Node, cond, WriteOptions{TTL: &ttl, IsOurs: isOurs})
}

// rewrite writes the value of a node that was read once more.
func (s *KeysService) rewrite(ctx context.Context, n *Node, cond Condition, opts WriteOptions) (*Response, error) {
	if n.NotText {
		return nil, fmt.Errorf("%w: that of %s contains bytes that are not UTF-8, which the API cannot return and a write would replace",
			ErrInvalidValue, n.Key)
	}
	return s.CompareAndSwap(ctx, n.Key, n.Value, cond, opts)
}

// SetTTL gives a key or a directory a new TTL, or none if ttl is nil, and keeps
// its value. A key is read, and written on the condition that it has not
// changed since: ErrCompareFailed if it has. A value that is not text is
// ErrInvalidValue. A directory is UpdateDir's.
func (s *KeysService) SetTTL(ctx context.Context, key string, ttl *int64) (*Response, error) {
	opts := WriteOptions{TTL: ttl, NoTTL: ttl == nil}
	current, err := s.Get(ctx, key, GetOptions{})
	if err != nil {
		return nil, err
	}
	if current.Node.Dir {
		return s.UpdateDir(ctx, key, opts)
	}
	return s.rewrite(ctx, current.Node, Condition{Index: current.Node.ModifiedIndex}, opts)
}

// refreshSupport reports which refreshes a server applies without emptying the value. Each
// member applies a write to its own store, so the oldest member of a cluster decides.
type refreshSupport int

const (
	// refreshNone: etcd before 2.3 does not know refresh, and empties the value.
	refreshNone refreshSupport = iota
	// refreshPlain: etcd 2.3.0 to 2.3.6 empty the value if the refresh has a
	// condition, prevExist included.
	refreshPlain
	// refreshGuarded: etcd 2.3.7 and newer keep the value, condition or not.
	refreshGuarded
)

// refreshVerdict is what one endpoint supports.
type refreshVerdict struct {
	support refreshSupport
	reason  string
	// lasting reports whether no older server can take the place of this one: a
	// cluster that has reached 3.0 admits none.
	lasting bool
}

// isKept reports whether the verdict is kept until the endpoint fails. A server of
// an older cluster can be replaced by one that empties the value, and a client
// whose connection is lost between two requests does not notice; so such a
// server is asked before each refresh.
func (v refreshVerdict) isKept() bool { return v.lasting || v.support == refreshNone }

// checkRefresh refuses a refresh that would empty the value of the key. It checks
// the version of the endpoint that is about to be sent the refresh, and of
// the members that apply it too.
func (c *Client) checkRefresh(ctx context.Context, endpoint *url.URL, r *request) (outcome, error) {
	if r.refresh == refreshNone {
		return outcomeAnswered, nil
	}
	verdict, known := c.endpoints.refreshVerdict(endpoint)
	if !known {
		var outcome outcome
		var err error
		if verdict, outcome, err = c.findRefreshSupport(ctx, endpoint); err != nil {
			return outcome, err
		}
		if verdict.isKept() {
			c.endpoints.setRefreshVerdict(endpoint, verdict)
		}
	}
	if verdict.support < r.refresh {
		return outcomeAnswered, fmt.Errorf("%w: %s: %s", ErrUnsupported, endpoint, verdict.reason)
	}
	return outcomeAnswered, nil
}

// findRefreshSupport asks an endpoint for its version. The error is that it
// cannot be connected to; an endpoint that does not say its version, such as a
// gateway that passes only /v2/, supports nothing.
func (c *Client) findRefreshSupport(ctx context.Context, endpoint *url.URL) (refreshVerdict, outcome, error) {
	limited, cancel := context.WithTimeout(ctx, c.options.ConnectTimeout)
	defer cancel()
	var version VersionInfo
	r := versionRequest()
	r.read = version.read
	_, outcome, err := c.send(limited, endpoint, r)
	if ctx.Err() != nil {
		return refreshVerdict{}, outcomeNotSent, ctx.Err()
	}
	_, redirected := errors.AsType[*redirectError](err)
	if err != nil && !redirected && (outcome == outcomeNotSent || outcome == outcomeHopeless) {
		return refreshVerdict{}, outcome, err
	}
	if err != nil {
		return refreshVerdict{reason: fmt.Sprintf("its version cannot be read: %v", err)}, outcomeAnswered, nil
	}
	return c.judgeRefresh(limited, version), outcomeAnswered, nil
}

// judgeRefresh computes what a server supports together with its cluster. The
// version of a cluster is the lowest minor version of its members: below 3.0 it
// does not show a member of 2.3.0 to 2.3.6, so the members are asked.
func (c *Client) judgeRefresh(ctx context.Context, version VersionInfo) refreshVerdict {
	verdict := refreshVerdict{refreshSupportOf(version.Server), refreshReason(version.Server), isAtLeast(version.Cluster, "3.0.0")}
	if verdict.lasting || verdict.support == refreshNone {
		return verdict
	}
	if isVersion(version.Cluster) && refreshSupportOf(version.Cluster) == refreshNone {
		return refreshVerdict{reason: refreshReason(version.Cluster)}
	}
	versions, err := c.Members.versions(ctx)
	if err != nil {
		return refreshVerdict{
			support: min(verdict.support, refreshSupportOf(version.Cluster)),
			reason:  fmt.Sprintf("the versions of the other members are not known: %v", err),
		}
	}
	for _, other := range versions {
		if support := refreshSupportOf(other.Server); support < verdict.support {
			verdict = refreshVerdict{support: support, reason: refreshReason(other.Server)}
		}
	}
	return verdict
}

func refreshSupportOf(version string) refreshSupport {
	switch {
	case isAtLeast(version, "2.3.7"):
		return refreshGuarded
	case isAtLeast(version, "2.3.0"):
		return refreshPlain
	default:
		return refreshNone
	}
}

func refreshReason(version string) string {
	return fmt.Sprintf("etcd %s would empty the value: a refresh needs etcd 2.3, and 2.3.7 if it has a condition", version)
}

// isVersion reports whether text is a version; a cluster that starts has none.
func isVersion(text string) bool { return semver.IsValid("v" + text) }

// isAtLeast reports whether version is one, and not older than least.
func isAtLeast(version, least string) bool {
	return isVersion(version) && semver.Compare("v"+version, "v"+least) >= 0
}

// versions returns the versions of all members, or none of a cluster of one. The
// error is that a member does not answer.
func (s *MembersService) versions(ctx context.Context) ([]MemberVersion, error) {
	members, err := s.List(ctx)
	if err != nil || len(members) == 1 {
		return nil, err
	}
	versions, err := s.versionsOf(ctx, members)
	for _, version := range versions {
		if version.Err != nil {
			err = errors.Join(err, fmt.Errorf("member %s: %w", version.ID, version.Err))
		}
	}
	return versions, err
}

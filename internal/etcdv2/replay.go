package etcdv2

import (
	"errors"
	"net/http"
	"time"
)

// replay says whether a request may be sent again after a failed attempt.
type replay int

const (
	// replayNever: unconditional writes, prevExist=true or prevValue alone,
	// POST, and all changes of members, users and roles. They could apply
	// twice.
	replayNever replay = iota
	// replayGuarded: writes with prevIndex or prevExist=false. An index never
	// recurs, so they apply at most once; a conflict that follows an ambiguous
	// attempt is settled by reading.
	replayGuarded
	// replayRead: requests that change nothing.
	replayRead
)

// outcome is the result of one attempt, as far as it is known.
type outcome int

const (
	// outcomeAnswered: the server answered, and the answer is final.
	outcomeAnswered outcome = iota
	// outcomeNotSent: no connection was made.
	outcomeNotSent
	// outcomeHopeless: no connection was made, and none will be: the
	// certificates do not fit, or it is not the expected cluster.
	outcomeHopeless
	// outcomeAmbiguous: the request was sent, and it is not known whether it
	// was, or will be, applied.
	outcomeAmbiguous
	// outcomeRefused: the server was not able to do it and did not.
	outcomeRefused
	// outcomeElsewhere: the endpoint is not a server of the v2 API, or takes no
	// writes, and did not do it, or would do no harm if it did. Another endpoint
	// can be asked.
	outcomeElsewhere
	// outcomePassedOn: as outcomeElsewhere, but the endpoint may have passed a
	// guarded write on to a server.
	outcomePassedOn
	// outcomeNotReady: the server reports that it has not done it and will do it soon.
	outcomeNotReady
	// outcomeUnreadable: the server answered with something that is not an
	// answer of its API. A write may have been applied.
	outcomeUnreadable
)

// mayBeApplied reports whether a write with this outcome may have been applied.
func (o outcome) mayBeApplied() bool {
	return o == outcomeAmbiguous || o == outcomePassedOn || o == outcomeUnreadable
}

// mayReplay is the table of the package documentation, "Replays".
func mayReplay(r replay, o outcome) bool {
	switch o {
	case outcomeNotSent, outcomeNotReady:
		return true
	case outcomeAmbiguous:
		return r == replayRead || r == replayGuarded
	case outcomeRefused:
		return r == replayRead
	case outcomeAnswered, outcomeHopeless, outcomeElsewhere, outcomePassedOn, outcomeUnreadable:
		return false
	}
	return false
}

// classifyError says what a failure without an answer means. sent reports whether
// a connection had been made.
func classifyError(err error, sent bool) outcome {
	switch {
	case isRefusedByTLS(err, sent):
		return outcomeHopeless
	case errors.Is(err, ErrTooManyRedirects), errors.Is(err, ErrUnsafeRedirect), errors.Is(err, ErrInvalidAnswer):
		// A redirect is an answer: the server did not do what it was asked.
		return outcomeAnswered
	case !sent:
		return outcomeNotSent
	default:
		return outcomeAmbiguous
	}
}

// classifyAnswer says what an answer outside 2xx means for the request.
func classifyAnswer(r *request, err *Error, elapsed time.Duration) outcome {
	switch {
	case err.isForeign(r):
		return outcomeElsewhere
	case err.isNotReady():
		return outcomeNotReady
	case err.Status < http.StatusInternalServerError, r.definite:
		return outcomeAnswered
	case err.isDirUpdate():
		return outcomeAnswered
	case r.replay == replayRead:
		return outcomeRefused
	case err.Status == http.StatusInternalServerError && elapsed < refusalTime && !r.isKeys():
		// The key space has no such refusals, but something in front of it may
		// answer so after it has passed the request on.
		return outcomeRefused
	default:
		return outcomeAmbiguous
	}
}

package torture

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// op is the operation of a call on one key.
type op string

const (
	opGet    op = "get"
	opCreate op = "create"
	opSet    op = "set"
	// opUpdate writes a key that exists.
	opUpdate op = "update"
	// opSwap and opRemove write and delete a key on an index, a value, or both, and opRefresh
	// sets its TTL.
	opSwap    op = "swap"
	opRemove  op = "remove"
	opRefresh op = "refresh"
	opDelete  op = "delete"
	// opAdopt creates a key, or overwrites whatever exists.
	opAdopt op = "adopt"
	// opUpdateSeen, opRemoveSeen and opRenewSeen are operations of the key space, which
	// depend on what was seen.
	opUpdateSeen op = "update what was seen"
	opRemoveSeen op = "remove what was seen"
	opRenewSeen  op = "renew what was seen"
)

// content is what a key contains.
type content struct {
	value   string
	expires bool
}

// input is a call.
type input struct {
	op    op
	value string
	// ttl is in seconds, 0 for none.
	ttl int64
	// index and prev are the condition, 0 and "" for none.
	index uint64
	prev  string
	// seen is what the key contained when it was seen, at index.
	seen content
	// start and end are nanoseconds since the run began.
	start, end int64
	// known is the greatest index of the key that was known when the call began.
	known uint64
	// planned is when the plan of this read began, 0 if it belongs to none.
	planned int64
	// lost reports whether the answer to a write of this call was lost on the way, and
	// surelyLost whether the client must have noticed.
	lost, surelyLost bool
}

func (in input) wanted() content { return content{in.value, in.ttl > 0} }

// result is the outcome of a call.
type result string

const (
	resultDone    result = "done"
	resultUnknown result = "unknown"
	resultExists  result = "exists"
	resultChanged result = "changed"
	resultGone    result = "gone"
	// resultFull is the refusal to delete a directory that is not empty.
	resultFull result = "not empty"
	// resultFailed is an error that means that nothing was done.
	resultFailed result = "failed"
)

// output is the answer to a call. content and index are those of the node, if there was
// one.
type output struct {
	result result
	content
	index uint64
}

// state is the state of a key.
type state struct {
	exists bool
	content
	// until is the earliest time at which it can expire.
	until int64
	// index is its modified index, 0 if no answer has shown it yet. It is then greater than
	// low, the greatest known index.
	index, low uint64
}

// clockSlack is how far the clocks of this process and of the servers may differ.
const clockSlack = 50 * time.Millisecond

// model models a key of the v2 API.
var model = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{state{}} },
	Step: func(s, in, out any) []any {
		call, _ := in.(input)
		answer, _ := out.(output)
		before, _ := s.(state)
		var next []any
		for _, alive := range before.possible(call.end) {
			for _, after := range call.step(alive, answer) {
				next = append(next, after)
			}
		}
		return next
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%v: %v", in, out) },
	DescribeState:     func(s any) string { return fmt.Sprint(s) },
}).ToModel()

// possible returns the possible states of the key up to a time: it may have expired.
func (s state) possible(end int64) []state {
	if !s.exists || !s.expires || end < s.until-int64(clockSlack) {
		return []state{s}
	}
	return []state{s, {low: s.low}}
}

// at returns the key with the index that an answer has shown.
func (s state) at(index uint64) (state, bool) {
	if s.exists && s.index == 0 && index > s.low {
		s.index, s.low = index, index
	}
	return s, s.exists && s.index == index
}

// step returns the possible states of the key after a call with an answer.
func (in input) step(s state, out output) []state {
	switch out.result {
	case resultUnknown:
		return append(in.applied(s, 0), s)
	case resultExists:
		return only(s, s.exists)
	case resultGone:
		return only(s, !s.exists)
	case resultChanged:
		if in.surelyLost && in.op == opSwap && in.index != 0 {
			// A read has shown that the key is not as it was wanted, or that it is gone.
			return only(s, !s.exists || s.content != in.wanted() && !in.surelyMet(s))
		}
		return only(s, s.exists && !in.surelyMet(s))
	case resultDone:
		if in.op == opGet {
			found, ok := s.at(out.index)
			return only(found, ok && s.content == out.content)
		}
		return append(in.applied(s, out.index), in.settled(s, out)...)
	default:
		return nil
	}
}

func only(s state, ok bool) []state {
	if !ok {
		return nil
	}
	return []state{s}
}

// applied returns the key after a write at an index, 0 if that is not known.
func (in input) applied(s state, index uint64) []state {
	met, ok := in.met(s)
	if !ok || index != 0 && index <= met.low {
		return nil
	}
	next := state{low: max(met.low, index)}
	switch in.op {
	case opDelete, opRemove, opRemoveSeen:
		return []state{next}
	case opRefresh, opRenewSeen:
		next.value = met.value
	default:
		next.value = in.value
	}
	next.exists, next.expires, next.index = true, in.ttl > 0, index
	next.until = in.start + in.ttl*int64(time.Second)
	return []state{next}
}

// settled returns the key after a call that found it as wanted: after a lost answer the node
// counts as the call's own.
func (in input) settled(s state, out output) []state {
	switch {
	case in.op == opRemoveSeen, in.lost && in.op == opRemove:
		return only(s, !s.exists)
	case in.op == opRenewSeen && in.lost:
		found, ok := s.at(out.index)
		return only(found, ok && s.value == in.seen.value && s.expires)
	case in.lost && in.isSettled(), in.op == opAdopt && in.ttl == 0:
		// What was there before the call, or at the index that it names, is not its result.
		isNew := in.op == opAdopt || out.index > in.index && (in.op != opCreate || out.index > in.known)
		found, ok := s.at(out.index)
		return only(found, ok && isNew && s.content == in.wanted())
	default:
		return nil
	}
}

// isSettled reports whether the client determines the outcome of such a write by a read.
func (in input) isSettled() bool {
	switch in.op {
	case opCreate, opAdopt, opUpdateSeen:
		return true
	case opSwap:
		return in.index != 0
	default:
		return false
	}
}

// met returns the key in a state that meets the condition of a write, if there is one.
func (in input) met(s state) (state, bool) {
	switch in.op {
	case opGet:
		return s, false
	case opCreate:
		return s, !s.exists
	case opSet, opAdopt:
		return s, true
	case opUpdate, opDelete:
		return s, s.exists
	case opUpdateSeen, opRemoveSeen, opRenewSeen:
		if s.exists && (s.content == in.seen || in.op == opUpdateSeen && s.content == in.wanted()) {
			return s, true
		}
		return s.at(in.index)
	default:
		if !s.exists || in.prev != "" && s.value != in.prev {
			return s, false
		}
		if in.index == 0 {
			return s, true
		}
		return s.at(in.index)
	}
}

// surelyMet reports whether the condition of a write is met whatever the index is.
func (in input) surelyMet(s state) bool {
	switch in.op {
	case opSwap, opRemove, opRefresh:
		return (in.index == 0 || s.index == in.index) && (in.prev == "" || s.value == in.prev)
	default:
		return in.index != 0 && s.index == in.index
	}
}

// String describes a call for the picture.
func (in input) String() string {
	parts := []string{string(in.op)}
	if in.value != "" {
		parts = append(parts, fmt.Sprintf("%q", in.value))
	}
	if in.ttl != 0 {
		parts = append(parts, fmt.Sprintf("for %d s", in.ttl))
	}
	if in.seen.value != "" {
		parts = append(parts, fmt.Sprintf("over %q", in.seen.value))
	}
	if in.prev != "" {
		parts = append(parts, fmt.Sprintf("if %q", in.prev))
	}
	if in.index != 0 {
		parts = append(parts, fmt.Sprintf("if at %d", in.index))
	}
	if in.lost {
		parts = append(parts, "(an answer was lost)")
	}
	return strings.Join(parts, " ")
}

// String describes an answer for the picture.
func (out output) String() string {
	text := string(out.result)
	if out.value != "" {
		text += fmt.Sprintf(" %q", out.value)
	}
	if out.expires {
		text += ", expires"
	}
	if out.index != 0 {
		text += fmt.Sprintf(" at %d", out.index)
	}
	return text
}

// String describes a key for the picture.
func (s state) String() string {
	if !s.exists {
		return fmt.Sprintf("absent after %d", s.low)
	}
	text := fmt.Sprintf("%q at %d", s.value, s.index)
	if s.index == 0 {
		text = fmt.Sprintf("%q after %d", s.value, s.low)
	}
	if s.expires {
		text += fmt.Sprintf(", expires after %s", time.Duration(s.until).Round(time.Millisecond))
	}
	return text
}

// checkTime bounds the check of one history.
const checkTime = time.Minute

// modelOf returns the model for a history.
func modelOf(history []porcupine.Operation) porcupine.Model {
	if len(history) > 0 {
		if _, isTree := history[0].Input.(treeInput); isTree {
			return treeModel
		}
	}
	return model
}

// check checks the history of one key or tree.
func check(history []porcupine.Operation) (porcupine.CheckResult, porcupine.LinearizationInfo) {
	return porcupine.CheckOperationsVerbose(modelOf(history), history, checkTime)
}

// shortest returns the shortest beginning of a history that is illegal. A call that had not
// returned by then may have had any effect.
func shortest(history []porcupine.Operation) []porcupine.Operation {
	low, high := 0, len(history)
	ends := slices.SortedFunc(slices.Values(history), func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
	for low < high {
		middle := (low + high) / 2
		if result, _ := check(until(history, ends[middle].Return)); result == porcupine.Illegal {
			high = middle
		} else {
			low = middle + 1
		}
	}
	if low >= len(ends) {
		return history
	}
	return until(history, ends[low].Return)
}

// until returns a history as it was known at a time.
func until(history []porcupine.Operation, at int64) []porcupine.Operation {
	var known []porcupine.Operation
	for _, o := range history {
		switch {
		case o.Call > at:
		case o.Return <= at:
			known = append(known, o)
		default:
			if o, ok := unanswered(o, at+1); ok {
				known = append(known, o)
			}
		}
	}
	return known
}

// unanswered returns a call that has no answer by a time. It reports false if the call
// changes nothing.
func unanswered(o porcupine.Operation, by int64) (porcupine.Operation, bool) {
	o.Return = by
	switch in := o.Input.(type) {
	case input:
		in.end = by
		o.Input, o.Output = in, output{result: resultUnknown}
		return o, in.op != opGet
	case treeInput:
		in.end = by
		o.Input, o.Output = in, treeOutput{result: resultUnknown}
		return o, in.isRequest()
	default:
		return o, false
	}
}

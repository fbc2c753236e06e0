package torture

import (
	"math"
	"sync"

	"github.com/anishathalye/porcupine"
)

const (
	// callsOfKey is how many calls are made with a key before it is replaced.
	callsOfKey = 60
	// unknownsOfKey is how many calls of unknown outcome a key has at the most: each
	// of them makes the check of its history longer.
	unknownsOfKey = 5
	// never is when a call returns that has not been answered.
	never = math.MaxInt64
)

// subject is a key, for as long as it is used.
type subject struct {
	key string

	mu             sync.Mutex
	history        []porcupine.Operation
	begun, running int
	unknown        int
	retired        bool
}

// begin notes that somebody is about to call, unless the key has been used enough.
func (s *subject) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun >= callsOfKey || s.unknown >= unknownsOfKey {
		return false
	}
	s.begun++
	s.running++
	return true
}

// add adds a call to the history. One that has not returned can be applied later.
func (s *subject) add(client int, in input, out output) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if out.result == resultUnknown && in.end == never {
		s.unknown++
	}
	if in.planned != 0 && out.result == resultDone {
		in.start = in.planned
	}
	s.history = append(s.history, porcupine.Operation{ClientId: client, Input: in, Output: out, Call: in.start, Return: in.end})
}

// done notes that a caller has its answer. It reports whether that was the last one,
// so that the history is complete.
func (s *subject) done() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	isLast := s.running == 0 && !s.retired && (s.begun >= callsOfKey || s.unknown >= unknownsOfKey)
	s.retired = s.retired || isLast
	return isLast
}

// closed returns the history, in which all that has not returned does so at the end.
func (s *subject) closed() []porcupine.Operation {
	s.mu.Lock()
	defer s.mu.Unlock()
	var last int64
	for _, o := range s.history {
		last = max(last, o.Call)
		if o.Return != never {
			last = max(last, o.Return)
		}
	}
	history := make([]porcupine.Operation, len(s.history))
	for i, o := range s.history {
		o.Return = min(o.Return, last+1)
		history[i] = o
	}
	return history
}

// isRetired reports whether the key is used no more.
func (s *subject) isRetired() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.retired
}

package torture

import (
	"math"
	"sync"

	"github.com/anishathalye/porcupine"
)

const (
	// callsOfKey is how many calls are made with a key before it is replaced.
	callsOfKey = 60
	// unknownsOfKey is the largest number of calls with an unknown outcome for a key: each
	// of them makes the check of its history longer.
	unknownsOfKey = 5
	// never is the return time of a call that has not been answered.
	never = math.MaxInt64
)

// subject is a key, or a directory with its contents, while it is in use.
type subject struct {
	key    string
	isTree bool

	mu             sync.Mutex
	history        []porcupine.Operation
	begun, running int
	unknown        int
	known          uint64
	retired        bool
}

// begin records that a call is about to begin, unless the key has been used enough.
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
	if out.result == resultDone {
		s.known = max(s.known, out.index)
	}
	if out.result == resultUnknown && in.end == never {
		s.unknown++
	}
	if in.planned != 0 && out.result == resultDone {
		in.start = in.planned
	}
	s.history = append(s.history, porcupine.Operation{ClientId: client, Input: in, Output: out, Call: in.start, Return: in.end})
}

// addTree adds an operation to the history of a tree.
func (s *subject) addTree(client int, in treeInput, out treeOutput) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.end == never {
		s.unknown++
	}
	s.history = append(s.history, porcupine.Operation{ClientId: client, Input: in, Output: out, Call: in.start, Return: in.end})
}

// done records that a caller has its answer. It reports whether that was the last call, so
// that the history is complete.
func (s *subject) done() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running--
	isLast := s.running == 0 && !s.retired && (s.begun >= callsOfKey || s.unknown >= unknownsOfKey)
	s.retired = s.retired || isLast
	return isLast
}

// closed returns the history, with the end as the return time of all open calls.
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

// isRetired reports whether the key is no longer used.
func (s *subject) isRetired() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.retired
}

// knownIndex returns the greatest index that a call has returned.
func (s *subject) knownIndex() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known
}

package torture

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"
)

// indexes are the indexes in the answers to writes. A cluster uses each index once, in the
// order of its writes.
type indexes struct {
	mu     sync.Mutex
	writes []indexed
}

// indexed is a write with its index.
type indexed struct {
	key        string
	index      uint64
	start, end int64
	// isSilent reports whether the write may have made no event.
	isSilent bool
}

// add adds a write that was answered.
func (i *indexes) add(key string, in input, out output) {
	if out.result != resultDone || out.index == 0 || in.op == opGet || in.op == opAdopt || in.lost {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.writes = append(i.writes, indexed{key, out.index, in.start, in.end, in.isSilent()})
}

// isSilent reports whether a call may have been a refresh, which makes no event.
func (in input) isSilent() bool {
	return in.op == opRefresh || in.op == opRenewSeen || in.op == opUpdateSeen
}

// all returns all writes.
func (i *indexes) all() []indexed {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.writes)
}

// faults returns where the indexes do not fit one sequence of writes.
func (i *indexes) faults() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	slices.SortFunc(i.writes, func(a, b indexed) int { return cmp.Compare(b.index, a.index) })
	var faults []string
	later := indexed{end: math.MaxInt64}
	for n, write := range i.writes {
		if n > 0 && i.writes[n-1].index == write.index {
			faults = append(faults, fmt.Sprintf("index %d was used for a write of %s and for one of %s", write.index, i.writes[n-1].key, write.key))
		}
		if write.start > later.end {
			faults = append(faults, fmt.Sprintf("the write of %s at index %d began after that of %s at index %d had ended",
				write.key, write.index, later.key, later.index))
		}
		if write.end < later.end {
			later = write
		}
	}
	return faults
}

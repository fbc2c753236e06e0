package torture

import (
	"fmt"
	"strings"
	"sync"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// watched is the directory that is watched, with everything in it.
const watched = "/torture"

// eventsOfWatch is the number of events after which a watch ends and another continues.
const eventsOfWatch = 50

// eventLog contains the events that the watches have yielded.
type eventLog struct {
	mu sync.Mutex
	// keys are the keys of the events, by index.
	keys map[uint64]string
	// missed are the indexes that a watch reported as lost, because a server keeps only
	// the last 1,000 events.
	missed []gap
	// first and last are the indexes of the first event and of the last.
	first, last uint64
}

// gap is a range of indexes, without the first and with the last.
type gap struct{ after, last uint64 }

func (g gap) contains(index uint64) bool { return index > g.after && index <= g.last }

// add adds an event. It returns an error if the event is not newer than the one before.
func (l *eventLog) add(event *etcdv2.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case event.Resync:
		l.missed = append(l.missed, gap{l.last, event.Index})
	case event.Index <= l.last:
		return fmt.Errorf("the event at index %d of %s came after that at index %d", event.Index, event.Node.Key, l.last)
	default:
		if l.keys == nil {
			l.keys = map[uint64]string{}
		}
		l.keys[event.Index] = event.Node.Key
	}
	if l.first == 0 {
		l.first = event.Index
	}
	l.last = max(l.last, event.Index)
	return nil
}

// position returns the index of the last event.
func (l *eventLog) position() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// String describes the events for a report.
func (l *eventLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return fmt.Sprintf("%d events, with %d gaps that were reported", len(l.keys), len(l.missed))
}

// faults returns the writes whose events are missing.
func (l *eventLog) faults(writes []indexed) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var faults []string
	for _, write := range writes {
		if write.isSilent || strings.Contains(write.key, "/_") || !strings.HasPrefix(write.key, watched+"/") || !l.covers(write.index) {
			continue
		}
		if got := l.keys[write.index]; got != write.key {
			faults = append(faults, fmt.Sprintf("the watch yielded %q at index %d, want the write of %s", got, write.index, write.key))
		}
	}
	return faults
}

// covers reports whether a watch must have yielded the event of an index.
func (l *eventLog) covers(index uint64) bool {
	for _, missed := range l.missed {
		if missed.contains(index) {
			return false
		}
	}
	return index >= l.first && index <= l.last
}

// callWatch watches, and continues where the last watch has ended.
func (w *worker) callWatch() {
	t := w.newTrace()
	defer w.injector.traces.remove(t)
	left := eventsOfWatch
	opts := etcdv2.WatchOptions{Recursive: true, AfterIndex: w.events.position(), Until: func(*etcdv2.Event) bool {
		left--
		return left == 0
	}}
	for event, err := range w.keys.Events(traced(w.ended, t), watched, opts) {
		if err != nil {
			return // It is not answered, or the run has ended.
		}
		if err := w.events.add(event); err != nil {
			w.violate(doubled, "%v", err)
		}
	}
}

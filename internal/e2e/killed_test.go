package e2e_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// patience is how long a test waits for what has to happen on any machine.
const patience = 2 * time.Minute

// endKind is a way to end a run in the middle.
type endKind string

const (
	notEnded         endKind = ""
	interrupted      endKind = "interrupted"
	interruptedTwice endKind = "interrupted twice"
	providerKilled   endKind = "provider killed"
	cliKilled        endKind = "CLI killed"
)

var endKinds = []endKind{interrupted, interruptedTwice, providerKilled, cliKilled}

// isHard reports that the CLI could not save what the requests under way have done.
func (k endKind) isHard() bool { return k != notEnded && k != interrupted }

// ending ends a run of the CLI at one of its writes.
type ending struct {
	kind endKind
	// at is the number of the write, from 1.
	at int64
	// isApplied reports that the server has applied the write before the run is ended, isLate that
	// it applies the write afterwards.
	isApplied, isLate bool
	// isAnswered reports that the provider gets an answer after the interrupt. Otherwise the proxy
	// waits until the provider has given up.
	isAnswered bool

	// provider is the program of the provider, and marker is in the environment of its processes.
	provider, marker string
	printed          printed
	cli              atomic.Pointer[os.Process]
	writes           atomic.Int64
	// isDone reports that the run met its end, isOver that the CLI has ended.
	isDone, isOver atomic.Bool
	// isInterrupted reports that there has been one interrupt of two.
	isInterrupted atomic.Bool
}

// meets ends the run if it is the turn of this write, and reports whether it did.
func (e *ending) meets(t *testing.T, x *etcdtest.Exchange) bool {
	t.Helper()
	if e.isInterrupted.Load() && !eventually(e.isDone.Load) {
		t.Errorf("%s: the run has not ended", e.kind)
	}
	if e.kind == notEnded || x.Request.Method == http.MethodGet || e.writes.Add(1) != e.at {
		return false
	}
	var answer *httptest.ResponseRecorder
	if e.isApplied {
		answer = x.Fetch()
	}
	e.end(t, x)
	e.isDone.Store(true)
	if answer == nil && e.isLate {
		answer = x.Fetch()
	}
	x.Deliver(answer)
	return true
}

func (e *ending) end(t *testing.T, x *etcdtest.Exchange) {
	t.Helper()
	switch e.kind {
	case providerKilled:
		e.signalProviders(t, syscall.SIGKILL)
	case cliKilled:
		e.signalCLI(t, syscall.SIGKILL)
		e.waitForProvider(t, x)
		e.signalProviders(t, syscall.SIGKILL)
	case interruptedTwice:
		e.isInterrupted.Store(true) // what the provider reads now, waits for the second interrupt
		e.interrupt(t, "Interrupt received")
		e.interrupt(t, "Two interrupts received")
		e.waitForProvider(t, x)
		if !eventually(e.isOver.Load) { // an answer could meet a CLI that is about to exit
			t.Errorf("%s: the CLI has not ended", e.kind)
		}
	case interrupted:
		e.interrupt(t, "Interrupt received")
		if !e.isAnswered {
			e.waitForProvider(t, x)
		}
	case notEnded:
	}
}

// interrupt does what a terminal does for Ctrl-C, and waits until the CLI has noticed.
func (e *ending) interrupt(t *testing.T, notice string) {
	t.Helper()
	e.signalProviders(t, syscall.SIGINT)
	e.signalCLI(t, syscall.SIGINT)
	if !eventually(func() bool { return e.printed.contains(notice) || e.isOver.Load() }) {
		t.Errorf("the CLI did not print %q", notice)
	}
}

// waitForProvider waits until the provider has given up its request.
func (e *ending) waitForProvider(t *testing.T, x *etcdtest.Exchange) {
	t.Helper()
	if x.Wait(patience) {
		t.Errorf("%s: the provider still waits for its request", e.kind)
	}
}

func (e *ending) signalCLI(t *testing.T, signal os.Signal) {
	t.Helper()
	if err := e.cli.Load().Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Error(err)
	}
}

// signalProviders sends a signal to the processes of the provider that this run has started, and
// returns how many there are.
func (e *ending) signalProviders(t *testing.T, signal syscall.Signal) (n int) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Error(err)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || target != e.provider {
			continue
		}
		environment, err := os.ReadFile(filepath.Join(filepath.Dir(link), "environ"))
		if err != nil || !strings.Contains(string(environment), e.marker) {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(link, "/")[2])
		if err != nil {
			t.Error(err)
		}
		if syscall.Kill(pid, signal) == nil { // it may have ended by itself
			n++
		}
	}
	return n
}

// printed is what a running command has printed so far.
type printed struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends to the text.
func (p *printed) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(data)
}

func (p *printed) contains(text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Contains(p.text.Bytes(), []byte(text))
}

// eventually waits until something is true.
func eventually(isTrue func() bool) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !isTrue(); <-tick.C {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

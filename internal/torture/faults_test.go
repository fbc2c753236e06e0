package torture

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// fault is a kind of fault.
type fault string

// The faults of one request.
const (
	noFault      fault = ""
	dropRequest  fault = "request dropped"
	dropAnswer   fault = "answer dropped after commit"
	cutAnswer    fault = "connection cut mid-body"
	delay        fault = "delay"
	duplicate    fault = "duplicate delivery"
	gatewayError fault = "gateway answers 504 after commit"
	hangBefore   fault = "endpoint hangs before commit"
	hangAfter    fault = "endpoint hangs after commit"
)

// lightFaults are the faults of one request, each repeated in proportion to its frequency.
// Faults that hang cost a time-out.
var lightFaults = []fault{
	dropRequest, dropRequest, dropRequest, dropRequest,
	dropAnswer, dropAnswer, dropAnswer, dropAnswer, dropAnswer, dropAnswer,
	cutAnswer, cutAnswer, delay, delay, duplicate, duplicate, gatewayError, gatewayError,
	hangBefore, hangAfter,
}

// watchFaults are those that a watch meets, which waits at any rate.
var watchFaults = []fault{dropRequest, dropAnswer, cutAnswer}

// faultRate is the fraction of the requests that meet a fault.
const faultRate = 0.25

// injector applies faults to requests, and counts all faults.
type injector struct {
	seed   uint64
	now    func() int64
	traces traces

	mu    sync.Mutex
	count map[fault]int
	total int
	// most is the number of faults at which enough is called.
	most   int
	enough func()
}

// note counts a fault.
func (i *injector) note(kind fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.count[kind]++
	i.total++
	if i.total == i.most {
		i.enough()
	}
}

func (i *injector) isEnough() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.total >= i.most
}

// counts returns the number of faults of each kind, as lines of a report.
func (i *injector) counts() (lines []string, total int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, kind := range slices.Sorted(maps.Keys(i.count)) {
		lines = append(lines, fmt.Sprintf("  %6d  %s", i.count[kind], kind))
	}
	return lines, i.total
}

// choose returns the fault that an attempt of a call meets.
func (i *injector) choose(call *trace, number int) (fault, *rand.Rand) {
	rng := rand.New(rand.NewPCG(i.seed, call.id<<8|uint64(number&0xff)))
	if rng.Float64() >= call.rate || i.isEnough() {
		return noFault, rng
	}
	return lightFaults[rng.IntN(len(lightFaults))], rng
}

// act handles each request in the proxies.
func (i *injector) act(x *etcdtest.Exchange) {
	call, number := i.traces.of(x.Request)
	if call == nil {
		x.Forward()
		return
	}
	kind, rng := i.choose(call, number)
	if x.Request.Query.Get("wait") == "true" && !slices.Contains(watchFaults, kind) {
		x.Forward()
		return
	}
	if !call.enter(number, x.Request, i.now(), kind) {
		x.Forward()
		return
	}
	if kind != noFault {
		i.note(kind)
	}
	e := exchange{Exchange: x, injector: i, call: call, number: number}
	switch kind {
	case noFault:
		x.Deliver(e.fetch())
	case dropRequest:
		x.Cut()
	case dropAnswer:
		e.fetch()
		x.Cut()
	case cutAnswer:
		x.DeliverPart(e.fetch(), rng.IntN(60))
	case delay:
		if x.Wait(time.Duration(1+rng.IntN(30)) * time.Millisecond) {
			x.Deliver(e.fetch())
		}
	case duplicate:
		e.duplicate()
	case gatewayError:
		e.fetch()
		etcdtest.Respond(http.StatusGatewayTimeout, nil, "gateway time-out")(x)
	case hangBefore:
		etcdtest.HoldBefore(nil)(x)
	case hangAfter:
		e.fetch()
		etcdtest.HoldBefore(nil)(x)
	}
}

// exchange is a request in a proxy.
type exchange struct {
	*etcdtest.Exchange

	injector *injector
	call     *trace
	number   int
}

// fetch sends the request to the server.
func (e exchange) fetch() *httptest.ResponseRecorder {
	e.call.update(e.number, func(a *attempt) { a.sent = true })
	answer := e.Fetch()
	e.answered(answer)
	return answer
}

// answered records the answer of the server. A status of 500 is a time-out in the server: the
// write can be applied later.
func (e exchange) answered(answer *httptest.ResponseRecorder) {
	out, isFinal := finalOutput(answer)
	e.call.update(e.number, func(a *attempt) { a.answer, a.answered, a.end = out, isFinal, e.injector.now() })
}

// finalOutput returns the output for an answer of the server. It reports false if the request
// can be applied later.
func finalOutput(answer *httptest.ResponseRecorder) (out output, isFinal bool) {
	if answer == nil || answer.Code >= http.StatusInternalServerError {
		return output{result: resultUnknown}, false
	}
	return rawOutput(answer.Code, answer.Body.Bytes()), true
}

// duplicate delivers the request twice.
func (e exchange) duplicate() {
	e.call.update(e.number, func(a *attempt) { a.sent = true })
	etcdtest.Duplicate(func(first, second *httptest.ResponseRecorder) {
		e.answered(first)
		e.call.update(e.number, func(a *attempt) { a.second = second })
	})(e.Exchange)
}

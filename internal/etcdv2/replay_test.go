package etcdv2_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// The verdicts of the table "Replays" in doc.go.
const (
	again   = "again"
	failed  = "error"
	unknown = "unknown"
)

// The columns of that table.
const (
	read    = "read"
	guarded = "guarded"
	other   = "other write"
)

var columns = []string{read, guarded, other}

// replayTable reads the table "Replays" of doc.go: row, column, verdict.
func replayTable(tb testing.TB) map[string]map[string]string {
	tb.Helper()
	table := map[string]map[string]string{}
	for _, line := range docBlock(tb, "what happened") {
		words := strings.Fields(line)
		if len(words) < 4 {
			tb.Fatalf("doc.go: the row %q has no verdicts", line)
		}
		name := strings.TrimSpace(strings.TrimSuffix(strings.Join(words[:len(words)-3], " "), " "))
		row := map[string]string{}
		for i, verdict := range words[len(words)-3:] {
			if !slices.Contains([]string{again, failed, unknown}, verdict) {
				tb.Fatalf("doc.go: the row %q has the verdict %q", name, verdict)
			}
			row[columns[i]] = verdict
		}
		table[name] = row
	}
	return table
}

// docBlock returns the lines of the block of doc.go whose first line begins with start, without
// that line.
func docBlock(tb testing.TB, start string) []string {
	tb.Helper()
	source, err := os.ReadFile("doc.go")
	if err != nil {
		tb.Fatal(err)
	}
	_, block, found := strings.Cut(string(source), "//\t"+start)
	if !found {
		tb.Fatalf("doc.go has no block that starts with %q", start)
	}
	block, _, _ = strings.Cut(block, "\n//\n")
	var lines []string
	for _, line := range strings.Split(block, "\n")[1:] {
		lines = append(lines, strings.TrimPrefix(line, "//\t"))
	}
	return lines
}

// verb is a request of the client, its class, and the content of the server after it was
// applied.
type verb struct {
	method string
	class  string
	api    string
	after  string
	call   func(ctx context.Context, c *etcdv2.Client, index uint64) error
	// settled reports whether a read settles the outcome even if all answers are lost.
	settled bool
}

// before is the content of the server before the request.
const before = "/dir/child=1 /k=1"

const (
	keysAPI = "/v2/keys"
	authAPI = "/v2/auth"
)

// replayUser is the user whose password the tests of replays change.
const replayUser = "replay-test"

func errOf[T any](_ T, err error) error { return err }

// verbs each make one kind of request. index is the index of the key "/k", which has the
// value "1".
var verbs = map[string]verb{
	"Get": {
		method: http.MethodGet, class: read, api: keysAPI, after: before, call: func(ctx context.Context, c *etcdv2.Client, _ uint64) error {
			return errOf(c.Keys.Get(ctx, "/k", etcdv2.GetOptions{}))
		},
	},
	"List": {
		method: http.MethodGet, class: read, api: keysAPI, after: before, call: func(ctx context.Context, c *etcdv2.Client, _ uint64) error {
			return errOf(c.Keys.List(ctx, "/dir", etcdv2.GetOptions{Recursive: true}))
		},
	},
	"Exists": {
		method: http.MethodGet, class: read, api: keysAPI, after: before, call: func(ctx context.Context, c *etcdv2.Client, _ uint64) error {
			return errOf(c.Keys.Exists(ctx, "/none"))
		},
	},
	"Watch": {
		method: http.MethodGet, class: read, api: keysAPI, after: before, call: func(ctx context.Context, c *etcdv2.Client, index uint64) error {
			return errOf(c.Keys.Watch(ctx, "/k", etcdv2.WatchOptions{AfterIndex: index - 1, Timeout: 10 * time.Second}))
		},
	},
	"Create": {
		method: http.MethodPut, class: guarded, api: keysAPI, after: "/dir/child=1 /k=1 /new=2",
		call: func(ctx context.Context, c *etcdv2.Client, index uint64) error {
			return errOf(c.Keys.Create(ctx, "/new", "2", etcdv2.CreateOptions{AbsentAt: index}))
		},
	},
	"Create, reading first": {
		method: http.MethodPut, class: guarded, api: keysAPI, after: "/dir/child=1 /k=1 /new=2",
		call: func(ctx context.Context, c *etcdv2.Client, _ uint64) error {
			return errOf(c.Keys.Create(ctx, "/new", "2", etcdv2.CreateOptions{}))
		},
	},
	"CreateDir": {
		method: http.MethodPut, class: guarded, api: keysAPI, after: "/dir/child=1 /k=1 /new/",
		call: func(ctx context.Context, c *etcdv2.Client, index uint64) error {
			return errOf(c.Keys.CreateDir(ctx, "/new", etcdv2.CreateOptions{AbsentAt: index}))
		},
	},
	"CompareAndSwap by index": {
		method: http.MethodPut, class: guarded, api: keysAPI, after: "/dir/child=1 /k=2",
		call: func(ctx context.Context, c *etcdv2.Client, index uint64) error {
			return errOf(c.Keys.CompareAndSwap(ctx, "/k", "2", etcdv2.Condition{Index: index}, etcdv2.WriteOptions{}))
		},
	},
	"CompareAndSwap by both": {
		method: http.MethodPut, class: guarded, api: keysAPI, after: "/dir/child=1 /k=2",
		call: func(ctx context.Context, c *etcdv2.Client, index uint64) error {
			return errOf(c.Keys.CompareAndSwap(ctx, "/k", "2", etcdv2.Condition{Index: index, Value: "1"}, etcdv2.WriteOptions{}))
		},
	},
	"CompareAndSwap without the node": {
		method: http.MethodPut, class: guarded, api: keysAPI, after: "/dir/child=1 /k=2",
		call: func(ctx context.Context, c *etcdv2.Client, index uint64) error {
			return errOf(c.Keys.CompareAndSwap(ctx, "/k", "2", etcdv2.Condition{Index: index}, etcdv2.WriteOptions{NoValue: true}))
		},
	},
	"CompareAndDelete by index": {
		method: http.MethodDelete, class: guarded, api: keysAPI, after: "/dir/child=1",
		call: func(ctx context.Context, c *etcdv2.Client, index uint64) error {
			return errOf(c.Keys.CompareAndDelete(ctx, "/k", etcdv2.Condition{Index: index}))
		},
	},
	"CompareAndSwap by value": {
		method: http.MethodPut, class: other, api: keysAPI, after: "/dir/child=1 /k=2",
		call: func(ctx context.Context, c *etcdv2.Client, _ uint64) error {
			return errOf(c.Keys.CompareAndSwap(ctx, "/k", "2", etcdv2.Condition{Value: "1"}, etcdv2.WriteOptions{}))
		},
	},
	"CompareAndDelete by value": {
		method: http.MethodDelete, class: other, api: keysAPI, after: "/dir/child=1",
		call: func(ctx context.Context, c *etcdv2.Client, _ uint64) error {
			return errOf(c.Keys.CompareAndDelete(ctx, "/k", etcdv2.Condition{Value: "1"}))
		},
	},
	"Set": {
		method: http.MethodPut, class: other, api: keysAPI, after: "/dir/child=1 /k=2",
		call: func(ctx context.Context, c *etcdv2.Client, _ uint64) error {
			return errOf(c.Keys.Set(ctx, "/k", "2", etcdv2.WriteOptions{}))
		},
	},
	"Update": {
		method: http.MethodPut, class: other, api: keysAPI, after: "/dir/child=1 /k=2",
		call: func(ctx context.Context, c *etcdv2.Client, _ uint64) error {
			return errOf(c.Keys.Update(ctx, "/k", "2", etcdv2.WriteOptions{}))
		},
	},
	"Refresh": {
		method: http.MethodPut, class: other, api: keysAPI, after: "/dir/child=1 /k=1+ttl",
		call: func(ctx context.Context, c *etcdv2.Client, _ uint64) error {
			return errOf(c.Keys.Refresh(ctx, "/k", 100, etcdv2.Condition{}))
		},
	},
	"Delete": {
		method: http.MethodDelete, class: other, api: keysAPI, after: "/dir/child=1",
		call: func(ctx context.Context, c *etcdv2.Client, _ uint64) error {
			return errOf(c.Keys.Delete(ctx, "/k"))
		},
	},
	"DeleteDir": {
		method: http.MethodDelete, class: other, api: keysAPI, after: "/k=1", call: func(ctx context.Context, c *etcdv2.Client, _ uint64) error {
			return errOf(c.Keys.DeleteDir(ctx, "/dir", etcdv2.DeleteDirOptions{Recursive: true}))
		},
	},
	"CreateInOrder": {
		method: http.MethodPost, class: other, api: keysAPI, after: "/dir/#=2 /dir/child=1 /k=1",
		call: func(ctx context.Context, c *etcdv2.Client, _ uint64) error {
			return errOf(c.Keys.CreateInOrder(ctx, "/dir", "2", etcdv2.WriteOptions{}))
		},
	},
	"Auth.Status": {
		method: http.MethodGet, class: read, api: authAPI, after: before, call: func(ctx context.Context, c *etcdv2.Client, _ uint64) error {
			return errOf(c.Auth.Status(ctx))
		},
	},
	"Roles.Create": {
		settled: true, method: http.MethodPut, class: guarded, api: authAPI, after: before,
		call: func(ctx context.Context, c *etcdv2.Client, index uint64) error {
			return errOf(c.Roles.Create(ctx, fmt.Sprintf("replay-%d", index), etcdv2.Permissions{Read: []string{"/x"}}))
		},
	},
	"Users.ChangePassword": {
		method: http.MethodPut, class: other, api: authAPI, after: before, call: func(ctx context.Context, c *etcdv2.Client, _ uint64) error {
			return c.Users.ChangePassword(ctx, replayUser, "another")
		},
	},
}

// fault is what happens to one attempt, or to all attempts.
type fault struct {
	action etcdtest.Action
	// refuse refuses connections instead of an action.
	refuse bool
	// cluster is the cluster id that the client expects.
	cluster string
	// api is the API that it can happen to, empty for all.
	api string
	// timeout is how long the client waits for an answer; 0 means long enough.
	timeout time.Duration
	// applied reports whether the server applies the request.
	applied bool
	// undone reports whether the server answers that it has not applied the request.
	undone bool
	// onlyOnce marks a fault that takes too long to repeat.
	onlyOnce bool
	// onlyAlways marks a fault that has no effect if it happens once.
	onlyAlways bool
	// received is how many requests one attempt sends; 0 means one.
	received int
	// want is what the error must be besides the verdict, if there is an error.
	want error
}

func answers(status int, body string) etcdtest.Action {
	return etcdtest.Respond(status, http.Header{"Content-Type": {"application/json"}}, body)
}

const (
	raftBody = `{"errorCode":300,"message":"Raft Internal Error","cause":"etcdserver: request timed out","index":0}`
	textBody = `{"message":"Internal Server Error"}`
)

// later answers after more time than an immediate refusal takes.
func later(action etcdtest.Action) etcdtest.Action {
	return func(x *etcdtest.Exchange) {
		<-time.After(2100 * time.Millisecond)
		action(x)
	}
}

// faults are the ways in which each row of the table "Replays" can occur.
var faults = map[string]map[string]fault{
	"no connection was made": {"refused": {refuse: true, want: etcdv2.ErrUnavailable}},
	"certificate refused, wrong cluster": {
		"wrong cluster": {cluster: "1", want: etcdv2.ErrClusterMismatch},
	},
	"connection lost after the request": {
		"cut before the server gets it": {action: etcdtest.CutBefore()},
		"answer dropped":                {action: etcdtest.DropAnswer(), applied: true},
		"answer cut in the middle":      {action: etcdtest.TruncateAnswer(5), applied: true},
	},
	"no answer in time": {
		"the server never gets it": {action: etcdtest.HoldBefore(nil), timeout: time.Second, want: context.DeadlineExceeded},
		"the answer never arrives": {action: etcdtest.Hold(nil), applied: true, timeout: time.Second, want: context.DeadlineExceeded},
	},
	"the server is not ready yet": {
		"2.3, starting": {
			action: answers(500, `{"message":"Not capable of accessing auth feature during rolling upgrades."}`), api: authAPI, undone: true,
		},
	},
	"501": {
		"a read-only proxy": {action: etcdtest.Respond(501, nil, "")},
	},
	"500 of the key space, 502 and above": {
		"500 with code 300": {action: answers(500, raftBody), api: keysAPI},
		"500 in plain text": {action: answers(500, "oops"), api: keysAPI},
		"502":               {action: answers(502, "<html>bad gateway")},
		"503":               {action: answers(503, "")},
		"504":               {action: answers(504, "")},
	},
	"500 of the auth or members API, late":   {"500": {action: later(answers(500, textBody)), api: authAPI, onlyOnce: true}},
	"500 of the auth or members API, prompt": {"500": {action: answers(500, textBody), api: authAPI}},
	"a redirect that is not followed": {
		"a loop":      {action: etcdtest.Redirect(307, "?"), onlyAlways: true, received: 11, want: etcdv2.ErrTooManyRedirects},
		"no location": {action: answers(301, ""), want: etcdv2.ErrInvalidAnswer},
		"not http":    {action: etcdtest.Redirect(302, "ftp://127.0.0.1/"), want: etcdv2.ErrInvalidAnswer},
	},
	"an answer that cannot be read": {
		"not JSON":    {action: answers(200, "<html>"), api: keysAPI, want: etcdv2.ErrInvalidAnswer},
		"no node":     {action: answers(200, "{}"), api: keysAPI, want: etcdv2.ErrInvalidAnswer},
		"a bad index": {action: etcdtest.Respond(200, http.Header{"X-Etcd-Index": {"x"}}, "{}"), want: etcdv2.ErrInvalidAnswer},
	},
	"any other answer": {
		"400": {action: answers(400, `{"errorCode":209,"message":"Invalid field","cause":"","index":1}`)},
		"401": {action: answers(401, `{"errorCode":110,"message":"m","cause":"","index":1}`), want: etcdv2.ErrUnauthorized},
		"404": {action: answers(404, "404 page not found"), want: etcdv2.ErrV2Disabled},
		"413": {action: answers(413, "too large")},
		"429": {action: answers(429, "slow down")},
	},
}

func TestReplays(t *testing.T) {
	t.Parallel()
	etcdtest.Shared(t).JSON(t, http.MethodPut, authAPI+"/users/"+replayUser, map[string]string{"user": replayUser, "password": "one"})
	table := replayTable(t)
	for row := range faults {
		if table[row] == nil {
			t.Errorf("doc.go has no row %q", row)
		}
	}
	for row, verdicts := range table {
		if len(faults[row]) == 0 {
			t.Errorf("faults has none for the row %q of doc.go", row)
		}
		for faultName, f := range faults[row] {
			for verbName, v := range verbs {
				// An old server is not sent a refresh, so no fault can happen to it.
				unsent := verbName == "Refresh" && !expected(t).refreshes
				if unsent || (f.api != "" && f.api != v.api) {
					continue
				}
				c := replayCase{fault: f, verb: v, verdict: verdicts[v.class]}
				name := row + "/" + faultName + "/" + verbName
				if !f.onlyAlways {
					t.Run(name+"/once", func(t *testing.T) { t.Parallel(); c.run(t, true) })
				}
				// A watch that was answered once continues forever.
				if !f.onlyOnce && verbName != "Watch" {
					t.Run(name+"/always", func(t *testing.T) { t.Parallel(); c.run(t, false) })
				}
			}
		}
	}
}

// replayCase is one field of the table "Replays".
type replayCase struct {
	fault   fault
	verb    verb
	verdict string
}

const replayAttempts = 3

// run makes the first attempt of a request fail, or all attempts. It compares the error, the
// requests that reached the server and the content of the server with the verdict.
func (c replayCase) run(t *testing.T, once bool) {
	t.Helper()
	prefix := etcdtest.Prefix(t)
	server := etcdtest.Shared(t)
	proxy := etcdtest.NewProxy(t, server.URL())
	index := server.Put(t, prefix+"/k", "1").Node.ModifiedIndex
	server.Put(t, prefix+"/dir/child", "1")
	waits := 0
	client := newClient(t, etcdv2.Options{
		Endpoints: []string{proxy.URL()}, KeyPrefix: prefix, ExpectedClusterID: c.fault.cluster,
		HeaderTimeout: c.fault.timeout, PollTimeout: c.fault.timeout,
		Retry: etcdv2.RetryPolicy{MaxAttempts: replayAttempts},
		Wait: func(ctx context.Context, _ time.Duration) error {
			waits++
			if c.fault.refuse && once {
				proxy.Accept(t) //nolint:contextcheck // it has no context
			}
			return ctx.Err()
		},
	})
	times := 0
	if once {
		times = 1
	}
	isFaulty := func(r etcdtest.Request) bool {
		return r.Method == c.verb.method && strings.HasPrefix(r.Path, c.verb.api)
	}
	if c.fault.action != nil {
		proxy.Inject(etcdtest.Rule{Match: isFaulty, Times: times, Action: c.fault.action})
	}
	if c.fault.refuse {
		proxy.Refuse()
	}
	err := c.verb.call(t.Context(), client, index)

	c.checkError(t, once, err)
	got := slices.DeleteFunc(proxy.Requests(), func(r etcdtest.Request) bool { return !isFaulty(r) })
	if want := c.received(once); len(got) != want {
		t.Errorf("%d requests reached the endpoint, want %d", len(got), want)
	}
	if c.fault.refuse && !once && waits != replayAttempts-1 {
		t.Errorf("the client waited %d times for an endpoint that refuses, want %d", waits, replayAttempts-1)
	}
	c.checkServer(t, listing(server.Get(t, prefix, "recursive=true", "sorted=true").Node, prefix), err)
}

// checkError compares an error with the verdict.
func (c replayCase) checkError(t *testing.T, once bool, err error) {
	t.Helper()
	isUnknown := errors.Is(err, etcdv2.ErrOutcomeUnknown)
	switch {
	case c.verdict == again && once:
		if err != nil {
			t.Errorf("error = %v, want none: the request is sent again", err)
		}
		return
	case err == nil && c.fault.applied && c.verb.settled:
		return
	case err == nil:
		t.Error("there is no error, want one")
		return
	case c.verdict == unknown && !isUnknown:
		t.Errorf("error = %v, want ErrOutcomeUnknown", err)
	case c.verdict == failed && isUnknown:
		t.Errorf("error = %v, want a definite one", err)
	case c.verdict == again && isUnknown != (c.verb.class == guarded && !c.fault.refuse && !c.fault.undone):
		t.Errorf("error = %v after the last attempt, want ErrOutcomeUnknown only for a write that was sent", err)
	}
	if c.fault.want != nil && !errors.Is(err, c.fault.want) {
		t.Errorf("error = %v, want it to wrap %v", err, c.fault.want)
	}
}

// received returns how many requests reach the endpoint according to the verdict.
func (c replayCase) received(once bool) int {
	attempts := 1
	switch {
	case c.fault.cluster != "" || (c.fault.refuse && !once):
		return 0
	case c.fault.refuse:
	case c.verdict == again && once:
		attempts = 2
	case c.verdict == again:
		attempts = replayAttempts
	}
	return attempts * max(1, c.fault.received)
}

// checkServer checks that the content of the server agrees with the error: it is unchanged
// after a definite error, and no write was applied twice.
func (c replayCase) checkServer(t *testing.T, got string, err error) {
	t.Helper()
	isUnknown := errors.Is(err, etcdv2.ErrOutcomeUnknown)
	applied, untouched := got == c.verb.after, got == before
	if (err == nil && !applied) || (err != nil && !isUnknown && !untouched) || (!applied && !untouched) {
		t.Errorf("after the error %v the server has %q; it was %q before the write, and is %q after it", err, got, before, c.verb.after)
	}
}

// listing returns the leaves of a tree, with a mark for a TTL and without the names of keys
// created in order.
func listing(n etcdtest.Node, prefix string) string {
	if n.Dir && len(n.Nodes) > 0 {
		var parts []string
		for _, child := range n.Nodes {
			parts = append(parts, listing(child, prefix))
		}
		return strings.Join(parts, " ")
	}
	text := strings.TrimPrefix(n.Key, prefix)
	if dir, _, ok := cutDigits(text); ok {
		text = dir + "#"
	}
	if n.Dir {
		return text + "/"
	}
	text += "=" + n.Value
	if n.TTL != 0 {
		text += "+ttl"
	}
	return text
}

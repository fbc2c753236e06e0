package etcdtest_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// put sends a PUT as a client of the proxy would.
func put(ctx context.Context, client *http.Client, target, value string) (int, error) {
	form := url.Values{"value": {value}}

	req, err := http.NewRequestWithContext(ctx, http.MethodPut, target, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, err
	}

	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")

	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()

	_, err = io.Copy(io.Discard, resp.Body)

	return resp.StatusCode, err
}

func newClient(t *testing.T) *http.Client {
	t.Helper()

	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)

	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func TestProxy_faults(t *testing.T) {
	t.Parallel()

	tests := map[string]struct {
		action    etcdtest.Action
		status    int // 0 means a reset
		stored    bool
		forwarded int
	}{
		"cut before":       {etcdtest.CutBefore(), 0, false, 0},
		"drop answer":      {etcdtest.DropAnswer(), 0, true, 1},
		"respond":          {etcdtest.Respond(503, nil, "x"), 503, false, 0},
		"redirect":         {etcdtest.Redirect(307, "/elsewhere"), 307, false, 0},
		"delay":            {etcdtest.Delay(time.Millisecond, time.Millisecond), 201, true, 1},
		"intercept":        {etcdtest.Intercept(func(etcdtest.Request) {}), 201, true, 1},
		"intercept answer": {etcdtest.InterceptAnswer(func(etcdtest.Request) {}), 201, true, 1},
		"answer released":  {etcdtest.Hold(closed()), 201, true, 1},
		"request released": {etcdtest.HoldBefore(closed()), 201, true, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			s := etcdtest.Shared(t)
			p := etcdtest.NewProxy(t, s.URL())
			p.Inject(etcdtest.Rule{Method: http.MethodPut, Action: test.action})

			key := etcdtest.Prefix(t)

			status, err := put(t.Context(), newClient(t), p.URL()+"/v2/keys"+key, "v")
			if status != test.status || errors.Is(err, syscall.ECONNRESET) != (test.status == 0) {
				t.Errorf("status %d, error %v; want status %d", status, err, test.status)
			}

			if got := s.Get(t, key).OK(); got != test.stored {
				t.Errorf("stored = %t, want %t", got, test.stored)
			}

			if got := len(p.Forwarded()); got != test.forwarded {
				t.Errorf("forwarded %d requests, want %d", got, test.forwarded)
			}
		})
	}
}

func TestProxy_duplicate(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	p := etcdtest.NewProxy(t, s.URL())

	var first, second int

	p.Inject(etcdtest.Rule{Action: etcdtest.Duplicate(func(one, two *httptest.ResponseRecorder) {
		first, second = one.Code, two.Code
	})})

	key := etcdtest.Prefix(t)

	status, err := put(t.Context(), newClient(t), p.URL()+"/v2/keys"+key, "v")
	if err != nil || status != http.StatusCreated || first != http.StatusCreated || second != http.StatusOK {
		t.Errorf("answers %d and %d, delivered %d, error %v; want 201, 200 and the first delivered", first, second, status, err)
	}

	if got := s.Get(t, key).Node.Value; got != "v" {
		t.Errorf("value after both = %q, want v", got)
	}
}

func closed() <-chan struct{} {
	c := make(chan struct{})
	close(c)

	return c
}

func TestProxy_recordsRequests(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	p := etcdtest.NewProxy(t, s.URL())
	client := newClient(t)

	target := p.URL() + "/v2/keys" + etcdtest.Prefix(t) + "/a%20b%2Fc?ttl=5;bad&x=%zz"
	if _, err := put(t.Context(), client, target, "v&w"); err != nil {
		t.Fatal(err)
	}

	got := p.Requests()
	if len(got) != 1 || !strings.HasSuffix(got[0].Path, "/a%20b%2Fc") || got[0].Param("value") != "v&w" ||
		got[0].Status != http.StatusBadRequest || got[0].Method != http.MethodPut {
		// The server rejects the semicolon, so the query has reached it unchanged.
		t.Errorf("Requests() = %+v", got)
	}

	p.Reset()

	if got := p.Count("", "/"); got != 0 {
		t.Errorf("Count() after Reset = %d, want 0", got)
	}
}

func TestProxy_ruleSelectsRequests(t *testing.T) {
	t.Parallel()

	fault := etcdtest.Respond(599, nil, "")
	tests := map[string]struct {
		rule etcdtest.Rule
		want []int
	}{
		"all":          {etcdtest.Rule{Action: fault}, []int{599, 599, 599, 599, 599, 599}},
		"first two":    {etcdtest.Rule{Action: fault, Times: 2}, []int{599, 599, 404, 404, 404, 404}},
		"after one":    {etcdtest.Rule{Action: fault, Skip: 1, Times: 1}, []int{404, 599, 404, 404, 404, 404}},
		"every third":  {etcdtest.Rule{Action: fault, Every: 3}, []int{404, 404, 599, 404, 404, 599}},
		"other method": {etcdtest.Rule{Action: fault, Method: "PUT"}, []int{404, 404, 404, 404, 404, 404}},
		"other path":   {etcdtest.Rule{Action: fault, Path: "/v2/auth"}, []int{404, 404, 404, 404, 404, 404}},
		"matched": {
			etcdtest.Rule{Action: fault, Match: func(r etcdtest.Request) bool { return r.Param("n") == "4" }},
			[]int{404, 404, 404, 404, 599, 404},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			p := etcdtest.NewProxy(t, etcdtest.Shared(t).URL())
			client := newClient(t)
			key := etcdtest.Prefix(t)

			p.Inject(test.rule)

			var got []int

			for n := range test.want {
				resp, err := client.Get(p.URL() + "/v2/keys" + key + "?n=" + strconv.Itoa(n))
				if err != nil {
					t.Fatal(err)
				}

				resp.Body.Close()

				got = append(got, resp.StatusCode)
			}

			if !slices.Equal(got, test.want) {
				t.Errorf("statuses = %v, want %v", got, test.want)
			}
		})
	}
}

func TestProxy_rulesCombine(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	p := etcdtest.NewProxy(t, s.URL())
	key := etcdtest.Prefix(t)

	p.Inject(etcdtest.Rule{Action: etcdtest.DropAnswer()})
	p.Inject(etcdtest.Rule{Action: etcdtest.Intercept(func(etcdtest.Request) { s.Put(t, key, "rival") })})

	if _, err := put(t.Context(), newClient(t), p.URL()+"/v2/keys"+key, "own"); err == nil {
		t.Error("the answer was not dropped")
	}

	// The server returns the node that a write has replaced.
	got := s.Put(t, key, "last")
	if got.PrevNode == nil || got.PrevNode.Value != "own" {
		t.Fatalf("previous node = %+v, want the value own", got.PrevNode)
	}

	if want := got.Node.ModifiedIndex; want < 3 {
		t.Errorf("index = %d: the rival has not written", want)
	}

	p.Clear()

	if status, err := put(t.Context(), newClient(t), p.URL()+"/v2/keys"+key, "own"); err != nil || status != 200 {
		t.Errorf("after Clear: status %d, error %v", status, err)
	}
}

func TestProxy_truncatedAnswer(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	p := etcdtest.NewProxy(t, s.URL())
	p.Inject(etcdtest.Rule{Action: etcdtest.TruncateAnswer(10)})

	key := etcdtest.Prefix(t)

	status, err := put(t.Context(), newClient(t), p.URL()+"/v2/keys"+key, "v")
	if status != http.StatusCreated || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("status %d, error %v; want 201 and an unexpected EOF", status, err)
	}

	if !s.Get(t, key).OK() {
		t.Error("nothing was stored")
	}
}

func TestProxy_holdEndsWithTheClient(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	p := etcdtest.NewProxy(t, s.URL())
	p.Inject(etcdtest.Rule{Action: etcdtest.Hold(nil)})

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	key := etcdtest.Prefix(t)
	failed := make(chan error)

	go func() {
		_, err := put(ctx, newClient(t), p.URL()+"/v2/keys"+key, "v")
		failed <- err
	}()

	eventually(t, "the held write is stored", func() bool { return s.Get(t, key).OK() })
	cancel()

	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v, want canceled", err)
	}

	eventually(t, "the connection is closed", func() bool { open, _ := p.Connections(); return open == 0 })
}

func TestProxy_refuseAndCut(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	p := etcdtest.NewProxy(t, s.URL())
	client := newClient(t)
	target := p.URL() + "/v2/keys" + etcdtest.Prefix(t)

	for range 3 {
		if _, err := put(t.Context(), client, target, "v"); err != nil {
			t.Fatal(err)
		}
	}

	if open, total := p.Connections(); open != 1 || total != 1 {
		t.Errorf("%d of %d connections are open, want 1 of 1", open, total)
	}

	p.Refuse()

	if _, err := put(t.Context(), newClient(t), target, "v"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("error = %v, want connection refused", err)
	}

	p.Accept(t)

	if _, err := put(t.Context(), newClient(t), target, "v"); err != nil {
		t.Errorf("after Accept: %v", err)
	}

	p.CutAll()

	if open, _ := p.Connections(); open != 0 {
		t.Errorf("%d connections after CutAll, want none", open)
	}
}

func TestProxy_serverDown(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t)
	p := etcdtest.NewProxy(t, s.URL())

	s.Kill(t)

	for _, action := range []etcdtest.Action{(*etcdtest.Exchange).Forward, etcdtest.DropAnswer(), etcdtest.Hold(closed())} {
		p.Clear()
		p.Inject(etcdtest.Rule{Action: action})

		if _, err := put(t.Context(), newClient(t), p.URL()+"/v2/keys/k", "v"); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("error = %v, want a reset", err)
		}
	}
}

func TestProxy_watchPasses(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	p := etcdtest.NewProxy(t, s.URL())
	key := etcdtest.Prefix(t)

	// The headers come before there is an event.
	resp, err := newClient(t).Get(p.URL() + "/v2/keys" + key + "?wait=true")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()

	s.Put(t, key, "seen")

	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	if err != nil || !strings.Contains(line, `"seen"`) {
		t.Errorf("event = %q, error %v", line, err)
	}
}

func TestProxy_manyConnections(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	p := etcdtest.NewProxy(t, s.URL())
	p.Inject(etcdtest.Rule{Every: 2, Action: etcdtest.DropAnswer()})

	key := etcdtest.Prefix(t)

	var lost sync.Map

	var all sync.WaitGroup

	for n := range 60 {
		all.Go(func() {
			if _, err := put(t.Context(), newClient(t), p.URL()+"/v2/keys"+key+"/"+strconv.Itoa(n), "v"); err != nil {
				lost.Store(n, true)
			}
		})
	}

	all.Wait()

	count := 0

	lost.Range(func(any, any) bool { count++; return true })

	if got := len(s.Get(t, key).Node.Nodes); count != 30 || got != 60 {
		t.Errorf("%d answers lost and %d keys stored, want 30 and 60", count, got)
	}
}

func TestProxy_tls(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t, etcdtest.WithClientCerts("alice"))
	p := etcdtest.NewProxy(t, s.URL(), etcdtest.ProxyTLS(s.Certs))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: s.Certs.ClientConfig(t), DisableKeepAlives: true}}

	if status, err := put(t.Context(), client, p.URL()+"/v2/keys/k", "v"); err != nil || status != http.StatusCreated {
		t.Errorf("status %d, error %v", status, err)
	}

	p.Inject(etcdtest.Rule{Action: etcdtest.DropAnswer()})

	if _, err := put(t.Context(), client, p.URL()+"/v2/keys/k", "w"); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error = %v, want a reset", err)
	}

	if got := s.Get(t, "/k").Node.Value; got != "w" {
		t.Errorf("value = %q, want w", got)
	}
}

func TestTCPProxy(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t, etcdtest.WithTLS())
	p := etcdtest.NewTCPProxy(t, s.URL())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: s.Certs.ClientConfig(t)}}
	target := p.URL() + "/v2/keys/k"

	if _, err := put(t.Context(), client, target, "v"); err != nil {
		t.Fatal(err)
	}

	p.SetLatency(50 * time.Millisecond)

	start := time.Now()
	if _, err := put(t.Context(), client, target, "slow"); err != nil {
		t.Fatal(err)
	}

	if took := time.Since(start); took < 100*time.Millisecond {
		t.Errorf("a write took %s, want at least 100ms", took)
	}

	p.SetLatency(0)
	p.Stall()

	done := make(chan error)

	go func() {
		_, err := put(t.Context(), client, target, "stalled")
		done <- err
	}()

	select {
	case err := <-done:
		t.Fatalf("a write passed a stalled proxy: %v", err)
	case <-time.After(200 * time.Millisecond):
	}

	p.Flow()

	if err := <-done; err != nil {
		t.Errorf("after Flow: %v", err)
	}

	if got := s.Get(t, "/k").Node.Value; got != "stalled" {
		t.Errorf("value = %q, want stalled", got)
	}

	p.Refuse()

	if _, err := put(t.Context(), client, target, "v"); err == nil {
		t.Error("a write passed a proxy that refuses")
	}

	p.Accept(t)

	if _, err := put(t.Context(), client, target, "v"); err != nil {
		t.Errorf("after Accept: %v", err)
	}
}

func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()

	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()

	deadline := time.After(20 * time.Second)

	for !check() {
		select {
		case <-deadline:
			t.Fatalf("timed out: %s", what)
		case <-ticker.C:
		}
	}
}

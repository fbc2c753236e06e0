package etcdv2_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

func TestNew(t *testing.T) {
	t.Parallel()
	client := must[*etcdv2.Client](t)(etcdv2.New(etcdv2.Options{}))
	if diff := cmp.Diff([]string{etcdv2.DefaultEndpoint}, client.Endpoints()); diff != "" {
		t.Errorf("Endpoints() (-want +got):\n%s", diff)
	}
	for want, o := range map[string]etcdv2.Options{
		"password":         {Password: "p"},
		"colon":            {Username: "a:b", Password: "p"},
		"max connections":  {MaxConnections: -1},
		"time":             {RequestTimeout: -1},
		"max attempts":     {Retry: etcdv2.RetryPolicy{MaxAttempts: -1}},
		"delays":           {Retry: etcdv2.RetryPolicy{MinDelay: 2, MaxDelay: 1}},
		"selection":        {Selection: "nearest"},
		"scheme":           {Endpoints: []string{"ftp://127.0.0.1:2379"}},
		"URL":              {Endpoints: []string{"http://[::1"}},
		"host":             {Endpoints: []string{"http://"}},
		"credentials":      {Endpoints: []string{"http://u:s3cr3t@h:1"}},
		"User-Agent":       {UserAgent: "a\nb"},
		"query":            {Endpoints: []string{"http://h:1/?a=b"}},
		"prefix":           {KeyPrefix: "no-slash"},
		"leave out /v2":    {Endpoints: []string{"http://h:1/gateway/v2/keys"}},
		"of the v2 API":    {Endpoints: []string{"http://h:1/v2/"}},
		"TTL":              {DefaultTTL: etcdv2.MaxTTL + 1},
		"cannot be parsed": {ProxyURL: "http://u:s3cr3t@[::1"},
		"no scheme":        {ProxyURL: "u:s3cr3t@proxy"},
		"https or socks5":  {ProxyURL: "ftp://u:s3cr3t@proxy", DefaultTTL: 1},
		"no host":          {ProxyURL: "http://u:s3cr3t@:3128"},
	} {
		_, err := etcdv2.New(o)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("New(%+v) error = %v, want one about %q", o, err, want)
		}
	}
}

func TestClient_tls(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t, etcdtest.WithClientCerts("etcd client"))
	good := server.Certs.ClientConfig(t)
	stranger := server.Certs.OtherCA.Issue(t, "stranger")
	pair := must[tls.Certificate](t)(tls.X509KeyPair(stranger.CertPEM, stranger.KeyPEM))
	for name, tt := range map[string]struct {
		config *tls.Config
		scheme string
		ok     bool
	}{
		"the right certificates": {config: good, ok: true},
		"no client certificate":  {config: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: good.RootCAs}},
		"none, on TLS 1.2": {
			config: &tls.Config{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, RootCAs: good.RootCAs},
		},
		"a client certificate of another authority": {
			config: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: good.RootCAs, Certificates: []tls.Certificate{pair}},
		},
		"an unknown authority": {config: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: good.Certificates}},
		"another name": {
			config: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: good.RootCAs, Certificates: good.Certificates, ServerName: "example.com"},
		},
		"verification skipped": {config: &tls.Config{InsecureSkipVerify: true, Certificates: good.Certificates}, ok: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			waits := 0
			client := newClient(
				t, etcdv2.Options{Endpoints: []string{server.URL()}, TLS: tt.config, Wait: func(ctx context.Context, _ time.Duration) error {
					waits++
					return ctx.Err()
				}},
			)
			_, err := client.Keys.Set(t.Context(), etcdtest.Prefix(t), "1", etcdv2.WriteOptions{})
			if tt.ok {
				if err != nil {
					t.Errorf("Set() error = %v", err)
				}
				return
			}
			wantErr(t, "Set()", err, etcdv2.ErrUnavailable)
			if errors.Is(err, etcdv2.ErrOutcomeUnknown) || waits != 0 {
				t.Errorf("Set() error = %v after %d waits, want a definite one at once", err, waits)
			}
		})
	}
	t.Run("http to an https server", func(t *testing.T) {
		t.Parallel()
		client := newClient(t, etcdv2.Options{Endpoints: []string{strings.Replace(server.URL(), "https", "http", 1)}})
		_, err := client.Keys.Get(t.Context(), "/k", etcdv2.GetOptions{})
		if err == nil || errors.Is(err, etcdv2.ErrNotFound) {
			t.Errorf("Get() error = %v, want one", err)
		}
	})
	t.Run("https to an http server", func(t *testing.T) {
		t.Parallel()
		client := newClient(t, etcdv2.Options{Endpoints: []string{strings.Replace(etcdtest.Shared(t).URL(), "http", "https", 1)}})
		_, err := client.Keys.Set(t.Context(), "/k", "1", etcdv2.WriteOptions{})
		wantErr(t, "Set()", err, etcdv2.ErrUnavailable)
	})
}

// roundTripper is a transport of the caller, which does not report what it does.
type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestClient_transport(t *testing.T) {
	t.Parallel()
	server := etcdtest.Shared(t)
	requests := 0
	client := newClient(t, etcdv2.Options{
		Endpoints: []string{server.URL()}, KeyPrefix: etcdtest.Prefix(t),
		Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			requests++
			if r.Method == http.MethodPost {
				_, err := io.ReadAll(r.Body)
				return nil, errors.Join(err, errors.New("something went wrong"))
			}
			return http.DefaultTransport.RoundTrip(r)
		}),
	})
	newWriter(t, client.Keys).set("/k", "1")
	// The transport does not report connections, so a request whose body it has read may have been sent.
	_, err := client.Keys.CreateInOrder(t.Context(), "/q", "1", etcdv2.WriteOptions{})
	wantErr(t, "CreateInOrder()", err, etcdv2.ErrOutcomeUnknown)
	if requests != 2 {
		t.Errorf("%d requests were made, want 2", requests)
	}
	client.CloseIdleConnections()
}

// A transport that fails before it has read the body has not made the server do anything, and cannot do
// so any more.
func TestClient_transportFails(t *testing.T) {
	t.Parallel()
	var bodies []io.ReadCloser
	for name, tt := range map[string]struct {
		transport http.RoundTripper
		do        func(writer) (*etcdv2.Response, error)
		want      error
	}{
		"no proxy is found": {
			transport: &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return nil, errors.New("no proxy today") }},
			do:        push("/q", "1"), want: etcdv2.ErrUnavailable,
		},
		"at once": {
			transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				again, err := r.GetBody()
				bodies = append(bodies, r.Body, again)
				return nil, errors.Join(err, errors.New("failed at once"))
			}),
			do: push("/q", "1"), want: etcdv2.ErrUnavailable,
		},
		"after a part of the body": {
			transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				_, err := r.Body.Read(make([]byte, 1))
				return nil, errors.Join(err, errors.New("failed half-way"))
			}),
			do: push("/q", "1"), want: etcdv2.ErrOutcomeUnknown,
		},
		"without a body": {
			transport: roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("failed at once") }),
			do:        func(w writer) (*etcdv2.Response, error) { return w.keys.Delete(w.ctx, "/k") }, want: etcdv2.ErrOutcomeUnknown,
		},
	} {
		client := newClient(t, etcdv2.Options{
			Endpoints: []string{"http://127.0.0.1:1"}, Transport: tt.transport,
			Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		})
		_, err := tt.do(newWriter(t, client.Keys))
		wantErr(t, name+": the call's", err, tt.want)
		if errors.Is(err, etcdv2.ErrOutcomeUnknown) != errors.Is(tt.want, etcdv2.ErrOutcomeUnknown) {
			t.Errorf("%s: error = %v, want %v", name, err, tt.want)
		}
	}
	if len(bodies) == 0 {
		t.Error("no request reached the transport")
	}
	for _, body := range bodies {
		if data, err := io.ReadAll(body); err == nil || len(data) > 0 {
			t.Errorf("a body read after the call = %q, error = %v, want an error", data, err)
		}
	}
}

// A server does nothing for a request whose body does not come.
func TestServer_bodyThatDoesNotCome(t *testing.T) {
	t.Parallel()
	server := etcdtest.Shared(t)
	key := etcdtest.Prefix(t) + "/k"
	for _, method := range []string{http.MethodPut, http.MethodPost} {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(server.URL(), "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err = fmt.Fprintf(conn, "%s /v2/keys%s?ttl=100 HTTP/1.1\r\nHost: etcd\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
			"Content-Length: 7\r\n\r\n", method, key); err != nil {
			t.Fatal(err)
		}
		if half, ok := conn.(*net.TCPConn); !ok || half.CloseWrite() != nil {
			t.Fatal("the connection cannot be closed for writing")
		}
		answer, err := io.ReadAll(conn)
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400") {
			t.Errorf("%s: the server answers %q, error = %v, want status 400", method, answer, err)
		}
		if code := server.Get(t, key).ErrorCode; code != 100 {
			t.Errorf("%s: reading the key returns code %d, want 100: it does not exist", method, code)
		}
	}
}

func TestClient_failover(t *testing.T) {
	t.Parallel()
	server := etcdtest.Shared(t)
	var proxies []*etcdtest.Proxy
	var endpoints []string
	for range 3 {
		proxies = append(proxies, etcdtest.NewProxy(t, server.URL()))
		endpoints = append(endpoints, proxies[len(proxies)-1].URL())
	}
	waits := 0
	client := newClient(
		t, etcdv2.Options{Endpoints: endpoints, KeyPrefix: etcdtest.Prefix(t), Wait: func(ctx context.Context, _ time.Duration) error {
			waits++
			return ctx.Err()
		}},
	)
	w := newWriter(t, client.Keys)
	counts := func() (out []int) {
		for _, p := range proxies {
			out = append(out, len(p.Requests()))
			p.Reset()
		}
		return out
	}
	// Every verb skips an endpoint that refuses connections, without a wait.
	proxies[0].Refuse()
	w.ok(push("/q", "1")(w))
	w.set("/k", "1")
	// Before its first request to an endpoint, the client checks that it serves the API.
	if diff := cmp.Diff([]int{0, 3, 0}, counts()); diff != "" || waits != 0 {
		t.Errorf("%d waits, requests (-want +got):\n%s", waits, diff)
	}
	// The endpoint that answered stays first until it fails.
	proxies[0].Accept(t)
	w.set("/k", "2")
	proxies[1].Inject(etcdtest.Rule{Action: etcdtest.Respond(http.StatusServiceUnavailable, nil, "")})
	w.ok(get("/k")(w))
	w.set("/k", "3")
	if got := counts(); got[1] != 2 || got[0]+got[2] != 2 || waits != 1 {
		t.Errorf("%d waits, requests %v, want two at the second and two elsewhere", waits, got)
	}
	// Now no endpoint is left.
	for _, p := range proxies {
		p.Refuse()
	}
	_, err := push("/q", "1")(w)
	wantErr(t, "CreateInOrder()", err, etcdv2.ErrUnavailable)
	if failed, ok := errors.AsType[*etcdv2.EndpointsError](err); !ok || len(failed.Errors) != 3 || errors.Is(err, etcdv2.ErrOutcomeUnknown) {
		t.Errorf("CreateInOrder() error = %v, want a definite one that names the three endpoints", err)
	}
}

func TestClient_requestTimeout(t *testing.T) {
	t.Parallel()
	server := etcdtest.Shared(t)
	hanging, healthy := etcdtest.NewProxy(t, server.URL()), etcdtest.NewProxy(t, server.URL())
	hanging.Inject(etcdtest.Rule{Action: etcdtest.HoldBefore(nil)})
	const timeout = time.Second
	prefix := etcdtest.Prefix(t)
	w := newWriter(t, newClient(t, etcdv2.Options{
		Endpoints: []string{hanging.URL(), healthy.URL()}, KeyPrefix: prefix, RequestTimeout: timeout,
	}).Keys)
	w.ctx = bounded(t)
	// An endpoint that hangs costs one time-out.
	call := func(do func(writer) (*etcdv2.Response, error)) error {
		done := make(chan error, 1)
		go func() { done <- errOf(do(w)) }()
		return receive(t, "the call", done)
	}
	if err := call(create("/k", "1")); err != nil {
		t.Fatal(err)
	}
	if n := len(hanging.Requests()); n != 1 {
		t.Errorf("%d requests were sent to the endpoint that hangs, want 1", n)
	}
	// If all endpoints hang, a call ends after at most three.
	healthy.Inject(etcdtest.Rule{Action: etcdtest.HoldBefore(nil)})
	before := len(hanging.Requests()) + len(healthy.Requests())
	start := time.Now()
	err := call(get("/k"))
	wantErr(t, "Get()", err, etcdv2.ErrUnavailable)
	wantErr(t, "Get()", err, context.DeadlineExceeded)
	if n := len(hanging.Requests()) + len(healthy.Requests()) - before; n < 1 || n > 3 || time.Since(start) < timeout {
		t.Errorf("Get() made %d attempts in %s, want one to three of %s each", n, time.Since(start), timeout)
	}
}

func TestClient_randomOrder(t *testing.T) {
	t.Parallel()
	var endpoints []string
	for i := range 8 {
		endpoints = append(endpoints, fmt.Sprintf("http://127.0.0.1:%d", 10000+i))
	}
	for range 20 {
		client := newClient(t, etcdv2.Options{Endpoints: endpoints, Selection: etcdv2.SelectRandom})
		got := client.Endpoints()
		if slices.Equal(got, endpoints) {
			continue
		}
		slices.Sort(got)
		if diff := cmp.Diff(endpoints, got); diff != "" {
			t.Errorf("Endpoints() sorted (-want +got):\n%s", diff)
		}
		return
	}
	t.Error("all of twenty clients kept the given order of endpoints")
}

func TestClient_backoff(t *testing.T) {
	t.Parallel()
	for jitter, want := range map[float64][]time.Duration{
		0: {50, 100, 200, 250},
		1: {100, 200, 400, 500},
	} {
		var got []time.Duration
		client := newClient(t, etcdv2.Options{
			Endpoints: []string{"http://127.0.0.1:1"},
			Retry:     etcdv2.RetryPolicy{MaxAttempts: 5, MinDelay: 100 * time.Millisecond, MaxDelay: 500 * time.Millisecond},
			Wait:      func(_ context.Context, d time.Duration) error { got = append(got, d/time.Millisecond); return nil },
			Jitter:    func() float64 { return jitter },
		})
		_, err := client.Keys.Get(t.Context(), "/k", etcdv2.GetOptions{})
		wantErr(t, "Get()", err, etcdv2.ErrUnavailable)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("delays with the jitter %g, in ms (-want +got):\n%s", jitter, diff)
		}
	}
}

func TestKeysService_canceled(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		do      func(w writer) (*etcdv2.Response, error)
		unknown bool
	}{
		"a read":  {do: get("/k")},
		"a write": {do: set("/k", "2"), unknown: true},
		"a guarded write": {do: func(w writer) (*etcdv2.Response, error) {
			return w.keys.CompareAndSwap(w.ctx, "/k", "2", etcdv2.Condition{Index: 1}, etcdv2.WriteOptions{})
		}, unknown: true},
		"a guarded delete": {do: func(w writer) (*etcdv2.Response, error) {
			return w.keys.CompareAndDelete(w.ctx, "/k", etcdv2.Condition{Index: 1})
		}, unknown: true},
		"a create in order": {do: push("/q", "1"), unknown: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, _, proxy := newProxied(t, etcdv2.Options{})
			proxy.Inject(etcdtest.Rule{Action: etcdtest.HoldBefore(nil)})
			cause := errors.New("the user left")
			ctx, cancel := context.WithCancelCause(t.Context())
			w := newWriter(t, keys)
			w.ctx = ctx
			done := make(chan error, 1)
			go func() { done <- errOf(tt.do(w)) }()
			eventually(t, "the request is sent", func() bool { return len(proxy.Requests()) > 0 })
			start := time.Now()
			cancel(cause)
			err := receive(t, "the call", done)
			wantErr(t, "the call's", err, context.Canceled)
			if errors.Is(err, etcdv2.ErrOutcomeUnknown) != tt.unknown {
				t.Errorf("error = %v, want ErrOutcomeUnknown: %t", err, tt.unknown)
			}
			if took := time.Since(start); took > patience/6 {
				t.Errorf("the call ended %s after its context", took)
			}
			_, err = tt.do(w)
			wantErr(t, "the call's, of a context that has ended,", err, context.Canceled)
			if errors.Is(err, etcdv2.ErrOutcomeUnknown) {
				t.Errorf("error = %v, but nothing was sent", err)
			}
		})
	}
}

func TestKeysService_canceledWhileWaiting(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	keys, _, proxy := newProxied(t, etcdv2.Options{Wait: func(ctx context.Context, _ time.Duration) error {
		cancel()
		<-ctx.Done()
		return ctx.Err()
	}})
	proxy.Inject(etcdtest.Rule{Action: etcdtest.CutBefore()})
	_, err := keys.CompareAndSwap(ctx, "/k", "1", etcdv2.Condition{Index: 1}, etcdv2.WriteOptions{})
	wantErr(t, "CompareAndSwap()", err, context.Canceled)
	wantErr(t, "CompareAndSwap()", err, etcdv2.ErrOutcomeUnknown)
	if n := len(proxy.Requests()); n != 1 {
		t.Errorf("%d requests were sent, want 1", n)
	}
}

// TestKeysService_settle tries what a rival can do between an attempt with a lost answer and
// the next attempt.
func TestKeysService_settle(t *testing.T) {
	t.Parallel()
	server := etcdtest.Shared(t)
	swapIt := func(w writer, index uint64) (*etcdv2.Response, error) {
		return w.keys.CompareAndSwap(w.ctx, "/k", "ours", etcdv2.Condition{Index: index}, etcdv2.WriteOptions{})
	}
	deleteIt := func(w writer, index uint64) (*etcdv2.Response, error) {
		return w.keys.CompareAndDelete(w.ctx, "/k", etcdv2.Condition{Index: index})
	}
	createIt := func(w writer, index uint64) (*etcdv2.Response, error) {
		return w.keys.Create(w.ctx, "/new", "ours", etcdv2.CreateOptions{AbsentAt: index})
	}
	refreshIt := func(w writer, index uint64) (*etcdv2.Response, error) {
		return w.keys.Refresh(w.ctx, "/k", 100, etcdv2.Condition{Index: index})
	}
	put := func(key, value string, params ...string) func(string) {
		return func(prefix string) { server.Put(t, prefix+key, value, params...) }
	}
	for name, tt := range map[string]struct {
		do func(w writer, index uint64) (*etcdv2.Response, error)
		// before runs before the read of the index on which the write depends.
		before func(prefix string)
		// applied reports whether the server gets the write with the lost answer.
		applied bool
		rival   func(prefix string)
		// denied reports whether the user may not read the key back.
		denied bool
		want   error
		// refresh reports whether the case needs a server that can refresh a key.
		refresh bool
	}{
		"a swap, applied":                   {do: swapIt, applied: true},
		"a swap, not applied":               {do: swapIt},
		"a swap, not applied, then another": {do: swapIt, rival: put("/k", "theirs"), want: etcdv2.ErrCompareFailed},
		"a swap, applied, then another":     {do: swapIt, applied: true, rival: put("/k", "theirs"), want: etcdv2.ErrCompareFailed},
		"a swap, then our value with a TTL": {do: swapIt, rival: put("/k", "ours", "ttl=100"), want: etcdv2.ErrCompareFailed},
		"a swap, then a delete":             {do: swapIt, rival: func(p string) { server.Delete(t, p+"/k") }, want: etcdv2.ErrNotFound},
		"a swap, applied, unreadable":       {do: swapIt, applied: true, denied: true, want: etcdv2.ErrOutcomeUnknown},
		"a delete, applied":                 {do: deleteIt, applied: true},
		"a delete, not applied":             {do: deleteIt},
		"a delete, then another value":      {do: deleteIt, rival: put("/k", "theirs"), want: etcdv2.ErrCompareFailed},
		"a delete, applied, then a new key": {do: deleteIt, applied: true, rival: put("/k", "theirs"), want: etcdv2.ErrCompareFailed},
		"a create, applied":                 {do: createIt, applied: true},
		"a create, not applied":             {do: createIt},
		// The key is older than the first attempt, which therefore did not create it.
		"a create of an existing key": {do: createIt, before: put("/new", "ours"), want: etcdv2.ErrExists},
		"a swap for the present value": {do: func(w writer, index uint64) (*etcdv2.Response, error) {
			return w.keys.CompareAndSwap(w.ctx, "/k", "before", etcdv2.Condition{Index: index, Value: "other"}, etcdv2.WriteOptions{})
		}, want: etcdv2.ErrOutcomeUnknown},
		"a swap, then the same JSON": {do: func(w writer, index uint64) (*etcdv2.Response, error) {
			isOurs := func(n *etcdv2.Node) bool { return strings.ReplaceAll(n.Value, " ", "") == `{"a":1}` }
			return w.keys.CompareAndSwap(w.ctx, "/k", `{"a":1}`, etcdv2.Condition{Index: index}, etcdv2.WriteOptions{IsOurs: isOurs})
		}, applied: true, rival: put("/k", `{"a": 1}`)},
		"a swap, then bytes that look like it": {do: func(w writer, index uint64) (*etcdv2.Response, error) {
			return w.keys.CompareAndSwap(w.ctx, "/k", "caf\uFFFD", etcdv2.Condition{Index: index}, etcdv2.WriteOptions{})
		}, rival: put("/k", "caf\xe9"), want: etcdv2.ErrCompareFailed},
		"a create, then another": {do: createIt, rival: put("/new", "theirs"), want: etcdv2.ErrExists},
		"a refresh, applied":     {do: refreshIt, applied: true, want: etcdv2.ErrOutcomeUnknown, refresh: true},
		"a refresh, not applied": {do: refreshIt, refresh: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.refresh && !expected(t).refreshes {
				t.Skip("this server cannot refresh a key")
			}
			keys, prefix, proxy := newProxied(t, etcdv2.Options{})
			if tt.before != nil {
				tt.before(prefix)
			}
			index := server.Put(t, prefix+"/k", "before").Node.ModifiedIndex
			isWrite := func(r etcdtest.Request) bool { return r.Method != http.MethodGet }
			proxy.Inject(etcdtest.Rule{Times: 1, Match: isWrite, Action: func(x *etcdtest.Exchange) {
				if tt.applied {
					x.Fetch()
				}
				if tt.rival != nil {
					tt.rival(prefix)
				}
				x.Cut()
			}})
			if tt.denied {
				proxy.Inject(etcdtest.Rule{Method: http.MethodGet, Path: "/v2/keys", Action: answers(http.StatusUnauthorized, keyError(110))})
			}
			resp, err := tt.do(newWriter(t, keys), index)
			wantErr(t, "the call's", err, tt.want)
			if tt.want == nil && err == nil && resp.Settled != tt.applied {
				t.Errorf("the call = %+v, want a settled outcome: %t", resp, tt.applied)
			}
		})
	}
}

package etcdtest

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Rule selects the requests of a [Proxy] that an action applies to.
type Rule struct {
	// Method limits the rule to an HTTP method; empty means any.
	Method string
	// Path limits the rule to paths that begin with it; empty means any.
	Path string
	// Match limits the rule further; nil means no limit.
	Match func(Request) bool
	// Skip is how many matching requests pass before the rule acts.
	Skip int
	// Times is how many times the rule acts; 0 means no limit.
	Times int
	// Every makes the rule act on every nth matching request; 0 and 1 mean all.
	Every int
	// Action is what happens, such as DropAnswer().
	Action Action
}

// Proxy is an HTTP proxy on loopback in front of one server. It records all requests and
// applies the actions of its rules to them. Its methods may be called from any goroutine.
type Proxy struct {
	door   *door
	scheme string
	target *url.URL
	ctx    context.Context //nolint:containedctx // It ends with the proxy, as its connections do.
	ended  sync.WaitGroup

	mu       sync.Mutex
	rules    []*activeRule
	requests []*Request
	closed   bool
}

type activeRule struct {
	Rule

	matched, acted int
}

// ProxyOption changes how a [Proxy] is made.
type ProxyOption func(*proxyConfig)

type proxyConfig struct {
	certs *Certs
}

// ProxyTLS makes the proxy use TLS on both sides. certs are those of the server: the proxy
// presents the server certificate to clients and the client certificate to the server.
func ProxyTLS(certs *Certs) ProxyOption {
	return func(c *proxyConfig) { c.certs = certs }
}

// NewProxy starts a proxy in front of the server with the given URL. It ends
// with the test.
func NewProxy(tb testing.TB, target string, opts ...ProxyOption) *Proxy {
	tb.Helper()

	var cfg proxyConfig
	for _, opt := range opts {
		opt(&cfg)
	}

	targetURL, err := url.Parse(target)
	if err != nil {
		tb.Fatal(err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	p := &Proxy{scheme: "http", target: targetURL, ctx: ctx}
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}
	forward := p.reverseProxy(transport)

	server := &http.Server{
		Handler:     http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.handle(w, r, forward) }),
		ReadTimeout: 0, // Long polls and held requests may take any time.
		ErrorLog:    slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		// HTTP/2 connections cannot be hijacked to reset them.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}

	if cfg.certs != nil {
		p.scheme = "https"
		transport.TLSClientConfig = cfg.certs.ClientConfig(tb)
		server.TLSConfig = serverTLS(tb, cfg.certs)
	}

	p.door = newDoor(tb, func(l net.Listener) {
		if server.TLSConfig != nil {
			l = tls.NewListener(l, server.TLSConfig)
		}

		_ = server.Serve(l) // It ends when the door closes.
	})

	tb.Cleanup(func() {
		cancel()
		p.door.close()
		_ = server.Close() // For connections that came while the door closed.
		p.update(func() { p.closed = true })
		p.ended.Wait()
		transport.CloseIdleConnections()
	})

	return p
}

func serverTLS(tb testing.TB, certs *Certs) *tls.Config {
	tb.Helper()

	pair, err := tls.X509KeyPair(certs.Server.CertPEM, certs.Server.KeyPEM)
	if err != nil {
		tb.Fatal(err)
	}

	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
}

// URL returns the URL for clients.
func (p *Proxy) URL() string { return p.scheme + "://" + p.door.claim.addr() }

// Inject adds a rule. All rules that select a request act on it; the one added first is the
// outermost.
func (p *Proxy) Inject(rule Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.rules = append(p.rules, &activeRule{Rule: rule})
}

// Clear removes all rules.
func (p *Proxy) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.rules = nil
}

// Refuse makes the proxy refuse connections and resets the open ones.
func (p *Proxy) Refuse() { p.door.refuse() }

// Accept makes the proxy accept connections again after Refuse.
func (p *Proxy) Accept(tb testing.TB) {
	tb.Helper()

	if err := p.door.open(); err != nil {
		tb.Fatal(err)
	}
}

// CutAll resets the open connections of the proxy, used or idle.
func (p *Proxy) CutAll() { p.door.cutAll() }

// Connections returns how many connections are open, and how many were
// accepted since the start.
func (p *Proxy) Connections() (open, total int) { return p.door.counts() }

// reverseProxy returns the last part of the chain, which sends the request to the server.
func (p *Proxy) reverseProxy(transport *http.Transport) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = p.target.Scheme, p.target.Host
			r.Out.URL.RawQuery = r.In.URL.RawQuery // Even if it does not parse.
		},
		Transport:     transport,
		FlushInterval: -1, // A watch gets its headers long before its event.
		ErrorLog:      slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { cut(w) },
	}
}

func (p *Proxy) handle(w http.ResponseWriter, r *http.Request, forward http.Handler) {
	if !p.enter() {
		return
	}
	defer p.ended.Done()

	record, err := p.record(r)
	if err != nil {
		cut(w)

		return
	}

	var chain http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.update(func() { record.Forwarded = true })
		forward.ServeHTTP(&statusWriter{ResponseWriter: w, onStatus: func(status int) {
			p.update(func() { record.Status = status })
		}}, r)
	})

	actions, snapshot := p.actionsFor(record)
	for _, action := range slices.Backward(actions) {
		next := chain
		chain = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			action(&Exchange{Request: snapshot, w: w, r: r, next: next, ended: p.ctx.Done()})
		})
	}

	chain.ServeHTTP(w, r)
}

// enter counts a request, and reports false when the proxy has ended.
func (p *Proxy) enter() bool {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.closed {
		return false
	}

	p.ended.Add(1)

	return true
}

func (p *Proxy) update(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()

	change()
}

// actionsFor returns the actions of the rules for a request, and a copy of the request.
func (p *Proxy) actionsFor(record *Request) ([]Action, Request) {
	p.mu.Lock()
	snapshot, rules := *record, slices.Clone(p.rules)
	p.mu.Unlock()

	var actions []Action

	for _, rule := range rules {
		// Match is a function of the test and may use the proxy, so it runs without the
		// lock.
		if rule.matches(snapshot) {
			p.update(func() {
				if rule.acts() {
					actions = append(actions, rule.Action)
				}
			})
		}
	}

	return actions, snapshot
}

func (a *activeRule) matches(r Request) bool {
	return (a.Method == "" || a.Method == r.Method) &&
		strings.HasPrefix(r.Path, a.Path) &&
		(a.Match == nil || a.Match(r))
}

// acts counts a request that matches and reports whether it is selected.
func (a *activeRule) acts() bool {
	n := a.matched - a.Skip
	a.matched++

	if n < 0 || (a.Times > 0 && a.acted >= a.Times) || (a.Every > 1 && (n+1)%a.Every != 0) {
		return false
	}

	a.acted++

	return true
}

// cut resets the connection of a request.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if errors.Is(err, http.ErrNotSupported) {
		// The answer goes to a buffer. The owner of the buffer resets the connection.
		panic(http.ErrAbortHandler)
	}

	if err == nil {
		reset(conn)
	}
}

// statusWriter reports the status of an answer.
type statusWriter struct {
	http.ResponseWriter

	onStatus func(int)
}

// WriteHeader reports the status and passes it on.
func (w *statusWriter) WriteHeader(status int) {
	w.onStatus(status)
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap gives access to the underlying writer, for flushing and for cut.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// wait waits for d. It returns false early if the client disconnects or the proxy ends.
func wait(ctx context.Context, ended <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	case <-ended:
		return false
	}
}

package etcdtest

import (
	"crypto/rand"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

var shared struct {
	mu     sync.Mutex
	inMain bool
	server *Server
	scope  *mainScope
}

// Main runs the tests of a package that uses [Shared] and ends the shared
// server after them. Call it from TestMain:
//
//	func TestMain(m *testing.M) { etcdtest.Main(m) }
func Main(m interface{ Run() int }) {
	shared.mu.Lock()
	shared.inMain = true
	shared.mu.Unlock()

	code := m.Run()

	endShared()
	os.Exit(code)
}

func endShared() {
	shared.mu.Lock()
	defer shared.mu.Unlock()

	if shared.scope != nil {
		shared.scope.end()
	}
}

// Shared returns a single node that all tests of the package share, for tests that need
// nothing but keys of their own: see [Prefix]. Such a test must not stop the server,
// enable authentication, or change members. The first call starts the server; [Main] ends it.
func Shared(tb testing.TB) *Server {
	tb.Helper()

	shared.mu.Lock()
	defer shared.mu.Unlock()

	if !shared.inMain {
		tb.Fatal("etcdtest.Shared needs `func TestMain(m *testing.M) { etcdtest.Main(m) }` in the package")
	}

	if shared.server == nil {
		// After a failed start the next test tries again, and Main cleans up after both.
		if shared.scope == nil {
			shared.scope = &mainScope{}
		}

		shared.scope.TB = tb
		shared.server = Start(shared.scope)
		shared.server.sharing = true
	}

	server := shared.server
	tb.Cleanup(func() { server.showLog(tb) })

	return server
}

// Prefix returns a directory key that no other test uses, such as
// "/TestKeys_Get-4KZ7Q2WD". It is not created.
func Prefix(tb testing.TB) string {
	tb.Helper()

	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}

		return '-'
	}, tb.Name())

	return "/" + clean[:min(len(clean), 60)] + "-" + rand.Text()[:8]
}

// mainScope is the test that happened to start the shared server, except that everything
// that belongs to the server outlasts that test.
type mainScope struct {
	testing.TB

	cleanups []func()
}

// Cleanup registers a function that Main calls after all tests.
func (m *mainScope) Cleanup(f func()) { m.cleanups = append(m.cleanups, f) }

// Failed returns false: each test that uses the server prints the log itself.
func (m *mainScope) Failed() bool { return false }

// TempDir returns a directory that lasts until the end of all tests.
func (m *mainScope) TempDir() string {
	m.Helper()

	dir, err := os.MkdirTemp("", "etcdtest")
	if err != nil {
		m.Fatal(err)
	}

	m.Cleanup(func() { _ = os.RemoveAll(dir) })

	return dir
}

func (m *mainScope) end() {
	for _, cleanup := range slices.Backward(m.cleanups) {
		cleanup()
	}
}

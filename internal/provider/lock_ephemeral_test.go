package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// pidOf wraps a program so that its process appends its id to a file.
func pidOf(t *testing.T, program, pids string) string {
	t.Helper()
	program, err := filepath.Abs(program)
	if err != nil {
		t.Fatal(err)
	}
	wrapper := filepath.Join(t.TempDir(), filepath.Base(program))
	script := fmt.Sprintf("#!/bin/sh\necho $$ >>%q\nexec %q \"$@\"\n", pids, program)
	if err := os.WriteFile(wrapper, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return wrapper
}

// lockRun is a run of a CLI that holds a lock while its provisioner waits for the test.
type lockRun struct {
	workspace *cli.Workspace
	dir       string
	done      chan lockResult
}

type lockResult struct {
	output string
	code   int
	err    error
}

// run creates a workspace for a run that takes the lock of the given key, with further attributes
// of the lock.
func (l *lab) run(t *testing.T, endpoint, key, attributes string) *lockRun {
	t.Helper()
	r := &lockRun{dir: t.TempDir(), done: make(chan lockResult, 1)}
	// The processes record their ids, so that a test can kill them.
	own := &lab{cli: pidOf(t, l.cli, filepath.Join(r.dir, "cli.pid")), provider: pidOf(t, l.provider, filepath.Join(r.dir, "provider.pid"))}
	r.workspace = own.workspace(t, "1.10.0", endpoint, fmt.Sprintf(`
ephemeral "etcd_lock" "x" {
  key = %q
  %s
}
resource "terraform_data" "x" {
  depends_on = [ephemeral.etcd_lock.x]
  provisioner "local-exec" {
    command = "touch %[3]s/started; while ! test -e %[3]s/go; do sleep 0.1; done; test ! -e %[3]s/fail"
  }
}
`, key, attributes, r.dir))
	return r
}

// start starts an apply.
func (r *lockRun) start(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	go func() {
		output, code, err := r.workspace.Run(ctx, "apply", "-auto-approve")
		r.done <- lockResult{output, code, err}
	}()
}

// started reports whether the provisioner has begun.
func (r *lockRun) started() bool {
	_, err := os.Stat(filepath.Join(r.dir, "started"))
	return err == nil
}

func (r *lockRun) awaitStart(t *testing.T) {
	t.Helper()
	waitFor(t, "the provisioner starts", func() bool {
		select {
		case result := <-r.done:
			t.Fatalf("the run has ended: code %d, %v\n%s", result.code, result.err, result.output)
		default:
		}
		return r.started()
	})
}

// letGo lets the provisioner finish.
func (r *lockRun) letGo(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (r *lockRun) result(t *testing.T) lockResult {
	t.Helper()
	select {
	case result := <-r.done:
		return result
	case <-time.After(90 * time.Second):
		t.Fatal("the run does not end")
	}
	return lockResult{}
}

func (r *lockRun) wantSuccess(t *testing.T) {
	t.Helper()
	if result := r.result(t); result.err != nil || result.code != 0 {
		t.Errorf("the run ended with code %d, %v:\n%s", result.code, result.err, result.output)
	}
}

// kill ends the latest process of a program, like kill -9.
func (r *lockRun) kill(t *testing.T, name string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(r.dir, name+".pid"))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Fields(data)
	pid, err := strconv.Atoi(string(lines[len(lines)-1]))
	if err != nil {
		t.Fatal(err)
	}
	process, err := os.FindProcess(pid)
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// waitFor polls until check returns true, for at most a minute.
func waitFor(tb testing.TB, what string, check func() bool) {
	tb.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !check() {
		select {
		case <-deadline:
			tb.Fatalf("timed out after a minute: %s", what)
		case <-tick.C:
		}
	}
}

func TestAccLockEphemeral(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for name, test := range map[string]func(*testing.T, *lab){
		"contended":          testLockContended,
		"deleted":            testLockDeleted,
		"overwritten":        testLockOverwritten,
		"provider is killed": testLockProviderKilled,
		"CLI is killed":      testLockCLIKilled,
		"run fails":          testLockRunFails,
		"run is interrupted": testLockRunInterrupted,
		"server is away":     testLockServerAway,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, l)
		})
	}
}

// The first run keeps its lock for several times its TTL. The second waits for it with a watch,
// and continues when the first is done.
func testLockContended(t *testing.T, l *lab) {
	t.Helper()
	s, key := l.server, etcdtest.Prefix(t)+"/lock"
	proxy := etcdtest.NewProxy(t, s.URL())
	first := l.run(t, s.URL(), key, `ttl = 3`)
	second := l.run(t, proxy.URL(), key, "ttl = 3\n  timeout = \"60s\"")
	first.start(t)
	first.awaitStart(t)
	held := s.Get(t, key).Node
	second.start(t)
	waitFor(t, "the second run waits", func() bool { return watches(proxy) > 0 })

	// Three TTLs: without a renewal the lock would be free after the first.
	renewals := map[uint64]bool{}
	for end := time.Now().Add(9 * time.Second); time.Now().Before(end); {
		now := s.Get(t, key)
		if !now.OK() || now.Node.CreatedIndex != held.CreatedIndex || now.Node.Value != held.Value {
			t.Fatalf("the lock of the first run is lost: %+v, want %+v", now, held)
		}
		if second.started() {
			t.Fatal("both runs hold the lock at the same time")
		}
		renewals[now.Node.ModifiedIndex] = true
		select {
		case <-t.Context().Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
	if n := len(renewals); n < 4 || n > 15 {
		t.Errorf("the lock was renewed %d times in 9s, want about once a second", n-1)
	}

	first.letGo(t)
	first.wantSuccess(t)
	second.awaitStart(t)
	if now := s.Get(t, key).Node; now.CreatedIndex <= held.CreatedIndex || now.Value == held.Value {
		t.Errorf("the lock of the second run is %+v, want a newer one than %+v", now, held)
	}
	second.letGo(t)
	second.wantSuccess(t)
	if s.Get(t, key).OK() {
		t.Error("the lock still exists after both runs")
	}
}

func testLockDeleted(t *testing.T, l *lab) {
	t.Helper()
	testLockLost(t, l, func(key string) { l.server.Delete(t, key) })
}

func testLockOverwritten(t *testing.T, l *lab) {
	t.Helper()
	key := testLockLost(t, l, func(key string) { l.server.Put(t, key, "rival") })
	if l.server.Get(t, key).Node.Value != "rival" {
		t.Error("the run has changed the key of its rival")
	}
}

func testLockLost(t *testing.T, l *lab, lose func(key string)) (key string) {
	t.Helper()
	key = etcdtest.Prefix(t) + "/lock"
	run := l.run(t, l.server.URL(), key, `ttl = 3`)
	run.start(t)
	run.awaitStart(t)
	lose(key)
	run.letGo(t)
	result := run.result(t)
	if result.err != nil || result.code != 1 || !spaced("Lock was lost").MatchString(result.output) || !strings.Contains(result.output, key) {
		t.Errorf("the run ended with code %d, %v, want 1 and a message about the lost lock %s:\n%s", result.code, result.err, key, result.output)
	}
	if strings.Contains(result.output, "rival") {
		t.Error("the output contains the value of the key")
	}
	return key
}

// After a run is killed, nobody renews its lock, not even its provider if that is still running.
func testLockProviderKilled(t *testing.T, l *lab) {
	t.Helper()
	testLockKilled(t, l, "provider")
}

func testLockCLIKilled(t *testing.T, l *lab) {
	t.Helper()
	first := testLockKilled(t, l, "cli")
	first.kill(t, "provider")
}

func testLockKilled(t *testing.T, l *lab, process string) (killed *lockRun) {
	t.Helper()
	key := etcdtest.Prefix(t) + "/lock"
	proxy := etcdtest.NewProxy(t, l.server.URL())
	first := l.run(t, l.server.URL(), key, `ttl = 4`)
	second := l.run(t, proxy.URL(), key, `ttl = 4`)
	first.start(t)
	first.awaitStart(t)
	held := l.server.Get(t, key).Node
	second.start(t)
	waitFor(t, "the second run waits", func() bool { return watches(proxy) > 0 })
	first.kill(t, process)
	since := time.Now()
	waitFor(t, "the lock is free", func() bool {
		now := l.server.Get(t, key)
		return !now.OK() || now.Node.CreatedIndex != held.CreatedIndex
	})
	if took := time.Since(since); took > 6*time.Second {
		t.Errorf("the lock was free after %s, want 4s and the time for its purge", took)
	}
	second.awaitStart(t)
	second.letGo(t)
	second.wantSuccess(t)
	first.letGo(t)
	if result := first.result(t); result.err == nil && result.code == 0 {
		t.Errorf("the run succeeded although its %s was killed:\n%s", process, result.output)
	}
	return first
}

// A CLI does not close the ephemeral resources of a failed run.
func testLockRunFails(t *testing.T, l *lab) {
	t.Helper()
	s, key := l.server, etcdtest.Prefix(t)+"/lock"
	run := l.run(t, s.URL(), key, `ttl = 600`)
	run.start(t)
	run.awaitStart(t)
	if err := os.WriteFile(filepath.Join(run.dir, "fail"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	run.letGo(t)
	result := run.result(t)
	if result.code != 1 || s.Get(t, key).OK() {
		t.Errorf("the run ended with code %d, and the lock may still exist:\n%s", result.code, result.output)
	}
}

func testLockRunInterrupted(t *testing.T, l *lab) {
	t.Helper()
	s, key := l.server, etcdtest.Prefix(t)+"/lock"
	run := l.run(t, s.URL(), key, `ttl = 600`)
	ctx, interrupt := context.WithCancel(t.Context())
	go func() {
		output, code, err := run.workspace.Run(ctx, "apply", "-auto-approve")
		run.done <- lockResult{output, code, err}
	}()
	run.awaitStart(t)
	interrupt()
	run.letGo(t)
	result := run.result(t)
	if s.Get(t, key).OK() {
		t.Errorf("the lock still exists after the run was interrupted, code %d, %v:\n%s", result.code, result.err, result.output)
	}
}

// A failed renewal is tried again while there is time.
func testLockServerAway(t *testing.T, l *lab) {
	t.Helper()
	key := etcdtest.Prefix(t) + "/lock"
	proxy := etcdtest.NewProxy(t, l.server.URL())
	run := l.run(t, proxy.URL(), key, `ttl = 12`)
	run.start(t)
	run.awaitStart(t)
	held := l.server.Get(t, key).Node
	proxy.Refuse()
	// The first renewal is due after 4 seconds, the next ones a second after each failure.
	select {
	case <-t.Context().Done():
	case <-time.After(5 * time.Second):
	}
	proxy.Accept(t)
	waitFor(t, "the lock is renewed", func() bool {
		now := l.server.Get(t, key)
		return now.OK() && now.Node.ModifiedIndex > held.ModifiedIndex
	})
	if now := l.server.Get(t, key).Node; now.CreatedIndex != held.CreatedIndex {
		t.Errorf("the lock is %+v, want a renewed one of %+v", now, held)
	}
	run.letGo(t)
	run.wantSuccess(t)
}

// A run that waits without success names the owner of the lock. A run that does not wait names the
// owner at once.
func TestAccLockEphemeral_owner(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ owner, want, timeout string }{
		"the default":          {"", regexp.QuoteMeta(host) + ` \(pid \d+\)`, "1s"},
		"as configured":        {`owner = "ci.example.com/jobs/17"`, regexp.QuoteMeta("ci.example.com/jobs/17"), "1s"},
		"without waiting":      {`owner = "ci.example.com/jobs/18"`, regexp.QuoteMeta("ci.example.com/jobs/18"), "0s"},
		"after a kill of both": {`owner = "ci.example.com/jobs/19"`, regexp.QuoteMeta("ci.example.com/jobs/19"), "0s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := etcdtest.Prefix(t) + "/lock"
			first := l.run(t, l.server.URL(), key, "ttl = 600\n  "+test.owner)
			first.start(t)
			first.awaitStart(t)
			if strings.HasPrefix(name, "after a kill") {
				first.kill(t, "cli")
				first.kill(t, "provider")
			}
			second := l.run(t, l.server.URL(), key, fmt.Sprintf("timeout = %q", test.timeout))
			second.start(t)
			result := second.result(t)
			output := strings.Join(strings.Fields(strings.NewReplacer("│", "", "╷", "", "╵", "").Replace(result.output)), " ")
			want := regexp.MustCompile(`Lock is held by another run .*Its holder is ` + test.want + `, since \d{4}-\d\d-\d\dT[0-9:]+Z`)
			if result.err != nil || result.code != 1 || !want.MatchString(output) {
				t.Errorf("the run ended with code %d, %v, want it to match %s:\n%s", result.code, result.err, want, result.output)
			}
			if token := tokenOf(l.server.Get(t, key).Node.Value); token == "" || strings.Contains(result.output, token) ||
				strings.Contains(result.output, "context deadline") {
				t.Errorf("the output contains the token %q, or the error of the context:\n%s", token, result.output)
			}
			first.letGo(t)
			if !strings.HasPrefix(name, "after a kill") {
				first.wantSuccess(t)
			}
		})
	}
}

// tokenOf returns the token in the value of a lock.
func tokenOf(value string) string {
	var v struct{ Token string }
	if err := json.Unmarshal([]byte(value), &v); err != nil {
		return ""
	}
	return v.Token
}

func TestAccLockEphemeral_timeout(t *testing.T) {
	t.Parallel()
	s, key := etcdtest.Shared(t), etcdtest.Prefix(t)+"/lock"
	held := s.Put(t, key, "the token of another").Node
	s.Mkdir(t, key+"-dir")
	step := func(key, attributes, want string) resource.TestStep {
		return resource.TestStep{
			Config:      config(s.URL(), "ephemeral \"etcd_lock\" \"x\" {\n  key     = %q\n  timeout = \"1s\"\n  %s\n}", key, attributes),
			ExpectError: spaced(want),
		}
	}
	acceptanceOfEphemeral(t,
		step(key, ``, key+" was not free within 1s"),
		step(key, ``, fmt.Sprintf("The key has no TTL, so the lock is never released by itself: delete the key if nobody uses it. The key was "+
			"created at "+
			"index %d", held.CreatedIndex)),
		step(key, ``, "The key does not name a holder"),
		step(key, `owner = ""`, "the owner of a lock is empty"),
		step(key+"-dir", ``, "There is a directory at "+key+"-dir"),
		step(key+"/below", ``, "a key cannot contain anything"),
		step(key, `ttl = 2`, "between 3 and"),
		step("lock", ``, "does not start with a slash"),
	)
	if now := s.Get(t, key).Node; now.ModifiedIndex != held.ModifiedIndex {
		t.Errorf("the other owner's key was changed: %+v", now)
	}
}

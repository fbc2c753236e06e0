package examples_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// conflict has a rival write between a plan and its apply, which is refused
// with the message that the guide shows.
func conflict(t *testing.T, r *run) {
	t.Helper()

	r.must(t, 0, "plan", "-var=workers=8", "-out=saved")
	r.server.Put(t, "/app/workers", "2")
	output := r.must(t, 1, "apply", "saved")
	shown, err := os.ReadFile(filepath.Join(r.source, "refused.txt"))
	if err != nil {
		t.Fatal(err)
	}
	number := regexp.MustCompile(`\d+`)
	for line := range strings.Lines(string(shown)) {
		line = number.ReplaceAllString(strings.TrimSpace(line), "N")
		if !strings.Contains(number.ReplaceAllString(output, "N"), line) {
			t.Errorf("the message has no line %q:\n%s", line, output)
		}
	}
	if got := r.keys(t)["/app/workers"]; got != "2" {
		t.Errorf("after the refusal /app/workers = %q, want the rival's 2", got)
	}
	r.must(t, 2, "plan", "-detailed-exitcode")
	r.apply(t)
}

// ttl looks at the lives that the server gives, and has a renewal planned by
// shortening one.
func ttl(t *testing.T, r *run) {
	t.Helper()

	for key, want := range map[string]int{"/app/token": 86400, "/scratch": 3600, "/leases/web-1": 600} {
		if got := r.ttl(t, key); got <= want-60 || got > want {
			t.Errorf("%s has %d seconds to live, want about %d", key, got, want)
		}
	}
	r.server.Put(t, "/app/token", "7f3a", "ttl=21000")
	r.apply(t)
	if got := r.ttl(t, "/app/token"); got <= 86400-60 {
		t.Errorf("/app/token has %d seconds to live and was not renewed", got)
	}
}

// ttl is the rest of a key's life in seconds.
func (r *run) ttl(t *testing.T, key string) int {
	t.Helper()

	var answer struct{ Node struct{ TTL int } }
	r.server.Get(t, key).Decode(t, &answer)
	return answer.Node.TTL
}

package provider

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// rounds is how often each kind of write is tried with a lost answer.
const rounds = 100

// quickRetry returns attributes with which a provider tries again without a long wait.
func quickRetry(endpoint string) map[string]any {
	return map[string]any{
		"endpoints": []string{endpoint},
		"retry":     map[string]any{"max_attempts": 3, "min_delay": "1ms", "max_delay": "2ms"},
	}
}

func mustApply(t *testing.T, d *direct, from managed, attributes map[string]any) managed {
	t.Helper()
	after, errs := d.apply(t, from, attributes)
	if errs != "" {
		t.Fatal(errs)
	}
	return after
}

func TestKeyResource_lostAnswers(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	for _, form := range keyForms() {
		t.Run(form.name, func(t *testing.T) {
			t.Parallel()
			proxy := etcdtest.NewProxy(t, s.URL())
			d := newDirect(t, quickRetry(proxy.URL()))
			prefix := etcdtest.Prefix(t)
			for i := range rounds {
				loseAnswers(t, d, proxy, s, form, fmt.Sprintf("%s/k%d", prefix, i), i%2 == 1)
			}
			lost := 0
			for _, r := range proxy.Forwarded() {
				if r.Method != http.MethodGet {
					lost++
				}
			}
			if want := 2 * 3 * rounds; lost < want {
				t.Errorf("the server got %d writes, want at least %d: no answer was lost", lost, want)
			}
		})
	}
}

// loseAnswers creates, updates and deletes a key, and loses the answer each time.
func loseAnswers(t *testing.T, d *direct, proxy *etcdtest.Proxy, s *etcdtest.Server, form keyForm, key string, expires bool) {
	t.Helper()
	drop := func(method string) {
		proxy.Clear()
		proxy.Inject(etcdtest.Rule{Method: method, Times: 1, Action: etcdtest.DropAnswer()})
	}
	o := d.none("etcd_key")
	for i, value := range []string{"one", "two"} {
		attributes := form.attributes(key, value, i)
		if expires {
			attributes["ttl"] = 1000
		}
		drop(http.MethodPut)
		o = mustApply(t, d, o, attributes)
		form.agrees(t, s, o, key, value)
	}
	drop(http.MethodDelete)
	o = mustApply(t, d, o, nil)
	if code := s.Get(t, key).ErrorCode; o.exists() || code != 100 {
		t.Fatalf("%s is in state: %t, on the server: code %d", key, o.exists(), code)
	}
}

// agree checks that state agrees with the server.
func agree(t *testing.T, s *etcdtest.Server, o managed, key, value string) {
	t.Helper()
	node := s.Get(t, key).Node
	if node.Value != value || o.text(t, "value") != value {
		t.Fatalf("value of %s = %q in state, %q on the server, want %q", key, o.text(t, "value"), node.Value, value)
	}
	if got, want := o.text(t, "modified_index"), fmt.Sprint(node.ModifiedIndex); got != want {
		t.Fatalf("modified_index of %s = %s in state, %s on the server", key, got, want)
	}
	if got, want := o.text(t, "expiration") != "", node.Expiration != ""; got != want {
		t.Fatalf("expiration of %s in state: %t, on the server: %t", key, got, want)
	}
}

// Every answer to a write is lost, so that the client runs out of attempts, and only the last
// read can settle the outcome.
func TestKeyResource_allAnswersLost(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	attributes := quickRetry(proxy.URL())
	attributes["retry"] = map[string]any{"max_attempts": 1}
	d := newDirect(t, attributes)
	key := etcdtest.Prefix(t) + "/k"
	for _, method := range []string{"PUT", "DELETE"} {
		proxy.Inject(etcdtest.Rule{Method: method, Action: etcdtest.DropAnswer()})
	}
	o := mustApply(t, d, d.none("etcd_key"), map[string]any{"key": key, "value": "one"})
	agree(t, s, o, key, "one")
	o = mustApply(t, d, o, map[string]any{"key": key, "value": "two"})
	agree(t, s, o, key, "two")
	if o = mustApply(t, d, o, nil); o.exists() {
		t.Error("the key is still in state")
	}
}

// Writes are cut before the server gets them, and the client cannot know that.
func TestKeyResource_outcomeUnknown(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, quickRetry(proxy.URL()))
	key := etcdtest.Prefix(t) + "/k"
	cut := func() {
		for _, method := range []string{"PUT", "DELETE"} {
			proxy.Inject(etcdtest.Rule{Method: method, Action: etcdtest.CutBefore()})
		}
	}
	const unknown = "Outcome of a write is unknown"

	cut()
	o, errs := d.apply(t, d.none("etcd_key"), map[string]any{"key": key, "value": "secret-1"})
	if o.exists() || !strings.Contains(errs, unknown) {
		t.Errorf("create: in state: %t, errors = %q", o.exists(), errs)
	}
	proxy.Clear()
	o = mustApply(t, d, d.none("etcd_key"), map[string]any{"key": key, "value": "secret-1"})
	before := o.text(t, "modified_index")

	cut()
	o, errs = d.apply(t, o, map[string]any{"key": key, "value": "secret-2"})
	if !strings.Contains(errs, unknown) || strings.Contains(errs, "secret") {
		t.Errorf("update: errors = %q", errs)
	}
	if got := o.text(t, "value"); got != "secret-1" || o.text(t, "modified_index") != before {
		t.Errorf("update: state has value %q at %s, want the old value", got, o.text(t, "modified_index"))
	}
	o, errs = d.apply(t, o, nil)
	if !o.exists() || !strings.Contains(errs, unknown) {
		t.Errorf("delete: in state: %t, errors = %q", o.exists(), errs)
	}
	proxy.Clear()
	agree(t, s, o, key, "secret-1")
	mustApply(t, d, o, nil)
}

// The run is interrupted while it waits for the answer: state must still contain what was
// written.
func TestKeyResource_interrupted(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	proxy := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, quickRetry(proxy.URL()))
	key := etcdtest.Prefix(t) + "/k"
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	proxy.Inject(etcdtest.Rule{Method: "PUT", Times: 1, Action: etcdtest.InterceptAnswer(func(etcdtest.Request) { interrupt() })})
	none := d.none("etcd_key")
	plan, config := d.plan(t, none, map[string]any{"key": key, "value": "one"})
	o, errs := d.applyPlan(ctx, t, none, plan, config)
	if errs != "" {
		t.Fatal(errs)
	}
	agree(t, s, o, key, "one")
}

func TestKeyResource_savedPlanAfterRival(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	d := newDirect(t, map[string]any{"endpoints": []string{s.URL()}})
	for name, test := range map[string]struct {
		rival  func(t *testing.T, key string)
		update string // the error of an update, empty if it succeeds
		remove string // the error of a delete
		after  string // the rival's value; empty for none
	}{
		"another value": {
			func(t *testing.T, key string) { t.Helper(); s.Put(t, key, "theirs") },
			"Key changed since it was planned", "Key changed since it was planned", "theirs",
		},
		"a TTL": {
			func(t *testing.T, key string) { t.Helper(); s.Put(t, key, "one", "ttl=500") },
			"Key changed since it was planned", "Key changed since it was planned", "one",
		},
		"only the index moved": {func(t *testing.T, key string) { t.Helper(); s.Put(t, key, "one") }, "", "", ""},
		"already as planned": {
			func(t *testing.T, key string) { t.Helper(); s.Put(t, key, "two") },
			"", "Key changed since it was planned", "two",
		},
		"deleted": {func(t *testing.T, key string) { t.Helper(); s.Delete(t, key) }, "Key was deleted since it was planned", "", ""},
		"a directory now": {
			func(t *testing.T, key string) { t.Helper(); s.Delete(t, key); s.Put(t, key+"/child", "theirs") },
			"Key is a directory now", "", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for verb, want := range map[string]string{"update": test.update, "remove": test.remove} {
				key := etcdtest.Prefix(t) + "/" + verb
				o := mustApply(t, d, d.none("etcd_key"), map[string]any{"key": key, "value": "one"})
				var attributes map[string]any
				if verb == "update" {
					attributes = map[string]any{"key": key, "value": "two"}
				}
				plan, config := d.plan(t, o, attributes)
				test.rival(t, key)
				rival := s.Get(t, key).Node
				after, errs := d.applyPlan(t.Context(), t, o, plan, config)
				if (errs != "") != (want != "") || !strings.Contains(errs, want) {
					t.Fatalf("%s: errors = %q, want %q", verb, errs, want)
				}
				if want == "" {
					continue
				}
				if !after.exists() || after.text(t, "value") != "one" {
					t.Errorf("%s: state after the refusal = %s, want it unchanged", verb, after.state)
				}
				if test.after != "" {
					indexes := []string{"index " + o.text(t, "modified_index"), fmt.Sprintf("at %d now", rival.ModifiedIndex)}
					for _, index := range indexes {
						if !strings.Contains(errs, index) {
							t.Errorf("%s: the error does not contain %q: %s", verb, index, errs)
						}
					}
					if now := s.Get(t, key).Node; now.Value != test.after || now.ModifiedIndex != rival.ModifiedIndex {
						t.Errorf("%s: value on the server = %q at %d, want the rival's", verb, now.Value, now.ModifiedIndex)
					}
				}
			}
		})
	}
}

// Two applies race on one key, from the same state: one wins, and the other reports a conflict.
func TestKeyResource_race(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	prefix := etcdtest.Prefix(t)
	providers := []*direct{
		newDirect(t, map[string]any{"endpoints": []string{s.URL()}}),
		newDirect(t, map[string]any{"endpoints": []string{s.URL()}}),
	}
	for i := range 50 {
		key := fmt.Sprintf("%s/k%d", prefix, i)
		race := func(from managed, conflict string) managed {
			var racers sync.WaitGroup
			results, errs := make([]managed, len(providers)), make([]string, len(providers))
			for n, d := range providers {
				racers.Go(func() {
					etcdtest.Apart(t, func(t *testing.T) {
						results[n], errs[n] = d.apply(t, from, map[string]any{"key": key, "value": fmt.Sprintf("%s by %d", conflict, n)})
					})
				})
			}
			racers.Wait()
			winner := 0
			if errs[0] != "" {
				winner = 1
			}
			if errs[winner] != "" || !strings.Contains(errs[1-winner], conflict) {
				t.Fatalf("round %d: errors = %q, want exactly one, with %q", i, errs, conflict)
			}
			agree(t, s, results[winner], key, fmt.Sprintf("%s by %d", conflict, winner))
			return results[winner]
		}
		created := race(providers[0].none("etcd_key"), "Key already exists")
		race(created, "Key changed since it was planned")
	}
}

// A user with write access only can create a key, and gets an error about the missing permission
// when the key has to be read. A user with read access only changes nothing.
func TestKeyResource_permissions(t *testing.T) {
	t.Parallel()

	s := etcdtest.Start(t, etcdtest.WithAuth("root-password"))
	for user, kv := range map[string]map[string][]string{
		"writer": {"write": {"/app/*"}, "read": {}},
		"reader": {"write": {}, "read": {"/app/*"}},
	} {
		s.JSON(t, "PUT", "/v2/auth/roles/"+user, map[string]any{"role": user, "permissions": map[string]any{"kv": kv}})
		s.JSON(t, "PUT", "/v2/auth/users/"+user, map[string]any{"user": user, "password": "pw-" + user})
		s.JSON(t, "PUT", "/v2/auth/users/"+user, map[string]any{"user": user, "grant": []string{user}})
	}
	as := func(user string) *direct {
		return newDirect(t, map[string]any{"endpoints": []string{s.URL()}, "username": user, "password": "pw-" + user})
	}
	writer, reader := as("writer"), as("reader")
	attributes := map[string]any{"key": "/app/k", "value": "v"}

	o, errs := reader.apply(t, reader.none("etcd_key"), attributes)
	if o.exists() || !strings.Contains(errs, "answered 401") || strings.Contains(errs, "pw-") {
		t.Errorf("create by the reader: in state: %t, errors = %q", o.exists(), errs)
	}
	o = mustApply(t, writer, writer.none("etcd_key"), attributes)
	agree(t, s, o, "/app/k", "v")
	if after, errs := writer.refresh(t, o); !after.exists() || !strings.Contains(errs, "Unable to read key") {
		t.Errorf("refresh by the writer: in state: %t, errors = %q", after.exists(), errs)
	}
	if _, errs := writer.apply(t, writer.none("etcd_key"), attributes); !strings.Contains(errs, "exists") &&
		!strings.Contains(errs, "refused") {
		t.Errorf("second create by the writer: errors = %q", errs)
	}
	for _, change := range []map[string]any{{"key": "/app/k", "value": "w"}, nil} {
		if after, errs := reader.apply(t, o, change); !after.exists() || !strings.Contains(errs, "answered 401") {
			t.Errorf("change by the reader: in state: %t, errors = %q", after.exists(), errs)
		}
	}
	agree(t, s, o, "/app/k", "v")
}

// The default TTL may depend on a value that is known only after apply.
func TestKeyResource_defaultTTLUnknown(t *testing.T) {
	t.Parallel()

	s := etcdtest.Shared(t)
	key := etcdtest.Prefix(t) + "/k"
	before := newDirect(t, map[string]any{"endpoints": []string{s.URL()}, "default_ttl": unknownValue{}})
	after := newDirect(t, map[string]any{"endpoints": []string{s.URL()}, "default_ttl": 600})
	none := before.none("etcd_key")
	plan, config := before.plan(t, none, map[string]any{"key": key, "value": "v"})
	if text := errorText(plan.Diagnostics); text != "" {
		t.Fatal(text)
	}
	o, errs := after.applyPlan(t.Context(), t, none, plan, config)
	if errs != "" {
		t.Fatal(errs)
	}
	if got := o.text(t, "ttl"); got != "600" {
		t.Errorf("ttl = %s, want 600", got)
	}
	agree(t, s, o, key, "v")
}

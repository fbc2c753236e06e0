package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// The torture of the provider: random configurations are planned and applied while requests meet
// faults, applies are interrupted and a rival writes. After each apply the state, the store and
// the errors must agree. SEED and COUNT are those of the random trees, and STEPS is the number of
// applies for each seed.

const (
	tortureRate   = 0.3
	tortureSecret = "tOp-sEcReT"
)

// tortured is a provider under faults.
type tortured struct {
	server *etcdtest.Server
	rng    *rand.Rand
	// faulty reaches the server through a proxy with faults, clean directly.
	faulty, clean *direct
	proxy         *etcdtest.Proxy
	faults        atomic.Int64
	calm          atomic.Bool
	unknown       int
	applies       int
}

// torturedObject is an object of the configuration.
type torturedObject struct {
	typeName, id string
	// next returns a configuration, nil for no object.
	next func(rng *rand.Rand) map[string]any
	// onServer returns what the server has of the object.
	onServer func(t *testing.T) map[string]string
	// recorded returns the content of the server according to the state, nil if only a refresh
	// can compare them.
	recorded func(t *testing.T, o managed) map[string]string
	// meddle makes a write that no plan shows, nil if the server has no condition against it.
	meddle func(t *testing.T, rng *rand.Rand)

	managed managed
	config  map[string]any
}

func newTortured(t *testing.T, server *etcdtest.Server, seed uint64) *tortured {
	t.Helper()
	w := &tortured{server: server, rng: rand.New(rand.NewPCG(seed, 16))}
	proxy := etcdtest.NewProxy(t, server.URL())
	w.proxy = proxy
	var requests atomic.Uint64
	proxy.Inject(etcdtest.Rule{Action: func(x *etcdtest.Exchange) {
		rng := rand.New(rand.NewPCG(seed, requests.Add(1)))
		if w.calm.Load() || rng.Float64() >= tortureRate {
			x.Forward()
			return
		}
		w.faults.Add(1)
		actions := []etcdtest.Action{
			etcdtest.CutBefore(), etcdtest.DropAnswer(), etcdtest.DropAnswer(), etcdtest.TruncateAnswer(rng.IntN(60)),
			etcdtest.Delay(time.Duration(rng.IntN(5))*time.Millisecond, 0),
			func(x *etcdtest.Exchange) { x.Fetch(); etcdtest.Respond(http.StatusGatewayTimeout, nil, "time-out")(x) },
		}
		actions[rng.IntN(len(actions))](x)
	}})
	attributes := endpoint(proxy.URL())
	attributes["retry"] = map[string]any{"max_attempts": 3, "min_delay": "1ms", "max_delay": "2ms"}
	w.faulty, w.clean = newDirect(t, attributes), newDirect(t, endpoint(server.URL()))
	return w
}

// restarted returns a new provider, like the one that a CLI starts for each plan.
func (d *direct) restarted(t *testing.T) *direct {
	t.Helper()
	next := &direct{server: newServer(), schemas: d.schemas, attributes: d.attributes}
	next.configure(t.Context(), t, next.server)
	return next
}

// step changes one object under faults, and checks the outcome.
func (w *tortured) step(t *testing.T, o *torturedObject) {
	t.Helper()
	want := o.next(w.rng)
	before := o.managed
	w.faulty = w.faulty.restarted(t)
	w.proxy.Reset()
	if before.exists() {
		after, errs := w.faulty.refresh(t, before)
		w.wantNoSecret(t, o, errs)
		switch {
		case errs != "" && !after.state.Equal(before.state):
			t.Errorf("%s: a failed refresh changed the state: %s", o.id, errs)
			return
		case errs != "":
			return
		case !after.exists() && len(o.onServer(t)) > 0:
			t.Errorf("%s: a refresh takes the object for gone, and the server has %v", o.id, o.onServer(t))
			return
		}
		before = after
	}
	o.managed = before
	if want == nil && !before.exists() {
		return
	}
	planned, config := w.faulty.plan(t, before, want)
	w.wantNoSecret(t, o, errorText(planned.Diagnostics), string(planned.PlannedState.MsgPack), string(planned.PlannedPrivate))
	if errorText(planned.Diagnostics) != "" || undynamic(t, config.Type(), planned.PlannedState).Equal(before.state) {
		return
	}
	shown := o.onServer(t)
	if o.meddle != nil && w.rng.IntN(4) == 0 {
		o.meddle(t, w.rng)
	}
	theirs := o.onServer(t)
	ctx, cancel := t.Context(), context.CancelFunc(func() {})
	if w.rng.IntN(6) == 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(w.rng.IntN(10_000))*time.Microsecond)
	}
	after, diags := w.faulty.applyDiags(ctx, t, before, planned, config)
	cancel()
	w.applies++
	o.managed, o.config = after, want
	w.wantNoSecret(t, o, fmt.Sprint(allText(diags)), fmt.Sprint(after.state), string(after.private))
	errs := strings.Join(strings.Fields(errorText(diags)), " ")
	w.check(t, o, applied{before: before, after: after, shown: shown, theirs: theirs, errs: errs, warned: warnings(diags)})
	w.converge(t, o, want)
}

// applied is one apply with its outcome.
type applied struct {
	before, after managed
	// shown is the content of the server at plan time, and theirs its content at apply time.
	shown, theirs map[string]string
	errs, warned  string
}

// check checks that state and store agree after an apply, or that the error names what is unknown,
// and that nothing was overwritten that no plan has shown.
func (w *tortured) check(t *testing.T, o *torturedObject, a applied) {
	t.Helper()
	now := o.onServer(t)
	saysUnknown := strings.Contains(strings.ToLower(a.errs), "unknown")
	if saysUnknown {
		w.unknown++
	}
	for path, value := range a.theirs {
		if meddled := a.shown[path] != value; meddled && now[path] != value {
			t.Errorf("%s: a rival had written %s=%q after the plan, and the apply made %q of it: %s", o.id, path, value, now[path], a.errs)
		}
	}
	if a.errs != "" && saysUnknown {
		return
	}
	for path, has := range w.recorded(t, o, a.after) {
		isUntouched := a.errs+a.warned != "" && now[path] == a.theirs[path]
		if now[path] != has && !isUntouched {
			t.Errorf("%s: the server has %q at %s, the state %q, and before the apply it had %q: %s",
				o.id, now[path], path, has, a.theirs[path], a.errs)
		}
	}
	recorded := w.recorded(t, o, a.after)
	for path, value := range now {
		if _, known := recorded[path]; !known && a.theirs[path] != value {
			t.Errorf("%s: the apply has left %s=%q, which is in no state: %s%s", o.id, path, value, a.errs, w.requests())
		}
	}
}

// requests describes the requests of a step, without their content.
func (w *tortured) requests() string {
	var text strings.Builder
	for _, r := range w.proxy.Requests() {
		fmt.Fprintf(&text, "\n%s %s: forwarded %t, status %d", r.Method, r.Path, r.Forwarded, r.Status)
	}
	return text.String()
}

// recorded returns the content of the server according to the state. If only a refresh can compare
// them, it returns the content of the server unless a refresh finds a difference.
func (w *tortured) recorded(t *testing.T, o *torturedObject, after managed) map[string]string {
	t.Helper()
	if o.recorded != nil || !after.exists() {
		if !after.exists() {
			return nil
		}
		return o.recorded(t, after)
	}
	fresh, errs := w.clean.restarted(t).refresh(t, after)
	if errs != "" {
		t.Errorf("%s: refresh without faults: %s", o.id, errs)
	}
	if fresh.state.Equal(after.state) {
		return o.onServer(t)
	}
	return map[string]string{"state": "a refresh changes it: " + diffText(after.state, fresh.state)}
}

// converge applies the same configuration once more, without faults. An object that exists without
// being in state is imported, as the error advises.
func (w *tortured) converge(t *testing.T, o *torturedObject, want map[string]any) {
	t.Helper()
	w.calm.Store(true)
	defer w.calm.Store(false)
	changed := ""
	for range 4 {
		w.clean = w.clean.restarted(t)
		if o.managed.exists() {
			fresh, errs := w.clean.refresh(t, o.managed)
			if errs != "" {
				t.Fatalf("%s: refresh without faults: %s", o.id, errs)
			}
			o.managed = fresh
		}
		if !o.managed.exists() && want == nil {
			return
		}
		if !o.managed.exists() && len(o.onServer(t)) > 0 {
			o.managed = w.clean.imported(t, o.typeName, o.id)
		}
		planned, config := w.clean.plan(t, o.managed, want)
		if errs := errorText(planned.Diagnostics); errs != "" {
			t.Fatalf("%s: plan without faults: %s", o.id, errs)
		}
		goal := undynamic(t, o.managed.state.Type(), planned.PlannedState)
		if goal.Equal(o.managed.state) {
			return
		}
		changed = diffText(o.managed.state, goal)
		after, errs := w.clean.applyPlan(t.Context(), t, o.managed, planned, config)
		// An earlier request can still arrive.
		if errs != "" && !strings.Contains(errs, "already exists") && !strings.Contains(errs, "since it was planned") {
			t.Fatalf("%s: apply without faults: %s", o.id, errs)
		}
		o.managed = after
		changed += " " + errs
	}
	t.Errorf("%s: the plan is not empty after three applies without faults: %s; the server has %v", o.id, changed, o.onServer(t))
}

// wantNoSecret checks that no text contains a secret.
func (w *tortured) wantNoSecret(t *testing.T, o *torturedObject, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(text, tortureSecret) {
			t.Errorf("%s: %q contains a secret", o.id, text)
		}
	}
}

// diffText describes how two values differ.
func diffText(from, to tftypes.Value) string {
	diffs, err := from.Diff(to)
	return fmt.Sprint(diffs, err)
}

func allText(diags []*tfprotov6.Diagnostic) (lines []string) {
	for _, d := range diags {
		lines = append(lines, d.Summary, d.Detail)
	}
	return lines
}

// tree returns the values of the keys at a path and below it, by path, and "" for a directory
// without keys.
func (w *tortured) tree(t *testing.T, path string) map[string]string {
	t.Helper()
	answer := w.server.Do(t, etcdtest.Call{Path: "/v2/keys" + path, Query: map[string][]string{"recursive": {"true"}}})
	found := map[string]string{}
	if !answer.OK() {
		return found
	}
	for nodes := []etcdtest.Node{answer.Node}; len(nodes) > 0; nodes = nodes[1:] {
		n := nodes[0]
		if !n.Dir {
			found[n.Key] = fmt.Sprintf("%s, expires %t", n.Value, n.TTL != 0)
		} else if len(n.Nodes) == 0 && n.Key == path {
			found[n.Key] = "directory"
		}
		nodes = append(nodes, n.Nodes...)
	}
	return found
}

// auth returns the answer of the server about a user or a role.
func (w *tortured) auth(t *testing.T, path string) map[string]string {
	t.Helper()
	answer := w.server.Do(t, etcdtest.Call{Path: path})
	// A user with a role that does not exist is shown as an error that names the role.
	if !answer.OK() && !strings.Contains(string(answer.Body), "etcdv2/creating/") {
		return map[string]string{}
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, answer.Body); err != nil {
		t.Errorf("%s: %v", path, err)
	}
	return map[string]string{path: compact.String()}
}

// some returns a random choice of names.
func some(rng *rand.Rand, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(string) bool { return rng.IntN(2) == 0 })
}

// objects returns one object of each kind, in a place of its own.
func (w *tortured) objects(t *testing.T) []*torturedObject {
	t.Helper()
	prefix := etcdtest.Prefix(t)
	name := strings.TrimPrefix(prefix, "/")
	roles := []string{name + "-r1", name + "-r2"}
	for _, role := range roles {
		makeRole(t, w.server, role, nil, nil)
	}
	makeUser(t, w.server, name+"-holder")
	all := []*torturedObject{
		w.keyObject(prefix+"/k1", false), w.keyObject(prefix+"/k2", false), w.keyObject(prefix+"/secret", true),
		w.prefixObject(prefix + "/tree"), w.dirObject(prefix + "/dir"),
		w.userObject(name+"-user", roles), w.roleObject(name + "-role"),
		{
			typeName: "etcd_user_role", id: name + "-holder/" + roles[0],
			next: maybe(func(*rand.Rand) map[string]any { return map[string]any{"user": name + "-holder", "role": roles[0]} }),
			onServer: func(t *testing.T) map[string]string {
				t.Helper()
				return only(w.auth(t, usersPath+name+"-holder"), roles[0])
			},
		},
		{
			typeName: "etcd_role_permission", id: roles[1] + "/read:" + prefix,
			next: maybe(func(*rand.Rand) map[string]any {
				return map[string]any{"role": roles[1], "access": "read", "pattern": prefix}
			}),
			onServer: func(t *testing.T) map[string]string { t.Helper(); return only(w.auth(t, rolesPath+roles[1]), prefix) },
		},
	}
	for _, o := range all {
		o.managed = w.clean.none(o.typeName)
	}
	return all
}

// maybe sometimes returns no configuration, and otherwise the result of configure.
func maybe(configure func(rng *rand.Rand) map[string]any) func(rng *rand.Rand) map[string]any {
	return func(rng *rand.Rand) map[string]any {
		if rng.IntN(4) == 0 {
			return nil
		}
		return configure(rng)
	}
}

// only returns the entries whose value contains a text.
func only(all map[string]string, text string) map[string]string {
	maps.DeleteFunc(all, func(_, v string) bool { return !strings.Contains(v, text) })
	return all
}

func (w *tortured) keyObject(key string, isSecret bool) *torturedObject {
	version := 0
	return &torturedObject{
		typeName: "etcd_key", id: key,
		next: maybe(func(rng *rand.Rand) map[string]any {
			config := map[string]any{"key": key}
			if isSecret {
				version++
				config["value_wo"], config["value_wo_version"] = fmt.Sprintf("%s-%d", tortureSecret, version), version
			} else {
				config["value"] = fmt.Sprintf("ours-%d", rng.IntN(4))
			}
			if rng.IntN(4) == 0 {
				config["ttl"] = 5000
			}
			return config
		}),
		onServer: func(t *testing.T) map[string]string { t.Helper(); return w.tree(t, key) },
		meddle: func(t *testing.T, rng *rand.Rand) {
			t.Helper()
			if rng.IntN(4) == 0 {
				w.server.Do(t, etcdtest.Call{Method: http.MethodDelete, Path: "/v2/keys" + key})
				return
			}
			w.server.Put(t, key, fmt.Sprintf("theirs-%d", rng.IntN(1000)))
		},
	}
}

func (w *tortured) prefixObject(prefix string) *torturedObject {
	return &torturedObject{
		typeName: "etcd_key_prefix", id: prefix,
		next: maybe(func(rng *rand.Rand) map[string]any {
			keys := map[string]any{}
			for _, name := range some(rng, "a", "b", "c/d", "e") {
				keys[name] = fmt.Sprintf("ours-%d", rng.IntN(4))
			}
			return map[string]any{"prefix": prefix, "keys": keys, "exclusive": true}
		}),
		onServer: func(t *testing.T) map[string]string {
			t.Helper()
			found := w.tree(t, prefix)
			delete(found, prefix)
			return found
		},
		recorded: func(t *testing.T, o managed) map[string]string {
			t.Helper()
			keys, _ := plainAttributes(t, o.state)["keys"].(map[string]any)
			recorded := map[string]string{}
			for name, v := range keys {
				recorded[prefix+"/"+name] = fmt.Sprintf("%v, expires false", v)
			}
			return recorded
		},
		meddle: func(t *testing.T, rng *rand.Rand) {
			t.Helper()
			names := []string{"a", "b", "c/d", "e", "f"}
			w.server.Put(t, prefix+"/"+names[rng.IntN(len(names))], "theirs")
		},
	}
}

func (w *tortured) dirObject(path string) *torturedObject {
	return &torturedObject{
		typeName: "etcd_dir", id: path,
		next: maybe(func(rng *rand.Rand) map[string]any {
			return map[string]any{"path": path, "force_destroy": rng.IntN(2) == 0}
		}),
		onServer: func(t *testing.T) map[string]string { t.Helper(); return w.tree(t, path) },
	}
}

func (w *tortured) userObject(name string, roles []string) *torturedObject {
	version := 0
	return &torturedObject{
		typeName: "etcd_user", id: name,
		next: maybe(func(rng *rand.Rand) map[string]any {
			version++
			return map[string]any{
				"name": name, "password_wo": fmt.Sprintf("%s-%d", tortureSecret, version), "password_wo_version": version, "roles": some(rng, roles...),
			}
		}),
		onServer: func(t *testing.T) map[string]string { t.Helper(); return w.auth(t, usersPath+name) },
	}
}

func (w *tortured) roleObject(name string) *torturedObject {
	return &torturedObject{
		typeName: "etcd_role", id: name,
		next: maybe(func(rng *rand.Rand) map[string]any {
			return map[string]any{"name": name, "kv_read": some(rng, "/a", "/b/*"), "kv_write": some(rng, "/a", "/c/*")}
		}),
		onServer: func(t *testing.T) map[string]string { t.Helper(); return w.auth(t, rolesPath+name) },
	}
}

// State and store agree after each apply under faults, or the apply says what is unknown.
func TestTorture(t *testing.T) {
	t.Parallel()
	s := etcdtest.Shared(t)
	var applies, faults, unknown atomic.Int64
	t.Run("seeds", func(t *testing.T) {
		t.Parallel()
		etcdtest.EachSeed(t, 3, func(t *testing.T, seed uint64) {
			t.Helper()
			w := newTortured(t, s, seed)
			objects := w.objects(t)
			for range etcdtest.Setting(t, "STEPS", 60) {
				w.step(t, objects[w.rng.IntN(len(objects))])
			}
			applies.Add(int64(w.applies))
			faults.Add(w.faults.Load())
			unknown.Add(int64(w.unknown))
		})
	})
	t.Cleanup(func() {
		report := fmt.Sprintf("provider: %d applies under %d faults, %d of them with an outcome that is unknown, and said so\n",
			applies.Load(), faults.Load(), unknown.Load())
		t.Log(report)
		if dir := os.Getenv("REPORT"); dir != "" {
			_ = os.WriteFile(filepath.Join(dir, "provider.txt"), []byte(report), 0o600) // the report is in the log too
		}
	})
}

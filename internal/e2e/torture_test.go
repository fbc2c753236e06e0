package e2e_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/etcdv2/terraform-provider-etcd/internal/cli"
	"github.com/etcdv2/terraform-provider-etcd/internal/cli/clitest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
)

// The torture by a real CLI: random configurations are planned and applied while requests meet
// faults, a rival writes between plan and apply, and runs are ended in the middle. SEED chooses the
// run, COUNT is the number of seeds, and STEPS the number of applies for each.

const torturedRate = 0.2

// tortured is a workspace under faults.
type tortured struct {
	*workspace

	lab     *clitest.Lab
	rng     *rand.Rand
	proxy   *etcdtest.Proxy
	objects []*torturedObject
	imports []map[string]string
	// foreign are facts that are not in state and need not be: a rival's.
	foreign facts

	seed     uint64
	requests atomic.Uint64
	isFaulty atomic.Bool
	ending   atomic.Pointer[ending]
	faults   atomic.Int64
	tally    tally
}

// tally counts what a torture has done.
type tally struct {
	applies, faults int
	// ended are the runs that were ended in the middle.
	ended map[endKind]int
	// unknown are the applies that reported an unknown outcome, refused those that left the write
	// of a rival alone, left the objects that a killed run did not save, and imported those that
	// were imported or adopted as a message advised.
	unknown, refused, left, imported int
	// restored are the states that a CLI cut off.
	restored   int
	violations int
}

func (n *tally) add(other *tally, faults int) {
	n.applies += other.applies
	n.faults += faults
	for kind, count := range other.ended {
		n.ended[kind] += count
	}
	n.unknown += other.unknown
	n.refused += other.refused
	n.left += other.left
	n.imported += other.imported
	n.restored += other.restored
	n.violations += other.violations
}

// String returns the report.
func (n *tally) String() string {
	ended := make([]string, 0, len(endKinds))
	for _, kind := range endKinds {
		ended = append(ended, fmt.Sprintf("%s %d", kind, n.ended[kind]))
	}
	return fmt.Sprintf("CLI: %d applies under %d faults; ended in the middle: %s; "+
		"%d reported an unknown outcome; %d met the write of a rival; "+
		"a kill left %d objects out of the state and cut off %d states, and %d objects were taken over as a message advised; violations: %d",
		n.applies, n.faults, strings.Join(ended, ", "), n.unknown, n.refused, n.left, n.restored, n.imported, n.violations)
}

func newTortured(t *testing.T, l *clitest.Lab, seed uint64) *tortured {
	t.Helper()
	server := etcdtest.Start(t)
	for _, role := range []string{"role-1", "role-2", "role-3"} {
		server.JSON(t, http.MethodPut, "/v2/auth/roles/"+role, map[string]any{"role": role})
	}
	server.Put(t, "/t/foreign", "theirs")
	c := &tortured{
		lab: l, seed: seed, rng: rand.New(rand.NewPCG(seed, 17)), proxy: etcdtest.NewProxy(t, server.URL()), objects: newObjects(server),
	}
	c.tally.ended = map[endKind]int{}
	c.foreign = onServer(t, server, c.objects)
	c.ending.Store(&ending{})
	c.proxy.Inject(etcdtest.Rule{Action: func(x *etcdtest.Exchange) { c.meet(t, x) }})
	c.workspace = &workspace{Workspace: l.Open(t, t.TempDir()), server: server}
	c.write(t)
	if output, code := c.run(t, nil, "init"); code != 0 {
		t.Fatalf("init:\n%s", output)
	}
	return c
}

// meet is what happens to a request.
func (c *tortured) meet(t *testing.T, x *etcdtest.Exchange) {
	t.Helper()
	if c.ending.Load().meets(t, x) {
		return
	}
	rng := rand.New(rand.NewPCG(c.seed, c.requests.Add(1)))
	if !c.isFaulty.Load() || rng.Float64() >= torturedRate {
		x.Forward()
		return
	}
	c.faults.Add(1)
	actions := []etcdtest.Action{
		etcdtest.CutBefore(), etcdtest.DropAnswer(), etcdtest.DropAnswer(), etcdtest.TruncateAnswer(rng.IntN(60)),
		etcdtest.Delay(time.Duration(rng.IntN(20))*time.Millisecond, 0),
		func(x *etcdtest.Exchange) { x.Fetch(); etcdtest.Respond(http.StatusGatewayTimeout, nil, "time-out")(x) },
	}
	actions[rng.IntN(len(actions))](x)
}

func (c *tortured) write(t *testing.T) {
	t.Helper()
	c.Write(t, "main.tf.json", torturedConfig(t, c.proxy.URL(), c.objects, c.imports))
}

// run runs a command, which may be ended in the middle, and returns what it printed and its exit
// code, -1 if it was killed. Afterwards nothing is under way.
func (c *tortured) run(t *testing.T, end *ending, args ...string) (output string, code int) {
	t.Helper()
	if end == nil {
		end = &ending{}
	}
	env := []string{"TF_VAR_secret=" + cliSecret, "ETCDCTL_ENDPOINTS=" + c.server.URL()}
	if c.rng.IntN(3) == 0 {
		env = append(env, "TF_LOG=TRACE", "TF_LOG_PATH="+filepath.Join(c.Dir, "trace.log"))
	}
	w := c.lab.Open(t, c.Dir, env...)
	w.Out, w.Started = &end.printed, func(p *os.Process) { end.cli.Store(p) }
	end.marker = "ETCDCTL_ENDPOINTS=" + c.server.URL() + "\x00"
	end.provider, _ = filepath.EvalSymlinks(c.lab.Provider)
	w.Ended = func(*os.ProcessState) { end.isOver.Store(true) }
	c.ending.Store(end)
	output, code, err := w.Run(t.Context(), args...)
	if err != nil {
		code = -1
	}
	if code == -1 && end.kind != cliKilled {
		t.Errorf("%s: %v\n%s", args[0], err, output)
	}
	if !eventually(func() bool { return end.signalProviders(t, 0) == 0 }) {
		t.Errorf("%s: the provider has not ended", args[0])
	}
	if !eventually(func() bool { open, _ := c.proxy.Connections(); return open == 0 }) {
		t.Errorf("%s: requests are still under way", args[0])
	}
	c.wantNoSecret(t, output)
	return output, code
}

// wantNoSecret checks what a command has printed and written.
func (c *tortured) wantNoSecret(t *testing.T, output string) {
	t.Helper()
	files := filesIn(t, c.Dir)
	files["output"] = []byte(output)
	for name, data := range files {
		if at := strings.Index(string(data), cliSecret); at >= 0 {
			t.Errorf("%s contains a secret: %q", name, data[max(0, at-200):min(len(data), at+100)])
		}
	}
	_ = os.Remove(filepath.Join(c.Dir, "trace.log")) // only some commands have written it
}

// change changes about half of the configuration.
func (c *tortured) change() {
	for _, o := range c.objects {
		delete(o.config, "adopt_existing")
		switch c.rng.IntN(6) {
		case 0, 1, 2:
		case 3:
			o.config = nil
		default:
			o.config = o.next(c.rng)
		}
	}
	for _, o := range c.objects {
		if slices.ContainsFunc(o.needs, func(address string) bool {
			return slices.ContainsFunc(c.objects, func(other *torturedObject) bool { return other.address() == address && other.config == nil })
		}) {
			o.config = nil
		}
	}
}

// nextEnding returns one kind after the other, so that a short torture has all of them.
func (c *tortured) nextEnding(step int) *ending {
	kinds := append([]endKind{notEnded}, endKinds...)
	return &ending{
		kind: kinds[(3*int(c.seed%uint64(len(kinds)))+step)%len(kinds)],
		at:   int64(1 + c.rng.IntN(4)), isApplied: c.rng.IntN(2) == 0, isLate: c.rng.IntN(2) == 0, isAnswered: c.rng.IntN(2) == 0,
	}
}

// step changes the configuration, plans and applies it under faults, and checks the outcome.
func (c *tortured) step(t *testing.T, n int) {
	t.Helper()
	c.change()
	c.write(t)
	if !c.plan(t) {
		return
	}
	a := &apply{tortured: c, saved: c.readState(t)}
	shown := onServer(t, c.server, c.objects)
	for _, o := range c.objects {
		if o.meddle != nil && c.rng.IntN(8) == 0 {
			o.meddle(t, c.rng)
		}
	}
	a.before = onServer(t, c.server, c.objects)
	a.meddled = differing(shown, a.before)
	a.run(t, c.nextEnding(n))
	a.check(t)
	c.converge(t, a.untracked())
}

// plan saves a plan, and reports whether it could. Sometimes it meets faults.
func (c *tortured) plan(t *testing.T) bool {
	t.Helper()
	isFaulty := c.rng.IntN(4) == 0
	c.isFaulty.Store(isFaulty)
	output, code := c.run(t, nil, "plan", "-out=next.plan")
	c.isFaulty.Store(false)
	if code != 0 && !isFaulty {
		t.Errorf("plan without faults:\n%s", output)
	}
	return code == 0
}

// apply is one apply with its outcome.
type apply struct {
	*tortured

	// saved and before are the state and the server before the apply, state and now after it.
	saved, before, state, now facts
	// meddled are the facts that a rival has changed since the plan.
	meddled []string
	// end is how the apply was ended, and losesAll reports that the state then lacks whatever the
	// apply did, not only what it had not finished.
	end         endKind
	losesAll    bool
	output      string
	diagnostics []string
	code        int
}

// run applies the saved plan under faults, and may end it in the middle.
func (a *apply) run(t *testing.T, end *ending) {
	t.Helper()
	parallelism := 1
	if end.kind != cliKilled && end.kind != interruptedTwice { // a CLI that exits at once must not be writing the state
		parallelism += a.rng.IntN(5)
	}
	a.isFaulty.Store(true)
	a.output, a.code = a.tortured.run(t, end, "apply", "-parallelism="+strconv.Itoa(parallelism), "next.plan")
	a.isFaulty.Store(false)
	a.tally.applies++
	isCutOff := end.kind.isHard() && a.restoreState(t)
	if end.isDone.Load() {
		// OpenTofu writes the state file only from time to time.
		a.end, a.losesAll = end.kind, isCutOff || a.lab.Release.OpenTofu && (end.kind == cliKilled || end.kind == interruptedTwice)
		a.tally.ended[end.kind]++
	}
	a.now, a.state, a.diagnostics = onServer(t, a.server, a.objects), a.readState(t), diagnosticsIn(a.output)
}

// check checks that state and server agree, or that the output names what is unknown, and that
// nothing was overwritten that no plan has shown.
func (a *apply) check(t *testing.T) {
	t.Helper()
	if strings.Contains(a.output, "Outcome of a write is unknown") {
		a.tally.unknown++
	}
	if len(a.meddled) > 0 && a.code != 0 {
		a.tally.refused++
	}
	for _, fact := range a.meddled {
		now, exists := a.now[fact]
		theirs, existed := a.before[fact]
		if now != theirs || exists != existed {
			t.Errorf("a rival had changed %s to %q (%t) after the plan, and the apply made %q of it (%t):\n%s",
				fact, theirs, existed, now, exists, a.output)
		}
	}
	lost := map[string]bool{}
	for _, fact := range differing(a.state, a.now) {
		if !a.isExcused(fact) {
			o := ownerOf(a.objects, fact)
			switch {
			case o == nil:
				t.Errorf("%s: the server has %q, and before the apply it had %q", fact, a.now[fact], a.before[fact])
			case a.end.isHard():
				lost[o.address()] = true
			default:
				t.Errorf("%s: the server has %q, the state %q, and before the apply they had %q and %q; ended: %s\n%s",
					fact, a.now[fact], a.state[fact], a.before[fact], a.saved[fact], a.end, a.output)
			}
		}
	}
	a.tally.left += len(lost)
	finished := finishedIn(a.output)
	for address := range lost {
		if isFinished, isBegun := finished[address]; (isFinished || !isBegun) && !a.losesAll {
			t.Errorf("%s: the state lacks what became of %s, which was not under way:\n%s", a.end, address, a.output)
		}
	}
}

var (
	begun    = regexp.MustCompile(`(?m)^(\S+?)(?: \(deposed object \w+\))?: (?:Creating|Modifying|Destroying)\.\.\.`)
	complete = regexp.MustCompile(`(?m)^(\S+?)(?: \(deposed object \w+\))?: (?:Creation|Modifications|Destruction) complete after`)
)

// finishedIn reports of each object that the CLI has begun to change whether it succeeded. Errors
// are printed at the end, which a kill prevents.
func finishedIn(output string) map[string]bool {
	left := map[string]int{}
	for _, match := range begun.FindAllStringSubmatch(output, -1) {
		left[match[1]]++
	}
	for _, match := range complete.FindAllStringSubmatch(output, -1) {
		left[match[1]]--
	}
	finished := map[string]bool{}
	for address, n := range left {
		finished[address] = n == 0
	}
	return finished
}

// isExcused reports whether state and server may differ in a fact: the apply left both alone, or
// it says that the outcome is unknown.
func (a *apply) isExcused(fact string) bool {
	if content, isForeign := a.foreign[fact]; isForeign && a.now[fact] == content {
		return true
	}
	same := func(before, after facts) bool {
		one, had := before[fact]
		other, has := after[fact]
		return had == has && one == other
	}
	if same(a.before, a.now) && (same(a.saved, a.state) || slices.Contains(a.meddled, fact)) {
		return true
	}
	// An import of a prefix takes keys into the state that the configuration may not list.
	return a.isNamed(fact, "unknown") || a.isNamed(fact, "leave state and stay")
}

// isNamed reports whether a message with a word names a fact.
func (a *apply) isNamed(fact, word string) bool {
	o := ownerOf(a.objects, fact)
	return o != nil && slices.ContainsFunc(a.diagnostics, func(d string) bool {
		return strings.Contains(strings.ToLower(d), word) && o.named(d, fact)
	})
}

// untracked returns the facts about objects of the configuration that are not in state.
func (a *apply) untracked() []string {
	var found []string
	for _, fact := range differing(a.state, a.now) {
		_, exists := a.now[fact]
		if _, isForeign := a.foreign[fact]; exists && !isForeign && a.state[fact] == "" {
			found = append(found, fact)
		}
	}
	return found
}

// heading begins a diagnostic. A detail may have a line that begins with "Error: " and a small
// letter.
var heading = regexp.MustCompile(`(?m)^[\s│╷]*(Error|Warning): [A-Z]`)

// diagnosticsIn returns the errors and warnings in an output, each on one line.
func diagnosticsIn(output string) (all []string) {
	starts := heading.FindAllStringIndex(output, -1)
	for i, at := range starts {
		end := len(output)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		all = append(all, clitest.Flat(output[at[0]:end]))
	}
	return all
}

func (c *tortured) stateFile() string { return filepath.Join(c.Dir, "terraform.tfstate") }

// restoreState restores the state from its backup if a CLI that exited at once has cut it off, and
// reports whether it did.
func (c *tortured) restoreState(t *testing.T) bool {
	t.Helper()
	data, err := os.ReadFile(c.stateFile())
	if os.IsNotExist(err) || json.Valid(data) {
		return false
	}
	c.tally.restored++
	if err = os.Rename(c.stateFile()+".backup", c.stateFile()); os.IsNotExist(err) {
		err = os.Remove(c.stateFile())
	}
	if err != nil {
		t.Error(err)
	}
	return true
}

// readState returns the facts in the state.
func (c *tortured) readState(t *testing.T) facts {
	t.Helper()
	all := facts{}
	data, err := os.ReadFile(c.stateFile())
	if os.IsNotExist(err) {
		return all
	}
	var state struct {
		Resources []struct {
			Type, Name string
			Instances  []struct{ Attributes map[string]any }
		}
	}
	if err == nil {
		err = json.Unmarshal(data, &state)
	}
	if err != nil {
		t.Fatalf("the state: %v\n%s", err, data)
	}
	for _, resource := range state.Resources {
		for _, instance := range resource.Instances {
			c.addStateFacts(all, resource.Type+"."+resource.Name, instance.Attributes)
		}
	}
	return all
}

func (c *tortured) addStateFacts(all facts, address string, attributes map[string]any) {
	o := c.objects[slices.IndexFunc(c.objects, func(o *torturedObject) bool { return o.address() == address })]
	text := func(name string) string { text, _ := attributes[name].(string); return text }
	texts := func(name string) []string {
		list := []string{}
		elements, _ := attributes[name].([]any)
		for _, element := range elements {
			list = append(list, fmt.Sprint(element))
		}
		slices.Sort(list)
		return list
	}
	switch o.typeName {
	case "etcd_key", "etcd_in_order_key":
		value := "a secret"
		for _, name := range []string{"value", "value_json"} {
			if attributes[name] != nil {
				value = text(name)
			}
		}
		index, _ := attributes["modified_index"].(float64)
		all["key "+text("key")] = keyContent(value, attributes["ttl"] != nil, uint64(index), o)
	case "etcd_key_prefix":
		keys, _ := attributes["keys"].(map[string]any)
		for name, value := range keys {
			all["key "+text("prefix")+"/"+name] = keyContent(fmt.Sprint(value), false, 0, o)
		}
	case "etcd_dir":
		all["dir "+text("path")] = ""
	case "etcd_user":
		all["user "+text("name")] = ""
		if o.name == "whole" {
			all["user "+text("name")] = fmt.Sprint(texts("roles"))
		}
	case "etcd_role":
		all["role "+text("name")] = ""
		if o.name == "whole" {
			all["role "+text("name")] = roleContent(texts("kv_read"), texts("kv_write"))
		}
	case "etcd_user_role":
		all["grant "+text("user")+":"+text("role")] = ""
	case "etcd_role_permission":
		all["permission "+text("role")+":"+text("pattern")] = ""
	}
}

// importBlock is what a message advises for what exists already.
var importBlock = regexp.MustCompile(`import \{ to = (etcd_\w+)\.example # the address of this resource id = "([^"]+)" \}`)

// adoptAdvice is the advice on keys of a prefix that is in state already.
var adoptAdvice = regexp.MustCompile(`with (etcd_key_prefix)\S+ .* (/\S+) already exists \(.*Set adopt_existing = true to take these over`)

// inTheWay is a key of a rival, or of a killed run, in a directory that is to be destroyed.
var inTheWay = regexp.MustCompile(`Directory is not empty .*It contains: (/\S+) .*remove what is in it`)

// converge applies the same configuration without faults until nothing is left to do, as the
// messages advise: what exists already is imported or adopted.
func (c *tortured) converge(t *testing.T, untracked []string) {
	t.Helper()
	defer func() { c.imports = nil }()
	output := ""
	for range 8 { // an object that exists comes to light only when what it needs does not fail any more
		before := onServer(t, c.server, c.objects)
		var code int
		output, code = c.run(t, nil, "apply", "-auto-approve")
		a := &apply{tortured: c, state: c.readState(t), now: onServer(t, c.server, c.objects), before: before, diagnostics: diagnosticsIn(output)}
		switch {
		case code != 0:
			c.follow(t, a, output, untracked)
			c.write(t)
		case strings.Contains(output, "The next plan shows their removal"): // of keys that no plan has shown
		default:
			c.wantConverged(t, a, output)
			return
		}
	}
	t.Errorf("the configuration is not applied after eight applies without faults:\n%s", output)
}

// follow does what the messages of a failed apply advise.
func (c *tortured) follow(t *testing.T, a *apply, output string, untracked []string) {
	t.Helper()
	for _, fact := range untracked {
		o := ownerOf(c.objects, fact)
		if o.wants(fact) && !a.isNamed(fact, "already exists") && a.state[fact] == "" {
			t.Errorf("%s exists and is not in state, and the apply does not say so:\n%s", fact, output)
		}
		value, _, _ := strings.Cut(a.before[fact], ", expires")
		if a.now[fact] != a.before[fact] && !strings.Contains(output, strconv.Quote(value)) { // its plan does not show it
			t.Errorf("the apply has changed %s, which was not in state, from %q to %q", fact, a.before[fact], a.now[fact])
		}
	}
	advised := false
	for _, d := range a.diagnostics {
		for _, match := range inTheWay.FindAllStringSubmatch(d, -1) {
			advised = c.server.Delete(t, match[1]).OK() || advised
		}
		for _, match := range adoptAdvice.FindAllStringSubmatch(d, -1) {
			advised = c.take(match[1], match[2], true) || advised
		}
		for _, match := range importBlock.FindAllStringSubmatch(d, -1) {
			advised = c.take(match[1], match[2], c.rng.IntN(3) == 0) || advised
		}
	}
	if !advised {
		t.Errorf("an apply without faults failed, and does not say what to do:\n%s", output)
	}
}

// take imports or adopts what a message names.
func (c *tortured) take(typeName, id string, isAdopted bool) bool {
	for _, o := range c.objects {
		if o.typeName != typeName || o.config == nil || !o.isImportedBy(id) {
			continue
		}
		if slices.ContainsFunc(c.imports, func(one map[string]string) bool { return one["to"] == o.address() }) ||
			o.config["adopt_existing"] == true {
			return true
		}
		c.tally.imported++
		if isAdopted {
			o.config["adopt_existing"] = true
		} else {
			c.imports = append(c.imports, map[string]string{"to": o.address(), "id": id})
		}
		return true
	}
	return false
}

// isImportedBy reports whether an import id is one of the object.
func (o *torturedObject) isImportedBy(id string) bool {
	_, name, _ := strings.Cut(o.scope, " ")
	for _, form := range []string{"value_wo:", "value_json:", "value:"} {
		id = strings.TrimPrefix(id, form)
	}
	id = strings.ReplaceAll(strings.Replace(id, "/read:", ":", 1), "user-open/role-open", "user-open:role-open")
	return id == strings.TrimSuffix(name, "/") || strings.HasSuffix(name, "/") && strings.HasPrefix(id, name)
}

// wantConverged checks that nothing is left to do, and that state and server agree.
func (c *tortured) wantConverged(t *testing.T, a *apply, output string) {
	t.Helper()
	if plan, code := c.run(t, nil, "plan", "-detailed-exitcode"); code != 0 {
		t.Errorf("the plan after the apply is not empty:\n%s\nThe apply printed:\n%s", plan, output)
	}
	for _, fact := range differing(a.state, a.now) {
		o := ownerOf(c.objects, fact)
		content, exists := a.now[fact]
		switch {
		case !exists || a.state[fact] != "" || o != nil && o.wants(fact):
			t.Errorf("%s: the server has %q (%t), and the state has %q after the plan was empty", fact, content, exists, a.state[fact])
		default:
			c.foreign[fact] = content
		}
	}
}

// A real CLI applies random configurations under faults, with a rival, and is ended in the middle.
func TestAccCLI_torture(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the processes of the provider are found by /proc")
	}
	l := clitest.New(t)
	l.Requires(t, cli.WriteOnly)
	all := tally{ended: map[endKind]int{}}
	var mu sync.Mutex
	t.Run("seeds", func(t *testing.T) {
		t.Parallel()
		etcdtest.EachSeed(t, 2, func(t *testing.T, seed uint64) {
			t.Helper()
			c := newTortured(t, l, seed)
			for n := range etcdtest.Setting(t, "STEPS", 3) {
				if c.step(t, n); t.Failed() {
					c.tally.violations++
					break
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all.add(&c.tally, int(c.faults.Load()))
		})
	})
	t.Cleanup(func() {
		t.Log(&all)
		if dir := os.Getenv("REPORT"); dir != "" {
			_ = os.WriteFile(filepath.Join(dir, "cli.txt"), []byte(all.String()+"\n"), 0o600) // the report is in the log too
		}
	})
}

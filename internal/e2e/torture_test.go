package e2e_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
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

const (
	torturedRate = 0.2
	longestDelay = 20 * time.Millisecond
)

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
	_, fault := etcdtest.RandomFault(rng, longestDelay)
	fault(x)
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

package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
	"github.com/etcdv2/terraform-provider-etcd/internal/tfserver"
)

// The lane for unchanged objects is compared with the framework. For each random object it either
// declines or answers exactly what the framework answers, byte for byte. The result of the read
// from the server is passed to both in the context.

// randomObjects is how many objects TestUnchanged tries. Most of them differ from an unchanged
// object in a detail or two.
const randomObjects = 100_000

// lanePair is a lane, and beside it the framework with a provider of its own.
type lanePair struct {
	lane      *tfserver.Lane
	framework tfprotov6.ProviderServer
	schemas   map[string]*tfprotov6.Schema
	// providers are the provider of the lane and that of the framework.
	providers [2]*etcdProvider
	answered  map[string]int
	// known are the framework's answers so far, by everything that they depend on.
	known *sync.Map
}

// frameworkAnswer is an answer, and what the provider has recorded with it.
type frameworkAnswer struct {
	answer any
	claims *keyspace.Claims
	ours   map[keyspace.Object]bool
}

func newLanePair(tb testing.TB, known *sync.Map) *lanePair {
	tb.Helper()
	p := &lanePair{answered: map[string]int{}, known: known}
	for i := range p.providers {
		p.providers[i] = newProvider("test", false)
		// Without its lane, the server is the framework.
		server := tfserver.New(struct{ provider.Provider }{p.providers[i]})
		schemas, err := server.GetProviderSchema(tb.Context(), &tfprotov6.GetProviderSchemaRequest{})
		if err != nil {
			tb.Fatal(err)
		}
		identities, err := server.GetResourceIdentitySchemas(tb.Context(), &tfprotov6.GetResourceIdentitySchemasRequest{})
		if err != nil {
			tb.Fatal(err)
		}
		config := packed(tb, map[string]any{})
		for _, attribute := range schemas.Provider.Block.Attributes {
			config = append(config, packed(tb, attribute.Name)...)
			config = append(config, packed(tb, nil)...)
		}
		config[0] = 0xde // a map with a length of 16 bits
		config = slices.Insert(config, 1, 0, byte(len(schemas.Provider.Block.Attributes)))
		if _, err := server.ConfigureProvider(
			tb.Context(), &tfprotov6.ConfigureProviderRequest{Config: &tfprotov6.DynamicValue{MsgPack: config}},
		); err != nil {
			tb.Fatal(err)
		}
		p.schemas = schemas.ResourceSchemas
		if p.framework = server; i == 0 {
			p.lane = tfserver.NewLane(p.providers[i], schemas.ResourceSchemas, identities.IdentitySchemas)
		}
	}
	return p
}

func (p *lanePair) connection(tb testing.TB, i int) *connection {
	tb.Helper()
	r, ok := p.providers[i].unchangingOf("etcd_key").(*keyResource)
	if !ok {
		tb.Fatal("the provider was not configured")
	}
	return r.connection
}

// laneCase is an object, and the input of its plan and its refresh.
type laneCase struct {
	typeName                string
	config, state, identity map[string]any
	noIdentity              bool
	private                 map[string]any
	// rawPrivate, if not nil, is used in place of private.
	rawPrivate []byte
	// node is what a read finds.
	node       *etcdv2.Node
	err        error
	granted    bool
	diags      diag.Diagnostics
	defaultTTL types.Int64
	prefix     string
	// rival makes another object claim the same.
	rival bool
}

func (c *laneCase) read(ctx context.Context) context.Context {
	switch c.typeName {
	case "etcd_key":
		return keepRead(ctx, keyRead{c.node, c.err})
	case "etcd_dir":
		return keepRead(ctx, dirRead{c.node, c.err})
	default:
		return keepRead(ctx, grantRead{c.granted, c.err, c.diags})
	}
}

func (c *laneCase) privateBytes(tb testing.TB) []byte {
	tb.Helper()
	if c.rawPrivate != nil || len(c.private) == 0 {
		return c.rawPrivate
	}
	values := map[string][]byte{}
	for key, value := range c.private {
		if data := toJSON(tb, value); string(data) != "{}" {
			values[key] = data
		}
	}
	return toJSON(tb, values)
}

func (c *laneCase) identityData(tb testing.TB) *tfprotov6.ResourceIdentityData {
	tb.Helper()
	if c.noIdentity {
		return nil
	}
	return &tfprotov6.ResourceIdentityData{IdentityData: &tfprotov6.DynamicValue{MsgPack: packed(tb, c.identity)}}
}

func toJSON(tb testing.TB, v any) []byte {
	tb.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// packed encodes a value for the protocol.
func packed(tb testing.TB, v any) []byte {
	tb.Helper()
	var buf bytes.Buffer
	enc := msgpack.NewEncoder(&buf)
	enc.SetSortMapKeys(true)
	enc.UseCompactInts(true)
	enc.UseCompactFloats(false)
	if err := enc.Encode(v); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// prepare puts both providers into the situation of a case.
func (p *lanePair) prepare(tb testing.TB, c *laneCase) {
	tb.Helper()
	for i := range p.providers {
		conn := p.connection(tb, i)
		conn.claims, conn.looks = keyspace.NewClaims(), newLooks(conn)
		conn.defaultTTL, conn.options.KeyPrefix = c.defaultTTL, c.prefix
		if c.rival {
			want := keyspace.Intent{Claims: map[keyspace.Object]keyspace.Terms{}}
			if o, ok := nameObject(c.typeName, flatObject(c.state).known); ok {
				want.Claims[o] = keyspace.Sole
			}
			conn.claims.Plan(keyspace.Claimant{Resource: "etcd_user", Exists: true}, want)
		}
	}
}

// answerOptions compare answers as a CLI sees them: an empty list is the same as none.
var answerOptions = cmp.Options{
	cmpopts.EquateEmpty(),
	cmp.FilterValues(func(a, b []byte) bool { return len(a)+len(b) > 0 }, cmp.Comparer(bytes.Equal)),
}

// claimsOptions compare claims with everything that they contain.
var claimsOptions = cmp.Options{
	cmp.Exporter(func(reflect.Type) bool { return true }),
	cmpopts.IgnoreTypes(sync.Mutex{}),
	cmpopts.SortSlices(func(a, b keyspace.Object) bool { return string(a.Kind)+a.Name < string(b.Kind)+b.Name }),
}

// givenTo returns everything that an answer to a call depends on.
func (c *laneCase) givenTo(tb testing.TB, call string) string {
	tb.Helper()
	if call == "validate" {
		return fmt.Sprint(call, c.typeName, string(packed(tb, c.config)))
	}
	text := fmt.Sprint(call, c.typeName, string(packed(tb, c.state)))
	if call == "upgrade" {
		return text
	}
	text += fmt.Sprint(string(packed(tb, c.identity)), c.noIdentity, string(c.privateBytes(tb)), c.prefix)
	if call == "read" {
		return text + fmt.Sprint(c.node, c.err, c.granted, c.diags)
	}
	return text + fmt.Sprint(string(packed(tb, c.config)), c.defaultTTL, c.rival)
}

// same compares an answer of the lane with the framework's answer to the same request, and what the
// providers have recorded.
func same[Req, Resp any](
	tb testing.TB, p *lanePair, c *laneCase, call string, req Req, lane Resp, ask func(context.Context, Req) (Resp, error),
) {
	tb.Helper()
	p.answered[c.typeName+" "+call]++
	key := c.givenTo(tb, call)
	known, _ := p.known.Load(key)
	framework, ok := known.(frameworkAnswer)
	if !ok {
		answer, err := ask(c.read(tb.Context()), req)
		if err != nil {
			tb.Fatal(err)
		}
		b := p.connection(tb, 1)
		framework = frameworkAnswer{answer, b.claims, b.looks.ours}
		p.known.Store(key, framework)
	}
	a := p.connection(tb, 0)
	diff := cmp.Diff(framework.answer, any(lane), answerOptions)
	if diff == "" && call == "plan" {
		diff = cmp.Diff(framework.claims, a.claims, claimsOptions)
	}
	if diff += cmp.Diff(framework.ours, a.looks.ours); diff != "" {
		tb.Errorf(
			"%s of %+v\nstate %v\nconfig %v\nprivate %s\nframework (-), lane (+):\n%s", call, c, c.state, c.config, c.privateBytes(tb), diff,
		)
	}
}

// try gives a case to the lane and, if the lane answers it, to the framework too.
func (p *lanePair) try(tb testing.TB, c *laneCase, call string) {
	tb.Helper()
	p.prepare(tb, c)
	state, identity, private := &tfprotov6.DynamicValue{MsgPack: packed(tb, c.state)}, c.identityData(tb), c.privateBytes(tb)
	ctx := c.read(tb.Context())
	switch call {
	case "read":
		req := &tfprotov6.ReadResourceRequest{TypeName: c.typeName, CurrentState: state, CurrentIdentity: identity, Private: private}
		if _, got := p.lane.Read(ctx, req); got != nil {
			same(tb, p, c, call, req, got, p.framework.ReadResource)
		}
	case "plan":
		req := &tfprotov6.PlanResourceChangeRequest{
			TypeName: c.typeName, PriorState: state,
			ProposedNewState: &tfprotov6.DynamicValue{MsgPack: packed(tb, c.proposed(p.schemas[c.typeName]))},
			Config:           &tfprotov6.DynamicValue{MsgPack: packed(tb, c.config)}, PriorPrivate: private, PriorIdentity: identity,
		}
		if got := p.lane.Plan(ctx, req); got != nil {
			same(tb, p, c, call, req, got, p.framework.PlanResourceChange)
		}
	case "validate":
		req := &tfprotov6.ValidateResourceConfigRequest{TypeName: c.typeName, Config: &tfprotov6.DynamicValue{MsgPack: packed(tb, c.config)}}
		if got := p.lane.Validate(req); got != nil {
			same(tb, p, c, call, req, got, p.framework.ValidateResourceConfig)
		}
	case "upgrade":
		req := &tfprotov6.UpgradeResourceStateRequest{TypeName: c.typeName, RawState: &tfprotov6.RawState{JSON: toJSON(tb, c.state)}}
		if got := p.lane.Upgrade(req); got != nil {
			same(tb, p, c, call, req, got, p.framework.UpgradeResourceState)
		}
	}
}

// proposed returns what a CLI proposes: an attribute that is not computed has its configured value.
func (c *laneCase) proposed(schema *tfprotov6.Schema) map[string]any {
	proposed := maps.Clone(c.state)
	for _, attribute := range schema.Block.Attributes {
		if v := c.config[attribute.Name]; !attribute.WriteOnly && (v != nil || !attribute.Computed) {
			proposed[attribute.Name] = v
		}
	}
	return proposed
}

// oddPacked is a value that no attribute of the schemas accepts.
type oddPacked struct{ data []byte }

func (o oddPacked) EncodeMsgpack(enc *msgpack.Encoder) error {
	return enc.Encode(msgpack.RawMessage(o.data))
}

func (o oddPacked) MarshalJSON() ([]byte, error) { return []byte(`["odd"]`), nil }

var unknownPacked = oddPacked{[]byte{0xd4, 0, 0}}

// laneDice makes random cases.
type laneDice struct{ *rand.Rand }

func draw[T any](d laneDice, from ...T) T { return from[d.IntN(len(from))] }

// base returns a case without any change.
func (d laneDice) base() *laneCase {
	c := &laneCase{
		typeName:   draw(d, "etcd_key", "etcd_key", "etcd_key", "etcd_dir", "etcd_dir", "etcd_user_role", "etcd_role_permission"),
		prefix:     draw(d, "", "", "", "/team"),
		defaultTTL: draw(d, types.Int64Null(), types.Int64Null(), types.Int64Null(), types.Int64Value(60)), granted: true,
		private: map[string]any{},
	}
	adopt := draw[any](d, nil, false, false, false, true)
	c.state, c.identity = map[string]any{"adopt_existing": adopt}, map[string]any{}
	switch c.typeName {
	case "etcd_key", "etcd_dir":
		d.node(c)
	case "etcd_user_role":
		c.identity = map[string]any{"user": "alice", "role": "ops"}
	default:
		c.identity = map[string]any{"role": "ops", "access": draw(d, "read", "write"), "pattern": "/app/*"}
	}
	maps.Copy(c.state, c.identity)
	c.config = maps.Clone(c.state)
	for _, name := range []string{"created_index", "modified_index", "expiration"} {
		if _, ok := c.config[name]; ok {
			c.config[name] = nil
		}
	}
	if c.typeName == "etcd_key" {
		if ttl := c.defaultTTL; ttl.Equal(types.Int64Value(60)) && c.state["ttl"] == int64(60) {
			c.config["ttl"] = nil
		}
		if c.state["value_wo_version"] != nil && d.IntN(2) == 0 {
			c.config["value_wo"] = "geheim"
		}
	}
	if c.config["adopt_existing"] == false && d.IntN(2) == 0 {
		c.config["adopt_existing"] = nil
	}
	return c
}

// node creates the state of a key or a directory, and its node.
func (d laneDice) node(c *laneCase) {
	const created = 5
	c.node = &etcdv2.Node{Key: "/a", Dir: c.typeName == "etcd_dir", CreatedIndex: created, ModifiedIndex: created + uint64(d.IntN(2))}
	maps.Copy(c.state, map[string]any{
		"ttl": nil, "created_index": int64(created), "modified_index": int64(c.node.ModifiedIndex), "expiration": nil,
	})
	if ttl := draw(d, 0, 0, 60, 300, 0); ttl > 0 || !c.defaultTTL.IsNull() && c.typeName == "etcd_key" {
		ttl = max(ttl, 60)
		expires := time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC)
		c.node.TTL, c.node.Expiration = int64(ttl-d.IntN(2)), &expires
		c.state["ttl"], c.state["expiration"] = int64(ttl), expires.Format(time.RFC3339Nano)
	}
	c.private["key_prefix"] = c.prefix
	var private lifetimePrivateState
	if d.IntN(8) == 0 {
		private.TTLRead = true
	}
	if c.typeName == "etcd_dir" {
		c.identity = map[string]any{"path": "/a"}
		c.state["force_destroy"] = draw[any](d, nil, false, false, true)
		c.private["notes"] = dirPrivateState{lifetimePrivateState: private}
		return
	}
	c.identity = map[string]any{"key": "/a"}
	maps.Copy(c.state, map[string]any{"value": nil, "value_json": nil, "value_wo": nil, "value_wo_version": nil, "ttl_renew_below": nil})
	written := keyPrivateState{lifetimePrivateState: private}
	switch d.IntN(4) {
	case 0:
		c.node.Value = draw(d, `{"a": 1}`, `[1]`, `"x"`)
		c.state["value_json"] = c.node.Value
		if d.IntN(4) == 0 && c.node.Value == `[1]` {
			c.state["value_json"], written.Reworded = `[ 1.0 ]`, true
		}
	case 1:
		c.state["value_wo_version"], written.Written = int64(d.IntN(2)), c.node.ModifiedIndex
	default:
		c.node.Value = draw(d, "", "text", "text", "text", "ä\n")
		c.state["value"] = c.node.Value
	}
	if c.state["ttl"] != nil && d.IntN(3) == 0 {
		c.state["ttl_renew_below"] = int64(20)
	}
	c.private["notes"] = written
}

// change changes a detail that a call may depend on.
func (d laneDice) change(c *laneCase, call string) {
	changes := []func(){func() { d.changeAttribute(c.state) }}
	if call == "validate" {
		changes = []func(){func() { d.changeAttribute(c.config) }}
	}
	common := []func(){
		func() { d.changeIdentity(c) },
		func() { d.changePrivate(c) },
		func() { c.prefix = draw(d, "", "/team", "/team/a") },
	}
	switch call {
	case "read":
		changes = append(append(changes, common...), func() { d.changeFound(c) }, func() { d.changeFound(c) })
	case "plan":
		changes = append(append(changes, common...), func() { d.changeAttribute(c.config) }, func() { d.changeAttribute(c.config) }, func() {
			name := d.changeAttribute(c.state)
			c.config[name] = c.state[name]
		}, func() {
			c.defaultTTL = draw(d, types.Int64Null(), types.Int64Value(60), types.Int64Value(300), types.Int64Unknown())
		}, func() { c.rival = true })
	}
	draw(d, changes...)()
}

func (d laneDice) changeAttribute(object map[string]any) (name string) {
	name = draw(d, slices.Sorted(maps.Keys(object))...)
	if d.IntN(40) == 0 {
		if d.IntN(2) == 0 {
			delete(object, name)
		} else {
			object["no_such"] = "x"
		}
		return name
	}
	object[name] = d.value(object[name])
	return name
}

// value returns another value, usually of the same kind.
func (d laneDice) value(old any) any {
	switch d.IntN(12) {
	case 0:
		return unknownPacked
	case 1:
		return draw[any](d, 1.5, "17", 17, true, oddPacked{[]byte{0x90}}, uint64(1<<63))
	case 2, 3:
		return nil
	}
	switch old := old.(type) {
	case bool:
		return !old
	case int64:
		return draw(d, 0, 1, old-1, old+1, 20, 60, 299, 300, 301, -1, 1<<40)
	case string:
		return draw(d, "", old+" ", "[1]", "[ 1 ]", "/a", "/b", "text", strconv.Quote(old), "{", "2026-11-28T03:00:00Z")
	default:
		return draw[any](d, int64(60), int64(300), "text", "[1]", false, true, int64(20))
	}
}

func (d laneDice) changeIdentity(c *laneCase) {
	switch n := d.IntN(4); {
	case n == 0:
		c.noIdentity = true
	case n == 1 || len(c.identity) == 0:
		c.identity = nil
	default:
		d.changeAttribute(c.identity)
	}
}

func (d laneDice) changePrivate(c *laneCase) {
	switch d.IntN(9) {
	case 0:
		delete(c.private, "key_prefix")
	case 1:
		c.private["key_prefix"] = draw[any](d, "", "/team", 5, nil)
	case 2:
		c.private["other"] = "kept"
	case 3:
		c.private[".import_before_read"] = true
	case 4:
		c.rawPrivate = draw(d, []byte("{}"), []byte(`{ "key_prefix": "IiI=" }`), []byte(
			`{"key_prefix":"IiI=","notes":"e30="}`,
		), []byte(`{"key_prefix":""}`),
			[]byte(`{"a":1}`), []byte("{"), []byte(`{"key_prefix":"IiI=","notes":"eyJuZXciOjF9"}`), []byte(`null`), []byte(`{"key_prefix":"/w=="}`))
	default:
		switch private := c.private["notes"].(type) {
		case dirPrivateState:
			if d.IntN(2) == 0 {
				private.ReplacedBy = 7 - private.ReplacedBy
			} else {
				d.changeLifetime(&private.lifetimePrivateState)
			}
			c.private["notes"] = private
		case keyPrivateState:
			d.changePrivateState(&private)
			c.private["notes"] = private
		}
	}
}

func (d laneDice) changePrivateState(private *keyPrivateState) {
	switch d.IntN(7) {
	case 0:
		private.Written = draw[uint64](d, 0, 4, 5, 6)
	case 1:
		private.Reworded = !private.Reworded
	case 2:
		private.KeepsValue = !private.KeepsValue
	case 3:
		private.NotText = !private.NotText
	case 4:
		private.Due = !private.Due
	default:
		d.changeLifetime(&private.lifetimePrivateState)
	}
}

func (d laneDice) changeLifetime(private *lifetimePrivateState) {
	switch d.IntN(3) {
	case 0:
		private.TTLRead = !private.TTLRead
	case 1:
		private.TTLSent = draw[int64](d, 60, 300)
	default:
		private.TTLFound = 400
	}
}

func (d laneDice) changeFound(c *laneCase) {
	if c.node == nil {
		c.granted = false
		if d.IntN(2) == 0 {
			c.granted = true
			c.diags.AddWarning("Role does not exist", "x")
		}
		return
	}
	n := *c.node
	c.node = &n
	switch d.IntN(8) {
	case 0:
		n.Value = draw(d, "", "text", "[1]", "[ 1 ]", `{"a":1}`, n.Value+" ")
	case 1:
		n.NotText = true
	case 2:
		n.ModifiedIndex++
	case 3:
		n.CreatedIndex++
	case 4:
		expires := time.Date(2026, 11, 28, 4, 0, 0, 0, time.UTC)
		n.TTL, n.Expiration = draw[int64](d, 0, 1, 10, 19, 20, 21, 60, 300, 1000), &expires
	case 5:
		n.TTL, n.Expiration = 0, nil
	case 6:
		n.TTL = draw[int64](d, 0, 1, 19, 20, 21, 60, 301, 1000)
	default:
		c.err = draw(d, etcdv2.ErrNotFound, etcdv2.ErrUnavailable, errors.New("lost"))
		if c.err != nil {
			c.node = nil
		}
	}
}

// tryRandom tries n random cases.
func (p *lanePair) tryRandom(tb testing.TB, d laneDice, n int) {
	tb.Helper()
	for range n {
		c, call := d.base(), draw(d, "read", "read", "plan", "plan", "plan", "upgrade", "validate")
		for range draw(d, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3) {
			d.change(c, call)
		}
		p.try(tb, c, call)
		if tb.Failed() {
			return
		}
	}
}

func TestUnchanged_sameAsFramework(t *testing.T) {
	t.Parallel()
	workers, known := runtime.GOMAXPROCS(0), new(sync.Map)
	var mu sync.Mutex
	answered := map[string]int{}
	t.Run("workers", func(t *testing.T) {
		t.Parallel()
		for worker := range workers {
			t.Run(strconv.Itoa(worker), func(t *testing.T) {
				t.Parallel()
				p := newLanePair(t, known)
				p.tryRandom(t, laneDice{rand.New(rand.NewPCG(uint64(worker), 1))}, randomObjects/workers)
				mu.Lock()
				defer mu.Unlock()
				for what, n := range p.answered {
					answered[what] += n
				}
			})
		}
	})
	t.Cleanup(func() {
		for typeName := range unchangingResources() {
			calls := []string{"read", "plan", "upgrade"}
			if _, ok := unchangingResources()[typeName]().(validating); ok {
				calls = append(calls, "validate")
			}
			for _, call := range calls {
				if n := answered[typeName+" "+call]; n < 100 {
					t.Errorf("%s of %s: the lane answered %d of %d, want at least 100", call, typeName, n, randomObjects)
				}
			}
		}
		t.Log(answered)
	})
}

func FuzzUnchanged_sameAsFramework(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	p := newLanePair(f, new(sync.Map))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		p.tryRandom(t, laneDice{rand.New(rand.NewPCG(a, b))}, 20)
	})
}

// An object is read once, whether it has changed or not: the framework uses the result of the
// lane's read.
func TestUnchanged_readsOnce(t *testing.T) {
	t.Parallel()
	s := etcdtest.Start(t)
	p := etcdtest.NewProxy(t, s.URL())
	d := newDirect(t, map[string]any{"endpoints": []string{p.URL()}})
	for typeName, test := range map[string]struct {
		attributes map[string]any
		drift      func()
	}{
		"etcd_key": {map[string]any{"key": "/k", "value": "v"}, func() { s.Put(t, "/k", "w") }},
		"etcd_dir": {map[string]any{"path": "/d"}, func() {
			s.Do(t, etcdtest.Call{Method: http.MethodDelete, Path: "/v2/keys/d", Query: url.Values{"dir": {"true"}}})
		}},
	} {
		object, errs := d.apply(t, d.none(typeName), test.attributes)
		if errs != "" {
			t.Fatal(errs)
		}
		for _, changed := range []bool{false, true} {
			if changed {
				test.drift()
			}
			p.Reset()
			after, errs := d.refresh(t, object)
			if errs != "" || after.exists() && after.state.Equal(object.state) == changed {
				t.Errorf("%s changed %t: state after a refresh = %v, errors %q", typeName, changed, after.state, errs)
			}
			if n := p.Count(http.MethodGet, "/v2/keys"); n != 1 {
				t.Errorf("%s changed %t: %d reads, want 1", typeName, changed, n)
			}
		}
	}
}

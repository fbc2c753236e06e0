package provider

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// These tests import random trees, make one change at a time, and compare what the plan shows with
// the store after the apply. SEED repeats the tree that a failure names, and COUNT is the number
// of trees from there on.

// randomKey is a managed key.
type randomKey struct {
	value string
	// ttl is the TTL in state, 0 for none. isRead reports whether a read found it; otherwise
	// the provider wrote it.
	ttl    int64
	isRead bool
	// isListed reports that an apply has listed it, which only etcd_key_prefix does.
	isListed bool
	// address is the address of an etcd_key, and wanted its configured TTL.
	address string
	wanted  int64
}

func (k *randomKey) isText() bool { return strings.ToValidUTF8(k.value, "") == k.value }

// hasTTL reports whether the key needs no write to get a TTL, 0 for none.
func (k *randomKey) hasTTL(ttl int64) bool {
	return k.ttl == ttl || k.isRead && k.ttl != 0 && k.ttl < ttl
}

// randomTree is the content of a random store, and what is managed in it.
type randomTree struct {
	*rand.Rand

	server       *etcdtest.Server
	root, prefix string
	// isPrefix reports whether one etcd_key_prefix manages the keys, and not an etcd_key for
	// each.
	isPrefix bool
	// keys are the managed keys, and paths all paths that were ever used, relative to the prefix.
	// isLeft reports that keys have left state.
	keys   map[string]*randomKey
	paths  map[string]bool
	isLeft bool
	// foreign are the paths of keys that are not managed.
	foreign []string
	// ttl and leavesTTLs are attributes of the etcd_key_prefix.
	ttl        int64
	leavesTTLs bool
	// flags are the steering attributes that are set, and names counts resources.
	flags map[string]bool
	names int
}

const randomPrefixAddress = "etcd_key_prefix.p"

func newRandomTree(t *testing.T, s *etcdtest.Server, seed uint64) *randomTree {
	t.Helper()
	r := &randomTree{
		Rand: rand.New(rand.NewPCG(seed, 0)), server: s, root: etcdtest.Prefix(t),
		keys: map[string]*randomKey{}, paths: map[string]bool{}, flags: map[string]bool{},
	}
	r.isPrefix = r.IntN(2) == 0
	r.prefix = r.root
	for range 1 + r.IntN(3) {
		r.prefix += "/" + r.name()
	}
	dirs := []string{""}
	for range r.IntN(4) {
		dirs = append(dirs, pick(r, dirs)+r.name()+"/")
	}
	share := r.IntN(3) // how many keys have a TTL: none, some or all
	for range 3 + r.IntN(10) {
		ttl := int64(0)
		if share > r.IntN(2) {
			ttl = int64(300 + r.IntN(8700))
		}
		r.plant(t, r.newPath(dirs, !r.isPrefix), ttl, r.isPrefix || r.IntN(4) > 0)
	}
	r.plantForeign(t, dirs)
	if with := r.count(func(k *randomKey) bool { return k.ttl != 0 }); with == len(r.keys) {
		for _, k := range r.keys {
			r.ttl = max(r.ttl, k.ttl)
		}
	} else {
		r.leavesTTLs = with > 0
	}
	return r
}

// plant stores a key.
func (r *randomTree) plant(t *testing.T, relative string, ttl int64, isManaged bool) {
	t.Helper()
	k := &randomKey{value: r.value(), ttl: ttl, isRead: true, wanted: ttl}
	r.server.Put(t, keyspace.Below(r.prefix, relative), k.value, ttlParams(int(ttl))...)
	if !isManaged && len(r.keys) > 0 {
		r.foreign = append(r.foreign, keyspace.Below(r.prefix, relative))
		return
	}
	k.address = r.newAddress()
	r.keys[relative] = k
}

// plantForeign stores keys that are not managed, beside the prefix and below it, including some
// that no configuration can name.
func (r *randomTree) plantForeign(t *testing.T, dirs []string) {
	t.Helper()
	dir := keyspace.Below(r.prefix, pick(r, dirs))
	for _, key := range []string{
		r.prefix + "x", r.prefix + "-2/" + r.name(), r.root + "/beside", dir + "_hidden/" + r.name(), dir + "_" + r.name(), dir + nfd,
		dir + nfd + "s/" + r.name(), dir + "\xff" + r.name(),
	} {
		relative, isBelow := strings.CutPrefix(key, r.prefix+"/")
		if r.IntN(2) == 0 || isBelow && !r.isFree(relative) {
			continue
		}
		r.server.Put(t, key, r.value(), ttlParams(r.IntN(2)*(300+r.IntN(8700)))...)
		r.foreign = append(r.foreign, key)
		if isBelow {
			r.paths[relative] = true
		}
	}
}

func pick[T any](r *randomTree, from []T) T { return from[r.IntN(len(from))] }

func (r *randomTree) count(is func(k *randomKey) bool) int {
	n := 0
	for _, k := range r.keys {
		if is(k) {
			n++
		}
	}
	return n
}

func (r *randomTree) newAddress() string {
	if r.isPrefix {
		return randomPrefixAddress
	}
	r.names++
	return fmt.Sprintf("etcd_key.k%d", r.names)
}

// name returns a name in normalization form C that is not hidden.
func (r *randomTree) name() string {
	names := []string{
		"a", "B", "key", "a b", "50%", "%2F", "#1", "q?x=1&y", "x+y", "café", "ключ", "日本", "👩‍👧", ".dot", "d.o.t", "it's", `"q"`, `a\b`, "$x",
		"${x}", "%{if}", "a:b", "value:", "a=b", "[0]", "{}", "*",
		"null", "true", "1", "1.0", "-", "~", ",;", "<&>", "@", "0_", "if", "in", "jsonencode", "a_b", "C", "end ", " start",
	}
	name := pick(r, names)
	if r.IntN(2) == 0 {
		name += pick(r, names)
	}
	return name
}

// newPath returns a relative path that does not conflict with another one.
func (r *randomTree) newPath(dirs []string, mayHide bool) string {
	for {
		relative := pick(r, dirs)
		if mayHide && r.IntN(6) == 0 {
			relative += "_"
		}
		relative += r.name()
		if r.isFree(relative) {
			r.paths[relative] = true
			return relative
		}
	}
}

// isFree reports whether no other path is equal to, above or below a relative path.
func (r *randomTree) isFree(relative string) bool {
	for above := range keyspace.Ancestors(relative) {
		if r.paths[above] {
			return false
		}
	}
	for path := range r.paths {
		if path == relative || strings.HasPrefix(path, relative+"/") {
			return false
		}
	}
	return true
}

// value returns a value of any kind.
func (r *randomTree) value() string {
	switch r.IntN(6) {
	case 0:
		return ""
	case 1:
		return pick(r, []string{latin1, "\xff\x00\xfe", "{\"a\":\"\xff\"}"})
	case 2:
		return pick(r, []string{"1.0", "1e2", "123456789012345678901234567890", "true", "null", ` "x"`, "0755", "-0"})
	case 3:
		return r.text()
	default:
		return r.json(0)
	}
}

func (r *randomTree) text() string {
	return pick(r, []string{
		"plain", "${x}", "%{if x}y%{endif}", "$${x} %%{y}", "one\ntwo\n", "\r\n", "\t x ", "a: 1\nb:\n  - 2\n", `"q" \ \n`, "<<EOT\nx\nEOT\n",
		"👩‍👧 ключ", nfd, "\x00", "\uFEFF", "{not json}",
	}) + strconv.Itoa(r.IntN(1000))
}

// json returns a JSON document; at depth 0 it is an object or an array. No member is named "for",
// because the CLIs would write a for expression.
func (r *randomTree) json(depth int) string {
	kind := r.IntN(5)
	if depth == 0 {
		kind %= 2
	} else if depth > 2 {
		kind = 2 + kind%3
	}
	space := pick(r, []string{"", "", " ", "\n  "})
	var parts []string
	switch kind {
	case 0:
		for _, i := range r.Perm(len(memberNames))[:r.IntN(4)] {
			parts = append(parts, memberNames[i]+":"+space+r.json(depth+1))
		}
		return "{" + space + strings.Join(parts, ","+space) + "}"
	case 1:
		for range r.IntN(4) {
			parts = append(parts, r.json(depth+1))
		}
		return "[" + space + strings.Join(parts, ","+space) + "]"
	case 2:
		return pick(r, []string{"0", "1.0", "1e2", "1E-3", "-0", "0.10", "123456789012345678901234567890", "1e400", "-17", "1.5"})
	case 3:
		return pick(r, []string{"true", "false", "null", `""`, "{}", "[]"})
	default:
		return pick(
			r, []string{
				`"x"`, `"\u00e9\/"`, `"e\u0301"`, `"${x}"`, `"%{if}$${y}"`, `"a\nb"`, `"\ud83d\ude00"`, `"\ud800"`, `"<a>&\u003c"`, `"1"`, `"\u0000"`,
				`"ключ"`,
			},
		)
	}
}

var memberNames = []string{
	`"a"`, `"B"`, `"a b"`, `"a.b"`, `""`, `"1"`, `"null"`, `"if"`, `"in"`, `"${x}"`, `"\u00e9"`, `"q\"q"`, `"_"`, `"for_each"`, `"дом"`,
}

// snapshot returns everything below the root, with a line for each node that leaves out the
// countdown, by the JSON encoding of its name. Hidden nodes are read separately.
func (r *randomTree) snapshot(t *testing.T) map[string]string {
	t.Helper()
	lines := map[string]string{}
	r.list(t, r.root, lines)
	r.list(t, r.prefix, lines)
	for _, key := range r.foreign {
		if keyspace.HiddenRoot(key) != "" {
			r.list(t, key, lines)
		}
	}
	for relative := range r.paths {
		if keyspace.HiddenRoot(relative) != "" {
			r.list(t, keyspace.Below(r.prefix, relative), lines)
		}
	}
	return lines
}

func (r *randomTree) list(t *testing.T, key string, lines map[string]string) {
	t.Helper()
	var walk func(data json.RawMessage)
	walk = func(data json.RawMessage) {
		var node struct {
			Key        string            `json:"key"`
			Value      json.RawMessage   `json:"value"`
			Dir        bool              `json:"dir"`
			Expiration string            `json:"expiration"`
			Created    uint64            `json:"createdIndex"`
			Modified   uint64            `json:"modifiedIndex"`
			Nodes      []json.RawMessage `json:"nodes"`
		}
		if err := json.Unmarshal(data, &node); err != nil {
			t.Fatal(err)
		}
		lines[node.Key] = fmt.Sprintf(
			"%s dir=%t created=%d modified=%d expires=%q", node.Value, node.Dir, node.Created, node.Modified, node.Expiration,
		)
		for _, child := range node.Nodes {
			walk(child)
		}
	}
	var answer struct {
		Node json.RawMessage `json:"node"`
	}
	if found := r.server.Get(t, key, "recursive=true"); found.OK() {
		found.Decode(t, &answer)
		walk(answer.Node)
	}
}

// edit is a change to one resource of a configuration.
type edit struct {
	address string
	// set are attributes to set, or to remove if nil. A resource that does not exist is added;
	// isRemoved removes it.
	set       map[string]any
	isRemoved bool
}

// shownChange is what a plan shows for a changed resource.
type shownChange struct {
	Action     string
	Attributes []string
	// Elements are the changed elements of keys.
	Elements []string
}

// oneChange is a change and its expected effects.
type oneChange struct {
	what string
	edit edit
	// shown is nil if the plan must be empty. optional is an attribute that the plan may show
	// too.
	shown    *shownChange
	optional string
	// writes are the managed keys that must be written, with their new content, nil for
	// deleted keys.
	writes map[string]*randomKey
	// warns are the keys whose TTL the warnings must name, and mayWarn those whose TTL they
	// may name: a read may find a second less than the configured TTL.
	warns, mayWarn []string
	// leaves is a key that leaves state but stays in the store.
	leaves string
}

// lifetime records that a write changes the TTL of a key.
func (c *oneChange) lifetime(key string, from, to int64) {
	if differs(from, to) {
		c.warns = append(c.warns, key)
	}
	c.mayWarn = append(c.mayWarn, key)
}

// change picks a random change, and records it as made.
func (r *randomTree) change() *oneChange {
	for {
		relative := pick(r, slices.Sorted(maps.Keys(r.keys)))
		choose := r.changeKey
		if r.isPrefix {
			choose = r.changePrefix
		}
		if c := choose(relative, r.keys[relative]); c != nil {
			for written, k := range c.writes {
				delete(r.keys, written)
				if k != nil {
					r.keys[written] = k
				}
			}
			return c
		}
	}
}

// lowered returns a smaller TTL, 0 if that would be too short.
func (r *randomTree) lowered(ttl int64) int64 {
	if ttl < 300 {
		return 0
	}
	return 150 + int64(r.IntN(int(ttl)-200))
}

// changeKey changes an etcd_key. It returns nil for a change that is not possible.
func (r *randomTree) changeKey(relative string, k *randomKey) *oneChange {
	key := keyspace.Below(r.prefix, relative)
	written := func(what string, attribute string, value any, after randomKey) *oneChange {
		attributes := []string{attribute, "created_index", "modified_index"}
		if k.ttl != 0 || after.wanted != 0 {
			attributes = append(attributes, "expiration")
		}
		c := &oneChange{
			what: what + " of " + key, edit: edit{address: k.address, set: map[string]any{attribute: value}},
			shown: &shownChange{Action: "update", Attributes: attributes},
		}
		if k.isRead && after.wanted != 0 && after.wanted == k.wanted {
			c.lifetime(key, k.ttl, k.wanted)
		}
		after.ttl, after.isRead = after.wanted, false
		c.writes = map[string]*randomKey{relative: &after}
		return c
	}
	after := *k
	switch r.IntN(8) {
	case 0:
		attribute := "value"
		after.value = r.text()
		if keyspace.IsJSONDocument(k.value) && k.isText() {
			attribute, after.value = "value_json", fmt.Sprintf(`{"changed": [%s, %d]}`, r.json(1), r.IntN(1e9))
		}
		if keyspace.Normalized(after.value) == keyspace.Normalized(k.value) || !k.isText() && keyspace.IsJSONDocument(shownText(k.value)) {
			return nil
		}
		return written("another value", attribute, after.value, after)
	case 1:
		if after.wanted = r.lowered(k.ttl); after.wanted != 0 {
			return written("a shorter TTL", "ttl", after.wanted, after)
		}
	case 2:
		if k.wanted = after.wanted; k.ttl == 0 {
			return nil
		}
		after.wanted = k.wanted + int64(1+r.IntN(5000))
		if k.isRead {
			k.wanted = after.wanted
			return &oneChange{what: "a TTL that may have been the one of " +
				key, edit: edit{address: k.address, set: map[string]any{"ttl": k.wanted}}}
		}
		return written("a longer TTL", "ttl", after.wanted, after)
	case 3:
		if after.wanted = int64(300 + r.IntN(5000)); k.ttl == 0 {
			return written("a first TTL", "ttl", after.wanted, after)
		}
	case 4:
		if after.wanted = 0; k.ttl != 0 && k.isText() {
			return written("no TTL", "ttl", nil, after)
		}
	case 5:
		return r.addKey()
	case 6:
		if len(r.keys) > 1 {
			return &oneChange{
				what: "without " + key, edit: edit{address: k.address, isRemoved: true}, shown: &shownChange{Action: "delete"},
				writes: map[string]*randomKey{relative: nil},
			}
		}
	default:
		return r.turnOn(k.address, "adopt_existing")
	}
	return nil
}

// turnOn sets a steering attribute, once.
func (r *randomTree) turnOn(address, attribute string) *oneChange {
	if r.flags[address+attribute] {
		return nil
	}
	r.flags[address+attribute] = true
	r.markListed()
	return &oneChange{
		what: address + " with " + attribute, edit: edit{address: address, set: map[string]any{attribute: true}},
		shown: &shownChange{Action: "update", Attributes: []string{attribute}},
	}
}

func (r *randomTree) addKey() *oneChange {
	relative := r.newPath([]string{"", "new/"}, true)
	k := &randomKey{value: r.text(), address: r.newAddress()}
	set := map[string]any{"key": keyspace.Below(r.prefix, relative), "value": k.value}
	if r.IntN(2) == 0 {
		k.value = r.json(0)
		delete(set, "value")
		set["value_json"] = k.value
	}
	if r.IntN(2) == 0 {
		k.ttl = int64(300 + r.IntN(5000))
		k.wanted = k.ttl
		set["ttl"] = k.ttl
	}
	return &oneChange{
		what: "with " + relative, edit: edit{address: k.address, set: set}, shown: &shownChange{Action: "create"},
		writes: map[string]*randomKey{relative: k},
	}
}

// changePrefix changes the etcd_key_prefix.
func (r *randomTree) changePrefix(relative string, k *randomKey) *oneChange {
	after := *k
	switch r.IntN(8) {
	case 0:
		after.value = r.text()
		if keyspace.Normalized(after.value) == keyspace.Normalized(k.value) {
			return nil
		}
		return r.changeElement("another value of "+relative, relative, &after)
	case 1:
		return r.changeElement("with another key", r.newPath([]string{"", "new/"}, true), &randomKey{value: r.text()})
	case 2:
		if len(r.keys) > 1 {
			return r.changeElement("without "+relative, relative, nil)
		}
	case 3:
		return r.changeTTL(int64(300 + r.IntN(9000)))
	case 4:
		if ttl := r.lowered(r.ttl); ttl != 0 {
			return r.changeTTL(ttl)
		}
	case 5:
		if r.ttl != 0 && r.count((*randomKey).isText) == len(r.keys) {
			return r.changeTTL(0)
		}
	case 6:
		return r.turnOn(randomPrefixAddress, "adopt_existing")
	default:
		// A key left in the store would be found, and a plan would delete it.
		if !r.isLeft {
			return r.turnOn(randomPrefixAddress, "exclusive")
		}
	}
	return nil
}

// markListed marks the keys as listed: an update has applied a configuration that lists them.
func (r *randomTree) markListed() {
	for _, k := range r.keys {
		k.isListed = true
	}
}

// changeElement changes one element of keys, or removes it if after is nil.
func (r *randomTree) changeElement(what, relative string, after *randomKey) *oneChange {
	values := map[string]string{}
	for path, k := range r.keys {
		values[path] = shownText(k.value)
	}
	delete(values, relative)
	c := &oneChange{what: what, optional: "expiration", writes: map[string]*randomKey{relative: after}}
	before := r.keys[relative]
	switch {
	case after == nil && !before.isListed && !r.flags[randomPrefixAddress+"exclusive"]:
		// The key leaves state only.
		r.isLeft = true
		r.foreign = append(r.foreign, keyspace.Below(r.prefix, relative))
		c.leaves, c.writes = keyspace.Below(r.prefix, relative), nil
		delete(r.keys, relative)
	case after == nil:
	default:
		values[relative] = after.value
		after.isListed = true
		if before == nil || !r.leavesTTLs {
			after.ttl, after.isRead = r.ttl, false
		}
		if before != nil {
			c.lifetime(keyspace.Below(r.prefix, relative), before.ttl, after.ttl)
		}
	}
	c.edit = edit{address: randomPrefixAddress, set: map[string]any{"keys": values}}
	c.shown = &shownChange{Action: "update", Attributes: []string{"keys"}, Elements: []string{relative}}
	r.markListed()
	return c
}

// shownText returns a value as the API shows it.
func shownText(value string) string {
	return string([]rune(value)) // each byte that is not text becomes U+FFFD
}

// changeTTL changes the TTL of all keys, 0 for none.
func (r *randomTree) changeTTL(ttl int64) *oneChange {
	if ttl == r.ttl {
		return nil
	}
	c := &oneChange{
		what: fmt.Sprintf("ttl = %d, before %d", ttl, r.ttl), optional: "expiration", writes: map[string]*randomKey{},
		edit: edit{address: randomPrefixAddress, set: map[string]any{"ttl": ttl}},
	}
	if ttl == 0 {
		c.edit.set["ttl"] = nil
	}
	for relative, k := range r.keys {
		if k.hasTTL(ttl) {
			continue
		}
		after := *k
		after.ttl, after.isRead = ttl, false
		c.writes[relative] = &after
		c.lifetime(keyspace.Below(r.prefix, relative), k.ttl, ttl)
	}
	if len(c.writes) == 0 {
		if ttl < r.ttl || r.count(func(k *randomKey) bool { return k.isRead && k.ttl == r.ttl }) == 0 {
			return nil // the TTL in state differs from the keys': the plan shows it, and writes none
		}
		r.ttl = ttl
		return c
	}
	r.ttl = ttl
	r.leavesTTLs = false
	c.shown = &shownChange{Action: "update", Attributes: []string{"ttl"}}
	r.markListed()
	for _, k := range c.writes {
		k.isListed = true
	}
	return c
}

// randomDriver runs plans and applies with the configuration of a tree, which was generated by the
// import.
type randomDriver interface {
	edit(t *testing.T, e edit)
	plan(t *testing.T) (changes map[string]shownChange, warnings string)
	apply(t *testing.T)
	wantEmpty(t *testing.T)
	destroy(t *testing.T)
}

// check makes one change after another, and finally destroys everything.
func (r *randomTree) check(t *testing.T, d randomDriver, before map[string]string, rounds int) {
	t.Helper()
	d.wantEmpty(t)
	r.wantStore(t, "the import", before, nil)
	for range rounds {
		before := r.snapshot(t)
		c := r.change()
		d.edit(t, c.edit)
		changes, warnings := d.plan(t)
		c.wantShown(t, changes)
		c.wantWarned(t, r, warnings)
		r.wantStore(t, "the plan of "+c.what, before, nil)
		d.apply(t)
		r.wantStore(t, c.what, before, c)
		d.wantEmpty(t)
		if t.Failed() {
			t.Fatalf("after the change: %s", c.what)
		}
	}
	left := r.snapshot(t)
	for relative := range r.keys {
		delete(left, keyspace.Below(r.prefix, relative))
	}
	d.destroy(t)
	r.keys = nil
	r.wantStore(t, "the destroy", left, nil)
}

// wantShown checks that a plan shows exactly the change.
func (c *oneChange) wantShown(t *testing.T, changes map[string]shownChange) {
	t.Helper()
	want := map[string]shownChange{}
	if c.shown != nil {
		one := *c.shown
		one.Attributes = slices.Sorted(slices.Values(one.Attributes))
		want[c.edit.address] = one
	}
	for address, got := range changes {
		if got.Action != "update" {
			got.Attributes, got.Elements = nil, nil
		}
		if c.optional != "" {
			got.Attributes = slices.DeleteFunc(got.Attributes, func(name string) bool { return name == c.optional })
		}
		changes[address] = got
	}
	if diff := cmp.Diff(want, changes); diff != "" {
		t.Errorf("the plan of %s shows (-want +got):\n%s", c.what, diff)
	}
}

// wantWarned checks that warnings name exactly what the change requires.
func (c *oneChange) wantWarned(t *testing.T, r *randomTree, warnings string) {
	t.Helper()
	for relative := range r.paths {
		key := keyspace.Below(r.prefix, relative)
		isNamed := strings.Contains(warnings, "  "+key+": ") || strings.Contains(warnings, ": "+key+" has a TTL")
		if isNamed && !slices.Contains(c.mayWarn, key) || !isNamed && slices.Contains(c.warns, key) {
			t.Errorf("warnings of %s name the TTL of %s: %t, want %t:\n%s", c.what, key, isNamed, !isNamed, warnings)
		}
	}
	if leaves := strings.Contains(warnings, "leave state"); leaves != (c.leaves != "") || !strings.Contains(warnings, c.leaves) {
		t.Errorf("warnings of %s = %q, want that %q leaves state", c.what, warnings, c.leaves)
	}
}

// wantStore checks that only the change differs in the store.
func (r *randomTree) wantStore(t *testing.T, what string, before map[string]string, c *oneChange) {
	t.Helper()
	got := r.snapshot(t)
	want := maps.Clone(before)
	if c != nil {
		for relative, k := range c.writes {
			key := keyspace.Below(r.prefix, relative)
			r.wantWritten(t, what, key, k, got[key], before[key])
			delete(got, key)
			delete(want, key)
		}
		if dir := keyspace.Below(r.prefix, "new"); before[dir] == "" {
			delete(got, dir) // the first key in it created it
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("after %s the store differs (-want +got):\n%s", what, diff)
	}
}

// wantWritten checks a key that a change has written.
func (r *randomTree) wantWritten(t *testing.T, what, key string, want *randomKey, got, before string) {
	t.Helper()
	if want == nil {
		if got != "" {
			t.Errorf("after %s, %s still exists: %s", what, key, got)
		}
		return
	}
	if got == before {
		t.Errorf("after %s, %s was not written: %s", what, key, got)
	}
	node := r.server.Get(t, key).Node
	same := keyspace.Normalized(node.Value) == keyspace.Normalized(shownText(want.value))
	if !same && !keyspace.EqualJSON(node.Value, want.value) {
		t.Errorf("after %s, %s = %q, want %q", what, key, node.Value, want.value)
	}
	if differs(node.TTL, want.ttl) && want.ttl != 0 || (node.TTL == 0) != (want.ttl == 0) {
		t.Errorf("after %s, TTL of %s = %d, want %d", what, key, node.TTL, want.ttl)
	}
}

// ids returns the import ids of the objects of the tree, by address.
func (r *randomTree) ids() map[string]string {
	if r.isPrefix {
		return map[string]string{randomPrefixAddress: r.prefix}
	}
	ids := map[string]string{}
	for relative, k := range r.keys {
		ids[k.address] = keyspace.Below(r.prefix, relative)
	}
	return ids
}

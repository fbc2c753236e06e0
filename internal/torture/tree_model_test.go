package torture

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// treePaths are the places of a tree, by their paths below its directory: the directory
// itself, keys in it, one of them hidden, and a directory with a key. An index into them is a
// place.
var treePaths = [...]string{"", "/a", "/b", "/_h", "/sub", "/sub/a"}

const (
	treeRoot = 0
	treeSub  = 4
)

// treeParents are the places of the directories that contain the places.
var treeParents = [len(treePaths)]int{-1, treeRoot, treeRoot, treeRoot, treeRoot, treeSub}

// treeKeys are the places of keys.
var treeKeys = [...]int{1, 2, 3, 5}

func isTreeDir(place int) bool { return place == treeRoot || place == treeSub }

// treeOp is an operation in the history of a tree: a request as its call may make it, or a
// claim, which is what an answer of the client reports about the tree. A claim changes
// nothing: it has to be true at some point in time during the call.
type treeOp string

const (
	// treeCreate and treeMkdir create a key or a directory that does not exist, and the
	// directories above it. treeSet overwrites a key.
	treeCreate treeOp = "create"
	treeMkdir  treeOp = "create directory"
	treeSet    treeOp = "set"
	// treeDelete deletes a key, with a condition or without.
	treeDelete treeOp = "delete"
	// treeRmdir deletes a directory: an empty one, or with everything in it.
	treeRmdir treeOp = "delete directory"

	// treeShows: a listing of the directory is exactly this one.
	treeShows treeOp = "claim: lists"
	// treeHas: it exists, with the value and the index if there are any.
	treeHas treeOp = "claim: exists"
	// treeOther: it exists at another index.
	treeOther treeOp = "claim: another exists"
	// treeIsNot: it does not have the value.
	treeIsNot treeOp = "claim: is not"
	treeLacks treeOp = "claim: does not exist"
	// treeFull: the directory is not empty.
	treeFull treeOp = "claim: is not empty"
)

// treeInput is an operation.
type treeInput struct {
	op    treeOp
	place int
	value string
	// index is that of the condition or of the claim, 0 for any.
	index uint64
	ttl   int64
	// all reports whether it includes everything in the directory.
	all   bool
	shown []shown
	// start and end are nanoseconds since the run began.
	start, end int64
}

// shown is a node as a listing shows it.
type shown struct {
	place int
	node  treeNode
}

// treeOutput is the answer of a server to a request.
type treeOutput struct {
	result result
	index  uint64
}

// treeNode is a key or a directory, or the absence of one.
type treeNode struct {
	exists bool
	// value is that of a key. No two writes have the same.
	value string
	// index is the modified index of a key, and the created index of a directory, because its
	// modified index does not show what happens to it. It is 0 if no answer has shown it yet.
	index uint64
}

// tree is the state of a directory with everything in it.
type tree struct {
	nodes [len(treePaths)]treeNode
	// until is the earliest time at which it can expire with everything in it, 0 if it
	// does not expire.
	until int64
}

// treeModel models a directory of the v2 API with keys in it.
var treeModel = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{tree{}} },
	Step: func(s, in, out any) []any {
		call, _ := in.(treeInput)
		answer, _ := out.(treeOutput)
		before, _ := s.(tree)
		next := treeStates(call.step(before, answer))
		if before.until != 0 && call.end >= before.until-int64(clockSlack) {
			next = append(next, treeStates(call.step(tree{}, answer))...)
		}
		return next
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%v: %v", in, out) },
	DescribeState:     func(s any) string { return fmt.Sprint(s) },
}).ToModel()

func treeStates(trees []tree) []any {
	states := make([]any, len(trees))
	for i, t := range trees {
		states[i] = t
	}
	return states
}

// step returns the possible states of the tree after an operation with an answer.
func (in treeInput) step(t tree, out treeOutput) []tree {
	if !in.isRequest() {
		return in.claimed(t)
	}
	node := t.nodes[in.place]
	switch out.result {
	case resultUnknown:
		return append(in.applied(t, 0), t)
	case resultDone:
		return in.applied(t, out.index)
	case resultExists:
		return onlyTree(t, node.exists)
	case resultGone:
		return onlyTree(t, !node.exists)
	case resultChanged:
		return onlyTree(t, node.exists && in.index != 0 && node.index != in.index)
	case resultFull:
		return onlyTree(t, t.isFull(in.place))
	default:
		// The server refused it for another reason, and did nothing.
		return []tree{t}
	}
}

func onlyTree(t tree, ok bool) []tree {
	if !ok {
		return nil
	}
	return []tree{t}
}

func (in treeInput) isRequest() bool { return !strings.HasPrefix(string(in.op), "claim") }

// applied returns the tree after a request at an index, 0 if that is not known. It returns
// none if the request cannot have been applied.
func (in treeInput) applied(t tree, index uint64) []tree {
	node := t.nodes[in.place]
	switch in.op {
	case treeCreate, treeMkdir, treeSet:
		if node.exists && in.op != treeSet {
			return nil
		}
		for place := treeParents[in.place]; place >= 0; place = treeParents[place] {
			if !t.nodes[place].exists {
				t.nodes[place] = treeNode{exists: true, index: index}
			}
		}
		t.nodes[in.place] = treeNode{exists: true, value: in.value, index: index}
		if in.ttl != 0 {
			t.until = in.start + in.ttl*int64(time.Second)
		}
	case treeDelete:
		if !node.matches(in.value, in.index) {
			return nil
		}
		t = t.without(in.place)
	default:
		if !node.exists || !in.all && t.isFull(in.place) {
			return nil
		}
		t = t.without(in.place)
	}
	return []tree{t}
}

// matches reports whether a node exists with a value and an index, if these are given.
func (n treeNode) matches(value string, index uint64) bool {
	return n.exists && (value == "" || n.value == value) && (index == 0 || n.index == 0 || n.index == index)
}

// without returns the tree without a node and everything in it.
func (t tree) without(place int) tree {
	for below := range treePaths {
		if isTreeBelow(below, place) {
			t.nodes[below] = treeNode{}
		}
	}
	if place == treeRoot {
		t.until = 0
	}
	return t
}

// isTreeBelow reports whether a place is another one or is below it.
func isTreeBelow(place, above int) bool {
	return place == above || place != treeRoot && isTreeBelow(treeParents[place], above)
}

func (t tree) isFull(dir int) bool {
	for place, parent := range treeParents {
		if parent == dir && t.nodes[place].exists {
			return true
		}
	}
	return false
}

// claimed returns the tree if a claim is true of it, with the indexes that the claim shows.
func (in treeInput) claimed(t tree) []tree {
	node := t.nodes[in.place]
	switch in.op {
	case treeShows:
		return in.listed(t)
	case treeHas:
		if !node.matches(in.value, in.index) {
			return nil
		}
		t.nodes[in.place].index = max(node.index, in.index)
		return []tree{t}
	case treeOther:
		return onlyTree(t, node.exists && node.index != in.index)
	case treeIsNot:
		return onlyTree(t, node.value != in.value)
	case treeFull:
		return onlyTree(t, t.isFull(in.place))
	default:
		return onlyTree(t, !node.exists)
	}
}

// listed returns the tree if a listing of a directory is the one that was shown.
func (in treeInput) listed(t tree) []tree {
	seen := 0
	for place, parent := range treeParents {
		isListed := place == in.place || parent == in.place || in.all && isTreeBelow(place, in.place)
		if isListed && t.nodes[place].exists && !strings.Contains(treePaths[place], "/_") {
			seen++
		}
	}
	if seen != len(in.shown) {
		return nil
	}
	for _, s := range in.shown {
		if node := t.nodes[s.place]; !node.matches(s.node.value, s.node.index) {
			return nil
		}
		t.nodes[s.place].index = s.node.index
	}
	return []tree{t}
}

// String describes an operation for the picture.
func (in treeInput) String() string {
	parts := []string{string(in.op), "." + treePaths[in.place]}
	if in.all {
		parts = append(parts, "with everything in it")
	}
	if in.value != "" {
		parts = append(parts, fmt.Sprintf("%q", in.value))
	}
	if in.ttl != 0 {
		parts = append(parts, fmt.Sprintf("for %d s", in.ttl))
	}
	if in.index != 0 {
		parts = append(parts, fmt.Sprintf("at %d", in.index))
	}
	for _, s := range in.shown {
		parts = append(parts, s.node.describe(s.place))
	}
	return strings.Join(parts, " ")
}

// String describes an answer for the picture.
func (out treeOutput) String() string {
	if out.index == 0 {
		return string(out.result)
	}
	return fmt.Sprintf("%s at %d", out.result, out.index)
}

func (n treeNode) describe(place int) string {
	if isTreeDir(place) {
		return fmt.Sprintf("[.%s/ of %d]", treePaths[place], n.index)
	}
	return fmt.Sprintf("[.%s %q at %d]", treePaths[place], n.value, n.index)
}

// String describes a tree for the picture.
func (t tree) String() string {
	var parts []string
	for place, node := range t.nodes {
		if node.exists {
			parts = append(parts, node.describe(place))
		}
	}
	if t.until != 0 {
		parts = append(parts, fmt.Sprintf("expires after %s", time.Duration(t.until).Round(time.Millisecond)))
	}
	return cmp.Or(strings.Join(parts, " "), "absent")
}

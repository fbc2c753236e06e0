package torture

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdtest"
	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
)

// A tree is checked on two levels. Each request that reached a server is an operation, with
// what the server answered, but as the call may make it and not as it was sent: a request that
// goes further than its call contradicts the answer. Each answer of the client is a claim.

// treeIntent is what a call for a tree may do to it.
type treeIntent struct {
	treeInput

	// listed are the nodes that a removal of several may delete, by key, and exact is
	// whether a key must still be at its listed index. Otherwise it is enough that it has
	// its value.
	listed map[string]*etcdv2.Node
	exact  bool
}

// treeRemove is the removal of several nodes, each by a request of its own. treeUpdate is the
// change of the TTL of a directory, which etcd 3.5 always refuses; see ErrDirUpdate.
const (
	treeRemove treeOp = "remove what was listed"
	treeUpdate treeOp = "update directory"
)

// permits returns a request as the call may make it, or an error if it may not make it.
func (i treeIntent) permits(dir string, r etcdtest.Request) (treeInput, error) {
	in := i.treeInput
	if in.place = placeOf("/v2/keys"+dir, strings.TrimSuffix(r.Path, "/")); in.place < 0 {
		return in, fmt.Errorf("a request to %s", r.Path)
	}
	listed, isListed := i.listed[dir+treePaths[in.place]]
	isDelete := r.Method == http.MethodDelete
	switch {
	case isDelete && i.op == treeRemove && isTreeDir(in.place):
		in.op = treeRmdir
	case isDelete && i.op == treeRemove && !isListed:
		return in, fmt.Errorf("a request to delete %s, which was not listed", r.Path)
	case isDelete && i.op == treeRemove:
		in.op, in.value = treeDelete, listed.Value
		if in.index, _ = strconv.ParseUint(r.Param("prevIndex"), 10, 64); i.exact { // 0 without
			in.index = listed.ModifiedIndex
		}
	case isDelete && i.op == treeRmdir && isTreeDir(in.place) && isTreeBelow(in.place, i.place):
		in.all = i.all && in.place == i.place
	case isDelete == (i.op == treeDelete) && in.place == i.place && i.op != treeRmdir:
	default:
		return in, fmt.Errorf("a request %s %s", r.Method, r.Path)
	}
	return in, nil
}

// isGuarded reports whether a call may be sent again after an answer was lost.
func (i treeIntent) isGuarded(in treeInput) bool {
	return i.op == treeCreate || i.op == treeMkdir || in.op == treeDelete && in.index != 0
}

// noteTree adds the requests of a call to the history of a tree.
func (w *worker) noteTree(s *subject, i treeIntent, m attempted) {
	sent := map[int]int{}
	for _, a := range m.attempts {
		if !a.isWrite() {
			continue
		}
		in, err := i.permits(s.key, a.request)
		if err != nil {
			w.violate(overwritten, "%s: %s made %v", s.key, i.op, err)
			continue
		}
		if a.seen && !i.isGuarded(in) {
			sent[in.place]++
		}
		if sent[in.place] > 1 {
			w.violate(doubled, "%s: %v was sent again: %s", s.key, in, describe(m.attempts))
		}
		if in.op == treeUpdate || !a.mayBeApplied() {
			continue
		}
		in.start = cmp.Or(a.start, m.start)
		w.addRequest(s, in, a.answer, a.answered, a.end)
		if a.twice {
			answer, isFinal := finalOutput(a.second)
			w.addRequest(s, in, answer, isFinal, m.end)
		}
	}
}

// addRequest adds a request with the answer of the server, which is not final if the request
// can be applied later.
func (w *worker) addRequest(s *subject, in treeInput, answer output, isFinal bool, end int64) {
	in.end = end
	out := treeOutput{answer.result, answer.index}
	switch {
	case !isFinal:
		in.end, out = never, treeOutput{result: resultUnknown}
	case out.result == resultUnknown:
		out.result = resultFailed
	}
	s.addTree(w.number, in, out)
	if out.result == resultDone {
		w.indexes.add(s.key+treePaths[in.place], input{start: in.start, end: in.end}, output{result: resultDone, index: out.index})
	}
}

// claim adds a claim of a call to the history of a tree.
func (w *worker) claim(s *subject, m attempted, claim treeInput) {
	claim.start, claim.end = m.start, m.end
	s.addTree(w.number, claim, treeOutput{result: resultDone})
}

// listing returns the claim that a listing makes.
func listing(dir string, place int, node *etcdv2.Node, all bool) treeInput {
	in := treeInput{op: treeShows, place: place, all: all}
	eachNode(node, func(n *etcdv2.Node) {
		s := shown{placeOf(dir, n.Key), treeNode{exists: true, value: n.Value, index: n.ModifiedIndex}}
		if n.Dir {
			s.node.index = n.CreatedIndex
		}
		in.shown = append(in.shown, s)
	})
	return in
}

// placeOf returns the place of a path, or -1.
func placeOf(dir, path string) int { return slices.Index(treePaths[:], strings.TrimPrefix(path, dir)) }

// rawListing returns the claim that the answer of a server to a listing makes.
func rawListing(dir string, answer *etcdtest.Answer, start, end int64) treeInput {
	in := treeInput{op: treeLacks}
	var listed struct{ Node etcdv2.Node }
	if answer.OK() && json.Unmarshal(answer.Body, &listed) == nil {
		in = listing(dir, treeRoot, &listed.Node, true)
	}
	in.start, in.end = start, end
	return in
}

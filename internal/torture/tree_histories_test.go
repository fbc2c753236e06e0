package torture

import (
	"testing"

	"github.com/anishathalye/porcupine"
)

// treeOps makes a history in which each operation begins after the one before has ended.
func treeOps(ops ...porcupine.Operation) []porcupine.Operation {
	for i := range ops {
		ops[i].Call, ops[i].Return = int64(2*i), int64(2*i+1)
	}
	return ops
}

// request is a request that a server has answered.
func request(in treeInput, result result, index uint64) porcupine.Operation {
	return porcupine.Operation{Input: in, Output: treeOutput{result, index}}
}

func claim(in treeInput) porcupine.Operation { return request(in, resultDone, 0) }

// shows is a listing of everything: the directory, and keys of the values and the indexes.
func shows(dir uint64, keys ...shown) treeInput {
	root := shown{treeRoot, treeNode{exists: true, index: dir}}
	return treeInput{op: treeShows, all: true, shown: append([]shown{root}, keys...)}
}

func TestTreeModel(t *testing.T) {
	t.Parallel()
	first := request(treeInput{op: treeCreate, place: 1, value: "first"}, resultDone, 5)
	second := request(treeInput{op: treeCreate, place: 2, value: "second"}, resultDone, 6)
	firstShown := shown{1, treeNode{exists: true, value: "first", index: 5}}
	secondShown := shown{2, treeNode{exists: true, value: "second", index: 6}}
	rmdir, rmtree := treeInput{op: treeRmdir}, treeInput{op: treeRmdir, all: true}
	ok, illegal := porcupine.Ok, porcupine.Illegal
	mkdir := request(treeInput{op: treeMkdir}, resultDone, 5)
	hidden := request(treeInput{op: treeCreate, place: 3, value: "hidden"}, resultDone, 6)
	firstDeleted := request(treeInput{op: treeDelete, place: 1}, resultDone, 6)
	noFirst := claim(treeInput{op: treeLacks, place: 1})
	hasFirst := claim(treeInput{op: treeHas, place: 1, value: "first"})
	for name, test := range map[string]struct {
		history []porcupine.Operation
		want    porcupine.CheckResult
	}{
		"a key makes its directory":        {treeOps(first, claim(treeInput{op: treeHas, index: 5}), claim(shows(5, firstShown))), ok},
		"a listing lacks a key":            {treeOps(first, second, claim(shows(5, firstShown))), illegal},
		"a listing has a key too early":    {treeOps(first, claim(shows(5, firstShown, secondShown)), second), illegal},
		"a listing of two points in time":  {treeOps(first, firstDeleted, second, claim(shows(5, firstShown, secondShown))), illegal},
		"a hidden key is not listed":       {treeOps(first, hidden, claim(shows(5, firstShown))), ok},
		"a full directory is not deleted":  {treeOps(first, request(rmdir, resultFull, 0), claim(shows(5, firstShown))), ok},
		"a full directory is deleted":      {treeOps(first, request(rmdir, resultDone, 6)), illegal},
		"a directory with a hidden key is": {treeOps(mkdir, hidden, request(rmdir, resultDone, 7)), illegal},
		"an empty directory is full":       {treeOps(mkdir, request(rmdir, resultFull, 0)), illegal},
		"everything is deleted":            {treeOps(first, second, request(rmtree, resultDone, 7), noFirst), ok},
		"a key survives a deletion":        {treeOps(first, request(rmtree, resultDone, 6), hasFirst), illegal},
		"a changed key is deleted":         {treeOps(first, request(treeInput{op: treeDelete, place: 1, index: 4}, resultDone, 6)), illegal},
		"an unknown deletion was applied":  {treeOps(first, request(rmtree, resultUnknown, 0), noFirst), ok},
		"an unknown deletion was not":      {treeOps(first, request(rmtree, resultUnknown, 0), claim(shows(5, firstShown))), ok},
		"a deletion that was lost is done": {treeOps(first, noFirst), illegal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, _ := check(test.history); got != test.want {
				t.Errorf("check() = %s, want %s", got, test.want)
			}
		})
	}
}

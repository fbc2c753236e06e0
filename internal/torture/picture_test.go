package torture

import (
	"os"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"
)

// A history that fails is cut to its shortest part, and kept as text and as a picture.
func TestKeep(t *testing.T) {
	t.Parallel()
	for name, history := range map[string][]porcupine.Operation{
		"a key": {
			{Input: input{op: opSet, value: "first"}, Output: output{result: resultDone, index: 5}, Call: 1, Return: 2},
			{Input: input{op: opGet}, Output: output{resultDone, content{value: "second"}, 6}, Call: 3, Return: 4},
			{Input: input{op: opSet, value: "third"}, Output: output{result: resultDone, index: 7}, Call: 5, Return: 6},
		},
		"a tree": {
			{Input: treeInput{op: treeCreate, place: 1, value: "first"}, Output: treeOutput{resultDone, 5}, Call: 1, Return: 2},
			{Input: treeInput{op: treeHas, place: 1, value: "second"}, Output: treeOutput{result: resultDone}, Call: 3, Return: 4},
			{Input: treeInput{op: treeSet, place: 1, value: "third"}, Output: treeOutput{resultDone, 7}, Call: 5, Return: 6},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &run{settings: settings{seed: 7, dir: t.TempDir()}}
			result, info := check(history)
			if result != porcupine.Illegal {
				t.Fatalf("the history is %s, want %s", result, porcupine.Illegal)
			}
			picture := r.keep("/torture/k", history, info)
			if !strings.Contains(picture, "seed-7-") {
				t.Errorf("the picture is %s, want the seed in its name", picture)
			}
			for _, file := range []string{picture, strings.TrimSuffix(picture, ".html") + ".txt"} {
				content, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				for text, want := range map[string]bool{"first": true, "second": true, "third": false} {
					if got := strings.Contains(string(content), text); got != want {
						t.Errorf("%s contains %q: %t, want %t", file, text, got, want)
					}
				}
			}
		})
	}
}

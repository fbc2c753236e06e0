package provider

import (
	"strings"
	"testing"

	"github.com/etcdv2/terraform-provider-etcd/internal/etcdv2"
	"github.com/etcdv2/terraform-provider-etcd/internal/keyspace"
)

// Every kind of refusal has a text for a key and for a directory, and each uses the right
// noun.
func TestWordings(t *testing.T) {
	t.Parallel()

	about := subject{resource: "etcd_key", prefix: "/prefix"}
	for _, kind := range keyspace.Kinds() {
		for noun, isDir := range map[string]bool{"Key": aKey, "Directory": aDirectory} {
			w, ok := wordings[refusalOf{kind, isDir}]
			if !ok {
				t.Errorf("no wording for a %s that %s", noun, kind)
				continue
			}
			r := &keyspace.Refusal{
				Kind: kind, Path: "/a/b", Directory: isDir, Planned: 41, Found: 42, Other: "/a/b/c", Children: []string{"/a/b/d"},
				Err: etcdv2.ErrOutcomeUnknown,
			}
			what, advice := w.words(about, r)
			switch {
			case w.summary == "" || what == "" || advice == "":
				t.Errorf("a %s that %s: summary = %q, what = %q, advice = %q", noun, kind, w.summary, what, advice)
			case !strings.Contains(what, r.Path):
				t.Errorf("a %s that %s: %q does not name it", noun, kind, what)
			case !strings.HasPrefix(w.summary, noun) && strings.HasSuffix(w.summary, "since it was planned"):
				t.Errorf("a %s that %s: summary = %q", noun, kind, w.summary)
			case strings.Contains(what+advice, "%!"):
				t.Errorf("a %s that %s: %q", noun, kind, what+advice)
			}
		}
	}
	if want := 2 * len(keyspace.Kinds()); len(wordings) != want {
		t.Errorf("%d wordings, want %d", len(wordings), want)
	}
}

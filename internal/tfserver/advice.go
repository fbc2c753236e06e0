package tfserver

import (
	"fmt"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// longParagraph is the length in bytes above which a paragraph of an error is sent only
// once in a run.
const longParagraph = 120

// givenAdvice remembers the long paragraphs of the errors of a run. A server that is down
// fails every object of a configuration: the CLI would print the same advice a hundred
// times, and the names of the objects would get lost in it.
type givenAdvice struct {
	mu sync.Mutex
	// by maps a paragraph to the error that contains it.
	by map[string]string
}

// reset starts another run: a process in debug mode serves more than one.
func (g *givenAdvice) reset() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.by = nil
}

// shorten replaces each paragraph that an earlier error contains by a reference to that
// error. The first paragraph, which names the object, and one that begins with "Error:",
// which quotes the server, always stay.
func (g *givenAdvice) shorten(diags []*tfprotov6.Diagnostic) {
	for _, d := range diags {
		if d.Severity != tfprotov6.DiagnosticSeverityError {
			continue
		}
		paragraphs := strings.Split(d.Detail, "\n\n")
		for i, paragraph := range paragraphs {
			if i == 0 || len(paragraph) < longParagraph || strings.HasPrefix(paragraph, "Error:") {
				continue
			}
			if earlier := g.note(paragraph, where(d.Summary, paragraphs[0])); earlier != "" {
				paragraphs[i] = fmt.Sprintf("The error that begins with %q explains this further.", earlier)
			}
		}
		d.Detail = strings.Join(paragraphs, "\n\n")
	}
}

// note returns the error that contained a paragraph before, or records that this one does.
func (g *givenAdvice) note(paragraph, here string) (earlier string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if earlier = g.by[paragraph]; earlier != "" {
		return earlier
	}
	if g.by == nil {
		g.by = map[string]string{}
	}
	g.by[paragraph] = here
	return ""
}

// where identifies an error by its first paragraph, or by its summary if that is long.
func where(summary, first string) string {
	if len(first) < longParagraph && !strings.Contains(first, "\n") {
		return strings.TrimSuffix(first, ".")
	}
	return summary
}

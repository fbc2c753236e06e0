package tfserver

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

// A long paragraph is sent once in a run. Every error keeps the name of its object and the
// answer of the server.
func TestGivenAdvice(t *testing.T) {
	t.Parallel()
	long, short := strings.Repeat("Do this. ", 20), "Do that."
	failure := func(object string, severity tfprotov6.DiagnosticSeverity) *tfprotov6.Diagnostic {
		return &tfprotov6.Diagnostic{
			Severity: severity, Summary: "Unable to read key",
			Detail: strings.Join([]string{object, long, short, "Error: " + long}, "\n\n"),
		}
	}
	var g givenAdvice
	diags := []*tfprotov6.Diagnostic{
		failure("/w.", tfprotov6.DiagnosticSeverityWarning), failure("/a.", tfprotov6.DiagnosticSeverityError),
		failure("/b.", tfprotov6.DiagnosticSeverityError), failure("/c.\n/d.", tfprotov6.DiagnosticSeverityError),
	}
	g.shorten(diags[:2])
	g.shorten(diags[2:])
	const reference = `The error that begins with "/a" explains this further.`
	want := []string{
		"/w.\n\n" + long + "\n\n" + short + "\n\nError: " + long,
		"/a.\n\n" + long + "\n\n" + short + "\n\nError: " + long,
		"/b.\n\n" + reference + "\n\n" + short + "\n\nError: " + long,
		"/c.\n/d.\n\n" + reference + "\n\n" + short + "\n\nError: " + long,
	}
	for i, d := range diags {
		if diff := cmp.Diff(want[i], d.Detail); diff != "" {
			t.Errorf("diagnostic %d (-want +got):\n%s", i, diff)
		}
	}
	g.reset()
	again := failure("/e.", tfprotov6.DiagnosticSeverityError)
	g.shorten([]*tfprotov6.Diagnostic{again})
	if !strings.Contains(again.Detail, "/e.\n\n"+long) {
		t.Errorf("after a reset the advice is missing:\n%s", again.Detail)
	}
}

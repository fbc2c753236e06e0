package main

import (
	"strings"
	"testing"
)

func TestRender(t *testing.T) {
	t.Parallel()
	for title, test := range map[string]struct{ markdown, want, problem string }{
		"note":    {"-> **Note** text", `<p class="callout note"><strong>Note</strong> text</p>`, ""},
		"warning": {"~> text\non `two` lines", "<p class=\"callout warning\">text\non <code>two</code> lines</p>", ""},
		"danger":  {"!> text", `<p class="callout danger">text</p>`, ""},
		"table":   {"| a |\n|---|\n| b |", "<td>b</td>", ""},
		"fence":   {"```sh\n-> | a |\n```", `<pre><code class="language-sh">-&gt; | a |`, ""},
		"slug":    {"## What `key_prefix` does: a test", `id="what-key_prefix-does-a-test"`, ""},

		"callout in a list":       {"* item\n  ~> text", "", "~&gt;"},
		"table without a header":  {"text\n\n| a | b |", "", "| a | b |"},
		"table below a paragraph": {"text\n| a | b |\n| c | d |", "", "| c | d |"},
		"open fence":              {"```sh\ntext", "", "a fence is not closed"},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			got, err := render([]byte(test.markdown))
			if (err != nil) != (test.problem != "") || err != nil && !strings.Contains(err.Error(), test.problem) {
				t.Errorf("render() error = %v, want %q", err, test.problem)
			}
			if !strings.Contains(string(got), test.want) {
				t.Errorf("render() = %s, want %s", got, test.want)
			}
		})
	}
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// callouts are the classes of the paragraphs that the registry highlights, by their first
// characters.
var callouts = map[string]string{"-> ": "note", "~> ": "warning", "!> ": "danger"}

var markdown = goldmark.New(
	goldmark.WithExtensions(extension.GFM),
	goldmark.WithParserOptions(
		parser.WithAutoHeadingID(),
		parser.WithParagraphTransformers(util.Prioritized(calloutTransformer{}, 100)),
	),
	goldmark.WithRendererOptions(html.WithUnsafe()),
)

// calloutTransformer gives each callout paragraph a class, before its "~" or "!" can be parsed
// as anything else.
type calloutTransformer struct{}

// Transform implements parser.ParagraphTransformer.
func (calloutTransformer) Transform(node *ast.Paragraph, reader text.Reader, _ parser.Context) {
	if node.Parent().Kind() != ast.KindDocument {
		return
	}
	first := node.Lines().At(0)
	for mark, class := range callouts {
		if strings.HasPrefix(string(first.Value(reader.Source())), mark) {
			node.SetAttributeString("class", []byte("callout "+class))
			node.Lines().Set(0, first.WithStart(first.Start+len(mark)))
		}
	}
}

// slugs generates the ids of headings like the registry.
type slugs map[string]int

// Generate implements parser.IDs.
func (s slugs) Generate(value []byte, _ ast.NodeKind) []byte {
	var id strings.Builder
	for _, r := range strings.ToLower(string(value)) {
		switch {
		case r == ' ':
			id.WriteRune('-')
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			id.WriteRune(r)
		}
	}
	slug := id.String()
	s[slug]++
	if n := s[slug]; n > 1 {
		slug = fmt.Sprintf("%s-%d", slug, n-1)
	}
	return []byte(slug)
}

// Put implements parser.IDs.
func (s slugs) Put(value []byte) { s[string(value)]++ }

// left matches what remains in a page only if Markdown was not understood: a table or a fence
// in a paragraph, or a callout in the middle of something.
var left = regexp.MustCompile("(?m)^(<p>|<li>|<blockquote>\n<p>)?(\\|.*\\|(</p>)?$|```|[-~!]&gt; )")

// fence matches the lines that begin or end a fence.
var fence = regexp.MustCompile("(?m)^ *```")

// code matches code, whose content is shown unchanged.
var code = regexp.MustCompile(`(?s)<pre>.*?</pre>|<code>.*?</code>`)

// render returns a page as HTML, with an error for each part that was not understood.
func render(source []byte) ([]byte, error) {
	var out bytes.Buffer
	if err := markdown.Convert(source, &out, parser.WithContext(parser.NewContext(parser.WithIDs(slugs{})))); err != nil {
		return nil, err
	}
	var problems []error
	if len(fence.FindAll(source, -1))%2 != 0 {
		problems = append(problems, errors.New("a fence is not closed"))
	}
	for _, found := range left.FindAll(code.ReplaceAll(out.Bytes(), nil), -1) {
		problems = append(problems, fmt.Errorf("not understood: %s", found))
	}
	return out.Bytes(), errors.Join(problems...)
}

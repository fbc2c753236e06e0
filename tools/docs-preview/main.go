// Program docs-preview renders the generated documentation like the registry: GitHub's
// Markdown with tables and callouts, and a sidebar with the pages by subcategory. It fails
// if any part of a page was not understood.
package main

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"html/template"
	"io/fs"
	"log"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// registry and rawFiles are the addresses of the pages and of their pictures.
const (
	registry = "https://registry.terraform.io/providers/etcdv2/etcd/latest/docs"
	rawFiles = "https://raw.githubusercontent.com/etcdv2/terraform-provider-etcd/main/docs/"
)

// kinds are the parts of the sidebar, with the directories of their pages.
var kinds = []struct{ dir, title string }{
	{"guides", "Guides"},
	{"resources", "Resources"},
	{"data-sources", "Data Sources"},
	{"ephemeral-resources", "Ephemeral Resources"},
	{"list-resources", "List Resources"},
	{"actions", "Actions"},
	{"functions", "Functions"},
}

//go:embed page.html
var pageHTML string

var layout = template.Must(template.New("page").Parse(pageHTML))

func main() {
	docs := flag.String("docs", "docs", "`directory` of the generated documentation")
	out := flag.String("out", "dist/docs-preview", "`directory` to write HTML to")
	flag.Parse()
	if err := preview(*docs, *out); err != nil {
		log.Fatal(err)
	}
}

// preview renders every page of docs into out, and copies the pictures.
func preview(docs, out string) error {
	out, err := filepath.Abs(out)
	if err != nil {
		return err
	}
	pages, err := read(docs)
	if err != nil {
		return err
	}
	var problems []error
	for _, p := range pages {
		body, err := render(p.markdown)
		if err != nil {
			problems = append(problems, fmt.Errorf("%s.md: %w", p.Name, err))
		}
		if err := p.write(out, body, pages); err != nil {
			return err
		}
	}
	images := filepath.Join(out, "images")
	if err := errors.Join(os.RemoveAll(images), os.CopyFS(images, os.DirFS(filepath.Join(docs, "images")))); err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "%d pages: file://%s\n", len(pages), filepath.ToSlash(filepath.Join(out, "index.html")))
	return errors.Join(problems...)
}

// page is a page of the documentation. Its name is the path below docs/ without
// the extension, such as resources/key.
type page struct {
	Name, Title, Subcategory string
	markdown                 []byte
}

var (
	frontMatter = regexp.MustCompile(`(?s)\A---\n(.*?)\n---\n`)
	field       = regexp.MustCompile(`(?m)^(page_title|subcategory): *"?(.*?)"?$`)
)

// read returns the pages that the registry shows: the index and the pages of each kind.
func read(docs string) ([]page, error) {
	names := []string{"index.md"}
	for _, kind := range kinds {
		found, err := fs.Glob(os.DirFS(docs), kind.dir+"/*.md")
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	var pages []page
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(docs, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		p := page{Name: strings.TrimSuffix(name, ".md")}
		head := frontMatter.FindSubmatch(text)
		if head == nil {
			return nil, fmt.Errorf("%s has no front matter", name)
		}
		for _, match := range field.FindAllSubmatch(head[1], -1) {
			if string(match[1]) == "page_title" {
				p.Title = string(match[2])
			} else {
				p.Subcategory = string(match[2])
			}
		}
		p.markdown = text[len(head[0]):]
		pages = append(pages, p)
	}
	return pages, nil
}

// Label is the page's text in the sidebar: the title of a guide, or the name of an object.
func (p page) Label() string {
	kind, name := path.Split(p.Name)
	switch kind {
	case "guides/":
		return p.Title
	case "", "functions/":
		return name
	default:
		return "etcd_" + name
	}
}

// group is a subcategory in a part of the sidebar.
type group struct {
	Name  string
	Pages []page
}

// part is a part of the sidebar.
type part struct {
	Title  string
	Groups []group
}

// sidebar orders the pages like the registry.
func sidebar(pages []page) []part {
	var parts []part
	for _, kind := range kinds {
		byName := map[string][]page{}
		for _, p := range pages {
			if path.Dir(p.Name) == kind.dir {
				byName[p.Subcategory] = append(byName[p.Subcategory], p)
			}
		}
		var groups []group
		for name, pages := range byName {
			groups = append(groups, group{name, pages})
		}
		slices.SortFunc(groups, func(a, b group) int { return cmp.Compare(a.Name, b.Name) })
		if len(groups) > 0 {
			parts = append(parts, part{kind.title, groups})
		}
	}
	return parts
}

// links matches links to other pages and to pictures of the documentation.
var links = regexp.MustCompile(`(href|src)="(?:` + regexp.QuoteMeta(registry) + `(/[^"#]*)?(#[^"]*)?|` + regexp.QuoteMeta(rawFiles) + `([^"]*))"`)

// write writes the page as HTML, with links that lead to the other files.
func (p page) write(out string, body []byte, pages []page) error {
	root := strings.Repeat("../", strings.Count(p.Name, "/"))
	body = links.ReplaceAllFunc(body, func(link []byte) []byte {
		m := links.FindSubmatch(link)
		if len(m[4]) > 0 {
			return fmt.Appendf(nil, `%s="%s%s"`, m[1], root, m[4])
		}
		target := cmp.Or(strings.Trim(string(m[2]), "/"), "index")
		return fmt.Appendf(nil, `%s="%s%s.html%s"`, m[1], root, target, m[3])
	})
	var html bytes.Buffer
	err := layout.Execute(&html, map[string]any{
		"Page": p, "Root": root, "Sidebar": sidebar(pages), "Body": template.HTML(body), //nolint:gosec // our own documentation
	})
	if err != nil {
		return err
	}
	file := filepath.Join(out, filepath.FromSlash(p.Name)+".html")
	return errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, html.Bytes(), 0o644))
}

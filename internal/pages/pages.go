package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// registry is the address at which the registry shows docs/. Links must be absolute, because
// a page has a different address there than in the repository.
const registry = "https://registry.terraform.io/providers/etcdv2/etcd/latest/docs/"

// Parts of the pages that tfplugindocs writes.
const (
	noSubcategory = "subcategory: \"\"\n"
	example       = "\n## Example Usage\n"
	schema        = "\n## Schema\n"
	objectsHere   = "<!-- objects -->\n"
)

// kind is a directory of pages.
type kind struct {
	dir string
	// name is what the index calls the kind of the directory's pages.
	name string
	// prefix turns the name of a page into the name of its object.
	prefix string
}

const guides = "guides"

// kinds are the directories, in the order of the index.
func kinds() []kind {
	return []kind{
		{"resources", "resource", "etcd_"},
		{"data-sources", "data source", "etcd_"},
		{"ephemeral-resources", "ephemeral resource", "etcd_"},
		{"list-resources", "list resource", "etcd_"},
		{"actions", "action", "etcd_"},
		{"functions", "function", ""},
		{guides, "guide", ""},
	}
}

// page is a generated page.
type page struct {
	// name is the path below docs/, without ".md".
	name string
	kind kind
	text string
}

var (
	titleLine     = regexp.MustCompile(`(?m)^page_title: "(.*)"$`)
	summaryLine   = regexp.MustCompile(`(?m)^description: \|-\n  (.+)$`)
	firstSentence = regexp.MustCompile(`^.+?\.( |$)`)
)

// title returns the name of the page's object, or the title of a guide.
func (p *page) title() string {
	if match := titleLine.FindStringSubmatch(p.text); p.kind.dir == guides && match != nil {
		return match[1]
	}
	return p.kind.prefix + path.Base(p.name)
}

// link returns a link to the page in the registry.
func (p *page) link() string { return fmt.Sprintf("[%s](%s%s)", p.title(), registry, p.name) }

// summary returns the first sentence of the page's description.
func (p *page) summary() string {
	match := summaryLine.FindStringSubmatch(p.text)
	if match == nil {
		return ""
	}
	text := strings.TrimSpace(match[1])
	if sentence := firstSentence.FindString(text); sentence != "" {
		return strings.TrimSpace(sentence)
	}
	return text + "."
}

// completeAll completes all pages below a directory.
func completeAll(dir string, rows []row) error {
	pages, err := read(dir)
	if err != nil {
		return err
	}
	index := filepath.Join(dir, "index.md")
	text, err := os.ReadFile(index)
	if err != nil {
		return err
	}
	if !strings.Contains(string(text), objectsHere) {
		return fmt.Errorf("%s has no line %q", index, objectsHere)
	}
	table := objects(pages, rows)
	for _, p := range pages {
		text, err := complete(p, pages, rows)
		if err != nil {
			return err
		}
		if err := write(filepath.Join(dir, p.name+".md"), text); err != nil {
			return err
		}
	}
	return write(index, strings.Replace(string(text), objectsHere, table, 1))
}

func write(name, text string) error { return os.WriteFile(name, []byte(text), 0o644) } //nolint:gosec // a page may be read by everybody

// read returns the pages below a directory in the order of the index.
func read(dir string) ([]*page, error) {
	var pages []*page
	for _, k := range kinds() {
		entries, err := os.ReadDir(filepath.Join(dir, k.dir))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			text, err := os.ReadFile(filepath.Join(dir, k.dir, entry.Name()))
			if err != nil {
				return nil, err
			}
			pages = append(pages, &page{name: path.Join(k.dir, strings.TrimSuffix(entry.Name(), ".md")), kind: k, text: string(text)})
		}
	}
	return pages, nil
}

// complete returns the text of a page with the additions from its row. Only a guide may lack
// a row.
func complete(p *page, pages []*page, rows []row) (string, error) {
	i := slices.IndexFunc(rows, func(r row) bool { return r.page == p.name })
	if i < 0 {
		if p.kind.dir == guides {
			return p.text, nil
		}
		return "", fmt.Errorf("internal/pages/table.go has no row for %s", p.name)
	}
	r, text := rows[i], p.text
	if strings.Contains(text, seeAlso) {
		return "", fmt.Errorf("%s is complete already: generate it again", p.name)
	}
	text = strings.Replace(text, noSubcategory, fmt.Sprintf("subcategory: %q\n", r.subcategory), 1)
	if len(r.callouts) > 0 {
		before, after, found := strings.Cut(text, example)
		if !found {
			return "", fmt.Errorf("%s has no example to put its callouts before", p.name)
		}
		text = before + "\n" + strings.Join(r.callouts, "\n\n") + "\n" + example + after
	}
	if strings.HasSuffix(strings.TrimSpace(text), strings.TrimSpace(schema)) {
		text = strings.TrimSpace(text) + "\n\nThis " + p.kind.name + " has no arguments. Leave out its `config` block.\n"
	}
	links, err := see(p, r, pages)
	return text + links, err
}

const seeAlso = "\n## See also\n\n"

// see returns the links of a page to other pages.
func see(p *page, r row, pages []*page) (string, error) {
	var text strings.Builder
	text.WriteString(seeAlso)
	for _, name := range r.see {
		i := slices.IndexFunc(pages, func(other *page) bool { return other.name == name })
		if i < 0 {
			return "", fmt.Errorf("internal/pages/table.go links %s to %s, which does not exist", p.name, name)
		}
		other := pages[i]
		fmt.Fprintf(&text, "* %s (%s): %s\n", other.link(), other.kind.name, other.summary())
	}
	return text.String(), nil
}

// objects returns the table of all pages, by subcategory. The guides come last.
func objects(pages []*page, rows []row) string {
	var text strings.Builder
	for _, subcategory := range subcategories() {
		fmt.Fprintf(&text, "### %s\n\n| name | kind | description |\n|---|---|---|\n", subcategory)
		for _, p := range pages {
			if slices.ContainsFunc(rows, func(r row) bool { return r.page == p.name && r.subcategory == subcategory }) {
				fmt.Fprintf(&text, "| %s | %s | %s |\n", p.link(), p.kind.name, p.summary())
			}
		}
		text.WriteByte('\n')
	}
	text.WriteString("### Guides\n\n| guide | description |\n|---|---|\n")
	for _, p := range pages {
		if p.kind.dir == guides {
			fmt.Fprintf(&text, "| %s | %s |\n", p.link(), p.summary())
		}
	}
	return text.String()
}

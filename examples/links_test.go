package examples_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// rawFiles is the address of the repository's pictures, which the registry does not serve.
const rawFiles = "https://raw.githubusercontent.com/etcdv2/terraform-provider-etcd/main/"

// registry is the address at which the registry shows docs/, without ".md".
const registry = "https://registry.terraform.io/providers/etcdv2/etcd/latest/docs"

var (
	link       = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading    = regexp.MustCompile(`(?m)^#+ +(.+?) *$`)
	anchor     = regexp.MustCompile(`<a id="([^"]+)">`)
	fence      = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	inline     = regexp.MustCompile("`[^`\n]+`")
	repository = regexp.MustCompile("`((?:internal|examples|templates|tools|docs|bench|\\.github)/[A-Za-z0-9_./-]+)`")
	notInSlug  = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// TestLinks checks that each relative link, and each link to the provider's own pages in the
// registry or to its own files, leads to an existing file and heading. Each file of the
// repository that is mentioned without a link must exist too.
func TestLinks(t *testing.T) {
	t.Parallel()

	pages := markdown(t)
	for name, text := range pages {
		for _, match := range link.FindAllStringSubmatch(inline.ReplaceAllString(text, ""), -1) {
			if problem := follow(pages, name, match[1]); problem != "" {
				t.Errorf("%s: the link %s %s", name, match[1], problem)
			}
		}
		for _, match := range repository.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join("..", filepath.FromSlash(match[1]))); err != nil {
				t.Errorf("%s names %s, which does not exist", name, match[1])
			}
		}
	}
}

// TestLinks_ofEveryPage checks that each page in the registry links to another page, and
// that the index links to each of them.
func TestLinks_ofEveryPage(t *testing.T) {
	t.Parallel()

	pages := markdown(t)
	index := links(pages["docs/index.md"])
	for name, text := range pages {
		if !strings.HasPrefix(name, "docs/") || strings.HasPrefix(name, "docs/adr/") || name == "docs/index.md" {
			continue
		}
		own := registry + strings.TrimSuffix(strings.TrimPrefix(name, "docs"), ".md")
		if !slices.ContainsFunc(links(text), func(to string) bool { return strings.HasPrefix(to, registry+"/") && to != own }) {
			t.Errorf("%s links to no other page of the provider", name)
		}
		if !slices.Contains(index, own) {
			t.Errorf("docs/index.md has no link to %s", own)
		}
	}
}

// links are the targets of a page's links, without the headings that they name.
func links(text string) []string {
	var targets []string
	for _, match := range link.FindAllStringSubmatch(inline.ReplaceAllString(text, ""), -1) {
		target, _, _ := strings.Cut(match[1], "#")
		targets = append(targets, target)
	}
	return targets
}

// follow returns what is wrong with a link of a page, or "".
func follow(pages map[string]string, page, link string) string {
	target, fragment, _ := strings.Cut(link, "#")
	rest, own := strings.CutPrefix(target, registry)
	file, raw := strings.CutPrefix(target, rawFiles)
	switch {
	case raw:
		target = file
	case own && rest == "":
		target = "docs/index.md"
	case own:
		target = "docs" + rest + ".md"
	case strings.Contains(target, "://"):
		return ""
	case target == "":
		target = page
	case strings.HasPrefix(page, "docs/") && !strings.HasPrefix(page, "docs/adr/"):
		return "is relative: the registry shows the page elsewhere, so the link must begin with " + registry
	default:
		target = path.Join(path.Dir(page), target)
	}
	if _, err := os.Stat(filepath.Join("..", filepath.FromSlash(target))); err != nil {
		return "leads nowhere"
	}
	if fragment != "" && !slices.Contains(anchors(pages[target]), fragment) {
		return "leads to no heading"
	}
	return ""
}

// anchors returns the names with which links can refer to the parts of a page.
func anchors(text string) []string {
	var names []string
	for _, match := range heading.FindAllStringSubmatch(text, -1) {
		slug := notInSlug.ReplaceAllString(strings.ToLower(match[1]), "")
		names = append(names, strings.ReplaceAll(slug, " ", "-"))
	}
	for _, match := range anchor.FindAllStringSubmatch(text, -1) {
		names = append(names, match[1])
	}
	return names
}

// markdown returns the pages of the repository by name, without code blocks.
func markdown(t *testing.T) map[string]string {
	t.Helper()

	pages := map[string]string{}
	err := fs.WalkDir(os.DirFS(".."), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "bin" || name == "dist" || name == ".git" || strings.HasPrefix(name, "tools/")):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".md":
			return nil
		}
		content, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
		pages[name] = fence.ReplaceAllString(string(content), "")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) == 0 {
		t.Fatal("there is no page")
	}
	return pages
}

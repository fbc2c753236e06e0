package bench

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// cell identifies one line of the table.
type cell struct {
	n                        int
	link, operation, subject string
}

// results are the measurements, in the order of the table.
type results struct {
	subjects []subject
	cells    []cell
	usages   map[cell][]usage
}

func newResults(subjects []subject) *results {
	return &results{subjects: subjects, usages: map[cell][]usage{}}
}

func (r *results) add(link string, n int, operation, subject string, u usage) {
	c := cell{n, link, operation, subject}
	if r.usages[c] == nil {
		r.cells = append(r.cells, c)
	}
	r.usages[c] = append(r.usages[c], u)
}

// median returns the median of each measured value.
func (r *results) median(c cell) usage {
	of := func(part func(usage) float64) float64 { return median(r.usages[c], part) }
	return usage{
		wall: of(func(u usage) float64 { return u.wall }), cpu: of(func(u usage) float64 { return u.cpu }),
		provider: of(func(u usage) float64 { return u.provider }), rss: of(func(u usage) float64 { return u.rss }),
		requests: of(func(u usage) float64 { return u.requests }), state: of(func(u usage) float64 { return u.state }),
	}
}

func median[T any](all []T, part func(T) float64) float64 {
	var values []float64
	for _, one := range all {
		values = append(values, part(one))
	}
	slices.Sort(values)
	middle := len(values) / 2
	if len(values) == 0 {
		return 0
	}
	if len(values)%2 == 0 {
		return (values[middle-1] + values[middle]) / 2
	}
	return values[middle]
}

// ratio returns the median of what a subject used, divided by what the floor used in the
// same run.
func (r *results) ratio(c cell, part func(usage) float64) float64 {
	floor := c
	floor.subject = "floor"
	var ratios []float64
	for i, u := range r.usages[c] {
		if i < len(r.usages[floor]) {
			ratios = append(ratios, part(u)/part(r.usages[floor][i]))
		}
	}
	return median(ratios, func(f float64) float64 { return f })
}

// sorted returns the lines by size, link, operation and subject.
func (r *results) sorted() []cell {
	order := func(c cell) int {
		return slices.IndexFunc(r.subjects, func(s subject) bool { return s.name == c.subject })
	}
	operation := func(c cell) int {
		return slices.IndexFunc(operations, func(o operation) bool { return o.name == c.operation })
	}
	link := func(c cell) int {
		return slices.IndexFunc(r.cells, func(other cell) bool { return other.link == c.link })
	}
	lines := slices.Clone(r.cells)
	slices.SortStableFunc(lines, func(a, b cell) int {
		return cmp.Or(cmp.Compare(a.n, b.n), cmp.Compare(link(a), link(b)),
			cmp.Compare(operation(a), operation(b)), cmp.Compare(order(a), order(b)))
	})
	return lines
}

// print prints the table.
func (r *results) print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "objects\tlink\toperation\tsubject\twall s\tx floor\tCPU s\tx floor\tprovider CPU s\tRSS MiB\trequests\tstate B/object\t")
	before := ""
	for _, c := range r.sorted() {
		group := fmt.Sprint(c.n, c.link, c.operation)
		if group != before && before != "" {
			fmt.Fprintln(w, strings.Repeat("\t", 12))
		}
		before = group
		u := r.median(c)
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.0f\t%.0f\t%.0f\t\n", c.n, c.link, c.operation, c.subject,
			u.wall, r.ratio(c, func(u usage) float64 { return u.wall }), u.cpu, r.ratio(c, func(u usage) float64 { return u.cpu }),
			u.provider, u.rss/(1<<20), u.requests, u.state)
	}
	_ = w.Flush() // To standard output.
}

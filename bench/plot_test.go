package bench

import (
	"fmt"
	"image/color"
	"path/filepath"
	"slices"
	"testing"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// The two subjects that set the lower bound are gray.
var colors = []color.Color{
	color.Gray{Y: 0xd0},
	color.Gray{Y: 0x90},
	color.RGBA{R: 0x1b, G: 0x6a, B: 0xc9, A: 0xff},
	color.RGBA{R: 0xe0, G: 0x8a, B: 0x1e, A: 0xff},
	color.RGBA{R: 0x8e, G: 0x4b, B: 0x9c, A: 0xff},
}

const (
	barWidth   = 9 * vg.Millimeter / 2
	plotWidth  = 26 * vg.Centimeter
	plotHeight = 12 * vg.Centimeter
)

// plot draws the duration of plans and applies with the largest number of objects: a group
// of bars for each operation and link, and a bar for each subject.
func (r *results) plot(file string) error {
	lines := r.sorted()
	n := lines[len(lines)-1].n
	lines = slices.DeleteFunc(lines, func(c cell) bool { return c.n != n || c.operation == destroy })
	var groups []cell
	for _, c := range lines {
		c.subject = ""
		if !slices.Contains(groups, c) {
			groups = append(groups, c)
		}
	}
	p := plot.New()
	p.Title.Text = fmt.Sprintf("%d keys, one resource each", n)
	p.Y.Label.Text = "seconds"
	p.Y.Min = 0
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	var labels []string
	for _, group := range groups {
		labels = append(labels, group.operation+"\n"+group.link)
	}
	p.NominalX(labels...)
	for i, s := range r.subjects {
		var values plotter.Values
		for _, group := range groups {
			group.subject = s.name
			values = append(values, r.median(group).wall)
		}
		bars, err := plotter.NewBarChart(values, barWidth)
		if err != nil {
			return err
		}
		bars.Color, bars.LineStyle.Width = colors[i%len(colors)], 0
		bars.Offset = barWidth * vg.Length(2*i-len(r.subjects)+1) / 2
		p.Add(bars)
		p.Legend.Add(s.name, bars)
	}
	return p.Save(plotWidth, plotHeight, file)
}

// The table and the plot show what was measured.
func TestResults(t *testing.T) {
	t.Parallel()
	r := newResults([]subject{{name: "terraform_data"}, {name: "floor"}, {name: "this provider"}})
	for run := range 3 {
		for i, s := range r.subjects {
			for j, op := range operations {
				for _, link := range []string{"loopback", "10ms each way"} {
					seconds := float64((run+1)*(i+1)*(j+1)) / 4
					r.add(link, 100, op.name, s.name, usage{wall: seconds, cpu: 2 * seconds, requests: 100})
				}
			}
		}
	}
	c := cell{100, "loopback", operations[1].name, "this provider"}
	if got := r.median(c).wall; got != 3 {
		t.Errorf("median = %v, want 3", got)
	}
	if got := r.ratio(c, func(u usage) float64 { return u.cpu }); got != 1.5 {
		t.Errorf("ratio = %v, want 1.5", got)
	}
	if got := len(r.sorted()); got != 3*4*2 {
		t.Errorf("the table has %d lines, want 24", got)
	}
	if err := r.plot(filepath.Join(t.TempDir(), "plot.svg")); err != nil {
		t.Error(err)
	}
}

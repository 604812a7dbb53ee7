package reports

import (
	"fmt"
	"time"
)

const (
	// mostColumns is how many days a chart shows one by one; of a longer period it shows weeks.
	mostColumns = 62
	// mostRows is how many models, users and so on are shown to people; the other formats have them all.
	mostRows = 20
	// A table of few columns and rows stands beside its chart. Longer ones of days come below it, in parts.
	narrowTable = 4
	sideRows    = 10
	partRows    = 16
)

// figure is a chart with its numbers in a table.
type figure struct {
	Heading string
	Note    string   // what the numbers mean; may be empty
	Legend  []key    // none for one series
	Drawing *drawing // nil where there is nothing to draw
	Tables  []table  // one, or the parts of one; none where there is nothing to tell
	Side    bool     // the table is narrow enough to stand beside the chart
}

// key is a line of a legend.
type key struct{ Class, Name string }

// table is the numbers of a figure. The first column names the rows.
type table struct {
	Caption string
	Head    []string
	Rows    [][]string
	Words   int // how many columns after the first hold words, not numbers
}

func legend(names ...string) (keys []key) {
	for i, name := range names {
		keys = append(keys, key{seriesClass(i), name})
	}
	return keys
}

// spansLegend is that of [plot.spans].
func spansLegend() []key {
	return []key{{"p50", "median (p50)"}, {"p95", "95th percentile (p95)"}, {"p99", "99th percentile (p99)"}}
}

// newFigure puts a plot and its rows together. There may be something to tell where there is nothing to draw, such as
// queries that were all refused.
func newFigure(p plot, draw func(plot) *drawing, head []string, rows [][]string) figure {
	f := figure{Heading: p.title}
	if len(rows) > 0 {
		f.Tables = []table{{Caption: p.title, Head: head, Rows: rows}}
	}
	if p.empty() {
		return f
	}
	f.Side = len(head) <= narrowTable && len(rows) <= sideRows
	p.narrow = f.Side
	f.Drawing = draw(p)
	if len(p.series) > 1 {
		f.Legend = legend(p.series...)
	}
	return f
}

// overTime is a figure whose rows are days or weeks. Without any of them, total is 0.
func overTime(p plot, total int64, per string, head []string, rows [][]string) figure {
	if total == 0 {
		rows = nil
	}
	f := newFigure(p, plot.columns, append([]string{per}, head...), rows)
	if f.Side || len(rows) <= partRows {
		return f
	}
	whole := f.Tables[0]
	f.Tables = nil
	parts := (len(rows) + partRows - 1) / partRows
	each := (len(rows) + parts - 1) / parts
	for from := 0; from < len(rows); from += each {
		f.Tables = append(f.Tables, table{
			Caption: fmt.Sprintf("%s, part %d", whole.Caption, len(f.Tables)+1), Head: whole.Head,
			Rows: rows[from:min(from+each, len(rows))],
		})
	}
	return f
}

// span of time that a column stands for.
type column struct {
	label, row string
	DayAmounts
}

// timeline is the days of a report, or its weeks if those are too many.
func timeline(days []DayNumbers) (per string, columns []column) {
	weekly := len(days) > mostColumns
	for i, d := range days {
		date, err := time.Parse(dateForm, d.Day)
		if err != nil { // it is ours
			continue
		}
		if !weekly || i == 0 || date.Weekday() == time.Monday {
			columns = append(columns, column{label: date.Format("2 Jan"), row: d.Day})
		}
		at := &columns[len(columns)-1].DayAmounts
		*at = at.plus(d.DayAmounts)
	}
	if weekly {
		return "Week from", columns
	}
	return "Day", columns
}

// n, b and sec are the cells of a table.
func n(v int64) string { return grouped(float64(v)) }
func b(v int64) string { return size(float64(v)) }

func sec(p *Percentiles) []string {
	if p == nil {
		return []string{"–", "–", "–"}
	}
	return []string{seconds(p.P50), seconds(p.P95), seconds(p.P99)}
}

// values are those of a row of a chart.
func values(vs ...int64) (all []float64) {
	for _, v := range vs {
		all = append(all, float64(v))
	}
	return all
}

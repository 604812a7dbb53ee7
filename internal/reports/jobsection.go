package reports

import "fmt"

var outcomes = []string{"succeeded", "failed", "cancelled"}

func jobSection(u Usage, per string, columns []column) section {
	daily := plot{id: "jobs-over-time", title: "Jobs over time", series: outcomes, show: grouped,
		desc: fmt.Sprintf("Stacked columns: %s jobs that ended, by outcome.", n(u.Jobs.Ended))}
	var rows [][]string
	for _, c := range columns {
		daily.items = append(daily.items, item{c.label, values(c.Succeeded, c.Failed, c.Cancelled)})
		rows = append(rows, []string{c.row, n(c.Succeeded), n(c.Failed), n(c.Cancelled)})
	}
	return section{
		Title: "Jobs",
		Intro: "A job counts on the day it ended, once, by what became of it in the end.",
		Figures: []figure{
			overTime(daily, u.Jobs.Ended, per, outcomes, rows), kindFigure(u), timesFigure(u),
		},
	}
}

func kindFigure(u Usage) figure {
	p := plot{id: "jobs-by-kind", title: "Jobs by kind", series: outcomes, show: grouped,
		desc: "Bars: how many jobs of each kind ended, by outcome."}
	var rows [][]string
	at := map[string]int{}
	for _, k := range u.Jobs.ByKind {
		row, known := at[k.Kind]
		if !known {
			row = len(p.items)
			at[k.Kind] = row
			p.items = append(p.items, item{k.Kind, values(0, 0, 0)})
		}
		for i, outcome := range outcomes {
			if k.Outcome == outcome {
				p.items[row].values[i] = float64(k.Jobs)
			}
		}
	}
	for _, i := range p.items {
		rows = append(rows, []string{i.label, grouped(i.values[0]), grouped(i.values[1]), grouped(i.values[2])})
	}
	return newFigure(p, plot.rows, append([]string{"Kind"}, outcomes...), rows)
}

func timesFigure(u Usage) figure {
	p := plot{id: "job-times", title: "How long jobs run", show: seconds, series: []string{"p50", "p95", "p99"},
		desc: "Percentiles of the run time of succeeded jobs by kind, on a logarithmic scale."}
	var rows [][]string
	if u.Jobs.Ended > 0 {
		rows = append(rows, append(append([]string{"all kinds", "all", n(u.Jobs.Ended)}, sec(u.Jobs.Wait)...), sec(u.Jobs.Run)...))
	}
	for _, k := range u.Jobs.ByKind {
		if k.Outcome == "succeeded" && k.Run != nil {
			p.items = append(p.items, item{k.Kind, []float64{k.Run.P50, k.Run.P95, k.Run.P99}})
		}
		rows = append(rows, append(append([]string{k.Kind, k.Outcome, n(k.Jobs)}, sec(k.Wait)...), sec(k.Run)...))
	}
	f := newFigure(p, plot.spans, []string{"Kind", "outcome", "jobs", "wait p50", "p95", "p99", "run p50", "p95", "p99"}, rows)
	for i := range f.Tables {
		f.Tables[i].Words = 1
	}
	if f.Drawing != nil {
		f.Legend = spansLegend()
		f.Note = "Waiting is from when the last attempt was due until it began, running from then to the end. " +
			"The chart shows jobs that succeeded."
	}
	return f
}

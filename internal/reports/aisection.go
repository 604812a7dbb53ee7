package reports

import "fmt"

var tokenSeries = []string{"in prompts", "in answers"}

func aiSection(u Usage, per string, columns []column) section {
	daily := plot{id: "tokens-over-time", title: "AI tokens over time", series: tokenSeries, show: grouped,
		desc: fmt.Sprintf("Stacked columns: %s tokens in prompts, %s in answers.", n(u.AI.PromptTokens),
			n(u.AI.CompletionTokens))}
	var rows [][]string
	for _, c := range columns {
		daily.items = append(daily.items, item{c.label, values(c.PromptTokens, c.CompletionTokens)})
		rows = append(rows, []string{c.row, n(c.Queries), n(c.PromptTokens), n(c.CompletionTokens)})
	}
	head := append([]string{"queries"}, tokenSeries...)
	return section{
		Title:   "AI",
		Intro:   "A query counts on the day it was asked. Response times are of queries that were answered.",
		Figures: []figure{overTime(daily, u.AI.Queries, per, head, rows), modelFigure(u.AI), responseFigure(u.AI)},
	}
}

func modelFigure(ai AINumbers) figure {
	p := plot{id: "tokens-by-model", title: "AI tokens by model", series: tokenSeries, show: grouped,
		desc: "Bars: tokens by model, in prompts and in answers."}
	var rows [][]string
	add := func(name string, q Questions) {
		p.items = append(p.items, item{name, values(q.PromptTokens, q.CompletionTokens)})
		rows = append(rows, []string{name, n(q.Queries), n(q.Answered), n(q.Cancelled), n(q.Failed), n(q.PromptTokens),
			n(q.CompletionTokens)})
	}
	rest := ai.Questions
	for _, m := range ai.ByModel[:min(len(ai.ByModel), mostRows)] {
		add(m.Model, m.Questions)
		rest = rest.less(m.Questions)
	}
	if rest.Queries > 0 {
		add("other models", rest)
	}
	head := append([]string{"Model", "queries", "answered", "cancelled", "failed"}, tokenSeries...)
	return newFigure(p, plot.rows, head, rows)
}

func responseFigure(ai AINumbers) figure {
	p := plot{id: "response-times", title: "Response times by model", show: seconds, series: []string{"p50", "p95", "p99"},
		desc: "Percentiles of the time to the last token of an answer, by model, on a logarithmic scale."}
	row := func(name string, q Questions) []string {
		return append(append([]string{name}, sec(q.FirstToken)...), sec(q.Answer)...)
	}
	var rows [][]string
	if ai.Answered > 0 {
		rows = append(rows, row("all models", ai.Questions))
	}
	for _, m := range ai.ByModel[:min(len(ai.ByModel), mostRows)] {
		if m.Answer != nil {
			p.items = append(p.items, item{m.Model, []float64{m.Answer.P50, m.Answer.P95, m.Answer.P99}})
			rows = append(rows, row(m.Model, m.Questions))
		}
	}
	f := newFigure(p, plot.spans, []string{"Model", "first token p50", "p95", "p99", "answer p50", "p95", "p99"}, rows)
	if f.Drawing != nil {
		f.Legend = spansLegend()
		f.Note = "The chart shows the time from the beginning of the attempt to the last token."
	}
	return f
}

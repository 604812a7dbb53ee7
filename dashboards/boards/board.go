package main

import "strings"

// board is a dashboard.
type board struct {
	name  string // of the file; with a prefix, the board's address in Grafana
	title string
	about string
	rows  []row
}

// row is a line of panels under a heading. They share its width evenly.
type row struct {
	title  string
	panels []panel
}

// panel shows figures of one unit over time, or, as a number, the last of them.
type panel struct {
	title   string
	unit    string // as Grafana names it
	help    string // what it shows, and what to do when it looks bad
	runbook string // the alert that watches the same, if one does
	queries []query

	number  bool
	stacked bool
	most    float64 // upper end of the axis, 0 for as high as the figures go
	// A number is red from redFrom on, or below redBelow; 0 is neither.
	redFrom, redBelow float64
}

// query is a line, or several, of a panel.
type query struct {
	expr   string // PromQL
	legend string // with labels, as in {{queue}}
}

// quantiles are the lines of a histogram's median and of its slow end, of the last minutes, by a label or two.
func quantiles(histogram, by string) []query {
	return []query{
		{quantile("0.5", histogram, by), legendOf(by, "p50")},
		{quantile("0.99", histogram, by), legendOf(by, "p99")},
	}
}

func quantile(q, histogram, by string) string {
	labels := "le"
	if by != "" {
		labels += ", " + by
	}
	return "histogram_quantile(" + q + ", sum by (" + labels + ") (rate(" + histogram + "_bucket[$__rate_interval])))"
}

func legendOf(by, what string) string {
	if by == "" {
		return what
	}
	return "{{" + by + "}} " + what
}

// anchor is what a heading of a page is linked by.
func anchor(heading string) string { return strings.ToLower(heading) }

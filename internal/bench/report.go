package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"

	"rohrpost/internal/bench/trial"
)

// figure is a line of the table.
type figure struct {
	Key   string `json:"key"`
	Label string `json:"label"` // with its unit
}

// column is one subject with what it reached in each run.
type column struct {
	name string
	runs []trial.Values
}

// report is the outcome of a bench. Ratios are to the subject named Baseline.
type report struct {
	Bench    string  `json:"bench"`
	Machine  machine `json:"machine"`
	Load     any     `json:"load"` // how much was asked for
	Runs     int     `json:"runs"`
	Baseline string  `json:"baseline"`
	Figures  []line  `json:"figures"`
}

type line struct {
	figure
	Subjects []cell `json:"subjects"` // those that have the figure
}

// cell is the median of the runs with their extremes.
type cell struct {
	Subject string   `json:"subject"`
	Median  float64  `json:"median"`
	Min     float64  `json:"min"`
	Max     float64  `json:"max"`
	Ratio   *float64 `json:"ratio,omitempty"` // of the medians
}

// fill sets the figures of the report from what the subjects reached. Figures that nobody has are left out.
func (r *report) fill(figures []figure, columns []column) {
	for _, f := range figures {
		l := line{figure: f}
		base := 0.0
		for _, c := range columns {
			if made, ok := over(c, f.Key); ok {
				l.Subjects = append(l.Subjects, made)
				if c.name == r.Baseline {
					base = made.Median
				}
			}
		}
		if base > 0 {
			for i := range l.Subjects {
				ratio := l.Subjects[i].Median / base
				l.Subjects[i].Ratio = &ratio
			}
		}
		if l.Subjects != nil {
			r.Figures = append(r.Figures, l)
		}
	}
}

func over(c column, key string) (cell, bool) {
	var values []float64
	for _, run := range c.runs {
		if value, ok := run[key]; ok {
			values = append(values, value)
		}
	}
	if values == nil {
		return cell{}, false
	}
	slices.Sort(values)
	return cell{
		Subject: c.name, Median: (values[(len(values)-1)/2] + values[len(values)/2]) / 2,
		Min: values[0], Max: values[len(values)-1],
	}, true
}

func (r *report) print(w io.Writer, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	fmt.Fprintf(w, "\n%s\nmedian (least - greatest) of %d runs", r.Machine, r.Runs)
	if r.Baseline != "" {
		fmt.Fprintf(w, "; x is the ratio to %s", r.Baseline)
	}
	fmt.Fprint(w, "\n\n")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	names := r.subjects()
	fmt.Fprint(table, r.Bench)
	for _, name := range names {
		fmt.Fprint(table, "\t"+name)
		if r.Baseline != "" {
			fmt.Fprint(table, "\tx")
		}
	}
	fmt.Fprintln(table)
	for _, l := range r.Figures {
		fmt.Fprint(table, l.Label)
		for _, name := range names {
			value, ratio := l.of(name)
			fmt.Fprint(table, "\t"+value)
			if r.Baseline != "" {
				fmt.Fprint(table, "\t"+ratio)
			}
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

func (r *report) subjects() (names []string) {
	for _, l := range r.Figures {
		for _, c := range l.Subjects {
			if !slices.Contains(names, c.Subject) {
				names = append(names, c.Subject)
			}
		}
	}
	return names
}

// of is what the table shows of a subject.
func (l line) of(name string) (value, ratio string) {
	i := slices.IndexFunc(l.Subjects, func(c cell) bool { return c.Subject == name })
	if i < 0 {
		return "-", ""
	}
	c := l.Subjects[i]
	if c.Ratio != nil {
		ratio = digits(*c.Ratio)
	}
	return fmt.Sprintf("%s (%s - %s)", digits(c.Median), digits(c.Min), digits(c.Max)), ratio
}

// digits prints three significant ones, and all of what stands before the point.
func digits(v float64) string {
	decimals := 3
	for limit := 1.0; limit <= v && decimals > 0; limit *= 10 {
		decimals--
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

package chaos

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// report is the outcome of a run.
type report struct {
	Seed      uint64        `json:"seed"`
	Broke     time.Duration `json:"faults_lasted_ns"`
	Meanwhile int           `json:"orders_accepted_among_faults"`
	Lasted    time.Duration `json:"lasted_ns"`
	Accepted  int           `json:"orders_accepted"`
	Unsure    int64         `json:"orders_without_an_answer"`
	Uploads   int           `json:"uploads_accepted"`
	Refused   int           `json:"uploads_refused"`
	// TidyAfter is how long after the last job no key was left in Redis.
	TidyAfter  time.Duration  `json:"tidy_after_ns"`
	Faults     []recovery     `json:"faults"`
	Happenings []happening    `json:"happenings"`
	Reasons    map[string]int `json:"failed_jobs_by_reason"`
	Findings   []finding      `json:"invariants"`
}

// recovery sums up the faults of one kind.
type recovery struct {
	Kind   string        `json:"kind"`
	Times  int           `json:"times"`
	Median time.Duration `json:"recovered_median_ns"`
	Worst  time.Duration `json:"recovered_worst_ns"`
}

func recoveries(happenings []happening) (all []recovery) {
	for _, kind := range faultKinds {
		var times []time.Duration
		for _, h := range happenings {
			if h.Kind == kind.name {
				times = append(times, h.Recovered)
			}
		}
		if n := len(times); n > 0 {
			slices.Sort(times)
			all = append(all, recovery{Kind: kind.name, Times: n, Median: times[n/2], Worst: times[n-1]})
		}
	}
	return all
}

// broken is how many invariants are.
func (r report) broken() (n int) {
	for _, f := range r.Findings {
		if f.Count > 0 {
			n++
		}
	}
	return n
}

func (r report) writeJSON(out io.Writer) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

func (r report) writeTable(out io.Writer) error {
	fmt.Fprintf(out, "\n%d orders and %d files accepted in %s; %d orders without an answer, %d uploads refused\n",
		r.Accepted, r.Uploads, r.Lasted.Round(time.Second), r.Unsure, r.Refused)
	fmt.Fprintf(out, "%d of the orders, %.0f a second, while one fault followed the other\n",
		r.Meanwhile, float64(r.Meanwhile)/max(r.Broke.Seconds(), 1))
	if len(r.Reasons) > 0 {
		fmt.Fprintf(out, "failed, by reason: %v\n", r.Reasons)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nfault\ttimes\trecovered, median\tworst")
	for _, f := range r.Faults {
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", f.Kind, f.Times, seconds(f.Median), seconds(f.Worst))
	}
	fmt.Fprintln(w, "\ninvariant\tholds\tchecked")
	for _, f := range r.Findings {
		holds := "yes"
		if f.Count > 0 {
			holds = fmt.Sprintf("NO, %d times", f.Count)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", f.Invariant, holds, f.Checked)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, f := range r.Findings {
		for _, broken := range f.Broken {
			fmt.Fprintf(out, "%s: %s\n", f.Invariant, broken)
		}
	}
	fmt.Fprintf(out, "\nRedis was tidy %s after the last job.\n", seconds(r.TidyAfter))
	return nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

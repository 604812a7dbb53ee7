package bench

import (
	"context"
	"fmt"
	"time"

	"rohrpost/internal/bench/trial"
)

// contestant is one column of the table.
type contestant struct {
	name string
	// run takes one run. One that warms up is short, and its figures don't count: connections are made, statements
	// prepared, code paged in.
	run func(ctx context.Context, warm bool) (trial.Values, error)
}

// compete has everyone take each run before the next begins: a machine that slows down does so for all.
func compete(ctx context.Context, opts Options, all []contestant) ([]column, error) {
	columns := make([]column, len(all))
	for n := range opts.Runs + 1 {
		if n == 0 && opts.Cold {
			continue
		}
		for i, c := range all {
			began := time.Now()
			values, err := c.run(ctx, n == 0)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			columns[i].name = c.name
			if n > 0 {
				columns[i].runs = append(columns[i].runs, values)
			}
			opts.tell("run %d of %d: %s, %.1f s", n, opts.Runs, c.name, time.Since(began).Seconds())
		}
	}
	return columns, nil
}

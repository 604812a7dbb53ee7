package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/redis/go-redis/v9"

	"rohrpost/db"
	"rohrpost/internal/devstack"
)

// Options says how much to measure. Zero values work.
type Options struct {
	Runs   int // 0 takes 5, after one to warm up
	Jobs   int // of one drain; 0 takes 5,000
	Single int // jobs of one measurement of idle latency; 0 takes 100
	JSON   bool
	Out    io.Writer
}

// figures is what one subject reached: medians over the runs, with the least and the greatest.
type figures struct {
	Engine  string `json:"engine"`
	Drain   spread `json:"drain_jobs_per_second"`
	IdleP50 spread `json:"idle_p50_ms"`
	IdleP99 spread `json:"idle_p99_ms"`
	LoadP50 spread `json:"loaded_p50_ms"`
	LoadP99 spread `json:"loaded_p99_ms"`
	runs    []run
}

type run struct{ drain, idle50, idle99, load50, load99 float64 }

type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Jobs measures on a private stack of its own and prints one table.
func Jobs(ctx context.Context, opts Options, log *slog.Logger) (err error) {
	or(&opts.Runs, 5)
	or(&opts.Jobs, 5000)
	or(&opts.Single, 100)
	stack, err := devstack.Open("", log)
	if err != nil {
		return err
	}
	defer func() { err = first(err, stack.Close()) }()
	pg, err := stack.StartPostgres(ctx, devstack.PostgresOptions{Durable: true})
	if err != nil {
		return err
	}
	server, err := stack.StartRedis(ctx, devstack.RedisOptions{})
	if err != nil {
		return err
	}
	if err := db.Migrate(ctx, pg.URL(), log); err != nil {
		return err
	}
	pool, err := db.Open(ctx, db.Config{URL: pg.URL()})
	if err != nil {
		return err
	}
	defer pool.Close()
	redisOptions, err := redis.ParseURL(server.URL())
	if err != nil {
		return fmt.Errorf("redis of the private stack: %w", err)
	}
	rdb := redis.NewClient(redisOptions)
	defer rdb.Close() //nolint:errcheck // nothing is pending on it

	engine := newOurs(ctx, pool, rdb, log)
	defer engine.close()
	all := []subject{engine, newRaw("asynq, polling as we do", poll, rdb), newRaw("asynq, stock", 0, rdb)}
	table := make([]*figures, len(all))
	for i, s := range all {
		table[i] = &figures{Engine: s.name()}
	}
	for n := range opts.Runs + 1 {
		for i, s := range all {
			r, err := measure(ctx, s, opts)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name(), err)
			}
			if n > 0 { // the first one only warms up
				table[i].runs = append(table[i].runs, r)
			}
		}
		if !opts.JSON {
			fmt.Fprintf(opts.Out, "run %d of %d done\n", n, opts.Runs)
		}
	}
	return report(opts, table)
}

func measure(ctx context.Context, s subject, opts Options) (r run, err error) {
	if r.drain, err = drain(ctx, s, opts.Jobs); err != nil {
		return run{}, fmt.Errorf("drain: %w", err)
	}
	single := opts.Single
	if raw, ok := s.(*raw); ok && raw.interval == 0 {
		single = min(single, 10) // each waits for up to a second
	}
	h, err := idle(ctx, s, single)
	if err != nil {
		return run{}, fmt.Errorf("idle: %w", err)
	}
	r.idle50, r.idle99 = ms(h.ValueAtQuantile(50)), ms(h.ValueAtQuantile(99))
	h, err = loaded(ctx, s, r.drain/2, opts.Jobs)
	if err != nil {
		return run{}, fmt.Errorf("loaded: %w", err)
	}
	r.load50, r.load99 = ms(h.ValueAtQuantile(50)), ms(h.ValueAtQuantile(99))
	return r, nil
}

func report(opts Options, table []*figures) error {
	for _, f := range table {
		f.Drain = over(f.runs, func(r run) float64 { return r.drain })
		f.IdleP50 = over(f.runs, func(r run) float64 { return r.idle50 })
		f.IdleP99 = over(f.runs, func(r run) float64 { return r.idle99 })
		f.LoadP50 = over(f.runs, func(r run) float64 { return r.load50 })
		f.LoadP99 = over(f.runs, func(r run) float64 { return r.load99 })
	}
	if opts.JSON {
		enc := json.NewEncoder(opts.Out)
		enc.SetIndent("", "  ")
		return enc.Encode(table)
	}
	w := tabwriter.NewWriter(opts.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(opts.Out, "\nmedian (least - greatest) of the runs; ratio of jobs/s to the first line")
	fmt.Fprintln(w, "engine\tjobs/s\tratio\tidle p50 ms\tidle p99 ms\tloaded p50 ms\tloaded p99 ms")
	for _, f := range table {
		fmt.Fprintf(w, "%s\t%.0f (%.0f - %.0f)\t%.2f\t%s\t%s\t%s\t%s\n", f.Engine,
			f.Drain.Median, f.Drain.Min, f.Drain.Max, f.Drain.Median/table[0].Drain.Median,
			f.IdleP50, f.IdleP99, f.LoadP50, f.LoadP99)
	}
	return w.Flush()
}

// String is for the table.
func (s spread) String() string { return fmt.Sprintf("%.2f (%.2f - %.2f)", s.Median, s.Min, s.Max) }

func over(runs []run, of func(run) float64) spread {
	values := make([]float64, len(runs))
	for i, r := range runs {
		values[i] = of(r)
	}
	slices.Sort(values)
	return spread{values[len(values)/2], values[0], values[len(values)-1]}
}

func ms(us int64) float64 { return float64(us) / float64(time.Millisecond/time.Microsecond) }

func or(value *int, def int) {
	if *value <= 0 {
		*value = def
	}
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"rohrpost/internal/bench/trial"
	"rohrpost/internal/devstack"
	"rohrpost/internal/pause"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
	"rohrpost/tasks"
)

// HTTPOptions are those of [HTTP].
type HTTPOptions struct {
	Options
	Rate    int           // requests a second; 0 takes 1,000
	For     time.Duration // 0 takes 10 s, or 3 s if quick
	Answers int           // POSTs whose results are waited for, one after the other; 0 takes 300, or 50 if quick
}

func (o HTTPOptions) withDefaults() HTTPOptions {
	o.Options = o.Options.withDefaults()
	seconds, answers := 10, 300
	if o.Quick {
		seconds, answers = 3, 50
	}
	if o.Rate <= 0 {
		o.Rate = 1000
	}
	if o.For <= 0 {
		o.For = time.Duration(seconds) * time.Second
	}
	if o.Answers <= 0 {
		o.Answers = answers
	}
	return o
}

// The figures of the API.
const (
	acceptRate = "accepted_per_second"
	acceptP50  = "accept_p50_ms"
	acceptP99  = "accept_p99_ms"
	resultP50  = "result_p50_ms"
	resultP99  = "result_p99_ms"
)

var httpFigures = []figure{
	{acceptRate, "POST answered 202, 1/s"},
	{acceptP50, "POST to 202 p50, ms"},
	{acceptP99, "POST to 202 p99, ms"},
	{resultP50, "POST to SSE result p50, ms"},
	{resultP99, "POST to SSE result p99, ms"},
}

// askers are the users whose questions come at the fixed rate.
const askers = 16

// The model of questions that are never put to one.
const (
	nobodysModel = "none"
	nobodysHost  = "127.0.0.1:9" // discard, where nobody listens
)

// HTTP measures what a caller of the API waits for: the 202 of a durable job at a fixed rate of requests, and, on an idle
// machine, the result of a job that does nothing, on the event stream. The api is a process of its own; the worker that
// does nothing shares the process of the load generator.
func HTTP(ctx context.Context, opts HTTPOptions) (err error) {
	opts = opts.withDefaults()
	s, err := openSite(ctx, opts.Options, func(context.Context, *devstack.Stack) ([]string, error) {
		return []string{"AI_MODEL=" + nobodysModel, "OLLAMA_HOST=" + nobodysHost}, nil
	})
	if err != nil {
		return err
	}
	defer closing(&err, s.close)
	rep := report{
		Bench: "http", Load: map[string]any{"requests_per_second": opts.Rate, "seconds": opts.For.Seconds()}, Runs: opts.Runs,
	}
	if rep.Machine, err = thisMachine(ctx, s.pool, s.rdb); err != nil {
		return err
	}
	visitors := make([]*visitor, askers)
	for i := range visitors {
		if visitors[i], err = s.visit(ctx, i); err != nil {
			return err
		}
	}
	engine := queue.NewEngine(s.pool, s.rdb, stream.New(s.rdb, stream.Config{}), queue.Config{}, opts.Log, nil)
	engine.Start(ctx)
	defer engine.Stop()
	c := caller{visitors: visitors, engine: engine, opts: opts}
	columns, err := compete(ctx, opts.Options, []contestant{{"rohrpost", c.run}})
	if err != nil {
		return err
	}
	rep.fill(httpFigures, columns)
	return rep.print(opts.Out, opts.JSON)
}

// caller is who asks the API.
type caller struct {
	visitors []*visitor
	engine   *queue.Engine
	opts     HTTPOptions
}

func (c caller) run(ctx context.Context, warm bool) (trial.Values, error) {
	if warm {
		c.opts.For, c.opts.Answers = c.opts.For/10, min(c.opts.Answers, 5)
	}
	values := trial.Values{}
	for _, measure := range []func(context.Context, trial.Values) error{c.accept, c.results} {
		// The jobs of the one before are none of the next one's business.
		if _, err := c.visitors[0].site.pool.Exec(ctx, `TRUNCATE jobs CASCADE`); err != nil {
			return nil, err
		}
		if err := c.visitors[0].site.rdb.FlushAll(ctx).Err(); err != nil {
			return nil, err
		}
		if err := measure(ctx, values); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// accept asks at a fixed rate, whatever the answers do. No worker runs.
func (c *caller) accept(ctx context.Context, values trial.Values) error {
	const connections = 64
	n := max(1, int(float64(c.opts.Rate)*c.opts.For.Seconds()))
	due := make(chan time.Time, n)
	histograms := make([]*hdrhistogram.Histogram, connections)
	group, asking := errgroup.WithContext(ctx)
	for i := range histograms {
		h := trial.NewHistogram()
		histograms[i] = h
		group.Go(func() error {
			for at := range due {
				if _, err := c.visitors[i%len(c.visitors)].ask(asking); err != nil {
					return err
				}
				_ = h.RecordValue(max(time.Since(at).Microseconds(), 1)) // it holds more than the client's timeout
			}
			return nil
		})
	}
	began := time.Now()
	trial.Pace(asking, float64(c.opts.Rate), n, func(_ int, at time.Time) { due <- at })
	close(due)
	if err := group.Wait(); err != nil {
		return err
	}
	values[acceptRate] = float64(n) / time.Since(began).Seconds()
	for _, h := range histograms[1:] {
		histograms[0].Merge(h)
	}
	values[acceptP50], values[acceptP99] = trial.Milliseconds(histograms[0], 50), trial.Milliseconds(histograms[0], 99)
	return nil
}

func (v *visitor) ask(ctx context.Context) (job uuid.UUID, err error) {
	var accepted struct {
		JobID uuid.UUID `json:"job_id"`
	}
	question := map[string]string{"prompt": "What does nothing answer?"}
	err = v.call(ctx, http.MethodPost, "/api/ai/query", question, &accepted)
	return accepted.JobID, err
}

// results asks for one job after the other and waits for each result on the visitor's stream.
func (c *caller) results(ctx context.Context, values trial.Values) (err error) {
	mux := queue.NewMux()
	queue.Handle(mux, tasks.Infer, func(context.Context, *queue.Job[tasks.InferArgs]) (any, error) { return nil, nil })
	runner := queue.NewRunner(c.engine, mux, queue.RunnerConfig{Queues: tasks.DefaultWeights()})
	if err := runner.Start(ctx); err != nil {
		return err
	}
	defer closing(&err, func() error { return runner.Stop(context.WithoutCancel(ctx)) })
	v := c.visitors[0]
	s, err := v.follow(ctx, "/api/events", "")
	if err != nil {
		return err
	}
	defer s.close()
	h := trial.NewHistogram()
	for range c.opts.Answers {
		began := time.Now()
		job, err := v.ask(ctx)
		if err != nil {
			return err
		}
		if err := result(s, job); err != nil {
			return fmt.Errorf("result of %s: %w", job, err)
		}
		_ = h.RecordValue(max(time.Since(began).Microseconds(), 1)) // it holds more than arriveWithin
		if err := pause.For(ctx, betweenAnswers); err != nil {
			return err
		}
	}
	values[resultP50], values[resultP99] = trial.Milliseconds(h, 50), trial.Milliseconds(h, 99)
	return nil
}

const betweenAnswers = 20 * time.Millisecond // the machine is idle again by then

// result waits for the end of a job.
func result(s *sse, job uuid.UUID) error {
	e, err := s.until(arriveWithin, func(e sseEvent) bool {
		var of struct {
			JobID uuid.UUID `json:"job_id"`
		}
		final := e.typ == stream.TypeResult || e.typ == stream.TypeError
		return final && json.Unmarshal(e.data, &of) == nil && of.JobID == job
	})
	if err == nil && e.typ == stream.TypeError {
		err = errors.New(string(e.data))
	}
	return err
}

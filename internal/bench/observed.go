package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"rohrpost/db"
	"rohrpost/internal/bench/trial"
	"rohrpost/internal/devstack"
	"rohrpost/internal/queue"
	"rohrpost/internal/tracing/otlp"
)

// endpoint is where OpenTelemetry's exporter looks for its collector.
const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"

// watched is our engine with what it tells of itself.
type watched struct {
	name    string
	metrics bool
	traces  string // the part of the traces that is sent; none are made where it is empty
}

// What an installation has, from nothing to everything. Metrics are always on; traces are off until a collector is named,
// and then all of them are sent, unless OTEL_TRACES_SAMPLER says otherwise.
var degrees = []watched{
	{"bare", false, ""}, {"metrics", true, ""}, {"metrics, 10 % of traces", true, "0.1"}, {"metrics, all traces", true, "1"},
}

// Observed puts our engine on trial with and without its metrics and traces, in turns, and prints what they cost. The spans
// go to a receiver in this process, which drops them.
func Observed(ctx context.Context, opts JobsOptions) (err error) {
	opts.Options = opts.withDefaults()
	stack, err := devstack.Open("", opts.Log)
	if err != nil {
		return err
	}
	defer closing(&err, stack.Close)
	s, err := openServers(ctx, stack, opts.Options)
	if err != nil {
		return err
	}
	defer s.close()
	plan := trial.Plan{Jobs: opts.plan().Jobs}
	rep := report{Bench: "observed", Load: plan, Runs: opts.Runs, Baseline: degrees[0].name}
	if rep.Machine, err = thisMachine(ctx, s.pool, s.rdb); err != nil {
		return err
	}
	receiver, stop, err := receive(ctx)
	if err != nil {
		return err
	}
	defer closing(&err, stop)
	var all []contestant
	for _, w := range degrees {
		subject, closeAll, err := w.open(ctx, s, opts.Options)
		if err != nil {
			return err
		}
		defer closeAll()
		all = append(all, contestant{w.name, func(ctx context.Context, warm bool) (trial.Values, error) {
			p := plan
			if warm {
				p = warmUp(plan)
			}
			return w.run(ctx, subject, p, receiver, opts.Options)
		}})
	}
	columns, err := compete(ctx, opts.Options, all)
	if err != nil {
		return err
	}
	rep.fill([]figure{{trial.DrainRate, "drain, jobs/s"}}, columns)
	return rep.print(opts.Out, opts.JSON)
}

// open makes the engine, with connections of its own.
func (w watched) open(ctx context.Context, s *servers, opts Options) (trial.Subject, func(), error) {
	var reg prometheus.Registerer
	var settings []db.Option
	if w.metrics {
		reg = prometheus.NewRegistry()
		settings = append(settings, db.MeasureTo(reg))
	}
	pool, err := db.Open(ctx, db.Config{URL: s.postgres.URL()}, settings...)
	if err != nil {
		return nil, nil, err
	}
	r := newRohrpost(ctx, pool, s.rdb, opts.Log, reg)
	return apart{r}, func() { r.close(); pool.Close() }, nil
}

// apart enqueues each job by itself, so that each has a trace of its own.
type apart struct{ *rohrpost }

func (a apart) EnqueueMany(ctx context.Context, owner trial.Owner, first, n int) error {
	for end := first + n; first < end; first += perTx {
		err := db.InTx(ctx, a.pool, func(tx pgx.Tx) error {
			for job := first; job < min(first+perTx, end); job++ {
				if _, err := queue.Enqueue(ctx, tx, noop, number{job}, queue.By(a.owners[owner])); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (w watched) run(ctx context.Context, subject trial.Subject, plan trial.Plan, receiver string, opts Options) (
	values trial.Values, err error) {
	if w.traces != "" {
		if err := os.Setenv(endpoint, receiver); err != nil { // the exporter reads it there and nowhere else
			return nil, err
		}
		defer closing(&err, func() error { return os.Unsetenv(endpoint) })
		flush, err := otlp.Open(ctx, otlp.Config{
			Endpoint: receiver, Sampler: "parentbased_traceidratio", SamplerArg: w.traces,
		}, "bench", "", opts.Log)
		if err != nil {
			return nil, err
		}
		defer closing(&err, func() error { return flush(ctx) })
	}
	return trial.Drain(ctx, subject, plan)
}

// receive starts a collector that drops what it gets.
func receive(ctx context.Context) (url string, stop func() error, err error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("receiver of traces: %w", err)
	}
	server := &http.Server{ReadTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			http.Error(w, "The body can't be read.", http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-protobuf") // of nothing, which is a success
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	return "http://" + listener.Addr().String(), func() error {
		err := server.Close()
		if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		return err
	}, nil
}

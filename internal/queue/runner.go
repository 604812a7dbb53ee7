package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue/express"
	"rohrpost/internal/tracing"
)

// Runner runs jobs in a worker process: it claims what Asynq brings, calls the handler, and settles the outcome in
// PostgreSQL. Make it with [NewRunner].
type Runner struct {
	engine *Engine
	mux    *Mux
	cfg    RunnerConfig
	log    *slog.Logger
	server *asynq.Server
	line   *express.Line // the server's
	joined joined
	places chan struct{} // one token per handler that has not returned, also an abandoned one
	chance chan struct{} // one token, for the job on its last chance
	// One token per outcome that is put on record while Asynq has the answer already.
	settling chan struct{}
	// One connection that handlers can't take: a worker that waits for one to give its sign of life looks dead.
	pulse *pgxpool.Pool // nil until Start

	mu      sync.Mutex // guards the rest
	worker  uuid.UUID  // as registered; a new one after we were taken for dead
	active  map[*Run]struct{}
	taken   map[ref]int    // the tasks that Asynq gave us, until what became of them is settled
	entered sync.WaitGroup // one for each of those

	drain  chan struct{} // closed, holding mu, when Stop begins
	quit   chan struct{} // closed by Stop once everything is settled
	ended  sync.WaitGroup
	orders *redis.PubSub
	once   sync.Once
}

// aside is how many outcomes for each place may be on their way to the record while others run.
const aside = 4

// NewRunner makes a runner that serves cfg.Queues with the handlers of mux.
func NewRunner(engine *Engine, mux *Mux, cfg RunnerConfig) *Runner {
	cfg = cfg.withDefaults()
	r := &Runner{
		engine: engine, mux: mux, cfg: cfg, log: engine.log, active: map[*Run]struct{}{}, taken: map[ref]int{},
		drain: make(chan struct{}), quit: make(chan struct{}), places: make(chan struct{}, cfg.Concurrency),
		chance: make(chan struct{}, 1), settling: make(chan struct{}, aside*cfg.Concurrency),
	}
	r.joined = r.join()
	poll := cfg.Poll
	if r.line = express.Plain(engine.rdb); !engine.cfg.Plain {
		// The line waits until it is woken; this is only how soon Asynq asks it again.
		r.line, poll = express.Taking(engine.rdb, slices.Collect(maps.Keys(cfg.Queues)), r.room), time.Millisecond
	}
	r.server = asynq.NewServerFromRedisClient(r.line, asynq.Config{
		Concurrency: cfg.Concurrency, Queues: cfg.Queues, TaskCheckInterval: poll,
		DelayedTaskCheckInterval: delayedCheck, RetryDelayFunc: retryDelay,
		// A retry is part of the plan; only a job that failed for good counts as failed in Asynqmon.
		IsFailure: func(err error) bool { return errors.Is(err, asynq.SkipRetry) },
		Logger:    asynqLog{engine.log}, LogLevel: asynq.WarnLevel,
		ShutdownTimeout: cfg.StopGrace,
	})
	return r
}

// Start registers the worker and begins to take jobs.
func (r *Runner) Start(ctx context.Context) error {
	cfg := r.engine.pool.Config()
	cfg.MaxConns, cfg.MinConns = 1, 1
	pulse, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	id, err := r.register(ctx, pulse)
	if err != nil {
		pulse.Close()
		return err
	}
	r.engine.slots.forget()
	r.pulse = pulse
	r.mu.Lock()
	r.worker = id
	r.mu.Unlock()
	r.orders = r.engine.rdb.Subscribe(ctx, cancelChannel)
	r.ended.Go(r.beat)
	r.ended.Go(r.obey)
	r.line.Listen(ctx)
	if err := r.server.Start(asynq.HandlerFunc(r.process)); err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	return nil
}

func (r *Runner) register(ctx context.Context, pulse *pgxpool.Pool) (uuid.UUID, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.Nil, fmt.Errorf("worker id: %w", err)
	}
	queues, err := json.Marshal(r.cfg.Queues)
	if err != nil {
		return uuid.Nil, fmt.Errorf("register worker: %w", err)
	}
	host, _ := os.Hostname() // only shown
	_, err = query(ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, db.New().RegisterWorker(ctx, pulse, db.RegisterWorkerParams{
			ID: id, Host: host, Pid: int32(os.Getpid()), Queues: queues, Concurrency: int32(r.cfg.Concurrency),
		})
	})
	if err != nil {
		return uuid.Nil, fmt.Errorf("register worker: %w", err)
	}
	return id, nil
}

// process is Asynq's handler. Its answer only decides what becomes of the task in Redis; the job's fate is settled in
// PostgreSQL. The context that Asynq gives is not used: it ends when Redis is away for a while, and that is no reason to
// stop the work.
func (r *Runner) process(_ context.Context, task *asynq.Task) error {
	if !r.enter() {
		return delay{handBackDelay, errDraining}
	}
	at, err := parseRef(task.Payload())
	if err != nil {
		r.entered.Done()
		r.log.Error("task ignored", "type", task.Type(), "err", err)
		return nil
	}
	untake := r.take(at)
	aside := false
	leave := func() {
		untake()
		r.entered.Done()
	}
	defer func() {
		if !aside {
			leave()
		}
	}()
	select {
	case r.places <- struct{}{}: // an abandoned handler still holds its own
	case <-r.drain:
		return delay{handBackDelay, errDraining}
	}
	asked := time.Now()
	job, err := r.claim(at, task.Headers()[limitedHeader] != "")
	if err != nil {
		<-r.places
		return r.unclaimed(at, err)
	}
	r.engine.roomIn(job.Queue)
	aside, err = r.execute(job, asked, leave)
	return err
}

// room is how many jobs could start now.
func (r *Runner) room() int { return r.cfg.Concurrency - len(r.places) }

func (r *Runner) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.drain:
		return false
	default:
	}
	r.entered.Add(1)
	return true
}

// take notes that a task is in our hands, until the function returned is called.
func (r *Runner) take(at ref) (leave func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken[at]++ // Redis may deliver one twice
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.taken[at]--; r.taken[at] == 0 {
			delete(r.taken, at)
		}
	}
}

// outcome is what a handler returned.
type outcome struct {
	result     json.RawMessage
	unwritable error // why the result is no JSON
	err        error
}

// execute runs the handler of a claimed job and settles the outcome. It returns when the handler has, or when it was
// abandoned; its place is free only when it returned. aside tells that the outcome is on its way, after which leave is called.
// The claim was asked for at asked.
func (r *Runner) execute(job db.Job, asked time.Time, leave func()) (aside bool, err error) {
	base, stop := context.WithCancelCause(context.Background())
	run := &Run{
		engine: r.engine, job: job, stop: stop, began: time.Now(),
		log: r.log.With("job", job.ID, "kind", job.Kind, "attempt", job.Attempt),
	}
	base = run.process(base, asked)
	r.hold(run)
	end := func() {
		run.span.End()
		r.let(run)
		if r.engine.cfg.suspect(job) {
			<-r.chance
		}
		stop(nil)
	}
	defer func() {
		if !aside {
			end()
		}
	}()
	r.began(run)
	run.told = r.engine.tellNext(job)

	b, err := r.mux.find(job.Kind)
	if err != nil {
		<-r.places
		return false, r.settle(run, outcome{err: fault.Wrap(err, fault.Unavailable, "No worker knows this kind of job.")}, nil, false)
	}
	ctx, cancel := context.WithTimeoutCause(base, b.timeout, ErrTimeout)
	defer cancel()
	out, abandoned := r.await(ctx, b, run)
	cause := context.Cause(ctx)
	if out.err == nil && !r.engine.cfg.Plain {
		aside = r.settleAside(func() {
			defer leave()
			defer end()
			_ = r.settle(run, out, cause, false) // Asynq has its answer
		})
	}
	if aside {
		return true, nil
	}
	return false, r.settle(run, out, cause, abandoned)
}

// await calls the handler and waits for it, or until it is to be abandoned.
func (r *Runner) await(ctx context.Context, b binding, run *Run) (out outcome, abandoned bool) {
	done := make(chan outcome, 1)
	go func() {
		defer func() { <-r.places }()
		done <- call(ctx, b, run)
	}()
	select {
	case out = <-done:
		return out, false
	case <-ctx.Done():
	}
	grace := time.NewTimer(r.cfg.StopGrace)
	defer grace.Stop()
	select {
	case out = <-done:
		return out, false
	case <-grace.C:
		run.log.Error("handler ignores that it should stop, and is abandoned", "cause", context.Cause(ctx))
		return outcome{err: context.Cause(ctx)}, true
	}
}

// settleAside has an outcome put on record while Asynq begins the next job already, unless too many are under way. Only a
// success can be: Asynq has nothing to decide about it, and should this process die before it is on record, the job is
// freed with the others that it had.
func (r *Runner) settleAside(settle func()) bool {
	select {
	case r.settling <- struct{}{}:
	default:
		return false
	}
	go func() {
		defer func() { <-r.settling }()
		settle()
	}()
	return true
}

// call runs the handler; a panic is an error like others.
func call(ctx context.Context, b binding, run *Run) (out outcome) {
	defer func() {
		if p := recover(); p != nil {
			run.log.Error("handler panicked", "panic", p, "stack", string(debug.Stack()))
			out = outcome{err: fault.New(Panicked, "The handler of the job panicked.")}
		}
	}()
	result, err := b.run(ctx, run)
	if err != nil {
		return outcome{err: err}
	}
	raw, err := json.Marshal(result)
	return outcome{result: raw, unwritable: err}
}

func (r *Runner) hold(run *Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active[run] = struct{}{}
	r.engine.metrics.running.Inc()
}

func (r *Runner) let(run *Run) {
	r.mu.Lock()
	delete(r.active, run)
	r.mu.Unlock()
	r.engine.metrics.running.Dec()
	r.engine.roomIn(run.job.Queue)
	if !limited(run.job) {
		return
	}
	if err := r.engine.Unpark(context.Background(), run.job.Kind); err != nil {
		run.log.Warn("parked jobs wait for the next pass", "err", err)
	}
}

// holding is a copy of what runs now.
func (r *Runner) holding() []*Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	runs := make([]*Run, 0, len(r.active))
	for run := range r.active {
		runs = append(runs, run)
	}
	return runs
}

func (r *Runner) began(run *Run) {
	m, job := r.engine.metrics, run.job
	m.started.WithLabelValues(job.Kind).Inc()
	if job.StartedAt != nil {
		tracing.ObserveIn(run.span, m.wait.WithLabelValues(job.Kind), job.StartedAt.Sub(job.RunAt).Seconds())
	}
}

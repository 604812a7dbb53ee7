package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"rohrpost/db"
	"rohrpost/internal/batch"
	"rohrpost/internal/queue/express"
	"rohrpost/internal/stream"
)

// Hook follows the jobs of a kind. It runs inside the transaction in which a job becomes failed or cancelled, or queued
// again by a rerun, in whatever process that happens; job.State tells which. An error rolls the change back.
type Hook func(ctx context.Context, tx pgx.Tx, job db.Job) error

// Engine is a process's door to the jobs: it dispatches what was committed, cancels, reruns, and finds what was lost.
// Every process has one; any number may run. It is safe for concurrent use.
type Engine struct {
	pool    *db.Pool
	rdb     redis.UniversalClient
	line    *express.Line
	client  *asynq.Client // on line
	events  *stream.Log
	teller  *batch.Group[db.Job, bool]
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	hooks   map[string][]Hook // written before Start only
	slots   slots
	beats   beats
	askers  askers

	mu     sync.Mutex         // guards the rest
	queues map[string]*errand // by queue
	found  map[string]finding // by queue
	cancel context.CancelFunc // nil unless running
	wake   chan struct{}      // one slot
	wg     sync.WaitGroup
}

// NewEngine makes an engine. It subscribes to the commits of pool, so make one for each pool. registerer may be nil. The
// clients stay the caller's to close.
func NewEngine(pool *db.Pool, rdb redis.UniversalClient, events *stream.Log, cfg Config, log *slog.Logger,
	registerer prometheus.Registerer) *Engine {
	line := express.Sending(rdb)
	if cfg.Plain {
		line = express.Plain(rdb)
	}
	e := &Engine{
		pool: pool, rdb: rdb, line: line, client: asynq.NewClientFromRedisClient(line), events: events, cfg: cfg.withDefaults(), log: log,
		metrics: newMetrics(registerer), hooks: map[string][]Hook{},
		queues: map[string]*errand{}, found: map[string]finding{}, wake: make(chan struct{}, 1),
	}
	e.teller = batch.New(together, tellTimeout, e.publish)
	e.askers = e.joinAskers()
	pool.OnAnnounce(e.announced)
	pool.OnCommit(e.committed)
	return e
}

// OnState adds a hook for a kind. Call it before Start.
func (e *Engine) OnState(kind string, hook Hook) { e.hooks[kind] = append(e.hooks[kind], hook) }

func (e *Engine) runHooks(ctx context.Context, tx pgx.Tx, job db.Job) error {
	for _, hook := range e.hooks[job.Kind] {
		if err := hook(ctx, tx, job); err != nil {
			return fmt.Errorf("follow %s %s to %s: %w", job.Kind, job.ID, job.State, err)
		}
	}
	return nil
}

// Start dispatches in the background what this process commits. Without it, jobs wait for a scheduler's next pass.
// Starting a running engine does nothing.
func (e *Engine) Start(ctx context.Context) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cancel != nil {
		return
	}
	ctx, e.cancel = context.WithCancel(ctx)
	e.wg.Go(func() { e.loop(ctx) })
}

// Stop ends the background work. Stopping twice or unstarted is fine; what was not dispatched, a scheduler will.
func (e *Engine) Stop() {
	e.mu.Lock()
	cancel := e.cancel
	e.cancel = nil
	e.mu.Unlock()
	if cancel != nil {
		cancel()
	}
	e.wg.Wait()
	ctx, done := context.WithTimeout(context.Background(), tellTimeout)
	defer done()
	e.leave(ctx)
	if err := errors.Join(e.teller.Wait(ctx), e.line.Stop(ctx)); err != nil {
		e.log.Warn("redis did not take all events and tasks in time", "err", err)
	}
}

// committed takes the signals of a transaction. It must not block: the caller's answer waits for it.
func (e *Engine) committed(signals []any) {
	e.mu.Lock()
	for _, signal := range signals {
		switch signal := signal.(type) {
		case committed:
			e.errand(signal.job.Queue).add(signal)
			e.metrics.enqueued.WithLabelValues(signal.job.Kind).Inc()
		case committedMany:
			e.errand(signal.queue).look = true
			e.metrics.enqueued.WithLabelValues(signal.kind).Add(float64(signal.jobs))
		case completed:
			signal.run.completed.Store(&signal.result)
		}
	}
	e.mu.Unlock()
	e.signal()
}

// Wake has a queue looked at soon: it may have room, or new jobs.
func (e *Engine) Wake(queue string) {
	e.mu.Lock()
	e.errand(queue).look = true
	e.mu.Unlock()
	e.signal()
}

func (e *Engine) signal() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

func (e *Engine) loop(ctx context.Context) {
	later := time.NewTimer(time.Hour)
	defer later.Stop()
	for {
		select {
		case <-e.wake:
		case <-later.C:
		case <-ctx.Done():
			return
		}
		due, next := e.due(time.Now())
		for queue, errand := range due {
			if err := e.hand(ctx, queue, errand); err != nil && ctx.Err() == nil {
				e.log.Warn("dispatch put off", "queue", queue, "err", err)
			}
		}
		later.Reset(next)
	}
}

// statementTimeout bounds one step of the engine's own work in PostgreSQL. Each is a few milliseconds; a scheduler that
// is held up longer does better to start over.
const statementTimeout = 10 * time.Second

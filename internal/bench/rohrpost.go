package bench

import (
	"context"
	"log/slog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"rohrpost/db"
	"rohrpost/internal/bench/trial"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
)

type number struct {
	N int `json:"n"`
}

var noop = queue.Kind[number]{Name: "bench:noop", Queue: trial.Queues[0]}

// perTx is how many jobs one transaction enqueues while a backlog is built, as many as with River.
const perTx = 5000

// concurrency is how many jobs run at once, with our engine and with Asynq.
const concurrency = 128

// rohrpost is the engine of this project.
type rohrpost struct {
	pool   *db.Pool
	rdb    redis.UniversalClient
	engine *queue.Engine
	owners map[trial.Owner]uuid.UUID
	// oldest is before the id of any job of a trial, and after those of the finished jobs that were there before.
	oldest uuid.UUID
}

func newRohrpost(ctx context.Context, pool *db.Pool, rdb redis.UniversalClient, log *slog.Logger,
	reg prometheus.Registerer) *rohrpost {
	e := queue.NewEngine(pool, rdb, stream.New(rdb, stream.Config{}), queue.Config{}, log, reg)
	e.Start(ctx)
	return &rohrpost{
		pool: pool, rdb: rdb, engine: e,
		owners: map[trial.Owner]uuid.UUID{trial.Busy: uuid.New(), trial.Stranger: uuid.New()},
	}
}

func (*rohrpost) Name() string { return "rohrpost" }

func (r *rohrpost) Enqueue(ctx context.Context, owner trial.Owner, n int) error {
	return db.AtOnce(ctx, r.pool, func(w *db.Writes) error {
		_, err := queue.EnqueueWith(ctx, w, noop, number{n}, queue.By(r.owners[owner]))
		return err
	})
}

func (r *rohrpost) EnqueueMany(ctx context.Context, owner trial.Owner, first, n int) error {
	for end := first + n; first < end; first += perTx {
		args := make([]number, min(perTx, end-first))
		for i := range args {
			args[i].N = first + i
		}
		err := db.InTx(ctx, r.pool, func(tx pgx.Tx) error {
			_, err := queue.EnqueueMany(ctx, tx, noop, args, queue.By(r.owners[owner]))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *rohrpost) Work(ctx context.Context, started func(n int)) (func() error, error) {
	mux := queue.NewMux()
	queue.Handle(mux, noop, func(_ context.Context, job *queue.Job[number]) (any, error) {
		started(job.Args.N)
		return nil, nil
	})
	runner := queue.NewRunner(r.engine, mux, queue.RunnerConfig{Queues: equalWeights(), Concurrency: concurrency})
	if err := runner.Start(ctx); err != nil {
		return nil, err
	}
	return func() error { return runner.Stop(context.WithoutCancel(ctx)) }, nil
}

func (r *rohrpost) Ended(ctx context.Context) (n int, err error) {
	err = r.pool.QueryRow(ctx, `SELECT count(*) FROM jobs WHERE id > $1 AND state = 'succeeded'`, r.oldest).Scan(&n)
	return n, err
}

func (r *rohrpost) Reset(ctx context.Context) error {
	if err := r.forget(ctx); err != nil {
		return err
	}
	return r.rdb.FlushAll(ctx).Err()
}

func (r *rohrpost) Commands(ctx context.Context) (int64, error) { return commands(ctx, r.rdb) }

func (r *rohrpost) close() { r.engine.Stop() }

func equalWeights() map[string]int {
	weights := map[string]int{}
	for _, name := range trial.Queues {
		weights[name] = 1
	}
	return weights
}

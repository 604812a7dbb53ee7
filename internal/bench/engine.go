package bench

import (
	"context"
	"log/slog"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"rohrpost/db"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
)

type number struct {
	N int `json:"n"`
}

var noop = queue.Kind[number]{Name: "bench:noop", Queue: queueName}

// perTx is how many jobs one transaction enqueues while a backlog is built.
const perTx = 200

// ours is the engine of this project.
type ours struct {
	pool   *db.Pool
	rdb    redis.UniversalClient
	engine *queue.Engine
	log    *slog.Logger
}

func newOurs(ctx context.Context, pool *db.Pool, rdb redis.UniversalClient, log *slog.Logger) *ours {
	e := queue.NewEngine(pool, rdb, stream.New(rdb, stream.Config{}), queue.Config{}, log, nil)
	e.Start(ctx)
	return &ours{pool, rdb, e, log}
}

func (*ours) name() string { return "rohrpost" }

func (o *ours) enqueue(ctx context.Context, first, n int) error {
	owner := uuid.New()
	for n > 0 {
		some := min(n, perTx)
		err := db.InTx(ctx, o.pool, func(tx pgx.Tx) error {
			for i := range some {
				if _, err := queue.Enqueue(ctx, tx, noop, number{first + i}, queue.By(owner)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		first, n = first+some, n-some
	}
	return nil
}

func (o *ours) work(ctx context.Context, started func(n int)) (func() error, error) {
	mux := queue.NewMux()
	queue.Handle(mux, noop, func(_ context.Context, job *queue.Job[number]) (any, error) {
		started(job.Args.N)
		return nil, nil
	})
	r := queue.NewRunner(o.engine, mux, queue.RunnerConfig{
		Queues: map[string]int{queueName: 1}, Concurrency: concurrency, Poll: poll,
	})
	if err := r.Start(ctx); err != nil {
		return nil, err
	}
	return func() error { return r.Stop(context.WithoutCancel(ctx)) }, nil
}

func (o *ours) ended(ctx context.Context) (n int, err error) {
	err = o.pool.QueryRow(ctx, `SELECT count(*) FROM jobs WHERE state = 'succeeded'`).Scan(&n)
	return n, err
}

func (o *ours) reset(ctx context.Context) error {
	if _, err := o.pool.Exec(ctx, `TRUNCATE jobs`); err != nil {
		return err
	}
	return o.rdb.FlushAll(ctx).Err()
}

func (o *ours) close() { o.engine.Stop() }

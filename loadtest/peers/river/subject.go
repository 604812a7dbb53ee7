package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"rohrpost/internal/bench/trial"
)

// River's settings: those with which it was fastest, of its own benchmark and of some trials.
const (
	maxWorkers        = 2000
	fetchCooldown     = 2 * time.Millisecond
	fetchPollInterval = 20 * time.Millisecond
	perInsert         = 5000
	maxConns          = 20 // as Rohrpost's own pool
	stopWithin        = 30 * time.Second
)

type noop struct {
	N int `json:"n"`
}

func (noop) Kind() string { return "bench_noop" }

type worker struct {
	river.WorkerDefaults[noop]
	started func(n int)
}

func (w *worker) Work(_ context.Context, job *river.Job[noop]) error {
	w.started(job.Args.N)
	return nil
}

// subject is River on PostgreSQL through pgx.
type subject struct {
	pool     *pgxpool.Pool
	inserter *river.Client[pgx.Tx]
}

func open(ctx context.Context, servers trial.Servers) (trial.Subject, func(), error) {
	cfg, err := pgxpool.ParseConfig(servers.DatabaseURL)
	if err != nil {
		return nil, nil, fmt.Errorf("address of the database: %w", err)
	}
	cfg.MaxConns = maxConns
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, nil, fmt.Errorf("open pool: %w", err)
	}
	s := &subject{pool: pool}
	if err := s.prepare(ctx); err != nil {
		pool.Close()
		return nil, nil, err
	}
	return s, pool.Close, nil
}

func (s *subject) prepare(ctx context.Context) error {
	migrator, err := rivermigrate.New(riverpgxv5.New(s.pool), &rivermigrate.Config{Logger: quiet()})
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("schema of River: %w", err)
	}
	// An inserting client wakes workers no more often than its own cooldown says.
	s.inserter, err = river.NewClient(riverpgxv5.New(s.pool), &river.Config{
		FetchCooldown: fetchCooldown, FetchPollInterval: fetchPollInterval, Logger: quiet(),
	})
	return err
}

func (*subject) Name() string { return "river" }

func (s *subject) Enqueue(ctx context.Context, _ trial.Owner, n int) error {
	_, err := s.inserter.Insert(ctx, noop{n}, &river.InsertOpts{Queue: trial.Queues[0]})
	return err
}

func (s *subject) EnqueueMany(ctx context.Context, _ trial.Owner, first, n int) error {
	for end := first + n; first < end; first += perInsert {
		params := make([]river.InsertManyParams, min(perInsert, end-first))
		for i := range params {
			params[i] = river.InsertManyParams{Args: noop{first + i}, InsertOpts: &river.InsertOpts{Queue: trial.Queues[0]}}
		}
		if _, err := s.inserter.InsertManyFast(ctx, params); err != nil {
			return err
		}
	}
	return nil
}

func (s *subject) Work(ctx context.Context, started func(n int)) (func() error, error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker{started: started})
	queues := map[string]river.QueueConfig{}
	for _, name := range trial.Queues {
		queues[name] = river.QueueConfig{MaxWorkers: maxWorkers}
	}
	client, err := river.NewClient(riverpgxv5.New(s.pool), &river.Config{
		Queues: queues, Workers: workers, FetchCooldown: fetchCooldown, FetchPollInterval: fetchPollInterval, Logger: quiet(),
	})
	if err != nil {
		return nil, err
	}
	if err := client.Start(ctx); err != nil {
		return nil, err
	}
	return func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		return client.Stop(ctx)
	}, nil
}

func (s *subject) Ended(ctx context.Context) (n int, err error) {
	err = s.pool.QueryRow(ctx, `SELECT count(*) FROM river_job WHERE state = 'completed'`).Scan(&n)
	return n, err
}

func (s *subject) Reset(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, `TRUNCATE river_job`)
	return err
}

// quiet logs what is wrong and nothing else, and not to where the answers go.
func quiet() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
}

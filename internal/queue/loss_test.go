package queue_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/queue"
)

// enqueueMany enqueues n jobs in one transaction.
func enqueueMany(p *place, kind queue.Kind[note], n int, opts ...queue.Option) {
	p.t.Helper()
	require.NoError(p.t, db.InTx(p.t.Context(), p.pool, func(tx pgx.Tx) error {
		for range n {
			if _, err := queue.Enqueue(p.t.Context(), tx, kind, note{"one of many"}, opts...); err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestWipingRedisWithJobsWaitingAndRunningLosesNothingAndDoublesNothing(t *testing.T) {
	t.Parallel()
	const waiting, running = 1000, 8
	p := newPlace(t)
	gate := make(chan struct{})
	var started atomic.Int32
	all := make(chan struct{})
	mux := queue.NewMux()
	queue.Handle(mux, echo, func(ctx context.Context, job *queue.Job[note]) (any, error) {
		if started.Add(1) == running {
			close(all)
		}
		<-gate
		return nil, payOnce(ctx, p.pool, job)
	})
	e := p.engine(queue.Config{}) // the real delays
	p.scheduler(e)
	p.worker(e, queue.RunnerConfig{Concurrency: running}, mux)
	enqueueMany(p, echo, waiting+running)
	receive(t, all)

	require.NoError(t, p.client().FlushAll(t.Context()).Err())
	wiped := time.Now()
	close(gate)

	p.eventually(func() bool { return p.count(`SELECT count(*) FROM jobs WHERE state = 'succeeded'`) == waiting+running }, "all jobs should end")
	t.Logf("%d jobs done %.1f s after FLUSHALL", waiting+running, time.Since(wiped).Seconds())
	require.Equal(t, waiting+running, p.count(`SELECT count(*) FROM ledger`), "each effect once")
	require.Equal(t, waiting+running, p.count(`SELECT count(DISTINCT job) FROM ledger`))
}

func TestRedisRestartedEmptyInTheMiddleOfWork(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	mux := queue.NewMux()
	queue.Handle(mux, echo, pay(p.pool))
	e := p.engine(quick)
	p.scheduler(e)
	p.worker(e, queue.RunnerConfig{Concurrency: 4}, mux)
	for range 3 {
		enqueueMany(p, echo, 100)
		p.redis.Kill()
		enqueueMany(p, echo, 100)
		require.NoError(t, p.redis.Start(t.Context()))
	}
	p.eventually(func() bool { return p.count(`SELECT count(*) FROM jobs WHERE state = 'succeeded'`) == 600 }, "all jobs should end")
	require.Equal(t, 600, p.count(`SELECT count(*) FROM ledger`))
}

func TestATaskTakenByAWorkerThatDiedBeforeTheClaimIsDispatchedAgain(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	mux := queue.NewMux()
	queue.Handle(mux, echo, pay(p.pool))
	e := p.engine(quick)
	job := enqueue(p, echo)
	rdb := p.client()
	id := job.ID.String() + ":1"
	p.eventually(func() bool { return rdb.LLen(t.Context(), "asynq:{q}:pending").Val() == 1 }, "the task should be in line")
	// What Asynq does for a worker that takes a task.
	require.NoError(t, rdb.RPopLPush(t.Context(), "asynq:{q}:pending", "asynq:{q}:active").Err())
	require.NoError(t, rdb.HSet(t.Context(), "asynq:{q}:t:"+id, "state", "active").Err())

	p.scheduler(e)
	p.worker(e, queue.RunnerConfig{}, mux)
	done := p.await(job.ID, queue.Succeeded)
	require.Greater(t, done.Epoch, job.Epoch)
	require.Equal(t, 1, p.count(`SELECT count(*) FROM ledger`))
}

func TestAnEvictedLineIsNoticedThoughItsTasksAreThere(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	mux := queue.NewMux()
	queue.Handle(mux, echo, pay(p.pool))
	e := p.engine(quick)
	enqueueMany(p, echo, 10)
	rdb := p.client()
	p.eventually(func() bool { return rdb.LLen(t.Context(), "asynq:{q}:pending").Val() == 10 }, "the tasks should be in line")
	require.NoError(t, rdb.Del(t.Context(), "asynq:{q}:pending").Err())
	p.scheduler(e)
	p.worker(e, queue.RunnerConfig{}, mux)
	p.eventually(func() bool { return p.count(`SELECT count(*) FROM jobs WHERE state = 'succeeded'`) == 10 }, "all jobs should end")
	require.Equal(t, 10, p.count(`SELECT count(*) FROM ledger`))
}

// brokenAck makes Redis lose one acknowledgement: the script never gets there and the caller sees a network error.
type brokenAck struct {
	redis.Hook
	broken *atomic.Int32
}

func (brokenAck) DialHook(next redis.DialHook) redis.DialHook { return next }
func (brokenAck) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
func (h brokenAck) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		args := cmd.Args()
		// The acknowledgement is the only script of Asynq whose keys begin with active and lease and end with a counter.
		if len(args) > 5 && args[3] == "asynq:{q}:active" && args[4] == "asynq:{q}:lease" && h.broken.CompareAndSwap(0, 1) {
			cmd.SetErr(context.DeadlineExceeded)
			return context.DeadlineExceeded
		}
		return next(ctx, cmd)
	}
}

func TestALostAcknowledgementHasNoSecondEffectAndIsMadeGood(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	rdb := p.client()
	var broken atomic.Int32
	rdb.AddHook(brokenAck{broken: &broken})
	e := p.engineWith(p.pool, rdb, quick)
	mux := queue.NewMux()
	var runs atomic.Int32
	queue.Handle(mux, echo, func(ctx context.Context, job *queue.Job[note]) (any, error) {
		runs.Add(1)
		return nil, payOnce(ctx, p.pool, job)
	})
	p.scheduler(e)
	p.worker(e, queue.RunnerConfig{}, mux)
	job := enqueue(p, echo)
	p.await(job.ID, queue.Succeeded)
	p.eventually(func() bool { return broken.Load() == 1 }, "the acknowledgement should be lost")

	// Asynq's second try comes after 5 s; with its own, cancelled context it would never succeed.
	watch := p.client()
	p.eventually(func() bool {
		n, err := watch.Exists(t.Context(), "asynq:{q}:t:"+job.ID.String()+":1").Result()
		return err == nil && n == 0
	}, "the acknowledgement should be made good")
	require.EqualValues(t, 1, runs.Load())
	require.Equal(t, 1, p.count(`SELECT count(*) FROM ledger`))
}

func TestADuplicateTaskIsRefusedByTheRecord(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(quick)
	mux := queue.NewMux()
	var runs atomic.Int32
	queue.Handle(mux, echo, func(ctx context.Context, job *queue.Job[note]) (any, error) {
		runs.Add(1)
		return nil, payOnce(ctx, p.pool, job)
	})
	p.worker(e, queue.RunnerConfig{}, mux)
	job := enqueue(p, echo)
	p.await(job.ID, queue.Succeeded)
	rdb := p.client()
	p.eventually(func() bool { return rdb.Exists(t.Context(), "asynq:{q}:t:"+job.ID.String()+":1").Val() == 0 }, "the first is acknowledged")

	// Redis delivers the same claim check once more.
	require.NoError(t, queue.EnqueueAgain(e, job.Job))
	p.eventually(func() bool { return rdb.Exists(t.Context(), "asynq:{q}:t:"+job.ID.String()+":1").Val() == 0 }, "the second is dropped")
	require.EqualValues(t, 1, runs.Load())
	require.Equal(t, 1, p.count(`SELECT count(*) FROM ledger`))
}

func TestPostgresRestartedInTheMiddleOfWork(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	own := stacktest.Own(t)
	pg, err := own.StartPostgres(t.Context(), devstack.PostgresOptions{Durable: true})
	require.NoError(t, err)
	p.url = pg.URL()
	require.NoError(t, db.Migrate(t.Context(), p.url, p.logger()))
	p.pool = p.open()
	p.exec(`CREATE TABLE ledger (job uuid, amount int)`)
	const jobs = 50
	gate := make(chan struct{})
	var started atomic.Int32
	some := make(chan struct{})
	mux := queue.NewMux()
	queue.Handle(mux, echo, func(_ context.Context, job *queue.Job[note]) (any, error) {
		if started.Add(1) == 4 {
			close(some)
		}
		<-gate
		return job.ID(), nil // settled by the runner, also when PostgreSQL is away at that moment
	})
	// A busy machine may take PostgreSQL longer to come back than a worker may usually be silent in these tests.
	patient := quick
	patient.Silence = time.Minute
	e := p.engine(patient)
	p.scheduler(e)
	p.worker(e, queue.RunnerConfig{Concurrency: 4}, mux)
	enqueueMany(p, echo, jobs)
	receive(t, some)

	require.NoError(t, pg.Stop(t.Context()))
	close(gate)
	require.NoError(t, pg.Start(t.Context()))

	p.eventually(func() bool {
		var n int
		err := p.pool.QueryRow(t.Context(), `SELECT count(*) FROM jobs WHERE state = 'succeeded'`).Scan(&n)
		return err == nil && n == jobs
	}, "all jobs should end")
	require.EqualValues(t, jobs, started.Load(), "the outcomes of those that ran were kept, and none ran again")
}

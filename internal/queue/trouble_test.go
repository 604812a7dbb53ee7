package queue_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
)

func TestAClaimWhoseAnswerWasLostIsFoundByItsOwnWorker(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	mux := queue.NewMux()
	queue.Handle(mux, echo, pay(p.pool))
	e := p.engine(quick)
	p.scheduler(e)
	p.worker(e, queue.RunnerConfig{}, mux)
	job := enqueue(p, echo, queue.At(time.Now().Add(time.Hour)))
	// PostgreSQL committed the claim, and the connection broke before the worker heard of it.
	p.exec(`UPDATE jobs SET state = 'running', attempt = 1, run_at = now(), started_at = now(),
		worker_id = (SELECT id FROM workers) WHERE id = $1`, job.ID)

	done := p.await(job.ID, queue.Succeeded)
	require.EqualValues(t, 1, done.Attempt)
	require.Zero(t, done.Crashes)
	require.Equal(t, 1, p.count(`SELECT count(*) FROM ledger`))
}

func TestAnOutcomeThatPostgresRefusesEndsTheJob(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	mux := queue.NewMux()
	queue.Handle(mux, echo, func(_ context.Context, job *queue.Job[note]) (any, error) {
		switch job.Record().LimitKey {
		case "message":
			return nil, fault.New(fault.Invalid, "The name \x00\xff is bad.")
		default:
			return "a\x00b", nil
		}
	})
	p.worker(p.engine(quick), queue.RunnerConfig{}, mux)
	failed := p.await(enqueue(p, echo, queue.LimitKey("message")).ID, queue.Failed)
	require.Equal(t, string(fault.Invalid), *failed.ErrorCode)
	failed = p.await(enqueue(p, echo, queue.LimitKey("result")).ID, queue.Failed)
	require.Equal(t, string(fault.Internal), *failed.ErrorCode)
}

func TestABrokenHookDoesNotKeepOtherJobsOfADeadWorkerFromStartingAgain(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := queue.NewEngine(p.pool, p.client(), stream.New(p.client(), stream.Config{}), quick, p.logger(), nil)
	e.OnState(echo.Name, func(context.Context, pgx.Tx, db.Job) error { return errPlain })
	bad := enqueue(p, echo, queue.At(time.Now().Add(time.Hour)))
	other := enqueue(p, queue.Kind[note]{Name: "test:other", Queue: "q"}, queue.At(time.Now().Add(time.Hour)))
	p.exec(`UPDATE jobs SET state = 'running', attempt = 1, run_at = now(), worker_id = gen_random_uuid()`)
	p.exec(`UPDATE jobs SET crashes = 2 WHERE id = $1`, bad.ID)
	_, err := e.Reap(t.Context())
	require.ErrorIs(t, err, errPlain)
	require.Equal(t, queue.Queued, p.job(other.ID).State)
}

func TestHandlersThatUseAllConnectionsDontSilenceTheirWorker(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	pool, err := db.Open(t.Context(), db.Config{URL: p.url, MaxConns: 2})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	var held atomic.Int32
	all := make(chan struct{})
	mux := queue.NewMux()
	queue.Handle(mux, echo, func(ctx context.Context, _ *queue.Job[note]) (any, error) {
		return nil, pool.AcquireFunc(ctx, func(*pgxpool.Conn) error {
			if held.Add(1) == 2 {
				close(all)
			}
			select {
			case <-release:
			case <-ctx.Done():
			}
			return nil
		})
	})
	p.worker(p.engineOn(pool, quick), queue.RunnerConfig{}, mux)
	enqueueMany(p, echo, 2)
	p.scheduler(p.engine(queue.Config{Silence: time.Hour}))
	receive(t, all)
	was := p.count(`SELECT beat FROM workers`)
	p.eventually(func() bool { return p.count(`SELECT max(beat) FROM workers`) > was+5 }, "the worker should go on beating")
}

func TestStoppingAWorkerThatWasNeverStartedIsFine(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	r := queue.NewRunner(p.engine(quick), queue.NewMux(), queue.RunnerConfig{Queues: map[string]int{"q": 1}})
	require.NoError(t, r.Stop(t.Context()))
}

func TestAStoppedWorkerClaimsNothingWhenAPlaceGetsFree(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	deaf := queue.Kind[note]{Name: "test:deaf", Queue: "q", MaxAttempts: 1, Timeout: 50 * time.Millisecond}
	release, late := make(chan struct{}), make(chan struct{})
	mux := queue.NewMux()
	queue.Handle(mux, deaf, func(context.Context, *queue.Job[note]) (any, error) {
		<-release
		close(late)
		return nil, nil
	})
	var runs atomic.Int32
	queue.Handle(mux, echo, func(context.Context, *queue.Job[note]) (any, error) { return runs.Add(1), nil })
	r := p.worker(p.engine(quick), queue.RunnerConfig{Concurrency: 1, StopGrace: 50 * time.Millisecond}, mux)
	p.await(enqueue(p, deaf).ID, queue.Failed)
	job := enqueue(p, echo)
	rdb := p.client()
	p.eventually(func() bool {
		return rdb.LLen(t.Context(), "asynq:{q}:active").Val() > 0 && rdb.LLen(t.Context(), "asynq:{q}:pending").Val() == 0
	}, "the worker should have taken the task")
	require.NoError(t, r.Stop(t.Context()))
	close(release)
	receive(t, late)

	next := p.engineOn(p.open(), quick)
	p.scheduler(next)
	healthy := queue.NewMux()
	queue.Handle(healthy, echo, pay(p.pool))
	p.worker(next, queue.RunnerConfig{}, healthy)
	done := p.await(job.ID, queue.Succeeded)
	require.Zero(t, runs.Load())
	require.Zero(t, done.Crashes)
}

func TestReadersSeeTheEndOfAJobWhoseCommitWasNotHeardOf(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	rdb := p.client()
	hub := stream.NewHub(rdb, stream.Config{}, nil, nil)
	hub.Start(context.WithoutCancel(t.Context()))
	t.Cleanup(hub.Stop)
	mux := queue.NewMux()
	queue.Handle(mux, echo, func(ctx context.Context, job *queue.Job[note]) (any, error) {
		tx, err := p.pool.Begin(ctx) // without the signal of the commit
		require.NoError(t, err)
		require.NoError(t, queue.Complete(ctx, tx, job.Run, "done"))
		require.NoError(t, tx.Commit(ctx))
		return nil, errPlain
	})
	job := enqueue(p, echo)
	sub, err := hub.Subscribe(t.Context(), stream.Job(job.ID), "")
	require.NoError(t, err)
	defer sub.Close()
	e := p.engine(quick)
	p.scheduler(e)
	p.worker(e, queue.RunnerConfig{}, mux)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		event, err := sub.Next(ctx)
		require.NoError(t, err)
		if event.End {
			require.Equal(t, stream.TypeResult, event.Type)
			break
		}
	}
}

func TestAHandlerLearnsFromItsStreamThatItWasCancelled(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	rdb := p.client()
	events := stream.New(rdb, stream.Config{})
	started, causes := make(chan *queue.Run, 1), make(chan error, 1)
	mux := queue.NewMux()
	queue.Handle(mux, echo, func(ctx context.Context, job *queue.Job[note]) (any, error) {
		tokens := job.Tokens()
		defer tokens.Close(context.Background())
		started <- job.Run
		for ctx.Err() == nil {
			tokens.Write("on and on ")
		}
		causes <- context.Cause(ctx)
		return nil, ctx.Err()
	})
	p.worker(p.engine(quick), queue.RunnerConfig{Heartbeat: time.Hour}, mux)
	job := enqueue(p, echo, queue.By(uuid.New()))
	receive(t, started)
	// The signal got lost: only the streams tell.
	why := "stop"
	cancelled, err := db.New().CancelJob(t.Context(), p.pool, db.CancelJobParams{ID: job.ID, Reason: &why})
	require.NoError(t, err)
	require.NoError(t, events.Append(t.Context(), cancelled.Epoch, queue.Events(cancelled)...))
	require.ErrorIs(t, receive(t, causes), queue.ErrCancelled)
}

func TestDeadWorkersAreFoundWhileRedisHangs(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(quick)
	job := enqueue(p, echo, queue.At(time.Now().Add(time.Hour)))
	p.exec(`UPDATE jobs SET state = 'running', attempt = 1, run_at = now(), worker_id = gen_random_uuid()`)
	require.NoError(t, p.client().Do(t.Context(), "CLIENT", "PAUSE", "20000", "ALL").Err())
	began := time.Now()
	_, _ = e.Reap(t.Context())
	require.Less(t, time.Since(began), time.Second)
	require.Equal(t, queue.Queued, p.job(job.ID).State)
}

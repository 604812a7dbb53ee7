package queue_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
)

// untilStopped is a handler that reports its start and its end, and runs until its context ends.
func untilStopped(started chan<- *queue.Run, causes chan<- error) queue.HandlerFunc[note] {
	return func(ctx context.Context, job *queue.Job[note]) (any, error) {
		started <- job.Run
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return nil, ctx.Err()
	}
}

func TestCancelStopsARunningJobFromAnotherProcess(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	started, causes := make(chan *queue.Run, 1), make(chan error, 1)
	mux := queue.NewMux()
	queue.Handle(mux, echo, untilStopped(started, causes))
	workers := p.engine(quick)
	p.scheduler(workers)
	p.worker(workers, queue.RunnerConfig{Heartbeat: time.Hour}, mux) // so that only the signal can have done it
	owner := uuid.New()
	job := enqueue(p, echo, queue.By(owner))
	receive(t, started)

	api := p.engineOn(p.open(), quick)
	began := time.Now()
	got, err := api.Cancel(t.Context(), job.ID, owner)
	require.NoError(t, err)
	require.Equal(t, queue.Cancelled, got.State)
	require.ErrorIs(t, receive(t, causes), queue.ErrCancelled)
	require.Less(t, time.Since(began), time.Second)

	_, err = api.Cancel(t.Context(), job.ID, owner)
	require.Equal(t, queue.Ended, fault.CodeOf(err))
	p.await(enqueueAfter(p, mux), queue.Succeeded)
	end := p.job(job.ID)
	require.Equal(t, queue.Cancelled, end.State, "never retried")
	require.EqualValues(t, 1, end.Attempt)
}

// enqueueAfter enqueues a job that runs after all the others of the queue had their chance.
func enqueueAfter(p *place, mux *queue.Mux) uuid.UUID {
	p.t.Helper()
	last := queue.Kind[note]{Name: "test:last", Queue: "q"}
	queue.Handle(mux, last, func(context.Context, *queue.Job[note]) (any, error) { return nil, nil })
	return enqueue(p, last).ID
}

func TestCancelReachesTheWorkerByHeartbeatWhenRedisIsDown(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	started, causes := make(chan *queue.Run, 1), make(chan error, 1)
	mux := queue.NewMux()
	queue.Handle(mux, echo, untilStopped(started, causes))
	e := p.engine(quick)
	p.worker(e, queue.RunnerConfig{}, mux)
	job := enqueue(p, echo, queue.By(uuid.New()))
	receive(t, started)
	require.NoError(t, p.redis.Stop(t.Context()))
	_, err := e.Cancel(t.Context(), job.ID, job.Owner)
	require.NoError(t, err)
	require.ErrorIs(t, receive(t, causes), queue.ErrCancelled)
}

func TestACancelledWaitingJobNeverRuns(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(quick)
	owner := uuid.New()
	job := enqueue(p, echo, queue.By(owner))
	_, err := e.Cancel(t.Context(), job.ID, owner)
	require.NoError(t, err)
	var runs atomic.Int32
	mux := queue.NewMux()
	queue.Handle(mux, echo, func(context.Context, *queue.Job[note]) (any, error) { return runs.Add(1), nil })
	last := enqueueAfter(p, mux)
	p.scheduler(e)
	p.worker(e, queue.RunnerConfig{Concurrency: 1}, mux)
	p.await(last, queue.Succeeded)
	require.Zero(t, runs.Load())
	require.Equal(t, queue.Cancelled, p.job(job.ID).State)
}

func TestACancelledJobCanBeRunAgainAndItsHooksFollow(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.exec(`CREATE TABLE followed (n serial, state text)`)
	e := queue.NewEngine(p.pool, p.client(), stream.New(p.client(), stream.Config{}), quick, p.logger(), nil)
	e.OnState(echo.Name, func(ctx context.Context, tx pgx.Tx, job db.Job) error {
		_, err := tx.Exec(ctx, `INSERT INTO followed (state) VALUES ($1)`, job.State)
		return err
	})
	e.Start(context.WithoutCancel(t.Context()))
	t.Cleanup(e.Stop)
	owner := uuid.New()
	job := enqueue(p, echo, queue.By(owner))
	_, err := e.Rerun(t.Context(), job.ID, owner)
	require.Equal(t, queue.Ended, fault.CodeOf(err), "it is not over")
	_, err = e.Cancel(t.Context(), job.ID, owner)
	require.NoError(t, err)
	_, err = e.Rerun(t.Context(), job.ID, owner)
	require.NoError(t, err)

	mux := queue.NewMux()
	queue.Handle(mux, echo, func(_ context.Context, job *queue.Job[note]) (any, error) {
		return nil, fault.New(fault.Invalid, "no")
	})
	p.worker(e, queue.RunnerConfig{}, mux)
	again := p.await(job.ID, queue.Failed)
	require.EqualValues(t, 2, again.Epoch)
	require.Equal(t, 1, p.count(`SELECT count(*) FROM followed WHERE n = 1 AND state = 'cancelled'`))
	require.Equal(t, 1, p.count(`SELECT count(*) FROM followed WHERE n = 2 AND state = 'queued'`))
	require.Equal(t, 1, p.count(`SELECT count(*) FROM followed WHERE n = 3 AND state = 'failed'`))
}

func TestAStoppingWorkerHandsItsJobsBackAtOnceAndItCostsNoAttempt(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	started, causes := make(chan *queue.Run, 2), make(chan error, 2)
	mux := queue.NewMux()
	queue.Handle(mux, echo, untilStopped(started, causes))
	first := p.worker(p.engine(quick), queue.RunnerConfig{}, mux)
	job := enqueue(p, echo)
	receive(t, started)

	second := p.engineOn(p.open(), quick)
	done := queue.NewMux()
	queue.Handle(done, echo, pay(p.pool))
	p.worker(second, queue.RunnerConfig{}, done) // no scheduler anywhere: the first worker dispatches what it hands back
	require.NoError(t, first.Stop(t.Context()))
	require.NoError(t, first.Stop(t.Context()))

	require.ErrorIs(t, receive(t, causes), queue.ErrHandedBack)
	end := p.await(job.ID, queue.Succeeded)
	require.EqualValues(t, 1, end.Attempt)
	require.Zero(t, end.Crashes)
	require.EqualValues(t, 2, end.Epoch)
	require.Equal(t, 1, p.count(`SELECT count(*) FROM workers`), "the stopped one is not registered any more")
}

func TestAStoppingWorkerLetsShortJobsFinish(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	started, finish := make(chan struct{}), make(chan struct{})
	mux := queue.NewMux()
	queue.Handle(mux, echo, func(context.Context, *queue.Job[note]) (any, error) {
		close(started)
		<-finish
		return "finished", nil
	})
	r := p.worker(p.engine(quick), queue.RunnerConfig{Grace: patience}, mux)
	job := enqueue(p, echo)
	receive(t, started)
	stopped := make(chan error, 1)
	go func() { stopped <- r.Stop(context.Background()) }()
	close(finish)
	require.NoError(t, receive(t, stopped))
	require.Equal(t, queue.Succeeded, p.job(job.ID).State)
}

func TestAStaleRunCanWriteNothing(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	runs, causes := make(chan *queue.Run, 1), make(chan error, 1)
	mux := queue.NewMux()
	queue.Handle(mux, echo, untilStopped(runs, causes))
	e := p.engine(quick)
	p.worker(e, queue.RunnerConfig{Heartbeat: time.Hour, Concurrency: 1}, mux)
	job := enqueue(p, echo, queue.By(uuid.New()))
	stale := receive(t, runs)

	// Somebody else takes the job: the reaper thinks this worker dead.
	p.exec(`DELETE FROM workers`)
	_, err := e.Reap(t.Context())
	require.NoError(t, err)
	fresh := make(chan *queue.Run, 1)
	second := queue.NewMux()
	queue.Handle(second, echo, func(ctx context.Context, job *queue.Job[note]) (any, error) {
		tokens := job.Tokens()
		tokens.Write("new")
		require.NoError(t, tokens.Close(ctx))
		fresh <- job.Run
		return nil, payOnce(ctx, p.pool, job)
	})
	p.worker(p.engineOn(p.open(), quick), queue.RunnerConfig{}, second)
	require.Greater(t, receive(t, fresh).Epoch(), stale.Epoch())
	p.await(job.ID, queue.Succeeded)

	err = db.InTx(t.Context(), p.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO ledger VALUES ($1, 1)`, job.ID)
		require.NoError(t, err)
		return queue.Complete(t.Context(), tx, stale, "stale")
	})
	require.ErrorIs(t, err, queue.ErrLost)
	require.ErrorIs(t, stale.Progress(t.Context(), 1), queue.ErrLost)
	tokens := stale.Tokens()
	tokens.Write("old")
	require.Error(t, tokens.Close(t.Context()))
	require.ErrorIs(t, receive(t, causes), queue.ErrLost)
	require.Equal(t, 1, p.count(`SELECT count(*) FROM ledger`))
	require.JSONEq(t, `"paid"`, string(p.job(job.ID).Result))
}

func TestAHandlerThatIgnoresItsEndIsAbandonedAndFencedOff(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	deaf := queue.Kind[note]{Name: "test:deaf", Queue: "q", MaxAttempts: 2, Timeout: 50 * time.Millisecond}
	release := make(chan struct{})
	late := make(chan error, 1)
	mux := queue.NewMux()
	queue.Handle(mux, deaf, func(_ context.Context, job *queue.Job[note]) (any, error) {
		if job.Attempt() > 1 {
			return nil, payOnce(context.Background(), p.pool, job)
		}
		<-release
		err := payOnce(context.Background(), p.pool, job)
		late <- err
		return nil, err
	})
	e := p.engine(quick)
	p.scheduler(e)
	p.worker(e, queue.RunnerConfig{StopGrace: 50 * time.Millisecond}, mux)
	job := enqueue(p, deaf)
	end := p.await(job.ID, queue.Succeeded)
	close(release)
	require.ErrorIs(t, receive(t, late), queue.ErrLost)
	require.EqualValues(t, 2, end.Attempt)
	require.Equal(t, 1, p.count(`SELECT count(*) FROM ledger`))
}

func TestATimeoutIsTriedAgainAndThenFails(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	slow := queue.Kind[note]{Name: "test:slow", Queue: "q", MaxAttempts: 2, Timeout: 30 * time.Millisecond}
	mux := queue.NewMux()
	queue.Handle(mux, slow, func(ctx context.Context, _ *queue.Job[note]) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	e := p.engine(quick)
	p.scheduler(e)
	p.worker(e, queue.RunnerConfig{}, mux)
	end := p.await(enqueue(p, slow).ID, queue.Failed)
	require.Equal(t, string(fault.Timeout), *end.ErrorCode)
	require.EqualValues(t, 2, end.Attempt)
}

func TestReadersSeeTheWholeStoryOfAJob(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	rdb := p.client()
	hub := stream.NewHub(rdb, stream.Config{}, nil, nil)
	hub.Start(context.WithoutCancel(t.Context()))
	t.Cleanup(hub.Stop)
	mux := queue.NewMux()
	queue.Handle(mux, echo, func(ctx context.Context, job *queue.Job[note]) (any, error) {
		tokens := job.Tokens()
		defer tokens.Close(ctx)
		tokens.Write("hel")
		if err := job.Progress(ctx, map[string]int{"done": 1}); err != nil {
			return nil, err
		}
		return "done", nil
	})
	job := enqueue(p, echo, queue.By(uuid.New()))
	sub, err := hub.Subscribe(t.Context(), stream.Job(job.ID), "")
	require.NoError(t, err)
	defer sub.Close()
	calm := quick
	calm.Lost = patience // nothing gets lost here: on a busy machine it would be handed over again, which is told
	e := p.engine(calm)
	p.scheduler(e)
	p.worker(e, queue.RunnerConfig{}, mux)
	seen := map[string]int{}
	var order []string
	for {
		event, err := sub.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		seen[event.Type]++
		order = append(order, event.Type)
	}
	require.Equal(t, map[string]int{"state": 3, "token": 1, "progress": 1, "result": 1}, seen)
	require.Equal(t, []string{"state", "state"}, order[:2], "queued, running")
	require.Equal(t, []string{"state", "result"}, order[len(order)-2:])
}

func TestAUniqueJobIsNotRunAgainBesideItsSuccessor(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(quick)
	owner := uuid.New()
	first := enqueue(p, echo, queue.By(owner), queue.Unique("only"))
	_, err := e.Cancel(t.Context(), first.ID, owner)
	require.NoError(t, err)
	enqueue(p, echo, queue.By(owner), queue.Unique("only"))
	_, err = e.Rerun(t.Context(), first.ID, owner)
	require.Equal(t, queue.Ended, fault.CodeOf(err))
	require.Equal(t, queue.Cancelled, p.job(first.ID).State)
}

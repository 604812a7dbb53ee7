package queue_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/queue"
)

// pause pauses the queue "q", as an administrator does, and returns PostgreSQL's time when that was answered.
func (p *place) pause(e *queue.Engine) (answered time.Time) {
	p.t.Helper()
	require.NoError(p.t, db.InTx(p.t.Context(), p.pool, func(tx pgx.Tx) error {
		_, err := queue.PauseTx(p.t.Context(), tx, "q", queue.Pauser{Name: "a test"}, "to see")
		return err
	}))
	require.NoError(p.t, p.pool.QueryRow(p.t.Context(), `SELECT clock_timestamp()`).Scan(&answered))
	_ = e.SyncPauses(p.t.Context()) // Redis may be away
	return answered
}

func (p *place) resume(e *queue.Engine) {
	p.t.Helper()
	require.NoError(p.t, db.InTx(p.t.Context(), p.pool, func(tx pgx.Tx) error {
		_, ok, err := queue.ResumeTx(p.t.Context(), tx, "q")
		require.True(p.t, ok)
		return err
	}))
	require.NoError(p.t, e.Resumed(p.t.Context(), "q"))
}

// otherQueueGoes proves that workers took and ended jobs of the queue "other" after several passes of a scheduler.
func (p *place) otherQueueGoes(e *queue.Engine) {
	p.t.Helper()
	for range 3 {
		_ = e.SyncPauses(p.t.Context())
		_ = e.DispatchAll(p.t.Context())
		_, err := e.FindLost(p.t.Context())
		require.NoError(p.t, err)
		p.await(enqueue(p, elsewhere).ID, queue.Succeeded)
	}
}

var elsewhere = queue.Kind[note]{Name: "test:elsewhere", Queue: "other"}

var bothQueues = map[string]int{"q": 1, "other": 1}

func TestAPausedQueueStartsNothingUntilItIsResumedAlsoWhenRedisForgets(t *testing.T) {
	t.Parallel()
	const before, later = 200, 10
	p := newPlace(t)
	ends := make(chan struct{}, before+later)
	mux := queue.NewMux()
	queue.Handle(mux, echo, func(ctx context.Context, job *queue.Job[note]) (any, error) {
		<-ends
		return nil, payOnce(ctx, p.pool, job)
	})
	queue.Handle(mux, elsewhere, func(context.Context, *queue.Job[note]) (any, error) { return nil, nil })
	e := p.engine(quick)
	p.scheduler(e)
	p.worker(e, queue.RunnerConfig{Concurrency: 4, Queues: bothQueues}, mux)
	enqueueMany(p, echo, before)
	for range 20 {
		ends <- struct{}{}
	}
	p.eventually(func() bool { return p.count(`SELECT count(*) FROM ledger`) >= 20 }, "some jobs should end")
	require.Positive(t, p.count(`SELECT count(*) FROM jobs WHERE state = 'queued' AND dispatched_at IS NOT NULL`))
	require.Positive(t, p.count(`SELECT count(*) FROM jobs WHERE state = 'queued' AND dispatched_at IS NULL`))

	answered := p.pause(e)
	for range before + later - 20 {
		ends <- struct{}{} // nothing else keeps them
	}
	p.eventually(func() bool { return p.count(`SELECT count(*) FROM jobs WHERE state = 'running' AND queue = 'q'`) == 0 },
		"those that ran go on to their end")
	enqueueMany(p, echo, later)
	p.otherQueueGoes(e)
	require.NoError(t, p.client().FlushAll(t.Context()).Err())
	p.otherQueueGoes(e)
	require.Zero(t, p.count(`SELECT count(*) FROM jobs WHERE queue = 'q' AND started_at > $1`, answered))
	require.Less(t, p.count(`SELECT count(*) FROM ledger`), 30)

	resumed := time.Now()
	p.resume(e)
	p.eventually(func() bool {
		return p.count(`SELECT count(*) FROM jobs WHERE queue = 'q' AND state = 'succeeded'`) == before+later
	},
		"all should end")
	var first time.Time
	require.NoError(t, p.pool.QueryRow(t.Context(), `SELECT min(started_at) FROM jobs WHERE queue = 'q' AND started_at > $1`, answered).Scan(&first))
	t.Logf("the first started %.0f ms after the queue was resumed", float64(first.Sub(resumed).Microseconds())/1000)
	require.Equal(t, before+later, p.count(`SELECT count(*) FROM ledger`), "each effect once")
	require.Equal(t, before+later, p.count(`SELECT count(DISTINCT job) FROM ledger`))
	require.Zero(t, p.count(`SELECT count(*) FROM jobs WHERE attempt <> 1`), "a pause costs no attempt")
}

func TestAQueueThatIsPausedWhileRedisIsDownStaysSoWhenItIsBack(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	mux := queue.NewMux()
	queue.Handle(mux, echo, pay(p.pool))
	queue.Handle(mux, elsewhere, func(context.Context, *queue.Job[note]) (any, error) { return nil, nil })
	e := p.engine(quick)
	p.redis.Kill()
	p.pause(e)
	enqueueMany(p, echo, 10)
	require.NoError(t, p.redis.Start(t.Context()))
	p.worker(e, queue.RunnerConfig{Queues: bothQueues}, mux)
	p.scheduler(e)
	p.eventually(func() bool { return p.client().Exists(t.Context(), "asynq:{q}:paused").Val() == 1 }, "Asynq should be told")
	p.otherQueueGoes(e)
	require.Zero(t, p.count(`SELECT count(*) FROM ledger`))

	// The other way round: it is resumed while Redis is down, and Redis comes back with the old flag.
	require.NoError(t, db.InTx(t.Context(), p.pool, func(tx pgx.Tx) error {
		_, _, err := queue.ResumeTx(t.Context(), tx, "q")
		return err
	}))
	p.eventually(func() bool { return p.count(`SELECT count(*) FROM ledger`) == 10 }, "all should end")
}

func TestAWorkerPutsBackTheJobOfAPausedQueueThatRedisGaveIt(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	mux := queue.NewMux()
	queue.Handle(mux, echo, pay(p.pool))
	e := p.engine(quick)
	job := enqueue(p, echo)
	rdb := p.client()
	p.eventually(func() bool { return rdb.LLen(t.Context(), "asynq:{q}:pending").Val() == 1 }, "the task should be in line")
	require.NoError(t, db.InTx(t.Context(), p.pool, func(tx pgx.Tx) error { // and nobody tells Redis
		_, err := queue.PauseTx(t.Context(), tx, "q", queue.Pauser{Name: "a test"}, "to see")
		return err
	}))
	p.worker(e, queue.RunnerConfig{}, mux)
	p.eventually(func() bool { return p.job(job.ID).DispatchedAt == nil }, "the job should wait in PostgreSQL again")
	back := p.job(job.ID)
	require.Equal(t, queue.Queued, back.State)
	require.Equal(t, job.Epoch+1, back.Epoch)
	require.Zero(t, back.Attempt)
	require.Nil(t, back.StartedAt)
	require.NoError(t, e.Dispatch(t.Context(), "q"))
	require.Nil(t, p.job(job.ID).DispatchedAt)

	p.resume(e)
	require.EqualValues(t, 1, p.await(job.ID, queue.Succeeded).Attempt)
	require.Equal(t, 1, p.count(`SELECT count(*) FROM ledger`))
}

func TestWhatRedisLostOfAPausedQueueIsFoundOnceWhenItIsResumed(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(quick)
	enqueueMany(p, echo, 5)
	rdb := p.client()
	p.eventually(func() bool { return rdb.LLen(t.Context(), "asynq:{q}:pending").Val() == 5 }, "all should be in line")
	p.pause(e)
	p.exec(`UPDATE jobs SET run_at = now() - interval '1 hour', dispatched_at = now() - interval '1 hour'`)
	require.NoError(t, rdb.FlushAll(t.Context()).Err())
	for range 3 {
		n, err := e.FindLost(t.Context())
		require.NoError(t, err)
		require.Zero(t, n)
	}
	require.Equal(t, 5, p.count(`SELECT count(*) FROM jobs WHERE epoch = 1`))
	p.resume(e)
	require.Equal(t, 5, p.count(`SELECT count(*) FROM jobs WHERE epoch = 2`))
	require.EqualValues(t, 5, rdb.LLen(t.Context(), "asynq:{q}:pending").Val())
}

func TestALimitedJobOfAPausedQueueStaysParked(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	one := queue.Kind[note]{Name: "test:one", Queue: "q", PerKey: 1}
	started, end := make(chan struct{}, 2), make(chan struct{}, 2)
	mux := queue.NewMux()
	queue.Handle(mux, one, func(ctx context.Context, job *queue.Job[note]) (any, error) {
		started <- struct{}{}
		<-end
		return nil, payOnce(ctx, p.pool, job)
	})
	e := p.engine(quick)
	p.scheduler(e)
	p.worker(e, queue.RunnerConfig{}, mux)
	first := enqueue(p, one)
	receive(t, started)
	second := enqueue(p, one, queue.By(uuid.New()))
	p.eventually(func() bool { return p.job(second.ID).Parked }, "the second should wait for its limit")
	p.pause(e)
	end <- struct{}{}
	p.await(first.ID, queue.Succeeded)
	require.NoError(t, e.Unpark(t.Context(), one.Name))
	require.True(t, p.job(second.ID).Parked)
	p.resume(e)
	end <- struct{}{}
	p.await(second.ID, queue.Succeeded)
}

func TestAsynqsFlagsSayWhatTheRecordDoes(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(quick)
	p.worker(e, queue.RunnerConfig{}, queue.NewMux())
	require.NoError(t, e.SyncPauses(t.Context())) // nobody enqueued anything, and Asynq knows the queue
	inspector := asynq.NewInspectorFromRedisClient(p.client())
	paused := func() bool {
		info, err := inspector.GetQueueInfo("q")
		require.NoError(t, err)
		return info.Paused
	}
	require.False(t, paused())
	p.pause(e)
	require.True(t, paused())
	p.resume(e)
	require.False(t, paused())
	require.NoError(t, inspector.PauseQueue("q")) // by somebody who went around us
	require.NoError(t, e.SyncPauses(t.Context()))
	require.False(t, paused())
}

func TestAPauseKeepsItsBeginningAndTakesTheNewReason(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(quick)
	p.pause(e)
	was, err := db.New().PauseOfQueue(t.Context(), p.pool, "q")
	require.NoError(t, err)
	require.NoError(t, db.InTx(t.Context(), p.pool, func(tx pgx.Tx) error {
		pause, err := queue.PauseTx(t.Context(), tx, "q", queue.Pauser{Name: "another"}, "for longer")
		require.Equal(t, was.Since, pause.Since)
		require.Equal(t, "another: for longer", pause.ActorName+": "+pause.Reason)
		return err
	}))
	p.resume(e)
	require.NoError(t, db.InTx(t.Context(), p.pool, func(tx pgx.Tx) error {
		_, ok, err := queue.ResumeTx(t.Context(), tx, "q")
		require.False(t, ok)
		return err
	}))
}

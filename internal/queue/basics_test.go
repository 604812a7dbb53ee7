package queue_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

var echo = queue.Kind[note]{Name: "test:echo", Queue: "q", MaxAttempts: 3}

func TestACommittedJobRunsAndItsResultIsOnRecord(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	mux := queue.NewMux()
	queue.Handle(mux, echo, func(_ context.Context, job *queue.Job[note]) (any, error) { return job.Args, nil })
	p.worker(p.engine(quick), queue.RunnerConfig{}, mux)

	job := p.await(enqueue(p, echo).ID, queue.Succeeded)

	require.JSONEq(t, `{"text":"hello"}`, string(job.Result))
	require.EqualValues(t, 1, job.Attempt)
	require.NotNil(t, job.FinishedAt)
}

func TestARolledBackJobNeverRuns(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	mux := queue.NewMux()
	var runs atomic.Int32
	queue.Handle(mux, echo, func(context.Context, *queue.Job[note]) (any, error) { return runs.Add(1), nil })
	e := p.engine(quick)
	p.worker(e, queue.RunnerConfig{}, mux)
	p.scheduler(e)

	var ghost queue.Record
	err := db.InTx(t.Context(), p.pool, func(tx pgx.Tx) (err error) {
		ghost, err = queue.Enqueue(t.Context(), tx, echo, note{"never"})
		require.NoError(t, err)
		return errPlain
	})
	require.ErrorIs(t, err, errPlain)
	p.await(enqueue(p, echo).ID, queue.Succeeded)

	require.EqualValues(t, 1, runs.Load())
	_, err = db.New().JobByID(t.Context(), p.pool, ghost.ID)
	require.ErrorIs(t, err, pgx.ErrNoRows)
}

func TestAJobEnqueuedWhileRedisIsDownRunsWhenItIsBack(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	mux := queue.NewMux()
	queue.Handle(mux, echo, pay(p.pool))
	e := p.engine(quick)
	p.worker(e, queue.RunnerConfig{}, mux)
	p.scheduler(e)
	p.await(enqueue(p, echo).ID, queue.Succeeded)

	require.NoError(t, p.redis.Stop(t.Context()))
	began := time.Now()
	job := enqueue(p, echo)
	require.Less(t, time.Since(began), time.Second, "Redis being down must not hold up the caller")
	require.NoError(t, p.redis.Start(t.Context()))

	p.await(job.ID, queue.Succeeded)
	require.Equal(t, 2, p.count(`SELECT count(*) FROM ledger`))
}

func TestTheErrorsCodeDecidesAboutTheRetry(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	mux := queue.NewMux()
	kinds := map[string]struct {
		kind     queue.Kind[note]
		err      error
		attempts int32
		code     fault.Code
	}{
		"invalid fails at once":       {queue.Kind[note]{Name: "t:invalid", Queue: "q", MaxAttempts: 3}, fault.New(fault.Invalid, "no"), 1, fault.Invalid},
		"not found fails at once":     {queue.Kind[note]{Name: "t:missing", Queue: "q", MaxAttempts: 3}, fault.New(fault.NotFound, "no"), 1, fault.NotFound},
		"forbidden fails at once":     {queue.Kind[note]{Name: "t:forbidden", Queue: "q", MaxAttempts: 3}, fault.New(fault.Forbidden, "no"), 1, fault.Forbidden},
		"unavailable is tried again":  {queue.Kind[note]{Name: "t:down", Queue: "q", MaxAttempts: 3}, fault.New(fault.Unavailable, "no"), 3, fault.Unavailable},
		"something else's end is":     {queue.Kind[note]{Name: "t:cut", Queue: "q", MaxAttempts: 3}, context.Canceled, 3, fault.Unavailable},
		"unclassified is tried again": {queue.Kind[note]{Name: "t:plain", Queue: "q", MaxAttempts: 3}, errPlain, 3, fault.Internal},
	}
	for _, k := range kinds {
		queue.Handle(mux, k.kind, func(context.Context, *queue.Job[note]) (any, error) { return nil, k.err })
	}
	e := p.engine(quick)
	p.worker(e, queue.RunnerConfig{}, mux)
	p.scheduler(e)
	for name, k := range kinds {
		job := p.await(enqueue(p, k.kind).ID, queue.Failed)
		require.Equal(t, k.attempts, job.Attempt, name)
		require.Equal(t, string(k.code), *job.ErrorCode, name)
	}
}

func TestASnoozeIsNotAnAttempt(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	mux := queue.NewMux()
	var calls atomic.Int32
	queue.Handle(mux, echo, func(_ context.Context, job *queue.Job[note]) (any, error) {
		if calls.Add(1) < 5 {
			return nil, queue.Snooze(0)
		}
		return job.Attempt(), nil
	})
	e := p.engine(quick)
	p.worker(e, queue.RunnerConfig{}, mux)
	p.scheduler(e)
	job := p.await(enqueue(p, echo).ID, queue.Succeeded)
	require.EqualValues(t, 5, calls.Load())
	require.EqualValues(t, 1, job.Attempt)
}

func TestAPanicFailsTheJobAndNotTheWorker(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	mux := queue.NewMux()
	queue.Handle(mux, echo, func(_ context.Context, job *queue.Job[note]) (any, error) {
		if job.Record().LimitKey == "bad" {
			panic("broken decoder")
		}
		return nil, nil
	})
	e := p.engine(quick)
	p.worker(e, queue.RunnerConfig{}, mux)
	bad := p.await(enqueue(p, echo, queue.LimitKey("bad")).ID, queue.Failed)
	require.Equal(t, string(queue.Panicked), *bad.ErrorCode)
	p.await(enqueue(p, echo).ID, queue.Succeeded)
}

func TestADelayedJobWaitsForItsTime(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	mux := queue.NewMux()
	queue.Handle(mux, echo, func(context.Context, *queue.Job[note]) (any, error) { return nil, nil })
	e := p.engine(quick)
	p.worker(e, queue.RunnerConfig{}, mux)
	p.scheduler(e)
	at := time.Now().Add(time.Second)
	job := p.await(enqueue(p, echo, queue.At(at)).ID, queue.Succeeded)
	require.False(t, job.StartedAt.Before(at.Truncate(time.Microsecond)), "started %s before its time", at.Sub(*job.StartedAt))
}

func TestAUniqueJobIsEnqueuedOnceWhileUnfinished(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	release := make(chan struct{})
	mux := queue.NewMux()
	queue.Handle(mux, echo, func(ctx context.Context, _ *queue.Job[note]) (any, error) {
		select {
		case <-release:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	p.worker(p.engine(quick), queue.RunnerConfig{}, mux)
	first := enqueue(p, echo, queue.Unique("only"))
	second := enqueue(p, echo, queue.Unique("only"))
	require.False(t, first.Existing)
	require.True(t, second.Existing)
	require.Equal(t, first.ID, second.ID)
	close(release)
	p.await(first.ID, queue.Succeeded)
	third := enqueue(p, echo, queue.Unique("only"))
	require.False(t, third.Existing)
}

func TestAKindIsMatchedExactly(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	mux := queue.NewMux()
	queue.Handle(mux, queue.Kind[note]{Name: "file:scan", Queue: "q"}, func(context.Context, *queue.Job[note]) (any, error) {
		return nil, errors.New("the wrong handler")
	})
	longer := queue.Kind[note]{Name: "file:scan_all", Queue: "q"}
	queue.Handle(mux, longer, func(context.Context, *queue.Job[note]) (any, error) { return "right", nil })
	p.worker(p.engine(quick), queue.RunnerConfig{}, mux)
	job := p.await(enqueue(p, longer).ID, queue.Succeeded)
	var said string
	require.NoError(t, json.Unmarshal(job.Result, &said))
	require.Equal(t, "right", said)
}

func TestNobodySeesOrTouchesAnotherOwnersJob(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(quick)
	mine, other := uuid.New(), uuid.New()
	job := enqueue(p, echo, queue.By(mine))
	_, err := e.Get(t.Context(), job.ID, other)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	_, err = e.Cancel(t.Context(), job.ID, other)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	_, err = e.Rerun(t.Context(), job.ID, other)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	got, err := e.Get(t.Context(), job.ID, mine)
	require.NoError(t, err)
	require.Equal(t, queue.Queued, got.State)
}

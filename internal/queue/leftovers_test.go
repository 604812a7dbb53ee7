package queue_test

import (
	"context"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

// bounded are the keys of Asynq that stay for ever and don't grow: names of queues and workers, counters, and the archive
// with its tasks, which SweepArchive empties. Everything else has to run out by itself.
var bounded = regexp.MustCompile(`^asynq:(queues|servers|workers|\{q\}:(processed|failed|archived|t:[^:]+:\d+))$`)

func TestEndedJobsLeaveNothingInRedisThatStaysForEver(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	mux := queue.NewMux()
	queue.Handle(mux, echo, func(ctx context.Context, job *queue.Job[note]) (any, error) {
		if job.Attempt() == 1 {
			return nil, fault.New(fault.Unavailable, "later")
		}
		return nil, job.Progress(ctx, note{"half"})
	})
	bad, long := queue.Kind[note]{Name: "test:bad", Queue: "q"}, queue.Kind[note]{Name: "test:long", Queue: "q"}
	queue.Handle(mux, bad, func(context.Context, *queue.Job[note]) (any, error) {
		return nil, fault.New(fault.Invalid, "never")
	})
	queue.Handle(mux, long, func(ctx context.Context, _ *queue.Job[note]) (any, error) { <-ctx.Done(); return nil, ctx.Err() })
	e := p.engine(quick)
	p.worker(e, queue.RunnerConfig{}, mux)
	by := queue.By(uuid.New())
	succeeded, failed, running, delayed := enqueue(p, echo, by), enqueue(p, bad, by), enqueue(p, long, by),
		enqueue(p, echo, by, queue.At(time.Now().Add(time.Hour)))
	p.await(succeeded.ID, queue.Succeeded)
	p.await(failed.ID, queue.Failed)
	p.await(running.ID, queue.Running)
	for _, job := range []queue.Record{running, delayed} {
		_, err := e.Cancel(t.Context(), job.ID, job.Owner)
		require.NoError(t, err)
	}
	rdb := p.client()
	p.eventually(func() bool { return rdb.ZCard(p.t.Context(), "asynq:{q}:archived").Val() == 1 }, "one is archived")
	p.eventually(func() bool { return rdb.LLen(p.t.Context(), "asynq:{q}:active").Val() == 0 }, "none is active")

	left := func() (tasks int) {
		keys, err := rdb.Keys(t.Context(), "*").Result()
		require.NoError(t, err)
		for _, key := range keys {
			if rdb.TTL(t.Context(), key).Val() < 0 {
				require.Regexp(t, bounded, key, "it never runs out")
			}
			if regexp.MustCompile(`:t:`).MatchString(key) {
				tasks++
			}
		}
		return tasks
	}
	require.Equal(t, 1, left(), "only the failed one has a task left")
	n, err := e.SweepArchive(t.Context(), time.Hour, false)
	require.NoError(t, err)
	require.Zero(t, n, "it is too young")
	n, err = e.SweepArchive(t.Context(), -time.Hour, true)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Equal(t, 1, left(), "a dry run removes nothing")
	n, err = e.SweepArchive(t.Context(), -time.Hour, false)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Zero(t, left())
}

// More than Asynq itself can trim: it would stop removing anything.
func TestALargeArchiveIsSweptBeforeItIsTooMuchForAsynq(t *testing.T) {
	t.Parallel()
	const many = 9000
	p := newPlace(t)
	rdb := p.client()
	fill := rdb.Pipeline()
	old := float64(time.Now().AddDate(0, 0, -91).Unix())
	for i := range many {
		fill.ZAdd(t.Context(), "asynq:{q}:archived", redis.Z{Score: old, Member: fmt.Sprint("old", i)})
		fill.HSet(t.Context(), fmt.Sprint("asynq:{q}:t:old", i), "msg", "", "state", "archived")
	}
	fill.SAdd(t.Context(), "asynq:queues", "q")
	_, err := fill.Exec(t.Context())
	require.NoError(t, err)
	e := p.engine(quick)
	n, err := e.SweepArchive(t.Context(), 7*24*time.Hour, false)
	require.NoError(t, err)
	require.EqualValues(t, many, n)

	mux := queue.NewMux()
	queue.Handle(mux, echo, func(context.Context, *queue.Job[note]) (any, error) {
		return nil, fault.New(fault.Invalid, "never")
	})
	p.worker(e, queue.RunnerConfig{}, mux)
	p.await(enqueue(p, echo).ID, queue.Failed)
	p.eventually(func() bool { return rdb.ZCard(p.t.Context(), "asynq:{q}:archived").Val() == 1 }, "Asynq archives as ever")
	keys, err := rdb.Keys(t.Context(), "asynq:{q}:t:*").Result()
	require.NoError(t, err)
	require.Len(t, keys, 1)
}

package queue_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/queue"
)

func TestTheLoadOfAQueueIsWhatWorkersCouldDoAbout(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(quick)
	// Given jobs that ended, one that runs and one that its limit keeps
	end := make(chan struct{})
	mux := queue.NewMux()
	queue.Handle(mux, echo, func(context.Context, *queue.Job[note]) (any, error) { <-end; return nil, nil })
	p.exec(`INSERT INTO jobs (id, kind, queue, args, max_attempts, owner, state, created_at, started_at, finished_at)
		SELECT ('01900000-0000-7000-8000-00000000000' || n)::uuid, 'k', 'q', '{}', 1, gen_random_uuid(), 'succeeded', now(),
			now() - n * interval '1 second', now() FROM unnest(ARRAY[1, 3]) n`)
	p.exec(`INSERT INTO jobs (id, kind, queue, args, max_attempts, owner, parked) VALUES
		('01900000-0000-7000-8000-000000000009', 'k', 'q', '{}', 1, gen_random_uuid(), true)`)
	running := enqueue(p, echo).ID
	runner := p.worker(e, queue.RunnerConfig{Queues: map[string]int{"q": 1}, Concurrency: 1}, mux)
	p.await(running, queue.Running)
	// and some that wait, one of them for longer than the others, and one that is not due
	enqueueMany(p, echo, 5)
	enqueueMany(p, echo, 1, queue.At(time.Now().Add(time.Hour)))
	p.exec(`UPDATE jobs SET run_at = now() - interval '1 minute' WHERE id = (SELECT id FROM jobs WHERE queue = 'q'
		AND state = 'queued' AND NOT parked AND run_at < now() LIMIT 1)`)
	// Then its load is told
	loads, err := e.Loads(t.Context(), []string{"other", "q"})
	require.NoError(t, err)
	require.Equal(t, queue.Load{Queue: "other"}, loads[0])
	q := loads[1]
	require.EqualValues(t, 5, q.Waiting)
	require.EqualValues(t, 1, q.Running)
	require.InDelta(t, 60, q.Oldest.Seconds(), 10)
	require.Equal(t, 2*time.Second, q.Run)
	require.InDelta(t, 6.0/60, q.Arrivals, 0.001, "the five and the one that runs; the others' ids are of long ago")
	require.False(t, q.Paused)
	p.pause(e)
	loads, err = e.Loads(t.Context(), []string{"q"})
	require.NoError(t, err)
	require.True(t, loads[0].Paused)
	close(end)
	require.NoError(t, runner.Stop(context.Background()))
}

package queue_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/queue"
)

// inLine are the jobs of the queue "q" in Redis, the next one first.
func (p *place) inLine() []uuid.UUID {
	p.t.Helper()
	tasks, err := p.client().LRange(p.t.Context(), "asynq:{q}:pending", 0, -1).Result()
	require.NoError(p.t, err)
	slices.Reverse(tasks)
	ids := make([]uuid.UUID, len(tasks))
	for i, task := range tasks {
		id, _, _ := strings.Cut(task, ":")
		ids[i] = uuid.MustParse(id)
	}
	return ids
}

func TestNewcomersGetTheirTurnInAFullLine(t *testing.T) {
	t.Parallel()
	inBothWays(t, func(t *testing.T, cfg queue.Config) {
		p := newPlace(t)
		e := p.engine(cfg)
		p.force(1)
		enqueueMany(p, echo, 200, queue.By(uuid.New()))
		p.eventually(func() bool { return len(p.inLine()) == 64 }, "the line should be full")
		p.exec(`UPDATE jobs SET state = 'running', worker_id = (SELECT id FROM workers) WHERE id = $1`, p.inLine()[63])
		one, other := uuid.New(), uuid.New()
		var of [2]uuid.UUID // their first jobs
		of[0] = enqueue(p, echo, queue.By(one)).ID
		p.eventually(func() bool { return slices.Contains(p.inLine(), of[0]) }, "it should get in")
		enqueueMany(p, echo, 5, queue.By(one)) // these have to wait: one of theirs is in line already
		of[1] = enqueue(p, echo, queue.By(other)).ID
		p.eventually(func() bool { return slices.Contains(p.inLine(), of[1]) }, "it should get in")

		line := p.inLine()
		require.Equal(t, of[:], line[1:3], "behind one of whoever filled the line, and in the order in which they came")
		require.Len(t, line, 66)
		if cfg.Plain || plain {
			return // those that are handed over one by one overtake each other
		}
		for at, id := range line[:63] { // the 64th is taken for one that runs
			w := p.waiting(e, id)
			require.Equal(t, queue.WaitBacklog, w.Cause)
			require.EqualValues(t, at, w.Line.Ahead, "the place of job %d", at)
		}
	})
}

func TestWhoeverFillsTheLineIsServedInTurnsWithTheOthers(t *testing.T) {
	t.Parallel()
	inBothWays(t, func(t *testing.T, cfg queue.Config) {
		p := newPlace(t)
		e := p.engine(cfg)
		hog, guest := uuid.New(), uuid.New()
		enqueueMany(p, echo, 300, queue.By(hog))
		p.eventually(func() bool { return len(p.inLine()) == 64 }, "the line should be full")
		enqueueMany(p, echo, 10, queue.By(guest))
		p.eventually(func() bool { return len(p.inLine()) == 65 }, "the first should get in")
		var mu sync.Mutex
		var order []uuid.UUID
		mux := queue.NewMux()
		queue.Handle(mux, echo, func(_ context.Context, job *queue.Job[note]) (any, error) {
			mu.Lock()
			defer mu.Unlock()
			order = append(order, job.Owner())
			return nil, nil
		})
		p.worker(e, queue.RunnerConfig{Concurrency: 1}, mux)
		p.eventually(func() bool { return p.count(`SELECT count(*) FROM jobs WHERE state = 'succeeded'`) == 310 }, "all should end")

		var places []int
		for at, owner := range order {
			if owner == guest {
				places = append(places, at)
			}
		}
		t.Logf("the guest's jobs ran as %v", places)
		require.Less(t, places[0], 5, "behind one of the line, and those on their way to the worker")
		require.Less(t, places[9], 64+32, "the others when the line had room again, in turns with those in line")
	})
}

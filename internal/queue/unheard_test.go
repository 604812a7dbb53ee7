package queue_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
)

// told is what a stream has by now, from its beginning.
func (p *place) told(key stream.Key) (types []string) {
	p.t.Helper()
	hub := stream.NewHub(p.client(), stream.Config{}, nil, nil)
	hub.Start(context.WithoutCancel(p.t.Context()))
	defer hub.Stop()
	sub, err := hub.Subscribe(p.t.Context(), key, "")
	require.NoError(p.t, err)
	defer sub.Close()
	there, cancel := context.WithCancel(p.t.Context())
	cancel()
	for {
		event, err := sub.Next(there)
		if err != nil {
			return types
		}
		types = append(types, event.Type)
	}
}

func TestWhatNobodyReadsIsNotKept(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(quick)
	mux := queue.NewMux()
	queue.Handle(mux, echo, pay(p.pool))
	worker := p.worker(e, queue.RunnerConfig{}, mux)
	var last uuid.UUID
	for range 20 {
		last = enqueue(p, echo, queue.By(uuid.New())).ID
	}
	p.eventually(func() bool { return p.count(`SELECT count(*) FROM jobs WHERE state = 'succeeded'`) == 20 }, "all should succeed")
	require.NoError(t, worker.Stop(t.Context()))
	e.Stop()
	keys, err := p.client().Keys(t.Context(), "rohrpost:stream:*").Result()
	require.NoError(t, err)
	require.Empty(t, keys)
	require.Empty(t, p.told(stream.Job(last)))
}

func TestAGoroutineThatAHandlerLeftBehindBeginsNoLog(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(quick)
	mux := queue.NewMux()
	left := make(chan *queue.Job[note], 1)
	var tokens *stream.TokenWriter
	queue.Handle(mux, echo, func(_ context.Context, job *queue.Job[note]) (any, error) {
		tokens = job.Tokens()
		left <- job
		return "done", nil
	})
	worker := p.worker(e, queue.RunnerConfig{}, mux)
	job := enqueue(p, echo, queue.By(uuid.New()))
	p.await(job.ID, queue.Succeeded)
	require.NoError(t, worker.Stop(t.Context()))
	e.Stop()
	require.NoError(t, p.client().FlushAll(t.Context()).Err())

	run := <-left
	require.ErrorIs(t, run.Event(t.Context(), "late", note{"too late"}), queue.ErrLost)
	require.ErrorIs(t, run.EventOnce(t.Context(), "once", "late", note{"too late"}), queue.ErrLost)
	tokens.Write("too late")
	require.ErrorIs(t, tokens.Close(t.Context()), stream.ErrEnded)
	late := run.Tokens()
	late.Write("too late")
	require.ErrorIs(t, late.Close(t.Context()), stream.ErrEnded)
	keys, err := p.client().Keys(t.Context(), "rohrpost:stream:*").Result()
	require.NoError(t, err)
	require.Empty(t, keys)
}

func TestAJobThatTellsMoreThanItsStateIsToldWhole(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(quick)
	mux := queue.NewMux()
	queue.Handle(mux, echo, func(ctx context.Context, job *queue.Job[note]) (any, error) {
		for range 2 {
			if err := job.Progress(ctx, map[string]int{"done": 1}); err != nil {
				return nil, err
			}
		}
		return "done", nil
	})
	worker := p.worker(e, queue.RunnerConfig{}, mux)
	owner := uuid.New()
	job := enqueue(p, echo, queue.By(owner))
	p.await(job.ID, queue.Succeeded) // to look into the streams would be to read them
	require.NoError(t, worker.Stop(t.Context()))
	e.Stop()
	whole := []string{"state", "progress", "progress", "state", "result"}
	require.Equal(t, whole, p.told(stream.Job(job.ID)), "running, and then all")
	require.Equal(t, whole[1:], p.told(stream.User(owner)), "from when there was more than the record has")
}

func TestALaterRunIsToldWhoeverReads(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(quick)
	owner := uuid.New()
	job := enqueue(p, echo, queue.By(owner), queue.At(time.Now().Add(time.Hour)))
	_, err := e.Cancel(t.Context(), job.ID, owner)
	require.NoError(t, err)
	require.Equal(t, []string{"state", "error"}, p.told(stream.Job(job.ID)), "a run may not know of it")
	_, err = e.Rerun(t.Context(), job.ID, owner)
	require.NoError(t, err)
	p.eventually(func() bool { return len(p.told(stream.Job(job.ID))) == 1 }, "it should be in line again")
}

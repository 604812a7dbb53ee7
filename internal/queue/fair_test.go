package queue_test

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
)

// most notes the highest value that a counter had.
type most struct{ now, top atomic.Int32 }

func (m *most) up() {
	n := m.now.Add(1)
	for {
		top := m.top.Load()
		if n <= top || m.top.CompareAndSwap(top, n) {
			return
		}
	}
}

func (m *most) down() { m.now.Add(-1) }

func TestAnotherUsersJobIsNotBehindABacklog(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(quick)
	hog, guest := uuid.New(), uuid.New()
	enqueueMany(p, echo, 2000, queue.By(hog))
	job := enqueue(p, echo, queue.By(guest))
	mux := queue.NewMux()
	var before atomic.Int32
	position := make(chan int32, 1)
	queue.Handle(mux, echo, func(_ context.Context, job *queue.Job[note]) (any, error) {
		n := before.Add(1)
		if job.Owner() == guest {
			position <- n
		}
		return nil, nil
	})
	p.scheduler(e)
	p.worker(e, queue.RunnerConfig{Concurrency: 4}, mux)
	at := receive(t, position)
	require.Less(t, at, int32(200), "the guest's job ran as number %d of 2001", at)
	p.await(job.ID, queue.Succeeded)
}

func TestABoundPerOwnerAndPerKeyHoldsAndNobodyStarves(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind queue.Kind[note]
		opts []queue.Option
	}{
		"per owner":           {queue.Kind[note]{Name: "test:owner", Queue: "q", PerOwner: 2}, nil},
		"per key":             {queue.Kind[note]{Name: "test:key", Queue: "q", PerKey: 2}, []queue.Option{queue.LimitKey("model")}},
		"per key, configured": {queue.Kind[note]{Name: "test:conf", Queue: "q"}, []queue.Option{queue.LimitKey("model"), queue.KeyLimit(2)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			calm := quick
			calm.Lost = patience // nothing gets lost here, and what a busy machine takes its time with isn't
			e := p.engine(calm)
			var running most
			mux := queue.NewMux()
			queue.Handle(mux, c.kind, func(ctx context.Context, job *queue.Job[note]) (any, error) {
				running.up()
				defer running.down()
				_, err := p.pool.Exec(ctx, `INSERT INTO ledger VALUES ($1, 1)`, job.ID())
				return nil, err
			})
			p.scheduler(e)
			p.worker(e, queue.RunnerConfig{Concurrency: 8}, mux)
			p.worker(p.engineOn(p.open(), calm), queue.RunnerConfig{Concurrency: 8}, mux)
			opts := append([]queue.Option{queue.By(uuid.New())}, c.opts...)
			enqueueMany(p, c.kind, 60, opts...)
			p.eventually(func() bool { return p.count(`SELECT count(*) FROM jobs WHERE state = 'succeeded'`) == 60 }, "all jobs should end")
			require.LessOrEqual(t, running.top.Load(), int32(2))
			require.Equal(t, 60, p.count(`SELECT count(*) FROM ledger`))
		})
	}
}

func TestAWorkerServesOnlyItsQueues(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(quick)
	elsewhere := queue.Kind[note]{Name: "test:elsewhere", Queue: "other"}
	mux := queue.NewMux()
	queue.Handle(mux, echo, func(context.Context, *queue.Job[note]) (any, error) { return nil, nil })
	queue.Handle(mux, elsewhere, func(context.Context, *queue.Job[note]) (any, error) { return nil, nil })
	p.scheduler(e)
	p.worker(e, queue.RunnerConfig{}, mux)
	other := enqueue(p, elsewhere)
	p.await(enqueue(p, echo).ID, queue.Succeeded)
	require.Equal(t, queue.Queued, p.job(other.ID).State)
	p.worker(p.engineOn(p.open(), quick), queue.RunnerConfig{Queues: map[string]int{"other": 1}}, mux)
	p.await(other.ID, queue.Succeeded)
}

func TestAJobThatWaitsForItsLimitSaysSo(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	one := queue.Kind[note]{Name: "test:one", Queue: "q", PerKey: 1}
	started, causes := make(chan *queue.Run, 2), make(chan error, 2)
	mux := queue.NewMux()
	queue.Handle(mux, one, untilStopped(started, causes))
	e := p.engine(quick)
	p.worker(e, queue.RunnerConfig{}, mux)
	owner := uuid.New()
	enqueue(p, one, queue.By(owner))
	receive(t, started)
	hub := stream.NewHub(p.client(), stream.Config{}, nil, nil)
	hub.Start(context.WithoutCancel(t.Context()))
	t.Cleanup(hub.Stop)

	second := enqueue(p, one, queue.By(owner))
	sub, err := hub.Subscribe(t.Context(), stream.Job(second.ID), "")
	require.NoError(t, err)
	defer sub.Close()
	var state struct {
		State   string `json:"state"`
		Waiting string `json:"waiting_for"`
	}
	for state.Waiting == "" { // it may have gone to a worker first
		event, err := sub.Next(t.Context())
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(event.Data, &state))
		require.Equal(t, queue.Queued, state.State)
	}
	require.Equal(t, "limit", state.Waiting)
}

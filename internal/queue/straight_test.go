package queue_test

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
)

var (
	straight = queue.Kind[note]{Name: "test:straight", Queue: "q"}
	one      = queue.Kind[note]{Name: "test:one", Queue: "q", PerKey: 1}
)

// idle is an engine that knows that nobody waits in the queue, with a worker of one place. Jobs whose text is "hold" last
// until release is closed. There is no scheduler: what the engine does not hand over by itself stays where it is.
func (p *place) idle(release <-chan struct{}) {
	p.t.Helper()
	e := p.engine(queue.Config{})
	mux := queue.NewMux()
	run := func(ctx context.Context, job *queue.Job[note]) (any, error) {
		if job.Args.Text == "hold" {
			select {
			case <-release:
			case <-ctx.Done():
			}
		}
		return nil, nil
	}
	queue.Handle(mux, straight, run)
	queue.Handle(mux, one, run)
	p.worker(e, queue.RunnerConfig{Concurrency: 1}, mux)
	p.await(enqueue(p, straight).ID, queue.Succeeded)
}

func TestAJobThatStartsAtOnceIsMarkedByItsClaim(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.idle(nil)
	for _, kind := range []queue.Kind[note]{straight, one} {
		// A busy machine may take its time with some of them.
		p.eventually(func() bool {
			job := p.await(enqueue(p, kind).ID, queue.Succeeded)
			require.NotNil(t, job.DispatchedAt, "its task may come back")
			return job.DispatchedAt.Equal(*job.StartedAt)
		}, "no job of %s is written only once before it runs", kind.Name)
	}
}

func TestAJobThatIsNotClaimedSoonIsMarked(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	release := make(chan struct{})
	p.idle(release)
	var held queue.Record
	require.NoError(t, db.InTx(t.Context(), p.pool, func(tx pgx.Tx) (err error) {
		held, err = queue.Enqueue(t.Context(), tx, straight, note{"hold"})
		return err
	}))
	p.await(held.ID, queue.Running)
	next := enqueue(p, straight)
	p.eventually(func() bool { return p.job(next.ID).DispatchedAt != nil }, "nobody says that it is in Redis")
	require.Equal(t, queue.Queued, p.job(next.ID).State)
	close(release)
	p.await(next.ID, queue.Succeeded)
}

func TestAJobOfALimitIsNotForgottenBesideOneThatGoesStraight(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(queue.Config{})
	mux := queue.NewMux()
	queue.Handle(mux, straight, pay(p.pool))
	queue.Handle(mux, one, pay(p.pool))
	p.worker(e, queue.RunnerConfig{Concurrency: 2}, mux)
	p.await(enqueue(p, straight).ID, queue.Succeeded)
	var free, bounded queue.Record
	require.NoError(t, db.InTx(t.Context(), p.pool, func(tx pgx.Tx) (err error) {
		if free, err = queue.Enqueue(t.Context(), tx, straight, note{}); err != nil {
			return err
		}
		bounded, err = queue.Enqueue(t.Context(), tx, one, note{}, queue.LimitKey("model"))
		return err
	}))
	p.await(free.ID, queue.Succeeded)
	p.await(bounded.ID, queue.Succeeded)
}

func TestJobsThatEndDoNotKeepTheDispatcherLooking(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	statements := prometheus.NewPedanticRegistry()
	pool, err := db.Open(t.Context(), db.Config{URL: p.url}.ForCommand(), db.MeasureTo(statements))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	p.pool = pool
	const clients, each = 4, 100
	started := make([]chan struct{}, clients)
	mux := queue.NewMux()
	queue.Handle(mux, straight, func(_ context.Context, job *queue.Job[note]) (any, error) {
		n, err := strconv.Atoi(job.Args.Text)
		if err == nil {
			started[n] <- struct{}{}
		}
		return nil, err
	})
	p.worker(p.engine(queue.Config{}), queue.RunnerConfig{Concurrency: 2 * clients}, mux)
	before, began := looks(t, statements), time.Now()
	var all sync.WaitGroup
	for n := range clients {
		started[n] = make(chan struct{}, 1)
		all.Go(func() {
			for range each {
				err := db.InTx(t.Context(), pool, func(tx pgx.Tx) error {
					_, err := queue.Enqueue(t.Context(), tx, straight, note{strconv.Itoa(n)})
					return err
				})
				if !assert.NoError(t, err) {
					return
				}
				receive(t, started[n])
			}
		})
	}
	all.Wait()
	// One each 50 ms, one for each 32 jobs, and some for a machine that is late.
	most := 2*int(time.Since(began)/(50*time.Millisecond)) + clients*each/32 + 2
	require.LessOrEqual(t, looks(t, statements)-before, most)
}

// looks is how often it was looked who is in line.
func looks(t *testing.T, statements prometheus.Gatherer) (n int) {
	t.Helper()
	families, err := statements.Gather()
	require.NoError(t, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetValue() == "DispatchedByOwner" && m.GetHistogram() != nil {
					n = int(m.GetHistogram().GetSampleCount())
				}
			}
		}
	}
	return n
}

func TestAJobThatWentStraightToAFullLimitIsParkedAndTellsSo(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.engine(queue.Config{})
	release := make(chan struct{})
	began := make(chan struct{}, 2)
	mux := queue.NewMux()
	queue.Handle(mux, one, func(context.Context, *queue.Job[note]) (any, error) {
		began <- struct{}{}
		<-release
		return nil, nil
	})
	p.worker(e, queue.RunnerConfig{Concurrency: 2}, mux)
	enqueue(p, one, queue.LimitKey("model"))
	receive(t, began)
	second := enqueue(p, one, queue.LimitKey("model"))
	p.eventually(func() bool { return p.job(second.ID).Parked }, "it should wait for the first")
	p.eventually(func() bool { return slices.Contains(p.told(stream.Job(second.ID)), stream.TypeState) }, "its reader is not told")
	third := enqueue(p, one, queue.LimitKey("another"))
	receive(t, began)
	close(release)
	p.await(third.ID, queue.Succeeded)
	p.await(second.ID, queue.Succeeded)
}

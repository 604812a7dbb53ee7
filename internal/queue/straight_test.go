package queue_test

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
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

// calm is an engine that knows that nobody waits in the queue, with a worker. There is no scheduler: what the engine does not
// hand over by itself stays where it is.
func (p *place) calm(run queue.HandlerFunc[note]) *queue.Engine {
	p.t.Helper()
	e := p.engine(queue.Config{})
	mux := queue.NewMux()
	queue.Handle(mux, straight, run)
	queue.Handle(mux, one, run)
	p.worker(e, queue.RunnerConfig{Concurrency: 2}, mux)
	p.await(enqueue(p, straight).ID, queue.Succeeded)
	return e
}

func TestWhereNobodyWaitsAJobCountsAsDispatchedFromTheBeginning(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.calm(pay(p.pool))
	for _, kind := range []queue.Kind[note]{straight, one} {
		// A look may be under way, just then.
		p.eventually(func() bool {
			job := p.await(enqueue(p, kind).ID, queue.Succeeded)
			require.NotNil(t, job.DispatchedAt)
			return job.DispatchedAt.Equal(job.CreatedAt)
		}, "no job of %s goes straight", kind.Name)
	}
}

func TestAnEngineThatStopsLeavesNoJobToRedisThatItDidNotHandOver(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.calm(pay(p.pool))
	var rec queue.Record
	require.NoError(t, db.InTx(t.Context(), p.pool, func(tx pgx.Tx) (err error) {
		if rec, err = queue.Enqueue(t.Context(), tx, straight, note{}); err != nil {
			return err
		}
		e.Stop()
		return nil
	}))
	e.Stop()
	job := p.job(rec.ID)
	require.True(t, job.State == queue.Succeeded || job.DispatchedAt == nil, "%+v", job)
	p.scheduler(p.engineOn(p.open(), quick))
	p.await(rec.ID, queue.Succeeded)
}

func TestJobsThatCanNotGoStraightAreNotForgottenBesideOneThatDoes(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.calm(pay(p.pool))
	const limited = 6 // more than go straight
	ids := make([]uuid.UUID, 0, limited+1)
	require.NoError(t, db.InTx(t.Context(), p.pool, func(tx pgx.Tx) error {
		for n := range limited + 1 {
			kind := one
			if n == 0 {
				kind = straight
			}
			rec, err := queue.Enqueue(t.Context(), tx, kind, note{}, queue.LimitKey(strconv.Itoa(n)))
			if err != nil {
				return err
			}
			ids = append(ids, rec.ID)
		}
		return nil
	}))
	for _, id := range ids {
		p.await(id, queue.Succeeded)
	}
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
	looked := looks(t, statements)
	require.Positive(t, looked)
	require.LessOrEqual(t, looked-before, most)
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
	release, began := make(chan struct{}), make(chan struct{}, 3)
	p.calm(func(_ context.Context, job *queue.Job[note]) (any, error) {
		if job.Kind() == one.Name {
			began <- struct{}{}
			<-release
		}
		return nil, nil
	})
	enqueue(p, one, queue.LimitKey("model"))
	receive(t, began)
	// Another process, which knows of nobody that waits. Where its look was still under way, that parks the job.
	var second queue.Record
	p.eventually(func() bool {
		other := &place{t: t, url: p.url, pool: p.open(), redis: p.redis}
		other.engine(queue.Config{})
		other.await(enqueue(other, straight).ID, queue.Succeeded)
		second = enqueue(other, one, queue.LimitKey("model"))
		p.eventually(func() bool { return p.job(second.ID).Parked }, "it should wait for the first")
		return p.job(second.ID).Epoch == 2
	}, "none of them goes to a worker first")
	p.eventually(func() bool { return slices.Contains(p.told(stream.Job(second.ID)), stream.TypeState) }, "its reader is not told")
	third := enqueue(p, one, queue.LimitKey("another"))
	receive(t, began)
	close(release)
	p.await(third.ID, queue.Succeeded)
	p.await(second.ID, queue.Succeeded)
}

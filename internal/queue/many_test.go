package queue_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/queue"
)

func (p *place) enqueueMany(n int, opts ...queue.Option) (ids []uuid.UUID, err error) {
	p.t.Helper()
	notes := make([]note, n)
	for i := range notes {
		notes[i] = note{uuid.NewString()}
	}
	err = db.InTx(p.t.Context(), p.pool, func(tx pgx.Tx) (err error) {
		ids, err = queue.EnqueueMany(p.t.Context(), tx, echo, notes, opts...)
		return err
	})
	return ids, err
}

func TestManyJobsAreEnqueuedAtOnceAndEachRunsOnce(t *testing.T) {
	t.Parallel()
	inBothWays(t, func(t *testing.T, cfg queue.Config) {
		p := newPlace(t)
		e := p.engine(cfg)
		mux := queue.NewMux()
		queue.Handle(mux, echo, pay(p.pool))
		for range 3 {
			p.worker(e, queue.RunnerConfig{Concurrency: 8}, mux)
		}
		owner := uuid.New()
		ids, err := p.enqueueMany(400, queue.By(owner))
		require.NoError(t, err)
		require.Len(t, ids, 400)
		p.eventually(func() bool {
			return p.count(`SELECT count(*) FROM jobs WHERE state = 'succeeded' AND owner = $1`, owner) == len(ids)
		}, "all should succeed")
		require.Equal(t, 400, p.count(`SELECT count(DISTINCT job) FROM ledger`))
		require.Equal(t, 400, p.count(`SELECT count(*) FROM ledger`))
		require.Equal(t, 400, p.count(`SELECT count(*) FROM jobs WHERE attempt = 1 AND epoch = 1 AND crashes = 0`))
	})
}

func TestManyJobsThatAreRolledBackOrUniqueAreNotThere(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	broken := errors.New("broken")
	err := db.InTx(t.Context(), p.pool, func(tx pgx.Tx) error {
		if _, err := queue.EnqueueMany(t.Context(), tx, echo, make([]note, 10)); err != nil {
			return err
		}
		return broken
	})
	require.ErrorIs(t, err, broken)
	_, err = p.enqueueMany(10, queue.Unique("k"))
	require.ErrorContains(t, err, "unique")
	require.Zero(t, p.count(`SELECT count(*) FROM jobs`))

	later := time.Now().Add(time.Hour).Truncate(time.Microsecond)
	ids, err := p.enqueueMany(3, queue.At(later))
	require.NoError(t, err)
	require.True(t, later.Equal(p.job(ids[2]).RunAt))
}

// One of those that are settled together has a result that PostgreSQL does not take.
func TestAResultThatCanNotBeStoredFailsItsOwnJobOnly(t *testing.T) {
	t.Parallel()
	inBothWays(t, func(t *testing.T, cfg queue.Config) {
		p := newPlace(t)
		e := p.engine(cfg)
		mux := queue.NewMux()
		all, let := make(chan struct{}, 8), make(chan struct{})
		queue.Handle(mux, echo, func(_ context.Context, job *queue.Job[note]) (any, error) {
			all <- struct{}{}
			<-let
			if job.Args.Text == "bad" {
				return "\x00", nil
			}
			return "good", nil
		})
		p.worker(e, queue.RunnerConfig{Concurrency: 8}, mux)
		var bad uuid.UUID
		require.NoError(t, db.InTx(t.Context(), p.pool, func(tx pgx.Tx) error {
			ids, err := queue.EnqueueMany(t.Context(), tx, echo, []note{{"1"}, {"2"}, {"3"}, {"bad"}, {"5"}, {"6"}, {"7"}, {"8"}})
			if err == nil {
				bad = ids[3]
			}
			return err
		}))
		for range 8 {
			receive(t, all)
		}
		close(let)
		p.await(bad, queue.Failed)
		p.eventually(func() bool { return p.count(`SELECT count(*) FROM jobs WHERE state = 'succeeded'`) == 7 }, "the others")
	})
}

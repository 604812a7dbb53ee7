package queue_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/queue"
)

func TestAJobThatIsOnlyWrittenRunsOnceItIsCommitted(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	mux := queue.NewMux()
	queue.Handle(mux, echo, func(_ context.Context, job *queue.Job[note]) (any, error) { return job.Args, nil })
	p.worker(p.engine(quick), queue.RunnerConfig{}, mux)

	var dropped db.Writes
	ghost, err := queue.EnqueueWith(t.Context(), &dropped, echo, note{"never"})
	require.NoError(t, err)
	var known db.Job
	require.NoError(t, db.AtOnce(t.Context(), p.pool, func(w *db.Writes) (err error) {
		known, err = queue.EnqueueWith(t.Context(), w, echo, note{"hello"}, queue.LimitKey("k"), queue.KeyLimit(2))
		return err
	}))
	job := p.await(known.ID, queue.Succeeded)
	require.JSONEq(t, `{"text":"hello"}`, string(job.Result))
	require.Equal(t, queue.Queued, known.State)
	for _, same := range [][2]any{
		{job.Kind, known.Kind}, {job.Queue, known.Queue}, {job.Owner, known.Owner}, {job.Epoch, known.Epoch},
		{job.MaxAttempts, known.MaxAttempts}, {job.LimitKey, known.LimitKey}, {job.KeyLimit, known.KeyLimit},
	} {
		require.Equal(t, same[0], same[1])
	}
	_, err = db.New().JobByID(t.Context(), p.pool, ghost.ID)
	require.ErrorIs(t, err, pgx.ErrNoRows)
}

func TestAUniqueJobCanNotBeOnlyWritten(t *testing.T) {
	t.Parallel()
	_, err := queue.EnqueueWith(t.Context(), &db.Writes{}, echo, note{}, queue.Unique("k"))
	require.ErrorContains(t, err, "use Enqueue")
}

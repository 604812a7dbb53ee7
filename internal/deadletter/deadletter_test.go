package deadletter_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/audit"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

func TestDeadLettersAreGroupedByCauseAndSearched(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	away := h.dead(3, letters, "unavailable", "The scanner at 10.0.0.1 can't be reached.")
	poison := h.dead(1, letters, "poison", "It kills 100% of its workers.")
	other := h.dead(2, others, "unavailable", "The model server can't be reached.")
	h.exec(`UPDATE jobs SET finished_at = now() - interval '1 day' WHERE id = $1`, away[0])
	h.exec(`UPDATE jobs SET error_message = 'The Scanner is slow.' WHERE id = $1`, away[2])
	h.exec(`UPDATE jobs SET finished_at = now() WHERE id = $1`, poison[0])
	h.exec(`UPDATE jobs SET discarded_at = now() WHERE id = $1`, other[0])
	h.exec(`UPDATE jobs SET finished_at = now() - interval '2 minutes' WHERE id = $1`, other[1])

	groups, err := h.Groups(t.Context(), tasks.DeadLetters{})
	require.NoError(t, err)
	require.Len(t, groups, 3)
	require.Equal(t, "poison", groups[0].Code, "the latest to fail first")
	g := groups[1]
	require.Equal(t, letters.Name, g.Kind)
	require.EqualValues(t, 3, g.Count)
	require.Equal(t, "The Scanner is slow.", g.Message)
	require.Equal(t, away[2], g.JobID)
	require.WithinDuration(t, g.Last.Add(-24*time.Hour), g.First, 2*time.Minute)
	require.EqualValues(t, 1, groups[2].Count, "a discarded one is none")

	list := func(f tasks.DeadLetters) (ids []uuid.UUID) {
		jobs, err := h.List(t.Context(), f, uuid.Nil, 10)
		require.NoError(t, err)
		for _, job := range jobs {
			ids = append(ids, job.ID)
		}
		return ids
	}
	hourAgo := time.Now().Add(-time.Hour)
	require.Equal(t, []uuid.UUID{away[2], away[1], away[0]}, list(tasks.DeadLetters{Kind: letters.Name, Code: "unavailable"}))
	require.Equal(t, []uuid.UUID{away[2], away[1], away[0]}, list(tasks.DeadLetters{Q: "SCANNER"}))
	require.Equal(t, poison, list(tasks.DeadLetters{Q: "100%"}), "no wildcards")
	require.Empty(t, list(tasks.DeadLetters{Q: "scanner_at"}))
	require.Equal(t, []uuid.UUID{away[0]}, list(tasks.DeadLetters{Until: &hourAgo}))
	require.Equal(t, []uuid.UUID{away[2], away[1]}, list(tasks.DeadLetters{Code: "unavailable", Kind: letters.Name, Since: &hourAgo}))
	page, err := h.List(t.Context(), tasks.DeadLetters{Kind: letters.Name}, away[2], 1)
	require.NoError(t, err)
	require.Equal(t, away[1], page[0].ID)
}

func TestARetryIsCountedAskedForAndDoneOnceForEachThatHadFailed(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	ids := h.dead(25, letters, "unavailable", "Away.")
	h.dead(2, letters, "poison", "No.")
	h.dead(2, others, "unavailable", "Away.")
	discarded := h.dead(1, letters, "unavailable", "Away.")
	h.exec(`UPDATE jobs SET discarded_at = now() WHERE id = $1`, discarded[0])
	// The successor of one that was unique is unfinished.
	h.exec(`UPDATE jobs SET unique_key = 'only' WHERE id = $1`, ids[7])
	h.exec(`INSERT INTO jobs (id, kind, queue, args, max_attempts, owner, unique_key, run_at)
		VALUES (gen_random_uuid(), $1, 'q', '{}', 1, gen_random_uuid(), 'only', now() + interval '1 hour')`, letters.Name)
	which := tasks.DeadLetters{Kind: letters.Name, Code: "unavailable"}
	n, err := h.Count(t.Context(), which)
	require.NoError(t, err)
	require.EqualValues(t, 25, n)
	require.Zero(t, h.count(`SELECT count(*) FROM reruns`), "a dry run changes nothing")

	h.worker(broken) // all of them fail again, at once
	done := h.result(h.retry(which, 1000))

	require.EqualValues(t, 25, done.Of)
	require.EqualValues(t, 24, done.Retried)
	require.EqualValues(t, 1, done.Skipped)
	require.Equal(t, 24, h.count(`SELECT count(*) FROM reruns`), "none is tried in a circle")
	require.Equal(t, 24, h.count(`SELECT count(DISTINCT job) FROM reruns`))
	require.Eventually(t, func() bool {
		return h.count(`SELECT count(*) FROM jobs WHERE state = 'failed' AND error_message = 'Still broken.'`) == 24
	}, patience, 10*time.Millisecond)
	require.Equal(t, queue.Failed, h.job(ids[7]).State)
	require.NotNil(t, h.job(discarded[0]).DiscardedAt)

	entries, err := audit.List(t.Context(), h.pool, audit.Filter{Limit: 5})
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, "deadletter.retry", entries[0].Action)
	require.Equal(t, "test:letter unavailable", entries[0].Target)
	require.Contains(t, string(entries[0].Detail), `"found": 25`)
}

func TestARetryIsNotFasterThanItsRate(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.dead(21, letters, "unavailable", "Away.")
	h.worker(fine)
	id := h.retry(tasks.DeadLetters{Kind: letters.Name}, 50)
	require.EqualValues(t, 21, h.result(id).Retried)
	job := h.job(id)
	require.GreaterOrEqual(t, job.FinishedAt.Sub(*job.StartedAt), 400*time.Millisecond, "a fifth of a second after each ten")
}

func TestASlowRetryGoesOnWhereItWasWhenItsWorkerStops(t *testing.T) {
	t.Parallel()
	var h *house
	const all = 40
	stop, seen := make(chan struct{}), atomic.Int32{}
	h = open(t, func(context.Context, pgx.Tx, db.Job) error {
		if seen.Add(1) == 10 {
			close(stop)
		}
		return nil
	})
	h.dead(all, letters, "unavailable", "Away.")
	first := h.worker(fine)
	id := h.retry(tasks.DeadLetters{Kind: letters.Name}, 20)
	<-stop
	require.NoError(t, first.Stop(t.Context()))
	require.Equal(t, queue.Queued, h.job(id).State)
	require.Less(t, h.count(`SELECT count(*) FROM reruns`), all)

	h.exec(`UPDATE jobs SET args = jsonb_set(args, '{rate}', '1000') WHERE id = $1`, id)
	h.worker(fine)
	done := h.result(id)
	require.EqualValues(t, all, done.Of)
	require.EqualValues(t, all, done.Retried)
	require.Zero(t, done.Skipped)
	require.Equal(t, all, h.count(`SELECT count(*) FROM reruns`))
	require.EqualValues(t, 1, h.job(id).Attempt)
}

// The worker is taken for dead in the middle of a batch, and another one has the job: what the first did of that batch is
// undone, and the other does it.
func TestABatchOfAWorkerThatLostTheJobIsUndone(t *testing.T) {
	t.Parallel()
	var h *house
	inBatch, goOn, seen := make(chan struct{}), make(chan struct{}), atomic.Int32{}
	h = open(t, func(context.Context, pgx.Tx, db.Job) error {
		if seen.Add(1) == 7 {
			close(inBatch)
			<-goOn
		}
		return nil
	})
	const all = 30
	h.dead(all, letters, "unavailable", "Away.")
	h.worker(fine)
	id := h.retry(tasks.DeadLetters{Kind: letters.Name}, 50)
	<-inBatch
	epoch := h.job(id).Epoch
	h.exec(`UPDATE jobs SET state = 'queued', epoch = epoch + 1, attempt = attempt - 1, worker_id = NULL, dispatched_at = NULL
		WHERE id = $1`, id)
	require.NoError(t, h.engine.Dispatch(t.Context(), tasks.Maintenance))
	require.Eventually(t, func() bool { return h.job(id).State == queue.Running }, patience, 10*time.Millisecond)
	close(goOn)

	done := h.result(id)
	require.Greater(t, h.job(id).Epoch, epoch)
	require.EqualValues(t, all, done.Of)
	require.EqualValues(t, all, done.Retried+done.Skipped)
	require.EqualValues(t, all, done.Retried)
	require.Equal(t, all, h.count(`SELECT count(*) FROM reruns`))
	require.Equal(t, all, h.count(`SELECT count(DISTINCT job) FROM reruns`))
}

func TestAHookThatIsBrokenForAWhileHoldsUpTheRetryAndALastingRefusalSkips(t *testing.T) {
	t.Parallel()
	var h *house
	var away atomic.Bool
	away.Store(true)
	var odd uuid.UUID
	h = open(t, func(_ context.Context, _ pgx.Tx, job db.Job) error {
		switch {
		case job.ID == odd:
			return fault.New(fault.Conflict, "Its file is gone.")
		case away.Swap(false):
			return fault.New(fault.Unavailable, "Something is away.")
		}
		return nil
	})
	ids := h.dead(5, letters, "unavailable", "Away.")
	odd = ids[2]
	h.worker(fine)
	done := h.result(h.retry(tasks.DeadLetters{Kind: letters.Name}, 1000))
	require.EqualValues(t, 4, done.Retried)
	require.EqualValues(t, 1, done.Skipped)
	require.Equal(t, 4, h.count(`SELECT count(*) FROM reruns`), "what the hooks of the skipped one did is undone")
	require.Equal(t, queue.Failed, h.job(odd).State)
}

func TestDiscardedOnesStayOnRecordAndCanBeRunAgainByTheirOwner(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	ids := h.dead(1200, letters, "invalid", "No.") // more than two batches
	kept := h.dead(1, letters, "unavailable", "Away.")
	var bulk uuid.UUID
	require.NoError(t, db.InTx(t.Context(), h.pool, func(tx pgx.Tx) error {
		job, err := h.AskDiscard(t.Context(), tx, somehow, tasks.DeadLetters{Code: "invalid"})
		bulk = job.ID
		return err
	}))
	h.worker(fine)
	done := h.result(bulk)
	require.EqualValues(t, 1200, done.Discarded)
	require.Zero(t, done.Skipped)
	require.Equal(t, 1200, h.count(`SELECT count(*) FROM jobs WHERE state = 'failed' AND discarded_at IS NOT NULL`))
	require.Nil(t, h.job(kept[0]).DiscardedAt)
	n, err := h.Count(t.Context(), tasks.DeadLetters{Kind: letters.Name})
	require.NoError(t, err)
	require.EqualValues(t, 1, n)

	again, err := h.engine.Rerun(t.Context(), ids[0], h.job(ids[0]).Owner)
	require.NoError(t, err)
	require.Nil(t, again.DiscardedAt)
	require.Equal(t, queue.Queued, again.State)
}

func TestWhatIsMeantHasToBeSaidAndMakeSense(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	early, late := time.Now(), time.Now().Add(time.Hour)
	for _, f := range []tasks.DeadLetters{
		{}, {Since: &early}, {Q: strings.Repeat("x", 201)}, {Q: "a\x00b"}, {Q: "a\xffb"}, {Kind: "k", Since: &late, Until: &early},
		{IDs: make([]uuid.UUID, 1001)},
	} {
		_, err := h.Count(t.Context(), f)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%+v", f)
		require.Equal(t, fault.Invalid, fault.CodeOf(db.InTx(t.Context(), h.pool, func(tx pgx.Tx) error {
			_, err := h.AskDiscard(t.Context(), tx, somehow, f)
			return err
		})))
	}
	for _, rate := range []int{-1, 1001} {
		require.Equal(t, fault.Invalid, fault.CodeOf(db.InTx(t.Context(), h.pool, func(tx pgx.Tx) error {
			_, err := h.AskRetry(t.Context(), tx, somehow, tasks.DeadLetters{Kind: "k"}, rate)
			return err
		})))
	}
	_, err := h.Groups(t.Context(), tasks.DeadLetters{Q: strings.Repeat("x", 201)})
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	_, err = h.List(t.Context(), tasks.DeadLetters{Q: "a\x00b"}, uuid.Nil, 1)
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	require.Zero(t, h.count(`SELECT count(*) FROM jobs`))
	require.Zero(t, h.count(`SELECT count(*) FROM audit_entries`))
}

package db_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/db/dbtest"
)

// notes is a pool with a table of notes, the commits of which are told.
func notes(t *testing.T) (pool *db.Pool, told func() []any) {
	t.Helper()
	pool = dbtest.New(t)
	_, err := pool.Exec(t.Context(), `CREATE TABLE notes (id int PRIMARY KEY, text text NOT NULL DEFAULT '',
		of int REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED)`)
	require.NoError(t, err)
	var mu sync.Mutex
	var signals []any
	pool.OnCommit(func(more []any) {
		mu.Lock()
		defer mu.Unlock()
		signals = append(signals, more...)
	})
	return pool, func() []any {
		mu.Lock()
		defer mu.Unlock()
		return signals
	}
}

func note(ctx context.Context, x db.DBTX, id int) {
	_, _ = x.Exec(ctx, `INSERT INTO notes (id) VALUES ($1)`, id)
}

func count(t *testing.T, pool *db.Pool) (n int) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM notes`).Scan(&n))
	return n
}

func TestWhatIsWrittenAtOnceIsThereWithItsSignalsOrNotAtAll(t *testing.T) {
	t.Parallel()
	pool, told := notes(t)
	write := func(ids ...int) error {
		return db.AtOnce(t.Context(), pool, func(w *db.Writes) error {
			for _, id := range ids {
				note(t.Context(), w, id)
				w.Signal(id)
			}
			return nil
		})
	}
	require.NoError(t, write(1, 2))
	require.Equal(t, 2, count(t, pool))
	require.Equal(t, []any{1, 2}, told())

	var refused *pgconn.PgError
	require.ErrorAs(t, write(3, 2, 4), &refused)
	require.Equal(t, "notes_pkey", refused.ConstraintName)
	require.Equal(t, 2, count(t, pool))
	require.Equal(t, []any{1, 2}, told())

	require.NoError(t, write())
	gone, leave := context.WithCancel(t.Context())
	leave()
	require.ErrorIs(t, db.AtOnce(gone, pool, func(w *db.Writes) error {
		note(gone, w, 5)
		return nil
	}), context.Canceled)
	require.ErrorContains(t, db.AtOnce(t.Context(), pool, func(w *db.Writes) error {
		note(t.Context(), w, 5)
		return fmt.Errorf("changed my mind")
	}), "changed my mind")
	require.Equal(t, 2, count(t, pool))
}

func TestWhatIsRefusedAtTheCommitIsAnError(t *testing.T) {
	t.Parallel()
	pool, told := notes(t)
	for _, alone := range []bool{false, true} {
		err := db.AtOnce(t.Context(), pool, func(w *db.Writes) error {
			_, err := w.Exec(t.Context(), `INSERT INTO notes (id, of) VALUES (1, 2)`)
			w.Signal("written")
			if alone {
				w.Alone()
			}
			return err
		})
		var refused *pgconn.PgError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "notes_of_fkey", refused.ConstraintName)
	}
	require.Zero(t, count(t, pool))
	require.Empty(t, told())
}

func TestAStatementWhoseResultIsReadIsRefused(t *testing.T) {
	t.Parallel()
	pool, _ := notes(t)
	err := db.AtOnce(t.Context(), pool, func(w *db.Writes) error {
		note(t.Context(), w, 1)
		_, err := db.New().AdminIDs(t.Context(), w)
		return err
	})
	require.ErrorContains(t, err, "needs db.InTx")
	require.ErrorContains(t, (&db.Writes{}).QueryRow(t.Context(), `SELECT 1`).Scan(new(int)), "needs db.InTx")
	require.Zero(t, count(t, pool))
}

// together has some write while the first of them waits for a lock: note n under the n-th id. It returns their errors.
func together(t *testing.T, pool *db.Pool, ids ...int) []error {
	t.Helper()
	holder, err := pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = holder.Exec(t.Context(), `LOCK TABLE notes`)
	require.NoError(t, err)
	errs := make([]error, len(ids))
	var writers sync.WaitGroup
	for i, id := range ids {
		writers.Go(func() {
			errs[i] = db.AtOnce(t.Context(), pool, func(w *db.Writes) error {
				note(t.Context(), w, id)
				w.Signal(id)
				return nil
			})
		})
		if i == 0 {
			require.Eventually(t, func() (waits bool) {
				err := pool.QueryRow(t.Context(),
					`SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'notes'::regclass)`).Scan(&waits)
				return err == nil && waits
			}, 10*time.Second, 10*time.Millisecond)
		}
	}
	require.Eventually(t, func() bool { return pool.WritesWaiting() == len(ids)-1 }, 10*time.Second, 5*time.Millisecond)
	require.NoError(t, holder.Commit(t.Context()))
	writers.Wait()
	return errs
}

func TestThoseWhoWriteAtTheSameTimeShareATransaction(t *testing.T) {
	t.Parallel()
	pool, told := notes(t)
	for _, err := range together(t, pool, 1, 2, 3, 4, 5) {
		require.NoError(t, err)
	}
	require.ElementsMatch(t, []any{1, 2, 3, 4, 5}, told())
	var transactions int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(DISTINCT xmin::text) FROM notes`).Scan(&transactions))
	require.Equal(t, 2, transactions)
	require.Equal(t, 5, count(t, pool))
}

func TestOfThoseWhoShareATransactionOnlyTheOneAtFaultIsRefused(t *testing.T) {
	t.Parallel()
	pool, told := notes(t)
	errs := together(t, pool, 1, 2, 3, 1, 4)
	for i, err := range errs {
		require.Equal(t, i == 3, err != nil, "%d: %v", i, err)
	}
	require.ElementsMatch(t, []any{1, 2, 3, 4}, told())
	require.Equal(t, 4, count(t, pool))
}

func TestOnlyARolledBackTransactionIsWrittenAgain(t *testing.T) {
	t.Parallel()
	require.True(t, db.Undone(fmt.Errorf("write: %w", &pgconn.PgError{SeverityUnlocalized: "ERROR", Code: "23505"})))
	require.False(t, db.Undone(&pgconn.PgError{SeverityUnlocalized: "FATAL", Code: "57P01"}))
	require.False(t, db.Undone(context.DeadlineExceeded))
}

func TestWritesBecomePartOfATransaction(t *testing.T) {
	t.Parallel()
	pool, told := notes(t)
	written := func(end error) error {
		return db.InTx(t.Context(), pool, func(tx pgx.Tx) error {
			var w db.Writes
			note(t.Context(), &w, 1)
			note(t.Context(), &w, 2)
			w.Signal("noted")
			if err := w.In(t.Context(), tx); err != nil {
				return err
			}
			return end
		})
	}
	require.ErrorContains(t, written(fmt.Errorf("no")), "no")
	require.Zero(t, count(t, pool))
	require.Empty(t, told())
	require.NoError(t, written(nil))
	require.Equal(t, 2, count(t, pool))
	require.Equal(t, []any{"noted"}, told())
}

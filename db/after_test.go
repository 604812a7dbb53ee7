package db_test

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
)

// after writes notes and reads a number, in one exchange.
func after(ctx context.Context, pool *db.Pool, sql string, ids ...int) (n int, err error) {
	w := &db.Writes{}
	for _, id := range ids {
		note(ctx, w, id)
	}
	return n, pool.After(w).QueryRow(ctx, sql).Scan(&n)
}

func TestTheLastRowComesWithWhatWasWrittenBeforeOrNothingIs(t *testing.T) {
	t.Parallel()
	pool, _ := notes(t)
	n, err := after(t.Context(), pool, `SELECT count(*) FROM notes`, 1, 2)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	n, err = after(t.Context(), pool, `SELECT 7`)
	require.NoError(t, err)
	require.Equal(t, 7, n)

	// No row is no failure.
	_, err = after(t.Context(), pool, `SELECT id FROM notes WHERE id = 99`, 3)
	require.ErrorIs(t, err, pgx.ErrNoRows)
	require.Equal(t, 3, count(t, pool))

	var refused *pgconn.PgError
	for why, sql := range map[string]string{
		"one of the first":  `SELECT 1`,
		"the last":          `SELECT 1 / (SELECT count(*) - 4 FROM notes)`,
		"the commit":        `INSERT INTO notes (id, of) VALUES (6, 100) RETURNING id`,
		"no row, no commit": `WITH i AS (INSERT INTO notes (id, of) VALUES (6, 100)) SELECT 1 WHERE false`,
	} {
		ids := []int{4}
		if why == "one of the first" {
			ids = []int{5, 1, 7}
		}
		_, err = after(t.Context(), pool, sql, ids...)
		require.ErrorAs(t, err, &refused, why)
		require.Equal(t, 3, count(t, pool), why)
	}
	x := pool.After(&db.Writes{})
	_, err = x.Exec(t.Context(), `SELECT 1`)
	require.Error(t, err)
	_, err = x.Query(t.Context(), `SELECT 1`)
	require.Error(t, err)
	require.Zero(t, pool.Stat().AcquiredConns())
}

func TestTheLastStatementSeesWhatWasCommittedWhileALockWasWaitedFor(t *testing.T) {
	t.Parallel()
	pool, _ := notes(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			w := &db.Writes{}
			_, _ = w.Exec(t.Context(), `SELECT pg_advisory_xact_lock(1)`)
			var id int
			err := pool.After(w).QueryRow(t.Context(),
				`INSERT INTO notes (id) SELECT count(*) FROM notes RETURNING id`).Scan(&id)
			assert.NoError(t, err)
		})
	}
	all.Wait()
	require.Equal(t, 8, count(t, pool))
}

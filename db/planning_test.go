package db_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/db/dbtest"
)

func TestOnlyWhatDependsOnItsValuesIsPlannedAnew(t *testing.T) {
	t.Parallel()
	pool, err := db.Open(t.Context(), db.Config{URL: dbtest.URL(t), MaxConns: 1})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	ask := func(x db.DBTX) {
		_, err := db.New().JobsBefore(t.Context(), x, db.JobsBeforeParams{Before: uuid.Max, PageSize: 10})
		require.NoError(t, err)
		_, err = db.New().JobByID(t.Context(), x, uuid.Nil)
		require.ErrorIs(t, err, pgx.ErrNoRows)
	}
	for range 7 {
		ask(pool)
		require.NoError(t, db.InTx(t.Context(), pool, func(tx pgx.Tx) error {
			ask(tx)
			return nil
		}))
	}
	rows, err := pool.Query(t.Context(), "SELECT statement FROM pg_prepared_statements")
	require.NoError(t, err)
	kept, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	var names []string
	for _, statement := range kept {
		names = append(names, db.StatementName(statement))
	}
	require.Contains(t, names, "JobByID")
	require.NotContains(t, names, "JobsBefore")
}

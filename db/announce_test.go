package db_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/db/dbtest"
)

func TestSubscribersMayChangeWhatIsAboutToBeWritten(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	pool.OnAnnounce(func(plan any) { *plan.(*int)++ })
	pool.OnAnnounce(func(plan any) { *plan.(*int) *= 2 })
	for name, announce := range map[string]func(plan *int) error{
		"a transaction": func(plan *int) error {
			return db.InTx(t.Context(), pool, func(tx pgx.Tx) error {
				db.Announce(tx, plan)
				return nil
			})
		},
		"a part of one": func(plan *int) error {
			return db.InTx(t.Context(), pool, func(tx pgx.Tx) error {
				return db.Savepoint(t.Context(), tx, func(tx pgx.Tx) error {
					db.Announce(tx, plan)
					return nil
				})
			})
		},
		"writes": func(plan *int) error {
			return db.AtOnce(t.Context(), pool, func(w *db.Writes) error {
				w.Announce(plan)
				return nil
			})
		},
	} {
		plan := 1
		require.NoError(t, announce(&plan), name)
		require.Equal(t, 4, plan, name)
	}

	plan := 1
	(&db.Writes{}).Announce(&plan)
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer tx.Rollback(t.Context())
	db.Announce(tx, &plan)
	require.Equal(t, 1, plan, "they have no subscribers")
}

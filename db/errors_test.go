package db_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/db/dbtest"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func TestAStoppedServerIsDownAndABadStatementIsNot(t *testing.T) {
	t.Parallel()
	pg, err := stacktest.Own(t).StartPostgres(t.Context(), devstack.PostgresOptions{})
	require.NoError(t, err)
	pool, err := db.Open(t.Context(), db.Config{URL: pg.URL()})
	require.NoError(t, err)
	defer pool.Close()
	_, err = pool.Exec(t.Context(), "SELECT nothing")
	require.Error(t, err)
	require.False(t, db.Down(err), "%v", err)

	held, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	require.NoError(t, pg.Stop(t.Context()))
	_, err = held.Exec(t.Context(), "SELECT 1")
	require.True(t, db.Down(err), "on a connection that was open: %v", err)
	held.Release()
	_, err = pool.Exec(t.Context(), "SELECT 1")
	require.True(t, db.Down(err), "on a new connection: %v", err)
	require.False(t, db.Down(nil))
}

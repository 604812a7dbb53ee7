package db_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
)

func TestTheServerIsShownAsItSeesItself(t *testing.T) {
	t.Parallel()
	pool, reg := open(t, db.Config{}), prometheus.NewPedanticRegistry()
	pool.RegisterGauges(reg)
	one := func(name string) float64 { return gathered(t, reg, "rohrpost_db_server_"+name)[""] }
	require.GreaterOrEqual(t, one("connections"), 1.0)
	require.Greater(t, one("max_connections"), one("connections"))
	require.Greater(t, one("bytes"), 1e6)
	require.Zero(t, one("deadlocks_total"))
	require.Positive(t, gathered(t, reg, "rohrpost_db_server_pages_total")["memory"])
	// While it is away the scrape says so
	pool.Close()
	_, err := reg.Gather()
	require.Error(t, err)
}

func TestAStatementIsPreparedOnceAConnection(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	pool := open(t, db.Config{MaxConns: 1}, db.MeasureTo(reg))
	prepared := func() float64 { return gathered(t, reg, "rohrpost_db_statements_prepared_total")[""] }
	before := prepared()
	for range 3 {
		var said string
		require.NoError(t, pool.QueryRow(t.Context(), wink, "hunter2").Scan(&said))
	}
	require.InDelta(t, before+1, prepared(), 0)
}

package db_test

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/db/dbtest"
	"rohrpost/internal/fault"
)

// open makes a pool on a database of its own.
func open(t testing.TB, cfg db.Config, options ...db.Option) *db.Pool {
	t.Helper()
	cfg.URL, cfg.ConnectTimeout = dbtest.URL(t), time.Minute
	pool, err := db.Open(t.Context(), cfg, options...)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// gathered are the values of a metric by its only label, "" where it has none.
func gathered(t testing.TB, reg *prometheus.Registry, name string) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	found := map[string]float64{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			label := ""
			if len(m.GetLabel()) > 0 {
				label = m.GetLabel()[0].GetValue()
			}
			found[label] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return found
}

func TestWhoFindsNoFreeConnectionInTimeIsToldThatTheDatabaseIsBusy(t *testing.T) {
	t.Parallel()
	// Given a pool whose connections are taken
	reg := prometheus.NewRegistry()
	pool := open(t, db.Config{MaxConns: 2, Wait: 50 * time.Millisecond}, db.MeasureTo(reg))
	one, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	other, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	// Then whatever wants another is refused after a bounded wait, with a reason that both doors understand
	_, err = pool.Exec(t.Context(), "SELECT 1")
	require.ErrorIs(t, err, db.ErrBusy)
	_, err = db.New().QueuePauses(t.Context(), pool)
	require.ErrorIs(t, err, db.ErrBusy)
	err = db.InTx(t.Context(), pool, nil)
	require.ErrorIs(t, err, db.ErrBusy)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	// And who had less time keeps that as the reason
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, err = pool.Exec(short, "SELECT 1")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, db.ErrBusy)

	require.Equal(t, map[string]float64{"": 3}, gathered(t, reg, "rohrpost_db_pool_refused_total"))
	require.Equal(t, map[string]float64{"": 4}, gathered(t, reg, "rohrpost_db_pool_abandoned_total"))
	require.Equal(t, map[string]float64{"acquired": 2, "idle": 0, "opening": 0}, gathered(t, reg, "rohrpost_db_pool_connections"))
	require.Equal(t, map[string]float64{"": 2}, gathered(t, reg, "rohrpost_db_pool_max_connections"))
	// When one is free again, so is the way
	one.Release()
	_, err = pool.Exec(t.Context(), "SELECT 1")
	require.NoError(t, err)
	other.Release()
}

func TestAStatementMayTakeLongerThanTheWaitForItsConnection(t *testing.T) {
	t.Parallel()
	pool := open(t, db.Config{Wait: 20 * time.Millisecond})
	_, err := pool.Exec(t.Context(), "SELECT pg_sleep(0.1)")
	require.NoError(t, err)
}

func TestAProcessTakesTheSettingsOfItsKind(t *testing.T) {
	t.Parallel()
	cfg := db.Config{MaxConns: 7, WorkerMaxConns: 9, Lifetime: time.Minute, Idle: time.Second, StatementCache: 8}
	require.EqualValues(t, 7, cfg.ForAPI().MaxConns)
	pool := open(t, cfg.ForWorker())
	got := pool.Config()
	require.EqualValues(t, 9, got.MaxConns)
	require.EqualValues(t, 2, got.MinConns)
	require.Equal(t, time.Minute, got.MaxConnLifetime)
	require.Equal(t, 10*time.Minute, got.MaxConnLifetimeJitter)
	require.Equal(t, time.Second, got.MaxConnIdleTime)
	require.Equal(t, time.Minute, got.HealthCheckPeriod)
	require.Equal(t, 8, got.ConnConfig.StatementCacheCapacity)
	require.EqualValues(t, 1, open(t, db.Config{MaxConns: 1}).Config().MinConns, "never more than there may be")
	require.Zero(t, open(t, db.Config{}.ForCommand()).Config().MinConns)
	require.EqualValues(t, 3, db.Config{MinConns: 3}.ForCommand().MinConns, "what is asked for is kept")
}

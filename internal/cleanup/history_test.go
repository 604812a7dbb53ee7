package cleanup_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/cleanup"
	"rohrpost/tasks"
)

func TestUsageHistory(t *testing.T) {
	t.Parallel()
	h := open(t, cleanup.Config{UsageHistory: 40 * day})
	since := func() *time.Time {
		var at *time.Time
		require.NoError(t, h.pool.QueryRow(t.Context(), `SELECT complete_since FROM history_horizon`).Scan(&at))
		return at
	}
	for _, ago := range []time.Duration{41 * day, 39 * day} {
		h.exec(`INSERT INTO job_history (id, kind, state, owner, finished_at) VALUES ($1, 'k', 'succeeded', $2,
			now() - make_interval(secs => $3))`, uuid.New(), h.owner, ago.Seconds())
		h.exec(`INSERT INTO file_history (id, owner, size, status, created_at, deleted_at) VALUES ($1, $2, 1, 'clean',
			now() - interval '50 days', now() - make_interval(secs => $3))`, uuid.New(), h.owner, ago.Seconds())
	}
	require.Nil(t, since())
	require.EqualValues(t, 2, h.sweep(tasks.SweepUsageHistory).Count)
	require.Equal(t, 1, h.count(`SELECT count(*) FROM job_history`))
	require.Equal(t, 1, h.count(`SELECT count(*) FROM file_history`))
	require.WithinDuration(t, time.Now().Add(-40*day), *since(), time.Hour)

	moved := *since()
	require.Zero(t, h.sweep(tasks.SweepUsageHistory).Count)
	require.Equal(t, moved, *since(), "nothing was lost since")
}

package cli

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/config"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
)

func TestWhereTheTimeOfTheDatabaseGoesIsShownByStatement(t *testing.T) {
	t.Parallel()
	// Given a server that counts, as that of dev does, and statements that ran on it
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	pg, err := stacktest.Own(t).StartPostgres(ctx, devstack.PostgresOptions{CountStatements: true})
	require.NoError(t, err)
	require.NoError(t, db.Migrate(ctx, pg.URL(), slog.New(slog.DiscardHandler)))
	pool, err := db.Open(ctx, db.Config{URL: pg.URL()})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	for range 3 {
		_, err = db.New().QueuePauses(ctx, pool)
		require.NoError(t, err)
	}
	var secret string
	require.NoError(t, pool.QueryRow(ctx, "SELECT 'hunter2' FROM pg_sleep(0.2)").Scan(&secret))
	d := &desk{t: t, env: config.Env{"DATABASE_URL": pg.URL()}, pool: pool, zone: time.UTC}

	// When they are looked at, the slowest comes first, under its verb as it has no name, and without its values
	shown := d.admin("queries", "--by", "mean").want(terminal.OK)
	require.Equal(t, "select", shown.cells()[0][0])
	require.NotContains(t, shown.out, "hunter2")
	// Then programs find the others by name
	items, next := d.admin("queries", "--json", "--top", "1000").list()
	require.Empty(t, next)
	byName := map[any]map[string]any{}
	for _, item := range items {
		byName[item["name"]] = item
	}
	require.Contains(t, byName, "QueuePauses")
	require.InDelta(t, 3, byName["QueuePauses"]["calls"], 0)
	require.Less(t, byName["QueuePauses"]["mean_seconds"], 0.2)
	require.Len(t, d.admin("queries", "--top", "1").want(terminal.OK).cells(), 1)
}

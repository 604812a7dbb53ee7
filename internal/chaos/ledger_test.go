package chaos

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/db/dbtest"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
)

func TestTransfersAloneAndInCompanyAreBookedOnceEach(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	require.NoError(t, openBooks(t.Context(), pool))
	options, err := redis.ParseURL(stacktest.Redis(t).URL())
	require.NoError(t, err)
	rdb := redis.NewClient(options)
	t.Cleanup(func() { _ = rdb.Close() })
	silent := slog.New(slog.DiscardHandler)
	engine := queue.NewEngine(pool, rdb, stream.New(rdb, stream.Config{}),
		queue.Config{RetryBase: time.Millisecond, RetryCap: 2 * time.Millisecond}, silent, nil)
	engine.Start(context.WithoutCancel(t.Context()))
	t.Cleanup(engine.Stop)
	mux := queue.NewMux()
	Bind(mux, pool)
	worker := queue.NewRunner(engine, mux, queue.RunnerConfig{Queues: map[string]int{Queue: 1}})
	require.NoError(t, worker.Start(t.Context()))
	t.Cleanup(func() { _ = worker.Stop(context.Background()) })

	orders := make([]order, 300)
	for i := range orders {
		orders[i] = order{Number: int64(i), From: i % 3, To: accounts + i%2} // in each other's way
	}
	e := evidence{pool: pool, rdb: rdb}
	require.NoError(t, db.InTx(t.Context(), pool, func(tx pgx.Tx) (err error) {
		e.accepted, err = inBulk(t.Context(), tx, orders, queue.By(queue.System))
		return err
	}))
	s := &stage{pool: pool}
	require.Eventually(t, func() bool {
		left, err := s.unfinished(t.Context(), ever)
		return err == nil && left == 0 && engine.Dispatch(t.Context(), Queue) == nil
	}, time.Minute, 100*time.Millisecond)
	require.NoError(t, worker.Stop(t.Context()))
	h := &house{t: t, evidence: e}
	require.Empty(t, h.broken())
	var refused, entered int
	require.NoError(t, pool.QueryRow(t.Context(),
		`SELECT count(*) FILTER (WHERE state = 'failed'), (SELECT count(*) FROM chaos_effects) FROM jobs`).Scan(&refused, &entered))
	require.Equal(t, 6, refused)
	require.Equal(t, len(orders)-refused, entered)
}

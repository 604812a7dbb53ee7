package scaling_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/db/dbtest"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/queue"
	"rohrpost/internal/scaling"
	"rohrpost/internal/stream"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// two schedulers on one database.
func two(t *testing.T, cfg scaling.Config) (pool *db.Pool, service *scaling.Service, first, second *scaling.Adviser) {
	t.Helper()
	pool = dbtest.New(t)
	options, err := redis.ParseURL(stacktest.Redis(t).URL())
	require.NoError(t, err)
	rdb := redis.NewClient(options)
	t.Cleanup(func() { _ = rdb.Close() })
	engine := queue.NewEngine(pool, rdb, stream.New(rdb, stream.Config{}), queue.Config{}, slog.New(slog.DiscardHandler), nil)
	service, err = scaling.New(pool, cfg)
	require.NoError(t, err)
	return pool, service, scaling.NewAdviser(service, engine), scaling.NewAdviser(service, engine)
}

func TestWhatIsWantedIsWrittenDownOnceAndToldToAll(t *testing.T) {
	t.Parallel()
	const every = 10_000 * time.Hour // no tick comes in between
	pool, service, first, second := two(t, scaling.Config{
		Every: every, Window: 3 * every, SLO: map[string]time.Duration{"ai": 2 * time.Minute},
	})
	exec := func(sql string, args ...any) {
		_, err := pool.Exec(t.Context(), sql, args...)
		require.NoError(t, err)
	}
	none, err := service.Advice(t.Context())
	require.NoError(t, err)
	require.Zero(t, none.At)
	require.Empty(t, none.Groups)
	// Given a backlog of ai, a worker for it, and what was wanted before
	exec(`INSERT INTO jobs (id, kind, queue, args, max_attempts, owner, run_at)
		SELECT ('01900000-0000-7000-8000-0000000000' || n)::uuid, 'k', 'ai', '{}', 1, gen_random_uuid(),
			now() - interval '9 minutes' FROM generate_series(10, 29) n`)
	exec(`INSERT INTO jobs (id, kind, queue, args, max_attempts, owner, state, started_at, finished_at)
		VALUES ('01900000-0000-7000-8000-000000000000', 'k', 'ai', '{}', 1, gen_random_uuid(), 'succeeded', now() - interval '1 minute', now())`)
	exec(`INSERT INTO workers (id, host, pid, queues, concurrency) VALUES (gen_random_uuid(), 'h', 1, '{"ai":4}', 4)`)
	tick := time.Now().Truncate(every)
	for _, ago := range []int{1, 9} {
		exec(`INSERT INTO scaling_advice (tick, group_name, queues, living, least, most, wanted, reason)
			VALUES ($1, 'worker-mail', '{mail}', 1, 1, 9, $2, 'Then.')`, tick.Add(-time.Duration(ago)*every), ago+1)
	}
	// When two schedulers look, between which it changes
	require.NoError(t, first.Advise(t.Context()))
	exec(`DELETE FROM jobs`)
	require.NoError(t, second.Advise(t.Context()))
	// Then the first one's word is told, and the lower number of mail waits for its window
	got, err := service.Advice(t.Context())
	require.NoError(t, err)
	require.True(t, tick.Equal(got.At))
	require.Equal(t, 3*every, got.Window)
	require.Len(t, got.Groups, 4)
	require.Equal(t, scaling.Advised{
		Group: "worker-ai", Queues: []string{"ai"}, Living: 1, Desired: 3, Bounds: scaling.Bounds{Least: 1, Most: 10},
		Reason: "20 jobs wait up to 9m0s in ai, SLO 2m0s: 3 workers would clear it in 2m0s.",
	}, got.Groups[0])
	require.Equal(t, []string{"critical", "files"}, got.Groups[1].Queues)
	require.Equal(t, "worker-mail", got.Groups[2].Group)
	require.Equal(t, 2, got.Groups[2].Desired)
	require.Contains(t, got.Groups[2].Reason, "Nothing waits, runs or comes in; its bounds keep 1. 2 workers kept until ")
	var rows int
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM scaling_advice`).Scan(&rows))
	require.Equal(t, 5, rows, "those before the window are gone")
	// and by metrics
	reg := prometheus.NewRegistry()
	service.RegisterGauges(reg)
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP rohrpost_queue_wait_slo_seconds How long the jobs of a queue may wait for a worker.
# TYPE rohrpost_queue_wait_slo_seconds gauge
rohrpost_queue_wait_slo_seconds{queue="ai"} 120
rohrpost_queue_wait_slo_seconds{queue="critical"} 1
rohrpost_queue_wait_slo_seconds{queue="files"} 10
rohrpost_queue_wait_slo_seconds{queue="mail"} 60
rohrpost_queue_wait_slo_seconds{queue="maintenance"} 900
rohrpost_queue_wait_slo_seconds{queue="reports"} 300
# HELP rohrpost_workers_desired Workers that a group should have.
# TYPE rohrpost_workers_desired gauge
rohrpost_workers_desired{group="worker-ai"} 3
rohrpost_workers_desired{group="worker-files"} 1
rohrpost_workers_desired{group="worker-mail"} 2
rohrpost_workers_desired{group="worker-maintenance"} 1
# HELP rohrpost_workers_living Living workers of a group.
# TYPE rohrpost_workers_living gauge
rohrpost_workers_living{group="worker-ai"} 1
rohrpost_workers_living{group="worker-files"} 0
rohrpost_workers_living{group="worker-mail"} 0
rohrpost_workers_living{group="worker-maintenance"} 0
`)))
}

package deadletter_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/db/dbtest"
	"rohrpost/internal/audit"
	"rohrpost/internal/deadletter"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
	"rohrpost/tasks"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const patience = 30 * time.Second // for what must happen

type letter struct {
	N int `json:"n"`
}

var (
	letters = queue.Kind[letter]{Name: "test:letter", Queue: "q", MaxAttempts: 1}
	others  = queue.Kind[letter]{Name: "test:other", Queue: "q", MaxAttempts: 1}
	somehow = audit.Actor{Name: "a test"}
)

// house is the service on a database and an engine; workers are the test's to start.
type house struct {
	*deadletter.Service
	t      testing.TB
	pool   *db.Pool
	rdb    *redis.Client
	engine *queue.Engine
}

// open makes a house. hook, which may be nil, follows the letters; each one that starts afresh is counted in the table
// reruns, in the same transaction.
func open(t testing.TB, hook queue.Hook) *house {
	t.Helper()
	logging.Disable()
	opts, err := redis.ParseURL(stacktest.Redis(t).URL())
	require.NoError(t, err)
	h := &house{t: t, pool: dbtest.New(t), rdb: redis.NewClient(opts)}
	t.Cleanup(func() { _ = h.rdb.Close() })
	h.exec(`CREATE TABLE reruns (job uuid)`)
	h.engine = queue.NewEngine(h.pool, h.rdb, stream.New(h.rdb, stream.Config{}), queue.Config{Silence: time.Minute}, quiet(), nil)
	h.engine.OnState(letters.Name, func(ctx context.Context, tx pgx.Tx, job db.Job) error {
		if job.State != queue.Queued {
			return nil
		}
		if _, err := tx.Exec(ctx, `INSERT INTO reruns VALUES ($1)`, job.ID); err != nil || hook == nil {
			return err
		}
		return hook(ctx, tx, job)
	})
	h.engine.Start(context.WithoutCancel(t.Context()))
	t.Cleanup(h.engine.Stop)
	h.Service = deadletter.New(h.pool, h.engine)
	return h
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	_, err := h.pool.Exec(context.WithoutCancel(h.t.Context()), sql, args...)
	require.NoError(h.t, err)
}

func (h *house) count(sql string, args ...any) (n int) {
	h.t.Helper()
	require.NoError(h.t, h.pool.QueryRow(h.t.Context(), sql, args...).Scan(&n))
	return n
}

// dead puts n failed jobs there, which failed a minute ago, and returns their ids, the oldest first.
func (h *house) dead(n int, kind queue.Kind[letter], code, message string) (ids []uuid.UUID) {
	h.t.Helper()
	for range n {
		id := uuid.Must(uuid.NewV7())
		h.exec(`INSERT INTO jobs (id, kind, queue, args, state, attempt, max_attempts, owner, error_code, error_message, started_at, finished_at)
			VALUES ($1, $2, 'q', '{"n": 1}', 'failed', 1, 1, gen_random_uuid(), $3, $4, now() - interval '2 minutes', now() - interval '1 minute')`,
			id, kind.Name, code, message)
		ids = append(ids, id)
	}
	return ids
}

// worker runs bulk jobs, and letters with the answer given.
func (h *house) worker(answer func(job *queue.Job[letter]) error) *queue.Runner {
	h.t.Helper()
	mux := queue.NewMux()
	queue.Handle(mux, tasks.RetryDead, h.Retry)
	queue.Handle(mux, tasks.DiscardDead, h.Discard)
	for _, kind := range []queue.Kind[letter]{letters, others} {
		queue.Handle(mux, kind, func(_ context.Context, job *queue.Job[letter]) (any, error) { return nil, answer(job) })
	}
	r := queue.NewRunner(h.engine, mux, queue.RunnerConfig{
		Queues: map[string]int{"q": 1, tasks.Maintenance: 1}, Poll: 5 * time.Millisecond, Grace: 10 * time.Millisecond,
		Heartbeat: 100 * time.Millisecond,
	})
	require.NoError(h.t, r.Start(h.t.Context()))
	h.t.Cleanup(func() { _ = r.Stop(context.Background()) })
	return r
}

func fine(*queue.Job[letter]) error { return nil }

func broken(*queue.Job[letter]) error { return fault.New(fault.Invalid, "Still broken.") }

// retry asks for a retry and returns the bulk job's id.
func (h *house) retry(f tasks.DeadLetters, rate int) (id uuid.UUID) {
	h.t.Helper()
	require.NoError(h.t, db.InTx(h.t.Context(), h.pool, func(tx pgx.Tx) error {
		job, err := h.AskRetry(h.t.Context(), tx, somehow, f, rate)
		id = job.ID
		return err
	}))
	return id
}

func (h *house) job(id uuid.UUID) db.Job {
	h.t.Helper()
	job, err := db.New().JobByID(h.t.Context(), h.pool, id)
	require.NoError(h.t, err)
	return job
}

// result waits for the end of a bulk job.
func (h *house) result(id uuid.UUID) (p deadletter.Progress) {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		job := h.job(id)
		require.NotEqual(h.t, queue.Failed, job.State, "%v", job.ErrorMessage)
		return job.State == queue.Succeeded
	}, patience, 10*time.Millisecond)
	require.NoError(h.t, json.Unmarshal(h.job(id).Result, &p))
	return p
}

package schedule_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/db/dbtest"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/internal/schedule"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// ring is what the tests schedule.
type ring struct {
	Times int `json:"times"`
}

func (r ring) Check() error {
	if r.Times < 0 {
		return fault.New(fault.Invalid, "It can't ring less than not at all.")
	}
	return nil
}

var bell = queue.Kind[ring]{Name: "test:bell", Queue: "q"}

// noon is when the tests begin.
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// tower has a clock of its own and any number of schedulers that go by it.
type tower struct {
	*schedule.Service
	t     testing.TB
	url   string
	pool  *db.Pool
	clock atomic.Pointer[time.Time]
}

func build(t testing.TB) *tower {
	t.Helper()
	w := &tower{t: t, url: dbtest.URL(t)}
	w.set(noon)
	w.pool = w.open(w.url)
	w.Service = w.scheduler(w.pool)
	return w
}

func (w *tower) open(url string) *db.Pool {
	w.t.Helper()
	pool, err := db.Open(w.t.Context(), db.Config{URL: url})
	require.NoError(w.t, err)
	w.t.Cleanup(pool.Close)
	return pool
}

func (w *tower) scheduler(pool *db.Pool) *schedule.Service {
	return schedule.New(pool, []queue.RawKind{queue.Raw(bell)}, slog.New(slog.DiscardHandler),
		schedule.Clock(func() time.Time { return *w.clock.Load() }))
}

func (w *tower) set(now time.Time) { w.clock.Store(&now) }

// at sets the clock and fires what is due.
func (w *tower) at(now time.Time) {
	w.t.Helper()
	w.set(now)
	_, err := w.Fire(w.t.Context())
	require.NoError(w.t, err)
}

func (w *tower) create(spec schedule.Spec) schedule.Schedule {
	w.t.Helper()
	made, err := within(w, func(tx pgx.Tx) (schedule.Schedule, error) { return w.Create(w.t.Context(), tx, by, spec) })
	require.NoError(w.t, err)
	return made
}

// within runs fn in a transaction.
func within[T any](w *tower, fn func(tx pgx.Tx) (T, error)) (T, error) {
	var out T
	err := db.InTx(w.t.Context(), w.pool, func(tx pgx.Tx) (err error) {
		out, err = fn(tx)
		return err
	})
	return out, err
}

func (w *tower) get(name string) schedule.Schedule {
	w.t.Helper()
	found, err := w.Get(w.t.Context(), name)
	require.NoError(w.t, err)
	return found
}

// ticks are those of a schedule that started a job, the first one first, and each has a job of its own.
func (w *tower) ticks(name string) []time.Time {
	w.t.Helper()
	rows, err := w.pool.Query(w.t.Context(), `SELECT t.tick FROM schedule_ticks t JOIN jobs j ON j.id = t.job_id
		WHERE t.schedule = $1 AND j.kind = $2 ORDER BY t.tick`, name, bell.Name)
	require.NoError(w.t, err)
	ticks, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (tick time.Time, err error) {
		err = row.Scan(&tick)
		return tick.UTC(), err
	})
	require.NoError(w.t, err)
	require.Equal(w.t, len(ticks), w.count(`SELECT count(DISTINCT job_id) FROM schedule_ticks WHERE schedule = $1`, name))
	return ticks
}

func (w *tower) exec(sql string, args ...any) {
	w.t.Helper()
	_, err := w.pool.Exec(context.WithoutCancel(w.t.Context()), sql, args...)
	require.NoError(w.t, err)
}

func (w *tower) count(sql string, args ...any) (n int) {
	w.t.Helper()
	require.NoError(w.t, w.pool.QueryRow(w.t.Context(), sql, args...).Scan(&n))
	return n
}

// minutes are the times so many minutes after noon.
func minutes(after ...int) []time.Time {
	times := make([]time.Time, len(after))
	for i, n := range after {
		times[i] = noon.Add(time.Duration(n) * time.Minute)
	}
	return times
}

func everyMinute(name, catchUp string) schedule.Spec {
	return schedule.Spec{Name: name, Cron: "* * * * *", Zone: "UTC", Kind: bell.Name, CatchUp: catchUp,
		Args: json.RawMessage(`{"times": 3}`)}
}

var admin = uuid.MustParse("0198a000-0000-7000-8000-000000000001")

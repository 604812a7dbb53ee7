package queue_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/db/dbtest"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
)

// patience is how long a test waits for what must happen; nothing waits that long unless something is broken.
const patience = 30 * time.Second

// quick makes the engine notice loss and death within a second.
var quick = queue.Config{
	Lost: 200 * time.Millisecond, Silence: 1500 * time.Millisecond, RetryBase: 20 * time.Millisecond,
	RetryCap: 50 * time.Millisecond,
}

// plain has all tests run with each job by itself: make test runs them that way too.
var plain = os.Getenv("QUEUE_PLAIN") == "true"

type note struct {
	Text string `json:"text"`
}

// place is a database and a Redis, with as many processes' engines and workers as a test likes.
type place struct {
	t     testing.TB
	url   string
	pool  *db.Pool
	redis *devstack.Redis
}

func newPlace(t testing.TB) *place {
	t.Helper()
	logging.Disable() // go-redis tells of every connection that the tests cut
	p := &place{t: t, url: dbtest.URL(t), redis: stacktest.Redis(t)}
	p.pool = p.open()
	p.exec(`CREATE TABLE ledger (job uuid, amount int)`)
	return p
}

func (p *place) open() *db.Pool {
	p.t.Helper()
	pool, err := db.Open(p.t.Context(), db.Config{URL: p.url}.ForCommand())
	require.NoError(p.t, err)
	p.t.Cleanup(pool.Close)
	return pool
}

func (p *place) client() redis.UniversalClient {
	p.t.Helper()
	opts, err := redis.ParseURL(p.redis.URL())
	require.NoError(p.t, err)
	c := redis.NewClient(opts)
	p.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (p *place) exec(sql string, args ...any) {
	p.t.Helper()
	_, err := p.pool.Exec(context.WithoutCancel(p.t.Context()), sql, args...)
	require.NoError(p.t, err)
}

func (p *place) count(sql string, args ...any) (n int) {
	p.t.Helper()
	require.NoError(p.t, p.pool.QueryRow(p.t.Context(), sql, args...).Scan(&n))
	return n
}

// engine is the engine of one process.
func (p *place) engine(cfg queue.Config) *queue.Engine { return p.engineOn(p.pool, cfg) }

func (p *place) engineOn(pool *db.Pool, cfg queue.Config) *queue.Engine {
	p.t.Helper()
	return p.engineWith(pool, p.client(), cfg)
}

func (p *place) engineWith(pool *db.Pool, rdb redis.UniversalClient, cfg queue.Config) *queue.Engine {
	p.t.Helper()
	cfg.Plain = cfg.Plain || plain
	e := queue.NewEngine(pool, rdb, stream.New(rdb, stream.Config{}), cfg, p.logger(), nil)
	e.Start(context.WithoutCancel(p.t.Context()))
	p.t.Cleanup(e.Stop)
	return e
}

func (p *place) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(p.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// worker runs jobs of the queue "q" until the test ends.
func (p *place) worker(e *queue.Engine, cfg queue.RunnerConfig, mux *queue.Mux) *queue.Runner {
	p.t.Helper()
	if cfg.Queues == nil {
		cfg.Queues = map[string]int{"q": 1}
	}
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = 200 * time.Millisecond
	}
	if cfg.Poll == 0 {
		cfg.Poll = 5 * time.Millisecond
	}
	if cfg.Grace == 0 {
		cfg.Grace = 200 * time.Millisecond
	}
	if cfg.StopGrace == 0 {
		cfg.StopGrace = 2 * time.Second
	}
	r := queue.NewRunner(e, mux, cfg)
	require.NoError(p.t, r.Start(p.t.Context()))
	p.t.Cleanup(func() { _ = r.Stop(context.Background()) })
	return r
}

// scheduler does what the process of that name does.
func (p *place) scheduler(e *queue.Engine) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	every := func(step func(context.Context) error) {
		wg.Go(func() {
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for {
				_ = step(ctx)
				select {
				case <-tick.C:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	every(e.DispatchAll)
	every(e.SyncPauses)
	every(func(ctx context.Context) error { _, err := e.Reap(ctx); return err })
	every(func(ctx context.Context) error { _, err := e.FindLost(ctx); return err })
	p.t.Cleanup(func() { cancel(); wg.Wait() })
}

func enqueue(p *place, kind queue.Kind[note], opts ...queue.Option) queue.Record {
	p.t.Helper()
	var rec queue.Record
	require.NoError(p.t, db.InTx(p.t.Context(), p.pool, func(tx pgx.Tx) (err error) {
		rec, err = queue.Enqueue(p.t.Context(), tx, kind, note{"hello"}, opts...)
		return err
	}))
	return rec
}

func (p *place) job(id uuid.UUID) db.Job {
	p.t.Helper()
	job, err := db.New().JobByID(context.WithoutCancel(p.t.Context()), p.pool, id)
	require.NoError(p.t, err)
	return job
}

// await waits for the job to be in a state.
func (p *place) await(id uuid.UUID, state string) db.Job {
	p.t.Helper()
	var job db.Job
	p.eventually(func() bool {
		var err error
		job, err = db.New().JobByID(context.WithoutCancel(p.t.Context()), p.pool, id)
		return err == nil && job.State == state
	}, "job %s should become %s, it is %+v", id, state, &job)
	return job
}

func (p *place) eventually(ok func() bool, msg string, args ...any) {
	p.t.Helper()
	require.Eventuallyf(p.t, ok, patience, 10*time.Millisecond, msg, args...)
}

func receive[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing came")
		panic("unreachable")
	}
}

// pay is a handler whose effect and outcome commit together.
func pay(pool *db.Pool) queue.HandlerFunc[note] {
	return func(ctx context.Context, job *queue.Job[note]) (any, error) {
		return nil, payOnce(ctx, pool, job)
	}
}

func payOnce(ctx context.Context, pool *db.Pool, job *queue.Job[note]) error {
	return db.InTx(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO ledger VALUES ($1, 1)`, job.ID()); err != nil {
			return err
		}
		return queue.Complete(ctx, tx, job.Run, "paid")
	})
}

var errPlain = errors.New("something broke")

// inBothWays runs a test with jobs that travel together, and with each by itself.
func inBothWays(t *testing.T, test func(t *testing.T, cfg queue.Config)) {
	t.Helper()
	for name, plain := range map[string]bool{"together": false, "plain": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := quick
			cfg.Plain = plain
			test(t, cfg)
		})
	}
}

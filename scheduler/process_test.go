package scheduler_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/db/dbtest"
	"rohrpost/internal/audit"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/queue"
	"rohrpost/internal/schedule"
	"rohrpost/internal/stream"
	"rohrpost/scheduler"
	"rohrpost/tasks"
)

const (
	roleEnv  = "ROHRPOST_TEST_ROLE"
	patience = 60 * time.Second // for what takes seconds, on a machine that is busy
)

var bell = queue.Kind[struct{}]{Name: "test:bell", Queue: "q"}

// schedulerProcess is one scheduler, until it is killed or the test is gone.
func schedulerProcess() {
	ctx := context.Background()
	pool, engine := open(ctx, os.Getenv("DATABASE_URL"), os.Getenv("REDIS_URL"))
	schedules := schedule.New(pool, []queue.RawKind{queue.Raw(bell)}, quiet())
	scheduler.New(engine, scheduler.Config{}, quiet(), scheduler.Ticking(bellsOnly{schedules})).Start(ctx)
	fmt.Fprintln(os.Stdout, "started")
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// bellsOnly knows nothing of the built-in schedules, whose kinds the test doesn't know either.
type bellsOnly struct{ *schedule.Service }

func (bellsOnly) Seed(context.Context, []schedule.Spec) error { return nil }

func open(ctx context.Context, database, redisURL string) (*db.Pool, *queue.Engine) {
	logging.Disable()
	pool, err := db.Open(ctx, db.Config{URL: database, MaxConns: 6})
	check(err)
	opts, err := redis.ParseURL(redisURL)
	check(err)
	rdb := redis.NewClient(opts)
	engine := queue.NewEngine(pool, rdb, stream.New(rdb, stream.Config{}), queue.Config{}, quiet(), nil)
	engine.Start(ctx)
	return pool, engine
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func check(err error) {
	if err != nil {
		panic(err)
	}
}

type process struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout *bufio.Reader
}

func start(t *testing.T, database, redisURL string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"=scheduler", "DATABASE_URL="+database, "REDIS_URL="+redisURL)
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe() // its end is how the child knows that we are gone
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &process{cmd, in, bufio.NewReader(out)}
	t.Cleanup(p.kill)
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	_ = p.stdin.Close()
}

// The long run of this, with a clock of its own, is in internal/schedule. Here the processes, the clock and the kills are
// real, and a tick has started when a worker runs its job.
func TestThreeRealSchedulersOfWhichOneIsKilledEveryOtherSecond(t *testing.T) {
	t.Parallel()
	const wanted = 12
	url, server := dbtest.URL(t), stacktest.Redis(t).URL()
	pool, engine := open(context.WithoutCancel(t.Context()), url, server)
	t.Cleanup(pool.Close)
	t.Cleanup(engine.Stop)
	mux := queue.NewMux()
	queue.Handle(mux, bell, func(context.Context, *queue.Job[struct{}]) (any, error) { return nil, nil })
	worker := queue.NewRunner(engine, mux, queue.RunnerConfig{Queues: map[string]int{"q": 1}})
	require.NoError(t, worker.Start(t.Context()))
	t.Cleanup(func() { _ = worker.Stop(context.Background()) })
	var running [3]*process
	for i := range running {
		running[i] = start(t, url, server)
		_, err := running[i].stdout.ReadString('\n')
		require.NoError(t, err)
	}
	schedules := schedule.New(pool, []queue.RawKind{queue.Raw(bell)}, quiet())
	require.NoError(t, db.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := schedules.Create(t.Context(), tx, audit.CommandLine(), schedule.Spec{
			Name: "every-second", Cron: "* * * * * *", Zone: "UTC", Kind: bell.Name, CatchUp: schedule.CatchUpAll,
		})
		return err
	}))

	ended := func() (n int) {
		require.NoError(t, pool.QueryRow(context.WithoutCancel(t.Context()),
			`SELECT count(*) FROM schedule_ticks t JOIN jobs j ON j.id = t.job_id WHERE j.state = 'succeeded'`).Scan(&n))
		return n
	}
	for kills := 0; ended() < wanted; kills++ {
		before := ended()
		require.Eventually(t, func() bool { return ended() >= before+2 }, patience, 10*time.Millisecond)
		victim := kills % len(running)
		running[victim].kill()
		running[victim] = start(t, url, server)
	}
	for _, p := range running {
		p.kill()
	}

	var first, last time.Time
	var ticks, jobs int
	var fired, late float64 // ms
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT min(t.tick), max(t.tick), count(*), count(DISTINCT j.id),
		max(extract(epoch FROM t.fired_at - t.tick) * 1000)::float8, max(extract(epoch FROM j.started_at - t.tick) * 1000)::float8
		FROM schedule_ticks t JOIN jobs j ON j.id = t.job_id`).Scan(&first, &last, &ticks, &jobs, &fired, &late))
	require.Equal(t, int(last.Sub(first)/time.Second)+1, ticks, "ticks were missed")
	require.Equal(t, ticks, jobs)
	t.Logf("%d ticks, the latest was fired %.1f ms and started %.1f ms after its time", ticks, fired, late)
	require.Less(t, late, 1000.0)
}

func TestTheBuiltinSchedulesCanRun(t *testing.T) {
	t.Parallel()
	pool := dbtest.New(t)
	schedules := schedule.New(pool, tasks.Schedulable(), quiet())
	require.NoError(t, schedules.Seed(t.Context(), scheduler.Builtin()))
	all, err := schedules.List(t.Context())
	require.NoError(t, err)
	require.Len(t, all, len(scheduler.Builtin()))
}

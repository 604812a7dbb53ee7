package queue_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
)

const (
	roleEnv    = "ROHRPOST_TEST_ROLE"
	roleWorker = "worker"
)

// hold is a kind whose first attempt in a process never ends by itself: it reports that it runs, and waits.
var hold = queue.Kind[note]{Name: "test:hold", Queue: "q"}

// process is a worker in a process of its own.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

// start starts a worker process. It takes jobs of kind hold, notes each start in the table starts, and finishes them
// when finish is set.
func (p *place) start(finish bool) *process {
	p.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleEnv+"="+roleWorker, "DATABASE_URL="+p.url, "REDIS_URL="+p.redis.URL(),
		fmt.Sprintf("FINISH=%t", finish))
	cmd.Stderr = p.t.Output()
	in, err := cmd.StdinPipe() // its end is how the child knows that we are gone
	require.NoError(p.t, err)
	require.NoError(p.t, cmd.Start())
	w := &process{cmd, in}
	p.t.Cleanup(w.kill)
	return w
}

func (w *process) kill() {
	_ = w.cmd.Process.Kill()
	_ = w.cmd.Wait()
	_ = w.stdin.Close()
}

func workerProcess() {
	ctx := context.Background()
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	pool, err := db.Open(ctx, db.Config{URL: os.Getenv("DATABASE_URL")})
	check(err)
	opts, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	check(err)
	rdb := redis.NewClient(opts)
	e := queue.NewEngine(pool, rdb, stream.New(rdb, stream.Config{}), quick,
		slog.New(slog.NewTextHandler(os.Stderr, nil)), nil)
	e.Start(ctx)
	mux := queue.NewMux()
	queue.Handle(mux, hold, func(ctx context.Context, job *queue.Job[note]) (any, error) {
		if _, err := pool.Exec(ctx, `INSERT INTO starts VALUES ($1, $2, $3)`, job.ID(), os.Getpid(), job.Epoch()); err != nil {
			return nil, err
		}
		if os.Getenv("FINISH") == "true" {
			return nil, payOnce(ctx, pool, job)
		}
		<-ctx.Done()
		return nil, ctx.Err()
	})
	r := queue.NewRunner(e, mux, queue.RunnerConfig{
		Queues: map[string]int{"q": 1}, Heartbeat: 200 * time.Millisecond, Poll: 5 * time.Millisecond,
	})
	check(r.Start(ctx))
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

func (p *place) starts() {
	p.exec(`CREATE TABLE starts (job uuid, pid int, epoch bigint, at timestamptz DEFAULT clock_timestamp())`)
}

// awaitStart waits until a process has started the job for the nth time.
func (p *place) awaitStart(id uuid.UUID, n int) {
	p.t.Helper()
	p.eventually(func() bool { return p.count(`SELECT count(*) FROM starts WHERE job = $1`, id) >= n },
		"job %s should have started %d times", id, n)
}

func TestAJobOfAKilledWorkerRunsAgainWithinTenSecondsAndCountsOnce(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.starts()
	e := p.engine(queue.Config{}) // the real delays
	p.scheduler(e)
	first := p.start(false)
	job := enqueue(p, hold)
	p.awaitStart(job.ID, 1)

	p.start(true)
	killed := time.Now()
	first.kill()
	p.await(job.ID, queue.Succeeded)

	t.Logf("running again and done %.1f s after kill -9", time.Since(killed).Seconds())
	require.Less(t, time.Since(killed), 10*time.Second)
	require.Equal(t, 1, p.count(`SELECT count(*) FROM ledger`))
	done := p.job(job.ID)
	require.EqualValues(t, 1, done.Crashes)
	require.EqualValues(t, 1, done.Attempt, "a crash is not an attempt")
	require.Greater(t, done.Epoch, job.Epoch)
}

func TestAJobThatKillsThreeWorkersIsSetAside(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.starts()
	e := p.engine(quick)
	p.scheduler(e)
	job := enqueue(p, hold)
	for n := 1; n <= 3; n++ {
		w := p.start(false)
		p.awaitStart(job.ID, n)
		w.kill()
	}
	dead := p.await(job.ID, queue.Failed)
	require.Equal(t, string(queue.Poison), *dead.ErrorCode)
	require.EqualValues(t, 3, dead.Crashes)
}

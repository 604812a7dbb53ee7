package cli

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/cli/terminal"
	"rohrpost/internal/queue"
	"rohrpost/internal/redisurl"
	"rohrpost/internal/stream"
	"rohrpost/tasks"
)

// slowEnv makes the test binary a worker of slow mails, one at a time.
const slowEnv = "ROHRPOST_TEST_SLOW_WORKER"

var slowMail = queue.Kind[struct{}]{Name: "test:slow", Queue: tasks.Mail, MaxAttempts: 1}

func slowWorker() int {
	s := shell{env: map[string]string{}, log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	for _, name := range []string{"DATABASE_URL", "REDIS_URL"} {
		s.env[name] = os.Getenv(name)
	}
	ctx, stop := untilSignal(context.Background(), s.log, func() { os.Exit(terminal.Interrupted) })
	defer stop()
	err := s.supervise(ctx, func(ctx context.Context, p *process) error {
		var cfg struct {
			DB    db.Config
			Redis redisurl.Config
		}
		if err := p.load(nil, &cfg); err != nil {
			return err
		}
		cfg.DB.MaxConns, cfg.DB.MinConns = 4, 0
		pool, err := db.Open(ctx, cfg.DB)
		if err != nil {
			return err
		}
		p.onClose("pool", func(context.Context) error { pool.Close(); return nil })
		rdb, err := redisurl.Open(cfg.Redis)
		if err != nil {
			return err
		}
		p.onClose("redis", func(context.Context) error { return rdb.Close() })
		engine := queue.NewEngine(pool, rdb, stream.New(rdb, stream.Config{}), queue.Config{}, p.log, nil)
		mux := queue.NewMux()
		queue.Handle(mux, slowMail, func(ctx context.Context, job *queue.Job[struct{}]) (any, error) {
			select {
			case <-time.After(200 * time.Millisecond):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			return nil, db.InTx(ctx, pool, func(tx pgx.Tx) error {
				if _, err := tx.Exec(ctx, `INSERT INTO ledger VALUES ($1)`, job.ID()); err != nil {
					return err
				}
				return queue.Complete(ctx, tx, job.Run, nil)
			})
		})
		runner := queue.NewRunner(engine, mux, queue.RunnerConfig{
			Queues: map[string]int{tasks.Mail: 1}, Concurrency: 1, Grace: time.Millisecond, // so that jobs are handed back
		})
		if err := runner.Start(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		p.onClose("worker", runner.Stop)
		fmt.Fprintln(os.Stderr, "slow worker on", os.Getenv("PORT"))
		return nil
	})
	return terminal.ExitCode(err)
}

func TestABacklogBringsWorkersAndItsEndTakesThemAwayAgain(t *testing.T) {
	t.Parallel()
	// Given a scheduler, and a Procfile with a slow worker
	d := newDesk(t)
	env := []string{
		"SCALING_EVERY=250ms", "SCALING_WINDOW=3s", "SCALING_WAIT_SLO=mail=2s", "SCALING_BOUNDS=worker-mail=0:5",
	}
	for name, value := range d.env {
		env = append(env, name+"="+value)
	}
	procfile := filepath.Join(t.TempDir(), "Procfile")
	require.NoError(t, os.WriteFile(procfile, []byte("api: false\nworker-mail: exec env "+slowEnv+"=1 "+os.Args[0]+"\n"), 0o600))
	_, err := d.pool.Exec(t.Context(), `CREATE TABLE ledger (job uuid PRIMARY KEY)`)
	require.NoError(t, err)
	living := func() int { return d.count(`SELECT count(*) FROM workers`) }
	start(t, env, "scheduler")
	// When 60 jobs come, which take one worker 12 s and may wait for 2 s
	rdb, err := redisurl.Open(redisurl.Config{URL: d.env["REDIS_URL"]})
	require.NoError(t, err)
	t.Cleanup(func() { _ = rdb.Close() })
	queue.NewEngine(d.pool, rdb, stream.New(rdb, stream.Config{}), queue.Config{}, slog.New(slog.DiscardHandler), nil)
	require.NoError(t, db.InTx(t.Context(), d.pool, func(tx pgx.Tx) error {
		_, err := queue.EnqueueMany(t.Context(), tx, slowMail, make([]struct{}, 60))
		return err
	}))
	scale := start(t, env, "scale --every 250ms --grace 20s --bounds worker-mail=0:3 --procfile "+procfile)
	await := func(what string, so func() bool) {
		t.Helper()
		deadline := time.Now().Add(6 * patience)
		require.Eventually(t, func() bool {
			return so() || time.Now().After(deadline)
		}, 7*patience, pollEvery)
		require.True(t, so(), "%s\n%s", what, scale.log())
	}
	// Then there are as many workers as this machine's bounds allow, and one that is killed is started again
	await("3 workers", func() bool { return living() == 3 })
	pid := d.count(`SELECT pid FROM workers ORDER BY started_at LIMIT 1`)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	scale.said("a process ended by itself and is started again", "process")
	// and each job is done once, although none is given the time to end when its worker is taken away
	await("60 jobs done", func() bool { return d.count(`SELECT count(*) FROM ledger`) == 60 })
	require.Equal(t, 60, d.count(`SELECT count(*) FROM jobs WHERE state = 'succeeded'`))
	require.LessOrEqual(t, d.count(`SELECT coalesce(sum(crashes), 0) FROM jobs`), 1, "the one that was killed")
	// and they go when they are not needed any more
	await("one worker at most", func() bool { return living() <= 1 })
	// When there is more to do again, and scale is killed, its workers end by themselves
	require.NoError(t, db.InTx(t.Context(), d.pool, func(tx pgx.Tx) error {
		_, err := queue.EnqueueMany(t.Context(), tx, slowMail, make([]struct{}, 30))
		return err
	}))
	await("2 workers", func() bool { return living() >= 2 })
	require.NoError(t, scale.cmd.Process.Kill())
	require.Error(t, scale.wait())
	await("no worker", func() bool { return living() == 0 })
	// and another one goes on, and takes its workers along when it is told to stop
	scale = start(t, env, "scale --every 250ms --bounds worker-mail=1:2 --procfile "+procfile)
	await("90 jobs done", func() bool { return d.count(`SELECT count(*) FROM ledger`) == 90 })
	require.NoError(t, scale.cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, scale.wait(), scale.log())
	require.Zero(t, living())
	require.Equal(t, 90, d.count(`SELECT count(*) FROM jobs WHERE state = 'succeeded'`))
}

func TestScaleTellsWhatItWouldDo(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	run := func(words string) (code int, out, complaint string) {
		var said bytes.Buffer
		sh := shell{env: d.env, screen: &terminal.Screen{Out: &said, Err: &said}, log: slog.New(slog.DiscardHandler)}
		code = sh.execute(t.Context(), append([]string{"scale"}, strings.Fields(words)...), func(err error) { complaint = err.Error() })
		return code, said.String(), complaint
	}
	code, out, complaint := run("--procfile ../../Procfile --dry-run")
	require.Equal(t, terminal.Failure, code)
	require.Equal(t, "no scheduler has looked lately, so nobody knows more than the bounds", complaint)
	require.Equal(t, 5, strings.Count(out, "\n"), "worker-files, worker-ai, worker-mail, worker-maintenance: %s", out)
	_, err := d.pool.Exec(t.Context(), `INSERT INTO scaling_advice (tick, group_name, queues, living, least, most, wanted, reason)
		VALUES (now(), 'worker-ai', '{ai}', 1, 0, 9, 7, 'Much to do.')`)
	require.NoError(t, err)
	code, out, complaint = run("--procfile ../../Procfile --bounds worker-ai=1:4 --dry-run")
	require.Equal(t, terminal.OK, code, complaint)
	require.Regexp(t, `\nworker-ai +4  Much to do\. The bounds here are 1:4\.\n$`, out)
	for words, says := range map[string]string{
		"--procfile=none":                                  "--procfile: open none: no such file or directory",
		"--procfile=../../Makefile":                        "of the Procfile is not of the form name: command",
		"--procfile=../../Procfile --bounds=worker-ai=4:1": `--bounds worker-ai: "4:1" are no bounds`,
		"--procfile=../../Procfile --bounds=worker-x=1:4":  "has no line worker-x",
		"--procfile=../../Procfile --every=0s":             "--every and --grace are above zero",
		"--procfile=../../Procfile --port=65536":           "--port is from 1 to",
	} {
		code, _, complaint := run(words)
		require.NotEqual(t, terminal.OK, code)
		require.Contains(t, complaint, says, words)
	}
}

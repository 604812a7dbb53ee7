package operations_test

import (
	"context"
	"log/slog"
	"strings"
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
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/fault"
	"rohrpost/internal/operations"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
	"rohrpost/tasks"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const patience = 30 * time.Second

type nothing struct{}

var chore = queue.Kind[nothing]{Name: "test:chore", Queue: tasks.Files}

type house struct {
	*operations.Service
	t     testing.TB
	pool  *db.Pool
	admin audit.Actor
}

// open makes a house with a worker of the queue files, whose handler waits for end.
func open(t testing.TB, end <-chan struct{}) *house {
	t.Helper()
	logging.Disable()
	opts, err := redis.ParseURL(stacktest.Redis(t).URL())
	require.NoError(t, err)
	rdb := redis.NewClient(opts)
	t.Cleanup(func() { _ = rdb.Close() })
	h := &house{t: t, pool: dbtest.New(t), admin: audit.User(uuid.New())}
	h.exec(`INSERT INTO users (id, email, name, password_hash, role) VALUES ($1, 'ada@example.org', 'Ada', 'x', 'admin')`, h.admin.User)
	quiet := slog.New(slog.DiscardHandler)
	engine := queue.NewEngine(h.pool, rdb, stream.New(rdb, stream.Config{}), queue.Config{Silence: time.Minute}, quiet, nil)
	engine.Start(context.WithoutCancel(t.Context()))
	t.Cleanup(engine.Stop)
	mux := queue.NewMux()
	queue.Handle(mux, chore, func(ctx context.Context, _ *queue.Job[nothing]) (any, error) {
		select {
		case <-end:
			return nil, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	})
	r := queue.NewRunner(engine, mux, queue.RunnerConfig{
		Queues: map[string]int{tasks.Files: 3}, Concurrency: 2, Poll: 5 * time.Millisecond, Grace: 10 * time.Millisecond,
	})
	require.NoError(t, r.Start(t.Context()))
	t.Cleanup(func() { _ = r.Stop(context.Background()) })
	h.Service = operations.New(h.pool, engine, quiet)
	return h
}

func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	_, err := h.pool.Exec(context.WithoutCancel(h.t.Context()), sql, args...)
	require.NoError(h.t, err)
}

func (h *house) enqueue() (id uuid.UUID) {
	h.t.Helper()
	require.NoError(h.t, db.InTx(h.t.Context(), h.pool, func(tx pgx.Tx) error {
		job, err := queue.Enqueue(h.t.Context(), tx, chore, nothing{}, queue.By(uuid.New()))
		id = job.ID
		return err
	}))
	return id
}

func (h *house) await(id uuid.UUID, state string) (job db.Job) {
	h.t.Helper()
	require.Eventually(h.t, func() (is bool) {
		var err error
		job, err = db.New().JobByID(context.WithoutCancel(h.t.Context()), h.pool, id)
		require.NoError(h.t, err)
		return job.State == state
	}, patience, 10*time.Millisecond, state)
	return job
}

// log is what the audit log says, the oldest first.
func (h *house) log() (lines []string) {
	h.t.Helper()
	entries, err := audit.List(h.t.Context(), h.pool, audit.Filter{Limit: 50})
	require.NoError(h.t, err)
	for _, e := range entries {
		line := e.ActorName + " " + e.Action + " " + e.Target
		if e.Reason != "" {
			line += ": " + e.Reason
		}
		lines = append([]string{line}, lines...)
	}
	return lines
}

func TestAQueueIsPausedShownAndResumedAndTheLogSaysByWhom(t *testing.T) {
	t.Parallel()
	end := make(chan struct{})
	h := open(t, end)
	running := h.enqueue()
	h.await(running, queue.Running)

	state, err := h.Pause(t.Context(), h.admin, tasks.Files, "  the scanner is being replaced ")
	require.NoError(t, err)
	require.Equal(t, "ada@example.org", state.Pause.ActorName)
	require.Equal(t, "the scanner is being replaced", state.Pause.Reason)
	waiting := h.enqueue()
	close(end)
	h.await(running, queue.Succeeded)
	h.exec(`INSERT INTO jobs (id, kind, queue, args, state, max_attempts, owner, finished_at, discarded_at) VALUES
		(gen_random_uuid(), 'k', 'files', '{}', 'failed', 1, gen_random_uuid(), now() - interval '2 days', NULL),
		(gen_random_uuid(), 'k', 'files', '{}', 'failed', 1, gen_random_uuid(), now() - interval '2 hours', now()),
		(gen_random_uuid(), 'k', 'files', '{}', 'failed', 1, gen_random_uuid(), now() - interval '1 hour', NULL)`)
	h.exec(`INSERT INTO jobs (id, kind, queue, args, max_attempts, owner, run_at) VALUES
		(gen_random_uuid(), 'k', 'files', '{}', 1, gen_random_uuid(), now() + interval '1 hour')`)
	h.exec(`INSERT INTO jobs (id, kind, queue, args, max_attempts, owner, parked) VALUES
		(gen_random_uuid(), 'k', 'files', '{}', 1, gen_random_uuid(), true)`)

	queues, err := h.Queues(t.Context())
	require.NoError(t, err)
	names := make([]string, len(queues))
	for i, q := range queues {
		names[i] = q.Queue
	}
	require.Equal(t, tasks.QueueNames(), names)
	files := queues[1]
	require.Equal(t, "for longer", pausedAgain(h).Reason)
	require.NotNil(t, files.Oldest)
	require.Positive(t, files.PerMinute)
	files.Oldest, files.Pause, files.PerMinute = nil, nil, 0
	require.Equal(t, queue.State{Queue: tasks.Files, Waiting: 1, Parked: 1, Delayed: 1, Workers: 1, Slots: 2, FailedDay: 2, Dead: 2}, files)
	require.Equal(t, queue.State{Queue: tasks.AI}, queues[2])

	state, err = h.Resume(t.Context(), h.admin, tasks.Files)
	require.NoError(t, err)
	require.Nil(t, state.Pause)
	h.await(waiting, queue.Succeeded)
	_, err = h.Resume(t.Context(), h.admin, tasks.Files)
	require.NoError(t, err)
	require.Equal(t, []string{
		"ada@example.org queue.pause files: the scanner is being replaced", "bob@host queue.pause files: for longer",
		"ada@example.org queue.resume files",
	}, h.log(), "what was not paused was not resumed")
}

func pausedAgain(h *house) *db.QueuePause {
	state, err := h.Pause(h.t.Context(), audit.Actor{Name: "bob@host"}, tasks.Files, "for longer")
	require.NoError(h.t, err)
	require.Equal(h.t, "bob@host", state.Pause.ActorName)
	require.Nil(h.t, state.Pause.Actor)
	return state.Pause
}

func TestAPauseNeedsAQueueAndAReason(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	for reason, name := range map[string]string{"because": "nothing", "b": "", "c": "files\x00"} {
		_, err := h.Pause(t.Context(), h.admin, name, reason)
		require.Equal(t, fault.NotFound, fault.CodeOf(err))
		_, err = h.Resume(t.Context(), h.admin, name)
		require.Equal(t, fault.NotFound, fault.CodeOf(err))
	}
	for _, reason := range []string{"", " ", strings.Repeat("x", 501), "a\x00b", "a\xff"} {
		_, err := h.Pause(t.Context(), h.admin, tasks.Files, reason)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%q", reason)
	}
	require.Empty(t, h.log())
}

func TestWorkersAndWhatTheyRun(t *testing.T) {
	t.Parallel()
	end := make(chan struct{})
	h := open(t, end)
	job := h.await(h.enqueue(), queue.Running)
	workers, err := h.Workers(t.Context())
	require.NoError(t, err)
	require.Len(t, workers, 1)
	require.Equal(t, map[string]int{tasks.Files: 3}, workers[0].Weights)
	require.EqualValues(t, 2, workers[0].Concurrency)
	require.Len(t, workers[0].Running, 1)
	require.Equal(t, job.ID, workers[0].Running[0].ID)
	require.Equal(t, job.Owner, workers[0].Running[0].Owner)
	close(end)
	h.await(job.ID, queue.Succeeded)
}

func TestAnAdminCancelsRetriesAndDiscardsAnybodysJob(t *testing.T) {
	t.Parallel()
	end := make(chan struct{})
	h := open(t, end)
	id := h.enqueue()
	h.await(id, queue.Running)
	_, err := h.Retry(t.Context(), h.admin, id)
	require.Equal(t, queue.Ended, fault.CodeOf(err))
	_, err = h.Discard(t.Context(), h.admin, id)
	require.Equal(t, queue.Ended, fault.CodeOf(err))

	job, err := h.Cancel(t.Context(), h.admin, id)
	require.NoError(t, err)
	require.Equal(t, queue.Cancelled, job.State)
	require.Equal(t, "It was cancelled by an administrator.", *job.ErrorMessage)
	_, err = h.Cancel(t.Context(), h.admin, id)
	require.Equal(t, queue.Ended, fault.CodeOf(err))
	job, err = h.Retry(t.Context(), h.admin, id)
	require.NoError(t, err)
	require.Equal(t, queue.Queued, job.State)
	close(end)
	h.await(id, queue.Succeeded)

	h.exec(`UPDATE jobs SET state = 'failed' WHERE id = $1`, id)
	job, err = h.Discard(t.Context(), h.admin, id)
	require.NoError(t, err)
	require.NotNil(t, job.DiscardedAt)
	_, err = h.Discard(t.Context(), h.admin, id)
	require.Equal(t, queue.Ended, fault.CodeOf(err))
	for _, change := range []func(context.Context, audit.Actor, uuid.UUID) (db.Job, error){h.Cancel, h.Retry, h.Discard} {
		_, err := change(t.Context(), h.admin, uuid.New())
		require.Equal(t, fault.NotFound, fault.CodeOf(err))
	}
	require.Equal(t, []string{
		"ada@example.org job.cancel " + id.String(), "ada@example.org job.retry " + id.String(),
		"ada@example.org job.discard " + id.String(),
	}, h.log())
}

package mail_test

import (
	"context"
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
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/mail"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
	"rohrpost/tasks"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	// patience is how long a test waits for what must happen; nothing waits that long unless something is broken.
	patience  = 60 * time.Second
	pollEvery = 10 * time.Millisecond
	anna      = "anna@example.org"
	from      = "Rohrpost <noreply@rohrpost.example>"
	site      = "https://chat.example.org"
)

// house is the service on a database, Redis and a mail server, with the engine and a worker.
type house struct {
	*mail.Service
	t      testing.TB
	pool   *db.Pool
	engine *queue.Engine
	worker *queue.Runner
}

// desk is a service that writes mails down; nothing sends them.
func desk(t testing.TB, url string) *house {
	t.Helper()
	h := &house{t: t, pool: dbtest.New(t)}
	cfg := mail.Config{URL: url, PublicURL: site + "/"}
	if url != "" {
		cfg.From = from
	}
	var err error
	h.Service, err = mail.New(h.pool, cfg, h.logger())
	require.NoError(t, err)
	return h
}

// open is a desk whose mails are sent.
func open(t testing.TB, url string) *house {
	t.Helper()
	h := desk(t, url)
	logging.Disable()
	opened, err := redis.ParseURL(stacktest.Redis(t).URL())
	require.NoError(t, err)
	rdb := redis.NewClient(opened)
	t.Cleanup(func() { _ = rdb.Close() })
	h.engine = queue.NewEngine(h.pool, rdb, stream.New(rdb, stream.Config{}), queue.Config{
		RetryBase: 20 * time.Millisecond, RetryCap: 50 * time.Millisecond,
	}, h.logger(), nil)
	h.Follow(h.engine)
	h.FollowJobs(h.engine, tasks.Scan.Name, tasks.SendMail.Name)
	h.engine.Start(context.WithoutCancel(t.Context()))
	t.Cleanup(h.engine.Stop)
	mux := queue.NewMux()
	queue.Handle(mux, tasks.SendMail, h.SendMail)
	queue.Handle(mux, tasks.Scan, func(context.Context, *queue.Job[tasks.ScanArgs]) (any, error) { panic("a bug") })
	h.worker = queue.NewRunner(h.engine, mux, queue.RunnerConfig{
		Queues: tasks.DefaultWeights(), Poll: 5 * time.Millisecond, Concurrency: 8, Grace: 50 * time.Millisecond,
	})
	require.NoError(t, h.worker.Start(context.WithoutCancel(t.Context())))
	t.Cleanup(func() { _ = h.worker.Stop(context.Background()) })
	return h
}

func (h *house) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(h.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func (h *house) ctx() context.Context { return context.WithoutCancel(h.t.Context()) }

func (h *house) user(email, name, role string) uuid.UUID {
	h.t.Helper()
	id := uuid.New()
	_, err := db.New().InsertUser(h.ctx(), h.pool, db.InsertUserParams{ID: id, Email: email, Name: name, Role: role})
	require.NoError(h.t, err)
	return id
}

func (h *house) send(m mail.Mail) (job queue.Record, err error) {
	h.t.Helper()
	err = db.InTx(h.ctx(), h.pool, func(tx pgx.Tx) error {
		job, err = h.Send(h.ctx(), tx, m)
		return err
	})
	return job, err
}

// posted sends a mail that nothing speaks against.
func (h *house) posted(m mail.Mail) uuid.UUID {
	h.t.Helper()
	job, err := h.send(m)
	require.NoError(h.t, err)
	return job.ID
}

// untilJob waits until the job is as it should be.
func (h *house) untilJob(id uuid.UUID, ok func(db.Job) bool) db.Job {
	h.t.Helper()
	var job db.Job
	require.Eventuallyf(h.t, func() bool {
		var err error
		job, err = db.New().JobByID(h.ctx(), h.pool, id)
		return err == nil && ok(job)
	}, patience, pollEvery, "job is %+v", &job)
	return job
}

// ended waits for the end of a job and wants it in this state; it returns the job's mail, too.
func (h *house) ended(id uuid.UUID, state string) (db.Job, db.Mail) {
	h.t.Helper()
	job := h.untilJob(id, func(j db.Job) bool { return j.FinishedAt != nil })
	require.Equal(h.t, state, job.State, "%s: %v %v", job.Kind, text(job.ErrorCode), text(job.ErrorMessage))
	return job, h.mailOf(id)
}

func (h *house) mailOf(job uuid.UUID) db.Mail {
	h.t.Helper()
	all, err := h.List(h.ctx(), mail.Filter{Limit: 1000})
	require.NoError(h.t, err)
	for _, m := range all {
		if m.JobID == job {
			return m
		}
	}
	h.t.Fatalf("no mail of job %s among %d", job, len(all))
	return db.Mail{}
}

func (h *house) count(sql string, args ...any) (n int) {
	h.t.Helper()
	require.NoError(h.t, h.pool.QueryRow(h.ctx(), sql, args...).Scan(&n))
	return n
}

func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	_, err := h.pool.Exec(h.ctx(), sql, args...)
	require.NoError(h.t, err)
}

func received(t testing.TB, m *devstack.Mailpit) []devstack.ReceivedMail {
	t.Helper()
	got, err := m.Received(context.WithoutCancel(t.Context()))
	require.NoError(t, err)
	return got
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

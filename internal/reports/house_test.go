package reports_test

import (
	"context"
	"encoding/json"
	"io"
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
	"rohrpost/internal/blob"
	"rohrpost/internal/blob/blobtest"
	"rohrpost/internal/clamav"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/files"
	"rohrpost/internal/mail"
	"rohrpost/internal/queue"
	"rohrpost/internal/reports"
	"rohrpost/internal/stream"
	"rohrpost/tasks"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const (
	// patience is how long a test waits for what must happen; nothing waits that long unless something is broken.
	patience  = 60 * time.Second
	pollEvery = 10 * time.Millisecond
)

// house is the service on a storage, database, Redis and scanner, with the engine and a worker.
type house struct {
	*reports.Service
	t                testing.TB
	folder           string
	pool             *db.Pool
	rdb              *redis.Client
	files            *files.Service
	engine           *queue.Engine
	ada, bob, rooted uuid.UUID // two users and an admin
}

// open is a house that sends mail by the server at smtp, if any.
func open(t testing.TB, cfg reports.Config, smtp string) *house {
	t.Helper()
	logging.Disable()
	h := &house{t: t, folder: t.TempDir(), pool: dbtest.New(t)}
	url, err := blob.FileURL(h.folder)
	require.NoError(t, err)
	bucket, err := blob.Open(t.Context(), blob.Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(func() { _ = bucket.Close() })
	opened, err := redis.ParseURL(stacktest.Redis(t).URL())
	require.NoError(t, err)
	h.rdb = redis.NewClient(opened)
	t.Cleanup(func() { _ = h.rdb.Close() })
	events := stream.New(h.rdb, stream.Config{})
	h.files = files.New(h.pool, bucket, files.Config{Scanner: clamav.Config{Address: stacktest.Clamd(t).Address()}}, h.logger())
	mails := mail.Config{URL: smtp}
	if smtp != "" {
		mails.From = "Rohrpost <post@rohrpost.example>"
	}
	post, err := mail.New(h.pool, mails, h.logger())
	require.NoError(t, err)
	h.Service, err = reports.New(reports.Deps{Pool: h.pool, Files: h.files, Mail: post, Events: events, Log: h.logger()}, cfg)
	require.NoError(t, err)
	h.engine = queue.NewEngine(h.pool, h.rdb, events, queue.Config{
		RetryBase: 20 * time.Millisecond, RetryCap: 50 * time.Millisecond,
	}, h.logger(), nil)
	h.files.Follow(h.engine)
	post.Follow(h.engine)
	h.Follow(h.engine)
	h.engine.Start(h.ctx())
	t.Cleanup(h.engine.Stop)
	mux := queue.NewMux()
	queue.Handle(mux, tasks.BuildReport, h.Build)
	queue.Handle(mux, tasks.AnnounceReport, h.Announce)
	queue.Handle(mux, tasks.WeeklyReports, h.Weekly)
	queue.Handle(mux, tasks.Scan, h.files.Scan)
	queue.Handle(mux, tasks.Purge, h.files.Purge)
	queue.Handle(mux, tasks.SendMail, post.SendMail)
	worker := queue.NewRunner(h.engine, mux, queue.RunnerConfig{
		Queues: tasks.DefaultWeights(), Poll: 5 * time.Millisecond, Concurrency: 8, Grace: time.Second,
	})
	require.NoError(t, worker.Start(h.ctx()))
	t.Cleanup(func() { _ = worker.Stop(context.Background()) })
	h.ada, h.bob = h.user("ada@example.org", "Ada", "user"), h.user("bob@example.org", "Bob", "user")
	h.rooted = h.user("root@example.org", "Root", "admin")
	return h
}

func (h *house) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(h.t.Output(), &slog.HandlerOptions{Level: slog.LevelError + 1}))
}

func (h *house) ctx() context.Context { return context.WithoutCancel(h.t.Context()) }

func (h *house) user(email, name, role string) uuid.UUID {
	h.t.Helper()
	id := uuid.New()
	_, err := db.New().InsertUser(h.ctx(), h.pool, db.InsertUserParams{ID: id, Email: email, Name: name, Role: role})
	require.NoError(h.t, err)
	return id
}

func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	_, err := h.pool.Exec(h.ctx(), sql, args...)
	require.NoError(h.t, err)
}

func (h *house) count(sql string, args ...any) (n int) {
	h.t.Helper()
	require.NoError(h.t, h.pool.QueryRow(h.ctx(), sql, args...).Scan(&n))
	return n
}

func (h *house) eventually(ok func() bool, what string, args ...any) {
	h.t.Helper()
	require.Eventuallyf(h.t, ok, patience, pollEvery, what, args...)
}

// ask requests a report in a transaction of its own.
func (h *house) ask(owner uuid.UUID, w reports.Wanted) (report db.Report, err error) {
	h.t.Helper()
	err = db.InTx(h.ctx(), h.pool, func(tx pgx.Tx) error {
		report, err = h.Request(h.ctx(), tx, owner, w)
		return err
	})
	return report, err
}

// asked requests a report that nothing speaks against.
func (h *house) asked(owner uuid.UUID, w reports.Wanted) db.Report {
	h.t.Helper()
	report, err := h.ask(owner, w)
	require.NoError(h.t, err)
	return report
}

// until waits until a report is in this state.
func (h *house) until(report db.Report, state string) (got reports.Report) {
	h.t.Helper()
	h.eventually(func() bool {
		var err error
		got, err = h.Get(h.ctx(), report.Owner, report.ID)
		return err == nil && got.State() == state
	}, "report is %+v", &got)
	return got
}

// untilJob waits until the job is as it should be.
func (h *house) untilJob(id uuid.UUID, ok func(db.Job) bool) (job db.Job) {
	h.t.Helper()
	h.eventually(func() bool {
		var err error
		job, err = db.New().JobByID(h.ctx(), h.pool, id)
		return err == nil && ok(job)
	}, "job is %+v", &job)
	return job
}

// read returns the document of a format, as its owner downloads it.
func (h *house) read(report reports.Report, format string) []byte {
	h.t.Helper()
	for _, f := range report.Files {
		if f.Format != format {
			continue
		}
		content, err := h.files.Open(h.ctx(), report.Owner, f.ID)
		require.NoError(h.t, err)
		r, err := content.NewRangeReader(h.ctx(), 0, -1)
		require.NoError(h.t, err)
		raw, err := io.ReadAll(r)
		require.NoError(h.t, err)
		require.NoError(h.t, r.Close())
		return raw
	}
	h.t.Fatalf("no %s in %+v", format, report)
	return nil
}

// usage is what the JSON of a ready report says.
func (h *house) usage(report db.Report) (u reports.Usage) {
	h.t.Helper()
	require.NoError(h.t, json.Unmarshal(h.read(h.until(report, reports.Ready), tasks.ReportJSON), &u))
	return u
}

// stored counts what is in the storage.
func (h *house) stored() int {
	h.t.Helper()
	return len(blobtest.Keys(h.t, h.folder))
}

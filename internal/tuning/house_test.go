package tuning_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"rohrpost/db"
	"rohrpost/db/dbtest"
	"rohrpost/internal/ai"
	"rohrpost/internal/audit"
	"rohrpost/internal/blob"
	"rohrpost/internal/datasets"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/openai"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
	"rohrpost/internal/tuning"
	"rohrpost/internal/tuning/tuningtest"
	"rohrpost/tasks"
)

func TestMain(m *testing.M) {
	// A proxy that cut a connection has goroutines that wait for ever to pass on what came after the cut.
	const proxy = "github.com/Shopify/toxiproxy/v2"
	dbtest.Main(m, goleak.IgnoreAnyFunction(proxy+".(*ToxicLink).read"),
		goleak.IgnoreAnyFunction(proxy+"/toxics.(*ToxicStub).Run"))
}

// patience is how long a test waits for what must happen; nothing waits that long unless something is broken.
const patience = 60 * time.Second

// retry bounds the wait before another attempt, so far off that none of them comes by itself: the wait is at random.
const retry = 10000 * time.Hour

// house is the service with all that it stands on, a worker, and a tuning service to talk to.
type house struct {
	*tuning.Service
	t        testing.TB
	pool     *db.Pool
	redis    *devstack.Redis
	bucket   *blob.Bucket
	datasets *datasets.Service
	ai       *ai.Service
	engine   *queue.Engine
	hub      *stream.Hub
	mux      *queue.Mux
	runner   *queue.Runner
	remote   *tuningtest.Server
	admin    uuid.UUID
	ahead    atomic.Int64 // by how much the service's clock goes ahead
}

// options change a house before it is opened.
type options struct {
	cfg         tuning.Config
	concurrency int
	ollama      string                                 // none if empty
	url         func(remote *tuningtest.Server) string // of the tuning service; nil is the server itself
	bind        func(mux *queue.Mux)
}

// open opens a house whose jobs wait for an hour wherever they wait, until the test brings them forward: it owns the time.
func open(t testing.TB, o options) *house {
	t.Helper()
	logging.Disable()
	h := &house{t: t, pool: dbtest.New(t), redis: stacktest.Redis(t), remote: tuningtest.New(t), admin: uuid.New()}
	h.exec(`INSERT INTO users (id, email, name, password_hash, role) VALUES ($1, 'root@example.org', 'Root', '', 'admin')`, h.admin)
	address, err := blob.FileURL(t.TempDir())
	require.NoError(t, err)
	h.bucket, err = blob.Open(t.Context(), blob.Config{URL: address})
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.bucket.Close() })
	opened, err := redis.ParseURL(h.redis.URL())
	require.NoError(t, err)
	rdb := redis.NewClient(opened)
	t.Cleanup(func() { _ = rdb.Close() })
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	h.datasets, err = datasets.New(h.pool, h.bucket, datasets.Config{}, log)
	require.NoError(t, err)

	url := h.remote.URL()
	if o.url != nil {
		url = o.url(h.remote)
	}
	client, err := openai.New(openai.Config{URL: url, APIKey: tuningtest.Key, Timeout: 20 * time.Second})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	h.ai, err = ai.New(h.pool, ai.Config{OllamaHost: o.ollama}, ai.Through(client))
	require.NoError(t, err)
	t.Cleanup(h.ai.Close)
	if o.cfg.PollMin == 0 {
		o.cfg.PollMin, o.cfg.PollMax = time.Hour, time.Hour
	}
	if o.cfg.Settle == 0 {
		o.cfg.Settle = time.Hour
	}
	h.Service, err = tuning.New(tuning.Deps{Pool: h.pool, Datasets: h.datasets, AI: h.ai, Remote: client, Log: log}, o.cfg)
	require.NoError(t, err)
	h.SetClock(func() time.Time { return time.Now().Add(time.Duration(h.ahead.Load())) })

	events := stream.New(rdb, stream.Config{})
	h.engine = queue.NewEngine(h.pool, rdb, events, queue.Config{RetryBase: retry, RetryCap: retry}, log, nil)
	h.Follow(h.engine)
	h.datasets.Follow(h.engine)
	h.ai.Follow(h.engine)
	h.engine.Start(h.ctx())
	t.Cleanup(h.engine.Stop)
	h.mux = queue.NewMux()
	queue.Handle(h.mux, tasks.Export, h.datasets.Export)
	queue.Handle(h.mux, tasks.Infer, h.ai.Infer)
	queue.Handle(h.mux, tasks.Tune, h.Tune)
	queue.Handle(h.mux, tasks.EndTuning, h.End)
	queue.Handle(h.mux, tasks.MakeModel, h.MakeModel)
	queue.Handle(h.mux, tasks.DeleteModel, h.DeleteModel)
	if o.bind != nil {
		o.bind(h.mux)
	}
	if o.concurrency == 0 {
		o.concurrency = 4
	}
	h.runner = queue.NewRunner(h.engine, h.mux, queue.RunnerConfig{
		Queues: tasks.DefaultWeights(), Poll: 5 * time.Millisecond, Concurrency: o.concurrency, Grace: 200 * time.Millisecond,
	})
	require.NoError(t, h.runner.Start(h.ctx()))
	t.Cleanup(func() { _ = h.runner.Stop(context.Background()) })
	h.hub = stream.NewHub(rdb, stream.Config{}, nil, log)
	h.hub.Start(h.ctx())
	t.Cleanup(h.hub.Stop)
	return h
}

func (h *house) ctx() context.Context { return context.WithoutCancel(h.t.Context()) }

func (h *house) within() context.Context {
	ctx, cancel := context.WithTimeout(h.ctx(), patience)
	h.t.Cleanup(cancel)
	return ctx
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

func (h *house) eventually(what string, ok func() bool) {
	h.t.Helper()
	require.Eventually(h.t, ok, patience, 5*time.Millisecond, what)
}

// dataset exports n conversations of the admin, a part of them to validate by.
func (h *house) dataset(n int, format string) uuid.UUID {
	h.t.Helper()
	for i := range n {
		h.exec(`INSERT INTO ai_queries (id, owner, job_id, model, prompt, answer, finish_reason)
			VALUES ($1, $2, $3, 'tiny', $4, 'It arrives, word by word.', 'stop')`,
			uuid.Must(uuid.NewV7()), h.admin, uuid.New(), fmt.Sprintf("What becomes of letter %d?", i))
	}
	who := datasets.Viewer{ID: h.admin, Admin: true}
	var made db.Dataset
	h.inTx(func(tx pgx.Tx) (err error) {
		made, _, err = h.datasets.Create(h.ctx(), tx, who, datasets.Spec{
			Format: format, Scope: datasets.Mine, MinRating: datasets.Bad, Redact: true, ValidationShare: 0.25,
		})
		return err
	})
	h.eventually("the dataset is ready", func() bool {
		d, err := h.datasets.Get(h.ctx(), who, made.ID)
		return err == nil && d.State == datasets.Ready
	})
	return made.ID
}

func (h *house) inTx(fn func(tx pgx.Tx) error) {
	h.t.Helper()
	require.NoError(h.t, db.InTx(h.ctx(), h.pool, fn))
}

func (h *house) by() audit.Actor { return audit.User(h.admin) }

func order(dataset uuid.UUID) tuning.Order {
	return tuning.Order{DatasetID: dataset, BaseModel: tuningtest.Base, Suffix: "letters", Validation: true}
}

// start starts a tuning and returns its id and its job's, when its first run is over.
func (h *house) start(o tuning.Order) (id, job uuid.UUID) {
	h.t.Helper()
	require.NoError(h.t, h.Check(h.ctx(), h.by(), o))
	h.inTx(func(tx pgx.Tx) error {
		t, record, err := h.Start(h.ctx(), tx, h.by(), o)
		id, job = t.ID, record.ID
		return err
	})
	h.rests(job, time.Time{})
	return id, job
}

func (h *house) tuning(id uuid.UUID) tuning.Tuning {
	h.t.Helper()
	t, err := h.Get(h.ctx(), id)
	require.NoError(h.t, err)
	return t
}

func (h *house) job(id uuid.UUID) db.Job {
	h.t.Helper()
	job, err := db.New().JobByID(h.ctx(), h.pool, id)
	require.NoError(h.t, err)
	return job
}

// rests waits until a job has begun to run after a time and waits again, or is over.
func (h *house) rests(id uuid.UUID, after time.Time) (job db.Job) {
	h.t.Helper()
	h.eventually("the job rests", func() bool {
		job = h.job(id)
		began := job.StartedAt != nil && job.StartedAt.After(after)
		return began && job.State != queue.Running && (job.State != queue.Queued || time.Until(job.RunAt) > time.Minute)
	})
	return job
}

// again brings a waiting job forward, with the clock past whatever it waited for, and waits until it rests again.
func (h *house) again(id uuid.UUID) db.Job {
	h.t.Helper()
	job := h.job(id)
	require.Equal(h.t, queue.Queued, job.State, "%v", deref(job.ErrorMessage))
	h.ahead.Add(int64(2 * time.Hour))
	h.exec(`UPDATE jobs SET run_at = now(), epoch = epoch + 1, dispatched_at = NULL WHERE id = $1`, id)
	h.engine.Wake(job.Queue)
	var after time.Time
	if job.StartedAt != nil {
		after = *job.StartedAt
	}
	return h.rests(id, after)
}

// ends are the jobs that end something at the service, the newest first.
func (h *house) ends() (ids []uuid.UUID) {
	h.t.Helper()
	rows, err := h.pool.Query(h.ctx(), `SELECT id FROM jobs WHERE kind = $1 ORDER BY id DESC`, tasks.EndTuning.Name)
	require.NoError(h.t, err)
	ids, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	require.NoError(h.t, err)
	return ids
}

func (h *house) ended(id uuid.UUID, into any) {
	h.t.Helper()
	job := h.job(id)
	if job.State == queue.Queued && time.Until(job.RunAt) > time.Minute {
		h.again(id)
	}
	h.eventually("the job ends", func() bool { job = h.job(id); return job.FinishedAt != nil })
	require.Equal(h.t, queue.Succeeded, job.State, "%v", deref(job.ErrorMessage))
	if into != nil {
		require.NoError(h.t, json.Unmarshal(job.Result, into))
	}
}

// told reads a job's stream from its beginning until it ends or holds its breath.
func (h *house) told(job uuid.UUID) (events []tuning.Event, types []string) {
	h.t.Helper()
	sub, err := h.hub.Subscribe(h.within(), stream.Job(job), "")
	require.NoError(h.t, err)
	defer sub.Close()
	for {
		ctx, cancel := context.WithTimeout(h.ctx(), 500*time.Millisecond)
		e, err := sub.Next(ctx)
		cancel()
		if errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) {
			return events, types
		}
		require.NoError(h.t, err)
		types = append(types, e.Type)
		if e.Type == tuning.EventType {
			var one tuning.Event
			require.NoError(h.t, json.Unmarshal(e.Data, &one))
			events = append(events, one)
		}
	}
}

// same compares events, but for the spaces in their data.
func (h *house) same(want, got []tuning.Event) {
	h.t.Helper()
	a, err := json.Marshal(want)
	require.NoError(h.t, err)
	b, err := json.Marshal(got)
	require.NoError(h.t, err)
	require.Equal(h.t, string(a), string(b))
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// ask puts a question to a model and waits for its answer.
func (h *house) ask(q ai.Question) (answer ai.Result) {
	h.t.Helper()
	var job db.Job
	require.NoError(h.t, db.AtOnce(h.ctx(), h.pool, func(w *db.Writes) (err error) {
		job, err = h.ai.Ask(h.ctx(), w, h.admin, q)
		return err
	}))
	h.ended(job.ID, &answer)
	return answer
}

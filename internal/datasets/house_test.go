package datasets_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
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
	"rohrpost/internal/blob"
	"rohrpost/internal/blob/blobtest"
	"rohrpost/internal/datasets"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
	"rohrpost/tasks"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// patience is how long a test waits for what must happen; nothing waits that long unless something is broken.
const patience = 60 * time.Second

// house is the service on a storage, database and Redis, with the engine and a worker.
type house struct {
	*datasets.Service
	t      testing.TB
	folder string
	bucket *blob.Bucket
	pool   *db.Pool
	engine *queue.Engine
	me     datasets.Viewer
	clock  time.Time // when the next conversation is
}

func open(t testing.TB, change ...func(*queue.RunnerConfig)) *house {
	t.Helper()
	logging.Disable()
	h := &house{t: t, folder: t.TempDir(), pool: dbtest.New(t), clock: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	url, err := blob.FileURL(h.folder)
	require.NoError(t, err)
	h.bucket, err = blob.Open(t.Context(), blob.Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.bucket.Close() })
	opened, err := redis.ParseURL(stacktest.Redis(t).URL())
	require.NoError(t, err)
	rdb := redis.NewClient(opened)
	t.Cleanup(func() { _ = rdb.Close() })
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	h.Service, err = datasets.New(h.pool, h.bucket, datasets.Config{}, log)
	require.NoError(t, err)
	h.engine = queue.NewEngine(h.pool, rdb, stream.New(rdb, stream.Config{}), queue.Config{
		RetryBase: 20 * time.Millisecond, RetryCap: 50 * time.Millisecond,
	}, log, nil)
	h.Follow(h.engine)
	h.engine.Start(context.WithoutCancel(t.Context()))
	t.Cleanup(h.engine.Stop)
	mux := queue.NewMux()
	queue.Handle(mux, tasks.Export, h.Export)
	queue.Handle(mux, tasks.PurgeDataset, h.Purge)
	cfg := queue.RunnerConfig{Queues: tasks.DefaultWeights(), Poll: 5 * time.Millisecond, Concurrency: 4}
	for _, c := range change {
		c(&cfg)
	}
	worker := queue.NewRunner(h.engine, mux, cfg)
	require.NoError(t, worker.Start(context.WithoutCancel(t.Context())))
	t.Cleanup(func() { _ = worker.Stop(context.Background()) })
	h.me = h.user("user")
	return h
}

func (h *house) ctx() context.Context { return context.WithoutCancel(h.t.Context()) }

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

func (h *house) user(role string) datasets.Viewer {
	h.t.Helper()
	id := uuid.New()
	_, err := db.New().InsertUser(h.t.Context(), h.pool, db.InsertUserParams{
		ID: id, Email: id.String() + "@example.org", Name: role, Role: role,
	})
	require.NoError(h.t, err)
	return datasets.Viewer{ID: id, Admin: role == "admin"}
}

// talk is a conversation. Empty fields have a value that is exported.
type talk struct {
	by                            datasets.Viewer
	model, system, prompt, answer string
	finish                        string
	rating                        int
}

// talked puts conversations on record, an hour after another.
func (h *house) talked(talks ...talk) {
	h.t.Helper()
	for _, t := range talks {
		if t.by.ID == uuid.Nil {
			t.by = h.me
		}
		if t.model == "" {
			t.model = "tiny"
		}
		if t.finish == "" {
			t.finish = "stop"
		}
		id, err := uuid.NewV7()
		require.NoError(h.t, err)
		h.exec(`INSERT INTO ai_queries (id, owner, job_id, model, system, prompt, answer, finish_reason, rating, prompt_tokens,
			completion_tokens, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, nullif($9::int, 0), 3, 4, $10)`,
			id, t.by.ID, uuid.New(), t.model, t.system, t.prompt, t.answer, t.finish, t.rating, h.clock)
		h.clock = h.clock.Add(time.Hour)
	}
}

// spec is an export of one's own conversations as chat, without a validation part.
func spec(change ...func(*datasets.Spec)) datasets.Spec {
	s := datasets.Spec{Format: datasets.Chat, Scope: datasets.Mine, MinRating: datasets.Bad, Redact: true}
	for _, c := range change {
		c(&s)
	}
	return s
}

func everyone(s *datasets.Spec) { s.Scope = datasets.Everyone }

func (h *house) create(who datasets.Viewer, s datasets.Spec) db.Dataset {
	h.t.Helper()
	var made db.Dataset
	require.NoError(h.t, db.InTx(h.ctx(), h.pool, func(tx pgx.Tx) (err error) {
		made, _, err = h.Create(h.ctx(), tx, who, s)
		return err
	}))
	return made
}

// export waits for a dataset to be ready.
func (h *house) export(who datasets.Viewer, s datasets.Spec) datasets.Dataset {
	h.t.Helper()
	return h.until(who, h.create(who, s).ID, datasets.Ready)
}

func (h *house) until(who datasets.Viewer, id uuid.UUID, state string) (d datasets.Dataset) {
	h.t.Helper()
	h.eventually(func() bool {
		var err error
		d, err = h.Get(h.ctx(), who, id)
		return err == nil && d.State == state
	}, "want %s, dataset is %+v", state, &d)
	return d
}

func (h *house) job(id uuid.UUID) db.Job {
	h.t.Helper()
	job, err := db.New().JobByID(h.ctx(), h.pool, id)
	require.NoError(h.t, err)
	return job
}

func (h *house) eventually(ok func() bool, msg string, args ...any) {
	h.t.Helper()
	require.Eventuallyf(h.t, ok, patience, 10*time.Millisecond, msg, args...)
}

// content reads a file and checks it against its record.
func (h *house) content(who datasets.Viewer, id uuid.UUID, name string) []byte {
	h.t.Helper()
	file, err := h.OpenFile(h.ctx(), who.ID, who.Admin, id, name)
	require.NoError(h.t, err)
	r, err := file.NewReader(h.ctx())
	require.NoError(h.t, err)
	text, err := io.ReadAll(r)
	require.NoError(h.t, err)
	require.NoError(h.t, r.Close())
	require.EqualValues(h.t, file.Size, len(text))
	sum := sha256.Sum256(text)
	require.Equal(h.t, sum[:], file.SHA256)
	return text
}

// chat is a line of the chat format.
type chat struct {
	Messages []struct{ Role, Content string }
}

// said are the lines of a file in the chat format, each as its messages in one string.
func (h *house) said(who datasets.Viewer, id uuid.UUID, name string) []string {
	h.t.Helper()
	all := []string{}
	lines := bufio.NewScanner(bytes.NewReader(h.content(who, id, name)))
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var line chat
		require.NoError(h.t, json.Unmarshal(lines.Bytes(), &line))
		var parts []string
		for _, m := range line.Messages {
			parts = append(parts, m.Role+": "+m.Content)
		}
		all = append(all, strings.Join(parts, " | "))
	}
	require.NoError(h.t, lines.Err())
	return all
}

// stored lists the keys in the storage.
func (h *house) stored() []string {
	h.t.Helper()
	return blobtest.Keys(h.t, h.folder)
}

// keys are those that the record of a dataset names.
func keys(d datasets.Dataset) (all []string) {
	for _, f := range d.Files {
		all = append(all, f.BlobKey)
	}
	return all
}

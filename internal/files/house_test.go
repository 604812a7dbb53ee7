package files_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
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
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
	"rohrpost/tasks"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// patience is how long a test waits for what must happen; nothing waits that long unless something is broken.
const patience = 60 * time.Second

// house is the service on a storage, database, Redis and scanner, with the engine and a worker.
type house struct {
	*files.Service
	t      testing.TB
	folder string
	bucket *blob.Bucket
	pool   *db.Pool
	rdb    *redis.Client
	engine *queue.Engine
	owner  uuid.UUID
}

// storage is a service that receives and reads; nothing runs its jobs.
func storage(t testing.TB, cfg files.Config, opts ...files.Option) *house {
	t.Helper()
	return storageOn(t, t.TempDir(), cfg, opts...)
}

func storageOn(t testing.TB, folder string, cfg files.Config, opts ...files.Option) *house {
	t.Helper()
	h := &house{t: t, folder: folder, pool: dbtest.New(t)}
	url, err := blob.FileURL(h.folder)
	require.NoError(t, err)
	h.bucket, err = blob.Open(t.Context(), blob.Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.bucket.Close() })
	h.Service = files.New(h.pool, h.bucket, cfg, h.logger(), opts...)
	h.owner = h.user("user")
	return h
}

// open is a storage whose jobs are run.
func open(t testing.TB, cfg files.Config, opts ...files.Option) *house {
	t.Helper()
	return openOn(t, t.TempDir(), cfg, opts...)
}

func openOn(t testing.TB, folder string, cfg files.Config, opts ...files.Option) *house {
	t.Helper()
	logging.Disable()
	opened, err := redis.ParseURL(stacktest.Redis(t).URL())
	require.NoError(t, err)
	rdb := redis.NewClient(opened)
	t.Cleanup(func() { _ = rdb.Close() })
	events := stream.New(rdb, stream.Config{})
	if cfg.Scanner.Address == "" {
		cfg.Scanner.Address = stacktest.Clamd(t).Address()
	}
	h := storageOn(t, folder, cfg, append(opts, files.Through(events))...)
	h.rdb = rdb
	h.engine = queue.NewEngine(h.pool, rdb, events, queue.Config{
		RetryBase: 20 * time.Millisecond, RetryCap: 50 * time.Millisecond,
	}, h.logger(), nil)
	h.Follow(h.engine)
	h.engine.Start(context.WithoutCancel(t.Context()))
	t.Cleanup(h.engine.Stop)
	mux := queue.NewMux()
	queue.Handle(mux, tasks.Scan, h.Scan)
	queue.Handle(mux, tasks.Thumbnail, h.Thumbnail)
	queue.Handle(mux, tasks.Purge, h.Purge)
	queue.Handle(mux, tasks.Rescan, h.Rescan)
	queue.Handle(mux, tasks.Release, h.Release)
	queue.Handle(mux, tasks.NoticeAdmins, h.NoticeAdmins)
	queue.Handle(mux, tasks.NoticeOwner, h.NoticeOwner)
	w := queue.NewRunner(h.engine, mux, queue.RunnerConfig{
		Queues: tasks.DefaultWeights(), Poll: 5 * time.Millisecond, Concurrency: 4,
	})
	require.NoError(t, w.Start(context.WithoutCancel(t.Context())))
	t.Cleanup(func() { _ = w.Stop(context.Background()) })
	return h
}

func (h *house) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(h.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func (h *house) user(role string) uuid.UUID {
	h.t.Helper()
	id := uuid.New()
	_, err := db.New().InsertUser(h.t.Context(), h.pool, db.InsertUserParams{
		ID: id, Email: id.String() + "@example.org", Name: role, Role: role,
	})
	require.NoError(h.t, err)
	return id
}

// upload receives and records content.
func (h *house) upload(name string, content []byte) db.File {
	h.t.Helper()
	up, err := h.Receive(h.t.Context(), name, bytes.NewReader(content))
	require.NoError(h.t, err)
	return h.record(up)
}

func (h *house) record(up *files.Upload) db.File {
	h.t.Helper()
	require.NoError(h.t, db.AtOnce(h.t.Context(), h.pool, func(w *db.Writes) error {
		_, err := h.Record(h.t.Context(), w, h.owner, up)
		return err
	}))
	file, err := db.New().FileByID(h.t.Context(), h.pool, up.ID)
	require.NoError(h.t, err)
	return file
}

// await waits until the file has been through all of its jobs.
func (h *house) await(id uuid.UUID) files.File {
	h.t.Helper()
	return h.until(id, func(f files.File) bool {
		return f.Status != files.Processing && f.ThumbnailStatus != files.ThumbnailsPending
	})
}

func (h *house) until(id uuid.UUID, ok func(files.File) bool) files.File {
	h.t.Helper()
	var file files.File
	h.eventually(func() bool {
		var err error
		file, err = h.Get(h.ctx(), h.owner, id)
		return err == nil && ok(file)
	}, "file is %+v", &file)
	return file
}

// untilJob waits until the job is as it should be.
func (h *house) untilJob(id uuid.UUID, ok func(db.Job) bool) db.Job {
	h.t.Helper()
	var job db.Job
	h.eventually(func() bool {
		var err error
		job, err = db.New().JobByID(h.ctx(), h.pool, id)
		return err == nil && ok(job)
	}, "job is %+v", &job)
	return job
}

func (h *house) eventually(ok func() bool, msg string, args ...any) {
	h.t.Helper()
	require.Eventuallyf(h.t, ok, patience, 10*time.Millisecond, msg, args...)
}

func (h *house) ctx() context.Context { return context.WithoutCancel(h.t.Context()) }

func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	_, err := h.pool.Exec(h.ctx(), sql, args...)
	require.NoError(h.t, err)
}

// stored lists what is in the storage, by the part of the key that says what it is.
func (h *house) stored() []string {
	h.t.Helper()
	names := []string{}
	for _, key := range blobtest.Keys(h.t, h.folder) {
		kind, rest, _ := strings.Cut(key, "/")
		if kind == "thumbnails" {
			kind = rest[strings.LastIndex(rest, "-")+1:]
		}
		names = append(names, kind)
	}
	return names
}

// download reads from content.
func (h *house) download(c *files.Content, offset, length int64) []byte {
	h.t.Helper()
	r, err := c.NewRangeReader(h.t.Context(), offset, length)
	require.NoError(h.t, err)
	content, err := io.ReadAll(r)
	require.NoError(h.t, err)
	require.NoError(h.t, r.Close())
	return content
}

// verdict is a scanner that always says the same.
func verdict(name string) files.Option {
	return files.ScanWith(func(context.Context) (clamav.Verdict, error) { return clamav.Verdict{Name: name}, nil })
}

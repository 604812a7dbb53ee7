package cleanup_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
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
	"rohrpost/internal/accounts"
	"rohrpost/internal/blob"
	"rohrpost/internal/blob/blobtest"
	"rohrpost/internal/cleanup"
	"rohrpost/internal/datasets"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/files"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
	"rohrpost/tasks"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const day = 24 * time.Hour

// house is the service on a database and a storage.
type house struct {
	*cleanup.Service
	t      testing.TB
	folder string
	pool   *db.Pool
	bucket *blob.Bucket
	files  *files.Service
	engine *queue.Engine // not started
	rdb    *redis.Client
	owner  uuid.UUID
}

func open(t testing.TB, cfg cleanup.Config) *house {
	t.Helper()
	h := &house{t: t, folder: t.TempDir(), pool: dbtest.New(t), owner: uuid.New()}
	url, err := blob.FileURL(h.folder)
	require.NoError(t, err)
	h.bucket, err = blob.Open(t.Context(), blob.Config{URL: url})
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.bucket.Close() })
	quiet := slog.New(slog.DiscardHandler)
	h.files = files.New(h.pool, h.bucket, files.Config{}, quiet)
	exports, err := datasets.New(h.pool, h.bucket, datasets.Config{}, quiet)
	require.NoError(t, err)
	logging.Disable()
	opts, err := redis.ParseURL(stacktest.Redis(t).URL())
	require.NoError(t, err)
	h.rdb = redis.NewClient(opts)
	t.Cleanup(func() { _ = h.rdb.Close() })
	h.engine = queue.NewEngine(h.pool, h.rdb, stream.New(h.rdb, stream.Config{}), queue.Config{}, quiet, nil)
	h.Service, err = cleanup.New(cleanup.Deps{
		Pool: h.pool, Bucket: h.bucket, Files: h.files, Log: quiet,
		Accounts: accounts.NewSweeper(h.pool, accounts.Config{}), Datasets: exports, Archive: h.engine,
	}, cfg)
	require.NoError(t, err)
	h.exec(`INSERT INTO users (id, email, name, password_hash) VALUES ($1, 'anna@example.org', 'Anna', '')`, h.owner)
	return h
}

func (h *house) exec(sql string, args ...any) {
	h.t.Helper()
	_, err := h.pool.Exec(context.WithoutCancel(h.t.Context()), sql, args...)
	require.NoError(h.t, err)
}

func (h *house) count(sql string, args ...any) (n int) {
	h.t.Helper()
	require.NoError(h.t, h.pool.QueryRow(h.t.Context(), sql, args...).Scan(&n))
	return n
}

// names are what the query says is there, in order.
func (h *house) names(sql string) []string {
	h.t.Helper()
	rows, err := h.pool.Query(h.t.Context(), sql)
	require.NoError(h.t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(h.t, err)
	return names
}

// sweep sweeps one thing, first dry, and returns its line.
func (h *house) sweep(what string) cleanup.Line {
	h.t.Helper()
	dry := h.run(tasks.SweepArgs{DryRun: true, Only: []string{what}})
	line := h.run(tasks.SweepArgs{Only: []string{what}})
	require.Equal(h.t, dry, line, "a dry run says what will be")
	return line
}

func (h *house) run(args tasks.SweepArgs) cleanup.Line {
	h.t.Helper()
	report, err := h.Run(h.t.Context(), args, nil)
	require.NoError(h.t, err)
	require.Len(h.t, report.Lines, 1)
	return report.Lines[0]
}

// job puts a job there that ended so long ago.
func (h *house) job(kind, state string, ago time.Duration) uuid.UUID {
	h.t.Helper()
	id := uuid.New()
	h.exec(`INSERT INTO jobs (id, kind, queue, args, state, max_attempts, owner, finished_at) VALUES
		($1, $2, 'q', '{}', $3, 1, $4, CASE WHEN $5::float8 > 0 THEN now() - make_interval(secs => $5) END)`,
		id, kind, state, h.owner, ago.Seconds())
	return id
}

// upload makes a file with content.
func (h *house) upload(content string) db.File {
	h.t.Helper()
	up, err := h.files.Receive(h.t.Context(), "letter.txt", bytes.NewReader([]byte(content)))
	require.NoError(h.t, err)
	require.NoError(h.t, db.AtOnce(h.t.Context(), h.pool, func(w *db.Writes) error {
		_, err := h.files.Record(h.t.Context(), w, h.owner, up)
		return err
	}))
	file, err := db.New().FileByID(h.t.Context(), h.pool, up.ID)
	require.NoError(h.t, err)
	return file
}

// dataset puts a dataset there that was asked for so long ago, and whose job is in its given run.
func (h *house) dataset(state string, epoch int64, ago time.Duration) uuid.UUID {
	h.t.Helper()
	id := uuid.New()
	job := h.job("ai:export", map[string]string{"ready": "succeeded", "building": "running", "failed": "failed"}[state], 0)
	h.exec(`UPDATE jobs SET epoch = $2 WHERE id = $1`, job, epoch)
	h.exec(`INSERT INTO datasets (id, owner, job_id, scope, spec, state, created_at)
		VALUES ($1, $2, $3, 'mine', '{}', $4, now() - make_interval(secs => $5))`, id, h.owner, job, state, ago.Seconds())
	return id
}

// put stores a blob that no record names.
func (h *house) put(key string) {
	h.t.Helper()
	require.NoError(h.t, h.bucket.Put(h.t.Context(), key, "", strings.NewReader("12345")))
}

// age makes all that is in the storage so old.
func (h *house) age(by time.Duration) {
	h.t.Helper()
	then := time.Now().Add(-by)
	for _, key := range h.stored() {
		require.NoError(h.t, os.Chtimes(filepath.Join(h.folder, key), then, then))
	}
}

// stored lists the keys in the storage.
func (h *house) stored() []string {
	h.t.Helper()
	return blobtest.Keys(h.t, h.folder)
}

package backup_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/db/dbtest"
	"rohrpost/internal/audit"
	"rohrpost/internal/backup"
	"rohrpost/internal/blob"
	"rohrpost/internal/blob/blobtest"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
	"rohrpost/tasks"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const tick = 25 * time.Millisecond

var longAgo = time.Now().AddDate(0, 0, -3)

// patience is how long a test waits for what must happen; nothing waits that long unless something is broken.
const patience = 60 * time.Second

// house is the service with a database, content, a storage of its own, and a worker.
type house struct {
	*backup.Service
	t       testing.TB
	url     string // of the database
	pool    *db.Pool
	bucket  *blob.Bucket
	content string // its folder
	store   string // folder
	key     string // file
	cfg     backup.Config
	engine  *queue.Engine
	rdb     *redis.Client
	mails   mails
	owner   uuid.UUID
	stop    func() // of the worker

	mu sync.Mutex // guards at
	at func(stage string)
}

// mails counts the mails to the admins.
type mails struct{ sent atomic.Int64 }

func (m *mails) BackupDied(context.Context, pgx.Tx, uuid.UUID, string) error {
	m.sent.Add(1)
	return nil
}

// open is a house with some rows and some content in it.
func open(t testing.TB, change ...func(*backup.Config)) *house {
	t.Helper()
	return openOn(t, dbtest.URL(t), change...)
}

// openOn is open on a migrated database.
func openOn(t testing.TB, url string, change ...func(*backup.Config)) *house {
	t.Helper()
	logging.Disable()
	h := &house{t: t, url: url, content: t.TempDir(), store: t.TempDir(), owner: uuid.New(), at: func(string) {}}
	var err error
	h.pool, err = db.Open(t.Context(), db.Config{URL: h.url, MaxConns: 12}.ForCommand())
	require.NoError(t, err)
	t.Cleanup(h.pool.Close)
	h.key = filepath.Join(t.TempDir(), "key.txt")
	recipient, err := backup.EnsureKey(h.key)
	require.NoError(t, err)
	h.cfg = backup.Config{URL: fileURL(t, h.store), Recipients: recipient}
	for _, fn := range change {
		fn(&h.cfg)
	}
	h.bucket, err = blob.Open(t.Context(), blob.Config{URL: fileURL(t, h.content)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.bucket.Close() })
	h.renew()
	opts, err := redis.ParseURL(stacktest.Redis(t).URL())
	require.NoError(t, err)
	h.rdb = redis.NewClient(opts)
	t.Cleanup(func() { _ = h.rdb.Close() })
	h.engine = queue.NewEngine(h.pool, h.rdb, stream.New(h.rdb, stream.Config{}), queue.Config{
		RetryBase: 20 * time.Millisecond, RetryCap: 50 * time.Millisecond,
	}, h.logger(), nil)
	h.Follow(h.engine)
	h.engine.Start(context.WithoutCancel(t.Context()))
	t.Cleanup(h.engine.Stop)
	h.seed()
	return h
}

// renew makes the service anew, by the settings as they are now.
func (h *house) renew() {
	h.t.Helper()
	var err error
	h.Service, err = backup.New(h.t.Context(), backup.Deps{
		Pool: h.pool, Content: h.bucket, ContentURL: fileURL(h.t, h.content), Mail: &h.mails, Log: h.logger(),
	}, h.cfg, backup.At(h.stage))
	require.NoError(h.t, err)
	h.t.Cleanup(func() { _ = h.Close() })
}

func fileURL(t testing.TB, folder string) string {
	t.Helper()
	url, err := blob.FileURL(folder)
	require.NoError(t, err)
	return url
}

func (h *house) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(h.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func (h *house) stage(name string) {
	h.mu.Lock()
	at := h.at
	h.mu.Unlock()
	at(name)
}

// when has fn called, from the worker, when a backup comes to a stage.
func (h *house) when(stage string, fn func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = func(name string) {
		if name == stage && fn != nil {
			fn()
		}
	}
}

// work runs the jobs, until the test ends or stop is called.
func (h *house) work() (stop func()) {
	h.t.Helper()
	mux := queue.NewMux()
	queue.Handle(mux, tasks.BackupRun, h.Run)
	queue.Handle(mux, tasks.BackupVerify, h.Verify)
	queue.Handle(mux, tasks.BackupPrune, h.Prune)
	w := queue.NewRunner(h.engine, mux, queue.RunnerConfig{
		Queues: map[string]int{tasks.Maintenance: 1}, Poll: 25 * time.Millisecond, Concurrency: 4, Grace: time.Millisecond,
	})
	require.NoError(h.t, w.Start(context.WithoutCancel(h.t.Context())))
	h.stop = sync.OnceFunc(func() { _ = w.Stop(context.Background()) })
	h.t.Cleanup(h.stop)
	return h.stop
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

// seed puts a user with files there.
func (h *house) seed() {
	h.exec(`INSERT INTO users (id, email, name, password_hash) VALUES ($1, 'ada@example.org', 'Ada ''; DROP', 'x')`, h.owner)
	for i := range 5 {
		h.upload(bytes.Repeat([]byte{byte('a' + i)}, 1<<(4*i)))
	}
}

// upload puts a file there, with its record.
func (h *house) upload(content []byte) (key string) {
	h.t.Helper()
	id := uuid.New()
	key = "uploads/" + id.String()[34:] + "/" + id.String()
	path := filepath.Join(h.content, filepath.FromSlash(key))
	require.NoError(h.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(h.t, os.WriteFile(path, content, 0o600))
	h.exec(`INSERT INTO files (id, owner, name, size, media_type, sha256, blob_key, status, job_id)
		VALUES ($1, $2, 'letter.txt', $3, 'text/plain', sha256($4), $5, 'clean', $1)`, id, h.owner, len(content), content, key)
	return key
}

// ask asks for a backup.
func (h *house) ask(opts ...queue.Option) (id, job uuid.UUID) {
	h.t.Helper()
	require.NoError(h.t, db.InTx(h.ctx(), h.pool, func(tx pgx.Tx) error {
		made, record, err := h.Start(h.ctx(), tx, audit.Actor{Name: "test@localhost"})
		if err != nil {
			return err
		}
		id, job = made.ID, record.ID
		for _, opt := range opts {
			p := db.InsertJobParams{}
			opt(&p)
			if _, err := tx.Exec(h.ctx(), "UPDATE jobs SET max_attempts = $2 WHERE id = $1", job, p.MaxAttempts); err != nil {
				return err
			}
		}
		return nil
	}))
	return id, job
}

// once lets a job have one attempt.
func once(p *db.InsertJobParams) { p.MaxAttempts = 1 }

// await waits until a job is over.
func (h *house) await(id uuid.UUID) (job db.Job) {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		var err error
		job, err = db.New().JobByID(h.ctx(), h.pool, id)
		return err == nil && job.FinishedAt != nil
	}, patience, tick, "job %+v", &job)
	return job
}

// prunes waits until no pruning is left to do.
func (h *house) prunes() {
	h.t.Helper()
	require.Eventually(h.t, func() bool {
		return h.count(`SELECT count(*) FROM jobs WHERE kind = 'backup:prune' AND state IN ('queued', 'running')`) == 0
	}, patience, tick)
}

// backUp makes a backup and returns it when the old ones were looked at, too.
func (h *house) backUp() db.Backup {
	h.t.Helper()
	id, job := h.ask()
	done := h.await(job)
	require.Equal(h.t, queue.Succeeded, done.State, "%s %s", text(done.ErrorCode), text(done.ErrorMessage))
	h.prunes()
	return h.backup(id)
}

func (h *house) job(id uuid.UUID) db.Job {
	h.t.Helper()
	job, err := db.New().JobByID(h.ctx(), h.pool, id)
	require.NoError(h.t, err)
	return job
}

func (h *house) onlyBackup() (id uuid.UUID) {
	h.t.Helper()
	require.NoError(h.t, h.pool.QueryRow(h.ctx(), `SELECT id FROM backups`).Scan(&id))
	return id
}

func (h *house) backup(id uuid.UUID) db.Backup {
	h.t.Helper()
	b, err := db.New().BackupByID(h.ctx(), h.pool, id)
	require.NoError(h.t, err)
	return b
}

func (h *house) summary(b db.Backup) (s backup.Summary) {
	h.t.Helper()
	require.NoError(h.t, json.Unmarshal(b.Summary, &s))
	return s
}

// verify looks at a backup and returns the job.
func (h *house) verify(id uuid.UUID) db.Job {
	h.t.Helper()
	var job queue.Record
	require.NoError(h.t, db.InTx(h.ctx(), h.pool, func(tx pgx.Tx) (err error) {
		job, err = h.StartVerify(h.ctx(), tx, id, audit.Actor{Name: "test@localhost"})
		return err
	}))
	return h.await(job.ID)
}

// vault is the storage, without the database.
func (h *house) vault() *backup.Vault {
	h.t.Helper()
	v, err := backup.OpenVault(h.ctx(), h.cfg)
	require.NoError(h.t, err)
	h.t.Cleanup(func() { _ = v.Close() })
	return v
}

func (h *house) restore(what backup.Restore) (backup.Restored, error) {
	h.t.Helper()
	if what.Identity == "" {
		what.Identity = h.key
	}
	if what.Backup.ID == uuid.Nil {
		var err error
		what.Backup, err = h.vault().Find(h.ctx(), backup.Latest)
		require.NoError(h.t, err)
	}
	return h.vault().Restore(h.ctx(), what, nil)
}

const scratchNames = `'rohrpost_scratch_' || left(encode(sha256(convert_to(
	(SELECT system_identifier FROM pg_control_system())::text || '/' || current_database(), 'UTF8')), 'hex'), 8) || '_'`

// scratches counts the scratch databases of this house.
func (h *house) scratches() int {
	h.t.Helper()
	return h.count(`SELECT count(*) FROM pg_database WHERE starts_with(datname, ` + scratchNames + `)`)
}

// scratchName is what a job's scratch database is called.
func (h *house) scratchName(job uuid.UUID) (name string) {
	h.t.Helper()
	require.NoError(h.t, h.pool.QueryRow(h.ctx(), `SELECT `+scratchNames).Scan(&name))
	return name + strings.ReplaceAll(job.String(), "-", "")
}

// stored are the keys in the storage of the backups, but for the marker.
func (h *house) stored(prefix string) (keys []string) {
	h.t.Helper()
	for _, key := range blobtest.Keys(h.t, h.store) {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	return keys
}

// damage changes one byte of a part.
func (h *house) damage(key string, at float64) {
	h.t.Helper()
	path := filepath.Join(h.store, filepath.FromSlash(key))
	raw, err := os.ReadFile(path)
	require.NoError(h.t, err)
	raw[int(at*float64(len(raw)-1))] ^= 1
	require.NoError(h.t, os.WriteFile(path, raw, 0o600))
}

// rows is all that is in a table, in order.
func rows(t testing.TB, pool interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}, table string) []string {
	t.Helper()
	found, err := pool.Query(context.WithoutCancel(t.Context()), "SELECT t::text FROM "+table+" t ORDER BY 1")
	require.NoError(t, err)
	all, err := pgx.CollectRows(found, pgx.RowTo[string])
	require.NoError(t, err)
	return all
}

func noise(n int) []byte {
	raw := make([]byte, n)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(raw)
	return raw
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func newKey(t testing.TB) (file, recipient string) {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	file = filepath.Join(t.TempDir(), "other.txt")
	require.NoError(t, os.WriteFile(file, []byte(key.String()+"\n"), 0o600))
	return file, key.Recipient().String()
}

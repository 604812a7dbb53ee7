package backup_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/db/dbtest"
	"rohrpost/internal/backup"
	"rohrpost/internal/blob/blobtest"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
)

func TestWhatWasBackedUpIsThereAgainAfterEverythingIsLost(t *testing.T) {
	t.Parallel()
	// Given a house with data, unfinished jobs and a proved backup
	h := open(t)
	stop := h.work()
	other := queue.Kind[struct{}]{Name: "test:other", Queue: "elsewhere"}
	require.NoError(t, db.InTx(h.ctx(), h.pool, func(tx pgx.Tx) error {
		for range 2 {
			if _, err := queue.Enqueue(h.ctx(), tx, other, struct{}{}); err != nil {
				return err
			}
		}
		return nil
	}))
	h.exec(`UPDATE jobs SET state = 'running', attempt = 1, worker_id = gen_random_uuid() WHERE id IN (
		SELECT id FROM jobs WHERE kind = 'test:other' LIMIT 1)`)
	made := h.backUp()
	stop()
	require.Equal(t, backup.Succeeded, made.State)
	require.Equal(t, backup.ByRestore, *made.VerifiedBy)
	require.Positive(t, *made.RestoreSeconds)
	sum := h.summary(made)
	require.EqualValues(t, 5, sum.Blobs)
	require.EqualValues(t, 5, sum.NewBlobs)
	require.Zero(t, sum.MissingBlobs)
	require.Zero(t, h.scratches(), "the scratch database is gone")
	users, files, content := rows(t, h.pool, "users"), rows(t, h.pool, "files"), blobtest.Tree(t, h.content)
	require.Len(t, content, 5)

	// When the database and the content are gone, and it is restored into new ones
	h.exec(`DROP SCHEMA public CASCADE`)
	require.NoError(t, os.RemoveAll(h.content))
	to, folder := dbtest.Empty(t), filepath.Join(t.TempDir(), "new")
	var stages []string
	found, err := h.vault().Find(h.ctx(), made.ID.String())
	require.NoError(t, err)
	restored, err := h.vault().Restore(h.ctx(),
		backup.Restore{Backup: found, To: to, Content: fileURL(t, folder), Identity: h.key},
		func(p backup.Progress) error { stages = append(stages, p.Stage); return nil })
	require.NoError(t, err)
	require.Empty(t, restored.Warning)

	// Then rows and content are equal
	pool, err := db.Open(h.ctx(), db.Config{URL: to})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	require.Equal(t, users, rows(t, pool, "users"))
	require.Equal(t, files, rows(t, pool, "files"))
	require.Equal(t, content, blobtest.Tree(t, folder))
	require.EqualValues(t, 5, restored.Blobs)
	require.Contains(t, stages, backup.StageContent)
	require.Contains(t, stages, backup.StageRestore)
	// And the backup is on record as good, its job over, and the other jobs wait to be run
	state := func(sql string) (s string) {
		require.NoError(t, pool.QueryRow(h.ctx(), sql).Scan(&s))
		return s
	}
	require.Equal(t, "succeeded", state(`SELECT string_agg(state, ' ') FROM backups`))
	require.Equal(t, "cancelled", state(`SELECT string_agg(state, ' ') FROM jobs WHERE kind = 'backup:run'`))
	require.Equal(t, "queued 0 0, queued 0 0", state(
		`SELECT string_agg(concat_ws(' ', state, attempt, crashes), ', ') FROM jobs WHERE kind = 'test:other'`))
	require.Equal(t, "0", state(`SELECT count(*)::text FROM jobs WHERE dispatched_at IS NOT NULL AND state = 'queued'`))
	require.Equal(t, "backup.restore", state(`SELECT action FROM audit_entries ORDER BY id DESC LIMIT 1`))
	// And migrations go on from where they were
	require.NoError(t, db.Migrate(h.ctx(), to, h.logger()))
}

func TestTheSecondBackupCopiesOnlyWhatIsNewAndContentThatIsThereIsLeftAlone(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.work()
	h.backUp()
	key := h.upload([]byte("new since"))
	h.upload([]byte("new since")) // the same again
	made := h.backUp()
	sum := h.summary(made)
	require.EqualValues(t, 7, sum.Blobs)
	require.EqualValues(t, 1, sum.NewBlobs)
	require.Len(t, h.stored("blobs/"), 6)
	require.Len(t, h.stored("backups/"), 2*4)

	// When it is restored to where some of the content is, and a part of it damaged
	require.NoError(t, os.WriteFile(filepath.Join(h.content, key), []byte("new sinze"), 0o600))
	restored, err := h.restore(backup.Restore{To: dbtest.Empty(t), Content: fileURL(t, h.content)})
	require.NoError(t, err)
	require.EqualValues(t, 7, restored.Blobs)
	require.EqualValues(t, 6, restored.BlobsThere)
	require.EqualValues(t, 9, restored.BlobBytes)
	require.Equal(t, "new since", blobtest.Tree(t, h.content)[key])
}

func TestADatabaseThatHoldsSomethingIsLeftAloneUnlessForced(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.work()
	made := h.backUp()
	to := dbtest.URL(t)
	target, err := db.Open(h.ctx(), db.Config{URL: to})
	require.NoError(t, err)
	t.Cleanup(target.Close)
	_, err = target.Exec(h.ctx(), `CREATE SCHEMA extra; CREATE TABLE extra.precious (n int); INSERT INTO extra.precious VALUES (7);
		INSERT INTO users (id, email, name, password_hash) VALUES (gen_random_uuid(), 'eve@example.org', 'Eve', 'x')`)
	require.NoError(t, err)
	before := rows(t, target, "users")

	// When it is not forced, nothing changes
	_, err = h.restore(backup.Restore{To: to})
	require.Equal(t, backup.NotEmpty, fault.CodeOf(err))
	require.ErrorContains(t, err, "--force")
	require.Equal(t, before, rows(t, target, "users"))
	// When it is, and the dump turns out to be damaged, nothing changes either
	sum := h.summary(made)
	path := filepath.Join(h.store, sum.Database.Key)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	h.damage(sum.Database.Key, 0.9)
	_, err = h.restore(backup.Restore{To: to, Force: true})
	require.Equal(t, backup.Damaged, fault.CodeOf(err), "%v", err)
	require.Equal(t, before, rows(t, target, "users"))
	require.NoError(t, os.WriteFile(path, whole, 0o600))
	// When somebody holds on to it, it says so in the end
	holder, err := target.Begin(h.ctx())
	require.NoError(t, err)
	_, err = holder.Exec(h.ctx(), `SELECT FROM extra.precious`)
	require.NoError(t, err)
	_, err = h.restore(backup.Restore{To: to, Force: true})
	require.ErrorContains(t, err, "lock timeout")
	require.NoError(t, holder.Rollback(h.ctx()))
	require.Equal(t, []string{"(7)"}, rows(t, target, "extra.precious"))
	// When it is forced, what was there is replaced
	_, err = h.restore(backup.Restore{To: to, Force: true})
	require.NoError(t, err)
	require.Equal(t, rows(t, h.pool, "users"), rows(t, target, "users"))
	var schemas int
	require.NoError(t, target.QueryRow(h.ctx(), `SELECT count(*) FROM pg_namespace WHERE nspname = 'extra'`).Scan(&schemas))
	require.Zero(t, schemas)
}

func TestARestoreSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.work()
	_, err := h.vault().Find(h.ctx(), backup.Latest)
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	made := h.backUp()
	to := dbtest.Empty(t)
	other, _ := newKey(t)
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, []byte("hello"), 0o600))
	for name, c := range map[string]struct {
		what backup.Restore
		says string
	}{
		"another key":              {backup.Restore{To: to, Identity: other}, "is encrypted for " + h.cfg.Recipients},
		"no such file":             {backup.Restore{To: to, Identity: "/nowhere"}, "there is no file /nowhere"},
		"not a key":                {backup.Restore{To: to, Identity: empty}, "holds no age keys"},
		"no such database":         {backup.Restore{To: stacktest.Postgres(t).DatabaseURL("nowhere")}, `no database "nowhere"`},
		"no address":               {backup.Restore{To: "postgres://u:secret@:x"}, "not the address of a database"},
		"the backups' own storage": {backup.Restore{To: to, Content: h.cfg.URL + "/inside"}, "lies in that of the backups"},
	} {
		_, err := h.restore(c.what)
		require.ErrorContains(t, err, c.says, name)
		require.NotContains(t, err.Error(), "secret")
	}
	_, err = h.vault().Find(h.ctx(), "17")
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	_, err = h.vault().Find(h.ctx(), h.owner.String())
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	// A backup of the future
	sum := h.summary(made)
	sum.Schema = 1 << 40
	_, err = h.restore(backup.Restore{Backup: sum, To: to})
	require.ErrorContains(t, err, "newer version")
	raw, err := json.Marshal(map[string]any{"format": 99, "id": made.ID})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(h.store, "backups", made.ID.String(), "summary.json"), raw, 0o600))
	_, strange, err := h.vault().List(h.ctx())
	require.NoError(t, err)
	require.ErrorContains(t, strange, "newer version")
	// And nothing has come into the database
	conn, err := pgx.Connect(h.ctx(), to)
	require.NoError(t, err)
	defer conn.Close(h.ctx())
	require.Empty(t, rows(t, conn, "(SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace)"))
}

func TestAnOrdinaryUserOfTheDatabaseIsEnough(t *testing.T) {
	t.Parallel()
	// Given a database whose owner may make others, and nothing else
	server := stacktest.Postgres(t)
	root, err := pgx.Connect(t.Context(), server.DatabaseURL("postgres"))
	require.NoError(t, err)
	name := "plain_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	do := func(sql string) {
		_, err := root.Exec(context.WithoutCancel(t.Context()), sql)
		require.NoError(t, err)
	}
	do("CREATE ROLE " + name + " LOGIN CREATEDB PASSWORD 'x'")
	t.Cleanup(func() {
		for _, sql := range []string{"DROP DATABASE " + name + " WITH (FORCE)", "DROP DATABASE " + name + "_b", "DROP ROLE " + name} {
			do(sql)
		}
		require.NoError(t, root.Close(context.Background()))
	})
	do("CREATE DATABASE " + name + " OWNER " + name)
	do("CREATE DATABASE " + name + "_b OWNER " + name)
	as := func(database string) string {
		_, host, _ := strings.Cut(server.DatabaseURL(database), "@")
		return "postgres://" + name + ":x@" + host
	}
	url, to := as(name), as(name+"_b")
	require.NoError(t, db.Migrate(t.Context(), url, slog.New(slog.DiscardHandler)))
	h := openOn(t, url)
	h.work()
	// When it is backed up, and restored into another database of theirs twice
	h.backUp()
	for _, force := range []bool{false, true} {
		_, err = h.restore(backup.Restore{To: to, Force: force})
		require.NoError(t, err)
	}
	// Then nobody can tell the two schemas from one another
	require.NoError(t, db.Migrate(t.Context(), to, slog.New(slog.DiscardHandler)))
	first, second := dumpSchema(t, url), dumpSchema(t, to)
	require.Equal(t, first, second)
}

// dumpSchema is what pg_dump says of a schema, but for what is different each time.
func dumpSchema(t *testing.T, url string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "pg_dump", "--schema-only", url).Output()
	require.NoError(t, err)
	return regexp.MustCompile(`(?m)^\\(un)?restrict .*$`).ReplaceAllString(string(out), "")
}

package backup_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"rohrpost/internal/backup"
	"rohrpost/internal/blob/blobtest"
	"rohrpost/internal/queue"
)

// part finds what a backup under way has written, by the end of its name.
func (h *house) part(end string) string {
	h.t.Helper()
	for _, key := range blobtest.Keys(h.t, h.store) {
		if strings.HasSuffix(key, end) {
			return key
		}
	}
	h.t.Fatalf("there is no part %s", end)
	return ""
}

func TestABackupThatIsDamagedByOneByteNeverSucceeds(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.work()
	for i, c := range []struct {
		part string
		at   float64 // 0 is its first byte, 1 its last
	}{
		{"-database.age", 0}, {"-database.age", 0.6}, {"-database.age", 1},
		{"-manifest.age", 0.5}, {"-parts.gz", 1}, {".1.age", 0.9},
	} {
		h.when(backup.StageCheck, func() { h.damage(h.part(c.part), c.at) })
		id, job := h.ask(once)
		done := h.await(job)
		require.Equal(t, queue.Failed, done.State, "%+v", c)
		require.Equal(t, string(backup.NotProved), text(done.ErrorCode), "%+v: %s", c, text(done.ErrorMessage))
		made := h.backup(id)
		require.Equal(t, backup.Failed, made.State)
		require.Contains(t, text(made.Reason), "damaged")
		require.Empty(t, h.stored("backups/"), "nothing is left of it")
		require.Zero(t, h.scratches())
		require.EqualValues(t, i+1, h.mails.sent.Load(), "the admins are told")
		require.Equal(t, i+1, h.count(`SELECT count(*) FROM jobs WHERE kind = 'notice:admins'`))
	}
	// And the next one, which nobody damages, writes the broken content anew
	h.when("", nil)
	sum := h.summary(h.backUp())
	require.EqualValues(t, 5, sum.Blobs)
	require.EqualValues(t, 1, sum.NewBlobs)
}

func TestADumpThatIsKilledFailsTheAttemptAndTheNextOneSucceeds(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.exec(`CREATE TABLE noise AS SELECT $1::bytea AS n`, noise(1<<20))
	h.when(backup.StageDumping, func() {
		h.when("", nil)
		h.kill("pg_dump")
	})
	h.work()
	id, job := h.ask()
	done := h.await(job)
	require.Equal(t, queue.Succeeded, done.State)
	require.EqualValues(t, 2, done.Attempt)
	require.Equal(t, backup.Succeeded, h.backup(id).State)
	require.Len(t, h.stored("backups/"), 4, "no part of the first attempt is left")
	// When its last attempt is killed, too
	h.when(backup.StageDumping, func() { h.kill("pg_dump") })
	id, job = h.ask(once)
	done = h.await(job)
	require.Equal(t, queue.Failed, done.State)
	require.Contains(t, text(done.ErrorMessage), "pg_dump")
	require.Equal(t, backup.Failed, h.backup(id).State)
	require.Len(t, h.stored("backups/"), 4)
}

// kill ends a program that works on our database.
func (h *house) kill(name string) {
	_, database, _ := strings.Cut(h.url, "@")
	_, database, _ = strings.Cut(database, "/")
	database, _, _ = strings.Cut(database, "?")
	entries, err := os.ReadDir("/proc")
	require.NoError(h.t, err)
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		called, err := os.ReadFile(filepath.Join("/proc", e.Name(), "comm"))
		env, err2 := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		if err != nil || err2 != nil || strings.TrimSpace(string(called)) != name {
			continue
		}
		if strings.Contains(string(env), "\x00PGDATABASE="+database+"\x00") {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func TestTwoBackupsNeverRunAtOnce(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.work()
	_, first := h.ask()
	_, second := h.ask()
	a, b := h.await(first), h.await(second)
	require.Equal(t, queue.Succeeded, a.State)
	require.Equal(t, queue.Succeeded, b.State)
	if b.StartedAt.Before(*a.StartedAt) {
		a, b = b, a
	}
	require.False(t, b.StartedAt.Before(*a.FinishedAt), "the second began before the first had ended")
	require.Equal(t, 2, h.count(`SELECT count(*) FROM backups WHERE state = 'succeeded'`))
}

func TestABackupWaitsForWhoeverIsAtTheStorage(t *testing.T) {
	t.Parallel()
	h := open(t)
	conn, err := pgx.Connect(h.ctx(), h.url)
	require.NoError(t, err)
	defer conn.Close(h.ctx())
	_, err = conn.Exec(h.ctx(), `SELECT pg_advisory_lock($1)`, int64(backup.LockKey))
	require.NoError(t, err)
	h.work()
	_, job := h.ask()
	require.Eventually(t, func() bool {
		return h.count(`SELECT count(*) FROM jobs WHERE id = $1 AND state = 'queued' AND attempt = 0 AND run_at > now()`, job) == 1
	}, patience, tick)
	require.Empty(t, h.stored("backups/"))
}

func TestABackupThatIsCutOffBeginsAnewAndNothingHalfStays(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{backup.StageContent, backup.StageCheck} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			reached := make(chan struct{}, 1)
			h.when(stage, func() {
				reached <- struct{}{}
				// What a process leaves that dies here and now.
				half := filepath.Join(h.store, "backups", h.onlyBackup().String())
				require.NoError(t, os.MkdirAll(half, 0o700))
				require.NoError(t, os.WriteFile(filepath.Join(half, "1-database.age.123.tmp"), []byte("half"), 0o600))
				h.when("", nil)
			})
			stop := h.work()
			id, job := h.ask()
			<-reached
			stop()
			require.Equal(t, queue.Queued, h.job(job).State)
			h.work()
			done := h.await(job)
			require.Equal(t, queue.Succeeded, done.State, text(done.ErrorMessage))
			require.EqualValues(t, 1, done.Attempt, "handed back, which costs no attempt")
			require.Equal(t, backup.Succeeded, h.backup(id).State)
			require.Len(t, h.stored("backups/"), 4)
			require.Zero(t, h.scratches())
		})
	}
}

func TestACancelledBackupIsFailedAndLeavesNothing(t *testing.T) {
	t.Parallel()
	h := open(t)
	reached, cancelled := make(chan struct{}), make(chan struct{})
	h.when(backup.StageCheck, func() {
		close(reached)
		<-cancelled
	})
	h.work()
	id, job := h.ask()
	<-reached
	_, err := h.engine.Cancel(h.ctx(), job, queue.System)
	require.NoError(t, err)
	close(cancelled)
	require.Equal(t, backup.Failed, h.backup(id).State)
	require.Eventually(t, func() bool { return len(h.stored("backups/")) == 0 }, patience, tick)
	require.Zero(t, h.mails.sent.Load(), "whoever cancelled it knows")
	// When it is run again after all
	h.when("", nil)
	_, err = h.engine.Rerun(h.ctx(), job, queue.System)
	require.NoError(t, err)
	require.Equal(t, queue.Succeeded, h.await(job).State)
	require.Equal(t, backup.Succeeded, h.backup(id).State)
}

func TestAFullStorageIsToldAsSuch(t *testing.T) {
	t.Parallel()
	small := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", small, "tmpfs", 0, "size=256k"), "this test mounts a file system, as root")
	t.Cleanup(func() { require.NoError(t, unix.Unmount(small, unix.MNT_DETACH)) })
	h := open(t, func(c *backup.Config) { c.URL = fileURL(t, small) })
	h.store = small
	h.exec(`CREATE TABLE noise AS SELECT $1::bytea AS n`, noise(1<<20))
	h.work()
	id, job := h.ask(once)
	done := h.await(job)
	require.Equal(t, queue.Failed, done.State)
	require.Equal(t, "storage_full", text(done.ErrorCode))
	require.Equal(t, "The storage of the backups is full.", text(done.ErrorMessage))
	require.Equal(t, "The storage of the backups is full.", text(h.backup(id).Reason))
	require.Empty(t, h.stored("backups/"))
	// When there is room again
	h.exec(`DROP TABLE noise`)
	require.Equal(t, backup.Succeeded, h.backUp().State)
}

func TestLeftoversOfOthersAreRemoved(t *testing.T) {
	t.Parallel()
	h := open(t)
	// Given what killed attempts have left: parts of a backup that nobody knows, content that is not on record, and a
	// scratch database of a job that does not run any more
	for _, key := range []string{
		"backups/" + uuid.NewString() + "/1-database.age", "blobs/ab/abcdef-1.age", "blobs/ab/abcdef-1.age.123.tmp",
	} {
		path := filepath.Join(h.store, key)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
		require.NoError(t, os.Chtimes(path, longAgo, longAgo))
	}
	h.exec(`CREATE DATABASE ` + h.scratchName(uuid.New()))
	require.Equal(t, 1, h.scratches())
	// When a backup has succeeded
	h.work()
	h.backUp()
	require.Zero(t, h.scratches())
	require.Len(t, h.stored("backups/"), 4)
	require.Len(t, h.stored("blobs/"), 5)
}

func TestContentThatIsMissingIsCounted(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.work()
	lost := h.upload([]byte("lost"))
	require.NoError(t, os.Remove(filepath.Join(h.content, lost)))
	sum := h.summary(h.backUp())
	require.EqualValues(t, 1, sum.MissingBlobs)
	require.EqualValues(t, 5, sum.Blobs)
}

func TestWhatAnInstallationIsNotReadyForIsSaid(t *testing.T) {
	t.Parallel()
	weak := "rohrpost_weak_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	for name, c := range map[string]struct {
		change func(h *house, c *backup.Config)
		code   string
		says   string
	}{
		"no programs": {func(_ *house, c *backup.Config) { c.Programs = "/nowhere" }, string(backup.NoPrograms), "postgresql-client-"},
		"may not make databases": {func(h *house, c *backup.Config) {
			h.exec("CREATE ROLE " + weak + " LOGIN PASSWORD 'x'")
			h.t.Cleanup(func() { h.exec("DROP ROLE " + weak) })
			_, host, _ := strings.Cut(h.url, "@")
			c.ScratchURL = "postgres://" + weak + ":x@" + host
		}, "forbidden", "CREATEDB"},
		"somebody else's storage": {func(h *house, c *backup.Config) {
			require.NoError(h.t, os.WriteFile(filepath.Join(h.store, "rohrpost.json"), []byte(`{"installation":"`+uuid.NewString()+`"}`), 0o600))
		}, "conflict", "another installation"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			c.change(h, &h.cfg)
			h.renew()
			h.work()
			_, job := h.ask()
			done := h.await(job)
			require.Equal(t, queue.Failed, done.State)
			require.EqualValues(t, 1, done.Attempt, "trying again does not help")
			require.Equal(t, c.code, text(done.ErrorCode))
			require.Contains(t, text(done.ErrorMessage), c.says)
			require.Empty(t, h.stored("backups/"))
		})
	}
}

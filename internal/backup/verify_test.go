package backup_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/db/dbtest"
	"rohrpost/internal/audit"
	"rohrpost/internal/backup"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

func (h *house) verified(job db.Job) (v backup.Verified) {
	h.t.Helper()
	require.Equal(h.t, queue.Succeeded, job.State, "%s", text(job.ErrorMessage))
	require.NoError(h.t, json.Unmarshal(job.Result, &v))
	return v
}

func TestWithoutTheKeyHashesAreComparedAndWithItTheBackupIsRestored(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.work()
	made := h.backUp()
	v := h.verified(h.verify(made.ID))
	require.Equal(t, backup.ByHashes, v.By)
	require.EqualValues(t, 3+5, v.Parts)
	require.Nil(t, v.RestoreSeconds)
	require.Equal(t, backup.ByHashes, *h.backup(made.ID).VerifiedBy)
	h.cfg.IdentityFile = h.key
	h.renewed()
	v = h.verified(h.verify(made.ID))
	require.Equal(t, backup.ByRestore, v.By)
	require.Positive(t, *v.RestoreSeconds)
	require.Equal(t, backup.ByRestore, *h.backup(made.ID).VerifiedBy)
	require.Zero(t, h.scratches())
	// Another key than the backup's is a mistake of the settings, and no damage
	h.cfg.IdentityFile, _ = newKey(t)
	h.renewed()
	done := h.verify(made.ID)
	require.Equal(t, string(fault.Invalid), text(done.ErrorCode))
	require.Contains(t, text(done.ErrorMessage), h.cfg.Recipients)
	require.Equal(t, backup.Succeeded, h.backup(made.ID).State)
}

// renewed makes the service anew, and a worker for it.
func (h *house) renewed() {
	h.t.Helper()
	h.stop()
	h.renew()
	h.work()
}

func TestWhatIsDamagedLaterIsFoundAndWrittenAnew(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.work()
	made := h.backUp()
	// Given content that rots in the storage
	broken := h.part(".1.age")
	path := filepath.Join(h.store, broken)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	h.damage(broken, 0.5)
	// When the newest backup is verified, as the clock asks for it
	var job queue.Record
	require.NoError(t, db.InTx(h.ctx(), h.pool, func(tx pgx.Tx) (err error) {
		job, err = queue.EnqueueRaw(h.ctx(), tx, queue.Raw(tasks.BackupVerify), nil)
		return err
	}))
	done := h.await(job.ID)
	// Then it is damaged, and the admins are told
	require.Equal(t, queue.Failed, done.State)
	require.Equal(t, string(backup.Damaged), text(done.ErrorCode))
	require.Equal(t, backup.BadNow, h.backup(made.ID).State)
	require.Contains(t, text(h.backup(made.ID).Reason), broken)
	require.EqualValues(t, 1, h.mails.sent.Load())
	// And the next backup does not rely on it
	next := h.backUp()
	require.EqualValues(t, 1, h.summary(next).NewBlobs)
	h.verified(h.verify(next.ID))
	_, err = h.restore(backup.Restore{To: dbtest.Empty(t), Content: fileURL(t, t.TempDir())})
	require.NoError(t, err)
	// When it is repaired, it is good again
	require.NoError(t, os.WriteFile(path, whole, 0o600))
	h.verified(h.verify(made.ID))
	require.Equal(t, backup.Succeeded, h.backup(made.ID).State)
	// And a part that is gone is found to be missing
	require.NoError(t, os.Remove(filepath.Join(h.store, h.summary(made).Database.Key)))
	require.Contains(t, text(h.verify(made.ID).ErrorMessage), "is not in the storage")
	require.Equal(t, backup.BadNow, h.backup(made.ID).State)
}

func TestThereMayBeNothingToVerify(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.work()
	var job queue.Record
	require.NoError(t, db.InTx(h.ctx(), h.pool, func(tx pgx.Tx) (err error) {
		job, err = queue.EnqueueRaw(h.ctx(), tx, queue.Raw(tasks.BackupVerify), nil)
		return err
	}))
	require.Nil(t, h.verified(h.await(job.ID)).BackupID)
	require.NoError(t, db.InTx(h.ctx(), h.pool, func(tx pgx.Tx) error {
		_, err := h.StartVerify(h.ctx(), tx, uuid.New(), audit.CommandLine())
		require.Equal(t, fault.NotFound, fault.CodeOf(err))
		made, _, err := h.Start(h.ctx(), tx, audit.CommandLine())
		require.NoError(t, err)
		_, err = h.StartVerify(h.ctx(), tx, made.ID, audit.CommandLine())
		require.Equal(t, fault.Conflict, fault.CodeOf(err))
		require.Equal(t, fault.Conflict, fault.CodeOf(h.Delete(h.ctx(), tx, made.ID, audit.CommandLine())))
		return nil
	}))
}

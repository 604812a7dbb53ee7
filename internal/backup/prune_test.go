package backup_test

import (
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
)

func (h *house) remove(id uuid.UUID) error {
	return db.InTx(h.ctx(), h.pool, func(tx pgx.Tx) error {
		return h.Delete(h.ctx(), tx, id, audit.Actor{Name: "test@localhost"})
	})
}

func TestOldBackupsGoWithTheContentThatOnlyTheyName(t *testing.T) {
	t.Parallel()
	h := open(t, func(c *backup.Config) { c.KeepDaily, c.KeepWeekly, c.KeepMonthly = new(int), new(int), new(int) })
	h.work()
	// Given a backup with content that is deleted afterwards
	key := h.upload([]byte("of old"))
	first := h.backUp()
	h.exec(`DELETE FROM files WHERE blob_key = $1`, key)
	require.NoError(t, os.Remove(filepath.Join(h.content, key)))
	// When as many as the floor have succeeded after it; two of them elsewhere
	for range 2 {
		h.exec(`INSERT INTO backups (id, state, taken_at, summary)
			SELECT gen_random_uuid(), 'succeeded', now() + interval '1 hour', summary FROM backups WHERE id = $1`, first.ID)
	}
	require.Len(t, h.stored("blobs/"), 6)
	second := h.backUp()
	// Then the first is gone, with what only it needed; no settings delete more
	require.Equal(t, backup.Deleted, h.backup(first.ID).State)
	require.Len(t, h.stored("blobs/"), 5)
	require.Len(t, h.stored("backups/"), 4)
	// And nobody can delete the newest ones by hand
	err := h.remove(second.ID)
	require.Equal(t, fault.Conflict, fault.CodeOf(err))
	require.ErrorContains(t, err, "newest 3")
	require.Equal(t, fault.NotFound, fault.CodeOf(h.remove(first.ID)))
	require.Equal(t, fault.NotFound, fault.CodeOf(h.remove(uuid.New())))
	// But one that is damaged
	h.exec(`UPDATE backups SET state = 'damaged' WHERE id = $1`, second.ID)
	require.NoError(t, h.remove(second.ID))
	h.prunes()
	require.Empty(t, h.stored("backups/"))
	require.Equal(t, 1, h.count(`SELECT count(*) FROM audit_entries WHERE action = 'backup.delete' AND target = $1`, second.ID.String()))
	list, err := h.List(h.ctx(), backup.Filter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, list, 2)
}

func TestARestoredDatabaseFindsTheBackupsThatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	h := open(t)
	stop := h.work()
	first := h.backUp()
	h.upload([]byte("after the first"))
	h.backUp()
	stop()
	sum := h.summary(first)
	// When the first of two backups is restored
	to := dbtest.Empty(t)
	restored, err := h.restore(backup.Restore{Backup: sum, To: to})
	require.NoError(t, err)
	require.Equal(t, 2, restored.Listed)
	// And the house goes on with it
	pool, err := db.Open(h.ctx(), db.Config{URL: to})
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	var states, parts int
	require.NoError(t, pool.QueryRow(h.ctx(), `SELECT count(*) FROM backups WHERE state = 'succeeded' AND summary IS NOT NULL`).Scan(&states))
	require.Equal(t, 2, states)
	require.NoError(t, pool.QueryRow(h.ctx(), `SELECT count(*) FROM backup_blobs`).Scan(&parts))
	require.Equal(t, 6, parts, "content that is there needs not to be copied again")
}

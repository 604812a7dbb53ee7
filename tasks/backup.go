package tasks

import (
	"time"

	"github.com/google/uuid"

	"rohrpost/internal/queue"
)

// BackupRunArgs is empty: a backup is of everything, and its record names the job.
type BackupRunArgs struct{}

// BackupRun makes a backup, restores it into a scratch database, and succeeds only if that holds what it has to.
//
// request: POST /api/admin/backups. scheduled: every night where backups are configured.
var BackupRun = queue.Kind[BackupRunArgs]{
	Name:  "backup:run",
	Queue: Maintenance,
	// An attempt begins anew, and what fails three times over an hour fails for a reason that somebody has to look at.
	MaxAttempts: 4,
	// The database is read twice and restored once, and the first backup copies all content.
	Timeout: 12 * time.Hour,
	// Two at once would store the same content twice.
	PerKey: 1,
}

// BackupVerifyArgs names the backup to look at; the zero id is the newest one.
type BackupVerifyArgs struct {
	BackupID uuid.UUID `json:"backup_id,omitzero"`
}

// BackupVerify reads all that a backup names back from its storage and compares it with what was written. Where the
// worker has the private key, it restores the database, too.
//
// request: POST /api/admin/backups/{id}/verify. scheduled: every week where backups are configured.
var BackupVerify = queue.Kind[BackupVerifyArgs]{
	Name:        "backup:verify",
	Queue:       Maintenance,
	MaxAttempts: 4,
	Timeout:     12 * time.Hour,
	PerKey:      1,
}

// BackupPruneArgs is empty: what is kept follows from the settings and the records.
type BackupPruneArgs struct{}

// BackupPrune deletes backups that are too old to be kept, and what the storage holds of those that are not there any
// more.
//
// event: a backup that succeeded and one that was deleted enqueue one, in the transaction that records it.
var BackupPrune = queue.Kind[BackupPruneArgs]{
	Name:        "backup:prune",
	Queue:       Maintenance,
	MaxAttempts: 8,
	Timeout:     2 * time.Hour,
	PerKey:      1,
}

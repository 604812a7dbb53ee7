-- name: InsertBackup :one
INSERT INTO backups (id, job_id) VALUES (@id, @job_id) RETURNING *;

-- name: BeginBackup :one
-- A backup that the clock started has no record before. No row: a later run of the job has it in hand.
INSERT INTO backups (id, job_id, state, epoch) VALUES (@id, @job_id, 'running', @epoch)
ON CONFLICT (job_id) DO UPDATE
SET state = 'running', epoch = @epoch, reason = NULL, taken_at = NULL, finished_at = NULL, summary = NULL,
    restore_seconds = NULL, verified_at = NULL, verified_by = NULL
WHERE backups.epoch <= @epoch AND backups.state NOT IN ('succeeded', 'damaged')
RETURNING *;

-- name: SetBackupTaken :exec
UPDATE backups SET taken_at = @taken_at WHERE id = @id AND epoch = @epoch AND state = 'running';

-- name: SetBackupVerifying :execrows
UPDATE backups SET state = 'verifying' WHERE id = @id AND epoch = @epoch AND state = 'running';

-- name: SucceedBackup :execrows
UPDATE backups
SET state = 'succeeded', finished_at = now(), summary = @summary, restore_seconds = @restore_seconds,
    verified_at = now(), verified_by = 'restore', reason = NULL
WHERE id = @id AND epoch = @epoch AND state = 'verifying';

-- name: FailBackup :exec
INSERT INTO backups (id, job_id, state, reason, finished_at) VALUES (@id, @job_id, 'failed', @reason, now())
ON CONFLICT (job_id) DO UPDATE SET state = 'failed', reason = excluded.reason, finished_at = now()
WHERE backups.state IN ('queued', 'running', 'verifying');

-- name: RequeueBackup :exec
UPDATE backups SET state = 'queued', reason = NULL, finished_at = NULL
WHERE job_id = @job_id::uuid AND state = 'failed';

-- name: SetBackupVerified :execrows
UPDATE backups
SET state = 'succeeded', reason = NULL, verified_at = now(), verified_by = @verified_by::text,
    restore_seconds = coalesce(sqlc.narg(restore_seconds), restore_seconds)
WHERE id = @id AND state IN ('succeeded', 'damaged');

-- name: SetBackupDamaged :execrows
UPDATE backups SET state = 'damaged', reason = @reason WHERE id = @id AND state IN ('succeeded', 'damaged');

-- name: SetBackupDeleted :execrows
UPDATE backups SET state = 'deleted' WHERE id = @id AND state IN ('succeeded', 'damaged', 'failed');

-- name: BackupByID :one
SELECT * FROM backups WHERE id = @id;

-- name: BackupsBefore :many
SELECT * FROM backups
WHERE id < @before AND (sqlc.narg(state)::text IS NULL OR state = sqlc.narg(state))
  AND (sqlc.narg(state)::text IS NOT NULL OR state <> 'deleted')
ORDER BY id DESC LIMIT @page_size;

-- name: LockKeptBackups :many
-- What is in the storage, the newest first. Locked, so that of two that delete one the second sees what the first left.
SELECT * FROM backups WHERE state IN ('succeeded', 'damaged') ORDER BY taken_at DESC, id DESC FOR UPDATE;

-- name: BackupStates :many
SELECT id, state FROM backups;

-- name: NewestBackup :one
SELECT * FROM backups WHERE state = 'succeeded' ORDER BY taken_at DESC, id DESC LIMIT 1;

-- name: AdoptBackup :execrows
-- One that was in the storage and not on record. What was deleted here on purpose stays deleted.
INSERT INTO backups (id, state, created_at, taken_at, finished_at, restore_seconds, verified_at, verified_by, summary)
VALUES (@id, 'succeeded', @taken_at, @taken_at, @finished_at, @restore_seconds, @finished_at, 'restore', @summary)
ON CONFLICT (id) DO UPDATE
SET state = 'succeeded', job_id = NULL, taken_at = excluded.taken_at, finished_at = excluded.finished_at,
    restore_seconds = excluded.restore_seconds, verified_at = excluded.verified_at, verified_by = 'restore', reason = NULL,
    summary = excluded.summary
WHERE backups.state = 'failed';

-- name: DeleteOldBackupRecords :execrows
DELETE FROM backups WHERE state IN ('failed', 'deleted') AND created_at < now() - make_interval(days => @days);

-- name: BackupInstallation :one
SELECT id FROM backup_installation;

-- name: BackupSources :many
SELECT blob_key, size, mod_time, sha256 FROM backup_sources WHERE blob_key = ANY(@keys::text[]);

-- name: SetBackupSources :exec
INSERT INTO backup_sources (blob_key, size, mod_time, sha256)
SELECT unnest(@keys::text[]), unnest(@sizes::bigint[]), unnest(@mod_times::timestamptz[]), unnest(@hashes::bytea[])
ON CONFLICT (blob_key) DO UPDATE SET size = excluded.size, mod_time = excluded.mod_time, sha256 = excluded.sha256;

-- name: ForgetBackupSource :exec
DELETE FROM backup_sources WHERE blob_key = @blob_key;

-- name: InsertBackupBlob :exec
INSERT INTO backup_blobs (part_key, sha256, part_sha256, part_size, recipients, added_at)
VALUES (@part_key, @sha256, @part_sha256, @part_size, @recipients, @added_at)
ON CONFLICT (part_key) DO NOTHING;

-- name: AdoptBackupBlobs :exec
INSERT INTO backup_blobs (part_key, sha256, part_sha256, part_size, recipients, added_at)
SELECT unnest(@part_keys::text[]), unnest(@hashes::bytea[]), unnest(@part_hashes::bytea[]),
       unnest(@part_sizes::bigint[]), @recipients, @added_at
ON CONFLICT (part_key) DO UPDATE
SET added_at = least(backup_blobs.added_at, excluded.added_at),
    dropped_at = CASE WHEN backup_blobs.dropped_at > excluded.added_at THEN backup_blobs.dropped_at END;

-- name: BackupBlobsOf :many
-- The parts of contents whose hashes lie in a range, that can be used again.
SELECT part_key, sha256, part_size FROM backup_blobs
WHERE sha256 >= @from_hash AND (sqlc.narg(to_hash)::bytea IS NULL OR sha256 < sqlc.narg(to_hash))
  AND recipients = @recipients AND NOT broken;

-- name: SetBackupBlobBroken :exec
UPDATE backup_blobs SET broken = true WHERE part_key = @part_key;

-- name: KnownBackupParts :many
SELECT part_key FROM backup_blobs WHERE part_key = ANY(@part_keys::text[]);

-- name: UnneededBackupBlobs :many
-- Parts that no backup names that is kept: all of those were taken before the part was there, or after it was dropped.
SELECT b.part_key, b.part_size FROM backup_blobs b
WHERE b.dropped_at IS NOT NULL AND NOT EXISTS (
    SELECT FROM backups k WHERE k.state IN ('succeeded', 'damaged') AND k.taken_at >= b.added_at AND k.taken_at < b.dropped_at)
ORDER BY b.part_key LIMIT @most;

-- name: ForgetBackupBlobs :exec
DELETE FROM backup_blobs WHERE part_key = ANY(@part_keys::text[]);

-- name: JobsRunning :many
SELECT id FROM jobs WHERE id = ANY(@ids::uuid[]) AND state = 'running';

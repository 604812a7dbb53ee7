-- name: ClosedFilesBefore :many
-- Walks files_closed_idx backwards, which PostgreSQL sees because it is planned with the statuses at hand.
SELECT sqlc.embed(f), u.email AS owner_email, u.name AS owner_name
FROM files f JOIN users u ON u.id = f.owner
WHERE f.id < @before AND f.status = ANY(@statuses::text[])
  AND (sqlc.narg(owner)::uuid IS NULL OR f.owner = sqlc.narg(owner))
  AND (sqlc.narg(signature)::text IS NULL OR f.signature = sqlc.narg(signature))
ORDER BY f.id DESC
LIMIT @page_size;

-- name: ReleasedFilesBefore :many
SELECT sqlc.embed(f), u.email AS owner_email, u.name AS owner_name
FROM files f JOIN users u ON u.id = f.owner
WHERE f.id < @before AND f.released_at IS NOT NULL
  AND (sqlc.narg(owner)::uuid IS NULL OR f.owner = sqlc.narg(owner))
  AND (sqlc.narg(signature)::text IS NULL OR f.signature = sqlc.narg(signature))
ORDER BY f.id DESC
LIMIT @page_size;

-- name: QuarantinedFile :one
-- No row: unknown, or a file that never was closed, which is its owner's business alone.
SELECT sqlc.embed(f), u.email AS owner_email, u.name AS owner_name
FROM files f JOIN users u ON u.id = f.owner
WHERE f.id = @id AND (f.status IN ('quarantined', 'refused', 'failed') OR f.released_at IS NOT NULL
    OR EXISTS (SELECT FROM file_events e WHERE e.file_id = f.id AND e.status IN ('quarantined', 'refused')));

-- name: InsertFileEvent :exec
-- The name of an account is its address at this time; the command line gives a name of its own.
INSERT INTO file_events (id, file_id, event, status, verdict, signature, checked_with, actor_name, reason)
VALUES (@id, @file_id, @event, @status, sqlc.narg(verdict), sqlc.narg(signature), sqlc.narg(checked_with),
        coalesce((SELECT email FROM users WHERE users.id = sqlc.narg(actor)), sqlc.narg(actor_name)::text), sqlc.narg(reason));

-- name: FileEvents :many
-- The newest first.
SELECT * FROM file_events WHERE file_id = @file_id ORDER BY id DESC LIMIT @most;

-- name: DeleteClosedFile :one
DELETE FROM files WHERE id = @id AND status IN ('quarantined', 'refused', 'failed') RETURNING *;

-- name: ReleaseFile :exec
-- The caller holds the lock. The verdict stays.
UPDATE files
SET status = 'clean', reason = NULL, blob_key = @blob_key, moves = @moves, thumbnail_status = @thumbnail_status,
    thumbnail_reason = NULL, released_at = now(), released_by = sqlc.narg(released_by), release_reason = @release_reason
WHERE id = @id;

-- name: ChangeVerdict :exec
-- The caller holds the lock. What a person released is not released from another verdict.
UPDATE files
SET status = @status, verdict = @verdict, signature = sqlc.narg(signature), reason = sqlc.narg(reason), blob_key = @blob_key,
    moves = @moves, thumbnail_status = @thumbnail_status, thumbnail_reason = NULL, scanned_at = now(), checked_at = now(),
    checked_with = sqlc.narg(checked_with), released_at = NULL, released_by = NULL, release_reason = NULL
WHERE id = @id;

-- name: ConfirmVerdict :exec
-- The scanner looked again and nothing follows from it.
UPDATE files SET checked_at = now(), checked_with = sqlc.narg(checked_with) WHERE id = @id AND status = @status;

-- name: DeleteThumbnails :many
DELETE FROM thumbnails WHERE file_id = @file_id RETURNING blob_key;

-- name: FilesToCheckAfter :many
-- Walks files_status_idx. Those that were looked at with something else than the scanner has now, or, if there is a time,
-- all that were not looked at since.
SELECT * FROM files
WHERE status = @status AND id > @after
  AND CASE WHEN sqlc.narg(since)::timestamptz IS NULL THEN checked_with IS DISTINCT FROM @scanner::text
           ELSE checked_at IS NULL OR checked_at < sqlc.narg(since) END
ORDER BY id
LIMIT @page_size;

-- name: CountFilesToCheck :one
SELECT count(*), coalesce(sum(size), 0)::bigint AS bytes FROM files
WHERE status = ANY(@statuses::text[])
  AND CASE WHEN sqlc.narg(since)::timestamptz IS NULL THEN checked_with IS DISTINCT FROM @scanner::text
           ELSE checked_at IS NULL OR checked_at < sqlc.narg(since) END;

-- name: InsertFile :exec
INSERT INTO files (id, owner, name, size, media_type, sha256, blob_key, job_id, status)
VALUES (@id, @owner, @name, @size, @media_type, @sha256, @blob_key, @job_id, @status);

-- name: FileByID :one
SELECT * FROM files WHERE id = @id;

-- name: LockFile :one
-- A delete waits for the transaction, or is over before it and there is no row.
SELECT * FROM files WHERE id = @id FOR UPDATE;

-- name: FileOfOwner :one
SELECT * FROM files WHERE id = @id AND owner = @owner;

-- name: FilesByOwnerBefore :many
-- Walks files_owner_idx backwards: ids are UUIDv7, so newest first.
SELECT * FROM files WHERE owner = @owner AND id < @before ORDER BY id DESC LIMIT @page_size;

-- name: SetFileVerdict :execrows
UPDATE files
SET status = @status, verdict = @verdict, signature = @signature, reason = @reason, blob_key = @blob_key, moves = @moves,
    thumbnail_status = @thumbnail_status, scanned_at = now(), checked_at = now(), checked_with = sqlc.narg(checked_with)
WHERE id = @id AND status = 'processing';

-- name: FailFile :execrows
UPDATE files SET status = 'failed', verdict = @verdict, reason = @reason, scanned_at = now()
WHERE id = @id AND status = 'processing';

-- name: ReopenFile :execrows
-- Its scan runs again, and the file is as closed as on the first day.
UPDATE files SET status = 'processing', verdict = NULL, reason = NULL, scanned_at = NULL
WHERE id = @id AND status = 'failed';

-- name: SetThumbnailStatus :execrows
-- Of a file that was closed meanwhile there are none.
UPDATE files SET thumbnail_status = @thumbnail_status, thumbnail_reason = @thumbnail_reason
WHERE id = @id AND status = 'clean';

-- name: UpsertThumbnail :exec
INSERT INTO thumbnails (file_id, name, width, height, size, media_type, blob_key)
VALUES (@file_id, @name, @width, @height, @size, @media_type, @blob_key)
ON CONFLICT (file_id, name) DO UPDATE
SET width = excluded.width, height = excluded.height, size = excluded.size, media_type = excluded.media_type,
    blob_key = excluded.blob_key;

-- name: ThumbnailsByFiles :many
-- The smallest first; where none is smaller than the original, by their names: small, medium, large.
SELECT * FROM thumbnails WHERE file_id = ANY(@file_ids::uuid[]) ORDER BY file_id, width, height, name DESC;

-- name: ThumbnailOfOwner :one
SELECT t.* FROM thumbnails t JOIN files f ON f.id = t.file_id
WHERE f.id = @file_id AND f.owner = @owner AND f.status = 'clean' AND t.name = @name;

-- name: DeleteFile :one
DELETE FROM files WHERE id = @id AND owner = @owner RETURNING *;

-- name: GiveUpMoves :exec
-- From now on nobody moves the content of these files to the place that their next move would have gone to. A first scan
-- is not disturbed: it doesn't look whether the file was moved.
UPDATE files SET moves = files.moves + 1
FROM (SELECT unnest(@ids::uuid[]) AS id, unnest(@moves::integer[]) AS moves) k
WHERE files.id = k.id AND files.moves = k.moves AND status <> 'processing';

-- name: FilesByIDs :many
SELECT id, thumbnail_status, blob_key, moves FROM files WHERE id = ANY(@ids::uuid[]);

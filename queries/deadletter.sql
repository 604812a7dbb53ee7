-- Dead letters are jobs that failed for good and that nobody has discarded. The times are those of their failure.

-- name: DeadLetterGroups :many
-- By cause, the latest to fail first. q is part of the message, in any case.
SELECT kind, error_code, count(*) AS jobs, min(finished_at)::timestamptz AS first, max(finished_at)::timestamptz AS last,
       (max(ARRAY[id::text, error_message]))[1]::uuid AS sample_id,
       coalesce((max(ARRAY[id::text, error_message]))[2], '')::text AS sample_message
FROM jobs
WHERE state = 'failed' AND discarded_at IS NULL
  AND (sqlc.narg(kind)::text IS NULL OR kind = sqlc.narg(kind))
  AND (sqlc.narg(code)::text IS NULL OR error_code = sqlc.narg(code))
  AND (sqlc.narg(q)::text IS NULL OR strpos(lower(error_message), lower(sqlc.narg(q))) > 0)
  AND (sqlc.narg(since)::timestamptz IS NULL OR finished_at >= sqlc.narg(since))
  AND (sqlc.narg(until)::timestamptz IS NULL OR finished_at <= sqlc.narg(until))
GROUP BY kind, error_code
ORDER BY max(finished_at) DESC, kind, error_code
LIMIT @most;

-- name: DeadLettersBefore :many
SELECT * FROM jobs
WHERE state = 'failed' AND discarded_at IS NULL AND id < @before
  AND (sqlc.narg(kind)::text IS NULL OR kind = sqlc.narg(kind))
  AND (sqlc.narg(code)::text IS NULL OR error_code = sqlc.narg(code))
  AND (sqlc.narg(q)::text IS NULL OR strpos(lower(error_message), lower(sqlc.narg(q))) > 0)
  AND (sqlc.narg(since)::timestamptz IS NULL OR finished_at >= sqlc.narg(since))
  AND (sqlc.narg(until)::timestamptz IS NULL OR finished_at <= sqlc.narg(until))
ORDER BY id DESC
LIMIT @page_size;

-- name: CountDeadLetters :one
SELECT count(*) FROM jobs
WHERE state = 'failed' AND discarded_at IS NULL AND id > @after
  AND (sqlc.narg(ids)::uuid[] IS NULL OR id = ANY(sqlc.narg(ids)::uuid[]))
  AND (sqlc.narg(kind)::text IS NULL OR kind = sqlc.narg(kind))
  AND (sqlc.narg(code)::text IS NULL OR error_code = sqlc.narg(code))
  AND (sqlc.narg(q)::text IS NULL OR strpos(lower(error_message), lower(sqlc.narg(q))) > 0)
  AND (sqlc.narg(since)::timestamptz IS NULL OR finished_at >= sqlc.narg(since))
  AND (sqlc.narg(until)::timestamptz IS NULL OR finished_at <= sqlc.narg(until));

-- name: DeadLettersAfter :many
-- A batch of those to be dealt with, the oldest jobs first.
SELECT id FROM jobs
WHERE state = 'failed' AND discarded_at IS NULL AND id > @after
  AND (sqlc.narg(ids)::uuid[] IS NULL OR id = ANY(sqlc.narg(ids)::uuid[]))
  AND (sqlc.narg(kind)::text IS NULL OR kind = sqlc.narg(kind))
  AND (sqlc.narg(code)::text IS NULL OR error_code = sqlc.narg(code))
  AND (sqlc.narg(q)::text IS NULL OR strpos(lower(error_message), lower(sqlc.narg(q))) > 0)
  AND (sqlc.narg(since)::timestamptz IS NULL OR finished_at >= sqlc.narg(since))
  AND (sqlc.narg(until)::timestamptz IS NULL OR finished_at <= sqlc.narg(until))
ORDER BY id
LIMIT @most;

-- name: DiscardDeadLetters :execrows
UPDATE jobs SET discarded_at = now()
WHERE id = ANY(@ids::uuid[]) AND state = 'failed' AND discarded_at IS NULL AND finished_at <= @failed_by;

-- name: Now :one
-- PostgreSQL's clock, by which jobs fail.
SELECT now()::timestamptz AS now;

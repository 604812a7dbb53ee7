-- name: InsertReport :one
INSERT INTO reports (id, owner, scope, from_at, to_at, zone, formats, weekly, job_id)
VALUES (@id, @owner, @scope, @from_at, @to_at, @zone, @formats, @weekly, @job_id)
RETURNING *;

-- name: ReportByID :one
SELECT * FROM reports WHERE id = @id;

-- name: ReportOfOwner :one
SELECT * FROM reports WHERE id = @id AND owner = @owner;

-- name: ReportsByOwnerBefore :many
-- Walks reports_owner_idx backwards: ids are UUIDv7, so newest first.
SELECT * FROM reports WHERE owner = @owner AND id < @before ORDER BY id DESC LIMIT @page_size;

-- name: FilesOfReports :many
SELECT r.report_id, r.format, f.id, f.name, f.size, f.status, f.reason
FROM report_files r JOIN files f ON f.id = r.file_id
WHERE r.report_id = ANY(@report_ids::uuid[])
ORDER BY r.report_id, r.format;

-- name: InsertReportFile :exec
INSERT INTO report_files (report_id, format, file_id) VALUES (@report_id, @format, @file_id);

-- name: MarkReportBuilt :execrows
-- No row: it was deleted.
UPDATE reports SET state = 'built', error_code = NULL, error_message = NULL, finished_at = now()
WHERE id = @id AND state = 'building';

-- name: FailReport :exec
UPDATE reports SET state = 'failed', error_code = @error_code, error_message = @error_message, finished_at = now()
WHERE job_id = @job_id AND state = 'building';

-- name: ReopenReport :exec
-- Its job runs again.
UPDATE reports SET state = 'building', error_code = NULL, error_message = NULL, finished_at = NULL
WHERE job_id = @job_id AND state = 'failed';

-- name: DeleteReport :execrows
DELETE FROM reports WHERE id = @id AND owner = @owner;

-- name: AdminsWithoutWeeklyReport :many
-- Who is to get the report of a week: every admin who has none of it yet.
SELECT u.id FROM users u
WHERE u.role = 'admin' AND NOT EXISTS (
    SELECT FROM reports r WHERE r.owner = u.id AND r.from_at = @from_at AND r.to_at = @to_at AND r.weekly)
ORDER BY u.id;

-- The numbers of a report. All are asked in one transaction with one snapshot and plans of their own, in which owner is
-- either absent (everyone) or an index condition. bounds are the beginnings of the days, the first of them the period's.

-- name: UsageSnapshot :one
SELECT now()::timestamptz AS at, complete_since FROM history_horizon;

-- name: JobUsage :many
-- By kind and outcome, and in the row without a kind all of them.
SELECT coalesce(kind, '') AS kind, coalesce(state, '') AS state, count(*) AS jobs,
       coalesce(percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY waited), '{}')::float8[] AS waited,
       coalesce(percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY ran), '{}')::float8[] AS ran
FROM ended_jobs
WHERE finished_at >= @from_at::timestamptz AND finished_at < @until::timestamptz AND (sqlc.narg(owner)::uuid IS NULL OR owner = sqlc.narg(owner))
GROUP BY GROUPING SETS ((kind, state), ())
ORDER BY kind, state;

-- name: JobUsageByDay :many
SELECT (width_bucket(finished_at, @bounds::timestamptz[]) - 1)::integer AS day,
       count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
       count(*) FILTER (WHERE state = 'failed') AS failed,
       count(*) FILTER (WHERE state = 'cancelled') AS cancelled
FROM ended_jobs
WHERE finished_at >= @from_at::timestamptz AND finished_at < @until::timestamptz AND (sqlc.narg(owner)::uuid IS NULL OR owner = sqlc.narg(owner))
GROUP BY day;

-- name: FileUsage :many
SELECT coalesce(verdict, 'none')::text AS verdict, count(*) AS files, sum(size)::bigint AS bytes
FROM stored_files
WHERE created_at >= @from_at AND created_at < @until AND (sqlc.narg(owner)::uuid IS NULL OR owner = sqlc.narg(owner))
GROUP BY 1 ORDER BY 1;

-- name: FileUsageByDay :many
SELECT (width_bucket(created_at, @bounds::timestamptz[]) - 1)::integer AS day, count(*) AS files, sum(size)::bigint AS bytes
FROM stored_files
WHERE created_at >= @from_at AND created_at < @until AND (sqlc.narg(owner)::uuid IS NULL OR owner = sqlc.narg(owner))
GROUP BY day;

-- name: StorageAt :many
-- What lay in the storage at the end of the period.
SELECT status, count(*) AS files, sum(size)::bigint AS bytes
FROM stored_files
WHERE created_at < @until AND (deleted_at IS NULL OR deleted_at >= @until)
  AND (sqlc.narg(owner)::uuid IS NULL OR owner = sqlc.narg(owner))
GROUP BY status ORDER BY status;

-- name: ThumbnailBytes :one
-- Of the files that were there at the end of the period and are there still.
SELECT coalesce(sum(t.size), 0)::bigint AS bytes
FROM thumbnails t JOIN files f ON f.id = t.file_id
WHERE f.created_at < @until AND (sqlc.narg(owner)::uuid IS NULL OR f.owner = sqlc.narg(owner));

-- name: AIUsage :many
-- By model, and in the row without a model all of them. Times are of those that were answered; an answer without text has
-- no first token, which is 0.
SELECT coalesce(model, '') AS model, count(*) AS queries,
       count(*) FILTER (WHERE finish_reason IN ('stop', 'length', 'repetition')) AS answered,
       count(*) FILTER (WHERE finish_reason = 'cancelled') AS cancelled,
       count(*) FILTER (WHERE finish_reason = 'failed') AS failed,
       coalesce(sum(prompt_tokens), 0)::bigint AS prompt_tokens,
       coalesce(sum(completion_tokens), 0)::bigint AS completion_tokens,
       coalesce(percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY nullif(first_token_ms, 0)::float8)
           FILTER (WHERE finish_reason IN ('stop', 'length', 'repetition')), '{}')::float8[] AS first_token_ms,
       coalesce(percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY total_ms::float8)
           FILTER (WHERE finish_reason IN ('stop', 'length', 'repetition')), '{}')::float8[] AS total_ms
FROM ai_queries
WHERE created_at >= @from_at AND created_at < @until AND (sqlc.narg(owner)::uuid IS NULL OR owner = sqlc.narg(owner))
GROUP BY GROUPING SETS ((model), ())
ORDER BY grouping(model) DESC, queries DESC, model
LIMIT @most;

-- name: AIUsageByDay :many
SELECT (width_bucket(created_at, @bounds::timestamptz[]) - 1)::integer AS day, count(*) AS queries,
       coalesce(sum(prompt_tokens), 0)::bigint AS prompt_tokens,
       coalesce(sum(completion_tokens), 0)::bigint AS completion_tokens
FROM ai_queries
WHERE created_at >= @from_at AND created_at < @until AND (sqlc.narg(owner)::uuid IS NULL OR owner = sqlc.narg(owner))
GROUP BY day;

-- name: UsageByUser :many
-- Who used most of the models first. An owner without an account is a deleted one, or the system itself.
WITH j AS (
    SELECT e.owner, count(*) AS jobs FROM ended_jobs e
    WHERE e.finished_at >= @from_at::timestamptz AND e.finished_at < @until::timestamptz GROUP BY e.owner
), f AS (
    SELECT s.owner, count(*) AS files, sum(s.size) AS bytes FROM stored_files s
    WHERE s.created_at >= @from_at AND s.created_at < @until GROUP BY s.owner
), q AS (
    SELECT a.owner, count(*) AS queries, coalesce(sum(a.prompt_tokens), 0) AS prompt_tokens,
           coalesce(sum(a.completion_tokens), 0) AS completion_tokens FROM ai_queries a
    WHERE a.created_at >= @from_at AND a.created_at < @until GROUP BY a.owner
), o AS (
    SELECT j.owner FROM j UNION SELECT f.owner FROM f UNION SELECT q.owner FROM q
)
SELECT o.owner::uuid AS owner, u.email, u.name, coalesce(j.jobs, 0)::bigint AS jobs,
       coalesce(f.files, 0)::bigint AS files, coalesce(f.bytes, 0)::bigint AS bytes,
       coalesce(q.queries, 0)::bigint AS queries, coalesce(q.prompt_tokens, 0)::bigint AS prompt_tokens,
       coalesce(q.completion_tokens, 0)::bigint AS completion_tokens
FROM o LEFT JOIN j ON j.owner = o.owner LEFT JOIN f ON f.owner = o.owner LEFT JOIN q ON q.owner = o.owner
     LEFT JOIN users u ON u.id = o.owner
ORDER BY coalesce(q.prompt_tokens, 0) + coalesce(q.completion_tokens, 0) DESC, coalesce(f.bytes, 0) DESC,
         coalesce(j.jobs, 0) DESC, o.owner
LIMIT @most;

-- The sweep of what reports no longer reach back to.

-- name: MoveHistoryHorizon :exec
UPDATE history_horizon
SET complete_since = greatest(complete_since, now() - make_interval(secs => @age_seconds::float8))
WHERE least((SELECT min(finished_at) FROM job_history), (SELECT min(deleted_at) FROM file_history))
    < now() - make_interval(secs => @age_seconds::float8);

-- name: DeleteJobHistory :execrows
DELETE FROM job_history WHERE id = ANY(ARRAY(
    SELECT old.id FROM job_history old WHERE old.finished_at < now() - make_interval(secs => @age_seconds::float8)
    ORDER BY old.finished_at LIMIT @most FOR UPDATE SKIP LOCKED));

-- name: DeleteFileHistory :execrows
DELETE FROM file_history WHERE id = ANY(ARRAY(
    SELECT old.id FROM file_history old WHERE old.deleted_at < now() - make_interval(secs => @age_seconds::float8)
    ORDER BY old.deleted_at LIMIT @most FOR UPDATE SKIP LOCKED));

-- name: CountOldHistory :one
SELECT ((SELECT count(*) FROM job_history j WHERE j.finished_at < now() - make_interval(secs => @age_seconds::float8))
      + (SELECT count(*) FROM file_history f WHERE f.deleted_at < now() - make_interval(secs => @age_seconds::float8)))::bigint
    AS rows;

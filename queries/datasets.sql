-- Who may see a dataset: its owner if it holds the owner's own conversations, any admin if it holds everyone's.

-- name: InsertDataset :one
INSERT INTO datasets (id, owner, job_id, scope, spec) VALUES (@id, @owner, @job_id, @scope, @spec)
RETURNING *;

-- name: DatasetByID :one
SELECT * FROM datasets WHERE id = @id;

-- name: DatasetOfViewer :one
SELECT * FROM datasets
WHERE id = @id AND (scope = 'mine' AND owner = @viewer OR scope = 'everyone' AND @is_admin::boolean);

-- name: DatasetsOfViewerBefore :many
-- Ids are UUIDv7, so newest first. A page of each scope, each by an index of its own, of which the newest make the page.
SELECT * FROM datasets WHERE id = ANY(ARRAY(
    (SELECT d.id FROM datasets d WHERE d.scope = 'mine' AND d.owner = @viewer AND d.id < @before ORDER BY d.id DESC LIMIT @page_size)
    UNION ALL
    (SELECT d.id FROM datasets d WHERE d.scope = 'everyone' AND @is_admin::boolean AND d.id < @before
     ORDER BY d.id DESC LIMIT @page_size)
    ORDER BY id DESC LIMIT @page_size))
ORDER BY id DESC;

-- name: DeleteDataset :one
DELETE FROM datasets
WHERE id = @id AND (scope = 'mine' AND owner = @viewer OR scope = 'everyone' AND @is_admin::boolean)
RETURNING *;

-- name: FinishDataset :execrows
-- No row: it was deleted, or cancelled.
UPDATE datasets SET state = 'ready', reason = NULL, counts = @counts, finished_at = now()
WHERE id = @id AND state = 'building';

-- name: CloseDataset :execrows
-- Its job ended without it.
UPDATE datasets SET state = @state, reason = @reason, finished_at = now() WHERE job_id = @job_id AND state = 'building';

-- name: ReopenDataset :exec
-- Its job starts afresh.
UPDATE datasets SET state = 'building', reason = NULL, finished_at = NULL
WHERE job_id = @job_id AND state IN ('failed', 'cancelled');

-- name: InsertDatasetFile :exec
INSERT INTO dataset_files (dataset_id, name, size, sha256, rows, media_type, blob_key)
VALUES (@dataset_id, @name, @size, @sha256, @rows, @media_type, @blob_key);

-- name: FilesOfDatasets :many
SELECT * FROM dataset_files WHERE dataset_id = ANY(@ids::uuid[]) ORDER BY dataset_id, name <> 'train.jsonl', name DESC;

-- name: DatasetsInStorage :many
-- What decides whether a blob is still of use: the state, and which run of the job may be writing. A job that is not on
-- record any more can't run again, so all of its runs are over.
SELECT d.id, d.state, coalesce(j.epoch, 9223372036854775807)::bigint AS epoch
FROM datasets d LEFT JOIN jobs j ON j.id = d.job_id
WHERE d.id = ANY(@ids::uuid[]);

-- name: OldDatasets :many
-- One that is being built is its job's.
SELECT d.id, coalesce((SELECT sum(f.size) FROM dataset_files f WHERE f.dataset_id = d.id), 0)::bigint AS size
FROM datasets d
WHERE d.created_at < now() - make_interval(secs => @age_seconds::float8) AND d.state <> 'building'
ORDER BY d.created_at, d.id LIMIT @most;

-- name: CountOldDatasets :one
SELECT count(DISTINCT d.id) AS count, coalesce(sum(f.size), 0)::bigint AS bytes
FROM datasets d LEFT JOIN dataset_files f ON f.dataset_id = d.id
WHERE d.created_at < now() - make_interval(secs => @age_seconds::float8) AND d.state <> 'building';

-- name: DeleteOldDataset :execrows
DELETE FROM datasets WHERE id = @id AND state <> 'building';

-- name: CountDatasetConversations :one
-- As DatasetConversations.
SELECT count(*) FROM ai_queries q
WHERE (NOT @everyone::boolean AND q.owner = @owner
       OR @everyone::boolean AND q.owner IN (SELECT c.user_id FROM training_consents c))
  AND q.finish_reason = 'stop' AND q.answer <> ''
  AND (sqlc.narg(since)::timestamptz IS NULL OR q.created_at >= sqlc.narg(since))
  AND (sqlc.narg(until)::timestamptz IS NULL OR q.created_at < sqlc.narg(until))
  AND (cardinality(@models::text[]) = 0 OR q.model = ANY(@models::text[]))
  AND coalesce(q.rating, 0) >= @min_rating::integer;

-- name: DatasetConversations :many
-- Read through a cursor, see db/cursor.go: planned once, with the values of the parameters at hand. Only what a model
-- said to its end: an answer that was cut off or stopped would teach to stop in the middle.
SELECT q.id, q.model, q.system, q.prompt, q.answer::text AS answer, q.rating, q.prompt_tokens, q.completion_tokens, q.created_at
FROM ai_queries q
WHERE (NOT @everyone::boolean AND q.owner = @owner
       OR @everyone::boolean AND q.owner IN (SELECT c.user_id FROM training_consents c))
  AND q.finish_reason = 'stop' AND q.answer <> ''
  AND (sqlc.narg(since)::timestamptz IS NULL OR q.created_at >= sqlc.narg(since))
  AND (sqlc.narg(until)::timestamptz IS NULL OR q.created_at < sqlc.narg(until))
  AND (cardinality(@models::text[]) = 0 OR q.model = ANY(@models::text[]))
  AND coalesce(q.rating, 0) >= @min_rating::integer
ORDER BY q.id;

-- name: TrainingConsent :one
SELECT given_at FROM training_consents WHERE user_id = @user_id;

-- name: GiveTrainingConsent :exec
-- Given again, it is as old as it was.
INSERT INTO training_consents (user_id) VALUES (@user_id) ON CONFLICT DO NOTHING;

-- name: WithdrawTrainingConsent :exec
DELETE FROM training_consents WHERE user_id = @user_id;

-- name: RateAIQuery :one
-- No row: somebody else's, or without an answer.
UPDATE ai_queries SET rating = sqlc.narg(rating)::smallint
WHERE job_id = @job_id AND owner = @owner AND answer IS NOT NULL
RETURNING *;

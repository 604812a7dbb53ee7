-- name: InsertTuning :one
INSERT INTO tunings (id, owner, job_id, dataset_id, base_model, suffix, hyperparameters, validation)
VALUES (@id, @owner, @job_id, @dataset_id, @base_model, @suffix, @hyperparameters, @validation)
RETURNING *;

-- name: TuningByID :one
SELECT * FROM tunings WHERE id = @id;

-- name: LockTuningByJob :one
SELECT * FROM tunings WHERE job_id = @job_id FOR UPDATE;

-- name: TuningsBefore :many
SELECT * FROM tunings
WHERE id < @before AND (sqlc.narg(state)::text IS NULL OR state = sqlc.narg(state))
ORDER BY id DESC
LIMIT @page_size;

-- name: MarkTuningUploading :execrows
UPDATE tunings SET state = 'uploading', validation = @validation
WHERE id = @id AND round = @round AND state IN ('queued', 'uploading');

-- name: RecordTrainingFile :execrows
UPDATE tunings SET training_file = @file::text WHERE id = @id AND round = @round AND state = 'uploading';

-- name: RecordValidationFile :execrows
UPDATE tunings SET validation_file = @file::text WHERE id = @id AND round = @round AND state = 'uploading';

-- name: MarkTuningCreating :execrows
UPDATE tunings SET state = 'creating', asked_at = @asked_at::timestamptz
WHERE id = @id AND round = @round AND state IN ('uploading', 'creating');

-- name: RecordTuningJob :execrows
UPDATE tunings SET state = 'tuning', remote_job = @remote_job::text, remote_status = @remote_status::text
WHERE id = @id AND round = @round AND state = 'creating';

-- name: RecordTuningPoll :execrows
UPDATE tunings
SET remote_status = @remote_status::text, idle_polls = @idle_polls, trained_tokens = @trained_tokens
WHERE id = @id AND round = @round AND state = 'tuning';

-- name: SucceedTuning :execrows
UPDATE tunings
SET state = 'succeeded', model = @model::text, remote_status = @remote_status::text, trained_tokens = @trained_tokens,
    finished_at = now()
WHERE id = @id AND round = @round AND state = 'tuning';

-- name: CloseTuning :exec
-- The job ended without a model.
UPDATE tunings
SET state = @state, error_code = @error_code, error_message = @error_message, finished_at = now()
WHERE id = @id;

-- name: ReopenTuning :exec
UPDATE tunings
SET state = 'queued', round = round + 1, training_file = NULL, validation_file = NULL, remote_job = NULL,
    remote_status = NULL, asked_at = NULL, idle_polls = 0, events_told = 0, model = NULL, trained_tokens = NULL,
    error_code = NULL, error_message = NULL, begun_at = now(), finished_at = NULL
WHERE job_id = @job_id;

-- name: RecordTuningEnd :exec
-- What became of a tuning at the service, after it was over here.
UPDATE tunings
SET remote_job = coalesce(remote_job, sqlc.narg(remote_job)), remote_status = coalesce(sqlc.narg(remote_status), remote_status)
WHERE id = @id AND round = @round AND state IN ('failed', 'cancelled');

-- name: InsertTuningEvent :execrows
-- Those that are known already are left alone.
INSERT INTO tuning_events (tuning_id, round, seq, remote_id, at, level, message, data)
SELECT @tuning_id, @round, coalesce(max(seq), 0) + 1, @remote_id::text, @at::timestamptz, @level::text, @message::text,
       sqlc.narg(data)::jsonb
FROM tuning_events WHERE tuning_id = @tuning_id AND round = @round
ON CONFLICT (tuning_id, round, remote_id) DO NOTHING;

-- name: KnownTuningEvents :many
SELECT remote_id FROM tuning_events
WHERE tuning_id = @tuning_id AND round = @round AND remote_id = ANY(@remote_ids::text[]);

-- name: TuningEventsAfter :many
SELECT * FROM tuning_events WHERE tuning_id = @tuning_id AND round = @round AND seq > @after
ORDER BY seq LIMIT @page_size;

-- name: CountTuningEvents :many
SELECT e.tuning_id, count(*) AS events
FROM tuning_events e JOIN tunings t ON t.id = e.tuning_id AND t.round = e.round
WHERE t.id = ANY(@ids::uuid[])
GROUP BY e.tuning_id;

-- name: TuningEventsTold :execrows
UPDATE tunings SET events_told = @seq WHERE id = @id AND round = @round AND events_told < @seq;

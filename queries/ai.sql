-- name: InsertAIQuery :exec
INSERT INTO ai_queries (id, owner, job_id, model, system, prompt)
VALUES (@id, @owner, @job_id, @model, @system, @prompt);

-- name: AIQueryByID :one
SELECT * FROM ai_queries WHERE id = @id;

-- name: AIQueryByJob :one
SELECT * FROM ai_queries WHERE job_id = @job_id;

-- name: FinishAIQuery :exec
UPDATE ai_queries
SET answer = @answer, finish_reason = @finish_reason, prompt_tokens = @prompt_tokens,
    completion_tokens = @completion_tokens, first_token_ms = @first_token_ms, total_ms = @total_ms, finished_at = now()
WHERE id = @id;

-- name: KeepCancelledAnswer :execrows
-- What a stopped generation had said so far; only for the run that was cancelled, never over a later one.
UPDATE ai_queries AS q
SET answer = @answer, finish_reason = 'cancelled', first_token_ms = @first_token_ms, total_ms = @total_ms,
    finished_at = now()
FROM jobs j
WHERE q.id = @id AND j.id = q.job_id AND j.epoch = @epoch AND j.state = 'cancelled';

-- name: CloseAIQuery :exec
-- The job ended without an answer.
UPDATE ai_queries SET finish_reason = @finish_reason::text, finished_at = now() WHERE job_id = @job_id;

-- name: ReopenAIQuery :exec
-- The job starts afresh.
UPDATE ai_queries
SET answer = NULL, finish_reason = NULL, prompt_tokens = NULL, completion_tokens = NULL, first_token_ms = NULL,
    total_ms = NULL, finished_at = NULL, rating = NULL
WHERE job_id = @job_id;

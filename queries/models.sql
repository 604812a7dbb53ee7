-- name: InsertModel :one
-- One whose making failed may be made again.
INSERT INTO models (name, provider, base, creator, state, spec, job_id)
VALUES (@name, 'ollama', @base, @creator, 'creating', @spec, @job_id)
ON CONFLICT (name) DO UPDATE
SET base = @base, creator = @creator, state = 'creating', spec = @spec, job_id = @job_id, created_at = now(),
    updated_at = now()
WHERE models.state = 'failed' AND models.provider = 'ollama'
RETURNING *;

-- name: InsertTunedModel :execrows
-- None where a model of the name was made on the Ollama server: that one is asked, and the service keeps its own.
INSERT INTO models (name, provider, base, creator, state, job_id, tuning_id)
VALUES (@name, 'openai', @base, @creator, 'ready', @job_id, @tuning_id)
ON CONFLICT (name) DO UPDATE SET state = 'ready', tuning_id = @tuning_id, job_id = @job_id, updated_at = now()
WHERE models.provider = 'openai';

-- name: ModelByName :one
SELECT * FROM models WHERE name = @name;

-- name: ModelNamesAt :many
-- Asked once a second while there are questions.
SELECT name FROM models WHERE provider = @provider;

-- name: LockModel :one
SELECT * FROM models WHERE name = @name FOR UPDATE;

-- name: AllModels :many
SELECT * FROM models ORDER BY name;

-- name: SetModelState :execrows
UPDATE models SET state = @state, updated_at = now() WHERE name = @name AND job_id = @job_id;

-- name: MarkModelDeleting :exec
UPDATE models SET state = 'deleting', job_id = @job_id, updated_at = now() WHERE name = @name;

-- name: DeleteModelRow :exec
DELETE FROM models WHERE name = @name AND state = 'deleting';

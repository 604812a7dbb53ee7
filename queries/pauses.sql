-- name: PauseQueue :one
-- A queue that is paused already stays so since then, for the newest reason.
INSERT INTO queue_pauses (queue, actor, actor_name, reason)
VALUES (@queue, sqlc.narg(actor), coalesce((SELECT email FROM users WHERE users.id = sqlc.narg(actor)), @actor_name::text),
        @reason)
ON CONFLICT (queue) DO UPDATE SET actor = excluded.actor, actor_name = excluded.actor_name, reason = excluded.reason
RETURNING *;

-- name: ResumeQueue :one
DELETE FROM queue_pauses WHERE queue = @queue RETURNING *;

-- name: QueuePauses :many
SELECT * FROM queue_pauses ORDER BY queue;

-- name: PauseOfQueue :one
SELECT * FROM queue_pauses WHERE queue = @queue;

-- name: HoldPausedJob :execrows
-- A worker took the job of a paused queue from Redis: it goes back to waiting here, and its task is worth nothing.
UPDATE jobs SET dispatched_at = NULL, epoch = epoch + 1
WHERE id = @id AND epoch = @epoch AND state = 'queued'
  AND EXISTS (SELECT FROM queue_pauses p WHERE p.queue = jobs.queue);

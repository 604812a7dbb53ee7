-- name: AddJob :exec
-- InsertJob where nothing is read back, so that it can share an exchange with what goes with it. Whether the queue is paused is
-- not read back either: a job of it may lie in Redis without the mark, where the pause keeps it, too.
INSERT INTO jobs (id, kind, queue, args, max_attempts, owner, run_at, unique_key, owner_limit, limit_key, key_limit, trace_context,
                  dispatched_at)
VALUES (@id, @kind, @queue, @args, @max_attempts, @owner, coalesce(sqlc.narg(run_at)::timestamptz, now()),
        @unique_key, @owner_limit, @limit_key, @key_limit, @trace_context,
        CASE WHEN @straight::boolean AND NOT EXISTS (SELECT FROM queue_pauses p WHERE p.queue = @queue) THEN now() END);

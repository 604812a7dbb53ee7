-- name: AddJob :exec
-- InsertJob where nothing is read back, so that it can share an exchange with what goes with it.
INSERT INTO jobs (id, kind, queue, args, max_attempts, owner, run_at, unique_key, owner_limit, limit_key, key_limit, trace_context,
                  dispatched_at)
VALUES (@id, @kind, @queue, @args, @max_attempts, @owner, coalesce(sqlc.narg(run_at)::timestamptz, now()),
        @unique_key, @owner_limit, @limit_key, @key_limit, @trace_context, CASE WHEN @straight::boolean THEN now() END);

-- name: InsertAuditEntry :exec
-- The name of an account is its address at this time; the command line gives a name of its own.
INSERT INTO audit_entries (id, actor, actor_name, action, target, reason, detail)
VALUES (@id, sqlc.narg(actor), coalesce((SELECT email FROM users WHERE users.id = sqlc.narg(actor)), @actor_name::text),
        @action, @target, @reason, @detail);

-- name: AuditEntriesBefore :many
SELECT * FROM audit_entries
WHERE id < @before
  AND (sqlc.narg(actor)::uuid IS NULL OR actor = sqlc.narg(actor))
  AND (sqlc.narg(action)::text IS NULL OR action = sqlc.narg(action))
  AND (sqlc.narg(target)::text IS NULL OR target = sqlc.narg(target))
ORDER BY id DESC
LIMIT @page_size;

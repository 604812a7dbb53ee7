-- The accounts as administrators see them.

-- name: UsersBefore :many
-- The newest first, each with its logins that are good now.
SELECT sqlc.embed(u), (
    SELECT count(*) FROM sessions s WHERE s.user_id = u.id AND s.revoked_at IS NULL AND s.expires_at > now()) AS sessions
FROM users u
WHERE u.id < @before AND (sqlc.narg(role)::text IS NULL OR u.role = sqlc.narg(role))
ORDER BY u.id DESC LIMIT @page_size;

-- name: LockAdmins :many
-- In order, so that two who lock them wait for one another.
SELECT id FROM users WHERE role = 'admin' ORDER BY id FOR UPDATE;

-- name: LockUser :one
SELECT * FROM users WHERE id = @id FOR UPDATE;

-- name: RevokeLiveSessionsOfUser :execrows
UPDATE sessions SET revoked_at = now() WHERE user_id = @user_id AND revoked_at IS NULL AND expires_at > now();

-- name: InsertUser :one
-- No row: the address is taken.
INSERT INTO users (id, email, name, password_hash, role) VALUES (@id, @email, @name, @password_hash, @role)
ON CONFLICT (lower(email)) DO NOTHING
RETURNING *;

-- name: UserByID :one
SELECT * FROM users WHERE id = @id;

-- name: UserByEmail :one
SELECT * FROM users WHERE lower(email) = lower(@email);

-- name: AdminIDs :many
SELECT id FROM users WHERE role = 'admin' ORDER BY id;

-- name: SetUserPassword :exec
UPDATE users SET password_hash = @password_hash WHERE id = @id;

-- name: RenewPasswordHash :execrows
-- The same password under stronger parameters. No row: the password is another one by now.
UPDATE users SET password_hash = @renewed WHERE id = @id AND password_hash = @checked;

-- name: SetUserRole :exec
UPDATE users SET role = @role WHERE id = @id;

-- name: OpenSession :execrows
-- For a user whose password is still the one that was checked. Because of the lock, a change of the password either comes
-- first, and there is no row, or waits for this session and revokes it with the others.
INSERT INTO sessions (id, user_id, expires_at)
SELECT @id, users.id, @expires_at FROM users
WHERE users.id = @user_id AND users.password_hash = @checked
FOR SHARE;

-- name: LiveSessions :many
-- Asked by every request: two rows by primary key for each session.
SELECT sessions.id, sessions.user_id, users.role FROM sessions JOIN users ON users.id = sessions.user_id
WHERE sessions.id = ANY(@ids::uuid[]) AND sessions.revoked_at IS NULL AND sessions.expires_at > now();

-- name: ExtendSession :one
-- No row: revoked or expired.
UPDATE sessions SET expires_at = @expires_at FROM users
WHERE sessions.id = @id AND sessions.revoked_at IS NULL AND sessions.expires_at > now() AND users.id = sessions.user_id
RETURNING sessions.user_id, users.role;

-- name: RevokeSession :exec
UPDATE sessions SET revoked_at = now() WHERE id = @id AND revoked_at IS NULL;

-- name: RevokeSessionsOfUser :exec
UPDATE sessions SET revoked_at = now() WHERE user_id = @user_id AND revoked_at IS NULL;

-- name: InsertRefreshToken :exec
INSERT INTO refresh_tokens (token_hash, session_id) VALUES (@token_hash, @session_id);

-- name: UseRefreshToken :one
-- A token can be used once. No row: unknown or used before.
UPDATE refresh_tokens SET used_at = now() WHERE token_hash = @token_hash AND used_at IS NULL
RETURNING session_id;

-- name: RevokeSessionOfUsedToken :one
-- No row: the token is unknown, or its session was revoked before.
UPDATE sessions SET revoked_at = now() FROM refresh_tokens
WHERE refresh_tokens.token_hash = @token_hash AND refresh_tokens.used_at IS NOT NULL
  AND sessions.id = refresh_tokens.session_id AND sessions.revoked_at IS NULL
RETURNING sessions.id;

-- name: DeleteExpiredSessions :execrows
-- With their refresh tokens, the longest expired first. A revoked one is kept until it would have expired.
DELETE FROM sessions WHERE id = ANY(ARRAY(
    SELECT old.id FROM sessions old WHERE old.expires_at < now() ORDER BY old.expires_at
    LIMIT @most FOR UPDATE SKIP LOCKED));

-- name: DeleteUsedRefreshTokens :execrows
-- Those of sessions that go on and on. Afterwards such a token is unknown, and so refused as before.
DELETE FROM refresh_tokens WHERE token_hash = ANY(ARRAY(
    SELECT old.token_hash FROM refresh_tokens old WHERE old.used_at < @before ORDER BY old.used_at
    LIMIT @most FOR UPDATE SKIP LOCKED));

-- name: CountExpiredSessions :one
SELECT count(*) FROM sessions WHERE expires_at < now();

-- name: CountUsedRefreshTokens :one
SELECT count(*) FROM refresh_tokens WHERE used_at < @before;

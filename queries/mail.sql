-- name: InsertMail :one
INSERT INTO mails (id, job_id, template, recipient, user_id, data, about)
VALUES (@id, @job_id, @template, @recipient, sqlc.narg(user_id), @data, @about)
RETURNING *;

-- name: MailByID :one
SELECT * FROM mails WHERE id = @id;

-- name: MailsBefore :many
-- Newest first.
SELECT * FROM mails
WHERE id < @before AND (sqlc.narg(state)::text IS NULL OR state = sqlc.narg(state))
ORDER BY id DESC LIMIT @most;

-- name: LockMailsAbout :exec
-- One at a time counts and writes mails of a template to a recipient.
SELECT pg_advisory_xact_lock(hashtextextended(@recipient::text || ' ' || @template::text || ' ' || @about::text, 3));

-- name: CountMails :one
-- How many mails of a template were written to a recipient about the same within some last seconds.
SELECT count(*) FROM mails
WHERE recipient = @recipient AND template = @template AND about = @about
  AND created_at > now() - make_interval(secs => @seconds::float8);

-- name: EndMail :execrows
-- No row: it was deleted, or sent before.
UPDATE mails SET state = @state, reason = sqlc.narg(reason), message_id = sqlc.narg(message_id),
    sent_at = CASE WHEN @state = 'sent' THEN now() END
WHERE id = @id AND state <> 'sent';

-- name: FollowMailJob :exec
-- What became of the job is what becomes of the mail, unless that had been sent already.
UPDATE mails SET state = @state, reason = sqlc.narg(reason) WHERE job_id = @job_id AND state <> 'sent';

-- name: Admins :many
SELECT id, email FROM users WHERE role = 'admin' ORDER BY id;

-- name: InsertMailToken :exec
INSERT INTO mail_tokens (token_hash, purpose, user_id, email, expires_at)
VALUES (@token_hash, @purpose, @user_id, @email, now() + make_interval(secs => @seconds::float8));

-- name: LiveMailToken :one
-- No row: unknown, used, expired, or of an address that isn't the user's any more.
SELECT users.id, users.email FROM mail_tokens JOIN users ON users.id = mail_tokens.user_id
WHERE token_hash = @token_hash AND purpose = @purpose AND used_at IS NULL AND expires_at > now()
  AND users.email = mail_tokens.email;

-- name: UseMailToken :one
-- A token can be used once. No row as in LiveMailToken; of several calls at once, one gets the row.
UPDATE mail_tokens SET used_at = now() FROM users
WHERE token_hash = @token_hash AND purpose = @purpose AND used_at IS NULL AND expires_at > now()
  AND users.id = mail_tokens.user_id AND users.email = mail_tokens.email
RETURNING mail_tokens.user_id;

-- name: VoidMailTokens :exec
-- The other links of that purpose are worth nothing from now on.
UPDATE mail_tokens SET used_at = now() WHERE user_id = @user_id AND purpose = @purpose AND used_at IS NULL;

-- name: SetUserVerified :one
-- The first time stands.
UPDATE users SET verified_at = COALESCE(verified_at, now()) WHERE id = @id
RETURNING *;

-- name: SuppressAddress :execrows
-- The first reason stands.
INSERT INTO suppressed_addresses (address, reason) VALUES (@address, @reason) ON CONFLICT (address) DO NOTHING;

-- name: SuppressedAddress :one
-- No row: it may be written to.
SELECT * FROM suppressed_addresses WHERE address = @address;

-- name: SuppressedAddresses :many
SELECT * FROM suppressed_addresses WHERE address > @after ORDER BY address LIMIT @most;

-- name: ReleaseAddress :execrows
DELETE FROM suppressed_addresses WHERE address = @address;

-- What the sweep deletes, the oldest first, a batch at a time, and how much that would be. Ages are by PostgreSQL's clock.
-- A batch is chosen into an array: the planner would rather read a whole table than look up each row of a subquery.

-- name: DeleteEndedJobs :one
-- Other records name jobs without a foreign key and do without them, but for a file whose scan failed: running that job
-- again is its way out. The next batch goes on from where the last one ended, past what stays. OFFSET 0 has the files of each
-- job looked up: the planner is never sure how few have failed, and would sometimes compare all of these with every job.
WITH gone AS (
    DELETE FROM jobs WHERE id = ANY(ARRAY(
        SELECT old.id FROM jobs old
        WHERE old.finished_at >= @since AND old.finished_at < now() - make_interval(secs => @age_seconds::float8)
          AND old.state = ANY(@states::text[])
          AND NOT EXISTS (SELECT FROM files f WHERE f.job_id = old.id AND f.status = 'failed' OFFSET 0)
        ORDER BY old.finished_at LIMIT @most FOR UPDATE SKIP LOCKED))
    RETURNING finished_at
)
SELECT count(*) AS jobs, coalesce(max(finished_at), @since)::timestamptz AS until FROM gone;

-- name: CountEndedJobs :one
SELECT count(*) FROM jobs old
WHERE old.finished_at < now() - make_interval(secs => @age_seconds::float8) AND old.state = ANY(@states::text[])
  AND NOT EXISTS (SELECT FROM files f WHERE f.job_id = old.id AND f.status = 'failed');

-- name: DeleteIdempotencyKeys :execrows
DELETE FROM idempotency_keys WHERE ctid = ANY(ARRAY(
    SELECT old.ctid FROM idempotency_keys old
    WHERE old.created_at < now() - make_interval(secs => @age_seconds::float8)
    ORDER BY old.created_at LIMIT @most FOR UPDATE SKIP LOCKED));

-- name: CountIdempotencyKeys :one
SELECT count(*) FROM idempotency_keys WHERE created_at < now() - make_interval(secs => @age_seconds::float8);

-- name: DeleteTicks :execrows
-- The last one of each schedule stays, to tell when that was.
DELETE FROM schedule_ticks WHERE ctid = ANY(ARRAY(
    SELECT old.ctid FROM schedule_ticks old
    WHERE old.fired_at < now() - make_interval(secs => @age_seconds::float8)
      AND EXISTS (SELECT FROM schedule_ticks later WHERE later.schedule = old.schedule AND later.tick > old.tick)
    ORDER BY old.fired_at LIMIT @most FOR UPDATE SKIP LOCKED));

-- name: CountTicks :one
SELECT count(*) FROM schedule_ticks old
WHERE old.fired_at < now() - make_interval(secs => @age_seconds::float8)
  AND EXISTS (SELECT FROM schedule_ticks later WHERE later.schedule = old.schedule AND later.tick > old.tick);

-- name: DeleteOldMails :execrows
-- Those that wait for their job are kept however old they are.
DELETE FROM mails WHERE id = ANY(ARRAY(
    SELECT old.id FROM mails old
    WHERE old.created_at < now() - make_interval(secs => @age_seconds::float8) AND old.state <> 'queued'
    ORDER BY old.created_at LIMIT @most FOR UPDATE SKIP LOCKED));

-- name: CountOldMails :one
SELECT count(*) FROM mails
WHERE created_at < now() - make_interval(secs => @age_seconds::float8) AND state <> 'queued';

-- name: DeleteExpiredMailTokens :execrows
DELETE FROM mail_tokens WHERE token_hash = ANY(ARRAY(
    SELECT old.token_hash FROM mail_tokens old WHERE old.expires_at < now() ORDER BY old.expires_at
    LIMIT @most FOR UPDATE SKIP LOCKED));

-- name: CountExpiredMailTokens :one
SELECT count(*) FROM mail_tokens WHERE expires_at < now();

-- name: OldQuarantine :many
SELECT id, owner, size FROM files
WHERE status = 'quarantined' AND scanned_at < now() - make_interval(secs => @age_seconds::float8)
ORDER BY scanned_at LIMIT @most;

-- name: CountOldQuarantine :one
SELECT count(*), coalesce(sum(size), 0)::bigint AS bytes FROM files
WHERE status = 'quarantined' AND scanned_at < now() - make_interval(secs => @age_seconds::float8);

-- name: NoticeOrphans :exec
INSERT INTO orphaned_blobs (blob_key) SELECT unnest(@keys::text[]) ON CONFLICT DO NOTHING;

-- name: OrphansNoticedBefore :many
SELECT blob_key FROM orphaned_blobs
WHERE blob_key = ANY(@keys::text[]) AND noticed_at < now() - make_interval(secs => @age_seconds::float8);

-- name: ForgetOrphans :exec
DELETE FROM orphaned_blobs WHERE blob_key = ANY(@keys::text[]);

-- name: ForgetVanishedOrphans :exec
-- After a look at the whole storage, what is left of this age is not there any more.
DELETE FROM orphaned_blobs WHERE noticed_at < now() - make_interval(secs => @age_seconds::float8);

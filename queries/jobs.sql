-- name: InsertJob :one
-- A unique job that is still unfinished is not inserted again; the caller then reads it with UnfinishedUniqueJob. One that
-- goes straight to Redis once it is committed counts as dispatched from the beginning. In a paused queue none does.
INSERT INTO jobs (id, kind, queue, args, max_attempts, owner, run_at, unique_key, owner_limit, limit_key, key_limit, trace_context,
                  dispatched_at)
VALUES (@id, @kind, @queue, @args, @max_attempts, @owner, coalesce(sqlc.narg(run_at)::timestamptz, now()),
        @unique_key, @owner_limit, @limit_key, @key_limit, @trace_context,
        CASE WHEN @straight::boolean AND NOT EXISTS (SELECT FROM queue_pauses p WHERE p.queue = @queue) THEN now() END)
ON CONFLICT (kind, unique_key) WHERE unique_key IS NOT NULL AND state IN ('queued', 'running') DO NOTHING
RETURNING *;

-- name: UnfinishedUniqueJob :one
SELECT * FROM jobs WHERE kind = @kind AND unique_key = @unique_key::text AND state IN ('queued', 'running');

-- name: JobByID :one
SELECT * FROM jobs WHERE id = @id;

-- name: JobOfOwner :one
SELECT * FROM jobs WHERE id = @id AND owner = @owner;

-- name: JobsByOwnerBefore :many
-- Walks jobs_owner_idx backwards: ids are UUIDv7, so newest first. Down to a floor: see JobsByOwnerFloor.
SELECT * FROM jobs
WHERE owner = @owner AND id < @before AND id >= @floor
  AND (sqlc.narg(state)::text IS NULL OR state = sqlc.narg(state))
  AND (sqlc.narg(kind)::text IS NULL OR kind = sqlc.narg(kind))
ORDER BY id DESC
LIMIT @page_size;

-- name: JobsByOwnerFloor :one
-- Who searches among the jobs of an owner looks no further than this one: there is no index for each condition, as each
-- would cost every job that is written. No row: there are no more jobs than may be looked at.
SELECT id FROM jobs WHERE owner = @owner AND id < @before ORDER BY id DESC OFFSET @look LIMIT 1;

-- name: ClaimJob :one
-- The one way into running for a job without limits. No row: not ours, not due, over already, limited, of a paused queue,
-- or one that gets its last chance.
-- Its commit need not wait for the disk. Should PostgreSQL crash and forget it, the job is claimed once more, under the same
-- epoch where its dispatch was forgotten as well. So started_at is part of a run's right to write, and the run that was
-- forgotten ends at its worker's next heartbeat.
UPDATE jobs
SET state = 'running', attempt = attempt + 1, worker_id = @worker_id, started_at = now(), parked = false
WHERE id = @id AND epoch = @epoch AND state = 'queued' AND run_at <= now() AND owner_limit IS NULL AND key_limit IS NULL
  AND crashes < @last_chance::integer AND NOT EXISTS (SELECT FROM queue_pauses p WHERE p.queue = jobs.queue)
  AND (SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL
RETURNING *;

-- name: ClaimJobs :many
-- ClaimJob for several, named in the order of their ids, so that two of these seldom meet crosswise.
UPDATE jobs
SET state = 'running', attempt = attempt + 1, worker_id = @worker_id, started_at = now(), parked = false
FROM (SELECT unnest(@ids::uuid[]) AS id, unnest(@epochs::bigint[]) AS epoch) t
WHERE jobs.id = t.id AND jobs.epoch = t.epoch AND state = 'queued' AND run_at <= now()
  AND owner_limit IS NULL AND key_limit IS NULL AND crashes < @last_chance::integer
  AND NOT EXISTS (SELECT FROM queue_pauses p WHERE p.queue = jobs.queue)
  AND (SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL
RETURNING jobs.*;

-- name: JobToClaim :one
-- Tells why ClaimJob had no row.
SELECT sqlc.embed(jobs), EXISTS (SELECT FROM queue_pauses p WHERE p.queue = jobs.queue) AS paused
FROM jobs WHERE id = @id;

-- name: LockJobLimits :exec
-- Taken before ClaimLimitedJob, so that two claims of one limit count one after the other. Always in this order. As in
-- ClaimJob, the commit need not wait for the disk.
SELECT set_config('synchronous_commit', 'off', true),
       pg_advisory_xact_lock(hashtextextended('owner/' || kind || '/' || owner::text, 0)),
       pg_advisory_xact_lock(hashtextextended('key/' || kind || '/' || limit_key, 0))
FROM jobs WHERE id = @id;

-- name: ClaimLimitedJob :one
UPDATE jobs AS j
SET state = 'running', attempt = j.attempt + 1, worker_id = @worker_id, started_at = now(), parked = false
WHERE j.id = @id AND j.epoch = @epoch AND j.state = 'queued' AND j.run_at <= now() AND j.crashes < @last_chance::integer
  AND (j.owner_limit IS NULL OR j.owner_limit > (
        SELECT count(*) FROM jobs r
        WHERE r.kind = j.kind AND r.owner = j.owner AND r.owner_limit IS NOT NULL AND r.state = 'running'))
  AND (j.key_limit IS NULL OR j.key_limit > (
        SELECT count(*) FROM jobs r
        WHERE r.kind = j.kind AND r.limit_key = j.limit_key AND r.key_limit IS NOT NULL AND r.state = 'running'))
  AND NOT EXISTS (SELECT FROM queue_pauses p WHERE p.queue = j.queue)
RETURNING j.*;

-- name: ParkJob :many
-- Unlike the claim that LockJobLimits was for, its commit waits for the disk: the new epoch is told, and then holds.
UPDATE jobs SET parked = true, dispatched_at = NULL, epoch = epoch + 1
WHERE id = @id AND epoch = @epoch AND state = 'queued' AND run_at <= now()
  AND (SELECT set_config('synchronous_commit', 'on', true)) IS NOT NULL
RETURNING *;

-- name: CompleteJob :execrows
-- started_at tells the run from another one under the same epoch, see ClaimJob; so below.
UPDATE jobs
SET state = 'succeeded', result = @result, error_code = NULL, error_message = NULL, finished_at = now()
WHERE id = @id AND epoch = @epoch AND started_at = @started_at::timestamptz AND state = 'running';

-- name: CompleteJobs :many
-- CompleteJob for several.
UPDATE jobs
SET state = 'succeeded', result = t.result::jsonb, error_code = NULL, error_message = NULL, finished_at = now()
FROM (SELECT unnest(@ids::uuid[]) AS id, unnest(@epochs::bigint[]) AS epoch, unnest(@started::timestamptz[]) AS started_at,
             unnest(@results::text[]) AS result) t
WHERE jobs.id = t.id AND jobs.epoch = t.epoch AND jobs.started_at = t.started_at AND jobs.state = 'running'
RETURNING jobs.id;

-- name: FailJob :execrows
UPDATE jobs
SET state = 'failed', error_code = @error_code, error_message = @error_message, finished_at = now()
WHERE id = @id AND epoch = @epoch AND started_at = @started_at::timestamptz AND state = 'running';

-- name: RetryJobLater :execrows
-- The same task waits in Redis, so the epoch stays; a snooze gives its attempt back.
UPDATE jobs
SET state = 'queued', run_at = now() + make_interval(secs => @delay_seconds::float8), worker_id = NULL,
    attempt = attempt - @attempts_back::integer, error_code = @error_code, error_message = @error_message
WHERE id = @id AND epoch = @epoch AND started_at = @started_at::timestamptz AND state = 'running';

-- name: AbandonJob :execrows
-- Its handler ignores that it should stop: another attempt gets a new epoch, so that the old one can't write any more.
UPDATE jobs
SET state = 'queued', epoch = epoch + 1, run_at = now() + make_interval(secs => @delay_seconds::float8), worker_id = NULL,
    dispatched_at = NULL, error_code = @error_code, error_message = @error_message
WHERE id = @id AND epoch = @epoch AND started_at = @started_at::timestamptz AND state = 'running';

-- name: ReleaseJobs :many
-- A worker gives jobs back unfinished: they start again at once elsewhere and it costs no attempt.
UPDATE jobs
SET state = 'queued', epoch = epoch + 1, attempt = attempt - 1, worker_id = NULL, dispatched_at = NULL
WHERE id = ANY(@ids::uuid[]) AND worker_id = @worker_id AND state = 'running'
RETURNING *;

-- name: SetJobProgress :execrows
UPDATE jobs SET progress = @progress WHERE id = @id AND epoch = @epoch AND started_at = @started_at::timestamptz AND state = 'running';

-- name: CancelJob :one
UPDATE jobs
SET state = 'cancelled', error_code = 'cancelled', error_message = @reason, finished_at = now(), parked = false
WHERE id = @id AND state IN ('queued', 'running')
RETURNING *;

-- name: RerunJob :one
-- A dead job starts afresh on request: all its attempts are its own again.
UPDATE jobs
SET state = 'queued', epoch = epoch + 1, attempt = 0, crashes = 0, run_at = now(), progress = NULL, result = NULL,
    error_code = NULL, error_message = NULL, worker_id = NULL, dispatched_at = NULL, started_at = NULL, finished_at = NULL,
    discarded_at = NULL
WHERE id = @id AND state IN ('failed', 'cancelled')
RETURNING *;

-- name: RerunDeadJob :one
-- The same for one that had failed by then, and that nobody has dealt with since.
UPDATE jobs
SET state = 'queued', epoch = epoch + 1, attempt = 0, crashes = 0, run_at = now(), progress = NULL, result = NULL,
    error_code = NULL, error_message = NULL, worker_id = NULL, dispatched_at = NULL, started_at = NULL, finished_at = NULL
WHERE id = @id AND state = 'failed' AND discarded_at IS NULL AND finished_at <= @failed_by
RETURNING *;

-- name: DiscardJob :one
UPDATE jobs SET discarded_at = now() WHERE id = @id AND state = 'failed' AND discarded_at IS NULL RETURNING *;

-- name: DispatchedByOwner :many
-- How many due jobs of a queue lie in Redis, and whose.
SELECT owner, count(*) AS jobs FROM jobs
WHERE queue = @queue AND state = 'queued' AND dispatched_at IS NOT NULL AND run_at <= now()
GROUP BY owner;

-- name: DispatchJobs :many
-- Takes due jobs of a queue in turns, one of each owner before the second of any, as many as there is room for. A job whose
-- limit has no room is parked instead. The recursive part hops from owner to owner in jobs_dispatchable_idx, so that the
-- cost follows the owners that wait and not their backlog; where there are more of them than room, one job of each will
-- do, and so it will of each that is left where some owners are to go without. Only what is chosen is locked. The planner
-- takes few jobs to wait, and would rather look through all of them than through an index: LIMIT 1 where EXISTS would do,
-- the array, and a state that is looked at after the lock leave it no way. JobsInTurnsBefore follows this order.
-- The mark may be lost in a crash of PostgreSQL: then the job is handed over once more, as the same task. So its commit need
-- not wait for the disk.
WITH RECURSIVE owners AS (
    (SELECT j.owner FROM jobs j
     WHERE j.queue = @queue AND j.state = 'queued' AND j.dispatched_at IS NULL AND NOT j.parked
       AND NOT EXISTS (SELECT FROM queue_pauses p WHERE p.queue = @queue)
     ORDER BY j.owner LIMIT 1)
    UNION ALL
    (SELECT n.owner FROM owners o CROSS JOIN LATERAL (
        SELECT j.owner FROM jobs j
        WHERE j.queue = @queue AND j.state = 'queued' AND j.dispatched_at IS NULL AND NOT j.parked AND j.owner > o.owner
        ORDER BY j.owner LIMIT 1) n)
), waiting AS (
    SELECT o.owner FROM owners o CROSS JOIN LATERAL (
        SELECT FROM jobs j
        WHERE j.queue = @queue AND j.owner = o.owner AND j.state = 'queued' AND j.dispatched_at IS NULL AND NOT j.parked
          AND j.run_at <= now()
        LIMIT 1) d
    WHERE (o.owner = ANY(@without::uuid[])) IS NOT TRUE
), due AS (
    SELECT d.id, d.owner, d.run_at, row_number() OVER (PARTITION BY d.owner ORDER BY d.run_at, d.id) AS turn
    FROM waiting w CROSS JOIN LATERAL (
        SELECT j.id, j.owner, j.run_at FROM jobs j
        WHERE j.queue = @queue AND j.owner = w.owner AND j.state = 'queued' AND j.dispatched_at IS NULL AND NOT j.parked
          AND j.run_at <= now()
        ORDER BY j.run_at, j.id
        LIMIT (SELECT CASE WHEN count(*) < @room::bigint AND coalesce(cardinality(@without::uuid[]), 0) = 0
                          THEN @room::bigint ELSE 1 END
               FROM waiting)) d
), first AS (
    SELECT due.id FROM due ORDER BY due.turn, due.run_at, due.id LIMIT @room::bigint
), locked AS (
    SELECT j.* FROM jobs j WHERE j.id = ANY(ARRAY(SELECT first.id FROM first)) FOR UPDATE SKIP LOCKED
), chosen AS (
    SELECT j.*, row_number() OVER (PARTITION BY j.owner ORDER BY j.run_at, j.id) AS turn FROM locked j
    WHERE j.state = 'queued' AND j.dispatched_at IS NULL AND NOT j.parked
), limited AS (
    SELECT c.id,
        (c.owner_limit IS NOT NULL AND c.owner_limit < row_number() OVER (PARTITION BY c.kind, c.owner ORDER BY c.turn, c.id) + (
            SELECT count(*) FROM jobs r
            WHERE r.kind = c.kind AND r.owner = c.owner AND r.owner_limit IS NOT NULL AND r.state = 'running') + (
            SELECT count(*) FROM jobs r
            WHERE r.queue = @queue AND r.state = 'queued' AND r.dispatched_at IS NOT NULL
              AND r.kind = c.kind AND r.owner = c.owner AND r.owner_limit IS NOT NULL
              AND r.finished_at IS NULL AND r.run_at <= now()))
        OR (c.key_limit IS NOT NULL AND c.key_limit < row_number() OVER (PARTITION BY c.kind, c.limit_key ORDER BY c.turn, c.id) + (
            SELECT count(*) FROM jobs r
            WHERE r.kind = c.kind AND r.limit_key = c.limit_key AND r.key_limit IS NOT NULL AND r.state = 'running') + (
            SELECT count(*) FROM jobs r
            WHERE r.queue = @queue AND r.state = 'queued' AND r.dispatched_at IS NOT NULL
              AND r.kind = c.kind AND r.limit_key = c.limit_key AND r.key_limit IS NOT NULL
              AND r.finished_at IS NULL AND r.run_at <= now())) AS no_room
    FROM chosen c
)
UPDATE jobs u
SET parked = l.no_room, dispatched_at = CASE WHEN l.no_room THEN NULL ELSE now() END
FROM limited l
WHERE u.id = l.id AND (SELECT set_config('synchronous_commit', 'off', true)) IS NOT NULL
RETURNING u.*;

-- name: UnparkJob :one
-- Frees the parked job whose turn it is, where its limits have room: of each limit key and owner the oldest, and of
-- these the one whose owner was served longest ago. Hops through jobs_parked_idx. Of two that choose the same job at
-- once, the second gets none; the first goes on.
WITH RECURSIVE heads AS (
    (SELECT j.limit_key, j.owner FROM jobs j
     WHERE j.kind = @kind AND j.parked AND j.state = 'queued'
     ORDER BY j.limit_key, j.owner LIMIT 1)
    UNION ALL
    (SELECT n.limit_key, n.owner FROM heads h CROSS JOIN LATERAL (
        SELECT j.limit_key, j.owner FROM jobs j
        WHERE j.kind = @kind AND j.parked AND j.state = 'queued' AND (j.limit_key, j.owner) > (h.limit_key, h.owner)
        ORDER BY j.limit_key, j.owner LIMIT 1) n)
), first_of AS (
    SELECT f.id, f.owner, f.run_at, f.queue, f.limit_key, f.owner_limit, f.key_limit FROM heads h CROSS JOIN LATERAL (
        SELECT j.id, j.owner, j.run_at, j.queue, j.limit_key, j.owner_limit, j.key_limit FROM jobs j
        WHERE j.kind = @kind AND j.limit_key = h.limit_key AND j.owner = h.owner AND j.parked AND j.state = 'queued'
        ORDER BY j.run_at, j.id LIMIT 1) f
), next AS (
    SELECT f.id FROM first_of f
    WHERE NOT EXISTS (SELECT FROM queue_pauses p WHERE p.queue = f.queue)
      AND (f.owner_limit IS NULL OR f.owner_limit > (
            SELECT count(*) FROM jobs r
            WHERE r.kind = @kind AND r.owner = f.owner AND r.owner_limit IS NOT NULL AND r.state = 'running') + (
            SELECT count(*) FROM jobs r
            WHERE r.queue = f.queue AND r.state = 'queued' AND NOT r.parked AND r.run_at <= now()
              AND r.kind = @kind AND r.owner = f.owner AND r.dispatched_at IS NOT NULL
              AND r.owner_limit IS NOT NULL AND r.finished_at IS NULL))
      AND (f.key_limit IS NULL OR f.key_limit > (
            SELECT count(*) FROM jobs r
            WHERE r.kind = @kind AND r.limit_key = f.limit_key AND r.key_limit IS NOT NULL AND r.state = 'running') + (
            SELECT count(*) FROM jobs r
            WHERE r.queue = f.queue AND r.state = 'queued' AND NOT r.parked AND r.run_at <= now()
              AND r.kind = @kind AND r.limit_key = f.limit_key AND r.dispatched_at IS NOT NULL
              AND r.key_limit IS NOT NULL AND r.finished_at IS NULL))
    ORDER BY (SELECT s.started_at FROM jobs s
              WHERE s.kind = @kind AND s.owner = f.owner AND (s.key_limit IS NOT NULL OR s.owner_limit IS NOT NULL)
                AND s.started_at IS NOT NULL
              ORDER BY s.started_at DESC LIMIT 1) NULLS FIRST, f.run_at, f.id
    LIMIT 1
)
UPDATE jobs u SET parked = false, dispatched_at = now(), epoch = u.epoch + 1
WHERE u.id = ANY(ARRAY(SELECT next.id FROM next)) AND u.parked AND u.state = 'queued'
RETURNING u.*;

-- name: KindsWithParkedJobs :many
-- Hops from kind to kind in jobs_parked_idx.
WITH RECURSIVE waiting AS (
    (SELECT j.kind FROM jobs j WHERE j.parked AND j.state = 'queued' ORDER BY j.kind LIMIT 1)
    UNION ALL
    (SELECT n.kind FROM waiting w CROSS JOIN LATERAL (
        SELECT j.kind FROM jobs j WHERE j.parked AND j.state = 'queued' AND j.kind > w.kind ORDER BY j.kind LIMIT 1) n)
)
SELECT kind FROM waiting;

-- name: QueuesToDispatch :many
-- Hops from queue to queue in jobs_dispatchable_idx.
WITH RECURSIVE waiting AS (
    (SELECT j.queue FROM jobs j WHERE j.state = 'queued' AND j.dispatched_at IS NULL AND NOT j.parked
     ORDER BY j.queue LIMIT 1)
    UNION ALL
    (SELECT n.queue FROM waiting w CROSS JOIN LATERAL (
        SELECT j.queue FROM jobs j WHERE j.state = 'queued' AND j.dispatched_at IS NULL AND NOT j.parked AND j.queue > w.queue
        ORDER BY j.queue LIMIT 1) n)
)
SELECT queue FROM waiting WHERE queue NOT IN (SELECT p.queue FROM queue_pauses p);

-- name: UndispatchJobs :exec
-- Redis did not take them: back to waiting for the next pass.
UPDATE jobs AS j SET dispatched_at = NULL
FROM (SELECT unnest(@ids::uuid[]) AS id, unnest(@epochs::bigint[]) AS epoch) t
WHERE j.id = t.id AND j.epoch = t.epoch AND j.state = 'queued';

-- name: OverdueDispatchedJobs :many
-- Due and handed to Redis a while ago, yet not claimed: still in line, or lost. In a paused queue that is as it should be.
SELECT id, epoch, queue, kind FROM jobs
WHERE state = 'queued' AND dispatched_at IS NOT NULL
  AND dispatched_at < now() - make_interval(secs => @grace_seconds::float8)
  AND run_at < now() - make_interval(secs => @grace_seconds::float8)
  AND queue NOT IN (SELECT p.queue FROM queue_pauses p)
  AND (sqlc.narg(only_queue)::text IS NULL OR queue = sqlc.narg(only_queue))
ORDER BY queue, dispatched_at;

-- name: RedispatchLostJobs :execrows
UPDATE jobs AS j SET dispatched_at = NULL, epoch = j.epoch + 1
FROM (SELECT unnest(@ids::uuid[]) AS id, unnest(@epochs::bigint[]) AS epoch) t
WHERE j.id = t.id AND j.epoch = t.epoch AND j.state = 'queued';

-- name: RequeueJobsOfLostWorkers :many
-- Jobs whose worker is not registered any more. The crash is counted apart from the attempts.
UPDATE jobs AS j
SET state = 'queued', epoch = j.epoch + 1, attempt = j.attempt - 1, crashes = j.crashes + 1, worker_id = NULL,
    dispatched_at = NULL
WHERE j.state = 'running' AND j.crashes + 1 < @max_crashes::integer
  AND NOT EXISTS (SELECT FROM workers w WHERE w.id = j.worker_id)
RETURNING *;

-- name: FailJobsThatKillWorkers :many
UPDATE jobs AS j
SET state = 'failed', crashes = j.crashes + 1, error_code = 'poison', error_message = @error_message, finished_at = now()
WHERE j.state = 'running' AND j.crashes + 1 >= @max_crashes::integer
  AND NOT EXISTS (SELECT FROM workers w WHERE w.id = j.worker_id)
RETURNING *;

-- name: JobCountsByQueue :many
-- One part for each of the partial indexes, so that jobs that are over cost nothing.
SELECT queue, 'queued'::text AS place, count(*) AS jobs, min(run_at)::timestamptz AS oldest FROM jobs
WHERE state = 'queued' AND dispatched_at IS NULL AND NOT parked AND run_at <= now() GROUP BY queue
UNION ALL
SELECT queue, 'delayed', count(*), min(run_at)::timestamptz FROM jobs
WHERE state = 'queued' AND dispatched_at IS NULL AND NOT parked AND run_at > now() GROUP BY queue
UNION ALL
SELECT queue, 'dispatched', count(*), min(run_at)::timestamptz FROM jobs
WHERE state = 'queued' AND dispatched_at IS NOT NULL AND run_at <= now() GROUP BY queue
UNION ALL
SELECT queue, 'delayed', count(*), min(run_at)::timestamptz FROM jobs
WHERE state = 'queued' AND dispatched_at IS NOT NULL AND run_at > now() GROUP BY queue
UNION ALL
SELECT queue, 'parked', count(*), min(run_at)::timestamptz FROM jobs
WHERE state = 'queued' AND parked GROUP BY queue
UNION ALL
SELECT queue, 'running', count(*), min(started_at)::timestamptz FROM jobs WHERE state = 'running' GROUP BY queue;

-- name: JobsBefore :many
-- Anybody's, newest first. Where nothing else narrows it down, it walks the primary key backwards, down to a floor.
SELECT * FROM jobs
WHERE id < @before AND id >= @floor
  AND (sqlc.narg(state)::text IS NULL OR state = sqlc.narg(state))
  AND (sqlc.narg(kind)::text IS NULL OR kind = sqlc.narg(kind))
  AND (sqlc.narg(queue)::text IS NULL OR queue = sqlc.narg(queue))
  AND (sqlc.narg(owner)::uuid IS NULL OR owner = sqlc.narg(owner))
ORDER BY id DESC
LIMIT @page_size;

-- name: JobsFloor :one
-- As JobsByOwnerFloor, among all jobs.
SELECT id FROM jobs WHERE id < @before ORDER BY id DESC OFFSET @look LIMIT 1;

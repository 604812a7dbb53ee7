-- Why a job waits. Each question is bounded by @most rows, so that it costs the same however long the line is.

-- name: QueueForce :one
-- The living workers that serve a queue, how much they can run at once, and how much of that they do.
WITH living AS MATERIALIZED (
    SELECT id, concurrency FROM workers
    WHERE jsonb_exists(queues, @queue::text) AND heartbeat_at > now() - make_interval(secs => @silence_seconds::float8)
), busy AS MATERIALIZED (
    SELECT j.queue FROM living l JOIN jobs j ON j.worker_id = l.id AND j.state = 'running'
)
SELECT (SELECT count(*) FROM living) AS workers,
       (SELECT coalesce(sum(concurrency), 0) FROM living)::bigint AS slots,
       (SELECT count(*) FROM busy) AS busy,
       (SELECT count(*) FROM busy WHERE busy.queue = @queue::text) AS running;

-- name: RecentlyEndedJobs :many
-- Walks jobs_ended_idx backwards. A job that was cancelled as it waited took nobody's time.
SELECT kind, state, started_at::timestamptz AS started_at, finished_at::timestamptz AS finished_at FROM jobs
WHERE queue = @queue AND finished_at > now() - make_interval(secs => @age_seconds::float8) AND started_at IS NOT NULL
ORDER BY finished_at DESC LIMIT @most;

-- name: OwnJobsInLineBefore :one
-- How many due jobs of the same owner the dispatcher takes first.
SELECT count(*) FROM (
    SELECT FROM jobs j
    WHERE j.queue = @queue AND j.owner = @owner AND j.state = 'queued' AND j.dispatched_at IS NULL AND NOT j.parked
      AND (j.run_at, j.id) < (@run_at::timestamptz, @id::uuid)
    LIMIT @most) AS own;

-- name: JobsInTurnsBefore :one
-- How many due jobs of other owners the dispatcher takes before the one with this turn, in the order of DispatchJobs.
WITH RECURSIVE owners AS (
    (SELECT j.owner FROM jobs j
     WHERE j.queue = @queue AND j.state = 'queued' AND j.dispatched_at IS NULL AND NOT j.parked
     ORDER BY j.owner LIMIT 1)
    UNION ALL
    (SELECT n.owner FROM owners o CROSS JOIN LATERAL (
        SELECT j.owner FROM jobs j
        WHERE j.queue = @queue AND j.state = 'queued' AND j.dispatched_at IS NULL AND NOT j.parked AND j.owner > o.owner
        ORDER BY j.owner LIMIT 1) n)
)
SELECT count(*) FROM (
    SELECT FROM owners o CROSS JOIN LATERAL (
        SELECT j.run_at, j.id, row_number() OVER (ORDER BY j.run_at, j.id) AS turn FROM jobs j
        WHERE j.queue = @queue AND j.owner = o.owner AND j.state = 'queued' AND j.dispatched_at IS NULL AND NOT j.parked
          AND j.run_at <= now()
        ORDER BY j.run_at, j.id LIMIT @turn::bigint) t
    WHERE o.owner <> @owner::uuid AND (t.turn < @turn::bigint OR (t.run_at, t.id) < (@run_at::timestamptz, @id::uuid))
    LIMIT @most) AS others;

-- name: DispatchedJobsBefore :one
-- How many due jobs in Redis's line start before that one: in turns among owners, and one that waited there for its retry
-- since it is due. Of a line that is longer than most, the first ones only.
WITH line AS (
    SELECT l.owner, l.id, l.at, row_number() OVER (PARTITION BY l.owner ORDER BY l.at, l.id) AS turn
    FROM (SELECT j.owner, j.id, greatest(j.dispatched_at, j.run_at) AS at FROM jobs j
          WHERE j.queue = @queue AND j.state = 'queued' AND j.dispatched_at IS NOT NULL AND j.run_at <= now()
          LIMIT @most) l
), own AS (
    SELECT count(*) + 1 AS turn FROM line o WHERE o.owner = @owner::uuid AND (o.at, o.id) < (@in_line_at::timestamptz, @id::uuid)
)
SELECT count(*) FROM line l CROSS JOIN own
WHERE (l.turn, l.at, l.id) < (own.turn, @in_line_at::timestamptz, @id::uuid);

-- name: LimitsOfJob :one
-- How many jobs run that a job's limits count.
SELECT (SELECT count(*) FROM jobs r
        WHERE r.kind = j.kind AND r.owner = j.owner AND r.owner_limit IS NOT NULL AND r.state = 'running') AS of_owner,
       (SELECT count(*) FROM jobs r
        WHERE r.kind = j.kind AND r.limit_key = j.limit_key AND r.key_limit IS NOT NULL AND r.state = 'running') AS of_key
FROM jobs j WHERE j.id = @id;

-- name: OwnParkedJobsBefore :one
SELECT count(*) FROM (
    SELECT FROM jobs j
    WHERE j.kind = @kind AND j.limit_key = @limit_key AND j.owner = @owner AND j.parked AND j.state = 'queued'
      AND (j.run_at, j.id) < (@run_at::timestamptz, @id::uuid)
    LIMIT @most) AS own;

-- name: ParkedJobsInTurnsBefore :one
-- How many parked jobs of other owners with the same limit key get its room before the one with this turn, in the order of
-- UnparkJob: an owner goes to the end of the line when one of theirs has started. Owners without a turn yet have theirs in
-- the order of their first jobs.
WITH RECURSIVE owners AS (
    (SELECT j.owner FROM jobs j
     WHERE j.kind = @kind AND j.limit_key = @limit_key AND j.parked AND j.state = 'queued'
     ORDER BY j.owner LIMIT 1)
    UNION ALL
    (SELECT n.owner FROM owners o CROSS JOIN LATERAL (
        SELECT j.owner FROM jobs j
        WHERE j.kind = @kind AND j.limit_key = @limit_key AND j.parked AND j.state = 'queued' AND j.owner > o.owner
        ORDER BY j.owner LIMIT 1) n)
), served AS (
    SELECT o.owner, coalesce((
        SELECT s.started_at FROM jobs s
        WHERE s.kind = @kind AND s.owner = o.owner AND (s.key_limit IS NOT NULL OR s.owner_limit IS NOT NULL)
          AND s.started_at IS NOT NULL
        ORDER BY s.started_at DESC LIMIT 1), '-infinity') AS at
    FROM owners o
), mine AS MATERIALIZED (
    SELECT h.run_at, h.id, coalesce((
        SELECT s.started_at FROM jobs s
        WHERE s.kind = @kind AND s.owner = @owner AND (s.key_limit IS NOT NULL OR s.owner_limit IS NOT NULL)
          AND s.started_at IS NOT NULL
        ORDER BY s.started_at DESC LIMIT 1), '-infinity') AS at
    FROM jobs h
    WHERE h.kind = @kind AND h.limit_key = @limit_key AND h.owner = @owner AND h.parked AND h.state = 'queued'
    ORDER BY h.run_at, h.id LIMIT 1
)
SELECT count(*) FROM (
    SELECT FROM served v CROSS JOIN mine CROSS JOIN LATERAL (
        SELECT row_number() OVER line AS turn, first_value(j.run_at) OVER line AS run_at, first_value(j.id) OVER line AS id
        FROM jobs j
        WHERE j.kind = @kind AND j.limit_key = @limit_key AND j.owner = v.owner AND j.parked AND j.state = 'queued'
        WINDOW line AS (ORDER BY j.run_at, j.id)
        ORDER BY j.run_at, j.id LIMIT @turn::bigint) t
    WHERE v.owner <> @owner::uuid
      AND (t.turn < @turn::bigint OR v.at < mine.at OR v.at = mine.at AND (t.run_at, t.id) < (mine.run_at, mine.id))
    LIMIT @most) AS others;

-- name: FailuresByQueue :many
-- Jobs that failed in the last 24 hours, and those that are still dead letters.
SELECT queue, 'day'::text AS span, count(*) AS jobs FROM jobs
WHERE state = 'failed' AND finished_at > now() - interval '24 hours' GROUP BY queue
UNION ALL
SELECT queue, 'dead', count(*) FROM jobs WHERE state = 'failed' AND discarded_at IS NULL GROUP BY queue;

-- The argument now is the clock that a test owns; NULL takes PostgreSQL's, which all schedulers have in common.

-- name: ClockTime :one
SELECT coalesce(sqlc.narg(now)::timestamptz, clock_timestamp())::timestamptz AS now;

-- name: InsertSchedule :one
-- No row: the name is taken.
INSERT INTO schedules (name, cron, zone, kind, args, catch_up, next_at)
VALUES (@name, @cron, @zone, @kind, @args, @catch_up, @next_at::timestamptz)
ON CONFLICT (name) DO NOTHING
RETURNING *;

-- name: SeedSchedule :execrows
-- Puts a built-in schedule there, or brings it to what this release says, unless somebody changed it. One that is as it
-- should be is left alone, with its missed ticks.
INSERT INTO schedules AS s (name, cron, zone, kind, args, catch_up, builtin, next_at)
VALUES (@name, @cron, @zone, @kind, @args, @catch_up, true, @next_at::timestamptz)
ON CONFLICT (name) DO UPDATE
SET cron = excluded.cron, zone = excluded.zone, kind = excluded.kind, args = excluded.args, catch_up = excluded.catch_up,
    next_at = CASE WHEN s.paused THEN NULL ELSE excluded.next_at END, trouble = NULL, updated_at = now()
WHERE s.builtin AND NOT s.customized
  AND (s.cron, s.zone, s.kind, s.args, s.catch_up)
      IS DISTINCT FROM (excluded.cron, excluded.zone, excluded.kind, excluded.args, excluded.catch_up);

-- name: Schedules :many
SELECT * FROM schedules ORDER BY name;

-- name: ScheduleByName :one
SELECT * FROM schedules WHERE name = @name;

-- name: LockSchedule :one
SELECT * FROM schedules WHERE name = @name FOR UPDATE;

-- name: UpdateSchedule :one
UPDATE schedules
SET cron = @cron, zone = @zone, args = @args, catch_up = @catch_up, paused = @paused, customized = @customized,
    next_at = sqlc.narg(next_at), trouble = NULL, updated_at = now()
WHERE name = @name
RETURNING *;

-- name: DeleteSchedule :execrows
DELETE FROM schedules WHERE name = @name AND NOT builtin;

-- name: TakeDueSchedule :one
-- Of the kinds that this process knows: a schedule of a newer release waits for a scheduler of that release. One that
-- another scheduler has in hand is passed over.
SELECT sqlc.embed(s), coalesce(sqlc.narg(now)::timestamptz, clock_timestamp())::timestamptz AS now
FROM schedules s
WHERE s.next_at <= coalesce(sqlc.narg(now)::timestamptz, clock_timestamp()) AND s.kind = ANY(@kinds::text[])
ORDER BY s.next_at
LIMIT 1
FOR UPDATE SKIP LOCKED;

-- name: SecondsToNextTick :one
-- Negative when one is due. An hour when there is none.
SELECT coalesce(extract(epoch FROM min(next_at) - coalesce(sqlc.narg(now)::timestamptz, clock_timestamp())), 3600)::float8
FROM schedules WHERE next_at IS NOT NULL AND kind = ANY(@kinds::text[]);

-- name: MoveSchedule :exec
UPDATE schedules SET next_at = @next_at::timestamptz, trouble = @trouble WHERE name = @name;

-- name: SetScheduleAside :exec
UPDATE schedules SET paused = true, next_at = NULL, trouble = @trouble WHERE name = @name;

-- name: FiredTicks :many
SELECT tick FROM schedule_ticks WHERE schedule = @schedule AND tick = ANY(@ticks::timestamptz[]);

-- name: InsertTicks :exec
INSERT INTO schedule_ticks (schedule, tick, manual, job_id, fired_at)
SELECT @schedule, unnest(@ticks::timestamptz[]), @manual::boolean, unnest(@jobs::uuid[]), @fired_at::timestamptz;

-- name: RunsBefore :many
-- Walks the primary key backwards: the latest first.
SELECT t.tick, t.manual, t.job_id, t.fired_at, j.state, j.started_at, j.finished_at, j.error_code, j.error_message
FROM schedule_ticks t LEFT JOIN jobs j ON j.id = t.job_id
WHERE t.schedule = @schedule AND t.tick < @before
ORDER BY t.tick DESC
LIMIT @page_size;

-- name: LastRuns :many
SELECT t.schedule, t.tick, t.manual, t.job_id, t.fired_at, j.state, j.started_at, j.finished_at, j.error_code,
       j.error_message
FROM schedules s
CROSS JOIN LATERAL (
    SELECT * FROM schedule_ticks l WHERE l.schedule = s.name ORDER BY l.tick DESC LIMIT 1) t
LEFT JOIN jobs j ON j.id = t.job_id
WHERE s.name = ANY(@names::text[]);

-- name: RecentArrivals :many
-- Jobs by queue among the newest @most ids since then: ids are UUIDv7, so it walks the primary key backwards and costs the
-- same however many came. What is not due yet has not arrived. looked_at is over all queues, and so is oldest.
SELECT queue, count(*) FILTER (WHERE run_at <= now()) AS jobs,
       sum(count(*)) OVER ()::bigint AS looked_at, (min(min(created_at)) OVER ())::timestamptz AS oldest
FROM (SELECT queue, run_at, created_at FROM jobs WHERE id >= @since::uuid ORDER BY id DESC LIMIT @most) newest
GROUP BY queue;

-- name: InsertScalingAdvice :exec
-- The first scheduler at a tick has its say.
INSERT INTO scaling_advice (tick, group_name, queues, living, least, most, wanted, reason)
VALUES (@tick, @group_name, @queues, @living, @least, @most, @wanted, @reason)
ON CONFLICT (tick, group_name) DO NOTHING;

-- name: ScalingTickSeen :one
SELECT EXISTS (SELECT FROM scaling_advice WHERE tick >= @tick);

-- name: ScalingAdviceSince :many
-- The newest first.
SELECT * FROM scaling_advice WHERE tick >= @since ORDER BY tick DESC, group_name;

-- name: DeleteScalingAdviceBefore :exec
DELETE FROM scaling_advice WHERE tick < @before;
